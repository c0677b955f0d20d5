package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/internal/natstest"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/journal/jetstream"
)

// long is a wait that ends no test.
const long = 5 * time.Minute

var key = journal.Key{Rollout: "spring", Phone: "berlin/192.0.2.7"}

func note(text string) journal.Event { return journaltest.Event(0, journal.Note{Text: text}) }

// add appends an event.
func add(t *testing.T, l journal.Ledger, key journal.Key, after journal.Seq, text string) journal.Seq {
	t.Helper()
	seq, err := l.Append(t.Context(), key, after, note(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return seq
}

// texts returns the texts of the notes of a stream.
func texts(t *testing.T, l journal.Ledger, key journal.Key) string {
	t.Helper()
	var all []string
	for _, event := range journaltest.List(t, l.Read(t.Context(), key)) {
		all = append(all, event.Body.(journal.Note).Text)
	}
	return strings.Join(all, " ")
}

// appended is the answer to an append of another goroutine.
type appended struct {
	seq journal.Seq
	err error
}

// addLater appends an event in another goroutine.
func addLater(t *testing.T, l journal.Ledger, after journal.Seq, text string) <-chan appended {
	answer := make(chan appended, 1)
	go func() {
		seq, err := l.Append(t.Context(), key, after, note(text))
		answer <- appended{seq, err}
	}()
	return answer
}

// arrives waits until a stream has an event with a text.
func arrives(t *testing.T, l journal.Ledger, text string) {
	t.Helper()
	for record, err := range l.Watch(t.Context(), key.Rollout, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if record.Event.Body.(journal.Note).Text == text {
			return
		}
	}
}

// TestLostAcknowledgement loses the answer to an append: the message is there once, and the append succeeds.
func TestLostAcknowledgement(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := natstest.NewProxy(t, s)
	l, other := open(t, jetstream.Options{URL: p.URL(), Wait: long}), open(t, jetstream.Options{URL: s.ClientURL(), Wait: long})
	seq := add(t, l, key, 0, "1")
	p.Lose(true, false)
	answer := addLater(t, l, seq, "2")
	arrives(t, other, "2")
	p.Cut()
	got := <-answer
	if got.err != nil || got.seq <= seq {
		t.Fatalf("%d, %v", got.seq, got.err)
	}
	add(t, l, key, got.seq, "3")
	if all := texts(t, other, key); all != "1 2 3" {
		t.Error(all)
	}
}

// TestLostAcknowledgementAndTakenOver loses the answer to an append, and another process writes after it: the append has
// succeeded, the next one conflicts.
func TestLostAcknowledgementAndTakenOver(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := natstest.NewProxy(t, s)
	l, other := open(t, jetstream.Options{URL: p.URL(), Wait: long}), open(t, jetstream.Options{URL: s.ClientURL(), Wait: long})
	seq := add(t, l, key, 0, "1")
	p.Lose(true, false)
	answer := addLater(t, l, seq, "2")
	arrives(t, other, "2")
	events := journaltest.List(t, other.Read(t.Context(), key))
	add(t, other, key, events[1].Seq, "theirs")
	p.Cut()
	got := <-answer
	if got.err != nil || got.seq != events[1].Seq {
		t.Fatalf("%d, %v; it is at %d", got.seq, got.err, events[1].Seq)
	}
	if _, err := l.Append(t.Context(), key, got.seq, note("3")); !errors.Is(err, journal.ErrConflict) {
		t.Errorf("after theirs: %v", err)
	}
}

// TestLostAppend loses an append on its way, while another process writes to the stream: it conflicts.
func TestLostAppend(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := natstest.NewProxy(t, s)
	l, other := open(t, jetstream.Options{URL: p.URL(), Wait: long}), open(t, jetstream.Options{URL: s.ClientURL(), Wait: long})
	seq := add(t, l, key, 0, "1")
	for _, taken := range []bool{false, true} {
		p.Lose(false, true)
		answer := addLater(t, l, seq, "2")
		if taken {
			add(t, other, key, seq, "theirs")
		}
		p.Cut()
		got := <-answer
		if taken != errors.Is(got.err, journal.ErrConflict) || !taken && got.err != nil {
			t.Fatalf("taken %t: %v", taken, got.err)
		}
		seq = got.seq
	}
	if all := texts(t, other, key); all != "1 2 theirs" {
		t.Error(all)
	}
}

// TestServerRestarts restarts the server while a process watches, and another one appends: nothing is lost, and nothing comes
// twice.
func TestServerRestarts(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := run(t, options(folder))
	p := natstest.NewProxy(t, s)
	writer, watcher := open(t, jetstream.Options{URL: p.URL(), Wait: long}), open(t, jetstream.Options{URL: p.URL(), Wait: long})
	const rounds = 4
	seen := make(chan string)
	enough := errors.New("enough")
	ctx, stop := context.WithCancelCause(t.Context())
	end := make(chan error, 1)
	go func() {
		for record, err := range watcher.Watch(ctx, key.Rollout, 0) {
			if err != nil {
				end <- err
				return
			}
			seen <- record.Event.Body.(journal.Note).Text
		}
	}()
	expect := func(want string) {
		t.Helper()
		if got := <-seen; got != want {
			t.Fatalf("%s instead of %s", got, want)
		}
	}
	var seq journal.Seq
	for round := range rounds {
		name := fmt.Sprint(round)
		seq = add(t, writer, key, seq, name)
		expect(name)
		p.Lead(nil)
		s.Shutdown()
		s.WaitForShutdown()
		p.Cut()
		answer := addLater(t, writer, seq, name+"b")
		s = run(t, options(folder))
		p.Lead(s)
		got := <-answer
		if got.err != nil {
			t.Fatalf("%s: %v", name, got.err)
		}
		seq = got.seq
		expect(name + "b")
		p.Cut() // and once more, without a restart
	}
	stop(enough)
	if err := <-end; !errors.Is(err, enough) {
		t.Error(err)
	}
	if got := len(journaltest.List(t, writer.Read(t.Context(), key))); got != 2*rounds {
		t.Errorf("%d events", got)
	}
}

// TestServerGone has no server any more: each call ends, and says so.
func TestServerGone(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := natstest.NewProxy(t, s)
	l := open(t, jetstream.Options{URL: p.URL(), Wait: long})
	seq := add(t, l, key, 0, "1")
	l.SetWait(100 * time.Millisecond)
	p.Lead(nil)
	p.Cut()
	check := func(what string, err error) {
		t.Helper()
		var known *journal.Error
		if !errors.Is(err, journal.ErrUnreachable) || !errors.As(err, &known) || !strings.HasPrefix(err.Error(), "journal "+p.URL()+" cannot be reached") {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := l.Append(t.Context(), key, seq, note("2"))
	check("Append", err)
	for _, answer := range l.AppendAll(t.Context(), []journal.Batch{{Key: key, After: seq, Events: []journal.Event{note("2")}}, {Key: journal.Key{Rollout: "spring"}, Events: []journal.Event{note("2")}}}) {
		check("AppendAll", answer.Err)
	}
	check("Read", firstError(l.Read(t.Context(), key)))
	check("ReadAll", firstError(l.ReadAll(t.Context(), key.Rollout)))
	check("Rollouts", firstError(l.Rollouts(t.Context(), journal.Filter{})))
	check("Find", firstError(l.Find(t.Context(), "192.0.2.7")))
	_, err = jetstream.Open(t.Context(), jetstream.Options{URL: p.URL()})
	check("Open", err)

	p.Lead(s) // it is back: everything goes on
	l = open(t, jetstream.Options{URL: p.URL(), Wait: long})
	add(t, l, key, seq, "2")
}

func firstError[T any](sequence func(func(T, error) bool)) (first error) {
	sequence(func(_ T, err error) bool {
		first = err
		return err == nil
	})
	return first
}

// TestSilentServer has a server that takes everything and says nothing: the context ends each call.
func TestSilentServer(t *testing.T) {
	s := start(t)
	p := natstest.NewProxy(t, s)
	l := open(t, jetstream.Options{URL: p.URL(), Wait: long})
	other := open(t, jetstream.Options{URL: s.ClientURL()})
	seq := add(t, l, key, 0, "1")
	p.Lose(true, false)
	enough := errors.New("enough")
	for name, call := range map[string]func(context.Context) error{
		"Append":   func(ctx context.Context) error { _, err := l.Append(ctx, key, seq, note("2")); return err },
		"Read":     func(ctx context.Context) error { return firstError(l.Read(ctx, key)) },
		"ReadAll":  func(ctx context.Context) error { return firstError(l.ReadAll(ctx, key.Rollout)) },
		"Watch":    func(ctx context.Context) error { return firstError(l.Watch(ctx, key.Rollout, 0)) },
		"Rollouts": func(ctx context.Context) error { return firstError(l.Rollouts(ctx, journal.Filter{})) },
		"Find":     func(ctx context.Context) error { return firstError(l.Find(ctx, "192.0.2.7")) },
	} {
		ctx, stop := context.WithCancelCause(t.Context())
		go stop(enough)
		if err := call(ctx); !errors.Is(err, enough) {
			t.Errorf("%s: %v", name, err)
		}
	}
	go p.Cut()
	if all := texts(t, other, key); !strings.HasPrefix(all, "1") {
		t.Error(all)
	}
	silent := natstest.NewProxy(t, s)
	silent.Lose(true, false)
	ctx, stop := context.WithCancelCause(t.Context())
	go stop(enough)
	if _, err := jetstream.Open(ctx, jetstream.Options{URL: silent.URL()}); !errors.Is(err, enough) {
		t.Errorf("Open: %v", err)
	}
}

// admin returns what an administrator of the server can do.
func admin(t *testing.T, url string) (*nats.Conn, js.JetStream) {
	t.Helper()
	conn, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	stream, err := js.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return conn, stream
}

// TestFull fills the stream: appends fail with a sentence, what was recorded stays, reading works, and once there is space, so
// does writing.
func TestFull(t *testing.T) {
	s := start(t)
	l := open(t, jetstream.Options{URL: s.ClientURL()})
	_, server := admin(t, s.ClientURL())
	stream, err := server.Stream(t.Context(), jetstream.Stream)
	if err != nil {
		t.Fatal(err)
	}
	limited := stream.CachedInfo().Config
	limited.MaxBytes = 20 << 10
	if _, err := server.UpdateStream(t.Context(), limited); err != nil {
		t.Fatal(err)
	}
	var seq journal.Seq
	recorded := 0
	for err == nil {
		var next journal.Seq
		if next, err = l.Append(t.Context(), key, seq, note(strings.Repeat("x", 900))); err == nil {
			seq = next
			recorded++
		}
	}
	if !errors.Is(err, journal.ErrFull) || !strings.Contains(err.Error(), "no space left") || recorded < 10 {
		t.Fatalf("after %d events: %v", recorded, err)
	}
	open(t, jetstream.Options{URL: s.ClientURL()}) // another process
	if got := len(journaltest.List(t, l.Read(t.Context(), key))); got != recorded {
		t.Errorf("%d events, %d were recorded", got, recorded)
	}
	limited.MaxBytes = -1
	if _, err := server.UpdateStream(t.Context(), limited); err != nil {
		t.Fatal(err)
	}
	add(t, l, key, seq, "there is space")
}

// TestFullServer has a server whose account has no space, from the start and later.
func TestFullServer(t *testing.T) {
	o := options(t.TempDir())
	o.JetStreamMaxStore = 24 << 10
	s := run(t, o)
	l := open(t, jetstream.Options{URL: s.ClientURL()})
	var seq journal.Seq
	var err error
	for i := 0; err == nil && i < 100; i++ {
		var next journal.Seq
		if next, err = l.Append(t.Context(), key, seq, note(strings.Repeat("x", 900))); err == nil {
			seq = next
		}
	}
	if !errors.Is(err, journal.ErrFull) {
		t.Errorf("%v", err)
	}
}

// TestRemoved removes the stream while it is used.
func TestRemoved(t *testing.T) {
	t.Parallel()
	s := start(t)
	l := open(t, jetstream.Options{URL: s.ClientURL()})
	seq := add(t, l, key, 0, "1")
	watch := make(chan error, 1)
	ready := make(chan struct{})
	go func() {
		for _, err := range l.Watch(t.Context(), key.Rollout, 0) {
			if err != nil {
				watch <- err
				return
			}
			close(ready)
		}
	}()
	<-ready
	_, server := admin(t, s.ClientURL())
	if err := server.DeleteStream(t.Context(), jetstream.Stream); err != nil {
		t.Fatal(err)
	}
	_, err := l.Append(t.Context(), key, seq, note("2"))
	for what, err := range map[string]error{"Append": err, "Read": firstError(l.Read(t.Context(), key)), "Find": firstError(l.Find(t.Context(), "a")), "Watch": <-watch} {
		if !errors.Is(err, journal.ErrGone) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestCloseWhileWatching closes the ledger while it watches, of a site and of the centre.
func TestCloseWhileWatching(t *testing.T) {
	s := start(t)
	add(t, open(t, jetstream.Options{URL: s.ClientURL()}), key, 0, "1")
	for _, site := range []string{"", "berlin"} {
		l := open(t, jetstream.Options{URL: s.ClientURL(), Site: site})
		var last error
		for _, err := range l.Watch(t.Context(), key.Rollout, 0) {
			if last = err; err == nil {
				_ = l.Close()
			}
		}
		if !errors.Is(last, journal.ErrIO) || !strings.Contains(last.Error(), "is closed") {
			t.Errorf("site %q: %v", site, last)
		}
	}
}

// TestManyBatches appends more batches than are on their way at a time, some of one stream, through a connection that is cut.
func TestManyBatches(t *testing.T) {
	t.Parallel()
	p := natstest.NewProxy(t, start(t))
	l := open(t, jetstream.Options{URL: p.URL(), Wait: long})
	var batches []journal.Batch
	for i := range 1500 {
		batches = append(batches, journal.Batch{Key: journal.Key{Rollout: "spring", Phone: fmt.Sprintf("berlin/%d", i)}, Events: []journal.Event{note("1"), note("2")}})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for record, err := range l.Watch(t.Context(), "spring", 0) {
			if err != nil {
				t.Error(err)
				return
			}
			switch record.Key.Phone {
			case "berlin/300", "berlin/900":
				p.Cut()
			}
			if record.Event.Seq%1024 == 0 && record.Key.Phone == "berlin/1499" {
				return
			}
		}
	}()
	for i, answer := range l.AppendAll(t.Context(), batches) {
		if answer.Err != nil || answer.Seq == 0 {
			t.Fatalf("%d: %v", i, answer)
		}
	}
	<-done
	seen := map[journal.Key]int{}
	for _, record := range journaltest.List(t, l.ReadAll(t.Context(), "spring")) {
		seen[record.Key]++
	}
	for key, n := range seen {
		if n != 2 || len(seen) != len(batches) {
			t.Fatalf("%s has %d events; %d phones", key, n, len(seen))
		}
	}
}
