// Package rolloutcmd plans rollouts, carries them out, and shows and changes them.
package rolloutcmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/delivery"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/record"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
	"github.com/cpupdate/cpupdate/pkg/secret"
)

// Env is what the commands use of the process.
type Env = delivery.Env

// causes returns of which class a failure of a phone is, by the exit code of a single phone, and whether it may pass.
func causes(kind fleet.Kind, instructed bool) (rollout.Cause, bool) {
	passes := false
	switch kind {
	case fleet.KindUnreachable, fleet.KindMachine, fleet.KindNoCall, fleet.KindNoReply, fleet.KindBusy, fleet.KindCut, fleet.KindPageUnreachable, fleet.KindPageBroken, fleet.KindUploadCut:
		passes = !instructed
	}
	switch advice.CodeOf(kind, instructed) {
	case exit.CodeUnverified:
		return rollout.Unverified, passes
	case exit.CodeRejected:
		return rollout.Rejected, passes
	case exit.CodeUnreachable:
		return rollout.Unreachable, passes
	case exit.CodeRefused:
		return rollout.Refused, passes
	case exit.CodeUnknown:
		return rollout.Unknown, passes
	}
	return rollout.Settings, passes
}

// typed returns the name of a rollout as a person types it in a command: with the journal, if this command names one.
func typed(env Env, name string) string {
	if env.Journal == nil || env.Journal.Flag == "" {
		return exit.Word(name)
	}
	return exit.Word(name) + " --journal " + exit.Word(env.Journal.Flag)
}

// writeSentence writes a sentence that may name commands. One that does not fit on the line has each command on a line of its own, and
// whole: a part of it would be another command.
func writeSentence(w io.Writer, con *console.Console, text string) {
	const command = "cpupdate "
	text = con.Flags.Whole(text)
	parts := strings.Split(text, command)
	if len(parts) == 1 || con.Layout(0).Fits(console.Plain.Cell(text)) {
		fmt.Fprintln(w, con.Layout(0).Line(console.Cells(text)...))
		return
	}
	fmt.Fprintln(w, con.Layout(0).Line(console.Cells(strings.TrimSpace(parts[0]))...))
	for _, part := range parts[1:] {
		part, _ = strings.CutSuffix(strings.TrimSpace(part), ", then")
		part, ended := strings.CutSuffix(part, ", and if that run has ended:")
		fmt.Fprintln(w, "  "+console.Escape(command+part))
		if ended {
			fmt.Fprintln(w, "and if that run has ended:")
		}
	}
}

// failure returns an error of a rollout with exit code and hint.
func failure(env Env, name string, err error) error {
	taken, busy, part := (*rollout.TakenError)(nil), (*busyError)(nil), (*rollout.RetryError)(nil)
	shown := typed(env, name)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, rollout.ErrNoRollout):
		return exit.New(exit.CodeSettings, err, "to see which rollouts there are: cpupdate rollout status"+strings.TrimPrefix(shown, exit.Word(name)))
	case errors.Is(err, rollout.ErrIncomplete), errors.Is(err, rollout.ErrPlan):
		return exit.New(exit.CodeSettings, err, "make the plan again, with another name")
	case errors.Is(err, rollout.ErrProgram):
		return exit.New(exit.CodeSettings, err, "use the cpupdate that made the plan, or a newer one")
	case errors.Is(err, journal.ErrExists):
		return exit.New(exit.CodeSettings, err, "choose another name with --name, or go on with it: cpupdate rollout run "+shown)
	case errors.As(err, &taken):
		return exit.New(exit.CodeStopped, err, "to see how it goes: cpupdate rollout status "+shown)
	case errors.As(err, &busy):
		return exit.New(exit.CodeUnreachable, err, "wait until then, or until that run has ended with them, and try again: "+whyBusy)
	case errors.As(err, &part):
		return retryFailure(name, shown, part)
	case errors.Is(err, rollout.ErrNothing):
		return exit.New(exit.CodeUsage, fmt.Errorf("rollout %s: %w", exit.ShownArgument(name), err), "to see how it stands: cpupdate rollout status "+shown)
	}
	return record.Error(err)
}

// retryFailure returns the error of phones that could not all be allowed to begin anew.
func retryFailure(name, shown string, part *rollout.RetryError) error {
	err := fmt.Errorf("rollout %s: %w", exit.ShownArgument(name), part)
	if own := (*exit.Error)(nil); errors.As(record.Error(part.Err), &own) {
		return exit.New(own.Code, err, own.Hints...)
	}
	return exit.New(exit.CodePartial, err, "see how it stands: cpupdate rollout status "+shown, "to allow those that failed: cpupdate rollout retry "+shown)
}

// open opens the journal, and loads a rollout from it. The caller closes the journal.
func open(ctx context.Context, env Env, name string) (journal.Ledger, *rollout.Saved, error) {
	ledger, f, err := openFollowed(ctx, env, name)
	if err != nil {
		return nil, nil, err
	}
	return ledger, f.Saved, nil
}

// openFollowed opens the journal, and loads a rollout from it with what else its events say. The caller closes the journal.
func openFollowed(ctx context.Context, env Env, name string) (journal.Ledger, *rollout.Follower, error) {
	ledger, err := openJournal(ctx, env, name)
	if err != nil {
		return nil, nil, err
	}
	f, err := rollout.Follow(name, ledger.ReadAll(ctx, name))
	if err != nil {
		_ = ledger.Close()
		return nil, nil, failure(env, name, err)
	}
	return ledger, f, nil
}

// openJournal opens the journal, in which the rollout is to be. The caller closes it.
func openJournal(ctx context.Context, env Env, name string) (journal.Ledger, error) {
	if (journal.Key{Rollout: name}).Check() != nil { // no rollout can have it; it may be very long
		return nil, failure(env, "", fmt.Errorf("rollout %s: %w", exit.ShownArgument(secret.Cut(name, journal.MaxRollout)), rollout.ErrNoRollout))
	}
	if made, err := env.Journal.Exists(); err != nil || !made {
		return nil, cmp.Or(err, failure(env, name, fmt.Errorf("rollout %q: %w", name, rollout.ErrNoRollout)))
	}
	return env.Journal.Open(ctx)
}

// label returns the name of a phone for people.
func label(p rollout.Phone) string { return fleet.Target{Address: p.Address, Note: p.Note}.Label() }

// versions returns the versions that a phone gets, in their order.
func versions(plan rollout.Plan, p rollout.Phone) string {
	var names []string
	for _, i := range p.Images {
		names = append(names, plan.Images[i].Version.String())
	}
	return strings.Join(names, ", then ")
}
