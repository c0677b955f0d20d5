package phonesim

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/wpi"
)

const servicePath = "/DeploymentService/LoginService" // fixed in the firmware (observed)

// post sends a message and returns the service's answer: nil ends the conversation. The error is a protocolError
// if the answer cannot be understood.
func (c *conversation) post(ctx context.Context, m *wpi.PhoneMessage) (*wpi.ServiceMessage, error) {
	m.Nonce = c.newNonce()
	c.nonce = m.Nonce
	body := c.r.p.style(m)
	fresh := c.stream == nil
	response, err := c.send(ctx, body)
	if err != nil && !fresh && ctx.Err() == nil {
		c.close() // the service may have closed what was open for long
		response, err = c.send(ctx, body)
	}
	if err != nil {
		return nil, err
	}
	if len(response.cookies) > 0 {
		c.cookie = strings.Join(response.cookies, "; ") // all of it, attributes too (observed)
	}
	switch {
	case response.status != http.StatusOK && response.status != http.StatusNoContent:
		return nil, fmt.Errorf("the service answers with status %d", response.status)
	case len(bytes.TrimSpace(response.text)) == 0: // observed: a service that never says CleanUp
		return nil, nil //nolint:nilnil // the end is no error
	}
	return c.understand(response)
}

// understand reads an answer.
func (c *conversation) understand(response *response) (*wpi.ServiceMessage, error) {
	if c.r.p.traits.old {
		if problem := oldProblem(response); problem != "" {
			return nil, protocolError(problem)
		}
	}
	answer, err := wpi.ParseServiceMessage(response.text)
	if err != nil {
		return nil, protocolError(err.Error())
	}
	if answer.Nonce != c.nonce {
		return nil, protocolError("the nonce does not match the message")
	}
	return answer, nil
}

// oldProblem returns what old firmware cannot read: chunks (the guide, p. 12: up to V2R2), the entities for & < >
// (observed: 2009), and text before the XML (observed).
func oldProblem(response *response) string {
	entity := regexp.MustCompile(`(?i)&(amp|lt|gt|#0*38|#0*60|#0*62|#x0*26|#x0*3c|#x0*3e);`)
	switch {
	case response.chunked:
		return "the answer is chunked"
	case response.length < 0:
		return "the answer states no length"
	case response.text[0] != '<':
		return "there is text before the XML"
	case entity.Match(response.text):
		return "there is an entity for &, < or >"
	}
	return ""
}

// A response is a service's answer as it came.
type response struct {
	status  int
	cookies []string
	chunked bool
	length  int64 // that was stated, -1 if none was
	text    []byte
}

// send sends one request and returns the answer, of its body as much as a message may have and one byte.
func (c *conversation) send(ctx context.Context, body []byte) (*response, error) {
	if c.stream == nil {
		l, stream, err := c.r.p.dialTLS(ctx, c.target)
		if err != nil {
			return nil, err
		}
		c.conn, c.stream, c.reader = l, stream, bufio.NewReader(stream)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: %s\r\n", servicePath, c.target)
	if c.r.p.traits.closes {
		b.WriteString("Connection: close\r\n")
	}
	if c.cookie != "" {
		fmt.Fprintf(&b, "Cookie: %s\r\n", c.cookie)
	}
	fmt.Fprintf(&b, "Content-Type: text/xml\r\nContent-Length: %d\r\n\r\n", len(body))
	b.Write(body)
	if _, err := c.stream.Write(b.Bytes()); err != nil {
		return nil, fmt.Errorf("sending a message: %w", err)
	}
	got, err := finalResponse(c.reader, http.MethodPost)
	if err != nil {
		return nil, fmt.Errorf("waiting for the answer: %w", err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(io.LimitReader(got.Body, wpi.MaxMessage+1))
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	if got.Close || c.r.p.traits.closes || len(text) > wpi.MaxMessage {
		c.close()
	}
	return &response{
		got.StatusCode, got.Header.Values("Set-Cookie"), slices.Contains(got.TransferEncoding, "chunked"), got.ContentLength, text,
	}, nil
}

// finalResponse reads an answer, and passes over those before it that are not the last one, such as 100 Continue (RFC 9110,
// 15.2).
func finalResponse(r *bufio.Reader, method string) (*http.Response, error) {
	const most = 16
	for range most {
		got, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil || got.StatusCode >= http.StatusOK || got.StatusCode == http.StatusSwitchingProtocols {
			return got, err
		}
		_ = got.Body.Close() // it is empty
	}
	return nil, errors.New("interim answers without end")
}

// dialTLS opens a TLS connection.
func (p *Phone) dialTLS(ctx context.Context, address string) (*idleConn, net.Conn, error) {
	l, err := p.dial(ctx, address)
	if err != nil {
		return nil, nil, err
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		l.end()
		return nil, nil, err
	}
	stream := tls.Client(l, p.clientTLS(host))
	if err := stream.HandshakeContext(ctx); err != nil {
		l.end()
		return nil, nil, fmt.Errorf("the TLS handshake: %w", err)
	}
	return l, stream, nil
}

// close ends the connection.
func (c *conversation) close() {
	if c.stream == nil {
		return
	}
	_ = c.stream.Close()
	c.conn.end()
	c.conn, c.stream, c.reader = nil, nil, nil
}
