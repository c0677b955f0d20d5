package jetstream_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/journal/jetstream"
)

// stream returns the configuration of the stream of a journal.
func stream() js.StreamConfig {
	return js.StreamConfig{Name: jetstream.Stream, Subjects: []string{"cpupdate.format", "cpupdate.journal.>", "cpupdate.name.>"}, Discard: js.DiscardNew}
}

// TestOtherStreams opens streams that are no journals: none is changed, and each error says why.
func TestOtherStreams(t *testing.T) {
	for name, test := range map[string]struct {
		change  func(*js.StreamConfig)
		message string // on cpupdate.format
		kind    error
		text    string
	}{
		"as it is made":  {func(*js.StreamConfig) {}, "", nil, ""},
		"one limit":      {func(c *js.StreamConfig) { c.MaxBytes = 1 << 30 }, "", nil, ""},
		"a journal":      {func(*js.StreamConfig) {}, `{"program":"cpupdate","version":1}`, nil, ""},
		"newer":          {func(*js.StreamConfig) {}, `{"program":"cpupdate","version":2}`, journal.ErrNewer, "was written by a newer program (version 2, this program knows 1)"},
		"another":        {func(*js.StreamConfig) {}, `{"program":"other","version":1}`, journal.ErrForeign, "is not a journal of this program"},
		"no JSON":        {func(*js.StreamConfig) {}, "hello", journal.ErrForeign, "is not a journal of this program"},
		"version 0":      {func(*js.StreamConfig) {}, `{"program":"cpupdate"}`, journal.ErrForeign, "is not a journal of this program"},
		"other subjects": {func(c *js.StreamConfig) { c.Subjects = []string{"orders.>"} }, "", journal.ErrForeign, "it has other subjects"},
		"a subject less": {func(c *js.StreamConfig) { c.Subjects = c.Subjects[:2] }, "", journal.ErrForeign, "it has other subjects"},
		"another name":   {func(c *js.StreamConfig) { c.Name = "orders" }, "", journal.ErrForeign, "another stream has subjects that begin with cpupdate"},
		"age":            {func(c *js.StreamConfig) { c.MaxAge = time.Hour }, "", journal.ErrForeign, "removes old events"},
		"last of each":   {func(c *js.StreamConfig) { c.MaxMsgsPerSubject = 1 }, "", journal.ErrForeign, "removes old events"},
		"oldest go":      {func(c *js.StreamConfig) { c.MaxBytes, c.Discard = 1<<20, js.DiscardOld }, "", journal.ErrForeign, "removes old events"},
		"work queue":     {func(c *js.StreamConfig) { c.Retention = js.WorkQueuePolicy }, "", journal.ErrForeign, "removes old events"},
		"memory":         {func(c *js.StreamConfig) { c.Storage = js.MemoryStorage }, "", journal.ErrForeign, "in the server's memory"},
		"rollup":         {func(c *js.StreamConfig) { c.AllowRollup = true }, "", journal.ErrForeign, "does not keep events as they are"},
		"no answers":     {func(c *js.StreamConfig) { c.NoAck = true }, "", journal.ErrForeign, "does not keep events as they are"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			conn, server := admin(t, s.ClientURL())
			config := stream()
			test.change(&config)
			if _, err := server.CreateStream(t.Context(), config); err != nil {
				t.Fatal(err)
			}
			if test.message != "" {
				if err := errors.Join(conn.Publish("cpupdate.format", []byte(test.message)), conn.Flush()); err != nil {
					t.Fatal(err)
				}
			}
			l, err := jetstream.Open(t.Context(), jetstream.Options{URL: s.ClientURL()})
			if test.kind == nil {
				if err != nil {
					t.Fatal(err)
				}
				add(t, l, key, 0, "1")
				_ = l.Close()
				return
			}
			var known *journal.Error
			if !errors.Is(err, test.kind) || !errors.As(err, &known) || !strings.Contains(err.Error(), test.text) {
				t.Errorf("%v", err)
			}
			after, err := server.Stream(t.Context(), config.Name)
			if err != nil {
				t.Fatal(err)
			}
			if want := min(1, len(test.message)); int(after.CachedInfo().State.Msgs) != want { //nolint:gosec // few
				t.Errorf("it was written to: %d messages", after.CachedInfo().State.Msgs)
			}
		})
	}
}

// TestNoMarker has a stream with messages and none that says what it is.
func TestNoMarker(t *testing.T) {
	s := start(t)
	conn, server := admin(t, s.ClientURL())
	if _, err := server.CreateStream(t.Context(), stream()); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Publish(t.Context(), "cpupdate.journal.a.rollout", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := jetstream.Open(t.Context(), jetstream.Options{URL: conn.ConnectedUrl()}); !errors.Is(err, journal.ErrForeign) {
		t.Errorf("%v", err)
	}
}

// TestManyOpen opens a new journal from many goroutines at once.
func TestManyOpen(t *testing.T) {
	o := jetstream.Options{URL: start(t).ClientURL()}
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			l, err := jetstream.Open(t.Context(), o)
			if err != nil {
				t.Error(err)
				return
			}
			_ = l.Close()
		})
	}
	wait.Wait()
}

// TestSiteWithoutJournal opens a journal that does not exist, as a site: it is not made.
func TestSiteWithoutJournal(t *testing.T) {
	s := start(t)
	_, err := jetstream.Open(t.Context(), jetstream.Options{URL: s.ClientURL(), Site: "berlin"})
	if !errors.Is(err, journal.ErrGone) || !strings.Contains(err.Error(), "does not exist yet") {
		t.Errorf("%v", err)
	}
	_, server := admin(t, s.ClientURL())
	if _, err := server.Stream(t.Context(), jetstream.Stream); !errors.Is(err, js.ErrStreamNotFound) {
		t.Errorf("it was made: %v", err)
	}
}

// TestNoJetStream opens a journal on a server without JetStream.
func TestNoJetStream(t *testing.T) {
	o := options("")
	o.JetStream = false
	s := run(t, o)
	for _, site := range []string{"", "berlin"} {
		_, err := jetstream.Open(t.Context(), jetstream.Options{URL: s.ClientURL(), Site: site})
		var known *journal.Error
		if !errors.As(err, &known) || errors.Is(err, journal.ErrIO) {
			t.Errorf("site %q: %v", site, err)
		}
	}
}

// TestSmallMessages opens a journal on a server that takes only small messages.
func TestSmallMessages(t *testing.T) {
	o := options(t.TempDir())
	o.MaxPayload = 64 << 10
	s := run(t, o)
	if _, err := jetstream.Open(t.Context(), jetstream.Options{URL: s.ClientURL()}); !errors.Is(err, journal.ErrDenied) || !strings.Contains(err.Error(), "max_payload") {
		t.Errorf("%v", err)
	}
}

// TestLargest appends the largest batches that a journal takes: with the default of the server, each fits into one message.
func TestLargest(t *testing.T) {
	l := open(t, jetstream.Options{URL: start(t).ClientURL()})
	batch := make([]journal.Event, journal.MaxEvents)
	for i := range batch {
		batch[i] = journaltest.Event(0, journal.Unknown{Name: journal.Kind(strings.Repeat("k", journal.MaxKind)), Data: []byte(`{"a":"` + strings.Repeat("\u20ac", 170) + `"}`)})
	}
	if _, err := l.Append(t.Context(), key, 0, batch...); err != nil {
		t.Fatal(err)
	}
	if got := len(journaltest.List(t, l.Read(t.Context(), key))); got != len(batch) {
		t.Errorf("%d events", got)
	}
	batch = append(batch[:len(batch)-1], journaltest.Event(0, journal.Unknown{Name: "k", Data: []byte(`{"a":"` + strings.Repeat("x", 10_000) + `"}`)}))
	if _, err := l.Append(t.Context(), key, 0, batch...); !errors.Is(err, journal.ErrInvalid) {
		t.Errorf("more than the largest: %v", err)
	}
}

// TestDamaged has messages in the stream that no program of ours wrote: what reads them says which, and goes no further.
func TestDamaged(t *testing.T) {
	good := `[{"at":"2026-03-29T00:59:00Z","kind":"note","data":{"text":"x"}}]`
	for name, test := range map[string]struct {
		subject, content string
		header           nats.Header
	}{
		"no JSON":           {"berlin.p", "hello", fenced("0")},
		"empty":             {"berlin.p", "", fenced("0")},
		"no events":         {"berlin.p", "[]", fenced("0")},
		"no list":           {"berlin.p", `{"at":"2026-03-29T00:59:00Z"}`, fenced("0")},
		"no time":           {"berlin.p", `[{"kind":"note","data":{"text":"x"}}]`, fenced("0")},
		"late":              {"berlin.p", `[{"at":"9999-12-31T23:59:00-23:00","kind":"note","data":{"text":"x"}}]`, fenced("0")},
		"no data":           {"berlin.p", `[{"at":"2026-03-29T00:59:00Z","kind":"note"}]`, fenced("0")},
		"no object":         {"berlin.p", `[{"at":"2026-03-29T00:59:00Z","kind":"note","data":[]}]`, fenced("0")},
		"odd kind":          {"berlin.p", `[{"at":"2026-03-29T00:59:00Z","kind":"Note","data":{}}]`, fenced("0")},
		"too many":          {"berlin.p", "[" + strings.Repeat(good[1:len(good)-1]+",", 1000) + good[1:], fenced("0")},
		"no fence":          {"berlin.p", good, nil},
		"fence of another":  {"berlin.p", good, nats.Header{"Nats-Expected-Last-Subject-Sequence": {"0"}, "Nats-Expected-Last-Subject-Sequence-Subject": {"cpupdate.journal.spring.paris.p"}}},
		"another subject":   {"berlin.p.q", good, fenced("0")},
		"odd subject":       {"ber_lin=2E.p", good, fenced("0")},
		"bidi in a subject": {"=E2=80=AE.p", good, fenced("0")},
		"no site":           {"p", good, fenced("0")},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			l := open(t, jetstream.Options{URL: s.ClientURL()})
			add(t, l, journal.Key{Rollout: "spring", Phone: "paris/a"}, 0, "good")
			_, server := admin(t, s.ClientURL())
			if _, err := server.PublishMsg(t.Context(), &nats.Msg{Subject: "cpupdate.journal.spring." + test.subject, Data: []byte(test.content), Header: test.header}); err != nil {
				t.Fatal(err)
			}
			for what, err := range map[string]error{"ReadAll": firstError(l.ReadAll(t.Context(), "spring")), "Watch": firstError(l.Watch(t.Context(), "spring", 0))} {
				var known *journal.Error
				if !errors.Is(err, journal.ErrDamaged) || !errors.As(err, &known) || !strings.Contains(err.Error(), test.subject) {
					t.Errorf("%s: %v", what, err)
				}
			}
			add(t, l, journal.Key{Rollout: "autumn", Phone: "paris/a"}, 0, "another rollout is not concerned")
			if got := texts(t, l, journal.Key{Rollout: "spring", Phone: "paris/a"}); got != "good" {
				t.Error(got)
			}
		})
	}
}

// TestRolloutsDamaged lists all rollouts, also one whose first message cannot be read.
func TestRolloutsDamaged(t *testing.T) {
	s := start(t)
	l := open(t, jetstream.Options{URL: s.ClientURL()})
	_, server := admin(t, s.ClientURL())
	for _, name := range []string{"spring", "summer", "autumn"} {
		if name != "summer" {
			add(t, l, journal.Key{Rollout: name}, 0, "good")
		} else if _, err := server.PublishMsg(t.Context(), &nats.Msg{Subject: "cpupdate.journal.summer.rollout", Data: []byte("hello"), Header: fenced("0")}); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for r, err := range l.Rollouts(t.Context(), journal.Filter{}) {
		got = append(got, fmt.Sprint(r.Name, " ", errors.Is(err, journal.ErrDamaged), " ", r.First.At.IsZero()))
	}
	if want := []string{"autumn false false", "summer true false", "spring false false"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func fenced(last string) nats.Header {
	return nats.Header{"Nats-Expected-Last-Subject-Sequence": {last}}
}

// TestMessageMissing removes a message in the middle of a stream, as an administrator could.
func TestMessageMissing(t *testing.T) {
	s := start(t)
	_, server := admin(t, s.ClientURL())
	made, err := server.CreateStream(t.Context(), stream()) // messages of one that cpupdate makes cannot be removed
	if err != nil {
		t.Fatal(err)
	}
	l := open(t, jetstream.Options{URL: s.ClientURL()})
	first := add(t, l, key, 0, "1")
	second := add(t, l, key, first, "2")
	add(t, l, key, second, "3")
	if err := made.DeleteMsg(t.Context(), uint64(second)/1024); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{"Read": firstError(l.Read(t.Context(), key)), "Watch": firstError(l.Watch(t.Context(), "spring", first))} {
		if !errors.Is(err, journal.ErrDamaged) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestNoMessageCanBeRemoved tries to remove a message of a stream that cpupdate made.
func TestNoMessageCanBeRemoved(t *testing.T) {
	s := start(t)
	l := open(t, jetstream.Options{URL: s.ClientURL()})
	seq := add(t, l, key, 0, "1")
	_, server := admin(t, s.ClientURL())
	made, err := server.Stream(t.Context(), jetstream.Stream)
	if err != nil {
		t.Fatal(err)
	}
	if err := made.DeleteMsg(t.Context(), uint64(seq)/1024); err == nil {
		t.Error("a message was removed")
	}
}
