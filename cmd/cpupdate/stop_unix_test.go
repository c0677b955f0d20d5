//go:build unix

package main

import (
	"os"
	"syscall"
	"testing"
)

// stop stops a process, which stays.
func stop(t *testing.T, p *os.Process) {
	t.Helper()
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
}

// dump has a program of ours print all its stacks and end.
func dump(p *os.Process) error { return p.Signal(syscall.SIGQUIT) }
