package runview

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/callback"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
)

// statusInterval is how often the progress of several phones is shown.
const statusInterval = 30 * time.Second

// A Watch follows a run for the person who waits: how far the phones are, whether any phone calls back, and who else
// calls. It writes only notes, with aside.
type Watch struct {
	con       *console.Console
	targets   []fleet.Target
	Web       bool // the image is sent to the phones' pages
	noteAbout func(who, text string)
	share     func() string // how much of the image the phones that fetch it have, such as " 40 %"

	mu      sync.Mutex // guards everything below, and the output of the run
	port    int        // where phones call back
	states  []phoneState
	called  bool // at least one phone has called
	doubted bool // the note about the firewall was shown
	callers map[string]bool

	callErrors map[int]bool // of which phones an event has said what is wrong with a call
	said       string       // the status that was shown last
	others     int          // JSON lines about callers that are not in the plan
}

// A phoneState is how far the update of a phone is.
type phoneState int

// The states, in the order of an update.
const (
	stateNotCalled phoneState = iota
	stateUnreached
	stateQueried
	stateBusy
	stateInstructed
	stateSettling
	stateFetching
	stateSending
	stateInstalling
	stateRestarting
	stateBack
	stateFailed
	stateLeftAlone
	stateDone
	stateCount
)

// newWatch returns a watch that writes notes; a caller that shows more replaces aside.
func newWatch(con *console.Console, targets []fleet.Target) *Watch {
	return &Watch{
		con: con, targets: targets, states: make([]phoneState, len(targets)), callers: map[string]bool{}, callErrors: map[int]bool{},
		noteAbout: func(who, text string) { con.NoteAbout("note", who, text) },
	}
}

// Begin says what the run waits for. With several phones it also shows their progress regularly until end is called.
func (w *Watch) Begin(s *callback.Server) (end func()) {
	w.port = int(s.Server.Addr().Port())
	if len(w.targets) == 1 || w.con.JSON || w.con.Quiet {
		return func() {}
	}
	w.noteAbout("this machine", w.beginning(s.Options.Patience))
	ticker, stop := time.NewTicker(statusInterval), make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() { w.run(ticker.C, stop) })
	return func() {
		ticker.Stop()
		close(stop)
		done.Wait()
	}
}

// beginning says what the run waits for.
func (w *Watch) beginning(patience time.Duration) string {
	text := fmt.Sprintf("contact requests are sent to %d phones, which call back on port %d", len(w.targets), w.port)
	if w.Web {
		text += fmt.Sprintf("; a phone that does not call back within %s is identified by its web page only", display.Span(min(patience, fleet.DefaultConfirmFirst)))
	}
	return text + fmt.Sprintf("; waiting at most %s for each next step", display.Span(patience))
}

// run shows the progress of the phones at each tick, if it has changed.
func (w *Watch) run(ticks <-chan time.Time, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-ticks:
			w.mu.Lock()
			if status := w.status(w.share); status != w.said {
				w.said = status
				w.noteAbout("all phones", status)
			}
			w.mu.Unlock()
		}
	}
}

// note records an event. If a contact request is repeated and no phone has called yet, it points to the firewall. The
// caller holds the lock.
func (w *Watch) note(e fleet.Event) {
	if e.Phone == fleet.NoPhone {
		w.called = w.called || e.Step == fleet.StepCallError // of one of several phones with the same address
		return
	}
	before := &w.states[e.Phone]
	switch e.Step {
	case fleet.StepContacted:
		if e.Attempt > 1 && !w.called && !w.doubted {
			w.doubted = true
			w.noteAbout("this machine", fmt.Sprintf("no phone has called back on port %d yet; check that this machine's firewall lets phones in", w.port))
		}
	case fleet.StepReading, fleet.StepCalled, fleet.StepCallError:
		w.called = true
		if *before == stateNotCalled || *before == stateUnreached {
			*before = stateQueried
		}
	case fleet.StepSilent:
		if *before == stateNotCalled && mayStart(e) {
			*before = stateUnreached
		}
	case fleet.StepUnknownCaller, fleet.StepPageOnly, fleet.StepVisited:
	default:
		if *before = stateAfter(e.Step); *before == stateFailed && leftAlone(e.Failure) {
			*before = stateLeftAlone
		}
	}
}

// leftAlone reports whether a phone was not instructed because of what is known of it or of other phones.
func leftAlone(f *fleet.Failure) bool {
	return f != nil && (f.Kind == fleet.KindRefused || f.Kind == fleet.KindUnknown || f.Kind == fleet.KindStopped || f.Kind == fleet.KindTaken || f.Kind == fleet.KindNotBegun)
}

// stateAfter returns the state of a phone after a step.
func stateAfter(step fleet.Step) phoneState {
	return map[fleet.Step]phoneState{
		fleet.StepChecked: stateQueried, fleet.StepBusy: stateBusy, fleet.StepSettling: stateSettling, fleet.StepInstructed: stateInstructed, fleet.StepAccepted: stateInstructed,
		fleet.StepPage: stateQueried, fleet.StepLoggedIn: stateQueried, fleet.StepFound: stateQueried,
		fleet.StepSending: stateSending, fleet.StepSent: stateInstalling, fleet.StepAnswered: stateInstalling,
		fleet.StepFetching: stateFetching, fleet.StepFetched: stateInstalling, fleet.StepRestarting: stateRestarting,
		fleet.StepBack: stateBack, fleet.StepFailed: stateFailed, fleet.StepDone: stateDone,
	}[step]
}

// status returns "12 of 30 done, 9 restarting, 3 fetching 40 %, 6 not called back yet". It names the last phones. share, if not
// nil, returns how much of the image those have that fetch it.
func (w *Watch) status(share func() string) string {
	const named = 2
	var counts [stateCount]int
	for _, s := range w.states {
		counts[s]++
	}
	ended := counts[stateDone] + counts[stateFailed] + counts[stateLeftAlone]
	text := fmt.Sprintf("%d of %d done", ended, len(w.states))
	var apart []string
	if n := counts[stateFailed]; n > 0 {
		apart = append(apart, fmt.Sprintf("%d failed", n))
	}
	if n := counts[stateLeftAlone]; n > 0 {
		apart = append(apart, fmt.Sprintf("%d left alone", n))
	}
	if len(apart) > 0 {
		text += " (" + strings.Join(apart, ", ") + ")"
	}
	for _, s := range []struct {
		state phoneState
		word  string
	}{
		{stateBack, "back"},
		{stateRestarting, "restarting"},
		{stateInstalling, "installing"},
		{stateFetching, "fetching"},
		{stateSending, "receiving the image"},
		{stateInstructed, "instructed"},
		{stateSettling, "instructed by an earlier run"},
		{stateBusy, "in a call"},
		{stateQueried, "queried"},
		{stateUnreached, "not reachable yet"},
		{stateNotCalled, "not called back yet"},
	} {
		if n := counts[s.state]; n > 0 {
			text += fmt.Sprintf(", %d %s", n, s.word)
			if share != nil && (s.state == stateFetching || s.state == stateSending) {
				text += share()
			}
			if len(w.states)-ended <= named {
				text += ": " + strings.Join(w.namesOf(s.state), ", ")
			}
		}
	}
	return text
}

// namesOf returns the phones in a state.
func (w *Watch) namesOf(state phoneState) []string {
	var names []string
	for i, s := range w.states {
		if s == state {
			names = append(names, w.targets[i].Label())
		}
	}
	return names
}

// firstCallError reports whether an event is the first one that says what is wrong with a phone's call. The phone may try again,
// so that it has not failed yet. A handshake that failed for another reason than a certificate says little: the connection may be a
// bare one. The caller holds the lock.
func (w *Watch) firstCallError(e fleet.Event) bool {
	if e.Step != fleet.StepCallError || w.callErrors[e.Phone] {
		return false
	}
	handshake := errors.As(e.Err, new(*serve.HandshakeError))
	if handshake && !errors.As(e.Err, new(*serve.AlertError)) && !errors.As(e.Err, new(*serve.CertificateError)) {
		return false
	}
	w.callErrors[e.Phone] = true
	return true
}

// heard reports whether an event of a caller that is not in the plan is to be shown. Without --verbose, only calls that
// cannot be understood are shown, once for each address, because such a caller may call any number of times. With
// --json, at most a hundred lines are shown.
func (w *Watch) heard(e fleet.Event) bool {
	const most = 100
	switch {
	case w.con.JSON:
		w.others++
		return w.others <= most
	case w.con.Verbose:
		return true
	case e.Step != fleet.StepCallError:
		return false
	}
	remote, _, _ := strings.Cut(e.Err.Error(), ": ")
	if w.callers[remote] || len(w.callers) == most {
		return false
	}
	w.callers[remote] = true
	return true
}

// queryEvent shows an event of a run that only queries phones.
func (w *Watch) queryEvent(e fleet.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note(e)
	switch {
	case e.Phone == fleet.NoPhone:
		if (e.Step == fleet.StepCallError || w.con.Verbose) && w.heard(e) {
			w.noteAbout("a caller", e.Err.Error())
		}
	case w.firstCallError(e) || w.con.Verbose || len(w.targets) == 1 && (e.Step == fleet.StepContacted || e.Step == fleet.StepSilent):
		name := w.targets[e.Phone].Label()
		if w.con.JSON { // programs know it by its address
			name = w.targets[e.Phone].Address
		}
		w.noteAbout(name, stepText(e))
	}
}
