package rollout_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// left writes what another run left in the journal some time ago, and returns where.
func (w *world) left(rolloutName, phone string, ago time.Duration, planned journal.Planned, bodies ...journal.Body) (journal.Key, journal.Seq) {
	w.t.Helper()
	at := time.Now().Add(-ago)
	created, err := journal.Create(w.t.Context(), w.ledger, rolloutName, at, planned)
	fatal(w.t, err)
	key, seq := journal.Key{Rollout: rolloutName, Phone: phone}, journal.Seq(0)
	for _, body := range bodies {
		if begun, ok := body.(journal.RunBegun); ok {
			_, err = w.ledger.Append(w.t.Context(), journal.Key{Rollout: rolloutName}, created, journal.Event{At: at, Body: begun})
			fatal(w.t, err)
			continue
		}
		seq, err = w.ledger.Append(w.t.Context(), key, seq, journal.Event{At: at, Body: body})
		fatal(w.t, err)
	}
	return key, seq
}

// TestOthers carries out a rollout with a phone that another run had to do with before.
func TestOthers(t *testing.T) {
	t.Parallel()
	const settle = 15 * time.Minute
	told := journal.Instructing{Run: "dead", Attempt: 1, Version: newOne}
	before := journal.Reported{Device: journal.Device{Type: "OpenScape Desk Phone CP600", SoftwareType: hfa, Version: oldOne, MAC: macOf(0)}}
	push := journal.Planned{Push: true, Phones: 1}
	for name, row := range map[string]struct {
		phone   string // as the other run named it; "": as the rollout does
		ago     time.Duration
		planned journal.Planned
		steps   []journal.Body // after listed and reported
		runs    string         // what the phone runs now; "": the old version
		end     string
		told    int           // how often the rollout instructs it
		least   time.Duration // until then
		most    time.Duration
	}{
		"a push instructed it, updated":          {ago: time.Minute, planned: push, steps: []journal.Body{told}, runs: newOne, end: "updated", most: time.Minute},
		"a push instructed it, old":              {ago: 5 * time.Minute, planned: push, steps: []journal.Body{told, journal.Instructed{}}, end: "unproven", least: 9 * time.Minute, most: 11 * time.Minute},
		"a push instructed it long ago":          {ago: 48 * time.Hour, planned: push, steps: []journal.Body{told}, end: "unproven", most: time.Minute},
		"a push instructed it, clock set back":   {ago: -3 * time.Hour, planned: push, steps: []journal.Body{told}, end: "unproven", least: 14 * time.Minute, most: 17 * time.Minute},
		"a push did not instruct it":             {ago: time.Minute, planned: push, steps: []journal.Body{told, journal.Busy{}}, end: "updated", told: 1, most: 8 * time.Minute},
		"a push with another version":            {ago: time.Minute, planned: push, steps: []journal.Body{journal.Instructing{Run: "dead", Version: "V1 R8.0.0"}}, end: "updated", told: 1, least: 14 * time.Minute, most: 22 * time.Minute},
		"a push with another notation":           {phone: hostOf(0) + ":8085", ago: time.Minute, planned: push, steps: []journal.Body{told}, runs: newOne, end: "updated", most: time.Minute},
		"a push, by a name and the MAC address":  {phone: "phone.example", ago: time.Minute, planned: push, steps: []journal.Body{told}, runs: newOne, end: "updated", most: time.Minute},
		"a push failed a moment ago":             {ago: time.Minute, planned: push, steps: []journal.Body{told, journal.Outcome{Result: journal.Failed, Failure: "never-back", Instructed: true}}, end: "updated", told: 1, least: 14 * time.Minute, most: 22 * time.Minute},
		"a push failed, and did not instruct it": {ago: time.Minute, planned: push, steps: []journal.Body{told, journal.Outcome{Result: journal.Failed, Failure: "interrupted"}}, end: "updated", told: 1, most: 8 * time.Minute},
		"a push updated it":                      {ago: time.Minute, planned: push, steps: []journal.Body{told, journal.Outcome{Result: journal.Updated}}, runs: newOne, end: "nothing-to-do", most: time.Minute},
		"a rollout instructed it, updated":       {ago: time.Minute, steps: []journal.Body{journal.RunBegun{Run: "dead"}, told}, runs: newOne, end: "updated", most: time.Minute},
		"a rollout instructed it, old":           {ago: time.Minute, steps: []journal.Body{journal.RunBegun{Run: "dead"}, told}, end: "unproven", least: 13 * time.Minute, most: 15 * time.Minute},
		"a rollout by its web page":              {ago: time.Minute, steps: []journal.Body{journal.RunBegun{Run: "dead"}, journal.Sending{Run: "dead", Version: newOne}}, runs: newOne, end: "updated", most: time.Minute},
		"a rollout that began, and was cut off":  {ago: time.Minute, steps: []journal.Body{journal.RunBegun{Run: "dead"}}, end: "updated", told: 1, most: 8 * time.Minute},
		"a rollout that was never begun":         {ago: time.Minute, end: "updated", told: 1, most: 8 * time.Minute},
		"a rollout allowed a retry":              {ago: time.Minute, steps: []journal.Body{journal.RunBegun{Run: "dead"}, told, journal.Outcome{Result: journal.Failed, Instructed: true}, journal.Retry{}}, end: "updated", told: 1, most: 8 * time.Minute},
		"another address, and the MAC address":   {phone: "192.0.2.9", ago: time.Minute, planned: push, steps: []journal.Body{told}, end: "unproven", least: 13 * time.Minute, most: 15 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.phoneOf(func(c *phonesim.Config) {
					if row.runs != "" {
						c.Version = newVersion
					}
				})
				w.net.Name("phone.example", netip.MustParseAddr(hostOf(0)))
				w.plan(rollout.Rules{Settle: settle}, []int{direct}, 1)
				if row.phone == "" {
					row.phone = hostOf(0)
				}
				listed := journal.Listed{Address: row.phone}
				if row.phone == "phone.example" {
					listed.MAC = macOf(0)
				}
				w.left("other", row.phone, row.ago, row.planned, append([]journal.Body{listed, before}, row.steps...)...)
				begun := time.Now()
				var said []string
				d := w.run(func(e *rollout.Engine) {
					e.Others = func(took, left int) { said = append(said, fmt.Sprint(took, left)) }
				})
				took := time.Since(begun)
				want := ""
				switch {
				case row.told == 0 && row.end != "nothing-to-do":
					want = "1 0"
				case row.least > 0:
					want = "0 1, 0 0"
				}
				if got := strings.Join(said, ", "); got != want {
					t.Errorf("others: %s, want %s", got, want)
				}
				// After its end, the phone restarts: that time counts too if it is instructed.
				if d.Verb != rollout.Done || w.ends() != row.end || w.phones[0].State().Instructed != row.told || took < row.least || took > row.most {
					t.Errorf("%s: %s after %s, instructed %d times", d.Verb, w.ends(), took, w.phones[0].State().Instructed)
				}
				if row.end != "unproven" {
					return
				}
				s := w.load()
				fatal(t, rollout.Retry(t.Context(), w.ledger, s, s.Failed(causes), journal.Origin{}, "looked at it", causes))
				if w.run(nil); w.ends() != "updated" || w.phones[0].State().Instructed != 1 {
					t.Errorf("after a retry: %s", w.ends())
				}
			})
		})
	}
}

// TestOtherTakesOver has a push take a phone from a rollout that is on its way, and be killed or end: the rollout leaves the phone to it, and
// goes on with it afterwards.
func TestOtherTakesOver(t *testing.T) {
	for which, row := range map[string]struct {
		steps []journal.Body
		end   string
		least time.Duration
	}{
		"killed before it instructed the phone": {nil, "updated", 15 * time.Minute},
		"killed after that":                     {[]journal.Body{journal.Instructing{Run: "dead", Version: newOne}}, "unproven", 15 * time.Minute},
		"it could not be reached":               {[]journal.Body{journal.Outcome{Result: journal.Failed, Failure: "unreachable"}}, "updated", 0},
	} {
		t.Run(which, func(t *testing.T) {
			inTime(t, 3, func(t *testing.T, w *world) {
				w.plan(rollout.Rules{Parallel: 1, Settle: 15 * time.Minute}, []int{direct}, 3)
				p := w.process(nil).start()
				time.Sleep(time.Second) // one phone is on its way
				steps := w.load().Steps
				other := slices.IndexFunc(steps, func(of []journal.State) bool { return of[0].Run == "" })
				want := []string{"updated", "updated", "updated"}
				want[other] = row.end
				key, seq := w.left("push", hostOf(other), 0, journal.Planned{Push: true, Phones: 1}, journal.Listed{Address: hostOf(other)})
				own := journal.Key{Rollout: name, Phone: hostOf(other)}
				_, err := w.ledger.Append(t.Context(), own, steps[other][0].Seq, journal.Event{At: time.Now(), Body: journal.LetGo{Run: "dead", Failure: "taken"}})
				fatal(t, err)
				begun := time.Now()
				for _, body := range row.steps {
					time.Sleep(time.Second)
					seq, err = w.ledger.Append(t.Context(), key, seq, journal.Event{At: time.Now(), Body: body})
					fatal(t, err)
				}
				if d, err := p.wait(); err != nil || d.Verb != rollout.Done || w.ends() != strings.Join(want, " ") {
					t.Errorf("%s, %v: %s", d.Verb, err, w.ends())
				}
				for _, e := range w.events() {
					if e.Phone == macOf(other) && e.Kind == phonesim.Contacted && e.Time.Sub(begun) < row.least {
						t.Errorf("contacted after %s", e.Time.Sub(begun))
					}
				}
				if n := w.phones[other].State().Instructed; n != strings.Count(row.end, "updated") {
					t.Errorf("instructed %d times", n)
				}
			})
		})
	}
}

// A stepLedger has another run make a step right before something is added to a stream, once.
type stepLedger struct {
	journal.Ledger
	mu   sync.Mutex
	key  journal.Key
	step func()
}

func (l *stepLedger) AppendAll(ctx context.Context, batches []journal.Batch) []journal.Appended {
	l.mu.Lock()
	defer l.mu.Unlock()
	if of := func(b journal.Batch) bool { return b.Key == l.key }; l.step != nil && slices.ContainsFunc(batches, of) {
		l.step()
		l.step = nil
	}
	return l.Ledger.AppendAll(ctx, batches)
}

// TestOtherStepsMeanwhile has a push make its last step at the moment at which a rollout takes the phone back from it. The rollout did not take the
// phone back then: it does so once --settle has passed since that step, and does not wait for twice as long.
func TestOtherStepsMeanwhile(t *testing.T) {
	const settle = 15 * time.Minute
	inTime(t, 2, func(t *testing.T, w *world) {
		w.plan(rollout.Rules{Parallel: 1, Settle: settle}, []int{direct}, 2)
		ledger := &stepLedger{Ledger: w.place.Open()}
		p := w.process(func(e *rollout.Engine) { e.Ledger = ledger }).start()
		time.Sleep(time.Second) // one phone is on its way
		steps := w.load().Steps
		other := slices.IndexFunc(steps, func(of []journal.State) bool { return of[0].Run == "" })
		key, seq := w.left("push", hostOf(other), 0, journal.Planned{Push: true, Phones: 1}, journal.Listed{Address: hostOf(other)})
		var stepped time.Time
		ledger.mu.Lock()
		ledger.key, ledger.step = key, func() {
			stepped = time.Now()
			_, err := w.ledger.Append(t.Context(), key, seq, journal.Event{At: stepped, Body: journal.Begun{Run: "dead", Attempt: 1}})
			fatal(t, err)
		}
		ledger.mu.Unlock()
		own := journal.Key{Rollout: name, Phone: hostOf(other)}
		_, err := w.ledger.Append(t.Context(), own, steps[other][0].Seq, journal.Event{At: time.Now(), Body: journal.LetGo{Run: "dead", Failure: "taken"}})
		fatal(t, err)
		if d, err := p.wait(); err != nil || d.Verb != rollout.Done || w.ends() != "updated updated" || stepped.IsZero() {
			t.Fatalf("%s, %v: %s", d.Verb, err, w.ends())
		}
		i := slices.IndexFunc(w.events(), func(e phonesim.Event) bool { return e.Phone == macOf(other) && e.Kind == phonesim.Contacted })
		if after := w.events()[i].Time.Sub(stepped); after < settle || after > settle+2*time.Minute {
			t.Errorf("contacted %s after the last step of the push", after)
		}
	})
}
