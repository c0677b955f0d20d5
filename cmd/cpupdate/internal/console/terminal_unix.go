//go:build !windows

package console

import (
	"errors"
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

// readUnseen reads a line from a terminal without echo. Ctrl-D, or the end of the terminal, is [io.EOF]: x/term would read on
// without end.
func readUnseen(terminal *os.File) (string, error) {
	fd := int(terminal.Fd())
	before, err := unix.IoctlGetTermios(fd, readTermios)
	if err != nil {
		return "", err
	}
	unseen := *before
	unseen.Lflag &^= unix.ECHO
	unseen.Lflag |= unix.ICANON | unix.ISIG
	unseen.Iflag |= unix.ICRNL
	if err := unix.IoctlSetTermios(fd, setTermios, &unseen); err != nil {
		return "", err
	}
	line, err := readLine(terminal)
	return line, errors.Join(err, unix.IoctlSetTermios(fd, setTermios, before))
}
