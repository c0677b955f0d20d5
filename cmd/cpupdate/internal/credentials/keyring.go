package credentials

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/godbus/dbus/v5"
	oskeyring "github.com/zalando/go-keyring"
)

// keyringService is the service name of cpupdate's items in the keyring.
const keyringService = "cpupdate"

// A Keyring stores texts outside of cpupdate's files. Each method may wait until a person unlocks it.
type Keyring interface {
	Get(item string) (string, error) // ErrNoItem if there is no such item
	Set(item, text string) error     // replaces an existing item
	Delete(item string) error        // ErrNoItem if there is no such item
}

var (
	// ErrNoKeyring is a system without a keyring.
	ErrNoKeyring = errors.New("this system has no keyring")
	// ErrNoItem is a keyring that does not hold the item.
	ErrNoItem = errors.New("there is no such item in the keyring")
)

// SystemKeyring is the keyring of this system: the Keychain of macOS, the Credential Manager of Windows, and elsewhere
// the owner of org.freedesktop.secrets on the session's D-Bus.
type SystemKeyring struct {
	Bus string // $DBUS_SESSION_BUS_ADDRESS
}

// Get returns an item. The error is ErrNoItem if there is no such item.
func (k SystemKeyring) Get(item string) (text string, err error) {
	err = k.call(func() (err error) {
		text, err = oskeyring.Get(keyringService, item)
		return err
	})
	return text, err
}

// Set writes an item in the place of what was there.
func (k SystemKeyring) Set(item, text string) error {
	return k.call(func() error { return oskeyring.Set(keyringService, item, text) })
}

// Delete removes an item. The error is ErrNoItem if there is no such item.
func (k SystemKeyring) Delete(item string) error {
	return k.call(func() error { return oskeyring.Delete(keyringService, item) })
}

// Call makes one call. The library assumes that the bus stays connected while a person is prompted, and panics
// otherwise.
func (k SystemKeyring) call(do func() error) (err error) {
	if !k.busThere() {
		return ErrNoKeyring
	}
	if err := k.greet(busLimit); err != nil {
		return err
	}
	defer func() {
		if recover() != nil {
			err = errors.New("the connection to it was lost")
		}
	}()
	return systemKeyringError(do())
}

// busThere reports whether there is a session bus where one is needed. Without one, the library would start one with
// dbus-launch, which keeps running after this process has ended.
func (k SystemKeyring) busThere() bool {
	return runtime.GOOS == "windows" || runtime.GOOS == "darwin" || k.address() != ""
}

// address returns the addresses of the session bus, "" if there is none.
func (k SystemKeyring) address() string {
	if k.Bus != "" && k.Bus != "autolaunch:" {
		if !slices.ContainsFunc(strings.Split(k.Bus, ";"), leadsToBus) {
			return ""
		}
		return k.Bus
	}
	for _, name := range []string{"bus", "dbus-session"} {
		if path := fmt.Sprintf("/run/user/%d/%s", os.Getuid(), name); isSocket(path) || name != "bus" && exists(path) {
			return "unix:path=" + path
		}
	}
	return ""
}

// leadsToBus reports whether an address of D-Bus may lead to a bus. One without a transport, an unknown one, such as
// disabled:, and a path that is no socket lead nowhere.
func leadsToBus(address string) bool {
	transport, rest, _ := strings.Cut(address, ":")
	switch transport {
	case "unix":
		for _, pair := range strings.Split(rest, ",") {
			if path, found := strings.CutPrefix(pair, "path="); found {
				if plain, err := url.PathUnescape(path); err == nil {
					path = plain
				}
				return isSocket(path)
			}
		}
		return strings.Contains(rest, "=")
	case "tcp", "nonce-tcp", "unixexec":
		return rest != ""
	}
	return false
}

func isSocket(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&fs.ModeSocket != 0
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// busLimit is how long the bus may take to greet a client. Only the keyring behind it may take longer: a person may have to
// unlock it.
const busLimit = 3 * time.Second

// errSilentBus reports a bus that does not greet its clients.
var errSilentBus = fmt.Errorf("the session's D-Bus does not answer within %s", busLimit)

// greet connects to the bus once, and reports a bus that is silent. Other errors are left to the library.
func (k SystemKeyring) greet(limit time.Duration) error {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	greeted := make(chan struct{})
	go func() {
		defer close(greeted)
		if conn, err := dbus.Connect(k.address(), dbus.WithContext(ctx)); err == nil {
			_ = conn.Close()
		}
	}()
	select {
	case <-greeted:
	case <-ctx.Done(): // what waits is abandoned, and ends with the process
	}
	if ctx.Err() != nil {
		return errSilentBus
	}
	return nil
}

// systemKeyringError tells a missing keyring and a missing item from a keyring that fails.
func systemKeyringError(err error) error {
	reply := dbus.Error{}
	errors.As(err, &reply)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, oskeyring.ErrNotFound):
		return ErrNoItem
	case errors.Is(err, oskeyring.ErrSetDataTooBig):
		return errors.New("the password is too long for it")
	case errors.Is(err, oskeyring.ErrUnsupportedPlatform):
		return ErrNoKeyring
	// The address belongs to a bus that has gone, as in a terminal that outlived its session.
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return ErrNoKeyring
	case reply.Name == "org.freedesktop.DBus.Error.ServiceUnknown", reply.Name == "org.freedesktop.DBus.Error.NameHasNoOwner":
		return ErrNoKeyring
	case strings.HasPrefix(err.Error(), "failed to unlock "):
		return errors.New("it is locked, and was not unlocked")
	}
	return fmt.Errorf("it reports %.200q", err.Error())
}
