package rollout

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // Windows has none

	"github.com/cpupdate/cpupdate/pkg/journal"
)

// TestParseWaves reads sizes of waves, and writes them again.
func TestParseWaves(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"canary,5,20%,rest": "canary,5,20%,rest", "canary": "canary,rest", "5": "5,rest", "rest": "rest", " canary , 100% ": "canary,100%,rest",
		"1,1,1,rest": "1,1,1,rest",
	} {
		sizes, err := ParseWaves(text)
		var words []string
		for _, s := range sizes {
			words = append(words, s.String())
		}
		if got := strings.Join(words, ","); err != nil || got != want {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", ",", "5,", "0", "-1", "+5", "05", "5 %", "101%", "0%", "%", "x", "5,canary", "rest,5", "canary,canary", "rest,rest", "1e3", "99999999999", strings.Repeat("1,", 101) + "rest"} {
		if sizes, err := ParseWaves(text); err == nil {
			t.Errorf("%q: %v", text, sizes)
		}
	}
}

// TestSplit gives every phone to one wave, and the same ones every time.
func TestSplit(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		classes, sizes string // a letter a phone, a capital one if it answered; - is left alone
		want           string
	}{
		{"aaabbbccc", "canary,rest", "canary[0 3 6] rest[1 2 4 5 7 8]"},
		{"a-abb-", "canary,rest", "canary[0 3] rest[2 4]"},
		{"aaaa", "rest", "rest[0 1 2 3]"},
		{"aaaaaaaaaa", "canary,2,50%", "canary[0] 2[1 2] 50%[3 4 5 6 7] rest[8 9]"},
		{"aaa", "10%", "10%[0] rest[1 2]"},
		{"aaa", "5", "5[0 1 2]"},
		{"abc", "canary,5,rest", "canary[0 1 2]"},
		{"----", "canary,rest", ""},
		{"aAbBa", "canary,rest", "canary[1 3] rest[0 2 4]"},
		{"Aab", "canary,rest", "canary[0] rest[1 2]"},
		{"", "rest", ""},
	} {
		var phones []Phone
		for _, c := range test.classes {
			p := Phone{Class: strings.ToLower(string(c)), Images: []int{0}, Queried: c >= 'A' && c <= 'Z'}
			if c == '-' {
				p.Images = nil
			}
			phones = append(phones, p)
		}
		sizes, err := ParseWaves(test.sizes)
		if err != nil {
			t.Fatal(err)
		}
		var words []string
		for _, w := range split(phones, sizes) {
			words = append(words, w.Name+fmt.Sprint(w.Phones))
		}
		if got := strings.Join(words, " "); got != test.want {
			t.Errorf("%s %s: %s, want %s", test.classes, test.sizes, got, test.want)
		}
	}
}

// TestLimits compares how many phones ended with what is allowed: reached means stopped.
func TestLimits(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		limits string
		ended  map[Cause]int
		size   int
		want   string
	}{
		{"", map[Cause]int{Rejected: 100}, 100, ""},
		{"unverified=1", nil, 10, ""},
		{"unverified=1", map[Cause]int{Unverified: 1}, 10, "unverified=1"},
		{"unverified=1", map[Cause]int{Rejected: 10}, 10, ""},
		{"rejected=3", map[Cause]int{Rejected: 2}, 10, ""},
		{"rejected=3", map[Cause]int{Rejected: 3}, 10, "rejected=3"},
		{"unreachable=10%", map[Cause]int{Unreachable: 9}, 100, ""},
		{"unreachable=10%", map[Cause]int{Unreachable: 10}, 100, "unreachable=10%"},
		{"unreachable=10%", map[Cause]int{Unreachable: 1}, 10, "unreachable=10%"},
		{"unreachable=10%", map[Cause]int{Unreachable: 1}, 11, ""},
		{"unreachable=10%", map[Cause]int{Unreachable: 1}, 1, "unreachable=10%"},
		{"unreachable=100%", map[Cause]int{Unreachable: 4}, 5, ""},
		{"unreachable=100%", map[Cause]int{Unreachable: 5}, 5, "unreachable=100%"},
		{"unreachable=1%", nil, 0, ""},
		{"any=3", map[Cause]int{Unverified: 1, Rejected: 1, Unreachable: 1}, 9, "any=3"},
		{"any=4", map[Cause]int{Unverified: 1, Rejected: 1, Unreachable: 1}, 9, ""},
		{"rejected=3,any=2", map[Cause]int{Unverified: 1, Rejected: 1}, 9, "any=2"},
	} {
		limits, err := ParseLimits(test.limits)
		if err != nil {
			t.Fatal(err)
		}
		limit, reached := limits.Reached(test.ended, test.size)
		if got := limit.String(); reached != (test.want != "") || reached && got != test.want {
			t.Errorf("%s %v of %d: %s, %v", test.limits, test.ended, test.size, got, reached)
		}
	}
	for _, text := range []string{",", "rejected", "rejected=", "rejected=0", "rejected=0%", "rejected=101%", "rejected=-1", "rejected=1,rejected=2", "x=1", "=1", "any=1%%", "Rejected=1", "rejected=1,", "rejected=1 "} {
		if limits, err := ParseLimits(text); err == nil && text != "rejected=1 " {
			t.Errorf("%q: %v", text, limits)
		}
	}
}

// TestWindow opens and closes windows: over midnight, and where clocks change.
func TestWindow(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin") // forward on 29 March 2026 at 2:00, back on 25 October at 3:00
	if err != nil {
		t.Fatal(err)
	}
	const layout = "2006-01-02 15:04:05 MST"
	for _, test := range []struct{ window, now, opens, closes string }{
		{"22:00-06:00", "2026-06-01 21:59:59 CEST", "2026-06-01 22:00:00 CEST", "2026-06-02 06:00:00 CEST"},
		{"22:00-06:00", "2026-06-01 22:00:00 CEST", "2026-06-01 22:00:00 CEST", "2026-06-02 06:00:00 CEST"},
		{"22:00-06:00", "2026-06-02 05:59:59 CEST", "2026-06-02 05:59:59 CEST", "2026-06-02 06:00:00 CEST"},
		{"22:00-06:00", "2026-06-02 06:00:00 CEST", "2026-06-02 22:00:00 CEST", "2026-06-03 06:00:00 CEST"},
		{"08:00-12:00", "2026-06-01 12:00:00 CEST", "2026-06-02 08:00:00 CEST", "2026-06-02 12:00:00 CEST"},
		{"00:00-24:00", "2026-06-01 12:00:00 CEST", "2026-06-01 12:00:00 CEST", ""},
		{"12:00-24:00", "2026-06-01 00:00:00 CEST", "2026-06-01 12:00:00 CEST", "2026-06-02 00:00:00 CEST"},
		{"", "2026-06-01 12:00:00 CEST", "2026-06-01 12:00:00 CEST", ""},
		// Clocks go forward: 2:00 to 3:00 is left out.
		{"22:00-06:00", "2026-03-28 23:00:00 CET", "2026-03-28 23:00:00 CET", "2026-03-29 06:00:00 CEST"},
		{"02:00-03:00", "2026-03-28 12:00:00 CET", "2026-03-30 02:00:00 CEST", "2026-03-30 03:00:00 CEST"},
		{"02:30-03:30", "2026-03-29 01:00:00 CET", "2026-03-29 03:00:00 CEST", "2026-03-29 03:30:00 CEST"},
		{"01:00-02:30", "2026-03-29 00:00:00 CET", "2026-03-29 01:00:00 CET", "2026-03-29 03:00:00 CEST"},
		// Clocks go back: 2:00 to 3:00 comes twice.
		{"22:00-06:00", "2026-10-24 23:00:00 CEST", "2026-10-24 23:00:00 CEST", "2026-10-25 06:00:00 CET"},
		{"02:15-02:45", "2026-10-25 02:45:00 CEST", "2026-10-25 02:15:00 CET", "2026-10-25 02:45:00 CET"},
		{"02:15-02:45", "2026-10-25 02:00:00 CEST", "2026-10-25 02:15:00 CEST", "2026-10-25 02:45:00 CEST"},
		{"01:30-02:30", "2026-10-25 01:30:00 CEST", "2026-10-25 01:30:00 CEST", "2026-10-25 02:30:00 CEST"},
	} {
		w, err := ParseWindow(test.window)
		if err != nil || w.String() != test.window {
			t.Fatal(err, w)
		}
		// The name of the zone is not enough for time.ParseInLocation where both are valid.
		now, err := time.ParseInLocation(layout, test.now, berlin)
		if err != nil {
			t.Fatal(err)
		}
		opens := w.Next(now)
		if got := opens.Format(layout); got != test.opens {
			t.Errorf("%s at %s opens at %s, want %s", test.window, test.now, got, test.opens)
		}
		closes := w.Closes(opens)
		if closes.IsZero() != (test.closes == "") || test.closes != "" && closes.Format(layout) != test.closes {
			t.Errorf("%s at %s closes at %s, want %s", test.window, test.now, closes.Format(layout), test.closes)
		}
	}
	for _, text := range []string{"22:00", "22:00-", "-06:00", "22-06", "22:00-22:00", "25:00-06:00", "22:60-06:00", "22:00-06:00-07:00", "2:00-06:00", "22:00 - 06:00", "24:01-06:00", "00:00-00:00", "24:00-24:00", "24:00-00:00"} {
		if w, err := ParseWindow(text); err == nil {
			t.Errorf("%q: %v", text, w)
		}
	}
}

// FuzzRules reads rules: what is read is written as it is read again.
func FuzzRules(f *testing.F) {
	for _, text := range []string{"canary,5,20%,rest", "unverified=1,rejected=3,unreachable=10%", "22:00-06:00", "", "24:00-00:00"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if w, err := ParseWindow(text); err == nil {
			if again, err := ParseWindow(w.String()); err != nil || again != w {
				t.Errorf("%q: %v, %v, %v", text, w, again, err)
			}
		}
		if limits, err := ParseLimits(text); err == nil {
			var words []string
			for _, l := range limits {
				words = append(words, l.String())
			}
			if again, err := ParseLimits(strings.Join(words, ",")); err != nil || !reflect.DeepEqual(again, limits) {
				t.Errorf("%q: %v, %v, %v", text, limits, again, err)
			}
		}
		if sizes, err := ParseWaves(text); err == nil && !sizes[len(sizes)-1].Rest {
			t.Errorf("%q: phones may be left out", text)
		}
	})
}

// TestFollowerAlone checks that a follower and whoever it has a rollout from change nothing of each other: they run at the same time.
func TestFollowerAlone(t *testing.T) {
	t.Parallel()
	begun := func(f *Follower, run string, seq journal.Seq) {
		f.Apply(journal.Record{Key: journal.Key{Rollout: "spring"}, Event: journal.Event{Seq: seq, Body: journal.RunBegun{Run: run}}})
	}
	first := &Saved{Name: "spring"}
	f := &Follower{Saved: first}
	begun(f, "first", 1)
	f.Detach()
	begun(f, "second", 2)
	if first.runs[""].Run != "first" || f.Saved.runs[""].Run != "second" {
		t.Errorf("after Detach: %+v and %+v", first.runs, f.Saved.runs)
	}
	newer := &Saved{Name: "spring", Seq: 3, runs: map[string]SiteRun{"": {Run: "third"}}}
	f.Take(newer)
	begun(f, "fourth", 4)
	if newer.runs[""].Run != "third" || f.Saved.runs[""].Run != "fourth" {
		t.Errorf("after Take: %+v and %+v", newer.runs, f.Saved.runs)
	}
}
