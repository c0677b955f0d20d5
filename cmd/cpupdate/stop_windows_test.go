package main

import (
	"errors"
	"os"
	"testing"
)

func stop(t *testing.T, _ *os.Process) {
	t.Helper()
	t.Skip("Windows cannot stop a process")
}

func dump(*os.Process) error { return errors.New("Windows has no signals") }
