package rollout_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// TestOtherJournal looks for a phone of a rollout in another journal, where a run had to do with it.
func TestOtherJournal(t *testing.T) {
	t.Parallel()
	const settle = 15 * time.Minute
	told := journal.Instructing{Run: "far", Attempt: 1, Version: newOne}
	begun := journal.Begun{Run: "far", Attempt: 1}
	failed := func(instructed bool) journal.Outcome {
		return journal.Outcome{Result: journal.Failed, Failure: "x", Instructed: instructed}
	}
	for which, row := range map[string]struct {
		phone string // as the other run named it; "": as the rollout does
		mac   string
		ago   time.Duration
		steps []journal.Body
		here  journal.Body  // what was recorded in the rollout itself
		left  time.Duration // that it may be on its way; 0: it is not
		begun bool          // it was begun, and not instructed
	}{
		"listed":                                 {},
		"begun":                                  {steps: []journal.Body{begun}, ago: time.Minute, left: 14 * time.Minute, begun: true},
		"begun long ago":                         {steps: []journal.Body{begun}, ago: settle},
		"begun, and let go":                      {steps: []journal.Body{begun, journal.LetGo{Run: "far", Failure: "unreachable", Again: true}}},
		"begun, and failed":                      {steps: []journal.Body{begun, failed(false)}},
		"instructed":                             {steps: []journal.Body{begun, told}, ago: time.Minute, left: 14 * time.Minute},
		"instructed, and fetched":                {steps: []journal.Body{begun, told, journal.Fetched{}}, ago: time.Minute, left: 14 * time.Minute},
		"instructed with another version":        {steps: []journal.Body{begun, journal.Instructing{Run: "far", Version: "V1 R8.0.0"}}, left: settle},
		"instructed long ago":                    {steps: []journal.Body{begun, told}, ago: settle},
		"instructed, and the clock was set back": {steps: []journal.Body{begun, told}, ago: -time.Hour, left: settle + time.Hour},
		"instructed, and interrupted":            {steps: []journal.Body{begun, told, journal.LetGo{Run: "far", Failure: "interrupted"}}, left: settle},
		"instructed by the web page":             {steps: []journal.Body{begun, journal.Sending{Run: "far", Version: newOne}}, left: settle},
		"busy":                                   {steps: []journal.Body{begun, told, journal.Busy{}, journal.LetGo{Run: "far", Failure: "busy", Again: true}}},
		"updated":                                {steps: []journal.Body{begun, told, journal.Outcome{Result: journal.Updated}}},
		"failed":                                 {steps: []journal.Body{begun, told, failed(true)}, left: settle},
		"failed long ago":                        {steps: []journal.Body{begun, told, failed(true)}, ago: settle},
		"failed, and was not instructed":         {steps: []journal.Body{begun, told, failed(false)}},
		"failed before the clock was set back":   {steps: []journal.Body{begun, told, failed(false)}, ago: -time.Hour},
		"allowed to begin anew":                  {steps: []journal.Body{begun, told, failed(true), journal.Retry{}}},
		"another notation":                       {phone: hostOf(0) + ":8085", steps: []journal.Body{begun, told}, left: settle},
		"another address, and its MAC":           {phone: "192.0.2.9", mac: macOf(0), steps: []journal.Body{begun, told}, left: settle},
		"another phone":                          {phone: "192.0.2.9", mac: macOf(1), steps: []journal.Body{begun, told}},
		"the same address at another site":       {phone: "paris/" + hostOf(0), steps: []journal.Body{begun, told}},
		"the same address at its site":           {phone: "berlin/" + hostOf(0), steps: []journal.Body{begun, told}, left: settle},
		"begun here":                             {steps: []journal.Body{begun, told}, here: journal.Begun{Run: "here", Attempt: 1}},
		"allowed here to begin anew":             {steps: []journal.Body{begun, told}, here: journal.Retry{}},
	} {
		t.Run(which, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.sites = []string{"berlin"}
				w.phone()
				w.plan(rollout.Rules{Settle: settle}, []int{direct}, 1)
				s := w.load()
				if row.here != nil {
					_, err := w.ledger.Append(t.Context(), s.Key(0, 0), s.Steps[0][0].Seq, journal.Event{At: time.Now(), Body: row.here})
					fatal(t, err)
				}
				far := journaltest.NewMemory().Open()
				if row.phone == "" {
					row.phone = hostOf(0)
				}
				listed := journal.Listed{Address: row.phone, MAC: row.mac}
				if row.phone[0] > '9' {
					listed.Address = hostOf(0)
				}
				at, seq := time.Now().Add(-row.ago), journal.Seq(0)
				_, err := journal.Create(t.Context(), far, name, at, journal.Planned{}) // of the same name
				fatal(t, err)
				for _, body := range append([]journal.Body{listed}, row.steps...) {
					seq, err = far.Append(t.Context(), journal.Key{Rollout: name, Phone: row.phone}, seq, journal.Event{At: at, Body: body})
					fatal(t, err)
				}
				busy, err := w.load().Elsewhere(t.Context(), far)
				fatal(t, err)
				want := []rollout.Busy{}
				if row.left > 0 {
					want = append(want, rollout.Busy{Rollout: name, Told: !row.begun, At: at.Local(), Until: time.Now().Add(row.left).Local()})
				}
				for i := range busy {
					busy[i].At, busy[i].Until = busy[i].At.Local(), busy[i].Until.Local()
				}
				if got, want := fmt.Sprint(busy), fmt.Sprint(want); got != want {
					t.Errorf("%s, want %s", got, want)
				}
			})
		})
	}
}

// TestOtherJournalOfSeveral takes the newest of several runs into account, and an error of the other journal.
func TestOtherJournalOfSeveral(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.phone()
		w.phone()
		w.plan(rollout.Rules{Settle: 15 * time.Minute}, []int{direct}, 2)
		far := newWorld(t)
		told := journal.Instructing{Run: "far", Attempt: 1, Version: newOne}
		for n := range 2 {
			far.left(fmt.Sprint("first", n), hostOf(n), 2*time.Minute, journal.Planned{}, journal.Listed{Address: hostOf(n)}, told)
		}
		far.left("second", hostOf(0), time.Minute, journal.Planned{}, journal.Listed{Address: hostOf(0)}, told, journal.Outcome{Result: journal.Updated})
		busy, err := w.load().Elsewhere(t.Context(), far.ledger)
		if err != nil || len(busy) != 1 || busy[0].Phone != 1 || busy[0].Rollout != "first1" {
			t.Errorf("%v, %v", busy, err)
		}
		fatal(t, far.ledger.Close())
		if _, err := w.load().Elsewhere(t.Context(), far.ledger); err == nil {
			t.Error("a journal that is closed says nothing")
		}
	})
}
