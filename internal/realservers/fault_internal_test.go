package realservers

import "testing"

// TestFaultForLater checks that a fault waits for a connection that sends more: not for the end of one, nor for one that was cut, nor for
// one that was there before.
func TestFaultForLater(t *testing.T) {
	t.Parallel()
	cut, open, older := &proxyConn{payload: true, sent: 100, fails: 1}, &proxyConn{payload: true, sent: 100, fails: 1}, &proxyConn{payload: true, sent: 100}
	p := &Proxy{server: &Server{Kind: Nginx}, conns: map[*proxyConn]bool{open: true, older: true}}
	p.Fail(Fault{Action: Stall})
	for _, row := range []struct {
		conn *proxyConn
		sent string
		want Action
	}{{open, "", None}, {cut, "", None}, {cut, "more", None}, {older, "more", None}, {open, "more", Stall}, {open, "more", None}} {
		if _, then := p.judge(row.conn, []byte(row.sent)); then != row.want {
			t.Errorf("%q, cut %v: action %d, want %d", row.sent, row.conn == cut, then, row.want)
		}
	}
}
