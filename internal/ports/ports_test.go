package ports_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"

	"github.com/cpupdate/cpupdate/internal/ports"
)

// TestReserve checks that nobody who reserves ports at the same time gets the same ones, and that all can be listened on.
func TestReserve(t *testing.T) {
	t.Parallel()
	const callers = 50
	firsts := make([]int, callers)
	var all sync.WaitGroup
	for i := range firsts {
		all.Go(func() { firsts[i] = ports.Reserve(t, "127.0.0.1", "localhost") })
	}
	all.Wait()
	for _, first := range firsts {
		for port := first; port < first+ports.Count; port++ {
			l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = l.Close() })
		}
	}
}

// TestReserveWhileProcessesStart checks that reserved ports can be listened on at once, also while processes are started, which have
// copies of what is open for a moment.
func TestReserveWhileProcessesStart(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	var others sync.WaitGroup
	for range 4 {
		others.Go(func() {
			for ctx.Err() == nil {
				_ = exec.CommandContext(ctx, os.Args[0], "-test.run=^$").Run() //nolint:gosec // this program
			}
		})
	}
	defer others.Wait()
	defer stop()
	for range 100 {
		first := ports.Reserve(t)
		for port := first; port < first+ports.Count; port++ {
			l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
			if err != nil {
				t.Fatal(err)
			}
			_ = l.Close()
		}
	}
}

// TestReserveLeavesOthersAlone checks that no block is given out of which somebody has a port already, and that he does not notice.
func TestReserveLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	other, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", ports.Address(t))
	if err != nil {
		t.Fatal(err)
	}
	noticed := make(chan error, 1)
	go func() {
		conn, err := other.Accept()
		if err == nil {
			err = fmt.Errorf("a connection from %s", conn.RemoteAddr())
		}
		noticed <- err
	}()
	_, port, _ := net.SplitHostPort(other.Addr().String())
	first, _ := strconv.Atoi(port)
	hosts := []string{"127.0.0.1"}
	if ports.AreFree(t, hosts, first) || ports.AreFree(t, hosts, first-ports.Count+1) {
		t.Error("ports pass for free of which somebody has one")
	}
	if !ports.AreFree(t, hosts, ports.Reserve(t)) {
		t.Error("reserved ports pass for taken")
	}
	_ = other.Close()
	if err := <-noticed; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// TestAddress checks that a connection to a reserved address is refused.
func TestAddress(t *testing.T) {
	t.Parallel()
	address := ports.Address(t)
	if conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address); err == nil {
		_ = conn.Close()
		t.Errorf("somebody listens on %s", address)
	}
}
