package main

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/credentials"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// A lockedBuffer can be looked at while it is written to.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// A canarySource puts the canary into one place, and returns how a command line names it, given how it names the server.
type canarySource struct {
	name string
	put  func(r *canaryRun, server []string) []string
}

func canarySources() []canarySource {
	return []canarySource{
		{"stdin", (*canaryRun).fromStdin},
		{"file", (*canaryRun).fromFile},
		{"command", (*canaryRun).fromCommand},
		{"variable", (*canaryRun).fromVariable},
		{"store", (*canaryRun).fromStore},
		{"keyring", (*canaryRun).fromKeyring},
		{"prompt", (*canaryRun).fromPrompt},
	}
}

func (r *canaryRun) fromStdin(server []string) []string {
	r.stdin = strings.NewReader(canary + "\n")
	return append(slices.Clone(server), "--password-stdin")
}

func (r *canaryRun) fromFile(server []string) []string {
	return append(slices.Clone(server), "--password-file", r.secretFile("password"))
}

// fromCommand has a program print it that waits until it was looked at.
func (r *canaryRun) fromCommand(server []string) []string {
	r.t.Helper()
	pipe := r.path("pipe")
	if err := exec.CommandContext(r.t.Context(), "mkfifo", "-m", "600", pipe).Run(); err != nil {
		r.t.Fatal(err)
	}
	r.env = append(r.env, credentials.PasswordVariable+"="+canary) // which the program must not get
	before := r.started
	r.started = func() {
		w, err := os.OpenFile(pipe, os.O_WRONLY, 0) // returns once the program has opened its end
		if err != nil {
			r.t.Error(err)
			return
		}
		if n := r.processes(); n == 0 && existsProc() {
			r.t.Error("the password's program is not among the processes")
		}
		if _, err := w.WriteString(canary + "\n"); err != nil {
			r.t.Error(err)
		}
		_ = w.Close()
		if before != nil {
			before()
		}
	}
	return append(slices.Clone(server), "--password-command", "cat "+pipe)
}

func existsProc() bool {
	_, err := os.Stat("/proc/self/task")
	return err == nil
}

func (r *canaryRun) fromVariable(server []string) []string {
	r.env = append(r.env, credentials.PasswordVariable+"="+canary)
	return server
}

// fromStore stores it with the server, in the file, where no one else may read it.
func (r *canaryRun) fromStore(server []string) []string {
	r.t.Helper()
	r.allowed[r.path("settings/cpupdate/passwords.toml")] = r.session == nil
	started := r.started
	r.started, r.stdin = nil, strings.NewReader(canary)
	if c := r.run(append([]string{"defaults", "set", "--password-stdin"}, server...)...); c != exit.CodeOK {
		r.t.Fatalf("storing it: exit code %d: %s", c, r.said.String())
	}
	r.started, r.stdin = started, nil
	return []string{"--use-defaults"}
}

func (r *canaryRun) fromKeyring(server []string) []string {
	r.t.Helper()
	r.session = newSession(r.t)
	r.session.unlocked()
	return r.fromStore(server)
}

// fromPrompt types it as soon as the terminal does not show any more what is typed.
func (r *canaryRun) fromPrompt(server []string) []string {
	r.t.Helper()
	master, slave := openTerminal(r.t)
	r.stdin = slave
	before := r.started
	r.started = func() {
		ticker := time.NewTicker(2 * time.Millisecond)
		defer ticker.Stop()
		for range 10_000 {
			<-ticker.C
			if !echoes(r.t, master) {
				break
			}
		}
		if _, err := master.WriteString(canary + "\n"); err != nil {
			r.t.Error(err)
		}
		if before != nil {
			before()
		}
	}
	r.ended = func() {
		_ = slave.Close()
		var shown bytes.Buffer
		_, _ = shown.ReadFrom(master) // ends with an error: nobody has the other end
		if found := leaks(shown.String()); len(found) > 0 {
			r.t.Errorf("the terminal shows the password: %q", shown.String())
		}
		r.ended = nil
	}
	return server
}

// onlySources are some of them.
func onlySources(names ...string) []canarySource {
	return slices.DeleteFunc(canarySources(), func(s canarySource) bool { return !slices.Contains(names, s.name) })
}

// skipWithout ends a row that cannot be here.
func (s canarySource) skipWithout(t *testing.T) {
	t.Helper()
	if s.name == "prompt" && !canOpenTerminal {
		t.Skip("no terminal can be made here")
	}
}
