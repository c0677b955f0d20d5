// Package journaltest tests implementations of [journal.Ledger], and has one in memory.
package journaltest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/journal"
)

// An Opener returns two ledgers of one new and empty place, as two processes would have them.
type Opener func(t *testing.T) (one, other journal.Ledger)

// Conform tests that an implementation does what [journal.Ledger] says.
func Conform(t *testing.T, open Opener) {
	for name, test := range map[string]func(*testing.T, journal.Ledger, journal.Ledger){
		"append and read":    appendAndRead,
		"fence":              fence,
		"all or none":        allOrNone,
		"batches alone":      batchesAlone,
		"every kind":         everyKind,
		"hostile texts":      hostileTexts,
		"refused":            refused,
		"rollouts":           rollouts,
		"find":               find,
		"watch":              watch,
		"append while read":  appendWhileRead,
		"many at once":       manyAtOnce,
		"one wins":           oneWins,
		"context":            contextEnds,
		"closed":             closed,
		"stop reading early": stopEarly,
		"streams apart":      streamsApart,
		"sites and tails":    sitesAndTails,
	} {
		t.Run(name, func(t *testing.T) {
			one, other := open(t)
			t.Cleanup(func() {
				if err := errors.Join(one.Close(), other.Close()); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
			test(t, one, other)
		})
	}
}

// At returns a time that a ledger stores without loss.
func At(second int) time.Time {
	return time.Date(2026, 3, 29, 0, 59, second, 123_000_000, time.UTC)
}

// Event returns an event at that time.
func Event(second int, body journal.Body) journal.Event {
	return journal.Event{At: At(second), Body: body}
}

// List returns what a sequence returns.
func List[T any](t *testing.T, sequence iter.Seq2[T, error]) []T {
	t.Helper()
	var all []T
	for one, err := range sequence {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}

// bodies returns the bodies of events.
func bodies(events []journal.Event) []journal.Body {
	var all []journal.Body
	for _, event := range events {
		all = append(all, event.Body)
	}
	return all
}

// mustAppend appends events, and returns the place of the last one.
func mustAppend(t *testing.T, l journal.Ledger, key journal.Key, after journal.Seq, events ...journal.Event) journal.Seq {
	t.Helper()
	seq, err := l.Append(t.Context(), key, after, events...)
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

func phone(name string) journal.Key { return journal.Key{Rollout: "spring", Phone: name} }

func note(text string) journal.Event { return Event(0, journal.Note{Text: text}) }

func appendAndRead(t *testing.T, one, other journal.Ledger) {
	key := phone("192.0.2.7")
	if events := List(t, one.Read(t.Context(), key)); events != nil {
		t.Errorf("a stream that does not exist has %v", events)
	}
	events := []journal.Event{Event(1, journal.Begun{Run: "a", Attempt: 1}), Event(2, journal.Busy{}), Event(1, journal.Back{})}
	first := mustAppend(t, one, key, 0, events[0])
	last := mustAppend(t, other, key, first, events[1:]...)
	if first == 0 || last <= first {
		t.Errorf("places %d, then %d", first, last)
	}
	for _, l := range []journal.Ledger{one, other} {
		read := List(t, l.Read(t.Context(), key))
		if len(read) != 3 || read[0].Seq != first || read[2].Seq != last || read[1].Seq <= first || read[1].Seq > last {
			t.Fatalf("read %v", read)
		}
		for i := range read {
			read[i].Seq = 0
		}
		if !reflect.DeepEqual(read, events) {
			t.Errorf("read %v, wrote %v", read, events)
		}
	}
}

func fence(t *testing.T, one, other journal.Ledger) {
	key := phone("a")
	seq := mustAppend(t, one, key, 0, note("1"))
	newer := mustAppend(t, other, key, seq, note("2"))
	for _, after := range []journal.Seq{0, seq, newer + 1, 1 << 63, ^journal.Seq(0)} {
		if got, err := one.Append(t.Context(), key, after, note("3")); !errors.Is(err, journal.ErrConflict) || got != 0 {
			t.Errorf("after %d: %d, %v", after, got, err)
		}
	}
	if _, err := one.Append(t.Context(), phone("b"), 1, note("")); !errors.Is(err, journal.ErrConflict) {
		t.Errorf("a stream that does not exist, after 1: %v", err)
	}
	mustAppend(t, one, key, newer, note("3"))
	if got := List(t, one.Read(t.Context(), key)); len(got) != 3 {
		t.Errorf("%v", got)
	}
	_, err := journal.Create(t.Context(), one, "spring", At(0), journal.Planned{Phones: 2})
	if err != nil {
		t.Error(err)
	}
	if _, err = journal.Create(t.Context(), other, "spring", At(0), journal.Planned{}); !errors.Is(err, journal.ErrExists) {
		t.Errorf("a second rollout of the name: %v", err)
	}
}

func allOrNone(t *testing.T, one, other journal.Ledger) {
	key := phone("a")
	_, err := one.Append(t.Context(), key, 0, note("1"), Event(0, journal.Paused{}))
	if !errors.Is(err, journal.ErrInvalid) {
		t.Errorf("a batch with an event that does not belong there: %v", err)
	}
	if got := List(t, other.Read(t.Context(), key)); got != nil {
		t.Errorf("a part of the batch was recorded: %v", got)
	}
	mustAppend(t, one, key, 0, note("2"))
}

func batchesAlone(t *testing.T, one, other journal.Ledger) {
	seq := mustAppend(t, other, phone("b"), 0, note("theirs"))
	answers := one.AppendAll(t.Context(), []journal.Batch{
		{Key: phone("a"), Events: []journal.Event{note("1"), note("2")}},
		{Key: phone("b"), Events: []journal.Event{note("ours")}},
		{Key: phone("c"), Events: []journal.Event{}},
		{Key: phone("d"), Events: []journal.Event{note("1")}},
		{Key: phone("d"), Events: []journal.Event{note("again from the start")}},
		{Key: phone("b"), After: seq, Events: []journal.Event{note("ours")}},
	})
	var got []string
	for _, answer := range answers {
		switch {
		case answer.Err == nil && answer.Seq > 0:
			got = append(got, "ok")
		case errors.Is(answer.Err, journal.ErrConflict):
			got = append(got, "conflict")
		case errors.Is(answer.Err, journal.ErrInvalid):
			got = append(got, "invalid")
		default:
			got = append(got, fmt.Sprint(answer))
		}
	}
	if want := []string{"ok", "conflict", "invalid", "ok", "conflict", "ok"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := len(List(t, other.ReadAll(t.Context(), "spring"))); got != 5 {
		t.Errorf("%d events", got)
	}
	if got := one.AppendAll(t.Context(), nil); len(got) != 0 {
		t.Errorf("no batches: %v", got)
	}
}

func everyKind(t *testing.T, one, other journal.Ledger) {
	var seqs [2]journal.Seq
	var want [2][]journal.Body
	for _, body := range Bodies() {
		for i, key := range []journal.Key{{Rollout: "spring"}, phone("a")} {
			seq, err := one.Append(t.Context(), key, seqs[i], Event(3, body))
			if errors.Is(err, journal.ErrInvalid) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			seqs[i] = seq
			want[i] = append(want[i], body)
		}
	}
	for i, key := range []journal.Key{{Rollout: "spring"}, phone("a")} {
		if got := bodies(List(t, other.Read(t.Context(), key))); !reflect.DeepEqual(got, want[i]) {
			t.Errorf("%s: got %v, want %v", key, got, want[i])
		}
	}
	if len(want[0]) < 8 || len(want[1]) < 18 {
		t.Errorf("only %d and %d kinds were recorded", len(want[0]), len(want[1]))
	}
}

func hostileTexts(t *testing.T, one, other journal.Ledger) {
	for i, text := range []string{"\x00", "'; DROP TABLE events; --", "<script>", "\u202e\u0000", "\xff\xfe", strings.Repeat("ä", 5000), "%_*>.", "日本"} {
		key := phone(fmt.Sprint("p ", i, " '*.>%_/\\?#"))
		mustAppend(t, one, key, 0, note(text))
		got := List(t, other.Read(t.Context(), key))[0].Body.(journal.Note).Text
		if len(got) > journal.MaxText || strings.ToValidUTF8(got, "") != got || len(text) < 100 && !strings.Contains(text, "\xff") && got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func refused(t *testing.T, one, _ journal.Ledger) {
	year := func(y int) journal.Event {
		return journal.Event{At: time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC), Body: journal.Note{}}
	}
	for name, batch := range map[string]journal.Batch{
		"no rollout":        {Key: journal.Key{Phone: "a"}, Events: []journal.Event{note("")}},
		"rollout too long":  {Key: journal.Key{Rollout: strings.Repeat("a", journal.MaxRollout+1)}, Events: []journal.Event{note("")}},
		"control":           {Key: journal.Key{Rollout: "a\nb"}, Events: []journal.Event{note("")}},
		"no UTF-8":          {Key: journal.Key{Rollout: "a\xff"}, Events: []journal.Event{note("")}},
		"blank":             {Key: journal.Key{Rollout: "a "}, Events: []journal.Event{note("")}},
		"bidi":              {Key: phone("\u202e"), Events: []journal.Event{note("")}},
		"phone too long":    {Key: phone(strings.Repeat("a", journal.MaxPhone+1)), Events: []journal.Event{note("")}},
		"no events":         {Key: phone("a")},
		"too many events":   {Key: phone("a"), Events: make([]journal.Event, journal.MaxEvents+1)},
		"too many bytes":    {Key: phone("a"), Events: slices.Repeat([]journal.Event{note(strings.Repeat("x", 1000))}, journal.MaxBatch/1000)},
		"no time":           {Key: phone("a"), Events: []journal.Event{{Body: journal.Note{}}}},
		"early":             {Key: phone("a"), Events: []journal.Event{year(1969)}},
		"late":              {Key: phone("a"), Events: []journal.Event{year(10000)}},
		"no body":           {Key: phone("a"), Events: []journal.Event{{At: At(0)}}},
		"of a rollout":      {Key: phone("a"), Events: []journal.Event{Event(0, journal.Stopped{})}},
		"of a phone":        {Key: journal.Key{Rollout: "spring"}, Events: []journal.Event{Event(0, journal.Busy{})}},
		"unknown, no name":  {Key: phone("a"), Events: []journal.Event{Event(0, journal.Unknown{Data: []byte("{}")})}},
		"unknown, no JSON":  {Key: phone("a"), Events: []journal.Event{Event(0, journal.Unknown{Name: "new", Data: []byte("{")})}},
		"unknown, no {":     {Key: phone("a"), Events: []journal.Event{Event(0, journal.Unknown{Name: "new", Data: []byte("1")})}},
		"unknown, odd name": {Key: phone("a"), Events: []journal.Event{Event(0, journal.Unknown{Name: "New", Data: []byte("{}")})}},
		"too large": {Key: journal.Key{Rollout: "spring"}, Events: []journal.Event{Event(0, journal.Planned{
			Overrides: slices.Repeat([]journal.Override{{Rule: "r", Reason: strings.Repeat("x", 1000)}}, 100),
		})}},
	} {
		if _, err := one.Append(t.Context(), batch.Key, 0, batch.Events...); !errors.Is(err, journal.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := List(t, one.ReadAll(t.Context(), "spring")); got != nil {
		t.Errorf("something was recorded: %v", got)
	}
}

// manyAtOnce appends from many goroutines, each to a stream of its own.
func manyAtOnce(t *testing.T, one, other journal.Ledger) {
	const writers, events = 8, 12
	ledgers := []journal.Ledger{one, other}
	var wait sync.WaitGroup
	for i := range writers {
		wait.Go(func() {
			key, seq := phone(fmt.Sprint(i)), journal.Seq(0)
			for n := range events {
				var err error
				if seq, err = ledgers[i%2].Append(t.Context(), key, seq, note(fmt.Sprint(n))); err != nil {
					t.Errorf("%s: %v", key, err)
					return
				}
			}
		})
	}
	wait.Wait()
	seen := map[journal.Key]int{}
	for _, record := range List(t, one.ReadAll(t.Context(), "spring")) {
		text := record.Event.Body.(journal.Note).Text
		if n := seen[record.Key]; text != fmt.Sprint(n) {
			t.Errorf("%s: event %d is %s", record.Key, n, text)
		}
		seen[record.Key]++
	}
	for key, n := range seen {
		if n != events || len(seen) != writers {
			t.Errorf("%s has %d events; %d streams", key, n, len(seen))
		}
	}
}

// oneWins lets many begin the same phone: one of them gets it.
func oneWins(t *testing.T, one, other journal.Ledger) {
	ledgers := []journal.Ledger{one, other}
	errs := make([]error, 8)
	var wait sync.WaitGroup
	for i := range errs {
		wait.Go(func() { _, errs[i] = ledgers[i%2].Append(t.Context(), phone("wanted"), 0, note("")) })
	}
	wait.Wait()
	winners := 0
	for _, err := range errs {
		switch {
		case err == nil:
			winners++
		case !errors.Is(err, journal.ErrConflict):
			t.Error(err)
		}
	}
	if winners != 1 || len(List(t, one.Read(t.Context(), phone("wanted")))) != 1 {
		t.Errorf("%d got the phone", winners)
	}
}

func contextEnds(t *testing.T, one, _ journal.Ledger) {
	mustAppend(t, one, phone("a"), 0, note(""))
	cause := errors.New("stopped by a person")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := one.Append(ctx, phone("b"), 0, note("")); !errors.Is(err, cause) {
		t.Errorf("Append: %v", err)
	}
	for name, err := range firstErrors(ctx, one) {
		if !errors.Is(err, cause) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// firstErrors returns the first error of each sequence.
func firstErrors(ctx context.Context, l journal.Ledger) map[string]error {
	return map[string]error{
		"Read":     firstError(l.Read(ctx, phone("a"))),
		"ReadAll":  firstError(l.ReadAll(ctx, "spring")),
		"Watch":    firstError(l.Watch(ctx, "spring", 0)),
		"Rollouts": firstError(l.Rollouts(ctx, journal.Filter{})),
		"Find":     firstError(l.Find(ctx, "a")),
	}
}

func firstError[T any](sequence iter.Seq2[T, error]) error {
	for _, err := range sequence {
		if err != nil {
			return err
		}
	}
	return nil
}

func closed(t *testing.T, one, other journal.Ledger) {
	mustAppend(t, one, phone("a"), 0, note(""))
	if err := one.Close(); err != nil {
		t.Error(err)
	}
	if err := one.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	if _, err := one.Append(t.Context(), phone("b"), 0, note("")); err == nil {
		t.Error("Append after Close has no error")
	}
	for name, err := range firstErrors(t.Context(), one) {
		if err == nil {
			t.Errorf("%s after Close has no error", name)
		}
	}
	mustAppend(t, other, phone("b"), 0, note(""))
}

func stopEarly(t *testing.T, one, _ journal.Ledger) {
	var after journal.Seq
	for range 3 {
		after = mustAppend(t, one, phone("a"), after, note(""))
	}
	if _, err := journal.Create(t.Context(), one, "spring", At(0), journal.Planned{}); err != nil {
		t.Fatal(err)
	}
	for range 50 { // what is not given back would run out
		begin(t, one.Read(t.Context(), phone("a")))
		begin(t, one.ReadAll(t.Context(), "spring"))
		begin(t, one.Watch(t.Context(), "spring", 0))
		begin(t, one.Rollouts(t.Context(), journal.Filter{}))
		begin(t, one.Find(t.Context(), "a"))
	}
	mustAppend(t, one, phone("a"), after, note(""))
}

// begin reads the first element of a sequence.
func begin[T any](t *testing.T, sequence iter.Seq2[T, error]) {
	t.Helper()
	for _, err := range sequence {
		if err != nil {
			t.Error(err)
		}
		break
	}
}

func streamsApart(t *testing.T, one, other journal.Ledger) {
	for _, key := range []journal.Key{{Rollout: "a", Phone: "b"}, {Rollout: "A", Phone: "b"}, {Rollout: "a", Phone: "B"}, {Rollout: "a/b"}, {Rollout: "a"}, {Rollout: "ab"}, {Rollout: "a", Phone: "b.c"}} {
		mustAppend(t, one, key, 0, note(key.String()))
	}
	if got := List(t, other.Read(t.Context(), journal.Key{Rollout: "a", Phone: "b"})); len(got) != 1 {
		t.Errorf("%v", got)
	}
	if got := List(t, other.ReadAll(t.Context(), "a")); len(got) != 4 {
		t.Errorf("%v", got)
	}
}
