package console

import (
	"os"

	"golang.org/x/sys/windows"
)

// enableColor switches on colour sequences in the console, and reports whether it succeeded. Older consoles need to be
// switched, and some cannot be.
func enableColor(f *os.File) bool {
	var mode uint32
	console := windows.Handle(f.Fd())
	if err := windows.GetConsoleMode(console, &mode); err != nil {
		return false
	}
	return windows.SetConsoleMode(console, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}
