package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/atomicfile"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/credentials"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/knownhosts"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings/tomledit"
	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// doctorFolder checks the settings folder.
func doctorFolder(_ context.Context, x *diagnosis, _ int) finding {
	if err := x.store.Check(); err != nil {
		return failed(err)
	}
	info, err := os.Stat(x.store.Folder)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !atomicfile.IsBrokenLink(x.store.Folder):
		return passed(x.store.Folder + " does not exist: nothing is stored")
	case err != nil:
		return failed(exit.New(exit.CodeSettings, fmt.Errorf("settings folder %s: %w", x.store.Folder, exit.WithoutPath(err)), "make the folder readable"))
	case !info.IsDir():
		return failed(exit.Errorf(exit.CodeSettings, "move that file away: settings are stored in a folder", "%s is not a folder", x.store.Folder))
	}
	if err := atomicfile.CheckWriters("settings folder", x.store.Folder); err != nil {
		return failed(err)
	}
	return passed(x.store.Folder)
}

// settingsConfig reads all stored settings.
func settingsConfig(_ context.Context, x *diagnosis, _ int) finding {
	s, err := x.store.Read()
	switch {
	case err != nil:
		return failed(err)
	case !s.Config.There:
		return passed("no defaults and no profiles are stored")
	}
	text := s.Place.Config + ": no defaults"
	if tomledit.Find(s.Config.Tables, "") != nil {
		text = s.Place.Config + ": defaults"
	}
	if names := s.Names(); len(names) > 0 {
		text += ", profiles " + advice.ShortList(names)
	}
	return passed(text)
}

// settingsPasswords reads the stored passwords, and shows nothing of them.
func settingsPasswords(_ context.Context, x *diagnosis, _ int) finding {
	place := x.store.Place()
	inFile, inKeyring, err := credentials.Count(place)
	switch {
	case err != nil:
		return failed(err)
	case inFile < 0:
		return passed("no password is stored in a file")
	}
	var words []string
	if inFile > 0 || inKeyring == 0 {
		words = append(words, display.Plural(inFile, "password")+credentials.OnlyOwner())
	}
	if inKeyring > 0 {
		words = append(words, display.Plural(inKeyring, "password")+" "+console.IsAre(inKeyring)+" in the system's keyring")
	}
	return passed(place.Passwords + ": " + strings.Join(words, "; "))
}

// settingsTrusted reads the trusted keys for signatures of images.
func settingsTrusted(ctx context.Context, x *diagnosis, _ int) finding {
	keys, err := x.store.TrustedKeys(ctx)
	switch {
	case err != nil:
		return failed(err)
	case len(keys) == 0:
		return passed("no keys: images need no signature")
	}
	return passed(display.Plural(len(keys), "key"))
}

// settingsHardware reads the table of part numbers and levels.
func settingsHardware(ctx context.Context, x *diagnosis, _ int) finding {
	if _, err := x.store.HardwareTable(ctx, ""); err != nil {
		return failed(err)
	}
	if _, err := os.Stat(filepath.Join(x.store.Folder, settings.HardwareFile)); errors.Is(err, fs.ErrNotExist) {
		return passed("the built-in table only")
	}
	return passed("the built-in table, and your own " + settings.HardwareFile)
}

// usesKnownKeys reports whether the list of known keys decides on this route which peers are trusted.
func (x *diagnosis) usesKnownKeys() bool {
	if x.byPage() {
		t := x.o.Route.Trust
		return t.CA == "" && (len(t.Pins) == 0 || len(x.targets) > 1)
	}
	return x.safe() && x.d.Trust.Authorities == nil && len(x.d.Trust.Pins) == 0
}

// settingsKnown reads the list of known keys.
func settingsKnown(_ context.Context, x *diagnosis, _ int) finding {
	list, f, err := x.hosts.Read()
	switch {
	case err != nil:
		return failed(err)
	case !f.There:
		return passed("no keys of servers or phones are known")
	}
	if !x.byPage() && x.usesKnownKeys() {
		x.d.Trust.Known = list.Find(x.d.Access.Address())
	}
	return passed(fmt.Sprintf("%s: %s", f.Path, display.Plural(len(list.Entries()), "key")))
}

// settingsComplete resolves the server of the route.
func settingsComplete(ctx context.Context, x *diagnosis, _ int) finding {
	d, err := x.o.Route.Destination(ctx, x.con, x.store, x.pass)
	if err != nil {
		return failed(err)
	}
	d.Trust.Seen = x.certificateOf("server")
	x.d = d
	text := fmt.Sprintf("%s: %s", d.Origin, d.Access.FileURL(""))
	if d.Access.Username != "" {
		text += ", as " + d.Access.Username
	}
	if len(x.targets) > 0 && d.Access.Method == transfer.FTPS && d.Fetch.URL == "" {
		return warn(text+"; phones do not fetch by ftps", "use push with --fetch-url to set the URL from which phones fetch the image")
	}
	return passed(text)
}

// passwordSources is the hint if no password is given.
const passwordSources = "name its source: --password-file, --password-stdin, --password-command or the variable CPUPDATE_PASSWORD"

// settingsPassword finds the password, or prompts for it on a terminal.
func settingsPassword(ctx context.Context, x *diagnosis, _ int) finding {
	if x.route == routeWeb {
		return x.passwordOfPages(ctx)
	}
	con := x.con.Silent()
	if err := x.o.Route.Login(ctx, con, x.pass, &knownhosts.Store{Console: con, Settings: x.store}, x.d, x.line()); err != nil {
		return failed(err)
	}
	switch {
	case !option.WantsPassword(x.d.Access):
		return passed("no password is needed")
	case x.d.Access.Password.Reveal() == "":
		return warn("no password given", passwordSources+"; or store it")
	case settings.PlainFTP(x.d.Access):
		return warn("a password is given; with plain ftp anyone on the network path can read it", "use ftps or https to protect it")
	}
	return passed("a password is given")
}
