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
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/fleet"
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

// TestAsk asks before a wave: only yes begins it.
func TestAsk(t *testing.T) {
	t.Parallel()
	saved := &rollout.Saved{Plan: rollout.Plan{Waves: []rollout.Wave{{Name: "canary"}, {Name: "20%", Phones: []int{1, 2}}}}}
	for answer, want := range map[string]bool{"yes\n": true, "no\n": false, "\n": false, "y\n": false, "YES\n": false} {
		var asked bytes.Buffer
		r := &runner{env: Env{Console: &console.Console{In: strings.NewReader(answer), Err: &asked}}}
		open, err := r.ask(t.Context(), saved, rollout.Decision{Wave: 1})
		if open != want || err != nil || asked.String() != "Begin wave 2 of 2 (20%, 2 phones)? [yes/no] " {
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
	} {
		if got := code(outcome(saved, rollout.Decision{Verb: verb})); got != want {
			t.Errorf("%s: %d", verb, got)
		}
	}
	saved.Steps[0][0].Outcome = &journal.Outcome{Result: journal.Failed, Failure: string(fleet.KindRejected)}
	if got := code(outcome(saved, rollout.Decision{Verb: rollout.Done})); got != exit.CodePartial {
		t.Errorf("a phone failed: %d", got)
	}
	for want, err := range map[exit.Code]error{
		exit.CodeStopped:  &rollout.TakenError{Name: "spring"},
		exit.CodeSettings: &rollout.LossError{Losses: []journal.Loss{{Err: &journal.Error{Kind: journal.ErrFull}}}},
	} {
		if got := code(failure("spring", err)); got != want {
			t.Errorf("%v: %d", err, got)
		}
	}
	if err := failure("spring", context.Canceled); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestHintNames checks that a hint names a rollout as a shell takes it.
func TestHintNames(t *testing.T) {
	t.Parallel()
	own := (*exit.Error)(nil)
	if !errors.As(failure("the first floor", rollout.ErrNothing), &own) || !slices.Contains(own.Hints, "to see how it stands: cpupdate rollout status "+exit.Word("the first floor")) {
		t.Errorf("%+v", own)
	}
}
