// Package ports reserves TCP ports for tests: ports that no other test uses, and that the system gives to nobody.
package ports

import (
	"math/rand/v2"
	"net"
	"runtime"
	"strconv"
	"testing"
	"time"
)

// Count is how many ports in a row a test gets.
const Count = 15

// The blocks lie below the ports that systems give out by themselves. Each has Count ports and one more, which shows that
// the block is taken.
const (
	firstBlock = 16384
	blocks     = 960
)

// calls is the port that phones call if no other is named: programs and tests listen on it that reserve none.
const calls = 18443

// sign is where the last port of a block is listened on.
const sign = "127.0.0.1"

// Reserve finds Count ports in a row that are free on all hosts, or on 127.0.0.1 without any, and returns the first one.
// No other caller gets one of them before the test ends.
func Reserve(t testing.TB, hosts ...string) int {
	t.Helper()
	if len(hosts) == 0 {
		hosts = []string{sign}
	}
	for range 200 {
		first := firstBlock + (Count+1)*rand.IntN(blocks) //nolint:gosec // no secret
		if first <= calls && calls < first+Count {
			continue
		}
		taken, err := listen(t, sign, first+Count)
		if err != nil {
			continue
		}
		if areFree(t, hosts, first) {
			t.Cleanup(func() { _ = taken.Close() })
			return first
		}
		_ = taken.Close()
	}
	t.Fatalf("no free ports found on %v", hosts)
	return 0
}

// Address returns a reserved address of 127.0.0.1, on which nobody listens.
func Address(t testing.TB) string {
	t.Helper()
	return net.JoinHostPort(sign, strconv.Itoa(Reserve(t)))
}

// areFree reports whether the ports of a block can be listened on. It returns when all of them are free again.
func areFree(t testing.TB, hosts []string, first int) bool {
	t.Helper()
	for _, host := range hosts {
		for port := first; port < first+Count; port++ {
			l, err := listen(t, host, port)
			if err != nil {
				return false
			}
			_ = l.Close()
			if !becomesFree(t, host, port) {
				return false
			}
		}
	}
	return true
}

// becomesFree waits until a port is free on which this process has listened just now, and reports whether it is. A process that it
// is starting at the moment has copies of all open files until it runs its own program, and the port is taken as long as a copy is
// left. Windows makes no such copies, and needs seconds to say that nobody listens.
func becomesFree(t testing.TB, host string, port int) bool {
	t.Helper()
	if runtime.GOOS == "windows" {
		return true
	}
	for range 10_000 { // whoever still answers after ten seconds is another program
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			return true
		}
		_ = conn.Close()
		time.Sleep(time.Millisecond)
	}
	return false
}

func listen(t testing.TB, host string, port int) (net.Listener, error) {
	t.Helper()
	return (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
}
