package memnet_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/internal/memnet"
)

// took fails unless something took as long as it should have, in virtual time.
func took(t *testing.T, begun time.Time, wanted time.Duration) {
	t.Helper()
	if got := time.Since(begun); got != wanted {
		t.Errorf("it took %v, want %v", got, wanted)
	}
}

// A host that is down does not answer, or fails as it is told to; one that comes up is reached.
func TestDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		l, err := n.Listen(t.Context(), "tcp", "192.0.2.2:80")
		fatal(t, err)
		defer l.Close()
		n.Down(there, nil)
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		_, err = n.Dial(ctx, "tcp", "192.0.2.2:80")
		want(t, "no answer", err, context.DeadlineExceeded)
		took(t, begun, 2*time.Second)

		begun = time.Now()
		_, err = n.Dial(t.Context(), "tcp", "192.0.2.2:80")
		want(t, "no answer for long", err, syscall.ETIMEDOUT)
		took(t, begun, 127*time.Second)

		n.Down(there, syscall.EHOSTUNREACH)
		_, err = n.DialFrom(t.Context(), here, "tcp", "192.0.2.2:80")
		want(t, "no such host", err, syscall.EHOSTUNREACH)

		n.Down(there, nil)
		begun = time.Now()
		time.AfterFunc(time.Minute, func() { n.Up(there) })
		conn, err := n.Dial(t.Context(), "tcp", "192.0.2.2:80")
		fatal(t, err)
		took(t, begun, time.Minute)
		fatal(t, conn.Close())
	})
}

// A connect waits while too many wait to be accepted.
func TestBacklog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		l, err := n.Listen(t.Context(), "tcp", "192.0.2.2:80")
		fatal(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		dialed := 0
		for ; ; dialed++ {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			_, err := n.Dial(ctx, "tcp", "192.0.2.2:80")
			cancel()
			if err != nil {
				want(t, "one too many", err, context.DeadlineExceeded)
				break
			}
		}
		if dialed != 128 {
			t.Errorf("%d connections wait", dialed)
		}
		begun := time.Now()
		time.AfterFunc(time.Second, func() { _, _ = l.Accept() })
		_, err = n.Dial(ctx, "tcp", "192.0.2.2:80")
		fatal(t, err)
		took(t, begun, time.Second)
		time.AfterFunc(time.Second, func() { _ = l.Close() })
		_, err = n.Dial(ctx, "tcp", "192.0.2.2:80")
		want(t, "when nobody listens any more", err, syscall.ECONNREFUSED)
	})
}

// What the peer has no room for waits on this side, is known, and is lost with a reset.
func TestUnsent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		l, err := n.Listen(t.Context(), "tcp", "192.0.2.2:0")
		fatal(t, err)
		defer l.Close()
		c, err := n.Dial(t.Context(), "tcp", l.Addr().String())
		fatal(t, err)
		s, err := l.Accept()
		fatal(t, err)
		client, server := c.(*memnet.Conn), s.(*memnet.Conn)
		fatal(t, server.SetReadBuffer(10))
		fatal(t, client.SetWriteBuffer(5))
		fatal(t, client.SetWriteDeadline(time.Now().Add(time.Second)))
		sent, err := client.Write(make([]byte, 20))
		want(t, "a write without room", err, os.ErrDeadlineExceeded)
		if sent != 15 || client.Unsent() != 5 || server.Unsent() != 0 {
			t.Errorf("%d sent, %d of them not taken", sent, client.Unsent())
		}
		receive(t, server, string(make([]byte, 3)))
		if client.Unsent() != 2 {
			t.Errorf("%d not taken", client.Unsent())
		}
		fatal(t, client.SetLinger(0))
		fatal(t, client.Close())
		left, err := io.ReadAll(server)
		want(t, "reading all", err, syscall.ECONNRESET)
		if len(left) != 10 {
			t.Errorf("%d bytes after the reset", len(left))
		}
		fatal(t, server.Close())
	})
}

// Two that write at a time do not mix what they write, and who waits for a turn has a deadline too.
func TestTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		l, err := n.Listen(t.Context(), "tcp", "192.0.2.2:0")
		fatal(t, err)
		defer l.Close()
		client, err := n.Dial(t.Context(), "tcp", l.Addr().String())
		fatal(t, err)
		defer client.Close()
		server, err := l.Accept()
		fatal(t, err)
		defer server.Close()
		const size = 300 << 10
		for _, letter := range "ab" {
			go func() {
				text := make([]byte, size)
				for i := range text {
					text[i] = byte(letter)
				}
				_, _ = client.Write(text)
			}()
		}
		synctest.Wait()
		go func() {
			time.Sleep(time.Minute)
			_ = client.SetWriteDeadline(time.Now())
		}()
		begun := time.Now()
		_, err = client.Write([]byte("c"))
		want(t, "a third", err, os.ErrDeadlineExceeded)
		took(t, begun, time.Minute)
		fatal(t, client.SetWriteDeadline(time.Time{}))
		synctest.Wait()
		got := make([]byte, 100<<10)
		_, err = io.ReadFull(server, got)
		fatal(t, err)
		for _, b := range got {
			if b != got[0] {
				t.Fatal("it is mixed")
			}
		}
	})
}

func TestNames(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		n.Name("phone", netip.MustParseAddr("2001:db8::1"), there)
		l, err := n.Listen(t.Context(), "tcp", "192.0.2.2:80")
		fatal(t, err)
		defer l.Close()
		conn, err := n.Dial(t.Context(), "tcp", "phone:80")
		fatal(t, err)
		if conn.RemoteAddr().String() != "192.0.2.2:80" {
			t.Errorf("it leads to %v", conn.RemoteAddr())
		}
		fatal(t, conn.Close())
		all, err := n.LookupNetIP(t.Context(), "ip4", "phone")
		if err != nil || len(all) != 1 || all[0] != there {
			t.Errorf("%v, %v", all, err)
		}
		missing := (*net.DNSError)(nil)
		if _, err := n.Dial(t.Context(), "tcp", "nobody:80"); !errors.As(err, &missing) || !missing.IsNotFound {
			t.Errorf("a name that nobody has: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := n.LookupNetIP(ctx, "ip", "phone"); err == nil {
			t.Error("a context that has ended")
		}
	})
}

// The servers and clients of net/http work over it, and their limits cost no time.
func TestHTTP(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		l, err := n.Listen(t.Context(), "tcp", "[2001:db8::1]:0")
		fatal(t, err)
		server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Hour)
			_, _ = io.WriteString(w, r.RemoteAddr)
		})}
		go func() { _ = server.Serve(l) }()
		transport := &http.Transport{DialContext: n.Dial}
		client := &http.Client{Transport: transport}
		begun := time.Now()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.Addr().String(), nil)
		fatal(t, err)
		answer, err := client.Do(request)
		fatal(t, err)
		text, err := io.ReadAll(answer.Body)
		fatal(t, err)
		fatal(t, answer.Body.Close())
		if remote, err := netip.ParseAddrPort(string(text)); err != nil || remote.Addr() != netip.IPv6Loopback() {
			t.Errorf("the client is %q", text)
		}
		took(t, begun, time.Hour)
		transport.CloseIdleConnections()
		fatal(t, server.Close())
	})
}
