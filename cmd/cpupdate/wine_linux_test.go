//go:build amd64 && !race

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/credentials"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// A windows is a Windows machine, which Wine simulates, with the Windows program on it.
type windows struct {
	wine, prefix string
	fixed        bool   // addresses are not random
	program      string // of this system, as are all names without a drive here
	home         string // the folder of the user who runs it
}

// newWindows makes a Windows machine and builds the program for it.
func newWindows(t *testing.T) *windows {
	t.Helper()
	w := &windows{wine: "/usr/lib/wine/wine64", prefix: t.TempDir(), program: filepath.Join(t.TempDir(), "cpupdate.exe")}
	if found, err := exec.LookPath("wine64"); err == nil {
		w.wine = found
	}
	_, err := os.Stat(w.wine)
	_, missing := exec.LookPath("x86_64-w64-mingw32-gcc")
	if err := errors.Join(err, missing); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("in CI wine64 and gcc-mingw-w64-x86-64 must be installed: ", err)
		}
		t.Skip("the Windows program needs wine64 and gcc-mingw-w64-x86-64 to run here: ", err)
	}
	w.fixed = exec.Command("setarch", "-R", "true").Run() == nil //nolint:noctx // it ends at once
	built := make(chan error, 1)
	go func() {
		built <- w.at(".", []string{"GOOS=windows", "CGO_ENABLED=0"}, "go", "build", "-trimpath", "-o", w.program, ".")
	}()
	err = w.at("../..", nil, ".ci/wine", "prefix", w.prefix)
	if err := errors.Join(err, <-built); err != nil {
		t.Fatal(err)
	}
	w.stay(t)
	users, err := filepath.Glob(filepath.Join(w.prefix, "drive_c/users/*/AppData/Roaming"))
	if err != nil || len(users) == 0 {
		t.Fatal("Wine has made no user's folder: ", users, err)
	}
	w.home = filepath.Dir(filepath.Dir(users[0]))
	return w
}

// stay starts a program that lives as long as the test. Otherwise the first of several programs would start the services of Wine, which would
// keep what that program writes to open.
func (w *windows) stay(t *testing.T) {
	t.Helper()
	cmd := w.start(context.WithoutCancel(t.Context()), "cmd", "/c", "pause")
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		server := filepath.Join(filepath.Dir(w.wine), "wineserver")
		_ = w.at(".", nil, server, "-k") // fails if nothing runs any more
		_ = cmd.Wait()
		_ = w.at(".", nil, server, "-w")
	})
}

// at runs a program of this system in a folder.
func (w *windows) at(folder string, env []string, name string, args ...string) error {
	cmd := exec.Command(name, args...) //nolint:noctx // it also cleans up, when the test's context has ended
	cmd.Dir, cmd.Env = folder, append(w.environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.Join(errors.New(name+": "+string(out)), err)
	}
	return nil
}

// environ returns the environment of Windows programs: that of the test without settings of cpupdate.
func (w *windows) environ() []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "CPUPDATE_") || strings.HasPrefix(v, "TERM=") || strings.HasPrefix(v, "NO_COLOR=")
	})
	return append(env, "WINEPREFIX="+w.prefix, "WINEDEBUG=-all", credentials.KeyringVariable+"="+credentials.KeyringOff)
}

// start returns a command line of Wine. With random addresses, one process in some thousands ends with exit code 1 and says nothing: the heap
// of Wine's loader lies where Wine needs the page 7ffe0000.
func (w *windows) start(ctx context.Context, args ...string) *exec.Cmd {
	line := append([]string{w.wine}, args...)
	if w.fixed {
		line = append([]string{"setarch", "-R"}, line...)
	}
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.Env = w.environ()
	return cmd
}

// command returns a command line of the Windows program, in a folder.
func (w *windows) command(ctx context.Context, folder string, args ...string) *exec.Cmd {
	cmd := w.start(ctx, append([]string{w.program}, args...)...)
	cmd.Dir = folder
	return cmd
}

// run runs the Windows program in a folder.
func (w *windows) run(t *testing.T, folder string, args ...string) ran {
	t.Helper()
	return runProcess(t, w.command(t.Context(), folder, args...))
}

// linux runs the program of this system in a folder.
func (w *windows) linux(t *testing.T, folder string, args ...string) ran {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "cpupdate", args...)
	cmd.Dir = folder
	return runProcess(t, cmd)
}

// runProcess runs a command and returns what it printed.
func runProcess(t *testing.T, cmd *exec.Cmd) ran {
	t.Helper()
	var printed [2]*os.File // files, since processes that Wine starts may keep a pipe open
	for i := range printed {
		f, err := os.CreateTemp(t.TempDir(), "printed")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		printed[i] = f
	}
	cmd.Stdout, cmd.Stderr = printed[0], printed[1]
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	r := ran{code: exit.Code(cmd.ProcessState.ExitCode())}
	for i, text := range []*string{&r.out, &r.errOut} {
		content, err := os.ReadFile(printed[i].Name())
		if err != nil {
			t.Fatal(err)
		}
		*text = string(content)
	}
	return r
}

// want checks how a command ended, and what it printed.
func (r ran) want(t *testing.T, code exit.Code, texts ...string) ran {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(r.out+r.errOut, text) {
			t.Errorf("%q is not printed", text)
		}
	}
	if r.code != code {
		t.Errorf("exit code %d, want %d", r.code, code)
	}
	if t.Failed() {
		t.Fatalf("it printed:\n%s%s", r.out, r.errOut)
	}
	return r
}

// A wineScreen is a program on a terminal, which is a console on Windows.
type wineScreen struct {
	t      *testing.T
	ctx    context.Context // ends before the test's time is up, so that a test can say what it waited for
	cmd    *exec.Cmd
	master *os.File

	mu    sync.Mutex
	shown []byte
	more  chan struct{}
	done  chan struct{} // closed when the program has ended
}

// endMark is written to the terminal after the end of the program. A terminal that Wine has opened stays open.
const endMark = "<end of the program>"

// onWineScreen starts a program with a terminal for what it reads and reports, and for what it prints if that goes nowhere else.
func onWineScreen(t *testing.T, cmd *exec.Cmd) *wineScreen {
	t.Helper()
	master, slave := openTerminal(t)
	if err := unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 60, Col: 250}); err != nil {
		t.Fatal(err)
	}
	cmd.Stdin, cmd.Stderr = slave, slave
	if cmd.Stdout == nil {
		cmd.Stdout = slave
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if end, limited := t.Deadline(); limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end.Add(-10*time.Second))
		t.Cleanup(cancel)
	}
	s := &wineScreen{t: t, ctx: ctx, cmd: cmd, master: master, more: make(chan struct{}, 1), done: make(chan struct{})}
	go s.read()
	go func() {
		_ = cmd.Wait() // the state says how it ended
		close(s.done)
		_, _ = slave.WriteString(endMark)
	}()
	return s
}

func (s *wineScreen) read() {
	for {
		part := make([]byte, 4096)
		n, err := s.master.Read(part)
		s.mu.Lock()
		s.shown = append(s.shown, part[:n]...)
		s.mu.Unlock()
		select {
		case s.more <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// text returns what was shown, and whether the program has ended.
func (s *wineScreen) text() (text string, ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.CutSuffix(string(s.shown), endMark)
}

// until waits until a text is shown.
func (s *wineScreen) until(want string) {
	s.t.Helper()
	for {
		text, ended := s.text()
		switch {
		case strings.Contains(text, want):
			return
		case ended:
			s.t.Fatalf("it ended, and the terminal shows no %q: %q", want, text)
		}
		select {
		case <-s.more:
		case <-s.ctx.Done():
			s.t.Fatalf("the terminal shows no %q: %q", want, text)
		}
	}
}

// untilHidden waits until the terminal no longer shows what is typed. Wine reads the keys itself only once a program reads.
func (s *wineScreen) untilHidden() {
	s.t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for echoes(s.t, s.master) {
		select {
		case <-ticker.C:
		case <-s.ctx.Done():
			s.t.Fatal("the terminal shows what is typed")
		}
	}
}

// press types on the terminal.
func (s *wineScreen) press(keys string) {
	s.t.Helper()
	if _, err := s.master.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// end waits for the end of the program, and returns its exit code and all that was shown.
func (s *wineScreen) end() ran {
	s.t.Helper()
	for {
		text, ended := s.text()
		if ended {
			<-s.done
			return ran{exit.Code(s.cmd.ProcessState.ExitCode()), text, ""}
		}
		select {
		case <-s.more:
		case <-s.ctx.Done():
			s.t.Fatalf("it does not end: %q", text)
		}
	}
}

// ctrlC is the key that ends a program.
const ctrlC = "\x03"

// A simulation is a process that simulates phones.
type simulation struct {
	s     *wineScreen
	lines *bufio.Scanner
}

// startSimulation starts simulated phones with the command, which has a list of them in its folder once this returns.
func startSimulation(t *testing.T, cmd *exec.Cmd) *simulation {
	t.Helper()
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = out.Close() })
	cmd.Stdout = in
	m := &simulation{s: onWineScreen(t, cmd), lines: bufio.NewScanner(out)}
	_ = in.Close()
	for m.lines.Scan() {
		if strings.Contains(m.lines.Text(), `"event":"ready"`) {
			return m
		}
	}
	r := m.s.end()
	t.Fatalf("the phones do not start: %+v", r)
	return nil
}

// stop ends the phones by Ctrl-C, and returns which versions they run.
func (m *simulation) stop(t *testing.T) (versions []string) {
	t.Helper()
	m.s.press(ctrlC)
	for m.lines.Scan() {
		var line struct {
			Event   string
			Version string `json:"software_version"`
		}
		if err := json.Unmarshal(m.lines.Bytes(), &line); err != nil {
			t.Error(err)
		}
		if line.Event == "state" {
			versions = append(versions, line.Version)
		}
	}
	m.s.end().want(t, exit.CodeOK)
	return versions
}
