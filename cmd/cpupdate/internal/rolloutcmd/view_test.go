package rolloutcmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// A scene is a rollout in a journal, and what a view shows of it.
type scene struct {
	t           *testing.T
	ledger      journal.Ledger
	out, errOut bytes.Buffer
	con         *console.Console
	width       int
}

// newScene plans a rollout of waves of so many phones. Phones of room N are in the list as "room N".
func newScene(t *testing.T, rules rollout.Rules, sizes ...int) *scene {
	t.Helper()
	c := &scene{t: t, ledger: journaltest.NewMemory().Open(), width: 80}
	t.Cleanup(func() { _ = c.ledger.Close() })
	c.con = &console.Console{Out: &c.out, Err: &c.errOut, Width: 80, ErrWidth: func() int { return c.width }}
	plan := rollout.Plan{Images: []rollout.Image{{Name: "a.bind"}}, Rules: rules}
	for w, size := range sizes {
		wave := rollout.Wave{Name: []string{"canary", "20%", "rest"}[w]}
		for range size {
			wave.Phones = append(wave.Phones, len(plan.Phones))
			plan.Phones = append(plan.Phones, rollout.Phone{Address: fmt.Sprintf("192.0.2.%d", len(plan.Phones)+1), Note: fmt.Sprintf("会議室 %d", len(plan.Phones)+1), Images: []int{0}})
		}
		plan.Waves = append(plan.Waves, wave)
	}
	if err := rollout.Save(t.Context(), c.ledger, "spring", time.Now(), journal.Planned{}, plan); err != nil {
		t.Fatal(err)
	}
	return c
}

// load reads the rollout.
func (c *scene) load() *rollout.Follower {
	c.t.Helper()
	f, err := rollout.Follow("spring", c.ledger.ReadAll(c.t.Context(), "spring"))
	if err != nil {
		c.t.Fatal(err)
	}
	return f
}

// add records events: of the rollout if phone is -1.
func (c *scene) add(phone int, bodies ...journal.Body) {
	c.t.Helper()
	key := journal.Key{Rollout: "spring"}
	if phone >= 0 {
		key = c.load().Saved.Key(phone, 0)
	}
	var last journal.Seq
	for _, e := range journaltest.List(c.t, c.ledger.Read(c.t.Context(), key)) {
		last = e.Seq
	}
	var events []journal.Event
	for _, body := range bodies {
		events = append(events, journal.Event{At: time.Now(), Body: body})
	}
	if _, err := c.ledger.Append(c.t.Context(), key, last, events...); err != nil {
		c.t.Fatal(err)
	}
}

// decide has the view show what comes next, as the engine does, and returns it.
func (c *scene) decide(v *view) rollout.Decision {
	s := c.load().Saved
	d := s.Plan.Decide(s.State(causes), time.Now())
	v.decided(s, d)
	return d
}

func refused() journal.Outcome {
	return journal.Outcome{Result: journal.Failed, Failure: string(fleet.KindNotTaken), Text: "it refused the update", Instructed: true}
}

var (
	begun     = journal.RunBegun{Run: "r1", By: journal.Origin{User: "ada", Host: "laptop"}}
	instructs = []journal.Body{journal.Begun{Run: "r1", Attempt: 1}, journal.Instructing{Run: "r1"}, journal.Instructed{}}
	updates   = []journal.Body{journal.Fetched{}, journal.Outcome{Result: journal.Updated, Instructed: true}}
)

// TestViewPlain shows a run without a terminal: a line when a wave begins and ends, one for each phone that needs somebody, and no
// control characters. A phone that is tried again needs nobody.
func TestViewPlain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newScene(t, rollout.Rules{Parallel: 16, Pause: rollout.PauseNone, Attempts: 2}, 1, 3)
		v := newView(c.con, c.load())
		stop := v.follow(t.Context(), c.ledger)
		c.add(-1, begun)
		c.decide(v)
		c.add(-1, journal.WaveOpened{Wave: 1})
		c.add(0, instructs...)
		time.Sleep(2 * time.Minute)
		c.add(0, updates...)
		c.decide(v)
		for i := 1; i < 4; i++ {
			c.add(i, instructs...)
		}
		c.add(1, refused())
		c.add(2, journal.LetGo{Failure: string(fleet.KindUnreachable), Text: "no route", Again: true})
		time.Sleep(time.Second)
		c.add(2, journal.Begun{Run: "r1", Attempt: 2}, journal.Outcome{Result: journal.Failed, Failure: string(fleet.KindUnreachable), Text: "no route"})
		time.Sleep(time.Second)
		c.add(3, updates...)
		c.decide(v)
		c.decide(v)
		stop()
		want := `4 phones, about 10 min, ends ` + time.Now().Add(8*time.Minute-2*time.Second).Local().Format("15:04") + ` (assumed: 5 min a phone; none was measured
yet)
wave 1 of 2 (canary): 1 phone
wave 1 of 2 (canary) ended: 1 updated, 0 failed, in 2 min
wave 2 of 2 (20%): 3 phones
  not-taken    192.0.2.2 (会議室 2): it refused the update
  unreachable  192.0.2.3 (会議室 3): no route
wave 2 of 2 (20%) ended: 1 updated, 2 failed, in 2 s
`
		if got := c.out.String(); got != want {
			t.Errorf("%s\nwant\n%s", got, want)
		}
		if c.errOut.Len() > 0 {
			t.Errorf("%q", c.errOut.String())
		}
	})
}

// TestViewTerminal draws a bar at a terminal, of any width: no picture is wider than it, and it is gone while a person is asked and at
// the end.
func TestViewTerminal(t *testing.T) {
	t.Parallel()
	for _, width := range []int{19, 20, 40, 57, 80, 200} {
		synctest.Test(t, func(t *testing.T) {
			c := newScene(t, rollout.Rules{Parallel: 16, Pause: rollout.PauseCanary, Attempts: 1}, 1, 9)
			c.width, c.con.Width, c.con.ErrTerminal = width, width, true
			v := newView(c.con, c.load())
			stop := v.follow(t.Context(), c.ledger)
			c.add(-1, begun)
			c.decide(v)
			c.add(0, instructs...)
			time.Sleep(5 * time.Second)
			c.add(0, updates...)
			if d := c.decide(v); d.Verb != rollout.Ask || v.bar != nil {
				t.Errorf("%d columns: %v, a bar: %v", width, d.Verb, v.bar != nil)
			}
			before := c.errOut.Len()
			time.Sleep(time.Minute)
			if c.errOut.Len() != before {
				t.Errorf("%d columns: something is drawn while a person is asked: %q", width, c.errOut.String()[before:])
			}
			c.add(-1, journal.WaveOpened{Wave: 2})
			c.decide(v)
			for i := 1; i < 6; i++ {
				c.add(i, instructs...)
			}
			c.add(1, refused())
			c.add(2, updates...)
			time.Sleep(5 * time.Second)
			stop()
			drawn := c.errOut.String()
			for _, picture := range strings.Split(drawn, "\r") {
				if shown := console.Columns(picture); shown > width {
					t.Errorf("%d columns: a picture of %d: %q", width, shown, picture)
				}
			}
			if width < 20 != (drawn == "") || drawn != "" && !strings.HasSuffix(drawn, strings.Repeat(" ", 19)+"\r") {
				t.Errorf("%d columns: %q", width, drawn)
			}
			want := map[int]string{
				200: "wave 2/2: 1 updated, 1 failed, 3 on their way, 4 waiting, 1 min left  22% [",
				80:  "2/2: 1 updated, 1 failed, 3 on their way, 4 waiting, 1 min left  22% [",
				57:  "2/2: 1 updated, 1 failed, 1 min left  22% [",
				40:  "2/2: 1 updated, 1 failed  22% [",
			}[width]
			if !strings.Contains(drawn, want) {
				t.Errorf("%d columns: %q is missing in %q", width, want, drawn)
			}
			for _, line := range strings.Split(c.out.String(), "\n") {
				if console.Columns(line) > width && line != "  cpupdate rollout resume spring" { // a command is never broken
					t.Errorf("%d columns: a line of %d: %q", width, console.Columns(line), line)
				}
			}
		})
	}
}

// TestViewResumed shows a rollout that goes on: what needed somebody before is not shown again, and a retry that fails is.
func TestViewResumed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newScene(t, rollout.Rules{Parallel: 16, Pause: rollout.PauseNone, Attempts: 1}, 3)
		c.add(-1, begun)
		for i := range 3 {
			c.add(i, instructs...)
		}
		time.Sleep(time.Minute)
		c.add(0, refused())
		c.add(1, updates...)
		v := newView(c.con, c.load())
		stop := v.follow(t.Context(), c.ledger)
		c.decide(v)
		time.Sleep(time.Minute)
		c.add(0, journal.Retry{})
		time.Sleep(time.Minute)
		c.add(0, instructs...)
		c.add(0, refused())
		time.Sleep(time.Minute)
		c.add(0, journal.Note{Text: "looked at"})
		time.Sleep(time.Minute)
		stop()
		want := `1 phone, about 1 min, ends ` + time.Now().Add(-4*time.Minute).Local().Format("15:04") + ` (measured: 1 min a phone, with 1 phone)
wave 1 of 1 (canary): 3 phones, 2 of them done before
  not-taken    192.0.2.1 (会議室 1): it refused the update
`
		if got := c.out.String(); got != want {
			t.Errorf("%s\nwant\n%s", got, want)
		}
	})
}

// TestViewMany shows 5,000 phones in a few lines.
func TestViewMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const phones = 5000
		c := newScene(t, rollout.Rules{Parallel: 16, Pause: rollout.PauseNone, Attempts: 1}, 1, phones)
		v := newView(c.con, c.load())
		v.decided(v.f.Saved, rollout.Decision{Verb: rollout.Run, Wave: 1})
		for i := range phones + 1 {
			key := v.f.Saved.Key(i, 0)
			for n, body := range append(append([]journal.Body{}, instructs...), updates...) {
				v.record(journal.Record{Key: key, Event: journal.Event{Seq: journal.Seq(phones*20 + n), At: time.Now(), Body: body}}) //nolint:gosec // small
			}
		}
		v.decided(v.f.Saved, rollout.Decision{Verb: rollout.Done, Wave: 1})
		if got := c.out.String(); got != "wave 2 of 2 (20%): 5000 phones\nwave 2 of 2 (20%) ended: 5000 updated, 0 failed, in 0 ms\n" {
			t.Errorf("%q", got)
		}
	})
}

// TestViewJSON has one object a line, and no others.
func TestViewJSON(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newScene(t, rollout.Rules{Parallel: 16, Pause: rollout.PauseNone, Attempts: 1}, 1, 1)
		c.con.JSON, c.con.ErrTerminal = true, true
		v := newView(c.con, c.load())
		stop := v.follow(t.Context(), c.ledger)
		c.decide(v)
		c.add(0, instructs...)
		c.add(0, refused())
		v.event(0, fleet.Event{Step: fleet.StepFailed, At: time.Now(), Failure: &fleet.Failure{Kind: fleet.KindNotTaken, Err: errors.New("it refused the update")}})
		time.Sleep(time.Minute)
		c.decide(v)
		stop()
		events := ""
		for line := range strings.SplitSeq(strings.TrimSpace(c.out.String()), "\n") {
			var doc struct {
				Schema int    `json:"schema"`
				Event  string `json:"event"`
			}
			if err := json.Unmarshal([]byte(line), &doc); err != nil || doc.Schema != 1 {
				t.Errorf("%q: %v", line, err)
			}
			events += doc.Event + " "
		}
		if events != "forecast next phone next " || c.errOut.Len() > 0 {
			t.Errorf("%s, and %q", events, c.errOut.String())
		}
	})
}

// TestWatch follows a rollout that another process carries out, until it is over.
func TestWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newScene(t, rollout.Rules{Parallel: 16, Pause: rollout.PauseCanary, Attempts: 1}, 1, 2)
		v := newView(c.con, c.load())
		v.watch = true
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		read := make(chan error, 1)
		ended := make(chan error, 1)
		go func() { read <- v.read(ctx, c.ledger) }()
		go func() { ended <- v.untilOver(ctx, read) }()
		time.Sleep(time.Second + watchTime/2) // no event comes when the view looks
		if c.out.Len() > 0 {
			t.Errorf("before a run began: %q", c.out.String())
		}
		c.add(-1, begun, journal.WaveOpened{Wave: 1})
		c.add(0, append(append([]journal.Body{}, instructs...), updates...)...)
		time.Sleep(time.Second)
		c.add(-1, journal.WaveOpened{Wave: 2})
		c.add(1, refused())
		time.Sleep(time.Second)
		c.add(-1, journal.Paused{Reason: "lunch"})
		time.Sleep(time.Second)
		c.add(-1, journal.Resumed{})
		time.Sleep(time.Second)
		select {
		case err := <-ended:
			t.Fatal(err)
		default:
		}
		c.add(2, refused())
		if err := <-ended; err != nil {
			t.Error(err)
		}
		cancel()
		if err := <-read; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		want := `wave 1 of 2 (canary): 1 phone
wave 1 of 2 (canary) ended: 1 updated, 0 failed, in 0.1 s
wave 2 waits for you: look at the phones, then, in another terminal:
  cpupdate rollout resume spring
wave 2 of 2 (20%): 2 phones
  not-taken    192.0.2.2 (会議室 2): it refused the update
paused: lunch; to go on, in another terminal: cpupdate rollout resume spring
  not-taken    192.0.2.3 (会議室 3): it refused the update
wave 2 of 2 (20%) ended: 0 updated, 2 failed, in 3.1 s
`
		if got := c.out.String(); got != want {
			t.Errorf("%s\nwant\n%s", got, want)
		}
	})
}

// TestWatchStopped ends when the rollout is stopped and no phone is on its way any more.
func TestWatchStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newScene(t, rollout.Rules{Parallel: 16, Pause: rollout.PauseNone, Attempts: 1}, 2)
		c.add(-1, begun)
		c.add(0, instructs...)
		c.add(-1, journal.Stopped{})
		if over(c.load().Saved, time.Now()) {
			t.Error("a phone is on its way")
		}
		c.add(0, updates...)
		if !over(c.load().Saved, time.Now()) {
			t.Error("no phone is on its way")
		}
	})
}

// TestLastText says what the journal knows of the last run, and how to go on.
func TestLastText(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newScene(t, rollout.Rules{Parallel: 16, Pause: rollout.PauseCanary, Attempts: 1}, 1, 1)
		text := func() string { return lastText(c.load(), "spring", time.Now()) }
		check := func(want string) {
			t.Helper()
			if got := text(); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		}
		check("no run has begun yet; to begin: cpupdate rollout run spring")
		c.add(-1, journal.Paused{})
		check("no run has begun yet; to begin: cpupdate rollout resume spring, then cpupdate rollout run spring")
		c.add(-1, journal.Resumed{})
		c.add(-1, begun)
		at := time.Now().Local().Format(time.DateTime)
		check("last event: " + at + ", of a run by ada on laptop; if that run has ended, to go on: cpupdate rollout run spring")
		time.Sleep(42 * time.Second)
		check("last event: " + at + " (42 s ago), of a run by ada on laptop; if that run has ended, to go on: cpupdate rollout run spring")
		time.Sleep(3 * time.Hour)
		check("last event: " + at + " (3 h 1 min ago), of a run by ada on laptop; if that run has ended, to go on: cpupdate rollout run spring")
		c.add(0, append(append([]journal.Body{}, instructs...), updates...)...)
		if got := text(); !strings.HasSuffix(got, "; to go on: cpupdate rollout resume spring, and if that run has ended: cpupdate rollout run spring") {
			t.Error(got)
		}
		c.add(-1, journal.Stopped{})
		if got := text(); !strings.HasSuffix(got, "; to go on: cpupdate rollout resume spring, then cpupdate rollout run spring") {
			t.Error(got)
		}
		c.add(1, refused())
		check("")
	})
}

// TestViewOthers says how many phones wait for other runs whenever there are more, and writes nothing into the bar's line.
func TestViewOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newScene(t, rollout.Rules{Parallel: 16, Pause: rollout.PauseNone, Attempts: 1}, 3)
		c.con.ErrTerminal, c.width = true, 200
		v := newView(c.con, c.load())
		stop := v.follow(t.Context(), c.ledger)
		c.add(-1, begun)
		c.decide(v)
		v.others(0, 1)
		v.others(0, 3)
		v.others(2, 2)
		v.others(0, 1)
		stop()
		shown := strings.FieldsFunc(c.errOut.String(), func(r rune) bool { return r == '\r' || r == '\n' })
		var notes []string
		for _, line := range shown {
			if strings.HasPrefix(line, "note: the journal: ") {
				notes = append(notes, strings.TrimPrefix(line, "note: the journal: "))
			} else if strings.Contains(line, "note: ") {
				t.Errorf("%q", line)
			}
		}
		want := []string{
			"1 phone waits for another run, which has it now or instructed it a short time ago; this run begins with it later",
			"3 phones wait for other runs, which have them now or instructed them a short time ago; this run begins with them later",
			"another run instructed 2 phones, and how that ended is not recorded: queried until --settle has passed since then, and not instructed again",
		}
		if !slices.Equal(notes, want) {
			t.Errorf("%q", notes)
		}
	})
}

// TestStatusWaits says until when no phone is begun, and why.
func TestStatusWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().Local()
		minute := func(hours int) int { return (now.Hour() + hours) % 24 * 60 }
		window := rollout.Window{From: minute(2), To: minute(3)}
		c := newScene(t, rollout.Rules{Parallel: 1, Pause: rollout.PauseNone, Attempts: 1, Window: window}, 1)
		var shown strings.Builder
		statusText(c.con, c.load().Saved, "")(&shown)
		want := "rollout spring: no phone is begun until " + window.Next(now).Format(time.DateTime) + ": the window is " + window.String()
		if got := strings.Join(strings.Fields(shown.String()), " "); !strings.HasPrefix(got, want+" wave 1 ") {
			t.Errorf("%q, want %q", got, want)
		}
		// It is as it was when the document was made, also if the time has come meanwhile.
		saved := c.load().Saved
		doc := statusOf(saved)
		time.Sleep(2 * time.Hour)
		shown.Reset()
		textOf(doc, c.con, saved, "")(&shown)
		if got := strings.Join(strings.Fields(shown.String()), " "); !strings.HasPrefix(got, want+" wave 1 ") {
			t.Errorf("later: %q, want %q", got, want)
		}
	})
}

// TestForecastText says how a rollout goes.
func TestForecastText(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 14, 21, 0, 0, 0, time.Local)
	plan := func(rules rollout.Rules, sizes ...int) *rollout.Plan {
		p := &rollout.Plan{Rules: rules}
		for _, size := range sizes {
			wave := rollout.Wave{Name: "canary"}
			for range size {
				wave.Phones = append(wave.Phones, len(p.Phones))
				p.Phones = append(p.Phones, rollout.Phone{})
			}
			p.Waves = append(p.Waves, wave)
		}
		return p
	}
	var measured rollout.Meter
	for _, e := range []journal.Event{{At: now, Body: journal.Begun{}}, {At: now.Add(20 * time.Second), Body: journal.Fetched{}}, {At: now.Add(90 * time.Second), Body: journal.Outcome{Result: journal.Updated}}} {
		measured.Add(journal.Record{Event: e})
	}
	night := rollout.Window{From: 22 * 60, To: 6 * 60}
	for _, test := range []struct {
		plan *rollout.Plan
		m    rollout.Meter
		want string
	}{
		{plan(rollout.Rules{Parallel: 16, Pause: rollout.PauseNone}, 1), rollout.Meter{}, "1 phone, about 5 min, ends 21:05 (assumed: 5 min a phone; none was measured yet)"},
		{plan(rollout.Rules{Parallel: 16, Pause: rollout.PauseNone}, 1), measured, "1 phone, about 2 min, ends 21:01 (measured: 1 min 30 s a phone, with 1 phone)"},
		{plan(rollout.Rules{Parallel: 1, Pause: rollout.PauseNone}, 570), measured, "570 phones, about 3 h 11 min, ends Sun 00:11 (measured: 1 min 30 s a phone, with 1 phone)"},
		{plan(rollout.Rules{Parallel: 1, Pause: rollout.PauseCanary, Window: night}, 2, 242), rollout.Meter{}, "244 phones, about 1 day 1 h, ends Sun 22:13; 5 will not be begun before the window closes at 06:00; without the pauses for people (assumed: 5 min a phone; none was measured yet)"},
		{plan(rollout.Rules{Parallel: 1, StartRate: 1.0 / 60, Pause: rollout.PauseEach}, 1000), rollout.Meter{}, "1000 phones, about 41 days 15 h, ends 2026-12-26 12:05 (assumed: 5 min a phone; none was measured yet)"},
	} {
		s := rollout.State{Phones: make([]rollout.Progress, len(test.plan.Phones))}
		if got := forecastOf(test.plan, s, test.m, now).text(); got != test.want {
			t.Errorf("%s\nwant %s", got, test.want)
		}
	}
}

// TestEarlier measures with the runs of a journal, and bounds what is read of it.
func TestEarlier(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newScene(t, rollout.Rules{Parallel: 16, Pause: rollout.PauseNone, Attempts: 1}, earlierPhones+20)
		if m := earlier(t.Context(), c.ledger); m.Phones != 0 {
			t.Errorf("%d", m.Phones)
		}
		for i := range earlierPhones + 20 {
			c.add(i, instructs...)
		}
		time.Sleep(time.Minute)
		for i := range earlierPhones + 20 {
			c.add(i, updates...)
		}
		if m := earlier(t.Context(), c.ledger); m.Phones != earlierPhones {
			t.Errorf("%d phones", m.Phones)
		}
		_ = c.ledger.Close()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if m := earlier(ctx, c.ledger); m.Phones != 0 {
			t.Errorf("of a journal that cannot be read: %d", m.Phones)
		}
	})
}
