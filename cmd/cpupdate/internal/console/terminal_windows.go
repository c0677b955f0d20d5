package console

import (
	"os"

	"golang.org/x/sys/windows"
)

// terminalOf returns the console of this process, for writing.
func terminalOf(*os.File) (*os.File, error) { return os.OpenFile("CONOUT$", os.O_RDWR, 0) }

// discardTyped drops what was typed on a console and not yet read.
func discardTyped(terminal *os.File) {
	_ = windows.FlushConsoleInputBuffer(windows.Handle(terminal.Fd())) // what is no console has nothing to drop
}
