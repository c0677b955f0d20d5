package console

import (
	"os"

	"golang.org/x/sys/unix"
)

// discardTyped drops what was typed on a terminal and not yet read.
func discardTyped(terminal *os.File) {
	const read = 1                                                        // FREAD of sys/fcntl.h
	_ = unix.IoctlSetPointerInt(int(terminal.Fd()), unix.TIOCFLUSH, read) // what is no terminal has nothing to drop
}

// The requests that read and set how a terminal behaves.
const (
	readTermios = unix.TIOCGETA
	setTermios  = unix.TIOCSETA
)
