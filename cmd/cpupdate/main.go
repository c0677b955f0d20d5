// Command cpupdate looks into firmware images of OpenScape Desk Phone CP and OpenStage phones and tells, before any
// byte moves, whether a phone will take them.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the next one ends the process at once, as it would without us.
	context.AfterFunc(ctx, stop)
	os.Exit(int(run(ctx, newApp(), os.Args[1:])))
}

// run executes one command line and returns its exit code.
func run(ctx context.Context, a *app, args []string) code {
	root := newRoot(a)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = a.helpErr
	}
	if !a.parsed {
		a.json = a.json || wantsJSON(args)
	}
	return a.report(err)
}
