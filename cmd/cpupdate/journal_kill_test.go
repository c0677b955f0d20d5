package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/journal/sqlite"
)

// TestKilledManyTimes kills a push to many phones at random moments, and pushes again each time. No phone gets a second update
// command before it is known how the first one ended, and in the end the journal says what the phones are.
//
//	KILLS=50 PHONES=200 go test -run TestKilledManyTimes ./cmd/cpupdate
func TestKilledManyTimes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no signals that one process sends another")
	}
	t.Parallel()
	kills, phones := number(t, "KILLS", 6), number(t, "PHONES", 30)
	image, flags := newImageOf(t, 1<<20), serviceFlags(t)
	file := filepath.Join(t.TempDir(), "journal.db")
	s := newSwarm(t, phones)
	push := func(settle string) []string {
		args := append([]string{"push", image, "--phones", s.list, "--serve", "--json", "--journal", file, "--parallel", "12", "--settle", settle}, flags...)
		return append(args, "--contact-interval", "100ms", "--probe-interval", "50ms", "--patience", "1m")
	}
	seed := rand.Uint64() //nolint:gosec // moments
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // moments
	for range kills {
		p := startWebPush(t, push("15m")...)
		for lines := random.IntN(3 * phones); lines > 0 && p.lines.Scan(); lines-- { // each run has more lines than that
		}
		_ = p.cmd.Process.Kill() // it may have ended
		p.rest()
	}
	for address, n := range s.instructed() {
		if n > 1 {
			t.Errorf("%s got %d update commands", address, n)
		}
	}
	runs := 0
	for code := exit.CodePartial; code != exit.CodeOK; {
		if runs++; runs > 8 {
			t.Fatalf("the push does not come to an end: exit code %d", code)
		}
		a, out, errOut := testApp(t, nil)
		if code = run(t.Context(), a, push("1ms")); code != exit.CodeOK && code != exit.CodePartial {
			t.Fatalf("exit code %d\n%s\n%s", code, out, errOut)
		}
	}
	t.Logf("%d kills, and then %d pushes", kills, runs)
	s.compare(file, s.end())
}

// number returns a number of the environment, or another one.
func number(t *testing.T, variable string, otherwise int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A swarm is phones that another process simulates.
type swarm struct {
	t    *testing.T
	cmd  *exec.Cmd
	list string
	done chan struct{}

	mu    sync.Mutex
	told  map[string]int
	state map[string]swarmLine
	lines []swarmLine   // that the phones printed
	more  chan struct{} // closed with the next line
}

// A swarmLine is what tests look at of a line of simulate --json.
type swarmLine struct {
	Event, Address string
	Version        string `json:"software_version"`
	Told           int
}

// newSwarm starts phones, with more flags of simulate.
func newSwarm(t *testing.T, n int, flags ...string) *swarm {
	t.Helper()
	s := &swarm{t: t, list: filepath.Join(t.TempDir(), "swarm.csv"), done: make(chan struct{}), told: map[string]int{}, state: map[string]swarmLine{}, more: make(chan struct{})}
	args := []string{"simulate", "--count", strconv.Itoa(n), "--json", "-o", s.list, "--install-time", "10ms", "--restart-time", "200ms"}
	s.cmd = exec.CommandContext(t.Context(), "cpupdate", append(args, flags...)...)
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	go func() {
		defer close(s.done)
		s.follow(out, ready)
	}()
	select {
	case <-ready:
	case <-s.done:
		t.Fatal("the phones do not start")
	}
	return s
}

// follow reads what the phones do.
func (s *swarm) follow(out io.Reader, ready chan struct{}) {
	lines := json.NewDecoder(out)
	for {
		var line swarmLine
		if lines.Decode(&line) != nil {
			return
		}
		s.mu.Lock()
		s.lines = append(s.lines, line)
		close(s.more)
		s.more = make(chan struct{})
		switch line.Event {
		case "ready":
			close(ready)
		case "told":
			s.told[line.Address]++
		case "state":
			s.state[line.Address] = line
		}
		s.mu.Unlock()
	}
}

// count returns how many lines the phones printed so far: each says what happened to one of them.
func (s *swarm) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.lines)
}

// await returns when the phones have printed so many lines, or when something has ended.
func (s *swarm) await(lines int, ended <-chan struct{}) {
	s.search(ended, func(printed []swarmLine) bool { return len(printed) >= lines })
}

// next waits for an event of a phone after the first so many lines, or of any phone if none is named, and returns the phone. Something may end before.
func (s *swarm) next(from int, event, address string, ended <-chan struct{}) (phone string) {
	s.search(ended, func(printed []swarmLine) bool {
		i := slices.IndexFunc(printed[from:], func(l swarmLine) bool { return l.Event == event && (address == "" || l.Address == address) })
		if i >= 0 {
			phone = printed[from+i].Address
		}
		return i >= 0
	})
	return phone
}

// search returns when the lines that the phones have printed are enough, or when something has ended.
func (s *swarm) search(ended <-chan struct{}, enough func([]swarmLine) bool) {
	for {
		s.mu.Lock()
		done, more := enough(s.lines), s.more
		s.mu.Unlock()
		if done {
			return
		}
		select {
		case <-more:
		case <-ended:
			return
		}
	}
}

// instructed returns how often each phone got an update command so far.
func (s *swarm) instructed() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	told := map[string]int{}
	for address, n := range s.told {
		told[address] = n
	}
	return told
}

// end ends the phones, and returns what they are.
func (s *swarm) end() map[string]swarmLine {
	s.t.Helper()
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		s.t.Fatal(err)
	}
	<-s.done
	_ = s.cmd.Wait()
	return s.state
}

// compare compares a journal with the phones.
func (s *swarm) compare(file string, states map[string]swarmLine) {
	s.t.Helper()
	ledger, err := sqlite.Open(s.t.Context(), file)
	if err != nil {
		s.t.Fatal(err)
	}
	defer ledger.Close()
	listed, err := settings.ReadPhoneList(s.t.Context(), s.list)
	if err != nil || len(listed) != len(states) {
		s.t.Fatalf("%d phones listed, %d ended: %v", len(listed), len(states), err)
	}
	for _, phone := range listed {
		commands, last, problem := s.fold(ledger, phone.Address)
		state := states[phone.Address]
		switch {
		case problem != "":
			s.t.Errorf("%s: %s", phone.Address, problem)
		case state.Told > commands || state.Told != s.told[phone.Address]:
			s.t.Errorf("%s got %d commands, %d of which are recorded", phone.Address, state.Told, commands)
		case last.Outcome == nil || last.Outcome.Version != state.Version || state.Version != versionNew:
			s.t.Errorf("%s runs %s, and the journal says %+v", phone.Address, state.Version, last.Outcome)
		}
	}
}

// fold reads the runs with a phone in their order. It returns how many commands were announced, the state of the last run, and what
// must never happen: a command after one whose end was not known.
func (s *swarm) fold(ledger journal.Ledger, address string) (commands int, last journal.State, problem string) {
	var names []string
	for r, err := range ledger.Rollouts(s.t.Context(), journal.Filter{}) {
		if err != nil {
			s.t.Fatal(err)
		}
		names = append([]string{r.Name}, names...)
	}
	open := ""
	for _, name := range names {
		state := journal.State{}
		for event, err := range ledger.Read(s.t.Context(), journal.Key{Rollout: name, Phone: address}) {
			if err != nil {
				s.t.Fatal(err)
			}
			state = state.Apply(event)
		}
		if state.Events == 0 {
			continue // killed before it was listed
		}
		if state.Commands > 0 && open != "" {
			problem = fmt.Sprintf("instructed in %s, and in %s before", name, open)
		}
		switch {
		case state.Outcome != nil:
			open = ""
		case !state.Told.IsZero():
			open = name
		}
		commands, last = commands+state.Commands, state
	}
	return commands, last, strings.TrimSpace(problem)
}
