package rolloutcmd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/delivery"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/record"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// TestCauses gives every kind of failure a cause, and says of none after the update command that it may pass.
func TestCauses(t *testing.T) {
	t.Parallel()
	for _, row := range append(advice.PhoneTable(), advice.WebTable()...) {
		if _, passes := causes(row.Kind, true); passes {
			t.Errorf("%s may pass after the update command", row.Kind)
		}
	}
	for _, row := range []struct {
		kind       fleet.Kind
		instructed bool
		cause      rollout.Cause
		passes     bool
	}{
		{fleet.KindUnreachable, false, rollout.Unreachable, true},
		{fleet.KindUnreachable, true, rollout.Unverified, false},
		{fleet.KindBusy, false, rollout.Unreachable, true},
		{fleet.KindUploadCut, false, rollout.Unreachable, true},
		{fleet.KindNotTaken, true, rollout.Rejected, false},
		{fleet.KindRejected, true, rollout.Rejected, false},
		{fleet.KindUnproven, true, rollout.Unverified, false},
		{fleet.KindOldVersion, true, rollout.Unverified, false},
		{fleet.KindRefused, false, rollout.Refused, false},
		{fleet.KindUnknown, false, rollout.Unknown, false},
		{fleet.KindTLS, false, rollout.Settings, false},
		{fleet.KindAnotherPhone, false, rollout.Settings, false},
		{fleet.KindPassword, false, rollout.Settings, false},
	} {
		if cause, passes := causes(row.kind, row.instructed); cause != row.cause || passes != row.passes {
			t.Errorf("%s, instructed %v: %s, may pass %v", row.kind, row.instructed, cause, passes)
		}
	}
}

// TestParseRate reads how many phones are begun in a time.
func TestParseRate(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{"": 0, "30/m": 30, "1/s": 60, "90/h": 1.5} {
		if got, err := parseRate(text); err != nil || got < want-0.001 || got > want+0.001 {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"30", "/m", "0/m", "-1/m", "1.5/m", "30/d", "30/m/m", "99999999999/m", "30 /m"} {
		if got, err := parseRate(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// TestAsk asks before a wave: only yes begins it. Another word is asked for again.
func TestAsk(t *testing.T) {
	t.Parallel()
	saved := &rollout.Saved{Plan: rollout.Plan{Waves: []rollout.Wave{{Name: "canary"}, {Name: "20%", Phones: []int{1, 2}}}}}
	for answer, want := range map[string]bool{"yes\n": true, "no\n": false, "\n": false, "y\nno\n": false, "YES\n\n": false, "y\nj\nyes\n": true} {
		var asked bytes.Buffer
		r := &runner{env: Env{Console: &console.Console{In: strings.NewReader(answer), Err: &asked}}}
		open, err := r.ask(t.Context(), saved, rollout.Decision{Wave: 1})
		if open != want || err != nil || asked.String() != "Begin wave 2 of 2 (20%, 2 phones)? [yes/no] "+strings.Repeat("Type yes or no: ", strings.Count(answer, "\n")-1) {
			t.Errorf("%q: %v, %v, %q", answer, open, err, asked.String())
		}
	}
	r := &runner{env: Env{Console: &console.Console{In: strings.NewReader(""), Err: io.Discard}}}
	if open, err := r.ask(t.Context(), saved, rollout.Decision{Wave: 1}); open || err == nil {
		t.Errorf("without an answer: %v, %v", open, err)
	}
}

// TestOutcome gives every end of a run its exit code.
func TestOutcome(t *testing.T) {
	t.Parallel()
	saved := &rollout.Saved{Name: "spring", Plan: rollout.Plan{Phones: []rollout.Phone{{Images: []int{0}}}}}
	saved.Steps = [][]journal.State{{{Outcome: &journal.Outcome{Result: journal.Updated}}}}
	inPlace := Env{Journal: &record.Store{}}
	code := func(err error) exit.Code {
		own := (*exit.Error)(nil)
		if !errors.As(err, &own) {
			return exit.CodeOK
		}
		if len(own.Hints) == 0 {
			t.Errorf("%v has no hint", err)
		}
		return own.Code
	}
	for verb, want := range map[rollout.Verb]exit.Code{
		rollout.Done: exit.CodeOK, rollout.Over: exit.CodeStopped, rollout.Stop: exit.CodeStopped, rollout.Ask: exit.CodeStopped,
		rollout.Run: exit.CodeStopped, rollout.Wait: exit.CodeStopped, rollout.Paused: exit.CodeStopped,
	} {
		if got := code(outcome("spring", saved, rollout.Decision{Verb: verb})); got != want {
			t.Errorf("%s: %d", verb, got)
		}
	}
	saved.Steps[0][0].Outcome = &journal.Outcome{Result: journal.Failed, Failure: string(fleet.KindRejected)}
	if got := code(outcome("spring", saved, rollout.Decision{Verb: rollout.Done})); got != exit.CodePartial {
		t.Errorf("a phone failed: %d", got)
	}
	for want, err := range map[exit.Code]error{
		exit.CodeStopped:  &rollout.TakenError{Name: "spring"},
		exit.CodeSettings: &rollout.LossError{Losses: []journal.Loss{{Err: &journal.Error{Kind: journal.ErrFull}}}},
	} {
		if got := code(failure(inPlace, "spring", err)); got != want {
			t.Errorf("%v: %d", err, got)
		}
	}
	if err := failure(inPlace, "spring", context.Canceled); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestInterruptedLate checks that Ctrl-C hides neither that the rollout is complete nor that a phone accepts no password for now.
func TestInterruptedLate(t *testing.T) {
	t.Parallel()
	c := newScene(t, rollout.Rules{}, 2)
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	locked := &fleet.Failure{Kind: fleet.KindLocked, Msg: "it accepts no password for now"}
	for _, row := range []struct {
		done int // so many phones are updated before
		err  error
		want exit.Code
	}{
		{0, context.Canceled, exit.CodeInterrupted},
		{0, locked, exit.CodeStopped},
		{1, context.Canceled, exit.CodeInterrupted},
		{2, context.Canceled, exit.CodeOK},
		{2, nil, exit.CodeOK},
		{2, errors.New("broken pipe"), exit.CodeInternal},
	} {
		for phone := range row.done {
			if len(c.load().Saved.Steps[phone]) == 0 || c.load().Saved.Steps[phone][0].Outcome == nil {
				c.add(phone, append(slices.Clone(instructs), updates...)...)
			}
		}
		r := &runner{delivery: &delivery.Delivery{}, env: Env{Console: c.con, Journal: &record.Store{}}, ledger: c.ledger, saved: c.load().Saved}
		code := exit.CodeOK
		err := r.ended(stopped, rollout.Decision{Verb: rollout.Run}, row.err)
		if err != nil {
			code = exit.Classify(err).Code
		}
		if code != row.want {
			t.Errorf("%d phones done, %v: %d, %v", row.done, row.err, code, err)
		}
	}
}

// TestCandidate plans a phone that could not be queried by what the list says, also if this machine is why; a phone that said something else is
// left alone.
func TestCandidate(t *testing.T) {
	t.Parallel()
	for kind, left := range map[fleet.Kind]bool{
		fleet.KindUnreachable: false, fleet.KindMachine: false, fleet.KindNoCall: false, fleet.KindNoReply: false, fleet.KindBusy: false,
		fleet.KindNoPhone: true, fleet.KindAnotherPhone: true, fleet.KindPassword: true,
	} {
		var warned bytes.Buffer
		p := &planner{env: Env{Console: &console.Console{Err: &warned, Width: 80}}, table: hwcheck.Builtin()}
		c := p.candidate(fleet.Target{Address: "192.0.2.1"}, fleet.Result{Failure: &fleet.Failure{Kind: kind, Msg: "so it is"}})
		if (c.Left != "") != left || strings.Contains(warned.String(), "planned by what the list says: so it is") == left {
			t.Errorf("%s: %q, %s", kind, c.Left, warned.String())
		}
	}
}

// TestTyped writes the name of a rollout as a person types it: with the journal that the command names, and quoted.
func TestTyped(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, flag, want string }{
		{"spring", "", "spring"},
		{"spring 2", "", exit.Word("spring 2")},
		{"spring", "a/j.db", "spring --journal a/j.db"},
		{"spring 2", "my j.db", exit.Word("spring 2") + " --journal " + exit.Word("my j.db")},
	} {
		env := Env{Journal: &record.Store{Flag: test.flag}}
		if got := typed(env, test.name); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
		own := (*exit.Error)(nil)
		if err := failure(env, test.name, rollout.ErrNothing); !errors.As(err, &own) || own.Hints[0] != "to see how it stands: cpupdate rollout status "+test.want {
			t.Errorf("%v: %q", err, own.Hints)
		}
	}
	own := (*exit.Error)(nil)
	if err := failure(Env{Journal: &record.Store{Flag: "j.db"}}, "spring", rollout.ErrNoRollout); !errors.As(err, &own) || own.Hints[0] != "to see which rollouts there are: cpupdate rollout status --journal j.db" {
		t.Errorf("%v: %q", err, own.Hints)
	}
}

// TestCutText says what becomes of the phones that were on their way at Ctrl-C.
func TestCutText(t *testing.T) {
	t.Parallel()
	var f failures
	cut := func(phone int, instructed, keeps bool) {
		f.event(phone, fleet.Event{Step: fleet.StepFailed, Failure: &fleet.Failure{Kind: fleet.KindInterrupted, Instructed: instructed, Keeps: keeps}})
	}
	cut(0, false, false)
	if got := f.cutText(advice.Context{}); got != "" {
		t.Errorf("no phone was instructed: %q", got)
	}
	cut(1, true, false)
	cut(2, true, true)
	cut(3, true, true)
	if got, want := f.cutText(advice.Context{}), "; 1 has the update command already and may still update; 2 have the update command, but not the whole image, and will keep the old software"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestRetryFailure says how many phones may begin anew, whatever kept the others from it.
func TestRetryFailure(t *testing.T) {
	t.Parallel()
	server := &journal.Error{Place: "tls://centre.example", Kind: journal.ErrUnreachable, Text: "cannot be reached"}
	for _, row := range []struct {
		err  error
		code exit.Code
		says string
		hint string
	}{
		{journal.ErrConflict, exit.CodePartial, "2 of 3 phones may begin anew; the others have changed", "cpupdate rollout status spring"},
		{server, exit.CodeUnreachable, "2 of 3 phones may begin anew: ", "check that the server runs"},
		{&journal.Error{Place: "journal.db", Kind: journal.ErrFull, Text: "is full"}, exit.CodeSettings, "2 of 3 phones may begin anew: ", ""},
	} {
		own := (*exit.Error)(nil)
		if err := failure(Env{}, "spring", &rollout.RetryError{Allowed: 2, Phones: 3, Err: row.err}); !errors.As(err, &own) || own.Code != row.code ||
			!strings.Contains(own.Error(), row.says) || len(own.Hints) == 0 || !strings.Contains(strings.Join(own.Hints, "\n"), row.hint) {
			t.Errorf("%v: %+v", row.err, own)
		}
	}
}
