package credentials

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/godbus/dbus/v5"
	oskeyring "github.com/zalando/go-keyring"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
)

// None, no item, and a keyring that fails are told apart by what libraries and systems say.
func TestSystemKeyringError(t *testing.T) {
	for _, test := range []struct {
		err  error
		want error  // this one
		says string // or another, with this text
	}{
		{nil, nil, ""},
		{oskeyring.ErrNotFound, ErrNoItem, ""},
		{oskeyring.ErrUnsupportedPlatform, ErrNoKeyring, ""},
		{dbus.Error{Name: "org.freedesktop.DBus.Error.ServiceUnknown"}, ErrNoKeyring, ""},
		{dbus.Error{Name: "org.freedesktop.DBus.Error.NameHasNoOwner"}, ErrNoKeyring, ""},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ENOENT)}, ErrNoKeyring, ""},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, ErrNoKeyring, ""},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EACCES)}, nil, "it says "},
		{dbus.Error{Name: "org.freedesktop.DBus.Error.Spawn.ChildExited"}, nil, "it says "},
		{dbus.Error{Name: "org.freedesktop.DBus.Error.NoReply"}, nil, "it says "},
		{dbus.ErrClosed, nil, "it says "},
		{oskeyring.ErrSetDataTooBig, nil, "the password is too long for it"},
		{errors.New("failed to unlock correct collection '/x'"), nil, "it is locked, and was not unlocked"},
		{errors.New(strings.Repeat("\x1b", 1000)), nil, `it says "\x1b`},
	} {
		got := systemKeyringError(test.err)
		known := errors.Is(got, ErrNoItem) || errors.Is(got, ErrNoKeyring)
		if test.says == "" && !errors.Is(got, test.want) || test.says != "" && (got == nil || known || !strings.HasPrefix(got.Error(), test.says) || len(got.Error()) > 1000) {
			t.Errorf("%v: %v", test.err, got)
		}
	}
}

// A connection that breaks off where the library does not expect it is an error, and ends nothing.
func TestSystemKeyringPanics(t *testing.T) {
	err := SystemKeyring{Bus: "unix:path=x"}.call(func() error { panic("canary") })
	if err == nil || errors.Is(err, ErrNoKeyring) || strings.Contains(err.Error(), "canary") {
		t.Error(err)
	}
}

// TestTwinSettings: settings that lie side by side have passwords of their own, and each profile an item of its own.
func TestTwinSettings(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, name := range []string{"site", "site.toml", "site.TOML", "config", "config.toml", "passwords", "site.passwords", ".toml"} {
		place := (&settings.Store{ConfigFlag: filepath.Join("folder", name)}).Place()
		for _, profile := range []string{"", "defaults", "profile.defaults", "berlin"} {
			item, err := itemName(place, profile)
			if err != nil {
				t.Fatal(err)
			}
			if other, found := seen[item]; found {
				t.Errorf("%s of %s has the item of %s", profile, name, other)
			}
			seen[item] = profile + " of " + name
		}
		if other, found := seen[place.Passwords]; found || place.Passwords == place.Config {
			t.Errorf("%s has the file of %s: %s", name, other, place.Passwords)
		}
		seen[place.Passwords] = name
	}
}
