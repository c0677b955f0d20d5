package main

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

const canOpenTerminal = true

// openTerminal makes a terminal: what is written to master was typed, what is read from it was shown.
func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, slave, err := terminalPair()
	if master == nil && os.Getenv("CI") != "" {
		t.Fatal("in CI a terminal must be possible: ", err)
	}
	if master == nil {
		t.Skip("no terminal can be made here: ", err)
	}
	t.Cleanup(func() { _ = master.Close() })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = slave.Close() })
	return master, slave
}

// echoes reports whether the terminal shows what is typed.
func echoes(t *testing.T, master *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(master.Fd()), unix.TCGETS)
	if err != nil {
		t.Error(err)
		return false
	}
	return state.Lflag&unix.ECHO != 0
}
