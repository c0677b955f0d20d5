package console

import (
	"os"

	"golang.org/x/sys/windows"
	"golang.org/x/term"
)

// terminalOf returns the console of this process, for writing.
func terminalOf(*os.File) (*os.File, error) { return os.OpenFile("CONOUT$", os.O_RDWR, 0) }

// discardTyped drops what was typed on a console and not yet read.
func discardTyped(terminal *os.File) {
	_ = windows.FlushConsoleInputBuffer(windows.Handle(terminal.Fd())) // what is no console has nothing to drop
}

// readUnseen reads a line from a console without echo. Ctrl-Z is [io.EOF].
func readUnseen(terminal *os.File) (string, error) {
	line, err := term.ReadPassword(int(terminal.Fd()))
	return string(line), err
}
