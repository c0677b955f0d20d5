package report_test

import (
	"context"
	"fmt"
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
	saved, err := rollout.Load(context.Background(), s.ledger, s.name)
	noError(s.t, err)
	l, err := report.NewLive(saved, s.ledger.ReadAll(context.Background(), s.name), options())
	noError(s.t, err)
	return l
}

// follow adds what happens to a page.
func (s *sample) follow(l *report.Live, phone string, after time.Duration, bodies ...journal.Body) {
	s.t.Helper()
	key := journal.Key{Rollout: s.name, Phone: phone}
	known := s.last[key]
	s.happens(phone, after, bodies...)
	for e, err := range s.ledger.Read(context.Background(), key) {
		noError(s.t, err)
		if e.Seq > known {
			noError(s.t, l.Add(journal.Record{Key: key, Event: e}))
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
	read := time.Since(begun)
	first := made(b, l)
	b.ReportMetric(float64(read.Milliseconds()), "read-ms")
	b.ReportMetric(float64((time.Since(begun) - read).Milliseconds()), "first-ms")
	b.ReportMetric(float64(len(whole(b, first))), "page-bytes")
	at, sent, n := first.Position(), 0, 0
	b.ResetTimer()
	for b.Loop() {
		b.StopTimer()
		for i := range 16 {
			s.follow(l, s.plan.Phones[10_000-16+i].Address, 5*time.Hour+time.Duration(n)*time.Second, journal.Begun{Run: "r1", Attempt: n + 1})
		}
		n++
		b.StartTimer()
		m := made(b, l)
		parts, rows, next := m.Changes(at, 512<<10)
		at = next
		for _, text := range slices.Concat(parts, rows) {
			sent += len(text)
		}
	}
	b.ReportMetric(float64(sent)/float64(n), "sent-bytes/op")
	_ = fmt.Sprint
}
