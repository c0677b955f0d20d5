package jetstream_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/journal/jetstream"
)

// steps are the events of a phone that is updated, as a run appends them: those of one list together.
func steps() [][]journal.Body {
	device := journal.Device{Type: "OpenScape Desk Phone CP600", SoftwareType: "Unify SIP", Version: "V1 R4.9.0", MAC: "00:1A:E8:12:34:56", PartNumber: "S30817-S7720"}
	return [][]journal.Body{
		{journal.Begun{Run: "r1", Attempt: 1}},
		{journal.Reported{Device: device}, journal.Checked{Verdict: "fits"}, journal.Instructing{Run: "r1", Attempt: 1, Version: "V1 R5.2.0", SHA256: fmt.Sprintf("%064d", 0)}},
		{journal.Instructed{}, journal.Accepted{}},
		{journal.Fetching{Bytes: 1 << 20, Size: 40 << 20}},
		{journal.Fetching{Bytes: 20 << 20, Size: 40 << 20}},
		{journal.Fetched{Bytes: 40 << 20}},
		{journal.Restarting{}},
		{journal.Back{}, journal.Reported{Device: device}, journal.Outcome{Result: journal.Updated, Version: "V1 R5.2.0", Instructed: true, Took: 10 * time.Minute}},
	}
}

// BenchmarkSites carries the events of 1,000 and 10,000 phones on 1 and 20 sites: as many workers append what an update of each
// of their phones reports. Then the centre reads everything. It reports what each phone costs.
func BenchmarkSites(b *testing.B) {
	for _, size := range []struct{ phones, sites int }{{1000, 1}, {1000, 20}, {10_000, 1}, {10_000, 20}} {
		b.Run(fmt.Sprintf("phones=%d/sites=%d", size.phones, size.sites), func(b *testing.B) {
			for b.Loop() {
				sites(b, size.phones, size.sites)
			}
		})
	}
}

// sites is one round of BenchmarkSites.
func sites(b *testing.B, phones, count int) {
	o := options(b.TempDir())
	s, err := server.NewServer(o)
	if err != nil {
		b.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(ready) {
		b.Fatal("the server does not start")
	}
	defer s.WaitForShutdown()
	defer s.Shutdown()
	ledger := func(site string) *jetstream.Ledger {
		l, err := jetstream.Open(b.Context(), jetstream.Options{URL: s.ClientURL(), Site: site, Wait: long})
		if err != nil {
			b.Fatal(err)
		}
		return l
	}
	centre := ledger("")
	defer func() { _ = centre.Close() }()
	batches := make([][]journal.Batch, count)
	for i := range phones {
		site := i % count
		address := fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)
		listed := journal.Listed{Address: address, MAC: fmt.Sprintf("00:1A:E8:%02X:%02X:%02X", i>>16, i>>8&255, i&255), Site: fmt.Sprint(site), Wave: 1}
		batches[site] = append(batches[site], journal.Batch{Key: journal.Key{Rollout: "spring", Phone: fmt.Sprintf("site-%d/%s", site, address)}, Events: []journal.Event{journaltest.Event(0, listed)}})
	}
	begun := time.Now()
	for _, of := range batches {
		appendAll(b, centre, of)
	}
	planned := time.Now()
	var wait sync.WaitGroup
	for site, of := range batches {
		wait.Go(func() {
			l := ledger(fmt.Sprintf("site-%d", site))
			defer func() { _ = l.Close() }()
			for _, bodies := range steps() {
				for i := range of {
					of[i].Events = nil
					for _, body := range bodies {
						of[i].Events = append(of[i].Events, journaltest.Event(1, body))
					}
				}
				appendAll(b, l, of)
			}
		})
	}
	wait.Wait()
	carried := time.Now()
	states := map[journal.Key]journal.State{}
	for record, err := range centre.ReadAll(b.Context(), "spring") {
		if err != nil {
			b.Fatal(err)
		}
		states[record.Key] = states[record.Key].Apply(record.Event)
	}
	if len(states) != phones {
		b.Fatal(len(states))
	}
	read := time.Now()
	v, err := s.Varz(nil)
	if err != nil {
		b.Fatal(err)
	}
	z, err := s.Jsz(nil)
	if err != nil {
		b.Fatal(err)
	}
	each := float64(phones)
	b.ReportMetric(float64(z.Messages)/each, "stored/phone")
	b.ReportMetric(float64(z.Store)/each, "stored-B/phone")
	b.ReportMetric(float64(v.InMsgs+v.OutMsgs)/each, "messages/phone")
	b.ReportMetric(float64(v.InBytes+v.OutBytes)/each, "wire-B/phone")
	b.ReportMetric(planned.Sub(begun).Seconds(), "plan-s")
	b.ReportMetric(carried.Sub(planned).Seconds(), "run-s")
	b.ReportMetric(read.Sub(carried).Seconds(), "read-s")
}

// appendAll appends batches and moves each of them to its new end.
func appendAll(b *testing.B, l journal.Ledger, batches []journal.Batch) {
	for i, answer := range l.AppendAll(b.Context(), batches) {
		if answer.Err != nil {
			b.Error(answer.Err)
			return
		}
		batches[i].After = answer.Seq
	}
}

// BenchmarkAppend measures a barrier: one event, acknowledged, with and without the server's synchronising each message.
func BenchmarkAppend(b *testing.B) {
	for _, always := range []bool{false, true} {
		b.Run(fmt.Sprintf("sync=%t", always), func(b *testing.B) {
			o := options(b.TempDir())
			o.SyncAlways = always
			s, err := server.NewServer(o)
			if err != nil {
				b.Fatal(err)
			}
			s.Start()
			if !s.ReadyForConnections(ready) {
				b.Fatal("the server does not start")
			}
			defer s.WaitForShutdown()
			defer s.Shutdown()
			l, err := jetstream.Open(b.Context(), jetstream.Options{URL: s.ClientURL()})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = l.Close() }()
			var seq journal.Seq
			for b.Loop() {
				if seq, err = l.Append(b.Context(), key, seq, note("x")); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
