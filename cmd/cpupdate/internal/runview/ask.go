package runview

import (
	"context"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/callback"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// Ask runs a plan that only queries phones, and shows on stderr what it waits for.
func Ask(ctx context.Context, con *console.Console, talk option.Listen, timeout time.Duration, plan *fleet.Plan) ([]fleet.Result, error) {
	w := newWatch(con, plan.Phones)
	station, err := callback.Listen(&talk, con, plan.Phones, timeout, transfer.Options{}, w.looking)
	if err != nil {
		return nil, err
	}
	defer station.Close()
	defer w.Begin(station)()
	plan.Back = station.Back
	results, err := station.Runner.Run(ctx, *plan)
	for _, r := range results { // of a run without commands
		if r.Failure != nil && r.Failure.Kind == fleet.KindInterrupted {
			r.Failure.Msg = "interrupted before it answered"
		}
	}
	return results, err
}
