package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
)

// A screen is a process whose standard streams are a terminal of some columns.
type screen struct {
	asked

	shown strings.Builder
}

// onScreen starts the command.
func onScreen(t *testing.T, columns uint16, env []string, args ...string) *screen {
	t.Helper()
	master, slave := openTerminal(t)
	s := &screen{asked: asked{t: t, master: master, errOut: os.DevNull}}
	s.resize(columns)
	s.cmd = exec.CommandContext(t.Context(), "cpupdate", args...)
	s.cmd.Env = append(append(os.Environ(), "XDG_CONFIG_HOME="+t.TempDir(), "HOME="+t.TempDir(), "TERM=xterm", "NO_COLOR="), env...)
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = slave, slave, slave
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = slave.Close()
	return s
}

func (s *screen) resize(columns uint16) {
	if err := unix.IoctlSetWinsize(int(s.master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}); err != nil {
		s.t.Fatal(err)
	}
}

// see waits until the terminal shows a text.
func (s *screen) see(text string) { s.shown.WriteString(s.until(text)) }

// leave waits for the end, and returns the exit code and all that was shown.
func (s *screen) leave() (code int, shown string) {
	code, rest, _ := s.end()
	s.shown.WriteString(rest)
	return code, s.shown.String()
}

// widest returns the width of the widest line or picture of a terminal, without its colours. Lines with a command do not count: they are
// not broken, since somebody may copy it; neither does a question, which the terminal breaks.
func widest(shown string) (most int) {
	shown = regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(shown, "")
	for _, picture := range regexp.MustCompile("[\r\n]+").Split(shown, -1) {
		if !strings.Contains(picture, "cpupdate rollout ") && !strings.Contains(picture, "[yes/no]") {
			most = max(most, console.Columns(strings.TrimRight(picture, " ")))
		}
	}
	return most
}

// TestRolloutOnTerminal carries rollouts out at terminals of 80 and 40 columns, with and without colours: a bar for each wave, a
// question after the canaries, a line for the phone that needs somebody.
func TestRolloutOnTerminal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		columns uint16
		env     []string
		colours bool
	}{{80, nil, true}, {40, []string{"NO_COLOR=1"}, false}} {
		t.Run(fmt.Sprint(c.columns, " columns"), func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			env := append([]string{"CPUPDATE_JOURNAL=" + filepath.Join(folder, "journal.db")}, c.env...)
			list, image := aSite(t, folder)
			plan := onScreen(t, c.columns, env, "rollout", "plan", image, "--phones", list, "--name", "spring", "--waves", "canary,rest")
			if code, shown := plan.leave(); code != 0 || !strings.Contains(strings.Join(strings.Fields(shown), " "), "(assumed: 5 min a phone; none was measured yet)") || widest(shown) > int(c.columns) {
				t.Errorf("exit code %d: %q", code, shown)
			}
			run := onScreen(t, c.columns, env, "rollout", "run", "spring", "--listen", "127.0.0.1:0", "--contact-interval", "200ms", "--probe-interval", "50ms", "--patience", "1m")
			run.see("[yes/no] ")
			run.types("y\n")
			run.see("Type yes or no: ")
			run.types("yes\n")
			code, shown := run.leave()
			if code != 10 || widest(shown) > int(c.columns) {
				t.Errorf("exit code %d, %d columns: %q", code, widest(shown), shown)
			}
			for _, want := range []string{
				"wave 1 of 2 (canary): 1 phone\r\n", "1/2: 0 updated", "% [", "wave 1 of 2 (canary) ended: 1 updated, 0",
				"wave 2 of 2 (rest): 3 phones\r\n", "not-taken", "wave 2 of 2 (rest) ended: 2 updated, 1", "rollout spring: done",
			} {
				if !strings.Contains(shown, want) {
					t.Errorf("%q is missing in %q", want, shown)
				}
			}
			if strings.Contains(shown, "\x1b[1;31mnot-taken") != c.colours || !c.colours && strings.Contains(shown, "\x1b") {
				t.Errorf("colours: %q", shown)
			}
		})
	}
}

// aSite starts four simulated phones, the third of which refuses updates, and returns their list and an image for them.
func aSite(t *testing.T, folder string) (list, image string) {
	t.Helper()
	list, image = filepath.Join(folder, "sim.csv"), filepath.Join(folder, "cp.bind")
	payload := filepath.Join(folder, "payload")
	if err := os.WriteFile(payload, []byte(strings.Repeat("cpupdate", 10_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	pack := exec.CommandContext(t.Context(), "cpupdate", "pack", payload, "-q", "-o", image, "--model", "CP600", "--software-type", "Unify HFA", "--software-version", "V1 R9.2.0", "--hw-levels", "1-3")
	if out, err := pack.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	sim := exec.CommandContext(t.Context(), "cpupdate", "simulate", "--count", "4", "--fault", "3=refuse-deployment", "-o", list, "--install-time", "0s", "--restart-time", "1s")
	out, err := sim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := sim.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = sim.Process.Signal(os.Interrupt)
		_ = sim.Wait()
	})
	said := ""
	for b := make([]byte, 1); !strings.Contains(said, "press Ctrl-C to end"); said += string(b) {
		if _, err := out.Read(b); err != nil {
			t.Fatalf("%v after %q", err, said)
		}
	}
	go func() {
		for b := make([]byte, 4096); ; {
			if _, err := out.Read(b); err != nil {
				return
			}
		}
	}()
	return list, image
}

// TestWatchOnTerminal watches a rollout while another process carries it out, at a terminal that becomes narrower, and is ended by
// Ctrl-C: that changes nothing.
func TestWatchOnTerminal(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	env := []string{"CPUPDATE_JOURNAL=" + filepath.Join(folder, "journal.db")}
	list, image := aSite(t, folder)
	if code, shown := onScreen(t, 80, env, "rollout", "plan", image, "--phones", list, "--name", "spring", "--waves", "canary,rest").leave(); code != 0 {
		t.Fatalf("exit code %d: %q", code, shown)
	}
	watch := onScreen(t, 80, env, "rollout", "status", "spring", "--watch")
	watch.see("no run has begun yet; to begin: cpupdate rollout run spring\r\n")
	run := onScreen(t, 80, env, "rollout", "run", "spring", "--listen", "127.0.0.1:0", "--contact-interval", "200ms", "--probe-interval", "50ms", "--patience", "1m")
	run.see("[yes/no] ")
	watch.see("wave 2 waits for you: ")
	watch.see("resume spring\r\n")
	watch.resize(40)
	before := watch.shown.Len()
	run.types("yes\n")
	if code, shown := run.leave(); code != 10 {
		t.Errorf("exit code %d: %q", code, shown)
	}
	code, shown := watch.leave()
	if code != 0 || widest(shown[before:]) > 40 || !strings.Contains(shown[before:], "rollout spring: done\r\n") {
		t.Errorf("exit code %d, %d columns: %q", code, widest(shown[before:]), shown[before:])
	}

	if code, shown := onScreen(t, 80, env, "rollout", "retry", "spring").leave(); code != 0 {
		t.Errorf("exit code %d: %q", code, shown)
	}
	watch = onScreen(t, 80, env, "rollout", "status", "spring", "--watch")
	watch.see("to go on:\r\n")
	watch.see("cpupdate rollout run spring\r\n")
	watch.see("wave 2/2: 2 updated")
	watch.types("\x03")
	if code, shown := watch.leave(); code != 130 || !strings.Contains(shown, "interrupted: the rollout was only watched, and is not changed") {
		t.Errorf("exit code %d: %q", code, shown)
	}
}
