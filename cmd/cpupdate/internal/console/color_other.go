//go:build !windows

package console

import (
	"os"
)

// enableColor reports whether the terminal supports colour sequences.
func enableColor(*os.File) bool { return true }
