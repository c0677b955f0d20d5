package rolloutcmd

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
	"github.com/cpupdate/cpupdate/pkg/site"
)

// TestWarnClock warns of a clock that differs from the server's by more than a minute, in both directions.
func TestWarnClock(t *testing.T) {
	t.Parallel()
	for ahead, want := range map[time.Duration]string{
		0: "", time.Minute: "", -time.Minute: "",
		time.Hour:        "warning: spring: the clock of this machine is 60 min ahead of the server's: windows and the time that phones may take (--settle) go by it; set it right\n",
		-2 * time.Minute: "warning: spring: the clock of this machine is 2 min behind the server's: windows and the time that phones may take (--settle) go by it; set it right\n",
	} {
		var errOut bytes.Buffer
		w := worker{env: Env{Console: &console.Console{Err: &errOut, Width: 80}}}
		w.warnClock("spring", ahead)
		if got := strings.ReplaceAll(errOut.String(), "\n  ", " "); got != want {
			t.Errorf("%s: %q", ahead, got)
		}
	}
}

// TestWorkerEnds ends a worker for what is about its machine, and lets it go on for what is about one rollout or the server.
func TestWorkerEnds(t *testing.T) {
	t.Parallel()
	w := &worker{}
	for _, row := range []struct {
		err  error
		ends bool
		code exit.Code
	}{
		{&journal.Error{Place: "tls://a.example", Kind: journal.ErrUnreachable, Text: "cannot be reached"}, false, exit.CodeUnreachable},
		{fmt.Errorf("image a: %w", site.ErrDamaged), false, exit.CodeImage},
		{fmt.Errorf("image a: %w", site.ErrMissing), false, exit.CodeImage},
		{fmt.Errorf("a: %w", rollout.ErrProgram), false, exit.CodeSettings},
		{fmt.Errorf("a: %w", rollout.ErrIncomplete), false, exit.CodeSettings},
		{fmt.Errorf("a: %w", rollout.ErrNoSite), false, exit.CodeSettings},
		{&busyError{file: "journal.db", phones: 1}, false, exit.CodeUnreachable},
		{&rollout.TakenError{Name: "spring"}, false, exit.CodeStopped},
		{&rollout.LossError{Losses: []journal.Loss{{Err: errors.New("x")}}}, false, exit.CodeSettings},
		{&fleet.Failure{Kind: fleet.KindImage, Err: errors.New("x")}, false, exit.CodeImage},
		{&fleet.Failure{Kind: fleet.KindLocked, Err: errors.New("x")}, true, exit.CodeStopped},
		{exit.Errorf(exit.CodeSettings, "y", "x"), true, exit.CodeSettings},
	} {
		own := (*exit.Error)(nil)
		if got := w.ends(row.err); got != row.ends || !errors.As(w.explained("spring", row.err), &own) || own.Code != row.code || len(own.Hints) == 0 {
			t.Errorf("%v: ends %t, %+v", row.err, got, own)
		}
	}
}
