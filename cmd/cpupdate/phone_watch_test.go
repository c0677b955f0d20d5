package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/runview"
	"github.com/cpupdate/cpupdate/pkg/fleet"
)

// TestBeginning: what several phones are given, on either way.
func TestBeginning(t *testing.T) {
	w := &runview.Watch{Targets: make([]fleet.Target, 2), Port: 18443}
	for _, c := range []struct {
		web      bool
		patience time.Duration
		want     string
	}{
		{false, 10 * time.Minute, "contact requests are sent to 2 phones, which call back on port 18443; waiting at most 10 min for each next step"},
		{true, 10 * time.Minute, "contact requests are sent to 2 phones, which call back on port 18443; a phone that does not call back within 20 s is identified by its web page only; waiting at most 10 min for each next step"},
		{true, 5 * time.Second, "contact requests are sent to 2 phones, which call back on port 18443; a phone that does not call back within 5 s is identified by its web page only; waiting at most 5 s for each next step"},
	} {
		if w.Web = c.web; w.Beginning(c.patience) != c.want {
			t.Errorf("%s, want %s", w.Beginning(c.patience), c.want)
		}
	}
}

// TestAnswerIsNotTheEnd: after the answer of the page it is said how long a restart is waited for. An end by ^C has a line of
// its own on a terminal.
func TestAnswerIsNotTheEnd(t *testing.T) {
	a, _, errOut := testApp(t, nil)
	r := runview.NewReport(a.con, []fleet.Target{{Address: "a"}}, nil, 0, func(err error) { t.Error(err) })
	r.Event(fleet.Event{Step: fleet.StepAnswered, Limit: 10 * time.Minute})
	if !strings.Contains(errOut.String(), "note: a: waiting at most 10 min for it to restart\n") {
		t.Error(errOut)
	}
	for _, terminal := range []bool{true, false} {
		for _, kind := range []fleet.Kind{fleet.KindInterrupted, fleet.KindNoAnswer} {
			var both bytes.Buffer
			a.con.Out, a.con.Err, a.con.ErrTerminal = &both, &both, terminal
			r.Event(fleet.Event{Step: fleet.StepFailed, Failure: &fleet.Failure{Kind: kind, Msg: "why"}})
			if broken := strings.HasPrefix(both.String(), "\n"); broken != (terminal && kind == fleet.KindInterrupted) {
				t.Errorf("%s, terminal %t: %q", kind, terminal, both.String())
			}
		}
	}
}
