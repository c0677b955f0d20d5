package journaltest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/journal"
)

func rollouts(t *testing.T, one, other journal.Ledger) {
	for i, name := range []string{"a", "b", "c", "d"} {
		if _, err := journal.Create(t.Context(), one, name, At(i), journal.Planned{Phones: i}); err != nil {
			t.Fatal(err)
		}
		mustAppend(t, one, journal.Key{Rollout: name, Phone: "p"}, 0, note("later"))
	}
	mustAppend(t, one, phone("no rollout of its own"), 0, note(""))
	for _, test := range []struct {
		filter journal.Filter
		want   string
	}{
		{journal.Filter{}, "d3 c2 b1 a0"},
		{journal.Filter{Limit: 2}, "d3 c2"},
		{journal.Filter{Since: At(2)}, "d3 c2"},
		{journal.Filter{Since: At(1), Limit: 1}, "d3"},
		{journal.Filter{Since: At(4)}, ""},
		{journal.Filter{Limit: 9}, "d3 c2 b1 a0"},
	} {
		var got []string
		for _, r := range List(t, other.Rollouts(t.Context(), test.filter)) {
			got = append(got, fmt.Sprint(r.Name, r.First.Body.(journal.Planned).Phones))
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%v: %v, want %s", test.filter, got, test.want)
		}
	}
}

func find(t *testing.T, one, other journal.Ledger) {
	add := func(rollout, name string, bodies ...journal.Body) {
		t.Helper()
		var events []journal.Event
		for _, body := range bodies {
			events = append(events, Event(0, body))
		}
		mustAppend(t, one, journal.Key{Rollout: rollout, Phone: name}, 0, events...)
	}
	add("one", "berlin/1", journal.Listed{Address: "192.0.2.1", MAC: "001ae8-123456"})
	add("two", "192.0.2.1", journal.Note{})
	add("three", "Phone.Example.", journal.Reported{Device: journal.Device{MAC: "00:1a:e8:12:34:56"}}, journal.Reported{})
	add("four", "2001:DB8::0001", journal.Listed{Address: "2001:db8:0::1"})
	for name, want := range map[string]string{
		"192.0.2.1": "two one", "::ffff:192.0.2.1": "two one", "00-1A-E8-12-34-56": "three one", "001ae8123456": "three one",
		"phone.EXAMPLE": "three", "[2001:db8::1]": "four", "berlin/1": "one", "192.0.2.2": "", "": "", "%": "", "one": "",
	} {
		var got []string
		for _, key := range List(t, other.Find(t.Context(), name)) {
			got = append(got, key.Rollout)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", name, got, want)
		}
		findOutside(t, other, name, got)
	}
	read := List(t, one.Read(t.Context(), journal.Key{Rollout: "one", Phone: "berlin/1"}))
	mustAppend(t, one, journal.Key{Rollout: "one", Phone: "berlin/1"}, read[0].Seq, note("newest"))
	if got := List(t, other.Find(t.Context(), "192.0.2.1")); len(got) != 2 || got[0].Rollout != "one" {
		t.Errorf("the newest event is not first: %v", got)
	}
}

// findOutside leaves out each rollout in turn of those in which a phone is found, if the ledger can.
func findOutside(t *testing.T, l journal.Ledger, name string, rollouts []string) {
	t.Helper()
	finder, ok := l.(interface {
		FindOutside(ctx context.Context, phone, rollout string) iter.Seq2[journal.Key, error]
	})
	if !ok {
		return
	}
	for _, without := range append(rollouts, "another") {
		want := slices.DeleteFunc(slices.Clone(rollouts), func(rollout string) bool { return rollout == without })
		var got []string
		for _, key := range List(t, finder.FindOutside(t.Context(), name, without)) {
			got = append(got, key.Rollout)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s outside %s: %v, want %v", name, without, got, want)
		}
	}
}

func watch(t *testing.T, one, other journal.Ledger) {
	first := mustAppend(t, one, phone("a"), 0, note("before"))
	mustAppend(t, one, phone("b"), 0, note("1"))
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	enough := errors.New("enough")
	var got []string
	for record, err := range other.Watch(ctx, "spring", first) {
		if err != nil {
			if !errors.Is(err, enough) {
				t.Errorf("ended with %v", err)
			}
			break
		}
		text := record.Event.Body.(journal.Note).Text
		got = append(got, record.Key.Phone+text)
		switch text {
		case "1":
			mustAppend(t, one, journal.Key{Rollout: "another", Phone: "a"}, 0, note("no"))
			mustAppend(t, one, phone("c"), 0, note("2"), note("3"))
		case "3":
			mustAppend(t, one, phone("a"), first, note("4"))
		case "4":
			cancel(enough)
		}
	}
	if want := []string{"b1", "c2", "c3", "a4"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func appendWhileRead(t *testing.T, one, _ journal.Ledger) {
	seqs := map[journal.Key]journal.Seq{}
	for i := range 20 {
		key := phone(fmt.Sprint(i))
		seqs[key] = mustAppend(t, one, key, 0, note("1"), note("2"))
	}
	for record, err := range one.ReadAll(t.Context(), "spring") {
		if err != nil {
			t.Fatal(err)
		}
		for event, err := range one.Read(t.Context(), record.Key) {
			if err != nil {
				t.Fatal(err)
			}
			if event.Seq == seqs[record.Key] && record.Event.Seq == event.Seq {
				mustAppend(t, one, record.Key, event.Seq, note("3"))
			}
		}
	}
	if got := len(List(t, one.ReadAll(t.Context(), "spring"))); got < 60 {
		t.Errorf("%d events", got)
	}
}

// sitesAndTails reads parts of a rollout from ledgers that can.
func sitesAndTails(t *testing.T, one, other journal.Ledger) {
	t.Helper()
	reader, ok := other.(interface {
		ReadAfter(ctx context.Context, key journal.Key, after journal.Seq) iter.Seq2[journal.Event, error]
		ReadSite(ctx context.Context, rollout, site string) iter.Seq2[journal.Record, error]
	})
	if !ok {
		t.Skip("the ledger reads no parts")
	}
	control := journal.Key{Rollout: "spring"}
	first := mustAppend(t, one, control, 0, note("a"), note("b"))
	second := mustAppend(t, one, control, first, note("c"))
	for _, name := range []string{"berlin/192.0.2.1", "berlin/192.0.2.1 (step 2)", "berlin-mitte/192.0.2.1", "bonn/192.0.2.1", "berlin", "192.0.2.1"} {
		mustAppend(t, one, phone(name), 0, note(name), note("second"))
	}
	for _, test := range []struct {
		after journal.Seq
		want  int
	}{{0, 3}, {first, 1}, {second, 0}, {second + 100, 0}} {
		events := List(t, reader.ReadAfter(t.Context(), control, test.after))
		if len(events) != test.want || test.want > 0 && events[test.want-1].Seq != second {
			t.Errorf("after %d: %v", test.after, events)
		}
	}
	var got []string
	for _, r := range List(t, reader.ReadSite(t.Context(), "spring", "berlin")) {
		got = append(got, r.Key.Phone+" "+r.Event.Body.(journal.Note).Text) //nolint:forcetypeassert // there are no others
	}
	want := []string{"berlin/192.0.2.1 berlin/192.0.2.1", "berlin/192.0.2.1 second", "berlin/192.0.2.1 (step 2) berlin/192.0.2.1 (step 2)", "berlin/192.0.2.1 (step 2) second"}
	if !slices.Equal(got, want) {
		t.Errorf("phones of the site: %q", got)
	}
	for _, elsewhere := range []string{"paris", "berlin/192.0.2.1"} {
		if all := List(t, reader.ReadSite(t.Context(), "spring", elsewhere)); len(all) != 0 {
			t.Errorf("%q: %v", elsewhere, all)
		}
	}
}
