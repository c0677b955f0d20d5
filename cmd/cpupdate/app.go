package main

import (
	"cmp"
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/credentials"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/delivery"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/doctor"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/knownhosts"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/record"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// An app holds what main passes to the commands: where they read and write, what is stored on this machine, and how the
// network and files are opened.
type app struct {
	con    *console.Console
	store  *settings.Store
	pass   *credentials.Store
	hosts  *knownhosts.Store
	record *record.Store
	around doctor.Surroundings

	cache    string // folder for images of other machines
	cacheErr error  // why there is none

	clock    func() time.Time
	open     images.OpenFunc
	dial     option.DialFunc
	phoneNet option.Network // on which phones are

	parsed  bool  // the flags were read: --json means what it says
	helpErr error // what kept help from being printed; cobra has no way to return it
}

// newApp returns the app for this process.
func newApp() *app {
	con := console.New()
	store := &settings.Store{ConfigVariable: os.Getenv("CPUPDATE_CONFIG")}
	folder, err := os.UserConfigDir()
	if store.FolderErr = err; err == nil {
		store.Folder = filepath.Join(folder, "cpupdate")
	}
	pass := &credentials.Store{
		Console: con, Settings: store,
		Keyring: credentials.SystemKeyring{Bus: os.Getenv("DBUS_SESSION_BUS_ADDRESS")}, KeyringSetting: os.Getenv(credentials.KeyringVariable),
	}
	if password := os.Getenv(credentials.PasswordVariable); password != "" {
		pass.Variable = secret.New(password)
		_ = os.Unsetenv(credentials.PasswordVariable) // libraries start programs too, such as the keyring's on macOS
	}
	around := doctor.Surroundings{Terminal: os.Getenv("TERM"), NoColor: os.Getenv("NO_COLOR") != "", CI: os.Getenv("CI") != ""}
	around.Proxies = proxiesSet(os.Getenv, runtime.GOOS == "windows")
	a := wire(con, store, pass, around)
	a.record.Variable = os.Getenv("CPUPDATE_JOURNAL")
	a.record.Folder, a.record.FolderErr = stateFolder(os.Getenv, runtime.GOOS)
	a.record.Origin = origin
	if a.cache, a.cacheErr = os.UserCacheDir(); a.cacheErr == nil {
		a.cache = filepath.Join(a.cache, "cpupdate", "images")
	}
	return a
}

// stateFolder returns the folder for what cpupdate remembers on a system.
func stateFolder(get func(string) string, system string) (string, error) {
	base := get("XDG_STATE_HOME")
	switch {
	case system == "windows":
		base = get("LOCALAPPDATA")
	case system == "darwin" && get("HOME") != "":
		base = filepath.Join(get("HOME"), "Library", "Application Support")
	case system != "darwin" && !filepath.IsAbs(base) && get("HOME") != "": // as the XDG base directory specification says
		base = filepath.Join(get("HOME"), ".local", "state")
	}
	if base == "" {
		missing := map[string]string{"windows": "%LOCALAPPDATA% is not set", "darwin": "$HOME is not set"}[system]
		return "", errors.New(cmp.Or(missing, "neither $XDG_STATE_HOME nor $HOME is set"))
	}
	return filepath.Join(base, "cpupdate"), nil
}

// origin returns who runs cpupdate, and where, for the journal.
func origin() journal.Origin {
	by := journal.Origin{Tool: buildVersion()}
	if me, err := user.Current(); err == nil {
		by.User = me.Username
	}
	by.Host, _ = os.Hostname()
	return by
}

// proxiesSet returns the proxy variables that are set. On Windows, names that differ in case only are one variable.
func proxiesSet(get func(string) string, oneCase bool) (set []string) {
	for _, name := range doctor.ProxyVariables() {
		same := func(other string) bool { return oneCase && strings.EqualFold(name, other) }
		if get(name) != "" && !slices.ContainsFunc(set, same) {
			set = append(set, name)
		}
	}
	return set
}

// wire returns the app of the parts.
func wire(con *console.Console, store *settings.Store, pass *credentials.Store, around doctor.Surroundings) *app {
	return &app{
		con: con, store: store, pass: pass, hosts: &knownhosts.Store{Console: con, Settings: store}, around: around,
		record: &record.Store{Folder: store.Folder, FolderErr: store.FolderErr, Origin: func() journal.Origin { return journal.Origin{Tool: buildVersion()} }},
		open:   bind.Open, dial: transfer.Dial, clock: time.Now,
	}
}

// env returns what a command that brings images to phones is handed.
func (a *app) env() delivery.Env {
	return delivery.Env{Console: a.con, Settings: a.store, Passwords: a.pass, KnownHosts: a.hosts, Open: a.open, Journal: a.record, Dial: a.dial, Version: buildVersion()}
}

// queriesOnly adapts the flags of a run to a command that only queries phones: none of them fetches an image or restarts.
func queriesOnly(flags *pflag.FlagSet) {
	flags.Lookup("parallel").Usage = "how many phones are queried at the same time: a `NUMBER` up to 10000"
	flags.Lookup("probe-interval").Hidden = true
	flags.Lookup("skip-unreachable").Hidden = true // they do so without --patience
}
