package wpi_test

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// TestNotAdmitted: who is not admitted gets a status, before the body is there, and nothing of it is read or kept.
func TestNotAdmitted(t *testing.T) {
	t.Parallel()
	post := httpPost(message("A1", "reply-to", "", "mac-addr=00:1A:E8:00:00:01"))
	for name, request := range map[string]string{
		"a message":      post,
		"half of one":    post[:len(post)-1],
		"head only":      "POST /DeploymentService/LoginService HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n",
		"chunks":         "POST /DeploymentService/LoginService HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
		"100 wanted":     httpPost("", "Expect: 100-continue"),
		"a fragment":     httpPost(strings.Replace(message("A1", "solicited", ""), "maxItems", `fragment="next" maxItems`, 1)),
		"no message":     httpPost("canary"),
		"something else": "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told := make(chan error, 1)
			l := dial(t, start(t, wpi.ServiceOptions{
				Timeout: time.Hour,
				Admit:   func(remote netip.Addr) bool { return remote != netip.MustParseAddr("127.0.0.1") },
				Answer: func(context.Context, wpi.Call) (wpi.ServiceMessage, error) {
					t.Error("it is answered")
					return wpi.CleanUp(), nil
				},
				Trouble: func(_ netip.Addr, err error) { told <- err },
			}), nil)
			_, _ = io.WriteString(l.conn, request)
			head, body := l.answer()
			if head != "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" || body != "" || !l.ended() {
				t.Errorf("got %s%s", head, body)
			}
			err := <-told
			if e := (*wpi.CallError)(nil); !errors.As(err, &e) || e.Status != 403 || !errors.Is(err, wpi.ErrNotAnswered) {
				t.Errorf("told %v", err)
			}
		})
	}
}

// TestAdmitted: the others are served as ever.
func TestAdmitted(t *testing.T) {
	t.Parallel()
	var d diary
	o := steps(&d)
	o.Admit = func(remote netip.Addr) bool { return remote == netip.MustParseAddr("127.0.0.1") }
	if head, _ := dial(t, start(t, o), nil).post(message("A1", "solicited", "")).answer(); !strings.HasPrefix(head, "HTTP/1.1 200 ") {
		t.Errorf("got %s", head)
	}
}
