package rolloutcmd

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
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
	by := env.Journal.Origin()
	doc := changeDocument{1, saved.Name, change, 0}
	said := ""
	switch change {
	case Pause:
		err = rollout.Hold(ctx, ledger, name, by, o.Reason)
		said = "paused: no phone is begun until: cpupdate rollout resume " + exit.Word(name)
	case Stop:
		err = rollout.End(ctx, ledger, name, by, o.Reason)
		said = "stopped: no phone is begun any more, and those that are on their way are followed"
	case Resume:
		err = rollout.Resume(ctx, ledger, name, by, causes)
		said = "it may go on; if no run waits for it: cpupdate rollout run " + exit.Word(name)
	case Retry:
		phones := saved.Failed(causes, only...)
		doc.Phones = len(phones)
		err = rollout.Retry(ctx, ledger, saved, phones, by, o.Reason, causes)
		said = console.Plural(len(phones), "phone") + " may begin anew; to go on: cpupdate rollout run " + exit.Word(name)
	}
	if err == nil && (change == Resume || change == Retry) && env.Journal.OnServer() {
		err = offer(ctx, env, ledger, name)
	}
	if err != nil {
		return failure(name, err)
	}
	return env.Console.Print(doc, func(w io.Writer) {
		fmt.Fprintln(w, env.Console.Layout(0).Line(console.Cells("rollout "+name+": "+env.Console.Flags.Whole(said))...))
	})
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
