package live_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/internal/memnet"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
	"github.com/cpupdate/cpupdate/pkg/rollout/report/live"
)

// remote is a ledger on another machine.
type remote struct {
	journal.Ledger
	reached chan bool
}

func (r *remote) Reached(ctx context.Context, tell func(bool)) {
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-r.reached:
			tell(now)
		}
	}
}

// TestAway tells browsers that the journal cannot be reached, once, and that it can be again.
func TestAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 20)
		far := &remote{s.ledger, make(chan bool)}
		s.ledger = far
		p := s.page(live.Options{})
		follows(t, p)
		id, at := places(t, p)
		r, _ := open(t, p, "page="+id+"&after="+at)
		const hello, away = "event: hello\ndata:\n\n", "event: away\ndata:\n\n"
		says := func(r *reader, want string) {
			t.Helper()
			synctest.Wait()
			if got := r.take(); got != want {
				t.Errorf("it says %q, want %q", got, want)
			}
		}
		says(r, hello)
		far.reached <- true
		says(r, "")
		far.reached <- false
		far.reached <- false
		says(r, away)
		later, _ := open(t, p, "page="+id+"&after="+at)
		says(later, hello+away)
		far.reached <- true
		says(r, hello)
		says(later, hello)
	})
}

// TestStream tells a browser what changes, and nothing else, at most once a second.
func TestStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 20)
		p := s.page(live.Options{})
		follows(t, p)
		id, at := places(t, p)
		r, end := open(t, p, "page="+id+"&after="+at)
		synctest.Wait()
		if got := r.take(); got != "event: hello\ndata:\n\n" {
			t.Errorf("at first it says %q", got)
		}
		if got := r.header.Get("Content-Type"); got != "text/event-stream; charset=utf-8" {
			t.Errorf("the type is %s", got)
		}
		time.Sleep(15 * time.Second)
		synctest.Wait()
		if got := r.take(); got != "event: alive\ndata:\n\n" {
			t.Errorf("after 15 s it says %q", got)
		}

		s.begins(3)
		synctest.Wait()
		got := r.take()
		for _, want := range []string{"event: parts\n", "event: rows\n", `data: <div data-part="lead">`, "20 phones: 1 in progress, 19 not begun.", `data: <tr data-k="2" data-l="progress" `} {
			if !strings.Contains(got, want) {
				t.Errorf("it does not say %s: %s", want, got)
			}
		}
		if n := strings.Count(got, "<tr data-k"); n != 1 {
			t.Errorf("it sends %d rows", n)
		}
		for i := range 8 {
			s.begins(4 + i)
			synctest.Wait()
		}
		if got := r.take(); got != "" {
			t.Errorf("it says more within a second: %s", got)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := r.take(); strings.Count(got, "event: rows") != 1 || strings.Count(got, "<tr data-k") != 8 {
			t.Errorf("after a second it says %s", got)
		}
		end()
	})
}

// TestPositions connects again with the position of the page, with that of another process, and with nonsense.
func TestPositions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 20)
		p := s.page(live.Options{})
		follows(t, p)
		id, at := places(t, p)
		s.begins(3)
		time.Sleep(time.Minute)
		s.updates(3)
		synctest.Wait()
		other := s.page(live.Options{})
		_, foreign := places(t, other)
		for query, rows := range map[string]int{
			"page=" + id + "&after=" + at:                 1,
			"page=" + id + "&after=" + foreign:            20,
			"page=" + id:                                  20,
			"page=" + id + "&after=x.y.z":                 20,
			"page=" + id + "&after=" + at + ".7":          20,
			"page=" + id + "&after=" + at[:10] + ".1.-1":  20,
			"page=" + id + "&after=" + at[:10] + ".99.99": 20,
			"page=" + id + "&after=" + at[:10] + ".18446744073709551615.18446744073709551615": 20,
		} {
			r, end := open(t, p, query)
			synctest.Wait()
			if got := r.take(); strings.Count(got, "<tr data-k") != rows || strings.Contains(got, "reload") {
				t.Errorf("%s: %d rows, want %d", query, strings.Count(got, "<tr data-k"), rows)
			}
			end()
		}
		for _, query := range []string{"", "page=x&after=" + at} {
			r, _ := open(t, p, query)
			synctest.Wait()
			if got := r.take(); got != "event: hello\ndata:\n\nevent: reload\ndata:\n\n" {
				t.Errorf("%q: %s", query, got)
			}
		}
	})
}

// TestBounded changes many phones at once: what is sent in a second is bounded, and everything arrives.
func TestBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 400
		s := newSite(t, n)
		p := s.page(live.Options{})
		follows(t, p)
		id, at := places(t, p)
		r, _ := open(t, p, "page="+id+"&after="+at)
		synctest.Wait()
		r.take()
		hostile := strings.Repeat(`<b>"&'`, 60)
		for i := range n {
			s.begins(i + 1)
			for range 4 {
				s.happens(address(i+1), journal.Note{Text: hostile})
			}
		}
		seen := map[string]bool{}
		seconds := 0
		for len(seen) < n && seconds < 60 {
			synctest.Wait()
			got := r.take()
			if len(got) > 700<<10 {
				t.Errorf("%d bytes in a second", len(got))
				for _, e := range strings.Split(got, "event: ") {
					t.Log(len(e), e[:min(len(e), 60)], strings.Count(e, "<tr data-k"), strings.Count(e, "\n"))
				}
			}
			for _, part := range strings.Split(got, `<tr data-k="`)[1:] {
				k, _, _ := strings.Cut(part, `"`)
				seen[k] = true
			}
			if strings.Contains(got, "<b>\"") {
				t.Error("a text is not escaped")
			}
			seconds++
			time.Sleep(time.Second)
		}
		if len(seen) != n || seconds < 3 {
			t.Errorf("%d of %d rows in %d seconds", len(seen), n, seconds)
		}
	})
}

// TestRest changes a page of 5,000 phones each time after 2.5 seconds: a browser takes long for such a page.
func TestRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 5000)
		p := s.page(live.Options{})
		follows(t, p)
		id, at := places(t, p)
		r, _ := open(t, p, "page="+id+"&after="+at)
		s.begins(1)
		synctest.Wait()
		r.take()
		for i := range 3 {
			s.begins(2 + i)
			time.Sleep(2400 * time.Millisecond)
			synctest.Wait()
			if got := r.take(); got != "" {
				t.Errorf("after 2.4 s it says %s", got)
			}
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
			if got := r.take(); !strings.Contains(got, "event: rows") {
				t.Errorf("after 2.5 s it says %s", got)
			}
		}
	})
}

// TestFull lets 64 browsers read changes, and sends the next one away, until one goes.
func TestFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 1)
		p := s.page(live.Options{})
		id, at := places(t, p)
		query := "page=" + id + "&after=" + at
		var ends []func()
		for range 64 {
			_, end := open(t, p, query)
			ends = append(ends, end)
		}
		synctest.Wait()
		if w := get(p, "GET", "http://127.0.0.1/events?"+query); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Errorf("the 65th browser gets %d", w.Code)
		}
		if w := get(p, "GET", "http://127.0.0.1/"); w.Code != http.StatusOK {
			t.Errorf("the page is answered with %d", w.Code)
		}
		ends[0]()
		r, _ := open(t, p, query)
		synctest.Wait()
		if got := r.take(); !strings.HasPrefix(got, "event: hello") {
			t.Errorf("after one has gone: %s", got)
		}
	})
}

// TestSlow serves a browser that stops to read: it is let go after 30 seconds, and others get theirs.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 2000)
		p := s.page(live.Options{})
		follows(t, p)
		network := memnet.New()
		l, err := network.Listen(t.Context(), "tcp", "127.0.0.1:80")
		noError(t, err)
		ctx, stop := context.WithCancel(context.Background())
		served := make(chan error, 1)
		go func() { served <- p.Serve(ctx, l, nil) }()
		slow, err := network.Dial(t.Context(), "tcp", "127.0.0.1:80")
		noError(t, err)
		_, err = slow.Write([]byte("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"))
		noError(t, err)
		silent, err := network.Dial(t.Context(), "tcp", "127.0.0.1:80") // never asks
		noError(t, err)
		time.Sleep(2 * time.Minute)
		whole := get(p, "GET", "http://127.0.0.1/").Body.Len()
		for name, c := range map[string]net.Conn{"slow": slow, "silent": silent} {
			n, err := drain(c)
			if errors.Is(err, os.ErrDeadlineExceeded) || n >= whole {
				t.Errorf("%s: it is not let go: %d bytes, %v", name, n, err)
			}
			_ = c.Close()
		}
		stop()
		if err := <-served; err != nil {
			t.Errorf("after the end: %v", err)
		}
	})
}

// drain reads until the connection ends.
func drain(c net.Conn) (n int, err error) {
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	for buffer := make([]byte, 64<<10); ; {
		m, err := c.Read(buffer)
		n += m
		if err != nil {
			return n, err
		}
	}
}

// TestEnds ends with the context, and with an error of the journal.
func TestEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 1)
		p := s.page(live.Options{})
		ctx, stop := context.WithCancelCause(t.Context())
		done := make(chan error, 1)
		go func() { done <- p.Follow(ctx) }()
		synctest.Wait()
		enough := errors.New("enough")
		stop(enough)
		if err := <-done; !errors.Is(err, enough) {
			t.Errorf("it ended with %v", err)
		}
		go func() { done <- p.Follow(context.Background()) }()
		synctest.Wait()
		noError(t, s.ledger.Close())
		if err := <-done; err == nil {
			t.Error("without a journal it ended without an error")
		}
	})
	if _, err := live.New(t.Context(), newSite(t, 1).ledger, "autumn", live.Options{}); !errors.Is(err, rollout.ErrNoRollout) {
		t.Errorf("another name: %v", err)
	}
}
