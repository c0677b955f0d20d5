package journal_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/pkg/journal"
)

func key(phone string) journal.Key { return journal.Key{Rollout: "spring", Phone: phone} }

func note(text string) journal.Event { return now(journal.Note{Text: text}) }

func now(body journal.Body) journal.Event { return journal.Event{At: time.Now(), Body: body} }

// kinds returns the stream of a phone: kinds, or the texts of notes.
func kinds(t *testing.T, l journal.Ledger, phone string) string {
	t.Helper()
	var all []string
	for _, event := range journaltest.List(t, l.Read(t.Context(), key(phone))) {
		text := string(event.Body.Kind())
		if body, ok := event.Body.(journal.Note); ok {
			text = body.Text
		}
		all = append(all, text)
	}
	return strings.Join(all, " ")
}

// counted is a place that counts its appends.
func counted() (*journaltest.Memory, *[]int) {
	place, sizes := journaltest.NewMemory(), &[]int{}
	place.Fail(func(batches []journal.Batch) journaltest.Fault {
		*sizes = append(*sizes, len(batches))
		return journaltest.Fault{}
	})
	return place, sizes
}

func TestWriterGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		place, sizes := counted()
		l := place.Open()
		w := journal.NewWriter(t.Context(), l)
		w.Note(key("a"), note("1"), note("2"))
		time.Sleep(journal.Delay / 2)
		w.Note(key("b"), note("1"))
		synctest.Wait()
		if got := kinds(t, l, "a"); got != "" {
			t.Errorf("recorded at once: %s", got)
		}
		time.Sleep(journal.Delay / 2)
		synctest.Wait()
		if got := kinds(t, l, "a") + ", " + kinds(t, l, "b"); got != "1 2, 1" || !slices.Equal(*sizes, []int{2}) {
			t.Errorf("after %s: %s in appends of %v", journal.Delay, got, *sizes)
		}
		w.Note(key("a"), note("3"))
		if err := w.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if got := kinds(t, l, "a"); got != "1 2 3" {
			t.Errorf("after Close: %s", got)
		}
		w.Note(key("a"), note("4"))
		if err := w.Barrier(t.Context(), key("a"), now(instructing)); !errors.Is(err, journal.ErrInvalid) {
			t.Errorf("a barrier after Close: %v", err)
		}
		if got := fmt.Sprint(w.Losses()); !strings.Contains(got, "closed") {
			t.Errorf("losses after Close: %s", got)
		}
	})
}

// TestWriterBarrier holds the ledger while barriers wait: what was noted before each is durable with it, and those that wait at
// the same time share an append.
func TestWriterBarrier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		place, sizes := counted()
		l := place.Open()
		w := journal.NewWriter(t.Context(), l)
		const phones = 50
		var wait sync.WaitGroup
		for i := range phones {
			wait.Go(func() {
				name := fmt.Sprint(i)
				w.Note(key(name), now(begun), note("before"))
				if err := w.Barrier(t.Context(), key(name), now(instructing)); err != nil {
					t.Error(err)
				}
				if got := kinds(t, l, name); got != "begun before instructing" {
					t.Errorf("%s: after the barrier: %s", name, got)
				}
			})
		}
		start := time.Now()
		wait.Wait()
		if time.Since(start) != 0 || len(*sizes) > phones {
			t.Errorf("%s, %d appends", time.Since(start), len(*sizes))
		}
		if err := w.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestWriterFence lets another process write to one of two phones.
func TestWriterFence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		place := journaltest.NewMemory()
		l := place.Open()
		seq, err := l.Append(t.Context(), key("a"), 0, now(begun))
		if err != nil {
			t.Fatal(err)
		}
		w := journal.NewWriter(t.Context(), l)
		w.Resume(key("a"), seq)
		if err := w.Barrier(t.Context(), key("a"), note("ours")); err != nil {
			t.Error(err)
		}
		if _, err := place.Open().Append(t.Context(), key("a"), seq+1, note("theirs")); err != nil {
			t.Fatal(err)
		}
		w.Note(key("a"), note("noted"))
		w.Note(key("b"), note("noted"))
		if err := w.Barrier(t.Context(), key("a"), now(instructing)); !errors.Is(err, journal.ErrConflict) || !errors.Is(w.Err(key("a")), journal.ErrConflict) {
			t.Errorf("%v, %v", err, w.Err(key("a")))
		}
		w.Note(key("a"), note("more"))
		if err := w.Barrier(t.Context(), key("a"), now(instructing)); !errors.Is(err, journal.ErrConflict) {
			t.Errorf("once more: %v", err)
		}
		if err := w.Barrier(t.Context(), key("b"), now(instructing)); err != nil || w.Err(key("b")) != nil || w.Err(key("c")) != nil {
			t.Errorf("the other phone: %v", err)
		}
		losses := w.Losses()
		if len(losses) != 1 || losses[0].Key != key("a") || losses[0].Events != 2 {
			t.Errorf("losses: %v", losses)
		}
		if err := w.Close(t.Context()); !errors.Is(err, journal.ErrConflict) {
			t.Errorf("Close: %v", err)
		}
		if got := kinds(t, l, "a") + ", " + kinds(t, l, "b"); got != "begun ours theirs, noted instructing" {
			t.Error(got)
		}
	})
}

// TestWriterFullDisk lets appends fail for a while: barriers fail, notes wait, and are recorded once there is space.
func TestWriterFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		place := journaltest.NewMemory()
		l := place.Open()
		w := journal.NewWriter(t.Context(), l)
		if err := w.Barrier(t.Context(), key("a"), now(instructing)); err != nil {
			t.Fatal(err)
		}
		place.Fail(func([]journal.Batch) journaltest.Fault { return journaltest.Fault{Err: journal.ErrFull} })
		w.Note(key("a"), now(journal.Instructed{}))
		if err := w.Barrier(t.Context(), key("b"), now(instructing)); !errors.Is(err, journal.ErrFull) {
			t.Errorf("b: %v", err)
		}
		time.Sleep(10 * journal.Delay)
		w.Note(key("a"), now(journal.Restarting{}))
		time.Sleep(10 * journal.Delay)
		synctest.Wait()
		if losses := w.Losses(); len(losses) != 1 || losses[0].Events != 2 || !errors.Is(losses[0].Err, journal.ErrFull) {
			t.Errorf("losses: %v", losses)
		}
		for range journal.MaxEvents + 5 {
			w.Note(key("a"), note("x"))
		}
		if losses := w.Losses(); losses[0].Events != journal.MaxEvents+7 {
			t.Errorf("losses: %v", losses)
		}
		place.Fail(nil)
		time.Sleep(journal.Delay)
		synctest.Wait()
		if losses := w.Losses(); len(losses) != 1 || losses[0].Events != 7 {
			t.Errorf("losses after there was space again: %v", losses)
		}
		if err := w.Barrier(t.Context(), key("b"), now(instructing)); err != nil {
			t.Errorf("b, later: %v", err)
		}
		_ = w.Close(t.Context())
		if got := kinds(t, l, "a"); !strings.HasPrefix(got, "instructing instructed restarting x x") || kinds(t, l, "b") != "instructing" {
			t.Errorf("%.80s, %s", got, kinds(t, l, "b"))
		}
	})
}

// TestWriterFullToTheEnd closes while nothing can be recorded: what is lost is said.
func TestWriterFullToTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		place := journaltest.NewMemory()
		place.Fail(func([]journal.Batch) journaltest.Fault { return journaltest.Fault{Err: journal.ErrFull} })
		w := journal.NewWriter(t.Context(), place.Open())
		w.Note(key("b"), note("1"))
		w.Note(key("a"), note("1"), note("2"))
		err := w.Close(t.Context())
		if !errors.Is(err, journal.ErrFull) || !strings.Contains(err.Error(), `phone "a" of rollout "spring"`) || len(w.Losses()) != 2 {
			t.Errorf("%v, %v", err, w.Losses())
		}
	})
}

// TestWriterLostAnswer records events and answers with an error: the writer finds out and goes on without doubling them.
func TestWriterLostAnswer(t *testing.T) {
	lost := errors.New("connection lost")
	for _, theirs := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			place := journaltest.NewMemory()
			l := place.Open()
			w := journal.NewWriter(t.Context(), l)
			place.Fail(func([]journal.Batch) journaltest.Fault { return journaltest.Fault{Err: lost, Recorded: true} })
			w.Note(key("a"), note("1"))
			if err := w.Barrier(t.Context(), key("a"), now(instructing)); !errors.Is(err, lost) {
				t.Errorf("the answer was lost: %v", err)
			}
			place.Fail(nil)
			want := "1 instructing 2 instructing"
			if theirs {
				if _, err := l.Append(t.Context(), key("a"), 2, note("theirs")); err != nil {
					t.Fatal(err)
				}
				want = "1 instructing theirs"
			}
			w.Note(key("a"), note("2"))
			if err := w.Barrier(t.Context(), key("a"), now(instructing)); theirs != errors.Is(err, journal.ErrConflict) || !theirs && err != nil {
				t.Errorf("the next barrier: %v", err)
			}
			_ = w.Close(t.Context())
			if got := kinds(t, l, "a"); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// stuck is a ledger that waits until a context ends, or it is let go.
type stuck struct {
	journal.Ledger
	free chan struct{}
}

func (s stuck) AppendAll(ctx context.Context, batches []journal.Batch) []journal.Appended {
	select {
	case <-s.free:
		return s.Ledger.AppendAll(ctx, batches)
	case <-ctx.Done():
		answers := make([]journal.Appended, len(batches))
		for i := range answers {
			answers[i].Err = context.Cause(ctx)
		}
		return answers
	}
}

// TestWriterContexts ends the run's context, that of a barrier, and that of Close.
func TestWriterContexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run, stop := context.WithCancel(t.Context())
		l := stuck{journaltest.NewMemory().Open(), make(chan struct{})}
		w := journal.NewWriter(run, l)
		stop() // Ctrl-C does not keep it from recording
		cause := errors.New("a person said so")
		barrier, end := context.WithCancelCause(t.Context())
		answers := make(chan error)
		for _, name := range []string{"a", "a", "a"} { // one of them is on its way, others wait
			go func() { answers <- w.Barrier(barrier, key(name), now(instructing)) }()
			synctest.Wait()
		}
		end(cause)
		for range 3 {
			if err := <-answers; !errors.Is(err, cause) {
				t.Errorf("barrier: %v", err)
			}
		}
		close(l.free)
		w.Note(key("a"), note("after"))
		if err := w.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if got := kinds(t, l, "a"); got != "instructing after" {
			t.Errorf("recorded: %s", got)
		}

		l.free = make(chan struct{})
		w = journal.NewWriter(run, l)
		w.Note(key("b"), note("never"))
		limited, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := w.Close(limited); err == nil || len(w.Losses()) != 1 {
			t.Errorf("Close of a ledger that hangs: %v, %v", err, w.Losses())
		}
	})
}

// TestWriterInvalid notes what cannot be recorded: the rest of the stream is.
func TestWriterInvalid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := journaltest.NewMemory().Open()
		w := journal.NewWriter(t.Context(), l)
		w.Note(key("a"), note("1"), journal.Event{}, note("2"))
		if err := w.Barrier(t.Context(), key("a"), now(journal.Paused{})); !errors.Is(err, journal.ErrInvalid) {
			t.Errorf("%v", err)
		}
		if err := w.Barrier(t.Context(), key("a"), now(instructing)); err != nil {
			t.Error(err)
		}
		if losses := w.Losses(); len(losses) != 1 || losses[0].Events != 1 || !errors.Is(losses[0].Err, journal.ErrInvalid) {
			t.Errorf("%v", losses)
		}
		if err := w.Close(t.Context()); !errors.Is(err, journal.ErrInvalid) {
			t.Errorf("%v", err)
		}
		if got := kinds(t, l, "a"); got != "1 2 instructing" {
			t.Error(got)
		}
	})
}

// TestWriterFaults drives phones through random faults, lost answers and crashes. For every seed: what a barrier returned for is
// there, in order, once; and a process that was ended records nothing after another one went on.
func TestWriterFaults(t *testing.T) {
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) { writerFaults(t, rand.New(rand.NewPCG(seed, 2)), seed) }) //nolint:gosec // a test that repeats
	}
}

func writerFaults(t *testing.T, random *rand.Rand, seed uint64) {
	place := journaltest.NewMemory()
	broken := errors.New("broken")
	faults := rand.New(rand.NewPCG(seed, 4)) //nolint:gosec // a test that repeats
	place.Fail(func([]journal.Batch) journaltest.Fault {
		if faults.IntN(3) > 0 {
			return journaltest.Fault{}
		}
		return journaltest.Fault{Err: broken, Recorded: faults.IntN(2) == 0}
	})
	durable := map[journal.Key][]string{}
	count := 0
	for range 4 { // runs
		l := place.Open()
		w := journal.NewWriter(t.Context(), l)
		last := map[journal.Key]journal.Seq{}
		for record, err := range l.ReadAll(t.Context(), "spring") {
			if err != nil {
				t.Fatal(err)
			}
			last[record.Key] = record.Event.Seq
		}
		for phone, seq := range last {
			w.Resume(phone, seq)
		}
		for range 30 {
			phone := key(fmt.Sprint(random.IntN(3)))
			count++
			switch random.IntN(3) {
			case 0:
				w.Note(phone, note(fmt.Sprint(count)))
			case 1:
				name := fmt.Sprint(count)
				if w.Barrier(t.Context(), phone, now(journal.Instructing{Run: name})) == nil {
					durable[phone] = append(durable[phone], name)
				}
			case 2:
				time.Sleep(journal.Delay / 3)
			}
		}
		if random.IntN(2) == 0 {
			_ = w.Close(t.Context())
			continue
		}
		place.Crash(func(n int) int { return random.IntN(n + 1) })
		_ = w.Close(t.Context())
	}
	for phone, names := range durable {
		var recorded []string
		for event, err := range place.Open().Read(t.Context(), phone) {
			if err != nil {
				t.Fatal(err)
			}
			name := ""
			switch body := event.Body.(type) {
			case journal.Instructing:
				name = body.Run
			case journal.Note:
				name = body.Text
			}
			if slices.Contains(recorded, name) {
				t.Fatalf("seed %d: %s: %s is there twice", seed, phone, name)
			}
			recorded = append(recorded, name)
		}
		at := -1
		for _, name := range names {
			i := slices.Index(recorded, name)
			if i <= at {
				t.Fatalf("seed %d: %s: %s is not in %v after %d", seed, phone, name, recorded, at)
			}
			at = i
		}
	}
}

// TestWriterSplits notes more than one batch may have: it is recorded in several appends, each of which a ledger takes.
func TestWriterSplits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		place := journaltest.NewMemory()
		largest := 0
		place.Fail(func(batches []journal.Batch) journaltest.Fault {
			for _, batch := range batches {
				if _, err := batch.Store(); err != nil {
					t.Error(err)
				}
				largest = max(largest, len(batch.Events))
			}
			return journaltest.Fault{}
		})
		l := place.Open()
		w := journal.NewWriter(t.Context(), l)
		long := strings.Repeat("x", journal.MaxText)
		for range journal.MaxEvents {
			w.Note(key("a"), note(long))
		}
		if err := w.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if got := len(journaltest.List(t, l.Read(t.Context(), key("a")))); got != journal.MaxEvents {
			t.Errorf("%d events are recorded", got)
		}
		if want := journal.MaxBatch / len(`{"text":"`+long+`"}`); largest != want {
			t.Errorf("the largest batch has %d events, want %d", largest, want)
		}
	})
}
