package console

import (
	"os"

	"golang.org/x/sys/unix"
)

// discardTyped drops what was typed on a terminal and not yet read.
func discardTyped(terminal *os.File) {
	_ = unix.IoctlSetInt(int(terminal.Fd()), unix.TCFLSH, unix.TCIFLUSH) // what is no terminal has nothing to drop
}

// The requests that read and set how a terminal behaves.
const (
	readTermios = unix.TCGETS
	setTermios  = unix.TCSETS
)
