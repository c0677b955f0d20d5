package rollout_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// worker makes the worker of a site.
func (w *world) worker(site string, change func(*rollout.Engine)) *process {
	return w.process(func(e *rollout.Engine) {
		if e.Site = site; change != nil {
			change(e)
		}
	})
}

// TestSites carries a rollout out at three sites, of which one has no phone in the first wave, and one none in the second.
func TestSites(t *testing.T) {
	inTime(t, 7, func(t *testing.T, w *world) {
		w.sites = []string{"berlin", "bonn", "berlin", "paris", "berlin", "paris", "bonn"}
		w.plan(rollout.Rules{Pause: rollout.PauseCanary}, []int{direct}, 2, 4, 1)
		var workers []*process
		for _, site := range []string{"berlin", "bonn"} {
			workers = append(workers, w.worker(site, nil).start())
		}
		time.Sleep(time.Hour)
		if got := w.ends(); got != "updated updated - - - - -" {
			t.Errorf("before a person opens the second wave: %s", got)
		}
		fatal(t, rollout.Resume(t.Context(), w.ledger, name, journal.Origin{}, causes))
		time.Sleep(time.Hour)
		if got := w.ends(); got != "updated updated updated - updated - -" {
			t.Errorf("while paris is away: %s", got)
		}
		saved := w.load()
		left := saved.Left(saved.State(causes), 1)
		if len(left) != 1 || left[0].Name != "paris" || left[0].Phones != 2 || left[0].Begun.Run != "" || !left[0].Last.IsZero() {
			t.Errorf("the wave waits for %+v", left)
		}
		seen, err := rollout.LoadSite(t.Context(), w.ledger, name, "bonn")
		fatal(t, err)
		if d := seen.Plan.Decide(seen.State(causes), time.Now()); d.Verb != rollout.Wait || d.Wave != 1 || strings.Join(d.Sites, " ") != "paris" {
			t.Errorf("bonn: %+v", d)
		}
		workers = append(workers, w.worker("paris", nil).start())
		for _, p := range workers {
			if d, err := p.wait(); err != nil || d.Verb != rollout.Done {
				t.Errorf("%+v, %v", d, err)
			}
		}
		if got := w.ends(); got != "updated updated updated updated updated updated updated" {
			t.Error(got)
		}
		opened := map[int]int{}
		for _, event := range w.stream("") {
			if wave, ok := event.Body.(journal.WaveOpened); ok {
				opened[wave.Wave] += wave.Phones
			}
		}
		if fmt.Sprint(opened) != "map[1:2 2:4 3:1]" {
			t.Errorf("phones of the waves: %v", opened)
		}
	})
}

// TestSiteLimit stops all sites when the phones of two of them together reach a limit, and lets them go on.
func TestSiteLimit(t *testing.T) {
	inTime(t, 0, func(t *testing.T, w *world) {
		for n := range 24 {
			w.sites = append(w.sites, []string{"berlin", "bonn", "paris"}[n%3])
			if n%3 < 2 {
				w.phone("reject-image")
			} else {
				w.phone()
			}
		}
		w.plan(rollout.Rules{StartRate: 0.05, StopOn: rollout.Limits{{Cause: rollout.Rejected, Count: 4}}}, []int{direct}, 24)
		run := func(want rollout.Verb) {
			var workers []*process
			for _, site := range []string{"berlin", "bonn", "paris"} {
				workers = append(workers, w.worker(site, nil).start())
			}
			for _, p := range workers {
				if d, err := p.wait(); err != nil || d.Verb != want {
					t.Errorf("%+v, %v, want %s", d, err, want)
				}
			}
		}
		run(rollout.Over)
		words := map[string]int{}
		for n, word := range strings.Fields(w.ends()) {
			words[w.sites[n]+" "+word]++
		}
		if words["berlin rejected"] != 2 || words["bonn rejected"] != 2 || words["paris -"] < 4 {
			t.Error(words)
		}
		run(rollout.Over)
		reached := 0
		for _, event := range w.stream("") {
			if event.Body.Kind() == journal.KindLimitReached {
				reached++
			}
		}
		if reached != 1 {
			t.Errorf("%d times: limit reached", reached)
		}
		fatal(t, rollout.Resume(t.Context(), w.ledger, name, journal.Origin{}, causes))
		run(rollout.Done)
		if ends := w.ends(); strings.Contains(ends, "-") {
			t.Error(ends)
		}
	})
}

// TestSiteLease lets the lease of a site end while phones are on their way: they are followed to their end, and none begins.
func TestSiteLease(t *testing.T) {
	inTime(t, 4, func(t *testing.T, w *world) {
		w.sites = []string{"berlin", "berlin", "berlin", "berlin"}
		w.plan(rollout.Rules{Parallel: 1}, []int{direct}, 4)
		var alive atomic.Bool
		alive.Store(true)
		leased := func(e *rollout.Engine) { e.Alive = alive.Load }
		p := w.worker("berlin", leased).start()
		time.Sleep(5 * time.Second)
		alive.Store(false)
		if d, err := p.wait(); !errors.Is(err, rollout.ErrLease) {
			t.Errorf("%+v, %v", d, err)
		}
		if got := w.ends(); strings.Count(got, "updated") == 0 || strings.Count(got, "-") < 2 {
			t.Errorf("after the lease: %s", got)
		}
		before := len(w.stream(""))
		if _, err := w.worker("berlin", leased).start().wait(); !errors.Is(err, rollout.ErrLease) {
			t.Errorf("without a lease: %v", err)
		}
		if now := len(w.stream("")); now != before {
			t.Error("a worker without a lease took the site over")
		}
		if d, err := w.worker("berlin", nil).start().wait(); err != nil || d.Verb != rollout.Done || strings.Contains(w.ends(), "-") {
			t.Errorf("%+v, %v: %s", d, err, w.ends())
		}
	})
}

// TestSiteCut cuts the network between a worker and the ledger for longer than phones take: the worker begins none, and records what
// it saw when the ledger is back. With another worker in between, the fence decides.
func TestSiteCut(t *testing.T) {
	for _, second := range []bool{false, true} {
		t.Run(fmt.Sprint("second worker ", second), func(t *testing.T) {
			inTime(t, 6, func(t *testing.T, w *world) {
				w.sites = []string{"berlin", "berlin", "berlin", "berlin", "berlin", "berlin"}
				w.plan(rollout.Rules{StartRate: 2}, []int{direct}, 6)
				s := &sitesSim{simulation: &simulation{world: w}}
				h := &host{s: s, site: "berlin"}
				p := w.worker("berlin", func(e *rollout.Engine) { e.Ledger, e.Leave = &link{Ledger: e.Ledger, host: h}, t.Context().Done() }).start()
				time.Sleep(40 * time.Second) // two phones have begun
				const away = 20 * time.Minute
				h.cutOff(away)
				var other *process
				if second {
					time.Sleep(30 * time.Second)
					other = w.worker("berlin", nil).start()
				}
				time.Sleep(away - time.Minute)
				if !second && strings.Contains(w.ends(), "updated") {
					t.Errorf("recorded without a network: %s", w.ends())
				}
				_, err := p.wait()
				if taken := (*rollout.TakenError)(nil); !errors.Is(err, journal.ErrIO) && (!second || !errors.As(err, &taken)) {
					t.Errorf("the worker that was cut off: %v", err)
				}
				if !second {
					if got := w.ends(); strings.Count(got, "updated") != 2 || strings.Count(got, "-") != 4 {
						t.Errorf("after the network was back: %s", got)
					}
					other = w.worker("berlin", nil).start()
				}
				if d, err := other.wait(); err != nil || d.Verb != rollout.Done {
					t.Errorf("%+v, %v", d, err)
				}
				for i, p := range w.phones {
					if is := p.State(); is.Instructed != 1 || is.Version != newVersion {
						t.Errorf("phone %d: %+v", i, is)
					}
				}
			})
		})
	}
}

// TestSiteRetry lets a phone of another site begin anew before the last wave: that one waits for it.
func TestSiteRetry(t *testing.T) {
	inTime(t, 0, func(t *testing.T, w *world) {
		w.sites = []string{"berlin", "bonn", "berlin"}
		w.phone()
		w.phone("reject-image")
		w.phone()
		w.plan(rollout.Rules{Pause: rollout.PauseEach}, []int{direct}, 2, 1)
		berlin := w.worker("berlin", nil).start()
		if d, err := w.worker("bonn", nil).start().wait(); err != nil || d.Verb != rollout.Done {
			t.Errorf("bonn: %+v, %v", d, err)
		}
		time.Sleep(time.Hour)
		saved := w.load()
		fatal(t, rollout.Retry(t.Context(), w.ledger, saved, saved.Failed(causes), journal.Origin{User: "boss"}, "", causes))
		_ = rollout.Resume(t.Context(), w.ledger, name, journal.Origin{}, causes) // opens nothing: the first wave goes on
		time.Sleep(time.Hour)
		if got := w.ends(); got != "updated - -" {
			t.Errorf("while bonn is away: %s", got)
		}
		if d, err := w.worker("bonn", nil).start().wait(); err != nil || d.Verb != rollout.Done {
			t.Errorf("bonn: %+v, %v", d, err)
		}
		time.Sleep(time.Minute)
		fatal(t, rollout.Resume(t.Context(), w.ledger, name, journal.Origin{}, causes))
		if d, err := berlin.wait(); err != nil || d.Verb != rollout.Done || w.ends() != "updated rejected updated" {
			t.Errorf("berlin: %+v, %v: %s", d, err, w.ends())
		}
	})
}

// TestSiteSums lets a site go on whose worker was killed after it said that a limit was reached, and before the journal had why.
func TestSiteSums(t *testing.T) {
	inTime(t, 3, func(t *testing.T, w *world) {
		w.sites = []string{"berlin", "bonn", "berlin"}
		w.plan(rollout.Rules{StopOn: rollout.Limits{{Cause: rollout.Rejected, Count: 1}}}, []int{direct}, 2, 1)
		control := journal.Key{Rollout: name}
		sum := journal.SiteCounted{Site: "bonn", Wave: 1, Run: "killed", Ended: map[string]int{"rejected": 1}}
		_, err := w.ledger.Append(t.Context(), control, w.load().Seq, journal.Event{At: time.Now(), Body: sum})
		fatal(t, err)
		if d, err := w.worker("berlin", nil).start().wait(); err != nil || d.Verb != rollout.Over {
			t.Errorf("berlin: %+v, %v", d, err)
		}
		fatal(t, rollout.Resume(t.Context(), w.ledger, name, journal.Origin{}, causes))
		berlin, bonn := w.worker("berlin", nil).start(), w.worker("bonn", nil).start()
		for _, p := range []*process{berlin, bonn} {
			if d, err := p.wait(); err != nil || d.Verb != rollout.Done {
				t.Errorf("%+v, %v", d, err)
			}
		}
		if got := w.ends(); got != "updated updated updated" {
			t.Error(got)
		}
	})
}

// TestSiteAndMachine has a run of all phones and one of a site: the one that began later has the phones of the site.
func TestSiteAndMachine(t *testing.T) {
	inTime(t, 3, func(t *testing.T, w *world) {
		w.sites = []string{"berlin", "bonn", "berlin"}
		w.plan(rollout.Rules{Parallel: 1}, []int{direct}, 3)
		taken := (*rollout.TakenError)(nil)
		machine := w.process(nil).start()
		time.Sleep(3 * time.Second)
		berlin := w.worker("berlin", nil).start()
		if _, err := machine.wait(); !errors.As(err, &taken) {
			t.Errorf("the run of all phones: %v", err)
		}
		machine = w.process(nil).start()
		if _, err := berlin.wait(); !errors.As(err, &taken) {
			t.Errorf("the worker: %v", err)
		}
		if d, err := machine.wait(); err != nil || d.Verb != rollout.Done || w.ends() != "updated updated updated" {
			t.Errorf("%+v, %v: %s", d, err, w.ends())
		}
	})
}

// plain is a ledger that reads no parts.
type plain struct{ journal.Ledger }

// TestLoadSite reads the phones of a site: sites may have the same address, and a name that is the beginning of another one.
func TestLoadSite(t *testing.T) {
	t.Parallel()
	l := journaltest.NewMemory().Open()
	plan := rollout.Plan{
		Images: []rollout.Image{{Name: "a.bind"}, {Name: "b.bind"}}, Waves: []rollout.Wave{{Name: "canary", Phones: []int{0, 4}}, {Name: "rest", Phones: []int{2, 1}}},
		Phones: []rollout.Phone{
			{Address: "192.0.2.1", Site: "berlin", Images: []int{0}},
			{Address: "192.0.2.1", Site: "bonn", Images: []int{0, 1}},
			{Address: "192.0.2.2", Site: "bonn", Images: []int{1}},
			{Address: "192.0.2.3", Site: "bonn", LeftWhy: "too old"},
			{Address: "192.0.2.1", Site: "bonn 2", Images: []int{0}},
		},
	}
	fatal(t, rollout.Save(t.Context(), l, name, time.Now(), journal.Planned{}, plan))
	for _, l := range []journal.Ledger{l, plain{l}} {
		s, err := rollout.LoadSite(t.Context(), l, name, "bonn")
		fatal(t, err)
		var phones []string
		for i, p := range s.Plan.Phones {
			phones = append(phones, fmt.Sprint(p.Address, " ", s.Key(i, 0).Phone, " ", len(s.Steps[i]), " ", s.Steps[i][0].Listed.Site))
		}
		if got, want := strings.Join(phones, ", "), "192.0.2.1 bonn/192.0.2.1 2 bonn, 192.0.2.2 bonn/192.0.2.2 1 bonn, 192.0.2.3 bonn/192.0.2.3 1 bonn"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if got := fmt.Sprint(s.Plan.Waves, s.Sites); got != "[{canary []} {rest [0 1]}] [{berlin 1 [1 0]} {bonn 3 [0 2]} {bonn 2 1 [1 0]}]" {
			t.Error(got)
		}
		for site, want := range map[string]error{"paris": rollout.ErrNoSite, "bon": rollout.ErrNoSite, "bonn/": rollout.ErrNoSite} {
			if _, err := rollout.LoadSite(t.Context(), l, name, site); !errors.Is(err, want) {
				t.Errorf("%s: %v", site, err)
			}
		}
		if _, err := rollout.LoadSite(t.Context(), l, "summer", "bonn"); !errors.Is(err, rollout.ErrNoRollout) {
			t.Errorf("another rollout: %v", err)
		}
	}
}

// TestSiteLeave ends a worker that cannot reach the ledger: it does not wait for it any more, and the next one queries the phones.
func TestSiteLeave(t *testing.T) {
	inTime(t, 2, func(t *testing.T, w *world) {
		w.sites = []string{"berlin", "berlin"}
		w.plan(rollout.Rules{}, []int{direct}, 2)
		h := &host{s: &sitesSim{simulation: &simulation{world: w}}, site: "berlin"}
		leave := make(chan struct{})
		p := w.worker("berlin", func(e *rollout.Engine) { e.Ledger, e.Leave = &link{Ledger: e.Ledger, host: h}, leave }).start()
		time.Sleep(20 * time.Second)
		h.cutOff(24 * time.Hour)
		time.Sleep(time.Hour)
		select {
		case <-p.done:
			t.Error("it did not wait for the ledger")
		default:
		}
		began := time.Now()
		close(leave)
		loss := (*rollout.LossError)(nil)
		if _, err := p.wait(); !errors.As(err, &loss) || time.Since(began) > time.Minute {
			t.Errorf("%v, after %s", err, time.Since(began))
		}
		if d, err := w.worker("berlin", nil).start().wait(); err != nil || d.Verb != rollout.Done || w.ends() != "updated updated" {
			t.Errorf("%+v, %v: %s", d, err, w.ends())
		}
	})
}
