package rolloutcmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// A Change is what a person does to a rollout.
type Change string

// The changes.
const (
	Pause  Change = "pause"
	Resume Change = "resume"
	Stop   Change = "stop"
	Retry  Change = "retry"
)

// ChangeOptions are the flags of the commands that change a rollout.
type ChangeOptions struct {
	Reason string
	Only   []string // causes, with retry
}

// changeDocument is a change as JSON.
type changeDocument struct {
	Schema int    `json:"schema"`
	Name   string `json:"name"`
	Change Change `json:"change"`
	Phones int    `json:"phones,omitempty"` // with retry: how many may begin anew
}

// Apply makes a change. A run that goes on, here or in another terminal, takes it into account within seconds.
func Apply(ctx context.Context, env Env, change Change, o ChangeOptions, name string) error {
	only, err := parseCauses(o.Only)
	if err != nil {
		return err
	}
	ledger, saved, err := open(ctx, env, name)
	if err != nil {
		return err
	}
	defer ledger.Close()
	if change == Resume && env.Journal.OnServer() {
		if err := checkFile(ctx, env, saved); err != nil {
			return failure(env, name, err)
		}
	}
	by := env.Journal.Origin()
	doc := changeDocument{1, saved.Name, change, 0}
	said := ""
	switch change {
	case Pause:
		err = rollout.Hold(ctx, ledger, name, by, o.Reason)
		said = "paused: no phone is begun until: cpupdate rollout resume " + typed(env, name)
	case Stop:
		err = rollout.End(ctx, ledger, name, by, o.Reason)
		said = "stopped: no phone is begun any more, and those that are on their way are followed"
	case Resume:
		err = rollout.Resume(ctx, ledger, name, by, causes)
		said = "it may go on; if no run waits for it: cpupdate rollout run " + typed(env, name)
	case Retry:
		phones := saved.Failed(causes, only...)
		doc.Phones = len(phones)
		err = rollout.Retry(ctx, ledger, saved, phones, by, o.Reason, causes)
		said = display.Plural(len(phones), "phone") + " may begin anew; to go on: " + goOn(ctx, ledger, typed(env, name), name)
	}
	if errors.Is(err, rollout.ErrNothing) {
		err = fmt.Errorf("%w: %s", err, nothing(change, len(only) > 0))
	}
	part := (*rollout.RetryError)(nil)
	some := errors.As(err, &part) && part.Allowed > 0
	if (err == nil && (change == Resume || change == Retry) || some) && env.Journal.OnServer() {
		err = cmp.Or(err, offer(ctx, env, ledger, name))
	}
	if err != nil {
		return failure(env, name, err)
	}
	return env.Console.Print(doc, func(w io.Writer) {
		writeSentence(w, env.Console, "rollout "+name+": "+said)
	})
}

// nothing says why a change changes nothing.
func nothing(change Change, some bool) string {
	switch {
	case change == Pause:
		return "it is paused or stopped already"
	case change == Stop:
		return "it is stopped already"
	case change == Resume:
		return "it is neither paused nor stopped, and no wave waits for a person"
	case some:
		return "no phone of it failed with one of these causes"
	}
	return "no phone of it failed"
}

// goOn returns the commands that go on with a rollout: one that is paused or stopped has to be resumed first. shown is its name as a person
// types it.
func goOn(ctx context.Context, ledger journal.Ledger, shown, name string) string {
	run := "cpupdate rollout run " + shown
	if s, err := rollout.Load(ctx, ledger, name); err == nil {
		switch s.Plan.Decide(s.State(causes), time.Now()).Verb {
		case rollout.Stop, rollout.Paused, rollout.Over:
			return "cpupdate rollout resume " + shown + ", then " + run
		case rollout.Run, rollout.Wait, rollout.Ask, rollout.Done:
		}
	}
	return run
}

// parseCauses reads the causes of --only.
func parseCauses(names []string) ([]rollout.Cause, error) {
	var only []rollout.Cause
	for _, name := range names {
		limits, err := rollout.ParseLimits(strings.TrimSpace(name) + "=1")
		if err != nil || len(limits) != 1 {
			return nil, exit.Usage("rollout retry", "--only %s: must be unverified, rejected, unreachable, refused, unknown, settings or any", exit.ShownArgument(name))
		}
		only = append(only, limits[0].Cause)
	}
	return only, nil
}
