package netconn_test

import (
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
)

// A stillConn is a connection on a machine that stands still at its first waits, each a minute longer than the deadline. Then
// its peer has answered, if it answers.
type stillConn struct {
	net.Conn
	still    int
	deadline time.Time
	answers  bool
}

func (c *stillConn) SetReadDeadline(t time.Time) error  { c.deadline = t; return nil }
func (c *stillConn) SetWriteDeadline(t time.Time) error { c.deadline = t; return nil }

func (c *stillConn) wait(p []byte) (int, error) {
	if c.still > 0 {
		c.still--
		time.Sleep(time.Until(c.deadline) + time.Minute)
		return 0, os.ErrDeadlineExceeded
	}
	if c.answers {
		return len(p), nil
	}
	time.Sleep(time.Until(c.deadline))
	return 0, os.ErrDeadlineExceeded
}

func (c *stillConn) Read(p []byte) (int, error)  { return c.wait(p) }
func (c *stillConn) Write(p []byte) (int, error) { return c.wait(p) }

// TestStandstill checks that the time for which this machine stood still is no silence of the peer, and that a peer that is
// silent afterwards too is given up.
func TestStandstill(t *testing.T) {
	t.Parallel()
	const limit = 10 * time.Second
	for name, wait := range map[string]func(*netconn.Conn) (int, error){
		"read":  func(c *netconn.Conn) (int, error) { return c.Read(make([]byte, 1)) },
		"write": func(c *netconn.Conn) (int, error) { return c.Write(make([]byte, 1)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				for still := range 4 {
					if n, err := wait(netconn.New(&stillConn{still: still, answers: true}, limit)); n != 1 || err != nil {
						t.Errorf("after %d times: %d, %v", still, n, err)
					}
					begun := time.Now()
					_, err := wait(netconn.New(&stillConn{still: still}, limit))
					if awake := time.Since(begun) - time.Duration(still)*time.Minute; !errors.Is(err, os.ErrDeadlineExceeded) || awake != limit {
						t.Errorf("after %d times: %v after %s", still, err, awake)
					}
				}
			})
		})
	}
}
