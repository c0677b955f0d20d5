package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// A kill is a step at which push is ended from outside, and what has become of the phone by then.
type kill struct {
	step       string
	instructed bool   // the phone got the update command for certain, if push has the time to report that
	version    string // that it runs in the end; "" for either
}

func kills() []kill {
	return []kill{
		{step: "contacted"},
		{step: "called-back"},
		{step: "checked"},
		{step: "told", instructed: true},
		{step: "fetching", instructed: true, version: versionOld},
		{step: "fetched", instructed: true, version: versionNew},
		{step: "restarting", instructed: true, version: versionNew},
		{step: "back", instructed: true, version: versionNew},
	}
}

// TestKilledPush ends push at each step, with and without a chance to say something: what it says of the phone is true,
// and so is what is said by those who ask afterwards.
func TestKilledPush(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no signals that one process sends another")
	}
	image, flags := killImage(t), serviceFlags(t)
	for _, k := range kills() {
		for _, how := range []os.Signal{os.Interrupt, os.Kill} {
			t.Run(k.step+" "+how.String(), func(t *testing.T) {
				t.Parallel()
				testKilledPush(t, k, how, image, flags)
			})
		}
	}
}

func testKilledPush(t *testing.T, k kill, how os.Signal, image string, flags []string) {
	phone, events, release := watchedPhone(t)
	relay := newRelay(t)
	args := append([]string{"push", image, phone.Address(), "--serve", "--json", "--hw-level", "3"}, flags...)
	p := startPush(t, append(args, "--patience", "10m", "--advertise", relay.address())...)
	relay.serve(p.port)
	if k.step != "fetching" {
		relay.open()
	}
	p.until(k.step)
	if err := p.cmd.Process.Signal(how); err != nil {
		t.Fatal(err)
	}
	last := p.rest()
	relay.open()
	release()
	if how == os.Interrupt {
		p.checkInterrupted(last)
	} else if p.cmd.ProcessState.Success() {
		t.Error("a push that was killed ended well")
	}
	instructed := quiet(t, phone, events)
	if cutOff := how == os.Kill && k.step == "told"; k.instructed && !instructed && !cutOff {
		t.Error("the phone was not told")
	}
	// Who says that a phone was not told has to be right; whether what it was told arrived nobody can know.
	if how == os.Interrupt && last.Told != nil && !*last.Told && instructed {
		t.Error("the phone is said not to have been told, and was")
	}
	state := phone.State()
	if got := state.Version.String(); k.version != "" && got != k.version || !instructed && got != versionOld {
		t.Errorf("the phone runs %s, want %s", got, k.version)
	}
	if how == os.Interrupt && state.Version.String() == versionNew && strings.Contains(last.Error.Message, "keeps its old software") {
		t.Errorf("the phone is said to keep its old software: %s", last.Error.Message)
	}
	afterwards(t, phone, image, flags)
}

// afterwards asks the phone what it runs, and pushes again.
func afterwards(t *testing.T, phone *phonesim.Phone, image string, flags []string) {
	t.Helper()
	runs := phone.State().Version.String()
	r := runHere(t, nil, append([]string{"phone", phone.Address(), "--json"}, flags...)...)
	if r.code != exit.CodeOK || !strings.Contains(r.out, `"software_version": "`+runs+`"`) {
		t.Errorf("the phone runs %s, and phone says, with exit code %d:\n%s%s", runs, r.code, r.out, r.errOut)
	}
	want, times := "updated", phone.State().Instructed+1
	if runs == versionNew {
		want, times = "nothing-to-do", times-1
	}
	a, out, errOut := testApp(t, nil)
	c := run(t.Context(), a, append([]string{"push", image, phone.Address(), "--serve", "--json", "--hw-level", "3"}, flags...))
	last := lastLine(t, pushLines(t, out.String()))
	if c != exit.CodeOK || last.Outcome != want || phone.State().Instructed != times || phone.State().Version.String() != versionNew {
		t.Errorf("the second push ends with %d: %+v, want %s\n%s\n%+v", c, last, want, errOut, phone.State())
	}
}

// TestSecondInterrupt stops reading what push says: the first Ctrl-C cannot end it then, but a second one does.
func TestSecondInterrupt(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no signals that one process sends another")
	}
	image, flags := killImage(t), serviceFlags(t)
	phone, events, _ := watchedPhone(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := w.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Skip("pipes have no deadlines here: ", err)
	}
	if _, err := w.Write(make([]byte, 8<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("the pipe takes everything: %v", err)
	}
	cmd := exec.CommandContext(t.Context(), "cpupdate", append([]string{"push", image, phone.Address(), "--serve", "--json", "--hw-level", "3"}, flags...)...)
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	for e := range events {
		if e.Kind == phonesim.Contacted {
			break
		}
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // the state says how it ended
	}()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		select {
		case <-ended:
			status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
			if !ok || !status.Signaled() || status.Signal() != syscall.SIGINT {
				t.Errorf("it ended with %v", cmd.ProcessState)
			}
			return
		case <-again.C:
			_ = cmd.Process.Signal(os.Interrupt) // it may just have ended
		}
	}
}

// killImage is larger than what lies in sockets on its way.
func killImage(t *testing.T) string {
	t.Helper()
	return newImageOf(t, 48<<20)
}

// watchedPhone starts a phone whose events can be waited for. After a restart it calls nobody before release is called, so
// that a push cannot be done before it is ended.
func watchedPhone(t *testing.T) (phone *phonesim.Phone, events <-chan phonesim.Event, release func()) {
	t.Helper()
	all, released := make(chan phonesim.Event, 1000), make(chan struct{})
	restarted := false
	phone = startPhone(t, "", func(c *phonesim.Config) {
		c.Web, c.CallDelay, c.InstallTime = "127.0.0.1:0", 100*time.Millisecond, 300*time.Millisecond
		c.Event = func(e phonesim.Event) { // one at a time
			all <- e
			restarted = restarted || e.Kind == phonesim.Restarting
			if restarted && e.Kind == phonesim.Contacted {
				<-released
			}
		}
	})
	release = sync.OnceFunc(func() { close(released) })
	t.Cleanup(release) // before the phone is closed
	return phone, all, release
}

// quiet waits until the phone has done what it was told, if it was, and reports whether it was.
func quiet(t *testing.T, phone *phonesim.Phone, events <-chan phonesim.Event) (instructed bool) {
	t.Helper()
	limit := time.After(2 * time.Minute)
	for {
		select {
		case e := <-events:
			switch e.Kind {
			case phonesim.Instructed:
				instructed = true
			case phonesim.CallFailed, phonesim.Ended, phonesim.Aborted, phonesim.FetchEnded, phonesim.Refused:
				if !instructed || e.Kind == phonesim.FetchEnded {
					return instructed
				}
			case phonesim.Started:
				return instructed
			}
		case <-limit:
			t.Fatalf("the phone does not come to rest: %+v", phone.State())
		}
	}
}

// A pushProcess is push as a process of its own.
type pushProcess struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines *bufio.Scanner
	port  string // where phones call back back back
	err   chan string
}

// startProcess starts cpupdate as a process of its own; what it says on stderr is the caller's to read.
func startProcess(t *testing.T, args ...string) (p *pushProcess, errOut io.Reader) {
	t.Helper()
	p = &pushProcess{t: t, cmd: exec.CommandContext(t.Context(), "cpupdate", args...), err: make(chan string, 1)}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if errOut, err = p.cmd.StderrPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.lines = bufio.NewScanner(out)
	p.lines.Buffer(nil, 1<<20)
	return p, errOut
}

// startPush returns when push listens.
func startPush(t *testing.T, args ...string) *pushProcess {
	t.Helper()
	p, errOut := startProcess(t, args...)
	said := bufio.NewReader(errOut)
	first, _ := said.ReadString('\n')
	_, after, found := strings.Cut(first, "listening on port ")
	if p.port, _, _ = strings.Cut(after, ";"); !found {
		t.Fatalf("it does not say its port: %s", first)
	}
	go func() {
		rest, _ := io.ReadAll(said)
		p.err <- string(rest)
	}()
	return p
}

// until reads lines up to a step.
func (p *pushProcess) until(step string) {
	p.t.Helper()
	for p.lines.Scan() {
		var line pushLine
		if err := json.Unmarshal(p.lines.Bytes(), &line); err != nil {
			p.t.Fatalf("%v in %s", err, p.lines.Text())
		}
		if line.Event == step {
			return
		}
	}
	p.t.Fatalf("it ended before it was at %s: %s", step, <-p.err)
}

// rest waits for the end, and returns the last line about the phone.
func (p *pushProcess) rest() (last pushLine) {
	p.t.Helper()
	for p.lines.Scan() {
		var line pushLine
		if err := json.Unmarshal(p.lines.Bytes(), &line); err == nil && line.Phone != "" {
			last = line
		}
	}
	said := <-p.err
	_ = p.cmd.Wait() // how it ended is in its state
	p.err <- said
	return last
}

// checkInterrupted looks at what it said in the end.
func (p *pushProcess) checkInterrupted(last pushLine) {
	p.t.Helper()
	e := ran{errOut: <-p.err}.failure(p.t)
	if p.cmd.ProcessState.ExitCode() != int(exit.CodeInterrupted) || e.Code != exit.CodeInterrupted || e.Kind != "interrupted" {
		p.t.Errorf("it ended with %v: %+v", p.cmd.ProcessState, e)
	}
	if last.Event != "failed" || last.Error == nil || last.Error.Message != e.Message || last.Told == nil {
		p.t.Fatalf("the last line of the phone is %+v", last)
	}
	want := "interrupted before the update command was sent"
	if *last.Told {
		want = "interrupted after the update command was sent; "
	}
	if may, keeps := strings.Contains(e.Message, "the phone may still update"), strings.Contains(e.Message, "it keeps its old software"); *last.Told && may == keeps {
		p.t.Errorf("it says of what the phone will do: %q", e.Message)
	}
	if !strings.Contains(e.Message, want) || !strings.Contains(strings.Join(e.Hints, " "), "cpupdate phone") {
		p.t.Errorf("it says %q, hints %q, want %q", e.Message, e.Hints, want)
	}
}
