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

// TestSystemKeyringError checks that a missing keyring, a missing item and a failing keyring are told apart by the
// errors of libraries and systems.
func TestSystemKeyringError(t *testing.T) {
	for _, test := range []struct {
		err  error
		want error  // this one
		says string // or another error with this text
	}{
		{nil, nil, ""},
		{oskeyring.ErrNotFound, ErrNoItem, ""},
		{oskeyring.ErrUnsupportedPlatform, ErrNoKeyring, ""},
		{dbus.Error{Name: "org.freedesktop.DBus.Error.ServiceUnknown"}, ErrNoKeyring, ""},
		{dbus.Error{Name: "org.freedesktop.DBus.Error.NameHasNoOwner"}, ErrNoKeyring, ""},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ENOENT)}, ErrNoKeyring, ""},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, ErrNoKeyring, ""},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EACCES)}, nil, "it reports "},
		{dbus.Error{Name: "org.freedesktop.DBus.Error.Spawn.ChildExited"}, nil, "it reports "},
		{dbus.Error{Name: "org.freedesktop.DBus.Error.NoReply"}, nil, "it reports "},
		{dbus.ErrClosed, nil, "it reports "},
		{oskeyring.ErrSetDataTooBig, nil, "the password is too long for it"},
		{errors.New("failed to unlock correct collection '/x'"), nil, "it is locked, and was not unlocked"},
		{errors.New(strings.Repeat("\x1b", 1000)), nil, `it reports "\x1b`},
	} {
		got := systemKeyringError(test.err)
		known := errors.Is(got, ErrNoItem) || errors.Is(got, ErrNoKeyring)
		if test.says == "" && !errors.Is(got, test.want) || test.says != "" && (got == nil || known || !strings.HasPrefix(got.Error(), test.says) || len(got.Error()) > 1000) {
			t.Errorf("%v: %v", test.err, got)
		}
	}
}

// TestSystemKeyringPanics checks that a connection lost where the library does not expect it is an error, and does not
// end the process.
func TestSystemKeyringPanics(t *testing.T) {
	err := SystemKeyring{Bus: "tcp:host=127.0.0.1,port=1"}.call(func() error { panic("canary") })
	if err == nil || errors.Is(err, ErrNoKeyring) || strings.Contains(err.Error(), "canary") {
		t.Error(err)
	}
}

// TestTwinSettings checks that settings files side by side have separate passwords, and each profile a separate item.
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
