package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/credentials"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/internal/badserver"
)

// secretsName is the name of the keyring on a session's bus.
const secretsName = "org.freedesktop.secrets"

// A session is a separate desktop session: a bus, a home, and a keyring, if one is started.
type session struct {
	t       *testing.T
	home    string
	address string
	bus     *dbus.Conn
	signals chan *dbus.Signal
	daemon  *exec.Cmd
}

// newSession starts a bus on which nothing is started automatically.
func newSession(t *testing.T) *session {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the keyring is started on Linux only")
	}
	for _, program := range []string{"dbus-daemon", "gnome-keyring-daemon", "secret-tool"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal("in CI " + program + " must be installed")
			}
			t.Skip(program + " is not installed")
		}
	}
	s := &session{t: t, home: t.TempDir(), signals: make(chan *dbus.Signal, 100)}
	config := clitest.File(t, "bus.conf", []byte(`<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=`+dbus.EscapeBusAddressValue(filepath.Join(s.home, "bus"))+`</listen><policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`))
	cmd := exec.CommandContext(t.Context(), "dbus-daemon", "--nofork", "--print-address=1", "--config-file="+config)
	cmd.Env = s.environment()
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal("the bus does not start: ", err)
	}
	s.address = strings.TrimSpace(line)
	if s.bus, err = dbus.Connect(s.address, dbus.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
	s.bus.Signal(s.signals)
	if err := s.bus.AddMatchSignal(dbus.WithMatchInterface("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged")); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *session) environment() []string {
	env := os.Environ()
	for _, name := range []string{"XDG_DATA_HOME", "XDG_CACHE_HOME", "GNOME_KEYRING_CONTROL", "DISPLAY", "WAYLAND_DISPLAY", credentials.PasswordVariable, "CPUPDATE_CONFIG"} {
		env = clitest.Without(env, name)
	}
	return append(env, "HOME="+s.home, "XDG_CONFIG_HOME="+s.home, "XDG_RUNTIME_DIR="+s.home, "DBUS_SESSION_BUS_ADDRESS="+s.address, credentials.KeyringVariable+"=")
}

// awaitOwner waits until a name of the bus gets an owner, or loses it.
func (s *session) awaitOwner(name string, owned bool) {
	s.t.Helper()
	limit := time.After(2 * time.Minute)
	for {
		select {
		case signal := <-s.signals:
			if who, _ := signal.Body[0].(string); strings.HasPrefix(who, name) && (signal.Body[2] != "") == owned {
				return
			}
		case <-limit:
			s.t.Fatalf("%s: not owned as it should be (%v)", name, owned)
		}
	}
}

// awaitProcess waits until a process is on the bus. Others may come meanwhile, or have come a moment ago.
func (s *session) awaitProcess(pid int) {
	s.t.Helper()
	limit := time.After(2 * time.Minute)
	for {
		select {
		case signal := <-s.signals:
			name, _ := signal.Body[0].(string)
			var owner uint32
			err := s.bus.BusObject().Call("org.freedesktop.DBus.GetConnectionUnixProcessID", 0, name).Store(&owner)
			if err == nil && int(owner) == pid {
				return
			}
		case <-limit:
			s.t.Fatalf("process %d is not on the bus", pid)
		}
	}
}

// unlocked starts a keyring that is unlocked.
func (s *session) unlocked() {
	s.t.Helper()
	s.daemon = exec.CommandContext(s.t.Context(), "gnome-keyring-daemon", "--unlock", "--components=secrets", "--foreground")
	s.daemon.Env, s.daemon.Stdin = s.environment(), strings.NewReader("of the keyring")
	var said bytes.Buffer
	s.daemon.Stdout, s.daemon.Stderr = &said, &said
	if err := s.daemon.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(s.kill)
	s.awaitOwner(secretsName, true)
}

func (s *session) kill() {
	if s.daemon.ProcessState == nil {
		_, _ = s.daemon.Process.Kill(), s.daemon.Wait()
	}
}

// lock locks everything in the keyring; there is no person to unlock it.
func (s *session) lock() {
	s.t.Helper()
	collections := []dbus.ObjectPath{"/org/freedesktop/secrets/collection/login"}
	if err := s.bus.Object(secretsName, "/org/freedesktop/secrets").Call("org.freedesktop.Secret.Service.Lock", 0, collections).Err; err != nil {
		s.t.Fatal(err)
	}
}

// storedSecret returns what another program finds in the keyring for the heading of a table.
func (s *session) storedSecret(heading string) string {
	s.t.Helper()
	item := filepath.Join(s.home, "cpupdate", "passwords.toml") + " [" + heading + "]"
	cmd := exec.CommandContext(s.t.Context(), "secret-tool", "lookup", "service", "cpupdate", "username", item)
	cmd.Env = s.environment()
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	return string(out)
}

// cpupdate runs a command as a process of its own.
func (s *session) cpupdate(stdin string, args ...string) ran {
	s.t.Helper()
	return s.with(nil, stdin, args...)
}

func (s *session) with(environment []string, stdin string, args ...string) ran {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "cpupdate", args...)
	cmd.Env, cmd.Stdin = append(s.environment(), environment...), strings.NewReader(stdin)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); cmd.ProcessState == nil || ctx.Err() != nil {
		s.t.Fatal(err)
	}
	if text := out.String() + errOut.String(); strings.Contains(text, badserver.Password) {
		s.t.Errorf("%q: the password is shown: %s", args, text)
	}
	return ran{exit.Code(cmd.ProcessState.ExitCode()), out.String(), errOut.String()}
}

func (s *session) want(r ran, c exit.Code, out, errOut string) {
	s.t.Helper()
	if r.code != c || !strings.Contains(r.out, out) || !strings.Contains(r.errOut, errOut) {
		s.t.Errorf("exit code %d, want %d, %q and %q:\n%s%s", r.code, c, out, errOut, r.out, r.errOut)
	}
}

// storeFor stores the access data of a server, and its password.
func (s *session) storeFor(server *badserver.FTP, environment ...string) ran {
	s.t.Helper()
	access := server.Access()
	return s.with(environment, badserver.Password, "defaults", "set", "--method", "ftps", "--server", access.Server, "--port", access.Get("port"),
		"--username", access.Username, "--pin", server.Pin().String(), "--password-stdin")
}

func (s *session) file() string {
	text, err := os.ReadFile(filepath.Join(s.home, "cpupdate", "passwords.toml"))
	if err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	return string(text)
}
