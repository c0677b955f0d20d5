package runview

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
)

// TestAnswerIsNotTheEnd: after the answer of the page it is said how long a restart is waited for. An end by ^C has a line of
// its own on a terminal.
func TestAnswerIsNotTheEnd(t *testing.T) {
	con, _, errOut := newConsole()
	r := NewReport(con, []fleet.Target{{Address: "a"}}, nil, 0, func(err error) { t.Error(err) })
	r.Event(fleet.Event{Step: fleet.StepAnswered, Limit: 10 * time.Minute})
	if !strings.Contains(errOut.String(), "note: a: waiting at most 10 min for it to restart\n") {
		t.Error(errOut)
	}
	for _, terminal := range []bool{true, false} {
		for _, kind := range []fleet.Kind{fleet.KindInterrupted, fleet.KindNoAnswer} {
			var both bytes.Buffer
			con.Out, con.Err, con.ErrTerminal = &both, &both, terminal
			r.Event(fleet.Event{Step: fleet.StepFailed, Failure: &fleet.Failure{Kind: kind, Msg: "why"}})
			if broken := strings.HasPrefix(both.String(), "\n"); broken != (terminal && kind == fleet.KindInterrupted) {
				t.Errorf("%s, terminal %t: %q", kind, terminal, both.String())
			}
		}
	}
}

// TestManyFetch shows a bar with the status on a terminal, and no lines elsewhere. It ends the bar of several phones at all of it, also for those that end without fetching; the word about LAN
// and power is said once.
func TestManyFetch(t *testing.T) {
	for _, terminal := range []bool{true, false} {
		t.Run(fmt.Sprintf("terminal %t", terminal), func(t *testing.T) { manyFetch(t, terminal) })
	}
}

func manyFetch(t *testing.T, terminal bool) {
	con, out, errOut := newConsole()
	con.ErrTerminal, con.ErrWidth = terminal, func() int { return 100 }
	r := NewReport(con, []fleet.Target{{Address: "a"}, {Address: "b"}, {Address: "c"}}, nil, 100, func(err error) { t.Error(err) })
	tell := func(phone int, step fleet.Step, sent int64) {
		e := fleet.Event{Phone: phone, Step: step, Fetch: serve.Fetch{Sent: sent, Size: 100}}
		if step == fleet.StepFailed {
			e.Failure = &fleet.Failure{Kind: fleet.KindNoCall, Msg: "no"}
		}
		r.Event(e)
	}
	tell(0, fleet.StepInstructed, 0)
	tell(1, fleet.StepInstructed, 0)
	tell(0, fleet.StepFetching, 40)
	tell(1, fleet.StepFailed, 0)
	if got := r.progress.Sent.Load(); got != 40 || r.progress.Size != 200 {
		t.Errorf("%d of %d", got, r.progress.Size)
	}
	r.progress.Show()
	tell(2, fleet.StepDone, 0)
	tell(0, fleet.StepFetched, 100)
	if sent, size := r.moved(); r.progress != nil || sent != 100 || size != 100 {
		t.Errorf("the bar stays at %d of %d", sent, size)
	}
	switch text := errOut.String(); {
	case terminal && !strings.Contains(text, "1 of 3 done (1 failed), 1 fetching: a, 1 not called back yet: c"):
		t.Errorf("%q", text)
	case terminal && strings.Count(text, "%") != strings.Count(text, "1 of 3 done"): // that of the bar
		t.Errorf("%q has several percentages", text)
	case !terminal && text != "":
		t.Errorf("%q", text)
	}
	if n := strings.Count(out.String(), "Keep the phones on LAN and power until they are done.\n"); n != 1 {
		t.Errorf("it is said %d times\n%s", n, out)
	}
}

// TestFetchingLines writes fetching once a second at most, for each phone.
func TestFetchingLines(t *testing.T) {
	con, out, _ := newConsole()
	con.JSON = true
	r := NewReport(con, []fleet.Target{{Address: "a"}, {Address: "b"}}, nil, 100, func(err error) { t.Error(err) })
	at := time.Now()
	for i := range 25 { // 2.4 s
		for phone := range 2 {
			r.Event(fleet.Event{Phone: phone, Step: fleet.StepFetching, At: at.Add(time.Duration(i) * 100 * time.Millisecond), Fetch: serve.Fetch{Sent: int64(i)}})
		}
	}
	for _, phone := range []string{"a", "b"} {
		if n := strings.Count(out.String(), `"event":"fetching","phone":"`+phone+`"`); n != 3 {
			t.Errorf("%d lines of %s, want 3", n, phone)
		}
	}
}

// However it ends with a phone, its name stands in the same column.
func TestEndLines(t *testing.T) {
	for _, row := range slices.Concat(advice.PhoneTable(), advice.WebTable()) {
		r := &Report{con: &console.Console{Width: 80}, targets: []fleet.Target{{Address: "PHONE"}}}
		r.Context.Page = func(string) string { return "" }
		line := r.endLine(fleet.Event{Failure: &fleet.Failure{Kind: row.Kind, Msg: "x"}}, &phoneProgress{})
		if at := strings.Index(line, "PHONE"); at != len(string(fleet.KindPageUnreachable))+2 {
			t.Errorf("%s: column %d in %q", row.Kind, at, line)
		}
	}
}

// newConsole returns a console of 80 columns, and what is written to it.
// TestSummaryLines breaks the last line of the answer after commas when there are many kinds of results.
func TestSummaryLines(t *testing.T) {
	con, out, _ := newConsole()
	r := NewReport(con, []fleet.Target{{Address: "a"}}, nil, 0, func(err error) { t.Error(err) })
	var results []fleet.Result
	for _, kind := range []fleet.Kind{fleet.KindBusy, fleet.KindCut, fleet.KindRefused, fleet.KindNeverFetch, fleet.KindRejected, fleet.KindNotTaken, fleet.KindUnreachable} {
		results = append(results, fleet.Result{Failure: &fleet.Failure{Kind: kind}})
	}
	r.Summary(results, nil)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[1], strings.Repeat(" ", len("7 phones: "))+"1 rejected") {
		t.Errorf("%q", out)
	}
	for _, line := range lines {
		if len(line) > con.Width {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
}

func newConsole() (con *console.Console, out, errOut *bytes.Buffer) {
	out, errOut = &bytes.Buffer{}, &bytes.Buffer{}
	return &console.Console{Out: out, Err: errOut, Width: 80}, out, errOut
}
