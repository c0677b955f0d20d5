package sqlite_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/journal/sqlite"
)

// childJournal is the variable that makes the test program a process that writes to the journal that it names.
const childJournal = "CPUPDATE_TEST_JOURNAL"

func TestMain(m *testing.M) {
	if path := os.Getenv(childJournal); path != "" {
		if err := child(path, os.Args[1], os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "error:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// child writes events, and prints each phone and number after Append has returned.
func child(path, name, count string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	ctx := context.Background()
	l, err := sqlite.Open(ctx, path)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	last := map[journal.Key]journal.Seq{}
	next := map[journal.Key]int{}
	for record, err := range l.ReadAll(ctx, "spring") {
		if err != nil {
			return err
		}
		last[record.Key] = record.Event.Seq
		next[record.Key]++
	}
	for i := range n {
		key := journal.Key{Rollout: "spring", Phone: fmt.Sprint(name, i%3)}
		if i%5 == 4 {
			key.Phone = fmt.Sprint("wanted", i) // by every process
			last[key], next[key] = 0, 0
		}
		var events []journal.Event
		for range i%4 + 1 {
			events = append(events, journaltest.Event(0, journal.Note{Text: fmt.Sprint(next[key] + len(events))}))
		}
		seq, err := l.Append(ctx, key, last[key], events...)
		if errors.Is(err, journal.ErrConflict) && strings.HasPrefix(key.Phone, "wanted") {
			continue
		}
		if err != nil {
			return err
		}
		last[key] = seq
		next[key] += len(events)
		fmt.Println(key.Phone, next[key])
	}
	return nil
}

// process starts a process that writes, and returns its lines.
func process(t *testing.T, path, name string, count int) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], name, strconv.Itoa(count)) //nolint:gosec // this program
	cmd.Env = append(cmd.Environ(), childJournal+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

// streams reads all streams, and fails unless each has its events in order.
func streams(t *testing.T, l journal.Ledger) map[string]int {
	t.Helper()
	count := map[string]int{}
	for _, record := range journaltest.List(t, l.ReadAll(t.Context(), "spring")) {
		phone := record.Key.Phone
		if text := record.Event.Body.(journal.Note).Text; text != fmt.Sprint(count[phone]) {
			t.Fatalf("%s: event %d is %s", phone, count[phone], text)
		}
		count[phone]++
	}
	return count
}

// TestKilled kills a process that writes, at many moments: each event whose Append has returned is there, and no batch is there
// in part.
func TestKilled(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 3)) //nolint:gosec // a test that repeats
	path := filepath.Join(t.TempDir(), "state", "journal.db")
	told := map[string]int{}
	for round := range 25 {
		cmd, lines := process(t, path, "a", 1_000_000)
		for left := random.IntN(40); lines.Scan(); left-- {
			phone, n, _ := strings.Cut(lines.Text(), " ")
			count, err := strconv.Atoi(n)
			if err != nil {
				t.Fatalf("round %d: %s", round, lines.Text())
			}
			told[phone] = count
			if left <= 0 {
				_ = cmd.Process.Kill()
			}
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("it was not killed")
		}
	}
	_, _ = process(t, path, "a", 1_000_000) // killed before its first line, at the end of the test
	l := open(t, path)
	if err := l.Check(t.Context()); err != nil {
		t.Error(err)
	}
	found := streams(t, l)
	for phone, n := range told {
		if found[phone] < n {
			t.Errorf("%s: Append has returned for %d events, %d are there", phone, n, found[phone])
		}
	}
	if len(told) < 4 {
		t.Errorf("only %d streams were told", len(told))
	}
}

// TestProcesses lets four processes make and fill one journal at a time: a phone that all want belongs to one of them.
func TestProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	const count = 60
	var mu sync.Mutex
	owners, told := map[string]int{}, map[string]int{}
	var wait sync.WaitGroup
	for _, name := range []string{"a", "b", "c", "d"} {
		cmd, lines := process(t, path, name, count)
		wait.Go(func() {
			for lines.Scan() {
				phone, n, _ := strings.Cut(lines.Text(), " ")
				mu.Lock()
				owners[phone]++
				told[phone], _ = strconv.Atoi(n)
				mu.Unlock()
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	wait.Wait()
	found := streams(t, open(t, path))
	wanted := 0
	for phone, n := range found {
		if told[phone] != n {
			t.Errorf("%s: %d events, told %d", phone, n, told[phone])
		}
		if strings.HasPrefix(phone, "wanted") {
			wanted++
			if owners[phone] != 1 {
				t.Errorf("%d processes got %s", owners[phone], phone)
			}
		}
	}
	if wanted != count/5 || len(found) != wanted+12 {
		t.Errorf("%d phones, of which %d were wanted by all", len(found), wanted)
	}
}
