// Package ports reserves TCP ports for tests: ports that no other test uses, and that the system gives to nobody.
package ports

import (
	"errors"
	"math/rand/v2"
	"net"
	"runtime"
	"strconv"
	"syscall"
	"testing"
)

// Count is how many ports in a row a test gets.
const Count = 15

// The blocks lie below the ports that systems give out by themselves. Each has Count ports and one more, which shows that
// the block is taken.
const (
	firstBlock = 16384
	blocks     = 960
)

// sign is where the last port of a block is listened on.
const sign = "127.0.0.1"

// Reserve finds Count ports in a row that are free on all hosts, or on 127.0.0.1 without any, and returns the first one.
// No other caller gets one of them before the test ends.
func Reserve(t testing.TB, hosts ...string) int {
	t.Helper()
	if len(hosts) == 0 {
		hosts = []string{sign}
	}
	for _, host := range hosts {
		l, err := listen(t, host, 0)
		if err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
	}
	for range 200 {
		first := firstBlock + (Count+1)*rand.IntN(blocks) //nolint:gosec // no secret
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

// areFree reports whether nobody listens on the ports of a block. They are looked at by connecting to them: to listen on them would
// leave copies in processes that are being started at the moment, and a port is taken as long as a copy is left.
func areFree(t testing.TB, hosts []string, first int) bool {
	t.Helper()
	for _, host := range hosts {
		for port := first; port < first+Count; port++ {
			if !isFree(t, host, port) {
				return false
			}
		}
	}
	return true
}

func isFree(t testing.TB, host string, port int) bool {
	t.Helper()
	if runtime.GOOS == "windows" { // where there are no such copies, and a connection is refused after seconds only
		l, err := listen(t, host, port)
		if err != nil {
			return false
		}
		return l.Close() == nil
	}
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err == nil {
		_ = conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

func listen(t testing.TB, host string, port int) (net.Listener, error) {
	t.Helper()
	return (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
}
