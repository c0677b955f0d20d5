package wbm_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/memnet"
	"github.com/cpupdate/cpupdate/pkg/wbm"
)

// TestDripEachStep checks that each step before the image flows, and the answer to the image, has a limit as a whole: a phone that
// sends a byte a second is never silent, and never done.
func TestDripEachStep(t *testing.T) {
	t.Parallel()
	const (
		limit = 10 * time.Second
		pause = time.Second
		most  = 4 * limit // for all steps of a visit together
	)
	drip := func(c net.Conn, text string) { _, _ = io.WriteString(memnet.DripConn{Conn: c, Pause: pause}, text) }
	head := strings.Repeat("X-More: and more\r\n", 100)
	const ok = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
	half := func(r *bufio.ReadWriter) { _, _ = io.CopyN(io.Discard, r, 1<<20) }
	whole := func(r *bufio.ReadWriter) { _, _ = io.CopyN(io.Discard, r, large) }
	type answer = func(net.Conn, *bufio.ReadWriter)
	for name, upload := range map[string]answer{
		"handshake":       nil,
		"answer at once":  func(c net.Conn, _ *bufio.ReadWriter) { drip(c, ok+head) },
		"answer half way": func(c net.Conn, r *bufio.ReadWriter) { half(r); drip(c, ok+head) },
		"100 half way":    func(c net.Conn, r *bufio.ReadWriter) { half(r); drip(c, "HTTP/1.1 100 Continue\r\n"+head) },
		"answer":          func(c net.Conn, r *bufio.ReadWriter) { whole(r); drip(c, ok+head) },
		"body half way": func(c net.Conn, r *bufio.ReadWriter) {
			half(r)
			_, _ = io.WriteString(c, ok+"Content-Length: 1000\r\n\r\n")
			drip(c, head)
		},
		"body of the answer": func(c net.Conn, r *bufio.ReadWriter) {
			whole(r)
			_, _ = io.WriteString(c, ok+"Content-Length: 1000\r\n\r\n")
			drip(c, head)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inMemory(t, func(t *testing.T, n network) {
				if upload == nil {
					n = dripNetwork{n, pause}
				}
				s := newSiteOn(t, n)
				if upload != nil {
					s.raw("raw", upload)
				}
				start := time.Now()
				_, err := s.visit(t, s.options(t), zeroImage(large))
				if took := time.Since(start); kind(err) != wbm.KindTimeout || took > most {
					t.Errorf("after %s: %v", took, err)
				}
			})
		})
	}
}

// A dripNetwork has listeners whose connections drip.
type dripNetwork struct {
	network
	pause time.Duration
}

func (n dripNetwork) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	l, err := n.network.Listen(ctx, network, address)
	return dripListener{l, n.pause}, err
}

type dripListener struct {
	net.Listener
	pause time.Duration
}

func (l dripListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return memnet.DripConn{Conn: c, Pause: l.pause}, err
}
