package rolloutcmd

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/record"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// A quickLedger reads only some kinds of events, as that of a file does.
type quickLedger struct{ journal.Ledger }

func (l quickLedger) ReadKinds(ctx context.Context, name string, kinds ...journal.Kind) iter.Seq2[journal.Record, error] {
	return func(yield func(journal.Record, error) bool) {
		for r, err := range l.ReadAll(ctx, name) {
			if (err != nil || slices.Contains(kinds, r.Event.Body.Kind())) && !yield(r, err) {
				return
			}
		}
	}
}

// TestListCounts compares the list with the status after events of every kind, at random: reading only some kinds must not change what
// the list says.
func TestListCounts(t *testing.T) {
	t.Parallel()
	bodies := []journal.Body{
		journal.Begun{Run: "r1"},
		journal.Reported{},
		journal.Checked{},
		journal.Instructing{Run: "r1"},
		journal.Instructed{},
		journal.Accepted{},
		journal.Busy{},
		journal.Fetching{},
		journal.Fetched{},
		journal.Sending{Run: "r1"},
		journal.Sent{},
		journal.Restarting{},
		journal.Back{},
		journal.LetGo{},
		journal.LetGo{Failure: string(fleet.KindUnreachable), Again: true},
		refused(),
		journal.Outcome{Result: journal.Updated},
		journal.Outcome{Result: journal.NothingToDo},
		journal.Retry{},
		journal.Note{},
		journal.TookOver{Told: time.Unix(1, 0)},
	}
	whole := []journal.Body{
		begun, journal.WaveOpened{Wave: 1}, journal.WaveOpened{Wave: 2}, journal.Paused{}, journal.Resumed{}, journal.Stopped{}, journal.LimitReached{Wave: 1}, journal.Note{},
	}
	synctest.Test(t, func(t *testing.T) {
		rules := rollout.Rules{Parallel: 1, Pause: rollout.PauseCanary, Attempts: 2, StopOn: rollout.Limits{{Cause: rollout.Rejected, Count: 2}}}
		c := newScene(t, rules, 1, 2)
		random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same in each run
		for range 200 {
			if phone := random.IntN(4) - 1; phone < 0 {
				c.add(-1, whole[random.IntN(len(whole))])
			} else if body := bodies[random.IntN(len(bodies))]; body.Kind() == journal.KindInstructing || body.Kind() == journal.KindSending || !follows(body.Kind()) || told(c, phone) {
				c.add(phone, body) // the barrier comes before what it announces
			}
			var all, quick listedLine
			all.Name, quick.Name = "spring", "spring"
			if err := all.count(t.Context(), Env{}, c.ledger); err != nil {
				t.Fatal(err)
			}
			if err := quick.count(t.Context(), Env{}, quickLedger{c.ledger}); err != nil {
				t.Fatal(err)
			}
			updated, failed := 0, 0
			status := statusOf(c.load().Saved)
			for _, wave := range status.Waves {
				updated, failed = updated+wave.Updated, failed+wave.Failed
			}
			if all.text() != quick.text() || all.Next != status.Next || all.Updated != updated || all.Failed != failed {
				t.Fatalf("%+v, %+v, status %+v", all, quick, status)
			}
			time.Sleep(time.Second)
		}
		other := listedLine{Name: "autumn"}
		if err := other.count(t.Context(), Env{}, c.ledger); err != nil || other.Next != nextIncomplete {
			t.Errorf("no plan: %+v, %v", other, err)
		}
	})
}

// A damagedLedger cannot read the events of one rollout, and not the first one of another.
type damagedLedger struct {
	journal.Ledger
	name string
}

func (l damagedLedger) Rollouts(ctx context.Context, f journal.Filter) iter.Seq2[journal.Rollout, error] {
	return func(yield func(journal.Rollout, error) bool) {
		if yield(journal.Rollout{Name: "winter"}, &journal.Error{Place: "journal.db", Kind: journal.ErrDamaged, Text: "is damaged"}) {
			l.Ledger.Rollouts(ctx, f)(yield)
		}
	}
}

func (l damagedLedger) ReadAll(ctx context.Context, name string) iter.Seq2[journal.Record, error] {
	if name != l.name {
		return l.Ledger.ReadAll(ctx, name)
	}
	return func(yield func(journal.Record, error) bool) {
		yield(journal.Record{}, &journal.Error{Place: "journal.db", Kind: journal.ErrDamaged, Text: "is damaged"})
	}
}

// TestListDamaged lists all rollouts, also one whose events cannot be read.
func TestListDamaged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newScene(t, rollout.Rules{Parallel: 1}, 1)
		for _, name := range []string{"summer", "autumn"} {
			time.Sleep(time.Second)
			if err := rollout.Save(t.Context(), c.ledger, name, time.Now(), journal.Planned{}, c.load().Saved.Plan); err != nil {
				t.Fatal(err)
			}
		}
		file := filepath.Join(t.TempDir(), "journal.db")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		ledger := damagedLedger{c.ledger, "summer"}
		env := Env{Console: c.con, Journal: &record.Store{Flag: file, Connect: func(context.Context, string) (journal.Ledger, error) { return ledger, nil }}}
		lines, err := rollouts(t.Context(), env, ledger)
		own := (*exit.Error)(nil)
		if !errors.Is(err, journal.ErrDamaged) || !errors.As(err, &own) || own.Code != exit.CodeSettings {
			t.Errorf("error %v", err)
		}
		var got []string
		for _, line := range lines {
			got = append(got, line.Name+": "+line.text())
		}
		want := []string{"winter: its events cannot be read", "autumn: not complete: 0 updated, 0 failed", "summer: its events cannot be read", "spring: not complete: 0 updated, 0 failed"}
		if !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		if err := List(t.Context(), env); !errors.Is(err, journal.ErrDamaged) || strings.Count(c.out.String(), "its events cannot be read") != 2 || !strings.Contains(c.out.String(), "spring") || strings.Contains(c.out.String(), "0 phones") {
			t.Errorf("%v: %s", err, c.out.String())
		}
	})
}

// follows reports whether an event comes after the barrier.
func follows(kind journal.Kind) bool {
	switch kind {
	case journal.KindInstructed, journal.KindAccepted, journal.KindFetching, journal.KindFetched, journal.KindSent, journal.KindRestarting, journal.KindBack:
		return true
	}
	return false
}

func told(c *scene, phone int) bool {
	steps := c.load().Saved.Steps[phone]
	return !steps[0].Told.IsZero()
}
