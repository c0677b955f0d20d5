package sqlite

import (
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/pkg/journal"
)

// TestDocs runs what docs/journal.md shows: each query finds something in a journal with every kind of event, and the schema
// is the one of this package.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "journal.md"))
	must(t, err)
	path := filepath.Join(t.TempDir(), "journal.db")
	l := opened(t, path)
	var seqs [2]journal.Seq
	for _, body := range journaltest.Bodies() {
		for i, k := range []journal.Key{{Rollout: "spring"}, key} {
			seq, err := l.Append(t.Context(), k, seqs[i], journaltest.Event(0, body))
			if err == nil {
				seqs[i] = seq
			} else if !errors.Is(err, journal.ErrInvalid) {
				t.Fatal(err)
			}
		}
	}
	queries := 0
	for _, block := range strings.Split(string(page), "\n```sql")[1:] {
		code, _, _ := strings.Cut(block, "\n```")
		if code, found := strings.CutPrefix(code, " schema\n"); found {
			if strings.TrimSpace(code) != strings.TrimSpace(schema) {
				t.Errorf("docs/journal.md has another schema:\n%s", code)
			}
			continue
		}
		queries++
		if n := count(t, l.read, code); n == 0 {
			t.Errorf("this finds nothing: %s", code)
		}
	}
	if queries < 4 {
		t.Errorf("%d queries on the page", queries)
	}
	shell(t, string(page), path)
}

// count returns how many rows a query finds.
func count(t *testing.T, db *sql.DB, query string) (n int) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	must(t, err)
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		n++
	}
	must(t, rows.Err())
	return n
}

// shell runs the commands of the page with the sqlite3 shell, if it is there, while the journal is in use.
func shell(t *testing.T, page, path string) {
	t.Helper()
	if _, err := exec.LookPath("sqlite3"); err != nil {
		t.Log("the sqlite3 shell is not installed: the commands of the page were not run")
		return
	}
	var all string
	for line := range strings.Lines(page) {
		command, found := strings.CutPrefix(line, "$ sqlite3 ")
		if !found {
			continue
		}
		cmd := exec.CommandContext(t.Context(), "sh", "-c", "sqlite3 "+command) //nolint:gosec // of the page
		cmd.Dir = filepath.Dir(path)
		output, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v, %s", line, err, output)
		}
		all += string(output)
	}
	if !strings.Contains(all, "2026-03-29T00:59:00.123Z||planned\n") || !strings.Contains(all, "|192.0.2.7|instructing\n") {
		t.Errorf("the shell prints:\n%s", all)
	}
	backup := opened(t, filepath.Join(filepath.Dir(path), "copy.db"))
	if got := journaltest.List(t, backup.Read(t.Context(), key)); len(got) < 18 {
		t.Errorf("the backup has %d events", len(got))
	}
}
