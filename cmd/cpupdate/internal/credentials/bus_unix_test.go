//go:build !windows && !darwin

package credentials

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestBusThere checks which addresses lead to a bus. The others are no bus: nothing is waited for, and no bus is started.
func TestBusThere(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	socket, file := filepath.Join(folder, "a b"), filepath.Join(folder, "file")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]bool{
		"unix:path=" + socket:                        true,
		"unix:path=" + folder + "/a%20b":             true,
		"unix:guid=1234,path=" + socket:              true,
		"unix:path=/nowhere/bus;unix:path=" + socket: true,
		"unix:abstract=/tmp/dbus-x":                  true,
		"tcp:host=127.0.0.1,port=1":                  true,
		"/dev/null":                                  false,
		"unix:path=/dev/null":                        false,
		"unix:path=" + file:                          false,
		"unix:path=" + folder:                        false,
		"unix:path=/nowhere/bus":                     false,
		"unix:":                                      false,
		"disabled:":                                  false,
		"none":                                       false,
		"none:":                                      false,
		"unix:path=/dev/null;disabled:":              false,
	} {
		if got := (SystemKeyring{Bus: address}).busThere(); got != want {
			t.Errorf("%s: %t", address, got)
		}
		if want {
			continue
		}
		if _, err := (SystemKeyring{Bus: address}).Get("x"); !errors.Is(err, ErrNoKeyring) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// TestSilentBus checks that a bus which takes connections and says nothing is given up by its own limit.
func TestSilentBus(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "bus")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var kept []net.Conn // a connection that nobody holds is closed
	accepted := make(chan struct{})
	go func() {
		defer close(accepted)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			kept = append(kept, conn)
		}
	}()
	defer func() {
		_ = l.Close()
		<-accepted
		for _, conn := range kept {
			_ = conn.Close()
		}
	}()
	if err := (SystemKeyring{Bus: "unix:path=" + socket}).greet(20 * time.Millisecond); !errors.Is(err, errSilentBus) {
		t.Error(err)
	}
}
