package serve_test

import (
	"io"
	"net"
	"testing"
	"time"
)

// Who speaks something else, and is gone before the answer, leaves nothing behind: Close would wait for it.
func TestServeFTPLosesReplies(t *testing.T) {
	t.Parallel()
	d := openFTP(t)
	for range 200 {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", d.handing.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nA: b\r\nC: d\r\n\r\n")
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	}
	closed := make(chan error, 1)
	go func() { closed <- d.handing.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("it does not close")
	}
}
