package console

import (
	"os"

	"golang.org/x/sys/windows"
)

// enableColor asks the console to understand colour sequences, and reports whether it does: older consoles do so only
// when asked, and some not at all.
func enableColor(f *os.File) bool {
	var mode uint32
	console := windows.Handle(f.Fd())
	if err := windows.GetConsoleMode(console, &mode); err != nil {
		return false
	}
	return windows.SetConsoleMode(console, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}
