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
	"sync"
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

const (
	dripAddress = "192.0.2.1:8443"
	dripData    = "192.0.2.1:40000"
	dripLimit   = 10 * time.Second // the client's idle limit
	dripPause   = time.Second      // between two bytes of the server
	dripSteps   = 6                // idle limits that the client may take for all its steps
)

// drip returns a connection that sends one byte a second.
func drip(c net.Conn) memnet.DripConn { return memnet.DripConn{Conn: c, Pause: dripPause} }

// A dripServer answers the connections to its two ports.
type dripServer struct {
	t       *testing.T
	config  *tls.Config
	network *memnet.Network
}

// listen has each connection to an address answered, and closed when its time is over.
func (s *dripServer) listen(address string, answer func(net.Conn)) {
	l, err := s.network.Listen(s.t.Context(), "tcp", address)
	if err != nil {
		s.t.Fatal(err)
	}
	var work sync.WaitGroup
	s.t.Cleanup(func() {
		_ = l.Close()
		work.Wait()
	})
	work.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			work.Go(func() {
				defer c.Close()
				defer time.AfterFunc(time.Hour, func() { _ = c.Close() }).Stop()
				answer(c)
			})
		}
	})
}

// secure makes the handshake as the server.
func (s *dripServer) secure(c net.Conn) net.Conn { return tls.Server(c, s.config) }

// dripHTTP answers each request with a text, over a connection that drips from then on.
func (s *dripServer) dripHTTP(methods, text string) func(net.Conn) {
	return func(raw net.Conn) {
		c := s.secure(raw)
		in := bufio.NewReader(c)
		for {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			if !strings.Contains(methods, r.Method) {
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = io.WriteString(c, badserver.Response(http.StatusNotFound, ""))
				continue
			}
			_, _ = io.WriteString(drip(c), text)
			return
		}
	}
}

// ftpTalk answers commands by their first words; "" is the greeting. An answer that begins with ~ drips.
func ftpTalk(c net.Conn, answers map[string]string, after map[string]func(net.Conn)) {
	say := func(text string) {
		if slow, ok := strings.CutPrefix(text, "~"); ok {
			_, _ = io.WriteString(drip(c), slow)
			return
		}
		_, _ = io.WriteString(c, text)
	}
	say(answers[""])
	for in := bufio.NewScanner(c); in.Scan(); {
		verb, _, _ := strings.Cut(in.Text(), " ")
		answer, ok := answers[verb]
		if !ok {
			answer = "502 no\r\n"
		}
		say(answer)
		if next := after[verb]; next != nil {
			next(c)
			return
		}
	}
}

func ftpAnswers(change ...string) map[string]string {
	answers := map[string]string{
		"": "220 ready\r\n", "USER": "331 and?\r\n", "PASS": "230 in\r\n", "TYPE": "200 ok\r\n", "CWD": "250 ok\r\n", "SIZE": "500 what?\r\n",
		"AUTH": "234 go\r\n", "PBSZ": "200 ok\r\n", "PROT": "200 ok\r\n", "EPSV": "229 (|||40000|)\r\n", "STOR": "150 go\r\n", "LIST": "150 go\r\n",
	}
	for i := 0; i < len(change); i += 2 {
		answers[change[i]] = change[i+1]
	}
	return answers
}

// TestDrip checks that each step before the file flows has a limit as a whole: a server that sends a byte a second is never
// silent, and never done.
func TestDrip(t *testing.T) {
	t.Parallel()
	endless := strings.Repeat("X-More: and more\r\n", 100)
	wrong := "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=" + strings.Repeat("x", 1000)
	silence := func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }
	for name, row := range map[string]struct {
		method transfer.Method
		server func(*dripServer, net.Conn)
		data   func(*dripServer, net.Conn)
	}{
		"https: handshake": {transfer.HTTPS, func(s *dripServer, c net.Conn) { silence(s.secure(drip(c))) }, nil},
		"https: no TLS": {transfer.HTTPS, func(_ *dripServer, c net.Conn) {
			_, _ = io.WriteString(drip(c), "\x16\x03\x03\x40\x00"+strings.Repeat("x", 1<<14))
		}, nil},
		"https: status line":   {transfer.HTTPS, func(s *dripServer, c net.Conn) { s.dripHTTP("HEAD", "HTTP/1.1 200 "+strings.Repeat("x", 1000))(c) }, nil},
		"https: header":        {transfer.HTTPS, func(s *dripServer, c net.Conn) { s.dripHTTP("HEAD", "HTTP/1.1 200 OK\r\n"+endless)(c) }, nil},
		"https: 401":           {transfer.HTTPS, func(s *dripServer, c net.Conn) { s.dripHTTP("HEAD", wrong)(c) }, nil},
		"https: header of PUT": {transfer.HTTPS, func(s *dripServer, c net.Conn) { s.dripHTTP("PUT", "HTTP/1.1 201 Created\r\n"+endless)(c) }, nil},
		"https: 100 of PUT":    {transfer.HTTPS, func(s *dripServer, c net.Conn) { s.dripHTTP("PUT", "HTTP/1.1 100 Continue\r\n"+endless)(c) }, nil},
		"ftp: greeting":        {transfer.FTP, func(_ *dripServer, c net.Conn) { ftpTalk(c, ftpAnswers("", "~220 "+strings.Repeat("x", 1000)), nil) }, nil},
		"ftp: greeting's lines": {transfer.FTP, func(_ *dripServer, c net.Conn) {
			ftpTalk(c, ftpAnswers("", "~"+strings.Repeat("220-x\r\n", 1000)), nil)
		}, nil},
		"ftp: many 120": {transfer.FTP, func(_ *dripServer, c net.Conn) { ftpTalk(c, ftpAnswers("", "~"+strings.Repeat("120 x\r\n", 60)), nil) }, nil},
		"ftp: USER":     {transfer.FTP, func(_ *dripServer, c net.Conn) { ftpTalk(c, ftpAnswers("USER", "~331-"+endless), nil) }, nil},
		"ftp: PASS": {transfer.FTP, func(_ *dripServer, c net.Conn) {
			ftpTalk(c, ftpAnswers("PASS", "~"+strings.Repeat("120 x\r\n", 60)), nil)
		}, nil},
		"ftp: FEAT": {transfer.FTP, func(_ *dripServer, c net.Conn) { ftpTalk(c, ftpAnswers("FEAT", "~211-"+endless), nil) }, nil},
		"ftp: CWD":  {transfer.FTP, func(_ *dripServer, c net.Conn) { ftpTalk(c, ftpAnswers("CWD", "~250-"+endless), nil) }, nil},
		"ftp: EPSV": {transfer.FTP, func(_ *dripServer, c net.Conn) { ftpTalk(c, ftpAnswers("EPSV", "~229-"+endless), nil) }, nil},
		"ftp: listing": {
			transfer.FTP,
			func(_ *dripServer, c net.Conn) { ftpTalk(c, ftpAnswers(), nil) },
			func(_ *dripServer, c net.Conn) { _, _ = io.WriteString(drip(c), strings.Repeat("x", 10000)) },
		},
		"ftps: greeting": {transfer.FTPS, func(_ *dripServer, c net.Conn) { ftpTalk(c, ftpAnswers("", "~220 "+strings.Repeat("x", 1000)), nil) }, nil},
		"ftps: AUTH":     {transfer.FTPS, func(_ *dripServer, c net.Conn) { ftpTalk(c, ftpAnswers("AUTH", "~234-"+endless), nil) }, nil},
		"ftps: handshake": {transfer.FTPS, func(s *dripServer, c net.Conn) {
			ftpTalk(c, ftpAnswers(), map[string]func(net.Conn){"AUTH": func(c net.Conn) { silence(s.secure(drip(c))) }})
		}, nil},
		"ftps: handshake for data": {transfer.FTPS, func(s *dripServer, c net.Conn) {
			ftpTalk(c, ftpAnswers(), map[string]func(net.Conn){"AUTH": func(c net.Conn) { ftpTalk(s.secure(c), ftpAnswers("", ""), nil) }})
		}, func(s *dripServer, c net.Conn) { silence(s.secure(drip(c))) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				authority := testca.NewAuthority(t)
				certificate := authority.Issue(nil)
				s := &dripServer{t: t, config: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}, network: memnet.New()}
				s.listen(dripAddress, func(c net.Conn) { row.server(s, c) })
				if row.data != nil {
					s.listen(dripData, func(c net.Conn) { row.data(s, c) })
				}
				s.dripUses(row.method, trust.Policy{Pins: []trust.Pin{trust.PinOf(certificate.Leaf)}})
			})
		})
	}
}

// dripUses makes every use of a server that drips: each ends in time, with the words for it.
func (s *dripServer) dripUses(method transfer.Method, policy trust.Policy) {
	a := transfer.Access{Method: method, Server: "192.0.2.1", Port: 8443, Username: "u", Password: secret.New("p")}
	if method != transfer.HTTPS {
		a.Path = "folder"
	}
	o := transfer.Options{Trust: policy, Timeout: dripLimit, Dial: s.network.Dial}
	for use, run := range map[string]func(context.Context) error{
		"Put": func(ctx context.Context) error { _, err := put(ctx, a, o, upload(content(1000))); return err },
		"Try": func(ctx context.Context) error {
			store, err := transfer.Dial(ctx, a, o)
			if err == nil {
				err = store.Try(ctx)
				_ = store.Close()
			}
			return err
		},
		"Handshake": func(ctx context.Context) error { return transfer.Handshake(ctx, a, o) },
	} {
		start := time.Now()
		ctx, cancel := context.WithTimeout(s.t.Context(), dripSteps*dripLimit)
		err := run(ctx)
		cancel()
		took := time.Since(start)
		if e := (*transfer.Error)(nil); took >= dripSteps*dripLimit || err != nil && (!errors.As(err, &e) || e.Kind != transfer.KindTimeout || e.Err != nil) {
			s.t.Errorf("%s: after %s: %v", use, took, err)
		}
		if err == nil && use != "Handshake" {
			s.t.Errorf("%s: succeeds after %s", use, took)
		}
		s.t.Logf("%s: after %s: %v", use, took, err)
	}
}
