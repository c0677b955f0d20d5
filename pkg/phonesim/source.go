package phonesim

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/jlaffaye/ftp"
)

// A source is a file that is being read.
type source struct {
	io.Reader
	left  int64 // bytes that will come, -1 if the server did not say
	whole bool  // from the first byte, whatever was asked for
	close func() error
}

// openHTTPS requests a file by HTTPS. The certificate is not verified, as for calls (assumed), and redirects are not followed.
func (r *boot) openHTTPS(ctx context.Context, f fetch, from int64) (*source, error) {
	address := f.url.Host
	if f.url.Port() == "" {
		address = net.JoinHostPort(f.url.Hostname(), "443")
	}
	l, stream, err := r.dialFetch(ctx, address)
	if err != nil {
		return nil, err
	}
	end := func() {
		_ = stream.Close()
		l.end()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", f.url.RequestURI(), f.url.Host)
	if f.username != "" {
		b.WriteString("Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(f.username+":"+f.password)) + "\r\n")
	}
	if from > 0 {
		fmt.Fprintf(&b, "Range: bytes=%d-\r\n", from)
	}
	if _, err := io.WriteString(stream, b.String()+"\r\n"); err != nil {
		end()
		return nil, err
	}
	response, err := finalResponse(bufio.NewReader(stream), http.MethodGet)
	if err != nil {
		end()
		return nil, err
	}
	hangUp := func() error {
		end() // before the body: its Close would read what is left
		_ = response.Body.Close()
		return nil
	}
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusPartialContent {
		return nil, errors.Join(fmt.Errorf("the server answers with status %d", response.StatusCode), hangUp())
	}
	return &source{response.Body, response.ContentLength, response.StatusCode == http.StatusOK, hangUp}, nil
}

// dialFetch connects to a file server by TLS.
func (r *boot) dialFetch(ctx context.Context, address string) (*idleConn, net.Conn, error) {
	if !r.p.traits.plainFetch {
		return r.p.dialTLS(ctx, address)
	}
	l, err := r.p.dial(ctx, address)
	return l, l, err
}

// openFTP requests a file by FTP, in passive mode.
func (r *boot) openFTP(ctx context.Context, f fetch, from int64) (*source, error) {
	var lines []*idleConn
	end := func() {
		for _, l := range lines {
			l.end()
		}
	}
	dial := func(_, address string) (net.Conn, error) {
		l, err := r.p.dial(ctx, address)
		if err != nil {
			return nil, err
		}
		lines = append(lines, l)
		return l, nil
	}
	fail := func(err error) (*source, error) {
		end()
		return nil, err
	}
	server, err := ftp.Dial(f.server, ftp.DialWithDialFunc(dial))
	if err != nil {
		return fail(err)
	}
	username, password := f.username, f.password
	if username == "" {
		username, password = "anonymous", "anonymous"
	}
	if err := server.Login(username, password); err != nil {
		return fail(errors.New("the server rejects the login"))
	}
	if f.path != "" {
		if err := server.ChangeDir(f.path); err != nil {
			return fail(err)
		}
	}
	left := int64(-1)
	if size, err := server.FileSize(f.name); err == nil {
		left = size - from
	}
	body, err := server.RetrFrom(f.name, uint64(from))
	if err != nil {
		return fail(err)
	}
	return &source{body, left, false, func() error {
		defer end()
		if err := body.Close(); err != nil {
			return err
		}
		return server.Quit()
	}}, nil
}
