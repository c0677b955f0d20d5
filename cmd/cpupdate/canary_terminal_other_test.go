//go:build !linux

package main

import (
	"os"
	"testing"
)

const canOpenTerminal = false

func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	t.Skip("no terminal can be made here")
	return nil, nil
}

func echoes(*testing.T, *os.File) bool { return false }

// answering needs a terminal.
func answering() { os.Exit(99) }
