package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/pkg/journal"
)

// ancient is a version 0 that never existed: one table, and times in seconds.
const ancient = `
CREATE TABLE old (rollout TEXT, phone TEXT, at INTEGER, kind TEXT, data TEXT);
INSERT INTO old VALUES ('spring', '192.0.2.7', 1774745940, 'note', '{"text":"from the old file"}');
PRAGMA application_id = 0x4350556a;
PRAGMA user_version = 0;`

const fromAncient = schema + `
INSERT INTO streams (rollout, phone) SELECT DISTINCT rollout, phone FROM old;
INSERT INTO events (stream, at, kind, data) SELECT id, at * 1000, kind, data FROM old JOIN streams USING (rollout, phone) ORDER BY old.rowid;
DROP TABLE old;`

// future is a later version, with one more column.
const addColumn = "ALTER TABLE events ADD COLUMN later TEXT"

func TestMigrate(t *testing.T) {
	const good, wrong, refused = "migrated", "rolled back", "refused"
	one := format{1, schema, []string{fromAncient}}
	two := format{2, schema + addColumn, []string{fromAncient, addColumn}}
	for _, test := range []struct {
		name   string
		from   int
		format format
		want   string
		kind   error
	}{
		{"0 to 1", 0, one, good, nil},
		{"0 to 2", 0, two, good, nil},
		{"1 to 2", 1, two, good, nil},
		{"1 to 1", 1, one, "", nil},
		{"a step fails", 0, format{1, schema, []string{fromAncient + "INSERT INTO absent VALUES (1);"}}, wrong, journal.ErrIO},
		{"the second step fails", 0, format{2, schema, []string{fromAncient, "DROP TABLE absent"}}, wrong, journal.ErrIO},
		{"a version that never existed", 0, current(), refused, journal.ErrForeign},
		{"a negative version", -1, one, refused, journal.ErrForeign},
		{"from a newer program", 2, one, refused, journal.ErrNewer},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journal.db")
			if test.from > 0 {
				path = made(t, 1)
			} else {
				query(t, path, ancient)
			}
			query(t, path, fmt.Sprintf("PRAGMA user_version = %d", test.from))
			before, err := os.ReadFile(path)
			must(t, err)
			l, err := open(t.Context(), path, test.format, busyTimeout)
			saved := fmt.Sprintf("%s.version-%d", path, test.from)
			_, copied := os.Stat(saved)
			if (copied == nil) != (test.want == good || test.want == wrong) {
				t.Errorf("copy: %v", copied)
			}
			if test.kind != nil {
				after, _ := os.ReadFile(path)
				if !errors.Is(err, test.kind) || test.want == wrong && !strings.Contains(err.Error(), saved) {
					t.Errorf("%v, want %v", err, test.kind)
				}
				if string(before[100:]) != string(after[100:]) {
					t.Error("the file has changed")
				}
				return
			}
			must(t, err)
			defer func() { _ = l.Close() }()
			events := journaltest.List(t, l.Read(t.Context(), key))
			if len(events) != 1 || events[0].Body.Kind() != journal.KindNote {
				t.Fatalf("%v", events)
			}
			_, err = l.Append(t.Context(), key, events[0].Seq, note("new"))
			must(t, err)
			if version, err := l.version(t.Context(), l.read); err != nil || version != test.format.version {
				t.Errorf("version %d, %v", version, err)
			}
			if test.want == good {
				checkCopy(t, saved, test.from)
			}
		})
	}
}

// checkCopy looks at the copy that a migration made.
func checkCopy(t *testing.T, name string, version int) {
	t.Helper()
	info, err := os.Stat(name)
	must(t, err)
	if runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("the copy has the mode %v", info.Mode())
	}
	if version == 1 {
		l := opened(t, name)
		if got := journaltest.List(t, l.Read(t.Context(), key)); len(got) != 1 {
			t.Errorf("the copy has %v", got)
		}
	}
}

// TestMigrateTogether lets several processes meet an older file at a time, with events in its -wal file.
func TestMigrateTogether(t *testing.T) {
	path := made(t, 1)
	holder := opened(t, path)
	seq, err := holder.Append(t.Context(), key, 1, note("in the -wal file"))
	must(t, err)
	two := format{2, "", []string{"", addColumn}}
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			l, err := open(t.Context(), path, two, busyTimeout)
			if err != nil {
				t.Error(err)
				return
			}
			if got := journaltest.List(t, l.Read(t.Context(), key)); len(got) != 2 {
				t.Errorf("%v", got)
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if _, err := holder.Append(t.Context(), key, seq, note("by the older program")); !errors.Is(err, journal.ErrNewer) {
		t.Errorf("the older program goes on: %v", err)
	}
	if _, err := os.Stat(path + ".version-1.2"); err == nil {
		t.Error("there are two copies")
	}
	if got := journaltest.List(t, opened(t, path+".version-1").Read(t.Context(), key)); len(got) != 2 {
		t.Errorf("the copy has %v", got)
	}
}

// TestCopyKept never overwrites a copy that is there.
func TestCopyKept(t *testing.T) {
	path := made(t, 1)
	must(t, os.WriteFile(path+".version-1", []byte("kept"), 0o600))
	two := format{2, "", []string{"", addColumn}}
	for n := 2; n <= maxCopies; n++ {
		must(t, os.WriteFile(fmt.Sprintf("%s.version-1.%d", path, n), []byte("kept"), 0o600))
	}
	if _, err := open(t.Context(), path, two, busyTimeout); !errors.Is(err, journal.ErrIO) {
		t.Errorf("with all names taken: %v", err)
	}
	must(t, os.Remove(path+".version-1.7"))
	l, err := open(t.Context(), path, two, busyTimeout)
	must(t, err)
	must(t, l.Close())
	for _, name := range []string{".version-1", ".version-1.2", ".version-1.100"} {
		if got, _ := os.ReadFile(path + name); string(got) != "kept" {
			t.Errorf("%s was overwritten", name)
		}
	}
	checkCopy(t, path+".version-1.7", 1)
}
