package sqlite_test

import (
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/journal/sqlite"
)

// TestReadKinds reads what ReadAll reads, of some kinds.
func TestReadKinds(t *testing.T) {
	t.Parallel()
	l, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, name := range []string{"spring", "autumn"} {
		for _, phone := range []string{"b", "a"} {
			events := []journal.Event{
				journaltest.Event(0, journal.Listed{Address: phone}), journaltest.Event(1, journal.Begun{Run: "r"}), journaltest.Event(2, journal.Note{Text: "x"}),
				journaltest.Event(3, journal.Outcome{Result: journal.Updated}),
			}
			if _, err := l.Append(t.Context(), journal.Key{Rollout: name, Phone: phone}, 0, events...); err != nil {
				t.Fatal(err)
			}
		}
	}
	all := journaltest.List(t, l.ReadAll(t.Context(), "spring"))
	for _, kinds := range [][]journal.Kind{nil, {journal.KindOutcome}, {journal.KindListed, journal.KindOutcome, journal.KindRetry}, {"x' OR 1 --"}} {
		var want []journal.Record
		for _, r := range all {
			if slices.Contains(kinds, r.Event.Body.Kind()) {
				want = append(want, r)
			}
		}
		if got := journaltest.List(t, l.ReadKinds(t.Context(), "spring", kinds...)); !reflect.DeepEqual(got, want) {
			t.Errorf("%v: %v, want %v", kinds, got, want)
		}
	}
}
