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

// Query runs a plan that only queries phones, and shows on stderr what it waits for.
func Query(ctx context.Context, con *console.Console, listenOptions option.Listen, timeout time.Duration, plan *fleet.Plan) ([]fleet.Result, error) {
	w := newWatch(con, plan.Phones)
	callbackServer, err := callback.Listen(ctx, listenOptions.ForQuery(), con, plan.Phones, timeout, transfer.Options{}, w.queryEvent)
	if err != nil {
		return nil, err
	}
	defer callbackServer.Close()
	defer w.Begin(callbackServer)()
	plan.Back = callbackServer.Back
	results, err := callbackServer.Runner.Run(ctx, *plan)
	for _, r := range results { // of a run without commands
		if r.Failure != nil && r.Failure.Kind == fleet.KindInterrupted {
			r.Failure.Msg = "interrupted before it answered"
		}
	}
	return results, err
}
