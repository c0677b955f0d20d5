package wpi_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/internal/memnet"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// TestContactDrip checks that each step of a contact request has a limit as a whole: a phone that sends a byte a second is
// never silent, and never done.
func TestContactDrip(t *testing.T) {
	t.Parallel()
	const limit = 10 * time.Second
	long := strings.Repeat("X-More: and more\r\n", 100)
	for name, row := range map[string]struct {
		alt  bool   // at the address of the web page
		says string // all of it drips
	}{
		"status line": {false, "HTTP/1.1 204 " + long},
		"header":      {false, "HTTP/1.1 204 No Content\r\n" + long},
		"interim":     {false, strings.Repeat("HTTP/1.1 102 Wait\r\n\r\n", 100)},
		"handshake":   {true, "\x16\x03\x03\x40\x00" + long},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const phone, page = "192.0.2.9:8085", "192.0.2.9:443"
				network := memnet.New()
				at := phone
				if row.alt {
					at = page
				}
				l, err := network.Listen(t.Context(), "tcp", at)
				if err != nil {
					t.Fatal(err)
				}
				var work sync.WaitGroup
				defer work.Wait()
				defer l.Close()
				work.Go(func() {
					for {
						c, err := l.Accept()
						if err != nil {
							return
						}
						work.Go(func() { dripAnswer(c, row.says, row.alt) })
					}
				})
				dial := func(ctx context.Context, kind, address string) (net.Conn, error) {
					if row.alt && address == phone {
						return nil, &net.OpError{Op: "dial", Net: "tcp", Err: io.ErrClosedPipe}
					}
					return network.Dial(ctx, kind, address)
				}
				start := time.Now()
				_, err = wpi.Contact{Address: phone, AltAddress: page, Timeout: limit, Dial: dial, Method: http.MethodPost}.Send(t.Context())
				if took := time.Since(start); took > 2*limit {
					t.Errorf("after %s: %v", took, err)
				}
				wantContactError(t, err, wpi.ContactTimeout, at, 0)
			})
		})
	}
}

// dripAnswer reads a request, if it comes unencrypted, and sends a text slowly.
func dripAnswer(c net.Conn, text string, encrypted bool) {
	defer c.Close()
	if !encrypted {
		r, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
	}
	_, _ = io.WriteString(memnet.DripConn{Conn: c, Pause: time.Second}, text)
}
