package wpi

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxAnswer is how much of a phone's answer is read. Theirs has four header fields (the guide, p. 15).
const maxAnswer = 64 << 10

var (
	errNotHTTP = errors.New("the answer is not HTTP")
	errClosed  = errors.New("it closed the connection without an answer")
	errNoTLS   = errors.New("it does not speak TLS")
)

// exchange sends one request and reads the answer's status, and closes the connection. It is written by hand: a client
// of net/http follows redirects, asks the environment for a proxy, and does not tell the local address before it sends.
func (c Contact) exchange(ctx context.Context, conn net.Conn, address string, done Contacted) *ContactError {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(c.Timeout))
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if _, err := io.WriteString(conn, request(done.Method, address, c.form(done.Local))); err != nil && isTimeout(err) {
		return failed(address, err, ContactNoPhone)
	} // one that refuses early has closed, and its answer is there to be read
	status, err := readStatus(conn, done.Method)
	switch {
	case err != nil:
		return failed(address, err, ContactNoPhone)
	case status != http.StatusNoContent: // the only one that means yes (the guide, p. 15)
		return &ContactError{Kind: ContactRefused, Address: address, Status: status}
	}
	return nil
}

func request(method, address, form string) string {
	host, port, _ := net.SplitHostPort(address)
	host, _, _ = strings.Cut(host, "%")
	host = net.JoinHostPort(host, port)
	if method == http.MethodGet {
		return "GET " + ContactPath + "?" + form + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n"
	}
	return "POST " + ContactPath + " HTTP/1.1\r\nHost: " + host + "\r\nContent-Type: application/x-www-form-urlencoded\r\n" +
		"Content-Length: " + strconv.Itoa(len(form)) + "\r\nConnection: close\r\n\r\n" + form
}

// readStatus returns the status of the answer. What net/http says about one that is none holds the phone's own words, so
// that is not passed on.
func readStatus(conn net.Conn, method string) (int, error) {
	late := &lateReader{from: io.LimitReader(conn, maxAnswer)}
	r := bufio.NewReader(late)
	if _, err := r.Peek(1); err != nil && late.err == nil {
		return 0, errClosed
	}
	for {
		answer, err := http.ReadResponse(r, &http.Request{Method: method}) //nolint:bodyclose // closing would read it to its end
		switch {
		case err != nil && late.err != nil:
			return 0, late.err
		case err != nil:
			return 0, errNotHTTP
		}
		if answer.StatusCode >= 200 {
			return answer.StatusCode, nil
		}
	}
}

// A lateReader remembers that nothing came in time: who reads lines takes what has come for one.
type lateReader struct {
	from io.Reader
	err  error
}

func (r *lateReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	if err != nil && isTimeout(err) {
		r.err = err
	}
	return n, err
}

// handshake makes a connection to a phone's web page one of TLS.
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
		if isTimeout(err) {
			return nil, err
		}
		return nil, errNoTLS
	}
	return secure, nil
}

func isTimeout(err error) bool {
	e := net.Error(nil)
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &e) && e.Timeout()
}
