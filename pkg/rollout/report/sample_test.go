package report_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
	"github.com/cpupdate/cpupdate/pkg/rollout/report"
)

const (
	oldVersion = "V1 R4.9.0"
	newVersion = "V1 R9.2.0"
	model      = "OpenScape Desk Phone CP600"
)

var night = time.Date(2026, 11, 14, 21, 0, 0, 0, time.UTC)

// A sample is a rollout in a journal, as the engine would write it.
type sample struct {
	t      testing.TB
	ledger journal.Ledger
	plan   rollout.Plan
	last   map[journal.Key]journal.Seq
	name   string
}

func newSample(t testing.TB, name string) *sample {
	t.Helper()
	s := &sample{t: t, ledger: journaltest.NewMemory().Open(), last: map[journal.Key]journal.Seq{}, name: name}
	t.Cleanup(func() { _ = s.ledger.Close() })
	s.plan.Images = []rollout.Image{
		{Name: "cp600-r9.bind", SHA256: strings.Repeat("a1", 32), Size: 41 << 20, Version: version(t, newVersion), SoftwareType: "Unify SIP"},
		{Name: "cp600-r7.bind", SHA256: strings.Repeat("b2", 32), Size: 40 << 20, Version: version(t, "V1 R7.0.0"), SoftwareType: "Unify SIP"},
	}
	s.plan.Rules = rollout.Rules{
		StopOn: rollout.Limits{{Cause: rollout.Rejected, Count: 3}}, Pause: rollout.PauseCanary, Window: rollout.Window{From: 22 * 60, To: 6 * 60},
		Parallel: 16, Attempts: 3, Settle: 15 * time.Minute,
	}
	return s
}

func version(t testing.TB, text string) bind.Version {
	t.Helper()
	v, err := bind.ParseVersion(text)
	noError(t, err)
	return v
}

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// phone adds a phone to a wave, from 0; -1 leaves it alone.
func (s *sample) phone(wave int, p rollout.Phone) {
	for len(s.plan.Waves) <= wave {
		s.plan.Waves = append(s.plan.Waves, rollout.Wave{Name: []string{"canary", "40%", "rest"}[len(s.plan.Waves)]})
	}
	if wave >= 0 {
		s.plan.Waves[wave].Phones = append(s.plan.Waves[wave].Phones, len(s.plan.Phones))
		if p.Images == nil {
			p.Images = []int{0}
		}
	}
	s.plan.Phones = append(s.plan.Phones, p)
}

// save writes the plan into the journal.
func (s *sample) save() {
	s.t.Helper()
	noError(s.t, rollout.Save(context.Background(), s.ledger, s.name, night, journal.Planned{By: journal.Origin{User: "anna", Host: "laptop", Tool: "1.4.0"}}, s.plan))
	for r, err := range s.ledger.ReadAll(context.Background(), s.name) {
		noError(s.t, err)
		s.last[r.Key] = r.Event.Seq
	}
}

// stream returns the stream of a phone, or of a step of it: its site is in front.
func (s *sample) stream(phone string) string {
	for _, p := range s.plan.Phones {
		if p.Site != "" && (phone == p.Address || strings.HasPrefix(phone, p.Address+" ")) {
			return p.Site + "/" + phone
		}
	}
	return phone
}

// happens adds events to a stream: of the rollout itself for "".
func (s *sample) happens(phone string, after time.Duration, bodies ...journal.Body) {
	s.t.Helper()
	key := journal.Key{Rollout: s.name, Phone: s.stream(phone)}
	var events []journal.Event
	for i, body := range bodies {
		if reported, ok := body.(journal.Reported); ok {
			for _, p := range s.plan.Phones {
				if strings.HasPrefix(phone, p.Address+" ") || phone == p.Address {
					reported.Device.MAC = p.MAC
				}
			}
			body = reported
		}
		events = append(events, journal.Event{At: night.Add(after + time.Duration(i)*20*time.Second), Body: body})
	}
	seq, err := s.ledger.Append(context.Background(), key, s.last[key], events...)
	noError(s.t, err)
	s.last[key] = seq
}

func (s *sample) report(o report.Options) *report.Report {
	s.t.Helper()
	saved, err := rollout.Load(context.Background(), s.ledger, s.name)
	noError(s.t, err)
	r, err := report.New(saved, s.ledger.ReadAll(context.Background(), s.name), o)
	noError(s.t, err)
	return r
}

func options() report.Options {
	return report.Options{At: night.Add(3 * time.Hour), Location: time.FixedZone("CET", 3600), Advice: func(kind string) string {
		return map[string]string{
			"rejected":    "see the phone's display for the reason; most often the stated hardware level is wrong: find out the level of this phone by its part number, and correct --hw-level or the list",
			"unreachable": "a phone that restarts or installs does not answer: keep it on power and LAN, and try again in a few minutes",
			"never-back":  "check the phone, and do not cut its power while LEDs blink; then query it: cpupdate phone PHONE",
		}[kind]
	}}
}

func device(version string) journal.Reported {
	return journal.Reported{Device: journal.Device{Type: model, SoftwareType: "Unify SIP", Version: version, MAC: "00:1A:E8:00:00:01", PartNumber: "S30817-S7720-A101-4"}}
}

// installs are the events of a phone that installs an image.
func installs(from, to string) []journal.Body {
	return []journal.Body{
		journal.Begun{Run: "r1", Attempt: 1},
		device(from),
		journal.Checked{Verdict: "fits"},
		journal.Instructing{Run: "r1", Attempt: 1, Version: to},
		journal.Instructed{},
		journal.Accepted{},
		journal.Fetching{Bytes: 5 << 20, Size: 41 << 20},
		journal.Fetching{Bytes: 30 << 20, Size: 41 << 20},
		journal.Fetched{Bytes: 41 << 20},
		journal.Restarting{},
		journal.Back{},
		device(to),
		journal.Outcome{Result: journal.Updated, Version: to, Instructed: true, Took: 4 * time.Minute},
	}
}

func failed(kind, text string, instructed bool, took time.Duration) journal.Outcome {
	return journal.Outcome{Result: journal.Failed, Failure: kind, Text: text, Version: oldVersion, Instructed: instructed, Took: took}
}

func address(i int) string { return fmt.Sprintf("192.0.2.%d", i) }

// twelve is a rollout of 12 phones with every outcome.
func twelve(t testing.TB) *sample {
	t.Helper()
	s := newSample(t, "berlin-november")
	add := func(wave, i int, note string) {
		s.phone(wave, rollout.Phone{
			Address: address(i), MAC: fmt.Sprintf("00:1A:E8:00:00:%02X", i), Note: note, Site: "berlin", Running: oldVersion, Device: model, Level: 3, Type: "Unify SIP",
			Stated: hwcheck.Phone{Level: []hwcheck.Claim[uint16]{{Value: 3, Origin: hwcheck.List}}, Running: []hwcheck.Claim[bind.Version]{{Value: version(t, oldVersion), Origin: hwcheck.List}}, Device: []hwcheck.Claim[string]{{Value: "CP600", Origin: hwcheck.Reported}}},
		})
	}
	add(0, 1, "reception")
	add(0, 2, "4.07")
	for i := 3; i <= 7; i++ {
		add(1, i, fmt.Sprintf("4.%02d", i+5))
	}
	for i := 8; i <= 11; i++ {
		add(2, i, "")
	}
	s.plan.Phones[1].Override = "tested in the laboratory"
	s.plan.Phones[7].Images = []int{1, 0}
	s.phone(-1, rollout.Phone{Address: address(12), Note: "lobby", Running: newVersion, Device: "OpenScape Desk Phone CP200", LeftWhy: "no image of the folder is for this model"})
	s.save()
	by := journal.Origin{User: "anna", Host: "laptop", Tool: "1.4.0"}
	s.happens("", time.Hour, journal.RunBegun{Run: "r1", By: by, Route: journal.Route{Way: "serve", Listen: "192.0.2.200:8085"}})
	s.happens(address(1), time.Hour, installs(oldVersion, newVersion)...)
	override := installs(oldVersion, newVersion)
	override[2] = journal.Checked{Verdict: "overridden", Overrides: []journal.Override{{Rule: "hardware-level", Reason: "tested in the laboratory"}}}
	s.happens(address(2), time.Hour+time.Minute, override...)
	s.happens("", 70*time.Minute, journal.WaveOpened{Wave: 2, Name: "40%", Phones: 5})
	s.happens(address(3), 70*time.Minute, installs(oldVersion, newVersion)[:9]...)
	s.happens(address(3), 75*time.Minute, failed("rejected", "it fetched the image, did not restart, and runs its old software", true, 5*time.Minute))
	s.happens(address(4), 71*time.Minute, journal.Begun{Run: "r1", Attempt: 1}, device(newVersion), journal.Outcome{Result: journal.NothingToDo, Version: newVersion, Took: 20 * time.Second})
	s.happens(address(5), 71*time.Minute, journal.Begun{Run: "r1", Attempt: 1}, journal.LetGo{Run: "r1", Failure: "unreachable", Text: "connection refused"})
	s.happens(address(5), 74*time.Minute, journal.Begun{Run: "r1", Attempt: 2}, failed("unreachable", "no answer within 10 min", false, 10*time.Minute))
	s.happens(address(6), 72*time.Minute, installs(oldVersion, newVersion)[:10]...)
	s.happens(address(6), 95*time.Minute, failed("never-back", "it went down, and did not come back within 15 min", true, 23*time.Minute))
	s.happens(address(7), 72*time.Minute, journal.Begun{Run: "r1", Attempt: 1}, failed("rejected", "it kept its software", true, 3*time.Minute))
	s.happens(address(7), 90*time.Minute, journal.Retry{By: by, Reason: "level corrected"})
	s.happens(address(7), 91*time.Minute, installs(oldVersion, newVersion)...)
	s.happens(address(8), 100*time.Minute, installs(oldVersion, "V1 R7.0.0")...)
	s.happens(address(8)+" (step 2)", 106*time.Minute, installs("V1 R7.0.0", newVersion)...)
	s.happens(address(9), 100*time.Minute, installs(oldVersion, newVersion)[:8]...)
	s.happens(address(10), 101*time.Minute, journal.Begun{Run: "r1", Attempt: 1}, journal.LetGo{Run: "r1", Failure: "interrupted", Text: "the run was stopped"})
	s.happens("", 110*time.Minute, journal.Stopped{By: by, Reason: "end of the window"})
	return s
}

// one is a rollout of one phone that is done.
func one(t testing.TB) *sample {
	t.Helper()
	s := newSample(t, "one")
	s.phone(0, rollout.Phone{Address: address(1), Running: oldVersion})
	s.save()
	s.happens("", time.Hour, journal.RunBegun{Run: "r1", By: journal.Origin{User: "anna"}})
	s.happens(address(1), time.Hour, installs(oldVersion, newVersion)...)
	return s
}

// none is a rollout without a phone. No plan has none, and a report must not depend on that.
func none(t testing.TB) *report.Report {
	t.Helper()
	r, err := report.New(&rollout.Saved{Name: "none", At: night}, func(func(journal.Record, error) bool) {}, options())
	noError(t, err)
	return r
}

// many is a rollout of many phones with all outcomes.
func many(t testing.TB, n int) *sample {
	t.Helper()
	s := newSample(t, "many")
	at := func(i int) string { return fmt.Sprintf("10.%d.%d.%d", i/62500, i/250%250, i%250+1) }
	for i := range n {
		wave := 0
		switch {
		case i >= n/2:
			wave = 2
		case i >= 4:
			wave = 1
		}
		if i%97 == 5 {
			wave = -1
		}
		p := rollout.Phone{Address: at(i), MAC: fmt.Sprintf("00:1A:E8:%02X:%02X:%02X", i>>16, i>>8&255, i&255), Note: fmt.Sprintf("room %d.%02d", i/100, i%100), Site: "berlin", Running: oldVersion, Device: model}
		if wave < 0 {
			p.LeftWhy = "no image of the folder is for this model"
		}
		s.phone(wave, p)
	}
	s.save()
	var batches []journal.Batch
	for i := range n {
		bodies := installs(oldVersion, newVersion)
		switch {
		case i%97 == 5:
			continue
		case i%41 == 7:
			bodies = append(bodies[:8:8], failed("rejected", "it fetched the image, did not restart, and runs its old software", true, time.Duration(i)*time.Second))
		case i%53 == 9:
			bodies = []journal.Body{journal.Begun{Run: "r1", Attempt: 3}, failed("unreachable", "no answer within 10 min", false, 10*time.Minute)}
		case i%59 == 11:
			bodies = bodies[:6]
		case i > n-20:
			continue
		}
		key := journal.Key{Rollout: s.name, Phone: "berlin/" + at(i)}
		batch := journal.Batch{Key: key, After: s.last[key]}
		for k, body := range bodies {
			if reported, ok := body.(journal.Reported); ok {
				reported.Device.MAC = s.plan.Phones[i].MAC
				body = reported
			}
			batch.Events = append(batch.Events, journal.Event{At: night.Add(time.Hour + time.Duration(i/16*3+k*20)*time.Second), Body: body})
		}
		batches = append(batches, batch)
	}
	for _, answer := range s.ledger.AppendAll(context.Background(), batches) {
		noError(t, answer.Err)
	}
	return s
}
