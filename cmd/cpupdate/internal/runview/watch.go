package runview

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/callback"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/pkg/fleet"
)

// statusInterval is how often it is said how far several phones are.
const statusInterval = 30 * time.Second

// A Watch keeps track of a run for the person who waits: how many phones are how far, whether any calls at all, and who
// else does. It writes notes only, by aside.
type Watch struct {
	con     *console.Console
	targets []fleet.Target
	Web     bool // the way is by the phones' pages
	aside   func(who, text string)

	mu      sync.Mutex // everything below, and what is shown of the run
	port    int        // where phones call
	states  []phoneState
	called  bool // at least one phone, however it ended
	doubted bool // whether they can call
	callers map[string]bool
	others  int // lines about nobody's calls in --json
}

// A phoneState is how far a phone is.
type phoneState int

// The states, in the order of an update.
const (
	stateNotCalled phoneState = iota
	stateAsked
	stateBusy
	stateTold
	stateFetching
	stateSending
	stateInstalling
	stateRestarting
	stateBack
	stateFailed
	stateDone
	stateCount
)

// newWatch returns one that writes notes; whoever shows more sets aside.
func newWatch(con *console.Console, targets []fleet.Target) *Watch {
	return &Watch{
		con: con, targets: targets, states: make([]phoneState, len(targets)), callers: map[string]bool{},
		aside: func(who, text string) { con.Remark("note", who, text) },
	}
}

// Begin says what is waited for, and with several phones from time to time how far they are, until end is called.
func (w *Watch) Begin(s *callback.Server) (end func()) {
	w.port = int(s.Server.Addr().Port())
	if len(w.targets) == 1 || w.con.JSON || w.con.Quiet {
		return func() {}
	}
	w.aside("this machine", w.beginning(s.Options.Patience))
	ticker, stop := time.NewTicker(statusInterval), make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() { w.run(ticker.C, stop) })
	return func() {
		ticker.Stop()
		close(stop)
		done.Wait()
	}
}

// beginning says what is waited for.
func (w *Watch) beginning(patience time.Duration) string {
	text := fmt.Sprintf("%d phones are asked to call port %d", len(w.targets), w.port)
	if w.Web {
		text += fmt.Sprintf("; one that does not within %s is known by its web page alone", console.LimitText(min(patience, fleet.UsualWitness)))
	}
	return text + fmt.Sprintf("; each is given up after %s of silence", console.LimitText(patience))
}

// run says how far the phones are with each tick.
func (w *Watch) run(ticks <-chan time.Time, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-ticks:
			w.mu.Lock()
			w.aside("all phones", w.status())
			w.mu.Unlock()
		}
	}
}

// note remembers an event, and doubts the firewall if phones are asked once more and none called. It is told under the lock.
func (w *Watch) note(e fleet.Event) {
	if e.Phone == fleet.NoPhone {
		return
	}
	before := &w.states[e.Phone]
	switch e.Step {
	case fleet.StepContacted:
		if e.Attempt > 1 && !w.called && !w.doubted {
			w.doubted = true
			w.aside("this machine", fmt.Sprintf("no phone has called port %d yet: does this machine's firewall let it in?", w.port))
		}
	case fleet.StepReading, fleet.StepCalled, fleet.StepTrouble:
		w.called = true
		if *before == stateNotCalled {
			*before = stateAsked
		}
	case fleet.StepSilent, fleet.StepStranger, fleet.StepPageOnly, fleet.StepVisited:
	default:
		*before = stateAfter(e.Step)
	}
}

// stateAfter is how far a phone is after a step forward.
func stateAfter(step fleet.Step) phoneState {
	return map[fleet.Step]phoneState{
		fleet.StepChecked: stateAsked, fleet.StepBusy: stateBusy, fleet.StepTold: stateTold, fleet.StepAccepted: stateTold,
		fleet.StepPage: stateAsked, fleet.StepLoggedIn: stateAsked, fleet.StepFound: stateAsked,
		fleet.StepSending: stateSending, fleet.StepSent: stateInstalling, fleet.StepAnswered: stateInstalling,
		fleet.StepFetching: stateFetching, fleet.StepFetched: stateInstalling, fleet.StepRestarting: stateRestarting,
		fleet.StepBack: stateBack, fleet.StepFailed: stateFailed, fleet.StepDone: stateDone,
	}[step]
}

// status is "12 of 30 done, 3 fetching, 9 restarting, 6 not called yet".
func (w *Watch) status() string {
	var counts [stateCount]int
	for _, s := range w.states {
		counts[s]++
	}
	text := fmt.Sprintf("%d of %d done", counts[stateDone]+counts[stateFailed], len(w.states))
	if n := counts[stateFailed]; n > 0 {
		text += fmt.Sprintf(" (%d failed)", n)
	}
	for _, s := range []struct {
		state phoneState
		word  string
	}{
		{stateBack, "back"},
		{stateRestarting, "restarting"},
		{stateInstalling, "installing"},
		{stateFetching, "fetching"},
		{stateSending, "being sent the image"},
		{stateTold, "told"},
		{stateBusy, "in a call"},
		{stateAsked, "asked"},
		{stateNotCalled, "not called yet"},
	} {
		if n := counts[s.state]; n > 0 {
			text += fmt.Sprintf(", %d %s", n, s.word)
		}
	}
	return text
}

// heard reports whether what a caller did who is no phone of the plan is to be shown: without --verbose only that he could
// not be understood, and once for each address, since he may call as often as he likes. With --json it is a hundred lines.
func (w *Watch) heard(e fleet.Event) bool {
	const most = 100
	switch {
	case w.con.JSON:
		w.others++
		return w.others <= most
	case w.con.Verbose:
		return true
	case e.Step != fleet.StepTrouble:
		return false
	}
	remote, _, _ := strings.Cut(e.Err.Error(), ": ")
	if w.callers[remote] || len(w.callers) == most {
		return false
	}
	w.callers[remote] = true
	return true
}

// looking shows an event of a run that only asks.
func (w *Watch) looking(e fleet.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note(e)
	switch {
	case e.Phone == fleet.NoPhone:
		if (e.Step == fleet.StepTrouble || w.con.Verbose) && w.heard(e) {
			w.aside("a caller", e.Err.Error())
		}
	case w.con.Verbose || len(w.targets) == 1 && (e.Step == fleet.StepContacted || e.Step == fleet.StepSilent):
		w.aside(w.targets[e.Phone].Address, stepText(e))
	}
}
