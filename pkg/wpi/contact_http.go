package wpi

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
)

// maxAnswer is how much of a phone's answer is read. Theirs has four header fields (the guide, p. 15).
const maxAnswer = 64 << 10

var (
	errNotHTTP = errors.New("the answer is not HTTP")
	errClosed  = errors.New("it closed the connection without an answer")
	errNoTLS   = errors.New("it does not speak TLS")
)

// exchange sends one request over a connection, returns the status of the answer if it is one of success, and closes the
// connection. It follows no redirect and uses no proxy.
func (c Contact) exchange(ctx context.Context, conn net.Conn, address string, done Contacted) (int, *ContactError) {
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithTimeoutCause(ctx, c.Timeout, os.ErrDeadlineExceeded)
	defer cancel()
	heard := &heardConn{Conn: conn}
	transport := &http.Transport{
		DialContext:            func(context.Context, string, string) (net.Conn, error) { return heard, nil },
		MaxResponseHeaderBytes: maxAnswer,
		DisableCompression:     true,
	}
	client, err := transport.NewClientConn(ctx, "http", address)
	if err != nil {
		return 0, failed(address, err, ContactNoPhone)
	}
	defer func() { _ = client.Close() }()
	response, err := client.RoundTrip(request(done.Method, address, c.form(done.Local)).WithContext(ctx))
	if err != nil {
		return 0, failed(address, answerError(err, heard.bytes.Load() > 0), ContactNoPhone)
	}
	_ = response.Body.Close()
	if status := response.StatusCode; status >= http.StatusOK && status < http.StatusMultipleChoices { // a phone that calls has taken it, whatever it answered
		return status, nil
	}
	return 0, &ContactError{Kind: ContactRefused, Address: address, Status: response.StatusCode}
}

// request returns the request in one of its two forms.
func request(method, address, form string) *http.Request {
	r := &http.Request{
		Method: method, URL: &url.URL{Scheme: "http", Host: address, Path: ContactPath}, Close: true,
		Header: http.Header{"User-Agent": nil},
	}
	if method == http.MethodGet {
		r.URL.RawQuery = form
		return r
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(form)), int64(len(form))
	return r
}

// answerError returns why there is no answer; heard says whether anything came. What net/http says of an answer that makes no sense
// holds the phone's own words. What it says of a connection that the phone closed depends on the moment.
func answerError(err error, heard bool) error {
	class := netconn.Classify(err)
	switch {
	case class == netconn.Timeout:
		return err
	case !heard, class == netconn.Broken && !errors.Is(err, io.ErrUnexpectedEOF):
		return errClosed
	}
	return errNotHTTP
}

// A heardConn counts what comes.
type heardConn struct {
	net.Conn
	bytes atomic.Int64
}

// Read reads from the connection.
func (c *heardConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.bytes.Add(int64(n))
	return n, err
}

// handshake returns a connection of TLS over one to a phone's web page.
func (c Contact) handshake(ctx context.Context, conn net.Conn) (net.Conn, error) {
	var suites []uint16
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		suites = append(suites, s.ID)
	}
	name, _, _ := net.SplitHostPort(conn.RemoteAddr().String())
	name, _, _ = strings.Cut(name, "%")
	secure := tls.Client(conn, &tls.Config{
		ServerName:         name,
		InsecureSkipVerify: true,             //nolint:gosec // phones show a certificate of their vendor's, and nothing secret goes there
		MinVersion:         tls.VersionTLS10, //nolint:gosec // an old phone's web page speaks nothing better
		CipherSuites:       suites,
	})
	limited, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	if err := secure.HandshakeContext(limited); err != nil {
		_ = conn.Close()
		if netconn.Classify(err) == netconn.Timeout {
			return nil, err
		}
		return nil, errNoTLS
	}
	return secure, nil
}
