package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/journal/sqlite"
)

// open opens a journal for a test.
func open(t *testing.T, path string) *sqlite.Ledger {
	t.Helper()
	l, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestConforms(t *testing.T) {
	journaltest.Conform(t, func(t *testing.T) (one, other journal.Ledger) {
		path := filepath.Join(t.TempDir(), "journal.db")
		return open(t, path), open(t, path)
	})
}
