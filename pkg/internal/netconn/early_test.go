package netconn_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
)

// put sends a body of ten MiB to a server in memory, which gets the connection when it has the request's head. It
// returns the client's connection too.
func put(t *testing.T, grace time.Duration, server func(net.Conn)) (*http.Response, *netconn.Conn, error) {
	t.Helper()
	c, there := pipe()
	c.HoldFailedWrites(grace)
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		go func() {
			if _, err := http.ReadRequest(bufio.NewReader(there)); err == nil {
				server(there)
			}
			_ = there.Close()
		}()
		return c, nil
	}}
	t.Cleanup(transport.CloseIdleConnections)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://phone.test/", io.LimitReader(zeros{}, 10<<20))
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	return response, c, err
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// An answer that comes before the whole request is heard to its end, although the connection ends.
func TestEarlyAnswer(t *testing.T) {
	t.Parallel()
	for range 50 {
		for _, length := range []int{0, 100_000} {
			synctest.Test(t, func(t *testing.T) {
				response, _, err := put(t, time.Second, func(c net.Conn) {
					_, _ = fmt.Fprintf(c, "HTTP/1.1 413 Too Large\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", length, strings.Repeat("x", length))
				})
				if err != nil {
					t.Fatal(err)
				}
				defer response.Body.Close()
				body, err := io.ReadAll(response.Body)
				if response.StatusCode != http.StatusRequestEntityTooLarge || err != nil || len(body) != length {
					t.Errorf("got %s and %d bytes: %v", response.Status, len(body), err)
				}
			})
		}
	}
}

// Without an answer it takes no longer than reading says.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		response, _, err := put(t, time.Hour, func(net.Conn) {})
		if err == nil {
			_ = response.Body.Close()
			t.Fatal("there was no answer")
		}
		if took := time.Since(start); took >= time.Second {
			t.Errorf("%v after %v", err, took)
		}
	})
}

// A server that takes nothing more has the idle limit, and no grace.
func TestStalledRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		response, c, err := put(t, time.Hour, func(net.Conn) { <-t.Context().Done() })
		if err == nil {
			_ = response.Body.Close()
			t.Fatal("there was no answer")
		}
		if took := time.Since(start); !c.TimedOut() || took > idle+time.Second {
			t.Errorf("%v after %v", err, took)
		}
	})
}
