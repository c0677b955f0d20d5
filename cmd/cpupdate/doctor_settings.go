package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// doctorFolder checks the settings folder.
func doctorFolder(_ context.Context, x *examination, _ int) finding {
	if err := x.store.noSettings(); err != nil {
		return bad(err)
	}
	info, err := os.Stat(x.store.settings)
	switch {
	case errors.Is(err, fs.ErrNotExist) && absent(x.store.settings):
		return well(x.store.settings + " does not exist: nothing is stored")
	case err != nil:
		return bad(fail(codeSettings, fmt.Errorf("settings folder %s: %w", x.store.settings, withoutPath(err)), "make the folder readable"))
	case !info.IsDir():
		return bad(failf(codeSettings, "move that file away: settings are stored in a folder", "%s is not a folder", x.store.settings))
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0 {
		return mind(fmt.Sprintf("%s: users other than its owner can change its content (mode %03o)", x.store.settings, info.Mode().Perm()), "chmod 700 "+x.store.settings)
	}
	return well(x.store.settings)
}

// settingsConfig reads all stored settings.
func settingsConfig(_ context.Context, x *examination, _ int) finding {
	s, err := x.store.storedSettings()
	switch {
	case err != nil:
		return bad(err)
	case !s.config.there:
		return well("no defaults and no profiles are stored")
	}
	text := s.place.config + ": no defaults"
	if findTable(s.config.tables, "") != nil {
		text = s.place.config + ": defaults"
	}
	if names := s.names(); len(names) > 0 {
		text += ", profiles " + shortList(names)
	}
	return well(text)
}

// settingsPasswords reads the stored passwords, and shows nothing of them.
func settingsPasswords(_ context.Context, x *examination, _ int) finding {
	place := x.store.settingsPlace()
	f, err := readStored(place.passwords, passwordForm())
	switch {
	case err != nil:
		return bad(err)
	case !f.there:
		return well("no password is stored in a file")
	}
	inFile, inKeyring := 0, 0
	for _, table := range f.tables {
		switch {
		case table.find(keyKeyring) != nil:
			inKeyring++
		case table.find(transfer.SettingPassword) != nil:
			inFile++
		}
	}
	var words []string
	if inFile > 0 || inKeyring == 0 {
		words = append(words, plural(inFile, "password")+onlyOwner())
	}
	if inKeyring > 0 {
		words = append(words, plural(inKeyring, "password")+" "+isAre(inKeyring)+" in the system's keyring")
	}
	return well(place.passwords + ": " + strings.Join(words, "; "))
}

// settingsTrusted reads the trusted keys for signatures of images.
func settingsTrusted(_ context.Context, x *examination, _ int) finding {
	keys, err := x.store.storedKeys()
	switch {
	case err != nil:
		return bad(err)
	case len(keys) == 0:
		return well("no keys: images need no signature")
	}
	return well(plural(len(keys), "key"))
}

// settingsHardware reads the table of part numbers and levels.
func settingsHardware(_ context.Context, x *examination, _ int) finding {
	if _, err := x.store.hardwareTable(""); err != nil {
		return bad(err)
	}
	if absent(x.store.settings + string(os.PathSeparator) + hardwareFile) {
		return well("the built-in table only")
	}
	return well("the built-in table, and your own " + hardwareFile)
}

// asksKnown reports whether the list of known keys decides on this route which peers are trusted.
func (x *examination) asksKnown() bool {
	if x.byPage() {
		t := x.o.route.trust
		return t.ca == "" && (len(t.pins) == 0 || len(x.targets) > 1)
	}
	return x.safe() && x.d.trust.Authorities == nil && len(x.d.trust.Pins) == 0
}

// settingsKnown reads the list of known keys.
func settingsKnown(_ context.Context, x *examination, _ int) finding {
	list, f, err := x.hosts.knownKeys()
	switch {
	case err != nil:
		return bad(err)
	case !f.there:
		return well("no keys of servers or phones are known")
	}
	if !x.byPage() && x.asksKnown() {
		x.d.trust.Known = list.Find(x.d.access.Address())
	}
	return well(fmt.Sprintf("%s: %s", f.path, plural(len(list.Entries()), "key")))
}

// settingsComplete resolves the server of the route.
func settingsComplete(_ context.Context, x *examination, _ int) finding {
	d, err := x.o.route.destination(x.con, x.store, x.pass)
	if err != nil {
		return bad(err)
	}
	d.trust.Seen = x.certificateOf("server")
	x.d = d
	text := fmt.Sprintf("%s: %s", d.origin, d.access.FileURL(""))
	if d.access.Username != "" {
		text += ", as " + d.access.Username
	}
	if len(x.targets) > 0 && d.access.Method == transfer.FTPS && d.fetch.url == "" {
		return mind(text+"; phones do not fetch by ftps", "use push with --fetch-url to set the URL from which phones fetch the image")
	}
	return well(text)
}

// passwordSources is the hint if no password is given.
const passwordSources = "name its source: --password-file, --password-stdin, --password-command or $CPUPDATE_PASSWORD"

// settingsPassword finds the password, or prompts for it on a terminal.
func settingsPassword(ctx context.Context, x *examination, _ int) finding {
	if x.route == routeWeb {
		return x.passwordOfPages(ctx)
	}
	con := x.con.muted()
	if err := x.o.route.login(ctx, con, x.pass, &hostStore{con, x.store}, x.d, x.line()); err != nil {
		return bad(err)
	}
	switch {
	case !wantsPassword(x.d.access):
		return well("no password is needed")
	case x.d.access.Password.Reveal() == "":
		return mind("no password given", passwordSources+"; or store it")
	case plainFTP(x.d.access):
		return mind("a password is given; with plain ftp anyone on the network path can read it", "use ftps or https to protect it")
	}
	return well("a password is given")
}
