package runview

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
)

// TestBeginning: what several phones are given, on either way.
func TestBeginning(t *testing.T) {
	w := &Watch{targets: make([]fleet.Target, 2), port: 18443}
	for _, c := range []struct {
		web      bool
		patience time.Duration
		want     string
	}{
		{false, 10 * time.Minute, "contact requests are sent to 2 phones, which call back on port 18443; waiting at most 10 min for each next step"},
		{true, 10 * time.Minute, "contact requests are sent to 2 phones, which call back on port 18443; a phone that does not call back within 20 s is identified by its web page only; waiting at most 10 min for each next step"},
		{true, 5 * time.Second, "contact requests are sent to 2 phones, which call back on port 18443; a phone that does not call back within 5 s is identified by its web page only; waiting at most 5 s for each next step"},
	} {
		if w.Web = c.web; w.beginning(c.patience) != c.want {
			t.Errorf("%s, want %s", w.beginning(c.patience), c.want)
		}
	}
}

// TestStatusLine counts phones by how far they are, and says it with each tick.
func TestStatusLine(t *testing.T) {
	con, _, errOut := newConsole()
	w := newWatch(con, make([]fleet.Target, 13))
	w.port = 18443
	for i, steps := range [][]fleet.Step{
		{fleet.StepDone},
		{fleet.StepCalled, fleet.StepFailed},
		{fleet.StepFetching},
		{fleet.StepFetched},
		{fleet.StepRestarting},
		{fleet.StepRestarting},
		{fleet.StepBack, fleet.StepContacted, fleet.StepSilent},
		{fleet.StepInstructed},
		{fleet.StepBusy},
		{fleet.StepChecked},
		{fleet.StepReading},
	} {
		for _, step := range steps {
			w.note(fleet.Event{Phone: i, Step: step, Attempt: 2})
		}
	}
	w.note(fleet.Event{Phone: 12, Step: fleet.StepFailed, Failure: &fleet.Failure{Kind: fleet.KindRefused}})
	w.note(fleet.Event{Phone: fleet.NoPhone, Step: fleet.StepUnknownCaller})
	want := "3 of 13 done (1 failed, 1 left alone), 1 back, 2 restarting, 1 installing, 1 fetching, 1 instructed, 1 in a call, 2 queried, 1 not called back yet"
	ticks, stop, done := make(chan time.Time), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		w.run(ticks, stop)
	}()
	ticks <- time.Time{}
	ticks <- time.Time{} // nothing has changed: nothing is shown
	close(stop)
	<-done
	if got := errOut.String(); got != "note: all phones: "+want+"\n" {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestNobodyCalls doubts the firewall once, when phones are asked once more and none of them called.
func TestNobodyCalls(t *testing.T) {
	first, again := fleet.Event{Step: fleet.StepContacted, Attempt: 1}, fleet.Event{Step: fleet.StepContacted, Attempt: 2}
	called, trouble := fleet.Event{Phone: 1, Step: fleet.StepCalled}, fleet.Event{Phone: 1, Step: fleet.StepCallError, Err: errors.New("x")}
	for _, test := range []struct {
		events []fleet.Event
		want   int
	}{
		{[]fleet.Event{first, first}, 0},
		{[]fleet.Event{first, again, again}, 1},
		{[]fleet.Event{first, called, again}, 0},
		{[]fleet.Event{first, trouble, again}, 0},
		{[]fleet.Event{first, {Phone: fleet.NoPhone, Step: fleet.StepCallError, Err: errors.New("x")}, again}, 0},
		{[]fleet.Event{first, {Phone: fleet.NoPhone, Step: fleet.StepUnknownCaller, Err: errors.New("x")}, again}, 1},
	} {
		con, _, errOut := newConsole()
		w := newWatch(con, make([]fleet.Target, 2))
		w.port = 18443
		for _, e := range test.events {
			w.note(e)
		}
		if n := strings.Count(errOut.String(), "note: this machine: no phone has called back on port 18443 yet; check that this machine's firewall lets phones in\n"); n != test.want {
			t.Errorf("%+v: %d notes, want %d\n%s", test.events, n, test.want, errOut)
		}
	}
}

// TestCallers shows callers who are no phone of the plan once each, with --verbose always, and with --json a hundred times.
func TestCallers(t *testing.T) {
	for _, test := range []struct {
		json, verbose bool
		want          int // of 300 times trouble from two addresses, and as many unknown callers
	}{
		{want: 2}, {verbose: true, want: 600}, {json: true, want: 100}, {json: true, verbose: true, want: 100},
	} {
		for _, looking := range []bool{false, true} {
			con, out, errOut := newConsole()
			con.JSON, con.Verbose = test.json, test.verbose
			r := NewReport(con, make([]fleet.Target, 3), nil, 0, func(err error) { t.Error(err) })
			event := r.Event
			if looking {
				event = newWatch(con, make([]fleet.Target, 3)).queryEvent
			}
			for i := range 300 {
				for _, step := range []fleet.Step{fleet.StepCallError, fleet.StepUnknownCaller} {
					event(fleet.Event{Phone: fleet.NoPhone, Step: step, Err: fmt.Errorf("fe80::%d: no TLS", 1+i%2)})
				}
			}
			if n := strings.Count(out.String()+errOut.String(), "no TLS"); n != test.want {
				t.Errorf("%+v: %d lines, want %d", test, n, test.want)
			}
		}
	}
}

// TestStatusNames names the phones that are the last under way.
func TestStatusNames(t *testing.T) {
	con, _, _ := newConsole()
	w := newWatch(con, []fleet.Target{{Address: "a"}, {Address: "b"}, {Address: "c"}, {Address: "d"}})
	w.share = func() string { return " 7 %" }
	states := func(s ...phoneState) { copy(w.states, s) }
	states(stateDone, stateRestarting, stateFetching, stateFetching)
	if got, want := w.status(w.share), "1 of 4 done, 1 restarting, 2 fetching 7 %"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	states(stateDone, stateFailed, stateFetching, stateRestarting)
	if got, want := w.status(w.share), "2 of 4 done (1 failed), 1 restarting: d, 1 fetching 7 %: c"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestFirstCallError checks that what is wrong with the calls of a phone is shown once, when it is first seen, also without
// --verbose and with several phones.
func TestFirstCallError(t *testing.T) {
	t.Parallel()
	for _, phones := range [][]fleet.Target{{{Address: "a"}}, {{Address: "a"}, {Address: "b"}}} {
		var query, push bytes.Buffer
		w := newWatch(&console.Console{Err: &query, Width: 80}, phones)
		r := NewReport(&console.Console{Out: io.Discard, Err: &push, Width: 80}, phones, nil, 0, func(err error) { t.Error(err) })
		e := fleet.Event{Phone: len(phones) - 1, Step: fleet.StepCallError, Err: errors.New("192.0.2.50: it shows no certificate")}
		bare := e
		bare.Err = &serve.HandshakeError{Err: io.EOF}
		w.queryEvent(bare)
		w.queryEvent(e)
		w.queryEvent(e)
		r.Event(e)
		for name, out := range map[string]string{"query": query.String(), "push": push.String()} {
			if n := strings.Count(out, ": 192.0.2.50: it shows no certificate"); n != 1 {
				t.Errorf("%s, %d phones: %q", name, len(phones), out)
			}
			if strings.Contains(out, "EOF") {
				t.Errorf("%s, %d phones: a bare connection is shown: %q", name, len(phones), out)
			}
		}
	}
}
