package transfer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
)

// An httpsStore is a folder on an HTTPS server. Its connection is kept between requests.
type httpsStore struct {
	peer
	base      *url.URL
	transport *http.Transport
	client    *http.Client
	login     httpLogin
	conn      atomic.Pointer[netconn.Conn] // the last connection
	grace     atomic.Int64                 // how long a connection may be silent, if not for Timeout
}

func newHTTPSStore(a Access, o Options) (Store, error) {
	u, err := a.baseURL()
	if err != nil {
		return nil, &SettingError{SettingBaseURL, "cannot be read as a URL"}
	}
	s := &httpsStore{peer: peer{access: a, o: o, address: a.Address()}, base: u}
	s.login = httpLogin{username: a.Username, password: a.Password}
	s.transport = s.newTransport()
	s.client = &http.Client{Transport: s.transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // a PUT that follows becomes a GET, which says 200 and has sent nothing
	}}
	return s, nil
}

// newTransport returns a transport that speaks HTTP/1.1 with this one server: no proxy, no HTTP/2 (which is slower for
// one large body), no decompression.
func (s *httpsStore) newTransport() *http.Transport {
	config := s.config(s.base.Hostname())
	config.NextProtos = []string{"http/1.1"}
	return &http.Transport{
		DialTLSContext:         s.dial,
		TLSClientConfig:        config, // for dial: net/http does not look at it
		TLSNextProto:           map[string]func(string, *tls.Conn) http.RoundTripper{},
		ExpectContinueTimeout:  min(time.Second, s.o.Timeout),
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true,
		WriteBufferSize:        64 << 10,
		MaxConnsPerHost:        1,
	}
}

func (s *httpsStore) dial(ctx context.Context, _, address string) (net.Conn, error) {
	s.tell(StepConnect, address)
	idle := s.o.Timeout
	if grace := time.Duration(s.grace.Load()); grace > 0 {
		idle = min(idle, grace)
	}
	c, err := s.o.connect(ctx, address, idle)
	if err != nil {
		return nil, err
	}
	c.ResetOnClose()
	s.conn.Store(c)
	c.HoldFailedWrites(min(time.Second, idle))
	secure := newSecureConn(c, s.transport.TLSClientConfig)
	if err := handshakeWithin(ctx, secure.Conn, idle); err != nil {
		_ = c.Close()
		return nil, err
	}
	return secure, nil
}

// fail turns the error of a request into what Put returns. The error is that of whichever of reading and writing ended
// first; silence is known for certain.
func (s *httpsStore) fail(ctx context.Context, op string, err error) error {
	if c := s.conn.Load(); c != nil {
		err = errors.Join(err, c.LimitError())
	}
	return s.peer.fail(ctx, op, err)
}

// refuse returns the error of an unexpected answer.
func (s *httpsStore) refuse(op string, answer *httpAnswer) *Error {
	e := &Error{Op: op, Server: s.address, Kind: statusKind(answer.StatusCode), Code: answer.StatusCode, Reply: answer.words}
	switch answer.StatusCode {
	case http.StatusBadRequest, http.StatusForbidden, statusCertificateError, statusCertificateRequired:
		if s.wantsCertificate.Load() {
			e.Err = ErrClientCertificate
		}
	}
	switch e.Kind {
	case KindRedirect:
		e.Err = errors.New("it names no address")
		if to := s.words(answer.Header.Get("Location")); to != "" {
			e.Err = fmt.Errorf("to %s", to)
		}
	case KindLogin:
		e.Err = s.login.problem()
	case KindBusy:
		if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil && seconds > 0 {
			e.after = time.Duration(min(seconds, 60)) * time.Second
		}
	}
	return e
}

// What nginx says of a client certificate, also in answers that it shows as 400.
const (
	statusCertificateError    = 495
	statusCertificateRequired = 496
)

// statusKind returns the kind of an unexpected answer, by its status (RFC 9110, 15; RFC 4918, 11).
func statusKind(status int) Kind {
	switch status {
	case http.StatusUnauthorized, http.StatusProxyAuthRequired:
		return KindLogin
	case http.StatusForbidden, http.StatusMethodNotAllowed:
		return KindDenied
	case http.StatusNotFound, http.StatusConflict, http.StatusGone:
		return KindMissing
	case http.StatusPreconditionFailed:
		return KindExists
	case http.StatusRequestEntityTooLarge, http.StatusInsufficientStorage:
		return KindFull
	case http.StatusRequestURITooLong:
		return KindName
	case http.StatusRequestTimeout, http.StatusLocked, http.StatusTooManyRequests,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return KindBusy
	}
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return KindRedirect
	}
	return KindRefused
}

// Close ends the connection.
func (s *httpsStore) Close() error {
	s.transport.CloseIdleConnections()
	return nil
}

// errLoginWanted says that the server wants a login, and none is given.
var errLoginWanted = errors.New("the server wants a login, and no username is given")
