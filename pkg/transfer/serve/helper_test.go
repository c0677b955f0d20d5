package serve_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/memnet"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
)

// loopback is where clients come from as a rule, and elsewhere another address of this machine.
var (
	loopback  = netip.MustParseAddr("127.0.0.1")
	elsewhere = netip.MustParseAddr("127.0.0.2")
)

// identity is the certificate of all servers in these tests: making one takes a while.
var identity = sync.OnceValues(func() (tls.Certificate, error) {
	return serve.MakeCertificate([]string{"127.0.0.1", "localhost"}, time.Now())
})

// name is what the file is called.
const name = "cp600.bind"

// content returns a file with bytes of all kinds, in which no two places look alike.
func content(size int) []byte {
	file := make([]byte, size)
	state := uint32(1)
	for i := range file {
		state = state*1664525 + 1013904223
		file[i] = byte(state >> 24)
	}
	return file
}

// patience is how long a test waits for what has to come.
const patience = 2 * time.Minute

// A desk is a server in a test, by HTTPS or FTP, and what it told.
type desk struct {
	t       *testing.T
	handing interface {
		Addr() netip.AddrPort
		Offer(o serve.Offering) *serve.Offer
		Close() error
	}
	network *memnet.Network // nil: that of the system
	pool    *x509.CertPool
	ca      string
	trouble chan error
	valid   func() time.Time // when the certificate is
}

// open starts a server by HTTPS.
func open(t *testing.T, change func(*serve.Options)) *desk {
	t.Helper()
	certificate, err := identity()
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{t: t, pool: x509.NewCertPool(), ca: filepath.Join(t.TempDir(), "ca.pem"), trouble: make(chan error, 1000)}
	d.pool.AddCert(certificate.Leaf)
	d.valid = func() time.Time { return certificate.Leaf.NotBefore.Add(time.Hour) } // whatever the time of the test
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Leaf.Raw})
	if err := os.WriteFile(d.ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	o := d.options()
	o.Certificate = certificate
	if change != nil {
		change(&o)
	}
	s, err := serve.New(o)
	if err != nil {
		t.Fatal(err)
	}
	d.handing = s
	t.Cleanup(func() { _ = s.Close() })
	return d
}

func (d *desk) options() serve.Options {
	return serve.Options{
		Address: "127.0.0.1:0", Timeout: 10 * time.Second,
		OnError: func(remote netip.Addr, err error) {
			if remote.Is4() {
				d.trouble <- err
			}
		},
	}
}

// offer offers content to 127.0.0.1, and passes on what is told of it.
func (d *desk) offer(file []byte, clients ...netip.Addr) (*serve.Offer, *watch) {
	if clients == nil {
		clients = []netip.Addr{netip.MustParseAddr("::ffff:127.0.0.1")}
	}
	w := &watch{t: d.t, news: make(chan struct{}, 1)}
	return d.handing.Offer(serve.Offering{
		Name: name, Content: section(file), Clients: clients, Watch: w.tell,
	}), w
}

func (d *desk) url(path string) string { return "https://" + d.handing.Addr().String() + path }

// client is an HTTP client from an address.
func (d *desk) client(from netip.Addr) *http.Client {
	dialer := &net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: d.pool}, DialContext: dialer.DialContext, ForceAttemptHTTP2: true,
	}
	d.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// ask sends a request and returns the answer with its whole body.
func (d *desk) ask(from netip.Addr, method, path string, header ...string) (answer, []byte, error) {
	d.t.Helper()
	request, err := http.NewRequestWithContext(d.t.Context(), method, d.url("/"), http.NoBody)
	if err != nil {
		d.t.Fatal(err)
	}
	request.URL.Opaque = path
	for i := 0; i < len(header); i += 2 {
		request.Header.Add(header[i], header[i+1])
	}
	response, err := d.client(from).Do(request)
	if err != nil {
		return answer{}, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.ProtoMajor, response.ContentLength, response.Header}, body, err
}

// An answer is what came before a body.
type answer struct {
	status, major int
	length        int64
	header        http.Header
}

// openInMemory is open for a test in virtual time.
func openInMemory(t *testing.T, change func(*serve.Options)) *desk {
	t.Helper()
	network := memnet.New()
	l, err := network.Listen(t.Context(), "tcp", "127.0.0.1:8443")
	if err != nil {
		t.Fatal(err)
	}
	d := open(t, func(o *serve.Options) {
		o.Listener = l
		change(o)
	})
	d.network = network
	return d
}

// connect connects without TLS.
func (d *desk) connect() net.Conn {
	d.t.Helper()
	dial := (&net.Dialer{}).DialContext
	if d.network != nil {
		dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			return d.network.DialFrom(ctx, loopback, network, address)
		}
	}
	conn, err := dial(d.t.Context(), "tcp", d.handing.Addr().String())
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// dial connects by TLS as one who writes requests by hand.
func (d *desk) dial() *tls.Conn {
	d.t.Helper()
	if d.network != nil {
		conn := tls.Client(d.connect(), &tls.Config{RootCAs: d.pool, ServerName: "127.0.0.1", Time: d.valid})
		if err := conn.HandshakeContext(d.t.Context()); err != nil {
			d.t.Fatal(err)
		}
		return conn
	}
	conn, err := (&tls.Dialer{Config: &tls.Config{RootCAs: d.pool}}).DialContext(d.t.Context(), "tcp", d.handing.Addr().String())
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn.(*tls.Conn)
}

// get asks by hand, and reads the header and so many bytes.
func (d *desk) get(conn net.Conn, path string, bytes int) {
	d.t.Helper()
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path); err != nil {
		d.t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	for line := ""; line != "\r\n"; {
		var err error
		if line, err = reader.ReadString('\n'); err != nil {
			d.t.Fatal(err)
		}
	}
	if _, err := io.CopyN(io.Discard, reader, int64(bytes)); err != nil {
		d.t.Fatal(err)
	}
}

// A watch is what was told of an offer.
type watch struct {
	t    *testing.T
	mu   sync.Mutex
	last serve.Fetch
	all  []serve.Fetch
	news chan struct{}
}

func (w *watch) tell(f serve.Fetch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.all) > 0 && f.Sent < w.last.Sent {
		w.t.Errorf("%d bytes were sent, and now %d", w.last.Sent, f.Sent)
	}
	w.last = f
	w.all = append(w.all, f)
	select {
	case w.news <- struct{}{}:
	default:
	}
}

// until waits until what is told fits.
func (w *watch) until(what string, fits func(serve.Fetch) bool) serve.Fetch {
	w.t.Helper()
	limit := time.After(patience)
	for {
		w.mu.Lock()
		last := w.last
		w.mu.Unlock()
		if fits(last) {
			return last
		}
		select {
		case <-w.news:
		case <-limit:
			w.t.Fatalf("%s: it stays at %+v", what, last)
		}
	}
}

func (w *watch) complete() serve.Fetch {
	w.t.Helper()
	return w.until("complete", func(f serve.Fetch) bool { return f.Complete && f.Open == 0 })
}

func (w *watch) cut() serve.Fetch {
	w.t.Helper()
	return w.until("cut", func(f serve.Fetch) bool { return f.Cut && f.Open == 0 })
}

// troubled waits for the next trouble.
func (d *desk) troubled(want func(error) bool) {
	d.t.Helper()
	select {
	case err := <-d.trouble:
		if !want(err) {
			d.t.Errorf("told: %v", err)
		}
	case <-time.After(patience):
		d.t.Error("nothing is told")
	}
}

func notOffered(err error) bool { return errors.Is(err, serve.ErrNotOffered) }

func noHandshake(err error) bool {
	var e *serve.HandshakeError
	return errors.As(err, &e)
}

// section returns a whole file as a section.
func section(file []byte) *io.SectionReader {
	return io.NewSectionReader(bytes.NewReader(file), 0, int64(len(file)))
}
