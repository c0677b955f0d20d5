package jetstream_test

import (
	"testing"

	js "github.com/nats-io/nats.go/jetstream"

	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/journal/jetstream"
)

// TestPurge removes an old rollout, with the subjects that docs/sites.md names: others stay as they are, and the name can be used again.
func TestPurge(t *testing.T) {
	l := open(t, jetstream.Options{URL: start(t).ClientURL()})
	plan := func(name string) {
		t.Helper()
		if _, err := journal.Create(t.Context(), l, name, journaltest.At(0), journal.Planned{Phones: 1}); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Append(t.Context(), journal.Key{Rollout: name, Phone: key.Phone}, 0, journaltest.Event(0, journal.Listed{Address: "192.0.2.7"}), note(name)); err != nil {
			t.Fatal(err)
		}
	}
	plan("old")
	plan("new")
	stream, err := l.JetStream().Stream(t.Context(), jetstream.Stream)
	if err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{"cpupdate.journal.old.>", "cpupdate.name.*.*.old.*"} {
		if err := stream.Purge(t.Context(), js.WithPurgeSubject(subject)); err != nil {
			t.Fatal(err)
		}
	}
	if got := journaltest.List(t, l.Rollouts(t.Context(), journal.Filter{})); len(got) != 1 || got[0].Name != "new" {
		t.Errorf("rollouts: %v", got)
	}
	if got := journaltest.List(t, l.Find(t.Context(), "192.0.2.7")); len(got) != 1 || got[0].Rollout != "new" {
		t.Errorf("found: %v", got)
	}
	if got := len(journaltest.List(t, l.ReadAll(t.Context(), "new"))); got != 3 {
		t.Errorf("%d events", got)
	}
	again := open(t, jetstream.Options{URL: l.String()})
	l = again // it knows no names yet
	plan("old")
	if got := journaltest.List(t, l.Find(t.Context(), "192.0.2.7")); len(got) != 2 {
		t.Errorf("found: %v", got)
	}
}
