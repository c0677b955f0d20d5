package serve

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/secret"
)

// Options say how this machine hands out files. The zero value of a field is its default.
type Options struct {
	// Address is where to listen, HOST:PORT: an empty host is every address of this machine, port 0 takes a free one.
	Address string
	// Listener, if not nil, is used instead of Address. Its connections have to come from IP addresses. The server closes it.
	Listener net.Listener
	// DataListener, if not nil, opens the port of a passive data connection by FTP. If nil, it is a TCP port of
	// this machine, at the address that the client has reached and no other.
	DataListener func() (net.Listener, error)
	Certificate  tls.Certificate // what clients are shown; by FTP there is none
	// CertificateFor, if not nil, returns what a client is shown that connected to an address of this machine, instead of
	// Certificate.
	CertificateFor func(local netip.Addr) (*tls.Certificate, error)
	// ClientAuthorities, if not nil, are the authorities one of which must have signed a client's certificate: a client that
	// shows another one gets no connection, and one without a certificate gets nothing but a file that is offered to it. By
	// FTP there are no certificates.
	ClientAuthorities *x509.CertPool
	// Legacy also takes clients that know nothing newer than TLS 1.0 or 1.1, RSA key exchange, 3DES or RC4, as old phones, and
	// certificates with a short RSA key.
	// Without it TLS 1.2 is the least.
	Legacy bool
	// Handler, if not nil, answers the requests that are for no file. By FTP there are none.
	Handler http.Handler
	// Timeout is the longest silence of a client, in the handshake and in a request; 30 s if 0. Between requests a
	// connection may be idle for a minute.
	Timeout time.Duration
	// Stall is how long a client may take none of a file's bytes: one that writes them to flash may pause. Timeout if 0.
	Stall time.Duration
	Rate  int64 // the most bytes of files a second, to all clients together; 0 for no limit
	// Known, if not nil, reports whether an address is one of those that are waited for, when a connection comes from there.
	// Others get 64 connections, and 16 from one address, have ten seconds for the handshake and ten for the request, and
	// are closed after the answer: they neither use up memory nor keep out those that are known. If nil, all are known. It
	// must not wait.
	Known func(remote netip.Addr) bool
	// OnError, if not nil, is told what went wrong with a client: err is a [*HandshakeError], a [*RequestError], [ErrNotOffered],
	// [ErrNoCertificate], [ErrNoRequest] or, once each, [ErrTooManyConns] and [ErrFull]. It is called by many goroutines, and must not wait.
	OnError func(remote netip.Addr, err error)
}

// HandshakeError says why no TLS connection to a client came about. Err is an [*AlertError] if the client rejects this machine's
// certificate, and a [*CertificateError] if its own is not accepted.
type HandshakeError struct{ Err error }

func (e *HandshakeError) Error() string { return "no TLS connection: " + e.Err.Error() }
func (e *HandshakeError) Unwrap() error { return e.Err }

const (
	idleBetweenRequests = 60 * time.Second
	maxRequestHeader    = 64 << 10
	tokenBytes          = 16
)

// Server hands out files by HTTPS, each to those that it is for, and leaves all other requests to [Options.Handler].
type Server struct {
	options  Options
	listener *listener
	offers   registry
	config   *tls.Config
	http     *http.Server
	ready    chan net.Conn // connections whose handshake is made
	buffers  *buffers
	pace     *pace
	ctx      context.Context //nolint:containedctx // what all requests end with
	cancel   context.CancelFunc
}

// New listens at once, and serves until [Server.Close]. The error is that of listening.
func New(o Options) (*Server, error) {
	o = o.complete()
	s := &Server{options: o, config: o.config(), offers: registry{offers: map[string]*Offer{}, cache: newChunkCache()}, ready: make(chan net.Conn), buffers: newBuffers()}
	l, err := newListener(o, s.serveConn)
	if err != nil {
		return nil, err
	}
	s.listener, s.pace = l, newPace(o.Rate, l.done)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	s.http = &http.Server{
		Handler:           http.HandlerFunc(s.handle),
		Protocols:         protocols,
		ReadHeaderTimeout: o.Timeout,
		IdleTimeout:       idleBetweenRequests,
		MaxHeaderBytes:    maxRequestHeader,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		BaseContext:       func(net.Listener) context.Context { return s.ctx },
		ConnContext:       withConn,
		ConnState: func(c net.Conn, state http.ConnState) {
			switch state {
			case http.StateIdle:
				c.(*requestConn).idle() //nolint:forcetypeassert // serveConn passes on no other
			case http.StateNew:
				l.work.Add(1)
			case http.StateClosed, http.StateHijacked:
				l.work.Done()
			case http.StateActive:
			}
		},
	}
	l.work.Go(func() { _ = s.http.Serve(readyListener{s}) })
	l.run()
	return s, nil
}

// complete fills in the defaults.
func (o Options) complete() Options {
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Stall <= 0 {
		o.Stall = o.Timeout
	}
	if o.Known == nil {
		o.Known = func(netip.Addr) bool { return true }
	}
	if o.Handler == nil {
		o.Handler = http.NotFoundHandler()
	}
	if o.OnError == nil {
		o.OnError = func(netip.Addr, error) {}
	}
	return o
}

// config returns the TLS for phones: with no key exchange that is new to them, since some choke on long messages,
// and with records of full size from the start, since all of them want a whole file.
func (o Options) config() *tls.Config {
	c := &tls.Config{
		Certificates:                []tls.Certificate{o.Certificate},
		MinVersion:                  tls.VersionTLS12,
		NextProtos:                  []string{"http/1.1"},
		CurvePreferences:            []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521},
		DynamicRecordSizingDisabled: true,
	}
	if o.CertificateFor != nil {
		c.Certificates = nil // else they are shown to whoever names no host
		c.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return o.CertificateFor(addrPort(hello.Conn.LocalAddr()).Addr())
		}
	}
	if o.ClientAuthorities != nil {
		// The names of the authorities are not sent: a client then shows whatever certificate it has, and the error can say
		// what is wrong with it.
		c.ClientAuth, c.VerifyConnection = tls.RequestClientCert, o.verifyClient
	}
	if o.Legacy {
		c.MinVersion = tls.VersionTLS10
		for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
			c.CipherSuites = append(c.CipherSuites, suite.ID)
		}
	}
	return c
}

// Addr returns what the server listens on. The address is unspecified if that is every address of this machine.
func (s *Server) Addr() netip.AddrPort { return s.listener.address() }

// Offer makes a file available to those that it is for. After Close nobody gets it.
func (s *Server) Offer(what Offering) *Offer {
	token := random(tokenBytes)
	return s.offers.add(what, token, "/"+token+"/", secret.Secret{})
}

// Close ends all connections at once, with a reset, and waits until nothing of the server is left. A Handler that waits
// for something else than its request's context holds it up. The error is that of closing the listener.
func (s *Server) Close() error {
	s.cancel()
	err := s.listener.close()
	s.offers.close()
	_ = s.http.Close()
	s.listener.work.Wait()
	return err
}

// serveConn makes the handshake, and passes the connection on to the HTTP server.
func (s *Server) serveConn(c *conn) {
	timeout := c.timeout(s.options.Timeout)
	below := newBatchConn(c, timeout)
	secure := tls.Server(below, s.config)
	ctx, cancel := context.WithTimeout(s.ctx, timeout)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = c.Close()
		s.refused(c.remote, s.handshakeError(err, below))
		return
	}
	below.begin = nil
	c.keepCertificates(secure.ConnectionState().PeerCertificates)
	request := &requestConn{Conn: secure, server: s}
	select {
	case s.ready <- request:
	case <-s.listener.done:
		_ = c.Close()
	}
}

// refused tells of a client that gets no answer, unless the server closes.
func (s *Server) refused(remote netip.Addr, err error) {
	if s.ctx.Err() == nil {
		s.options.OnError(remote, err)
	}
}

// A readyListener is the listener of the HTTP server: it gives out connections whose handshake is made.
type readyListener struct{ *Server }

func (l readyListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.ready:
		return c, nil
	case <-l.listener.done:
		return nil, net.ErrClosed
	}
}

func (l readyListener) Addr() net.Addr { return l.listener.Addr() }
func (l readyListener) Close() error   { return nil }

// handle answers a request.
func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	request, c := connOf(r)
	request.handle()
	if !c.client.known {
		w.Header().Set("Connection", "close")
	}
	if r.ContentLength != 0 {
		s.limitBody(w, r)
	}
	state := request.ConnectionState()
	r.TLS = &state
	token, name, isFile := splitPath(r.URL.Path)
	if !isFile && s.options.ClientAuthorities != nil && len(state.PeerCertificates) == 0 {
		w.Header().Set("Connection", "close")
		http.Error(w, "403 "+ErrNoCertificate.Error(), http.StatusForbidden)
		s.options.OnError(c.client.remote, ErrNoCertificate)
		return
	}
	if !isFile {
		r.RequestURI = shown(r.RequestURI) // it may be in errors
		s.options.Handler.ServeHTTP(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "405 method not allowed", http.StatusMethodNotAllowed)
		s.options.OnError(c.client.remote, &RequestError{Sent: requestLine(r), Why: "a file is requested by GET only"})
		return
	}
	offer := s.offers.find(token)
	if offer == nil || !strings.EqualFold(offer.what.Name, name) || !offer.isFor(c.client.remote) {
		http.NotFound(w, r)
		s.options.OnError(c.client.remote, notOffered(r))
		return
	}
	if accepts := offer.what.Accepts; accepts != nil && len(state.PeerCertificates) > 0 && !accepts(state.PeerCertificates[0]) {
		http.NotFound(w, r)
		return
	}
	s.serveFile(w, r, c, offer)
}

// notOffered returns the error for a request for a file that the client may not have.
func notOffered(r *http.Request) error {
	return &RequestError{Sent: requestLine(r), Why: ErrNotOffered.Error(), Err: ErrNotOffered}
}

// splitPath splits a path that may be a file's: /, 32 hexadecimal digits, / and a name. Differences that mean nothing are
// ignored: capitals, empty parts.
func splitPath(path string) (token, name string, ok bool) {
	const end = 1 + 2*tokenBytes
	path = plainPath(path)
	if len(path) <= end || path[0] != '/' || path[end] != '/' {
		return "", "", false
	}
	token = strings.ToLower(path[1:end])
	return token, path[end+1:], strings.Trim(token, "0123456789abcdef") == ""
}

// limitBody sets the limit for a request's body as a whole. A handler that sets another has that.
func (s *Server) limitBody(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(s.options.Timeout))
	r.Body = &limitedBody{r.Body, control}
}

// A limitedBody is read with a limit, which ends with it: from there on the server watches for the next request, as long as
// the answer takes.
type limitedBody struct {
	io.ReadCloser
	control *http.ResponseController
}

func (b *limitedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}
