package site_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"github.com/cpupdate/cpupdate/internal/natstest"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/journal/jetstream"
	"github.com/cpupdate/cpupdate/pkg/site"
)

// long is a wait that ends no test; short is a lease that a test lets run out.
const (
	long  = 5 * time.Minute
	short = 500 * time.Millisecond
)

// queue opens the queue of a server.
func queue(t *testing.T, url string, ackWait time.Duration) site.Queue {
	t.Helper()
	return site.Queue{Ledger: natstest.Open(t, jetstream.Options{URL: url, Wait: long}), AckWait: ackWait}
}

func offer(t *testing.T, q site.Queue, rollout string, sites ...string) {
	t.Helper()
	if err := q.Offer(t.Context(), rollout, sites...); err != nil {
		t.Fatal(err)
	}
}

func take(t *testing.T, q site.Queue, name string) *site.Lease {
	t.Helper()
	l, err := q.Take(t.Context(), name, nil)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// takeLater is take in another goroutine.
func takeLater(t *testing.T, q site.Queue, name string) <-chan *site.Lease {
	t.Helper()
	taken := make(chan *site.Lease, 1)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	t.Cleanup(func() { cancel(); <-ended })
	go func() {
		defer close(ended)
		if l, err := q.Take(ctx, name, nil); err == nil {
			taken <- l
		}
	}()
	return taken
}

// messages returns how many messages the queue has.
func messages(t *testing.T, q site.Queue) uint64 {
	t.Helper()
	stream, err := q.Ledger.JetStream().Stream(t.Context(), site.Stream)
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().State.Msgs
}

// TestQueue gives each site to one worker at a time, for one rollout, and forgets what was done.
func TestQueue(t *testing.T) {
	t.Parallel()
	eachServer(t, testQueue)
}

// eachServer runs a test with the server of this program, and with Debian's, which is an old one, as a process of its own.
func eachServer(t *testing.T, test func(t *testing.T, address string)) {
	t.Helper()
	t.Run("of this program", func(t *testing.T) {
		t.Parallel()
		test(t, natstest.Run(t, natstest.Options(t.TempDir())).Addr().String())
	})
	t.Run("Debian", func(t *testing.T) {
		t.Parallel()
		test(t, natstest.Start(t, natstest.Program(t), natstest.Config(t.TempDir())).Addr)
	})
}

func testQueue(t *testing.T, address string) {
	t.Helper()
	url := "nats://" + address
	q, other := queue(t, url, long), queue(t, url, long)
	if offered, err := q.Offered(t.Context()); err != nil || len(offered) > 0 {
		t.Errorf("offered before anything was: %v, %v", offered, err)
	}
	offer(t, q, "spring 2.0", "berlin", "são paulo/1", "")
	offer(t, other, "spring 2.0", "berlin")
	offer(t, q, "empty")
	if n := messages(t, q); n != 3 {
		t.Errorf("%d messages", n)
	}
	want := map[string][]string{"berlin": {"spring 2.0"}, "são paulo/1": {"spring 2.0"}, "": {"spring 2.0"}}
	if offered, err := q.Offered(t.Context()); err != nil || !reflect.DeepEqual(offered, want) {
		t.Errorf("offered: %v, %v", offered, err)
	}
	for _, name := range []string{"são paulo/1", ""} {
		if l := take(t, other, name); l.Rollout() != "spring 2.0" || !l.Alive() || l.Ahead() > time.Minute || l.Ahead() < -time.Minute || l.Done(t.Context()) != nil {
			t.Errorf("%s: %q", name, l.Rollout())
		}
	}
	l := take(t, q, "berlin")
	second := takeLater(t, other, "berlin")
	offer(t, q, "summer", "berlin")
	summer := <-second // the first one is not free, and a second rollout may be carried out by another worker
	if summer.Rollout() != "summer" || l.Rollout() != "spring 2.0" {
		t.Fatalf("%q, %q", summer.Rollout(), l.Rollout())
	}
	third := takeLater(t, other, "berlin")
	if err := l.GiveBack(t.Context(), 0); err != nil || l.Alive() {
		t.Error(err)
	}
	l = <-third
	if l.Rollout() != "spring 2.0" {
		t.Error(l.Rollout())
	}
	for _, lease := range []*site.Lease{l, summer} {
		if err := lease.Done(t.Context()); err != nil {
			t.Error(err)
		}
		if err := lease.Done(t.Context()); !errors.Is(err, site.ErrLost) {
			t.Errorf("done twice: %v", err)
		}
	}
	if n := messages(t, q); n != 0 {
		t.Errorf("%d messages", n)
	}
	if err := q.Again(t.Context(), "spring 2.0", "berlin"); err != nil || messages(t, q) != 1 {
		t.Error(err)
	}
}

// TestWorkerDies has a worker that dies with its lease: another one gets it, and the first one's lease never lives again.
func TestWorkerDies(t *testing.T) {
	t.Parallel()
	s := natstest.Run(t, natstest.Options(t.TempDir()))
	p := natstest.NewProxy(t, s)
	q, other := queue(t, p.URL(), short), queue(t, s.ClientURL(), short)
	offer(t, other, "spring", "berlin")
	l := take(t, q, "berlin")
	p.Lead(nil)
	p.Cut()
	second := take(t, other, "berlin")
	if l.Alive() {
		t.Error("the old lease lives")
	}
	p.Lead(s)
	offer(t, q, "summer", "paris") // the connection is back
	if l.Alive() || !errors.Is(l.Done(t.Context()), site.ErrLost) || !errors.Is(l.GiveBack(t.Context(), 0), site.ErrLost) {
		t.Error("the old lease lives again")
	}
	if messages(t, other) != 2 {
		t.Error("the old worker ended what another one does")
	}
	if err := second.Done(t.Context()); err != nil && !errors.Is(err, site.ErrLost) { // a slow machine
		t.Error(err)
	}
}

// TestHeartbeats keeps a lease for much longer than the server waits for a worker that it does not hear of, also while the
// server restarts.
func TestHeartbeats(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := natstest.Run(t, natstest.Options(folder))
	p := natstest.NewProxy(t, s)
	q := queue(t, p.URL(), 6*time.Second)
	offer(t, q, "spring", "berlin")
	l := take(t, q, "berlin")
	second := takeLater(t, queue(t, p.URL(), 6*time.Second), "berlin")
	p.Lead(nil)
	s.Shutdown()
	s.WaitForShutdown()
	p.Cut()
	p.Lead(natstest.Run(t, natstest.Options(folder)))
	offer(t, q, "spring", "paris")
	select {
	case <-second:
		if l.Alive() {
			t.Error("two workers have the site")
		}
	default:
		if messages(t, q) != 2 {
			t.Error("the message is gone")
		}
	}
}

// TestNothingYet waits for a queue, and for a site in it, that do not exist yet.
func TestNothingYet(t *testing.T) {
	t.Parallel()
	url := natstest.Run(t, natstest.Options(t.TempDir())).ClientURL()
	q := queue(t, url, long)
	for _, name := range []string{"berlin", "paris"} {
		waits := make(chan error, 100)
		taken := make(chan *site.Lease, 1)
		go func() {
			l, _ := q.Take(t.Context(), name, func(err error) { waits <- err })
			taken <- l
		}()
		if err := <-waits; !errors.Is(err, journal.ErrGone) || !strings.Contains(err.Error(), `"`+name+`"`) {
			t.Error(err)
		}
		offer(t, q, "spring", name)
		if l := <-taken; l == nil || l.Rollout() != "spring" {
			t.Error("no lease")
		}
		last := errors.New("nothing was said")
		for len(waits) > 0 {
			last = <-waits
		}
		if last != nil {
			t.Errorf("said last: %v", last)
		}
	}
}

// TestTakeEnds ends to wait when the context ends.
func TestTakeEnds(t *testing.T) {
	t.Parallel()
	url := natstest.Run(t, natstest.Options(t.TempDir())).ClientURL()
	q := queue(t, url, long)
	offer(t, q, "spring", "paris")
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error)
	go func() {
		_, err := q.Take(ctx, "berlin", nil)
		ended <- err
	}()
	cancel(enough)
	if err := <-ended; !errors.Is(err, enough) {
		t.Error(err)
	}
	if err := take(t, q, "paris").Done(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestForeignQueue refuses a stream of another program, and leaves it as it is.
func TestForeignQueue(t *testing.T) {
	t.Parallel()
	url := natstest.Run(t, natstest.Options(t.TempDir())).ClientURL()
	q := queue(t, url, long)
	if _, err := q.Ledger.JetStream().CreateStream(t.Context(), js.StreamConfig{Name: site.Stream, Subjects: []string{"orders.>"}}); err != nil {
		t.Fatal(err)
	}
	if err := q.Offer(t.Context(), "spring", "berlin"); !errors.Is(err, journal.ErrForeign) {
		t.Error(err)
	}
}

// TestForeignMessage is a message of another program: a lease of no rollout.
func TestForeignMessage(t *testing.T) {
	t.Parallel()
	url := natstest.Run(t, natstest.Options(t.TempDir())).ClientURL()
	q := queue(t, url, long)
	offer(t, q, "spring", "berlin")
	_ = take(t, q, "berlin").Done(t.Context())
	if err := q.Ledger.Conn().PublishMsg(&nats.Msg{Subject: "cpupdate.work.berlin.=zz", Data: []byte("hello")}); err != nil {
		t.Fatal(err)
	}
	if l := take(t, q, "berlin"); l.Rollout() != "" || l.Done(t.Context()) != nil {
		t.Errorf("%q", l.Rollout())
	}
}
