//go:build !windows

package main

import (
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// TestStoppedPush stops the process, as a laptop sleeps, while a phone restarts, for longer than the phone may be silent. Once
// awake, it looks again before it gives the phone up.
func TestStoppedPush(t *testing.T) {
	t.Parallel()
	events := make(chan phonesim.Event, 1000)
	phone := startPhone(t, "", func(c *phonesim.Config) {
		c.RestartTime = 12 * time.Second
		c.Event = func(e phonesim.Event) { events <- e }
	})
	args := append([]string{"push", newImageOf(t, 1<<10), phone.Address(), "--serve", "--json", "--verbose", "--hw-level", "3"}, serviceFlags(t)...)
	p, errOut := startProcess(t, append(args, "--patience", "6s", "--probe-interval", "50ms")...)
	go func() {
		said, _ := io.ReadAll(errOut)
		p.err <- string(said)
	}()
	p.until("restarting")
	signal := func(s syscall.Signal) {
		if err := p.cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	signal(syscall.SIGSTOP)
	for e := range events {
		if e.Kind == phonesim.Started {
			break
		}
	}
	signal(syscall.SIGCONT)
	if last := p.rest(); last.Outcome != "updated" {
		t.Errorf("it ended with %+v\n%s", last, <-p.err)
	}
}
