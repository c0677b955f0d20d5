//go:build !windows

package console

import (
	"os"

	"golang.org/x/sys/unix"
)

// terminalOf returns the terminal that stdin reads from, for writing: stdin itself, or the terminal of the session where stdin
// can only be read.
func terminalOf(stdin *os.File) (*os.File, error) {
	mode, err := unix.FcntlInt(stdin.Fd(), unix.F_GETFL, 0)
	if err == nil && mode&unix.O_ACCMODE == unix.O_RDWR {
		return stdin, nil
	}
	return os.OpenFile("/dev/tty", os.O_WRONLY|unix.O_NOCTTY, 0)
}
