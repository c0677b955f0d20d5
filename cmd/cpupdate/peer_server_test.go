package main

import (
	"bufio"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cpupdate/cpupdate/internal/testca"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// A peerServer is a server on loopback of which mostly the certificate matters. By HTTPS it takes files; by FTPS it
// refuses every login.
type peerServer struct {
	address     string // HOST:PORT
	certificate atomic.Pointer[tls.Certificate]
	config      *tls.Config

	mu         sync.Mutex
	said       []string // commands by FTPS, requests by HTTPS
	files      map[string][]byte
	handshakes int // handshakes that were begun
	swap       int // the handshake from which on the next certificate is shown; 0 is never
	next       *tls.Certificate
}

// A madeCertificate is what a peer's certificate says. The zero value is a good one that is signed by nobody.
type madeCertificate struct {
	subject     string
	names       []string
	begin, end  time.Duration // from now; a day from an hour ago if both are 0
	bits        int           // of an RSA key; 0 is ECDSA
	parent      *tls.Certificate
	isAuthority bool
	noName      bool // it has a common name only
	negative    bool // its serial number is
}

func (m madeCertificate) make(t testing.TB) *tls.Certificate {
	t.Helper()
	made := testca.New(t, testca.Options{Parent: m.parent, RSA: m.bits, Change: func(c *x509.Certificate) {
		c.Subject.CommonName = cmp.Or(m.subject, "a peer")
		c.DNSNames, c.IsCA, c.BasicConstraintsValid = m.names, m.isAuthority, true
		c.KeyUsage |= x509.KeyUsageCertSign
		if m.begin != 0 || m.end != 0 {
			c.NotBefore, c.NotAfter = time.Now().Add(m.begin), time.Now().Add(m.end)
		}
		if m.noName {
			c.DNSNames, c.IPAddresses = nil, nil
		}
	}})
	if m.negative {
		return testca.Rewrite(t, made, m.parent, 0, func(c *testca.TBS) { c.Serial.Neg(c.Serial) })
	}
	return made
}

// startPeer starts a server that shows the certificate; config may be nil.
func startPeer(t testing.TB, kind string, certificate *tls.Certificate, config *tls.Config) *peerServer {
	t.Helper()
	s := &peerServer{config: config, files: map[string][]byte{}}
	if s.config == nil {
		s.config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	s.certificate.Store(certificate)
	s.config.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.handshakes++; s.swap > 0 && s.handshakes >= s.swap {
			return s.next, nil
		}
		return s.certificate.Load(), nil
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = l.Addr().String()
	if kind == "ftps" {
		var all sync.WaitGroup
		all.Go(func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				all.Go(func() { s.serveControl(conn) })
			}
		})
		t.Cleanup(func() {
			_ = l.Close()
			all.Wait()
		})
		return s
	}
	web := &http.Server{Handler: s, ReadHeaderTimeout: time.Minute, TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}}
	web.ErrorLog = log.New(io.Discard, "", 0)
	go func() { _ = web.Serve(tls.NewListener(l, s.config)) }()
	t.Cleanup(func() { _ = web.Close() })
	return s
}

func (s *peerServer) pin() trust.Pin { return trust.PinOf(s.certificate.Load().Leaf) }

func (s *peerServer) port() string {
	_, port, _ := net.SplitHostPort(s.address)
	return port
}

func (s *peerServer) note(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = append(s.said, line)
}

// heard is what was said since it was asked last.
func (s *peerServer) heard() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	said := s.said
	s.said = nil
	return said
}

// ServeHTTP takes and hands out files.
func (s *peerServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.note(r.Method + " " + r.URL.Path)
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	content, there := s.files[r.URL.Path]
	switch {
	case r.Method == http.MethodPut:
		s.files[r.URL.Path] = body
		w.WriteHeader(http.StatusCreated)
	case !there:
		w.WriteHeader(http.StatusNotFound)
	default:
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		_, _ = w.Write(content)
	}
}

// serveControl is one control connection: TLS, and then no login.
func (s *peerServer) serveControl(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	secure := conn
	lines := bufio.NewReader(conn)
	answer := func(text string) { _, _ = io.WriteString(secure, text+"\r\n") }
	answer("220 a peer")
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSpace(line)
		s.note(line)
		switch verb, _, _ := strings.Cut(line, " "); verb {
		case "AUTH":
			answer("234 go on")
			secure = tls.Server(conn, s.config)
			lines = bufio.NewReader(secure)
		case "QUIT":
			answer("221 bye")
			return
		case "USER":
			answer("331 and the password")
		default:
			answer("530 nobody gets in")
		}
	}
}

// peerWords are what the script command peer may say of a server.
func peerWords(ts *testscript.TestScript, words []string, authority *tls.Certificate) (madeCertificate, *tls.Config) {
	made, config := madeCertificate{bits: 2048}, &tls.Config{MinVersion: tls.VersionTLS12}
	for _, word := range words {
		switch word {
		case "tls1.0":
			config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS10
		case "rsa-kex":
			config.MaxVersion, config.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}
		case "3des":
			config.MaxVersion, config.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA}
		case "rc4":
			config.MaxVersion, config.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_RC4_128_SHA}
		case "rsa1024":
			made.bits = 1024
		case "ecdsa":
			made.bits = 0
		case "expired":
			made.begin, made.end = -48*time.Hour, -24*time.Hour
		case "future":
			made.begin, made.end = 24*time.Hour, 48*time.Hour
		case "signed":
			made.parent = authority
		case "no-name":
			made.noName = true
		case "negative":
			made.negative = true
		case "client-certificate":
			config.ClientAuth = tls.RequireAnyClientCert
		case "hostile":
			made.subject = "\x1b[2J\x1b]0;owned\x07yes\r\n\u202e" + strings.Repeat("A", 10<<10)
			made.names = []string{"files.example", "192.0.2.50 (its key is      sha256:" + strings.Repeat("1", 64) + ")", strings.Repeat("n", 10<<10)}
		default:
			ts.Fatalf("%s", fmt.Sprintf("unknown word %q", word))
		}
	}
	return made, config
}

// cmdPeer starts a server of which the certificate matters: peer NAME https|ftps [word]... Its address is then in $NAME,
// its port in $NAME_PORT, its pin in $NAME_PIN, and who signed it, with the word signed, in $NAME_CA. Another "peer NAME new
// [word]..." gives it another key.
func cmdPeer(t *testing.T) func(ts *testscript.TestScript, neg bool, args []string) {
	var mu sync.Mutex
	servers := map[string]*peerServer{}
	authority := sync.OnceValue(func() *tls.Certificate {
		return madeCertificate{subject: "an authority", isAuthority: true}.make(t)
	})
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) < 2 {
			ts.Fatalf("usage: peer NAME https|ftps|new [word]...")
		}
		made, config := peerWords(ts, args[2:], authority())
		certificate := made.make(t)
		key := filepath.Join(ts.Getenv("WORK"), args[0])
		mu.Lock()
		defer mu.Unlock()
		if args[1] == "new" {
			servers[key].certificate.Store(certificate)
		} else {
			servers[key] = startPeer(t, args[1], certificate, config)
		}
		s := servers[key]
		ca := ts.MkAbs(args[0] + ".ca.pem")
		ts.Check(os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority().Certificate[0]}), 0o600))
		ts.Setenv(args[0], s.address)
		ts.Setenv(args[0]+"_PORT", s.port())
		ts.Setenv(args[0]+"_PIN", s.pin().String())
		ts.Setenv(args[0]+"_CA", ca)
	}
}
