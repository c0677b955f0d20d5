package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/credentials"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/internal/badserver"
)

// TestSystemKeyring follows a stored password, with a keyring that people use.
func TestSystemKeyring(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	server := badserver.NewFTPS(t)
	image := clitest.Image(t, "cp600.bind", nil)

	// There is no keyring on the bus yet.
	s.want(s.storeFor(server), exit.CodeOK, "stored in passwords.toml\n", "unencrypted; only its owner can read it: this system has no keyring")
	if !strings.Contains(s.file(), badserver.Password) {
		t.Error("the password is not in the file")
	}
	// It stays there until it is moved.
	s.unlocked()
	s.want(s.cpupdate("", "defaults", "set", "--minimum-version", "V1 R0.0.0"), exit.CodeOK, "stored in passwords.toml\n", "")
	s.want(s.cpupdate("", "defaults", "move-passwords"), exit.CodeOK, "defaults: the password is in the system's keyring\n", "")
	s.want(s.cpupdate("", "defaults", "move-passwords"), exit.CodeOK, "no password is stored in the file\n", "")
	s.want(s.cpupdate("", "defaults", "show"), exit.CodeOK, "stored in the system's keyring\n", "")
	if got := s.file(); got != "[defaults]\nkeyring = true\n" {
		t.Errorf("the file holds %q", got)
	}
	if got := s.storedSecret("defaults"); !strings.Contains(got, badserver.Password) || !strings.Contains(got, `method = "ftps"`) {
		t.Errorf("secret-tool finds %q", got)
	}
	s.want(s.cpupdate("", "push", image, "--use-defaults"), exit.CodeOK, "", "")
	if len(server.Files()) != 1 {
		t.Errorf("on the server are %v", keys(server.Files()))
	}
	s.want(s.cpupdate("", "defaults", "show", "--json"), exit.CodeOK, "\"origin\": \"keyring\",\n      \"where\": \"the system's keyring\"\n", "")
	// It is stored in the keyring at once, for a profile.
	s.want(s.cpupdate("another", "defaults", "set", "--profile", "berlin", "--server", "x", "--username", "y", "--password-stdin"), exit.CodeOK, "stored in the system's keyring\n", "note: profile berlin: the password is stored in the system's keyring")
	if got := s.storedSecret("profile.berlin"); !strings.Contains(got, "another") {
		t.Errorf("secret-tool finds %q", got)
	}
	// The keyring is disabled.
	s.want(s.with([]string{credentials.KeyringVariable + "=off"}, "", "push", image, "--use-defaults"), exit.CodeSettings, "", "$CPUPDATE_KEYRING is off\nhint: ")
	s.want(s.storeFor(server, credentials.KeyringVariable+"=off"), exit.CodeSettings, "", "$CPUPDATE_KEYRING is off\nhint: ")
	// What is removed is stored nowhere.
	s.want(s.cpupdate("", "defaults", "unset", "--profile", "berlin", "--all"), exit.CodeOK, "", "")
	s.want(s.cpupdate("", "defaults", "unset", "password"), exit.CodeOK, "not stored\n", "")
	if left := s.storedSecret("profile.berlin") + s.storedSecret("defaults") + s.file(); left != "" {
		t.Errorf("left is %q", left)
	}
}

// TestSystemKeyringTrouble tests a keyring that is locked, that does not answer, and that has gone.
func TestSystemKeyringTrouble(t *testing.T) {
	t.Parallel()
	s := newSession(t)
	server := badserver.NewFTPS(t)
	s.unlocked()
	s.want(s.storeFor(server), exit.CodeOK, "stored in the system's keyring\n", "")
	s.want(s.cpupdate("", "defaults", "test"), exit.CodeOK, "", "")

	s.lock()
	const locked = "the system's keyring: it is locked, and was not unlocked"
	s.want(s.cpupdate("", "defaults", "test"), exit.CodeSettings, "", "cpupdate: defaults: the password in "+locked+"\nhint: unlock the keyring and try again, or store passwords in a file: set CPUPDATE_KEYRING=off\n")
	s.want(s.cpupdate("", "defaults", "show"), exit.CodeOK, "in the system's keyring, which fails\n", locked)
	s.want(s.cpupdate("other", "defaults", "set", "--profile", "berlin", "--password-stdin"), exit.CodeSettings, "", locked)
	s.want(s.cpupdate("", "defaults", "unset", "password"), exit.CodeSettings, "", locked)
	s.want(s.cpupdate("", "defaults", "set", "--minimum-version", "V1 R0.0.0"), exit.CodeOK, "in the system's keyring, which fails\n", "")
	if got := s.file(); got != "[defaults]\nkeyring = true\n" {
		t.Errorf("the file holds %q", got)
	}

	s.interruptWaiting()

	s.kill()
	s.awaitOwner(secretsName, false)
	s.want(s.cpupdate("", "defaults", "test"), exit.CodeSettings, "", "this system has no keyring\nhint: ")
	s.want(s.cpupdate("", "defaults", "show"), exit.CodeOK, "in the system's keyring, which is not available\n", "")
	s.want(s.storeFor(server), exit.CodeSettings, "", "this system has no keyring\nhint: ")
	s.want(s.cpupdate("", "defaults", "unset", "password"), exit.CodeOK, "not stored\n", "warning: defaults: the password may still be in a keyring, as the item ")
	s.want(s.storeFor(server), exit.CodeOK, "stored in passwords.toml\n", ": this system has no keyring")
}

// interruptWaiting interrupts a command that waits for a stopped keyring.
func (s *session) interruptWaiting() {
	s.t.Helper()
	stop(s.t, s.daemon.Process)
	cmd := exec.CommandContext(s.t.Context(), "cpupdate", "defaults", "test")
	cmd.Env = s.environment()
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.awaitProcess(cmd.Process.Pid)
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		s.t.Fatal(err)
	}
	_ = cmd.Wait() // the state says how it ended
	s.want(ran{exit.Code(cmd.ProcessState.ExitCode()), "", said.String()}, exit.CodeInterrupted, "", "cpupdate: interrupted\n")
}

// TestSystemKeyringWithoutBus checks that without a bus no keyring is searched, and no bus is started.
func TestSystemKeyringWithoutBus(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere there is no bus, or no need of one")
	}
	folder := t.TempDir()
	launched := filepath.Join(folder, "launched")
	if err := os.WriteFile(filepath.Join(folder, "dbus-launch"), []byte("#!/bin/sh\ntouch "+launched+"\nexec sleep 60\n"), 0o700); err != nil { //nolint:gosec // it has to be run
		t.Fatal(err)
	}
	for _, address := range []string{"", "autolaunch:", "unix:path=" + filepath.Join(folder, "gone"), "unix:path=/dev/null", "/dev/null", "disabled:", "rubbish"} {
		if _, err := os.Stat(fmt.Sprintf("/run/user/%d/bus", os.Getuid())); err == nil && (address == "" || address == "autolaunch:") {
			continue // one was found
		}
		s := &session{t: t, home: t.TempDir(), address: address}
		s.want(s.with([]string{"PATH=" + folder + ":" + os.Getenv("PATH")}, badserver.Password, "defaults", "set", "--server", "x", "--username", "y", "--password-stdin"),
			exit.CodeOK, "stored in passwords.toml\n", ": this system has no keyring")
		if _, err := os.Stat(launched); err == nil {
			t.Errorf("%q: a bus was started", address)
		}
	}
}
