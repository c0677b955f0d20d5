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
	transport := &http.Transport{
		DialContext:            func(context.Context, string, string) (net.Conn, error) { return conn, nil },
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
		return 0, failed(address, answerError(err), ContactNoPhone)
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

// answerError returns why there is no answer. What net/http says of one that makes no sense holds the phone's own words.
func answerError(err error) error {
	switch netconn.Classify(err) {
	case netconn.Timeout:
		return err
	case netconn.Broken:
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			return errClosed
		}
	}
	return errNotHTTP
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
