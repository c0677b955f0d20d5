package main

import (
	"bytes"
	"crypto/tls"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cpupdate/cpupdate/internal/testca"
)

// An asked process runs at a terminal of its own. Its standard error goes elsewhere.
type asked struct {
	t      *testing.T
	master *os.File
	cmd    *exec.Cmd
	errOut string // the file of standard error
}

// At a terminal, what a process's standard input is.
const (
	stdinTerminal = iota // for reading and writing, as a shell leaves it
	stdinReadOnly        // cpupdate < /dev/tty
	stdinDetached        // for reading only, and the process has no terminal of its own
	stdinPipe            // an answer in a pipe, at a terminal
	stdinBothDumb        // as stdinTerminal, and standard error is the terminal, which can do nothing
)

// ask starts the command. typed was typed before.
func ask(t *testing.T, stdin int, typed string, args ...string) *asked {
	t.Helper()
	master, slave := openTerminal(t)
	if _, err := master.WriteString(typed); err != nil {
		t.Fatal(err)
	}
	p := &asked{t: t, master: master, errOut: filepath.Join(t.TempDir(), "stderr")}
	errOut, err := os.Create(p.errOut)
	if err != nil {
		t.Fatal(err)
	}
	defer errOut.Close()
	p.cmd = exec.CommandContext(t.Context(), "cpupdate", args...)
	p.cmd.Env = append(os.Environ(), "XDG_CONFIG_HOME="+t.TempDir(), "HOME="+t.TempDir())
	p.cmd.Stdin, p.cmd.Stderr = slave, errOut
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	switch stdin {
	case stdinReadOnly, stdinDetached:
		only, err := os.OpenFile(slave.Name(), os.O_RDONLY|unix.O_NOCTTY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer only.Close()
		p.cmd.Stdin = only
		p.cmd.SysProcAttr.Setctty = stdin == stdinReadOnly
	case stdinPipe:
		p.cmd.Stdin = strings.NewReader("yes\n")
		p.cmd.ExtraFiles = []*os.File{slave}
		p.cmd.SysProcAttr.Ctty = 3
	case stdinBothDumb:
		p.cmd.Stderr = slave
		p.cmd.Env = append(p.cmd.Env, "TERM=dumb")
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = slave.Close()
	return p
}

// until reads what the terminal shows, up to a text. A process that does not show it is killed in the end: that closes the terminal.
func (p *asked) until(text string) string {
	p.t.Helper()
	defer time.AfterFunc(5*time.Minute, func() { _ = p.cmd.Process.Kill() }).Stop()
	var shown strings.Builder
	for b := make([]byte, 1); !strings.HasSuffix(shown.String(), text); {
		if _, err := p.master.Read(b); err != nil {
			said, _ := os.ReadFile(p.errOut)
			p.t.Fatalf("%v, waiting for %q; shown: %q, and %q", err, text, shown.String(), said)
		}
		shown.Write(b)
	}
	return shown.String()
}

func (p *asked) types(text string) {
	p.t.Helper()
	if _, err := p.master.WriteString(text); err != nil {
		p.t.Fatal(err)
	}
}

// end waits for the end, and returns the exit code, the rest of what the terminal shows, and standard error.
func (p *asked) end() (code int, shown, errOut string) {
	p.t.Helper()
	_ = p.cmd.Wait() // the state says how it ended
	var rest bytes.Buffer
	_, _ = rest.ReadFrom(p.master) // ends with an error: nobody has the other end
	said, err := os.ReadFile(p.errOut)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.cmd.ProcessState.ExitCode(), rest.String(), string(said)
}

// strangePeer is a server with a certificate that nobody knows.
func strangePeer(t *testing.T) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{*testca.New(t, testca.Options{})}, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func(conn net.Conn) {
				_ = conn.(*tls.Conn).HandshakeContext(t.Context())
				_ = conn.Close()
			}(conn)
		}
	}()
	return l.Addr().String()
}

// TestQuestionOnTerminal checks that a question is seen on the terminal wherever standard error goes, with what has to be
// compared, and that only what is typed after it answers it.
func TestQuestionOnTerminal(t *testing.T) {
	t.Parallel()
	const question = "Trust it from now on? Type yes: "
	peer := strangePeer(t)
	for name, c := range map[string]struct {
		stdin         int
		ahead, answer string
		code          int
	}{
		"yes":                   {stdinTerminal, "", "yes\n", 0},
		"no":                    {stdinTerminal, "", "no\n", 6},
		"Ctrl-D":                {stdinTerminal, "", "\x04", 6},
		"no line, then Ctrl-D":  {stdinTerminal, "", "yes\x04\x04", 6},
		"typed ahead":           {stdinTerminal, "yes\n", "no\n", 6},
		"much typed ahead":      {stdinTerminal, "yes\nyes\nyes\n", "\n", 6},
		"half typed ahead":      {stdinTerminal, "ye", "s\n", 6},
		"typed ahead, then yes": {stdinTerminal, "no\n", "yes\n", 0},
		"stdin to read only":    {stdinReadOnly, "no\n", "yes\n", 0},
		"a dumb terminal":       {stdinBothDumb, "no\n", "yes\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := ask(t, c.stdin, c.ahead, "trust", "add", peer)
			shown := p.until(question)
			p.types(c.answer)
			code, rest, errOut := p.end()
			if code != c.code {
				t.Errorf("exit code %d: %s", code, errOut)
			}
			if n := strings.Count(shown+rest, question); n != 1 {
				t.Errorf("the terminal shows %d questions: %q", n, shown+rest)
			}
			if !strings.Contains(shown, "sha256:") || !strings.Contains(shown, "Compare the fingerprint") {
				t.Errorf("the terminal does not show what to compare: %q", shown)
			}
			if c.stdin != stdinBothDumb && !strings.Contains(errOut, question) {
				t.Errorf("standard error lacks the question: %s", errOut)
			}
		})
	}
}

// TestNoQuestion checks that nobody is asked who could not see the question, or not answer it on the terminal.
func TestNoQuestion(t *testing.T) {
	t.Parallel()
	peer := strangePeer(t)
	for name, stdin := range map[string]int{"detached": stdinDetached, "a pipe": stdinPipe} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, shown, errOut := ask(t, stdin, "yes\n", "trust", "add", peer).end()
			if code != 6 || strings.Contains(shown+errOut, "Type yes") || !strings.Contains(errOut, "sha256:") {
				t.Errorf("exit code %d, the terminal shows %q, standard error %q", code, shown, errOut)
			}
		})
	}
}

// TestPasswordQuestionOnTerminal checks that a password is asked for on the terminal wherever standard error goes, and not shown.
func TestPasswordQuestionOnTerminal(t *testing.T) {
	t.Parallel()
	config := filepath.Join(t.TempDir(), "site.toml")
	p := ask(t, stdinTerminal, "", "--config", config, "defaults", "set", "--server", "x", "--username", "y", "--password-stdin")
	p.until(": ")
	for echoes(t, p.master) {
	}
	p.types("typed\n")
	code, shown, errOut := p.end()
	if code != 0 || strings.Contains(shown, "typed") {
		t.Errorf("exit code %d, the terminal shows %q, standard error %q", code, shown, errOut)
	}
	stored, err := os.ReadFile(filepath.Join(filepath.Dir(config), "site.passwords.toml"))
	if err != nil || !strings.Contains(string(stored), `password = "typed"`) {
		t.Errorf("stored: %q, %v", stored, err)
	}
}
