package report_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
	"github.com/cpupdate/cpupdate/pkg/rollout/report"
)

// live returns the page of a rollout that goes on.
func (s *sample) live() *report.Live {
	s.t.Helper()
	follower, err := rollout.Follow(s.name, s.ledger.ReadAll(context.Background(), s.name))
	noError(s.t, err)
	l, err := report.NewLive(follower, s.ledger.ReadAll(context.Background(), s.name), options())
	noError(s.t, err)
	return l
}

// follow adds what happens to a page.
func (s *sample) follow(l *report.Live, phone string, after time.Duration, bodies ...journal.Body) {
	s.t.Helper()
	key := journal.Key{Rollout: s.name, Phone: s.stream(phone)}
	known := s.last[key]
	s.happens(phone, after, bodies...)
	for e, err := range s.ledger.Read(context.Background(), key) {
		noError(s.t, err)
		if e.Seq > known {
			l.Add(journal.Record{Key: key, Event: e})
		}
	}
}

// made makes the page.
func made(t testing.TB, l *report.Live) *report.Moment {
	t.Helper()
	m, err := l.Make(options().At)
	noError(t, err)
	return m
}

// whole returns the whole page.
func whole(t testing.TB, m *report.Moment) string {
	t.Helper()
	var b strings.Builder
	noError(t, m.WriteHTML(&b, "at"))
	return b.String()
}

// BenchmarkLive makes the page of 10,000 phones while 16 of them take a step each time.
func BenchmarkLive(b *testing.B) {
	s := many(b, 10_000)
	begun := time.Now()
	l := s.live()
	first := made(b, l)
	took, size := time.Since(begun), len(whole(b, first))
	at, sent, n := first.Position(), 0, 0
	for b.Loop() {
		b.StopTimer()
		for i := range 16 {
			s.follow(l, s.plan.Phones[10_000-16+i].Address, 5*time.Hour+time.Duration(n)*time.Second, journal.Begun{Run: "r1", Attempt: n + 1})
		}
		n++
		b.StartTimer()
		parts, rows, next := made(b, l).Changes(at, 512<<10)
		at = next
		for _, text := range slices.Concat(parts, rows) {
			sent += len(text)
		}
	}
	b.ReportMetric(float64(took.Milliseconds()), "first-ms")
	b.ReportMetric(float64(size), "page-bytes")
	b.ReportMetric(float64(sent)/float64(n), "sent-bytes/op")
}

// TestLive adds events to a page at random: it is always the page that the whole journal makes, and a page that takes over the
// changes has the same parts and rows.
func TestLive(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // repeated
		s := twelve(t)
		l := s.live()
		browser := newReader(made(t, l))
		for range 12 {
			for range random.IntN(4) {
				i := random.IntN(11) + 1
				body := []journal.Body{
					journal.Begun{Run: "r2", Attempt: 1 + random.IntN(3)},
					journal.Instructing{Run: "r2", Attempt: 1},
					journal.Retry{Reason: "again"},
					journal.Outcome{Result: journal.Updated, Version: newVersion, Took: time.Minute},
					failed("rejected", "it kept its software", true, time.Minute),
					failed(fmt.Sprintf("kind-%d", random.IntN(3)), "a reason", false, time.Minute),
					journal.LetGo{Run: "r2", Failure: "busy", Again: true},
					journal.LetGo{Run: "r2", Failure: "interrupted"},
					journal.Note{Text: "<script>\x00\u202e"},
					device(newVersion),
				}[random.IntN(10)]
				s.follow(l, address(i), 3*time.Hour, body)
			}
			if random.IntN(3) == 0 {
				s.follow(l, "", 3*time.Hour, []journal.Body{
					journal.Stopped{Reason: "a reason"},
					journal.Resumed{},
					journal.LimitReached{Wave: 2, Cause: "rejected", Limit: "1", Count: 1},
					journal.Paused{},
					journal.RunBegun{Run: "r3"},
					journal.WaveOpened{Wave: 3, Name: "rest"},
				}[random.IntN(6)])
			}
			m := made(t, l)
			browser.take(m, random.IntN(3000))
			if got, want := plainIDs(whole(t, m)), plainIDs(whole(t, made(t, s.live()))); got != want {
				t.Fatalf("seed %d: the page is\n%s\nand not\n%s", seed, got, want)
			}
		}
		m := made(t, l)
		for browser.take(m, 2000) {
		}
		page := whole(t, m)
		for part, text := range browser.parts {
			if !strings.Contains(page, text) && part != "title" {
				t.Fatalf("seed %d: the part %s is\n%s", seed, part, text)
			}
		}
		for k, text := range browser.rows {
			if !strings.Contains(page, text) {
				t.Fatalf("seed %d: the row %s is\n%s", seed, k, text)
			}
		}
	}
}

// plainIDs leaves out of which cause an id is, which depends on which cause was there first.
func plainIDs(page string) string {
	return regexp.MustCompile(`cause-\d+`).ReplaceAllString(page, "cause")
}

// A reader has a page, and takes over what changes.
type reader struct {
	at          report.Position
	parts, rows map[string]string
}

func newReader(m *report.Moment) *reader {
	r := &reader{parts: map[string]string{}, rows: map[string]string{}}
	r.take(m, 1<<30)
	return r
}

// take takes over what has changed, and reports whether that was anything.
func (r *reader) take(m *report.Moment, limit int) bool {
	parts, rows, next := m.Changes(r.at, limit)
	for _, part := range parts {
		name, text, _ := strings.Cut(strings.TrimPrefix(part, `<div data-part="`), `">`)
		r.parts[name] = strings.TrimSuffix(text, "</div>")
	}
	for _, row := range rows {
		k, _, _ := strings.Cut(strings.TrimPrefix(row, `<tr data-k="`), `"`)
		r.rows[k] = row
	}
	r.at = next
	return len(parts)+len(rows) > 0
}

// TestChanges bounds what is sent at once, and repeats nothing.
func TestChanges(t *testing.T) {
	s := many(t, 300)
	l := s.live()
	m := made(t, l)
	if parts, rows, next := m.Changes(m.Position(), 1<<20); len(parts)+len(rows) > 0 || next != m.Position() {
		t.Errorf("of the page itself %d parts and %d rows have changed", len(parts), len(rows))
	}
	seen := map[string]bool{}
	at := report.Position{}
	for step := 0; at != m.Position(); step++ {
		parts, rows, next := m.Changes(at, 10_000)
		if (len(parts) > 0) != (step == 0) || len(rows) == 0 || len(strings.Join(rows, "")) > 10_000 {
			t.Fatalf("step %d: %d parts, %d rows", step, len(parts), len(rows))
		}
		for _, row := range rows {
			if seen[row] {
				t.Errorf("twice: %s", row)
			}
			seen[row] = true
		}
		at = next
	}
	if len(seen) != 300 {
		t.Errorf("%d rows", len(seen))
	}
	if _, rows, _ := m.Changes(report.Position{}, 0); len(rows) != 1 {
		t.Errorf("%d rows where there is room for none", len(rows))
	}
	before := m.Position()
	if after := made(t, l); after.Position() != before {
		t.Error("without an event something has changed")
	}
	s.follow(l, s.plan.Phones[299].Address, 9*time.Hour, journal.Begun{Run: "r2", Attempt: 1})
	parts, rows, _ := made(t, l).Changes(before, 1<<20)
	if len(rows) != 1 || len(parts) == 0 || len(parts) > 12 {
		t.Errorf("one event changes %d rows and %d parts", len(rows), len(parts))
	}
	for _, part := range parts {
		if strings.Contains(part, `data-part="what"`) {
			t.Errorf("what was rolled out is sent again: %s", part)
		}
	}
}

// TestHostileLive has hostile texts wherever a text may be.
func TestHostileLive(t *testing.T) {
	l := hostile(t).live()
	page := whole(t, made(t, l))
	checkForm(t, "html", page)
	if strings.Contains(page, "<img") || strings.Contains(page, "\x1b") || strings.Contains(page, "\u202e") {
		t.Error("a text is not escaped")
	}
}

// TestOldEvents leaves out events that the page has already, and those of streams that the plan does not have.
func TestOldEvents(t *testing.T) {
	s := twelve(t)
	l := s.live()
	before := whole(t, made(t, l))
	for r, err := range s.ledger.ReadAll(context.Background(), s.name) {
		noError(t, err)
		l.Add(r)
	}
	l.Add(journal.Record{Key: journal.Key{Rollout: s.name}, Event: journal.Event{Seq: 1 << 40, At: night, Body: journal.Planned{Phones: 3}}})
	l.Add(journal.Record{Key: journal.Key{Rollout: s.name, Phone: "elsewhere"}, Event: journal.Event{Seq: 1 << 40, At: night, Body: journal.Begun{}}})
	if after := whole(t, made(t, l)); after != before {
		t.Errorf("the page has become\n%s", after)
	}
}

// TestRunning says of phones without an end that they are in progress, where somebody watches a run; a report does not.
func TestRunning(t *testing.T) {
	s := twelve(t)
	l := s.live()
	for i, bodies := range map[int][]journal.Body{
		8:  {journal.Retry{}, journal.Begun{Run: "r2", Attempt: 1}},
		10: {journal.Begun{Run: "r2", Attempt: 1}, journal.Instructing{Run: "r2", Attempt: 1}},
		11: {journal.Begun{Run: "r2", Attempt: 1}, journal.LetGo{Run: "r2", Failure: "unreachable", Text: "no answer", Again: true}},
	} {
		s.follow(l, address(i), 3*time.Hour, bodies...)
	}
	if page := whole(t, made(t, l)); !strings.Contains(page, "3 in progress") || strings.Contains(page, "another attempt follows") {
		t.Error("stopped, 3 phones are in progress, and no other attempt follows")
	}
	s.follow(l, "", 3*time.Hour, journal.Resumed{})
	page := whole(t, made(t, l))
	for _, want := range []string{"4 in progress", "it was instructed<", "it was not instructed yet", "another attempt follows: unreachable: no answer", "4 phones. A run began with them"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	r := s.report(options())
	if r.Counts.InProgress != 0 || r.Counts.NotKnown == 0 {
		t.Errorf("the report has %+v", r.Counts)
	}
}
