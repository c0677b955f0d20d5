package rolloutcmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/delivery"
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
		{fmt.Errorf("%w; %w", &fleet.Failure{Kind: fleet.KindLocked}, &rollout.LossError{Losses: []journal.Loss{{Err: errors.New("x")}}}), true, exit.CodeStopped},
		{exit.Errorf(exit.CodeSettings, "y", "x"), true, exit.CodeSettings},
		{&delivery.InputError{Err: exit.Errorf(exit.CodeUsage, "y", "x")}, false, exit.CodeUsage},
	} {
		own := (*exit.Error)(nil)
		if got := w.ends(row.err); got != row.ends || !errors.As(w.explained("spring", row.err), &own) || own.Code != row.code || len(own.Hints) == 0 {
			t.Errorf("%v: ends %t, %+v", row.err, got, own)
		}
	}
}

// A fakeLease is a lease without a server.
type fakeLease struct {
	dead   bool  // it was lost
	refuse error // of the server, when it is given back
	told   []string
}

func (l *fakeLease) Rollout() string { return "spring" }

func (l *fakeLease) Alive() bool { return !l.dead }

func (l *fakeLease) Done(context.Context) error { return l.answer("done") }

func (l *fakeLease) GiveBack(_ context.Context, after time.Duration) error {
	return l.answer("back after " + after.String())
}

func (l *fakeLease) answer(text string) error {
	l.told = append(l.told, text)
	if l.dead {
		return site.ErrLost
	}
	return l.refuse
}

// TestWorkerLocked ends a worker once a phone accepts no password, whatever becomes of its lease and of the record, and says when another worker may
// go on with the rollout.
func TestWorkerLocked(t *testing.T) {
	t.Parallel()
	locked := &fleet.Failure{Kind: fleet.KindLocked, Err: errors.New("it is suspended")}
	loss := &rollout.LossError{Losses: []journal.Loss{{Key: journal.Key{Phone: "192.0.2.50"}, Err: errors.New("the disk is full")}}}
	unsure := errors.New("no answer")
	for which, row := range map[string]struct {
		lease   fakeLease
		err     error
		stopped bool
		says    string
		warns   string // hint about other workers
	}{
		"given back":      {err: locked, says: "it is suspended"},
		"lost":            {lease: fakeLease{dead: true}, err: locked, says: "it is suspended", warns: site.ErrLost.Error()},
		"not confirmed":   {lease: fakeLease{refuse: unsure}, err: locked, says: "it is suspended", warns: "no answer"},
		"interrupted":     {err: locked, stopped: true, says: "it is suspended"},
		"not recorded":    {err: fmt.Errorf("%w; %w", locked, loss), says: "it is suspended; what happened last is not recorded for 192.0.2.50: the disk is full"},
		"lost, and so on": {lease: fakeLease{dead: true}, err: fmt.Errorf("%w; %w", locked, loss), stopped: true, says: "the disk is full", warns: site.ErrLost.Error()},
	} {
		t.Run(which, func(t *testing.T) {
			t.Parallel()
			w := &worker{env: Env{Console: &console.Console{Err: &bytes.Buffer{}, Width: 80}}, told: map[string]string{}}
			own := (*exit.Error)(nil)
			if err := w.ended(t.Context(), &row.lease, rollout.Decision{}, row.err, row.stopped); !errors.As(err, &own) || own.Code != exit.CodeStopped || !strings.Contains(own.Error(), row.says) {
				t.Fatalf("the worker ends with %v", err)
			}
			if len(row.lease.told) != 1 || row.lease.told[0] != "done" {
				t.Errorf("the server is told %q", row.lease.told)
			}
			if warned := strings.Contains(strings.Join(own.Hints, "\n"), "end the other workers of the site first"); warned != (row.warns != "") || !strings.Contains(strings.Join(own.Hints, "\n"), row.warns) {
				t.Errorf("hints: %q", own.Hints)
			}
		})
	}
}

// TestWorkerInterrupted ends an interrupted worker with an error if something was wrong besides.
func TestWorkerInterrupted(t *testing.T) {
	t.Parallel()
	loss := &rollout.LossError{Losses: []journal.Loss{{Key: journal.Key{Phone: "192.0.2.50"}, Err: errors.New("the server is gone")}}}
	late := &rollout.LossError{Losses: []journal.Loss{{Key: journal.Key{Phone: "192.0.2.50"}, Err: context.Canceled}}}
	for which, row := range map[string]struct {
		dead bool
		err  error
		code exit.Code
	}{
		"nothing":           {false, context.Canceled, exit.CodeOK},
		"lost":              {true, context.Canceled, exit.CodeOK},
		"not recorded":      {false, loss, exit.CodeSettings},
		"lost, not written": {true, loss, exit.CodeSettings},
		"no answer":         {false, late, exit.CodeSettings},
		"lost, no answer":   {true, late, exit.CodeSettings},
		"no server":         {false, &journal.Error{Place: "tls://a.example", Kind: journal.ErrUnreachable, Text: "cannot be reached"}, exit.CodeUnreachable},
		"an image":          {false, &fleet.Failure{Kind: fleet.KindImage, Err: errors.New("x")}, exit.CodeImage},
	} {
		w := &worker{env: Env{Console: &console.Console{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}, Width: 80}}, told: map[string]string{}}
		lease := &fakeLease{dead: row.dead}
		code := exit.CodeOK
		err := w.ended(t.Context(), lease, rollout.Decision{}, row.err, true)
		if err != nil {
			code = exit.Classify(err).Code
		}
		if code != row.code || len(lease.told) != 1 && !row.dead {
			t.Errorf("%s: %d, %v; the server is told %q", which, code, err, lease.told)
		}
	}
}

// TestWorkerGoesOn has a worker go on after a problem of one rollout, which it says once, and has the server offer that rollout again after a minute.
func TestWorkerGoesOn(t *testing.T) {
	t.Parallel()
	var errOut bytes.Buffer
	w := &worker{env: Env{Console: &console.Console{Err: &errOut, Width: 200}}, told: map[string]string{}}
	for range 2 {
		lease := &fakeLease{}
		unfit := &delivery.InputError{Err: exit.Errorf(exit.CodeUsage, "add --serve", "--reinstall does not fit")}
		if err := w.ended(t.Context(), lease, rollout.Decision{}, unfit, false); err != nil || len(lease.told) != 1 || lease.told[0] != "back after 1m0s" {
			t.Errorf("%v, the server is told %q", err, lease.told)
		}
	}
	if got := errOut.String(); got != "warning: spring: --reinstall does not fit; add --serve\n" {
		t.Errorf("%q", got)
	}
}
