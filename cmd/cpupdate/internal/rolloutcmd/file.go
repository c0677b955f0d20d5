package rolloutcmd

import (
	"context"
	"fmt"
	"time"

	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/journal/jetstream"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// A busyError reports phones that may be on their way by a run with the journal in a file. The server does not know that run.
type busyError struct {
	file   string
	phones int
	first  string // of them, as people know it
	busy   rollout.Busy
	until  time.Time // all of them
}

func (e *busyError) Error() string {
	whose, did := "their", "began with"
	if e.phones == 1 {
		whose = "its"
	}
	if e.busy.Told {
		did = "instructed"
	}
	return fmt.Sprintf("%s may be on %s way by a run with the journal %s, which %s %s at %s: no phone is begun until %s",
		display.Plural(e.phones, "phone"), whose, e.file, did, e.first, e.busy.At.Local().Format(time.DateTime), e.until.Local().Format(time.DateTime))
}

// whyBusy says why nothing is begun.
const whyBusy = "a phone may report its old version until it restarts, and would be instructed again"

// checkFile refuses a rollout of a server while its phones may be on their way by a run with the journal in the file of this machine.
func checkFile(ctx context.Context, env Env, s *rollout.Saved) error {
	store := *env.Journal
	store.Server = jetstream.Options{}
	path, err := store.Path()
	if err != nil {
		return nil //nolint:nilerr // this user has no folder for a file, so no run of him has one
	}
	made, err := store.Exists()
	var busy []rollout.Busy
	if made && err == nil {
		busy, err = busyIn(ctx, store.Open, s)
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		env.Console.NoteAbout("warning", s.Name, fmt.Sprintf("whether phones are on their way by a run with the journal in a file is not known: %v", err))
		return nil
	case len(busy) == 0:
		return nil
	}
	e := &busyError{file: path, phones: len(busy), first: label(s.Plan.Phones[busy[0].Phone]), busy: busy[0]}
	for _, one := range busy {
		if one.Until.After(e.until) {
			e.until = one.Until
		}
	}
	return e
}

// busyIn returns the phones of a rollout with which runs of another journal may be at work.
func busyIn(ctx context.Context, open func(context.Context) (journal.Ledger, error), s *rollout.Saved) ([]rollout.Busy, error) {
	ledger, err := open(ctx)
	if err != nil {
		return nil, err
	}
	defer ledger.Close()
	return s.Elsewhere(ctx, ledger)
}
