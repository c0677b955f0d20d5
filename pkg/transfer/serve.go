package transfer

import (
	"context"
	"crypto/tls"
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

// ServeOptions are how this machine hands out files.
type ServeOptions struct {
	Listen      string          // HOST:PORT; an empty host is every address of this machine, port 0 takes a free one
	Listener    net.Listener    // instead of Listen; closed with the server
	Certificate tls.Certificate // what clients are shown; by FTP there is none
	// Legacy also takes clients that know nothing newer than TLS 1.0 or 1.1, RSA key exchange, CBC or 3DES, as old phones.
	// Without it TLS 1.2 is the least.
	Legacy bool
	// Calls, if not nil, answers the requests that are for no file: the other business of this address.
	Calls http.Handler
	// Timeout is the longest silence of a client, in the handshake and in a request; 30 s if 0. Between requests a
	// connection may be idle for a minute.
	Timeout time.Duration
	// Stall is how long a client may take none of a file's bytes: one that writes them to flash may pause. Timeout if 0.
	Stall time.Duration
	Rate  int64 // the most bytes of files a second, to all clients together; 0 is no limit
	// Known, if not nil, says whether an address is one of those that are waited for, when somebody connects from there.
	// Connections from others are few, are told to make their handshake and their request within ten seconds each, and end
	// with the answer: they neither use up memory nor keep out those that are known. Nil knows everybody. It must not wait.
	Known func(remote netip.Addr) bool
	// Troubled, if not nil, is told of clients that something went wrong with: err is a [*HandshakeError],
	// [ErrNotOffered] or, once, [ErrCrowded]. It is called by many goroutines, and must not wait.
	Troubled func(remote netip.Addr, err error)
}

// A HandshakeError is a client with which no TLS connection came about.
type HandshakeError struct{ Err error }

func (e *HandshakeError) Error() string { return "no TLS connection: " + e.Err.Error() }
func (e *HandshakeError) Unwrap() error { return e.Err }

const (
	idleBetweenRequests = 60 * time.Second
	maxRequestHeader    = 64 << 10
	tokenBytes          = 16
)

// A Server hands out files by HTTPS, each to those that it is for, and leaves all other requests to somebody else.
type Server struct {
	options ServeOptions
	door    *door
	shelf   shelf
	config  *tls.Config
	http    *http.Server
	ready   chan net.Conn // connections whose handshake is made
	buffers *buffers
	pace    *pace
	ctx     context.Context //nolint:containedctx // what all requests end with
	cancel  context.CancelFunc
}

// Serve listens at once, and serves until [Server.Close].
func Serve(o ServeOptions) (*Server, error) {
	o = o.complete()
	s := &Server{options: o, config: o.config(), shelf: shelf{offers: map[string]*Offer{}}, ready: make(chan net.Conn), buffers: newBuffers()}
	door, err := openDoor(o, s.enter)
	if err != nil {
		return nil, err
	}
	s.door, s.pace = door, newPace(o.Rate, door.done)
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
		ConnContext:       withFeed,
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				door.work.Add(1)
			case http.StateClosed, http.StateHijacked:
				door.work.Done()
			case http.StateActive, http.StateIdle:
			}
		},
	}
	door.work.Go(func() { _ = s.http.Serve(handover{s}) })
	door.run()
	return s, nil
}

func (o ServeOptions) complete() ServeOptions {
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Stall <= 0 {
		o.Stall = o.Timeout
	}
	if o.Known == nil {
		o.Known = func(netip.Addr) bool { return true }
	}
	if o.Calls == nil {
		o.Calls = http.NotFoundHandler()
	}
	if o.Troubled == nil {
		o.Troubled = func(netip.Addr, error) {}
	}
	return o
}

// config is how TLS is spoken to phones: with no key exchange that is new to them, since some choke on long messages,
// and with records of full size from the start, since all of them want a whole file.
func (o ServeOptions) config() *tls.Config {
	c := &tls.Config{
		Certificates:                []tls.Certificate{o.Certificate},
		MinVersion:                  tls.VersionTLS12,
		NextProtos:                  []string{"http/1.1"},
		CurvePreferences:            []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521},
		DynamicRecordSizingDisabled: true,
	}
	if o.Legacy {
		c.MinVersion = tls.VersionTLS10
		for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
			c.CipherSuites = append(c.CipherSuites, suite.ID)
		}
	}
	return c
}

// Addr is what the server listens on. The address is unspecified if that is every address of this machine.
func (s *Server) Addr() netip.AddrPort { return s.door.address() }

// Offer makes a file known to those that it is for.
func (s *Server) Offer(what Offering) *Offer {
	token := random(tokenBytes)
	return s.shelf.add(what, token, "/"+token+"/", secret.Secret{})
}

// Close ends all connections at once, with a reset, and waits until nothing of the server is left. Calls that wait for
// something else than their request's context hold it up.
func (s *Server) Close() error {
	s.cancel()
	err := s.door.close()
	s.shelf.close()
	_ = s.http.Close()
	s.door.work.Wait()
	return err
}

// enter makes the handshake, and hands the connection over to the HTTP server.
func (s *Server) enter(g *guest) {
	patience := g.patience(s.options.Timeout)
	conn := tls.Server(newFeed(g, patience), s.config)
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = g.Close()
		if s.ctx.Err() == nil {
			s.options.Troubled(g.remote, &HandshakeError{err})
		}
		return
	}
	select {
	case s.ready <- conn:
	case <-s.door.done:
		_ = g.Close()
	}
}

// A handover is the listener of the HTTP server.
type handover struct{ *Server }

func (h handover) Accept() (net.Conn, error) {
	select {
	case conn := <-h.ready:
		return conn, nil
	case <-h.door.done:
		return nil, net.ErrClosed
	}
}

func (h handover) Addr() net.Addr { return h.door.listener.Addr() }
func (h handover) Close() error   { return nil }

// handle answers a request.
func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	f := feedOf(r)
	if !f.guest.known {
		w.Header().Set("Connection", "close")
	}
	if r.ContentLength != 0 {
		s.limitBody(w, r)
	}
	token, name, isFile := splitPath(r.URL.Path)
	if !isFile {
		s.options.Calls.ServeHTTP(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "405 method not allowed", http.StatusMethodNotAllowed)
		return
	}
	offer := s.shelf.find(token)
	if offer == nil || offer.what.Name != name || !offer.isFor(f.guest.remote) {
		http.NotFound(w, r)
		s.options.Troubled(f.guest.remote, ErrNotOffered)
		return
	}
	s.hand(w, r, f, offer)
}

// splitPath parts a path that may be a file's: /, 32 hexadecimal digits, / and a name.
func splitPath(path string) (token, name string, ok bool) {
	const end = 1 + 2*tokenBytes
	if len(path) <= end || path[0] != '/' || path[end] != '/' {
		return "", "", false
	}
	token = path[1:end]
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
