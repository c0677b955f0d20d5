package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	code "modernc.org/sqlite/lib"

	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/pkg/journal"
)

var key = journal.Key{Rollout: "spring", Phone: "192.0.2.7"}

func note(text string) journal.Event { return journaltest.Event(1, journal.Note{Text: text}) }

// must ends the test if there is an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// opened opens a journal.
func opened(t *testing.T, path string) *Ledger {
	t.Helper()
	l, err := Open(t.Context(), path)
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// made returns the name of a journal with events that nobody has open.
func made(t *testing.T, events int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal.db")
	l := opened(t, path)
	var seq journal.Seq
	for i := range events {
		var err error
		seq, err = l.Append(t.Context(), key, seq, note(strings.Repeat(fmt.Sprint(i), 200)))
		must(t, err)
	}
	must(t, l.Close())
	return path
}

// query runs SQL on a file.
func query(t *testing.T, path, statements string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	must(t, err)
	_, err = db.ExecContext(t.Context(), statements)
	must(t, errors.Join(err, db.Close()))
}

// files returns the names and contents of a folder, without -shm, which holds no data.
func files(t *testing.T, folder string) map[string]string {
	t.Helper()
	found := map[string]string{}
	entries, err := os.ReadDir(folder)
	must(t, err)
	for _, entry := range entries {
		if content, err := os.ReadFile(filepath.Join(folder, entry.Name())); err == nil && !strings.HasSuffix(entry.Name(), "-shm") {
			found[entry.Name()] = string(content)
		}
	}
	return found
}

// refuses fails unless Open refuses a file, says so in a sentence with the path, and leaves all files as they are.
func refuses(t *testing.T, path string, kind error) {
	t.Helper()
	before := files(t, filepath.Dir(path))
	l, err := Open(t.Context(), path)
	if err == nil {
		_ = l.Close()
	}
	var known *journal.Error
	if !errors.As(err, &known) || !errors.Is(err, kind) || known.Place != path || known.Text == "" {
		t.Errorf("%v, want %v", err, kind)
	}
	after := files(t, filepath.Dir(path))
	if fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("the folder has changed: %d files before, %d after", len(before), len(after))
	}
}

func TestForeignFiles(t *testing.T) {
	other := filepath.Join(t.TempDir(), "other.db")
	query(t, other, "CREATE TABLE events (a); PRAGMA user_version = 1")
	database, err := os.ReadFile(other)
	must(t, err)
	for name, content := range map[string][]byte{
		"a text":             []byte("192.0.2.7, CP600\n"),
		"one byte":           {0},
		"a part of the mark": []byte("SQLite format 3\x00"),
		"another database":   database,
		"zeros":              make([]byte, 8192),
		"large text":         bytes.Repeat([]byte("abc\n"), 10000),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journal.db")
			must(t, os.WriteFile(path, content, 0o600))
			refuses(t, path, journal.ErrForeign)
		})
	}
	t.Run("with a left -journal file", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "journal.db")
		must(t, os.WriteFile(path, database, 0o600))
		must(t, os.WriteFile(path+"-journal", nil, 0o600))
		l, err := Open(t.Context(), path)
		if !errors.Is(err, journal.ErrForeign) {
			t.Errorf("%v", err)
			_ = l.Close()
		}
		if got, _ := os.ReadFile(path); !bytes.Equal(got, database) {
			t.Error("it has changed")
		}
	})
	t.Run("folder", func(t *testing.T) {
		folder := t.TempDir()
		must(t, os.Mkdir(filepath.Join(folder, "journal.db"), 0o700))
		refuses(t, filepath.Join(folder, "journal.db"), journal.ErrForeign)
	})
	t.Run("file in the place of a folder", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "file")
		must(t, os.WriteFile(path, nil, 0o600))
		if _, err := Open(t.Context(), filepath.Join(path, "journal.db")); !errors.Is(err, journal.ErrIO) {
			t.Error(err)
		}
	})
}

// TestEmptyFile uses a file of no bytes, as a first use that was cut off leaves it.
func TestEmptyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	must(t, os.WriteFile(path, nil, 0o600))
	l := opened(t, path)
	_, err := l.Append(t.Context(), key, 0, note(""))
	must(t, err)
	must(t, l.Check(t.Context()))
}

func TestNewerFile(t *testing.T) {
	path := made(t, 1)
	old := opened(t, path)
	query(t, path, "PRAGMA user_version = 2")
	if _, err := old.Append(t.Context(), key, 1, note("")); !errors.Is(err, journal.ErrNewer) {
		t.Errorf("an older program that has it open appends: %v", err)
	}
	for _, err := range old.Read(t.Context(), key) {
		if !errors.Is(err, journal.ErrNewer) {
			t.Errorf("and reads: %v", err)
		}
	}
	if _, err := Open(t.Context(), path); !errors.Is(err, journal.ErrNewer) { // the new version is in the -wal file alone
		t.Errorf("open: %v", err)
	}
	must(t, old.Close())
	refuses(t, path, journal.ErrNewer)
	_, err := Open(t.Context(), path)
	if err == nil || !strings.Contains(err.Error(), "was written by a newer program (version 2, this program knows 1)") {
		t.Error(err)
	}
}

// TestDamage overwrites each page, and cuts the file at each page: either an error says that it is damaged, or what is read was
// written. The file stays as it is.
func TestDamage(t *testing.T) {
	whole, err := os.ReadFile(made(t, 60))
	must(t, err)
	const page = 4096
	damaged := 0
	try := func(what string, content []byte) {
		path := filepath.Join(t.TempDir(), "journal.db")
		must(t, os.WriteFile(path, content, 0o600))
		err := usedUp(t, path)
		if err == nil {
			return
		}
		var known *journal.Error
		if !errors.As(err, &known) || !errors.Is(err, journal.ErrDamaged) && !errors.Is(err, journal.ErrForeign) {
			t.Errorf("%s: %v", what, err)
		}
		if errors.Is(err, journal.ErrDamaged) {
			damaged++
		}
		if got, _ := os.ReadFile(path); !bytes.Equal(got[100:], content[100:]) {
			t.Errorf("%s: the file has changed", what)
		}
	}
	for at := 0; at < len(whole); at += page {
		broken := slices.Clone(whole)
		copy(broken[at+100*b2i(at == 0):at+page], bytes.Repeat([]byte{0xa5}, page))
		try(fmt.Sprint("page ", at/page), broken)
		if at > 0 {
			try(fmt.Sprint("cut at ", at), whole[:at])
		}
	}
	broken := bytes.Replace(whole, []byte(`{"text":"`), []byte(`["text":"`), 1)
	try("a body that is no object", broken)
	if pages := len(whole) / page; damaged < pages {
		t.Errorf("%d pages, %d found damaged", pages, damaged)
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// usedUp opens, checks and reads a journal of made, and returns the first error.
func usedUp(t *testing.T, path string) error {
	t.Helper()
	l, err := Open(t.Context(), path)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	n := 0
	for event, err := range l.Read(t.Context(), key) {
		if err != nil {
			return err
		}
		if event.Body != (journal.Note{Text: strings.Repeat(fmt.Sprint(n), 200)}) {
			t.Errorf("event %d is %v, and there is no error", n, event.Body)
		}
		n++
	}
	return l.Check(t.Context())
}

func TestPermissions(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // the folder's access list says who may read
	}
	folder := filepath.Join(t.TempDir(), "state", "cpupdate")
	path := filepath.Join(folder, "journal.db")
	for range 2 {
		l := opened(t, path)
		_, _ = l.Append(t.Context(), key, 0, note(""))
		for name, want := range map[string]os.FileMode{
			filepath.Dir(folder): 0o700 | os.ModeDir, folder: 0o700 | os.ModeDir, path: 0o600, path + "-wal": 0o600, path + "-shm": 0o600,
		} {
			if info, err := os.Stat(name); err != nil || info.Mode() != want {
				t.Errorf("%s: %v, %v", name, info.Mode(), err)
			}
		}
		must(t, l.Close())
		must(t, os.Chmod(path, 0o644)) //nolint:gosec // as a copy would be
	}
}

// TestOddNames uses names that mean something in a URI.
func TestOddNames(t *testing.T) {
	names := []string{"a b", "a%20b", "a#b", "ä+&=", ":memory:", "file:x", "a;b'c"}
	if runtime.GOOS != "windows" {
		names = append(names, "a?mode=memory", `a\b`, `a"b`, "a\nb")
	}
	if runtime.GOOS == "windows" {
		names = slices.DeleteFunc(names, func(name string) bool { return strings.Contains(name, ":") })
	}
	folder := t.TempDir()
	t.Chdir(folder)
	for i, name := range names {
		l := opened(t, name)
		_, err := l.Append(t.Context(), key, 0, note(""))
		must(t, errors.Join(err, l.Close()))
		if info, err := os.Stat(filepath.Join(folder, name)); err != nil || info.Size() == 0 {
			t.Errorf("%q: %v", name, err)
		}
		if entries, _ := os.ReadDir(folder); len(entries) != i+1 {
			t.Errorf("%q: the folder has %v", name, entries)
		}
	}
}

// TestGone removes or replaces the file while it is used.
func TestGone(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // an open file cannot be removed there
	}
	for _, replaced := range []bool{false, true} {
		path := made(t, 1)
		l := opened(t, path)
		must(t, os.Rename(path, path+".away"))
		if replaced {
			must(t, os.WriteFile(path, []byte("theirs"), 0o600))
		}
		if _, err := l.Append(t.Context(), key, 1, note("")); !errors.Is(err, journal.ErrGone) {
			t.Errorf("Append: %v", err)
		}
		for _, err := range l.Watch(t.Context(), "another", 0) {
			if !errors.Is(err, journal.ErrGone) {
				t.Errorf("Watch: %v", err)
			}
		}
		_ = l.Close()
		if got, _ := os.ReadFile(path); replaced && string(got) != "theirs" {
			t.Errorf("the other file is %q now", got)
		}
	}
}

// TestBusy holds the lock of another process for longer than it is waited for.
func TestBusy(t *testing.T) {
	path := made(t, 1)
	l, err := open(t.Context(), path, current(), time.Millisecond)
	must(t, err)
	defer func() { _ = l.Close() }()
	other := opened(t, path)
	tx, err := other.write.BeginTx(t.Context(), nil)
	must(t, err)
	if _, err := l.Append(t.Context(), key, 1, note("")); !errors.Is(err, journal.ErrBusy) {
		t.Errorf("%v", err)
	}
	if got := journaltest.List(t, l.Read(t.Context(), key)); len(got) != 1 {
		t.Errorf("reading waits, too: %v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	patient := opened(t, path)
	go cancel()
	if _, err := patient.Append(ctx, key, 1, note("")); !errors.Is(err, context.Canceled) {
		t.Errorf("a wait that is ended: %v", err)
	}
	must(t, tx.Rollback())
	_, err = l.Append(t.Context(), key, 1, note(""))
	must(t, err)
}

func TestExplained(t *testing.T) {
	for result, want := range map[int]error{
		code.SQLITE_FULL: journal.ErrFull, code.SQLITE_READONLY: journal.ErrReadOnly, code.SQLITE_READONLY_CANTINIT: journal.ErrReadOnly,
		code.SQLITE_READONLY_DBMOVED: journal.ErrGone, code.SQLITE_CANTOPEN: journal.ErrReadOnly, code.SQLITE_BUSY: journal.ErrBusy,
		code.SQLITE_BUSY_SNAPSHOT: journal.ErrBusy, code.SQLITE_LOCKED: journal.ErrBusy, code.SQLITE_CORRUPT: journal.ErrDamaged,
		code.SQLITE_CORRUPT_INDEX: journal.ErrDamaged, code.SQLITE_NOTADB: journal.ErrDamaged, code.SQLITE_IOERR_SHMMAP: journal.ErrNoShare,
		code.SQLITE_IOERR_LOCK: journal.ErrNoShare, code.SQLITE_PROTOCOL: journal.ErrNoShare, code.SQLITE_IOERR_FSYNC: journal.ErrIO,
		code.SQLITE_IOERR_WRITE: journal.ErrIO, code.SQLITE_PERM: journal.ErrReadOnly, code.SQLITE_NOMEM: journal.ErrIO, 999: journal.ErrIO,
	} {
		if text, kind := explained(result); !errors.Is(kind, want) || text == "" {
			t.Errorf("%d is %v, %s; want %v", result, kind, text, want)
		}
	}
}

// TestMark fails when the header no longer says what the documentation says.
func TestMark(t *testing.T) {
	content, err := os.ReadFile(made(t, 0))
	must(t, err)
	if got := string(content[68:72]); got != "CPUj" || binary.BigEndian.Uint32(content[60:]) != 1 {
		t.Errorf("application_id %q, user_version %d", got, binary.BigEndian.Uint32(content[60:]))
	}
}

// TestRolloutsDamaged lists all rollouts, also one whose first event cannot be read.
func TestRolloutsDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	l := opened(t, path)
	for _, name := range []string{"spring", "summer", "autumn"} {
		_, err := l.Append(t.Context(), journal.Key{Rollout: name}, 0, note(name))
		must(t, err)
	}
	query(t, path, "UPDATE events SET data = '}' WHERE stream = (SELECT id FROM streams WHERE rollout = 'summer')")
	var got []string
	for r, err := range l.Rollouts(t.Context(), journal.Filter{}) {
		got = append(got, fmt.Sprint(r.Name, " ", errors.Is(err, journal.ErrDamaged), " ", r.First.At.IsZero()))
	}
	if want := []string{"autumn false false", "summer true false", "spring false false"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestFewConnections reads about many phones at a time, each time within another loop over what was read: that takes one connection.
// Loops over more events than are read ahead have one each, and none waits for another.
func TestFewConnections(t *testing.T) {
	for _, events := range []int{5, ahead - 1, ahead + 1} {
		l := opened(t, made(t, events))
		var group errgroup.Group
		for range 8 {
			group.Go(func() error {
				outer, inner := 0, 0
				for _, err := range l.Read(t.Context(), key) {
					if outer++; err != nil {
						return err
					}
					if outer%(events/2) != 0 {
						continue
					}
					for _, err := range l.Read(t.Context(), key) {
						if inner++; err != nil {
							return err
						}
					}
				}
				if outer != events || inner != 2*events {
					return fmt.Errorf("%d and %d events", outer, inner)
				}
				return nil
			})
		}
		must(t, group.Wait())
		if s := l.read.Stats(); events < ahead && s.OpenConnections+int(s.MaxIdleClosed) > 1 {
			t.Errorf("%d events: %d connections, %d more were closed", events, s.OpenConnections, s.MaxIdleClosed)
		}
	}
}

// TestPragmas looks at every connection for what makes an append durable, and a hostile file harmless.
func TestPragmas(t *testing.T) {
	l := opened(t, filepath.Join(t.TempDir(), "journal.db"))
	for i, db := range []*sql.DB{l.write, l.read} {
		for range 3 { // connections that are open at the same time
			conn, err := db.Conn(t.Context())
			must(t, err)
			for pragma, want := range map[string]string{
				"synchronous": "2", "fullfsync": "1", "journal_mode": "wal", "foreign_keys": "1", "trusted_schema": "0", "cell_size_check": "1", "busy_timeout": "30000",
			} {
				var got string
				must(t, conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got))
				if got != want {
					t.Errorf("%s is %s, want %s", pragma, got, want)
				}
			}
			if i == 0 {
				must(t, conn.Close()) // there is only one
				continue
			}
			defer func() { _ = conn.Close() }()
		}
	}
}
