package transfer_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/internal/badserver"
	"github.com/cpupdate/cpupdate/internal/memnet"
	"github.com/cpupdate/cpupdate/internal/testca"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// A slowReader takes some bytes at a time, each time after a pause, from when on is set.
type slowReader struct {
	net.Conn
	bytes int
	pause time.Duration
	on    atomic.Bool
}

func (r *slowReader) Read(p []byte) (int, error) {
	if !r.on.Load() {
		return r.Conn.Read(p)
	}
	time.Sleep(r.pause)
	return r.Conn.Read(p[:min(len(p), r.bytes)])
}

// slowPut answers requests, and takes the file of a PUT slowly.
func (s *dripServer) slowPut(raw *slowReader) {
	c := s.secure(raw)
	in := bufio.NewReader(c)
	for stored := false; ; {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		answer := badserver.Response(http.StatusNotFound, "")
		switch {
		case r.Method == http.MethodPut:
			raw.on.Store(true)
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return
			}
			raw.on.Store(false)
			stored, answer = true, badserver.Response(http.StatusCreated, "")
		case r.Method == http.MethodHead && stored:
			answer = "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n"
		case r.Method == http.MethodGet && stored:
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n")
			_, _ = io.WriteString(drip(c), strings.Repeat("x", 1<<20))
			return
		}
		_, _ = io.WriteString(c, answer)
	}
}

// slowBuffer is how many bytes a connection of the test holds, in each direction and at each end.
const slowBuffer = 2 << 10

func smallBuffers(c net.Conn) net.Conn {
	m := c.(*memnet.Conn) //nolint:forcetypeassert // of the network in memory
	_, _ = m.SetReadBuffer(slowBuffer), m.SetWriteBuffer(slowBuffer)
	return c
}

// TestSlowServer checks that a server that takes, or gives, a byte of a file every few seconds ends in time, though it is never
// silent; and that a line that is slow and honest is let go on.
func TestSlowServer(t *testing.T) {
	t.Parallel()
	const size = 1 << 20
	byByte := func(c net.Conn) *slowReader { return &slowReader{Conn: c, bytes: 1, pause: 5 * time.Second} }
	slowLine := func(c net.Conn) *slowReader { return &slowReader{Conn: c, bytes: 3000, pause: 2 * time.Second} }
	hiccups := func(c net.Conn) *slowReader { return &slowReader{Conn: c, bytes: 4000, pause: 3 * time.Second} }
	stor := func(data func(net.Conn) (read int64)) func(*dripServer) {
		return func(s *dripServer) {
			done := make(chan struct{})
			s.listen(dripAddress, func(c net.Conn) {
				before := ftpAnswers("SIZE", "550 no such file\r\n", "LIST", "550 no\r\n", "DELE", "250 ok\r\n")
				ftpTalk(c, before, map[string]func(net.Conn){"STOR": func(c net.Conn) {
					<-done
					ftpTalk(c, ftpAnswers("", "226 done\r\n", "SIZE", "213 1048576\r\n", "RNFR", "350 go\r\n", "RNTO", "250 ok\r\n"), nil)
				}})
			})
			s.listen(dripData, func(c net.Conn) {
				if data(smallBuffers(c)) > 0 { // it was not opened for a listing
					close(done)
				}
			})
		}
	}
	take := func(through func(net.Conn) *slowReader) func(net.Conn) int64 {
		return func(c net.Conn) int64 {
			slow := through(c)
			slow.on.Store(true)
			n, _ := io.Copy(io.Discard, slow)
			return n
		}
	}
	putOver := func(through func(net.Conn) *slowReader) func(*dripServer) {
		return func(s *dripServer) { s.listen(dripAddress, func(c net.Conn) { s.slowPut(through(smallBuffers(c))) }) }
	}
	for name, row := range map[string]struct {
		method transfer.Method
		serve  func(*dripServer)
		slow   bool
		back   bool // the file is read back
	}{
		"ftp: a byte at a time":      {transfer.FTP, stor(take(byByte)), true, false},
		"ftp: a slow line":           {transfer.FTP, stor(take(slowLine)), false, false},
		"ftp: a line with hiccups":   {transfer.FTP, stor(take(hiccups)), false, false},
		"https: a byte at a time":    {transfer.HTTPS, putOver(byByte), true, false},
		"https: a slow line":         {transfer.HTTPS, putOver(slowLine), false, false},
		"https: a line with hiccups": {transfer.HTTPS, putOver(hiccups), false, false},
		"ftp: it sends after the file": {transfer.FTP, stor(func(c net.Conn) int64 {
			n, _ := io.Copy(io.Discard, c)
			if n > 0 {
				_, _ = io.WriteString(drip(c), strings.Repeat("x", 100000))
			}
			return n
		}), true, false},
		"https: a byte at a time, read back": {transfer.HTTPS, putOver(func(c net.Conn) *slowReader { return &slowReader{Conn: c, bytes: 1 << 20} }), true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				certificate := testca.NewAuthority(t).Issue(nil)
				s := &dripServer{t: t, config: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}, network: memnet.New()}
				row.serve(s)
				a := transfer.Access{Method: row.method, Server: "192.0.2.1", Port: 8443, Username: "u", Password: secret.New("p")}
				o := transfer.Options{Trust: trust.Policy{Pins: []trust.Pin{trust.PinOf(certificate.Leaf)}}, Timeout: dripLimit, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
					c, err := s.network.Dial(ctx, network, address)
					if err != nil {
						return nil, err
					}
					synctest.Wait() // the server has made its buffers small
					return smallBuffers(c), nil
				}}
				u := upload(content(size))
				u.ReadBack = row.back
				start := time.Now()
				_, err := put(t.Context(), a, o, u)
				took := time.Since(start)
				e := (*transfer.Error)(nil)
				switch {
				case !row.slow && err != nil:
					t.Errorf("after %s: %v", took, err)
				case row.slow && (!errors.As(err, &e) || e.Kind != transfer.KindTimeout || !e.IsSlow() || !strings.Contains(err.Error(), "the server is too slow: less than 1 KiB")):
					t.Errorf("after %s: %v", took, err)
				case row.slow && took > 25*dripLimit:
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

// TestCancelOnSlowLine checks that after Ctrl-C there is time to clean up on a line on which every answer takes long.
func TestCancelOnSlowLine(t *testing.T) {
	t.Parallel()
	const size = 1 << 20
	for method, serve := range map[transfer.Method]func(s *dripServer, cut chan<- struct{}, removed *atomic.Bool){
		transfer.FTP: func(s *dripServer, cut chan<- struct{}, removed *atomic.Bool) {
			s.listen(dripAddress, func(c net.Conn) {
				slow := &slowReader{Conn: c, bytes: 4096, pause: 400 * time.Millisecond}
				slow.on.Store(true)
				ftpTalk(slow, ftpAnswers("SIZE", "550 no such file\r\n", "LIST", "550 no\r\n", "DELE", "250 gone\r\n"), map[string]func(net.Conn){
					"STOR": func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, // it never says how that ended
					"DELE": func(net.Conn) { removed.Store(true) },
				})
			})
			s.listen(dripData, func(c net.Conn) {
				if n, _ := io.CopyN(io.Discard, c, size/2); n > 0 {
					cut <- struct{}{}
					_, _ = io.Copy(io.Discard, c)
				}
			})
		},
		transfer.HTTPS: func(s *dripServer, cut chan<- struct{}, removed *atomic.Bool) {
			s.listen(dripAddress, func(c net.Conn) {
				secure := s.secure(c)
				for in := bufio.NewReader(secure); ; {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					if r.Method == http.MethodPut {
						_, _ = io.CopyN(io.Discard, r.Body, size/2)
						cut <- struct{}{}
						_, _ = io.Copy(io.Discard, r.Body)
						return
					}
					time.Sleep(1500 * time.Millisecond)
					removed.Store(true) // at least it is looked up
					_, _ = io.WriteString(secure, badserver.Response(http.StatusNotFound, ""))
				}
			})
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			certificate := testca.NewAuthority(t).Issue(nil)
			s := &dripServer{t: t, config: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}, network: memnet.New()}
			cut, removed := make(chan struct{}), &atomic.Bool{}
			serve(s, cut, removed)
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				<-cut
				removed.Store(false)
				cancel()
			}()
			a := transfer.Access{Method: method, Server: "192.0.2.1", Port: 8443, Username: "u", Password: secret.New("p")}
			o := transfer.Options{Trust: trust.Policy{Pins: []trust.Pin{trust.PinOf(certificate.Leaf)}}, Dial: s.network.Dial}
			_, err := put(ctx, a, o, upload(content(size)))
			if e := (*transfer.Error)(nil); !errors.Is(err, context.Canceled) || errors.As(err, &e) && e.Left != "" || !removed.Load() {
				t.Errorf("%s: removed %v: %v", method, removed.Load(), err)
			}
		})
	}
}
