//go:build !windows

package console

import (
	"os"
)

// enableColor reports whether the terminal understands colour sequences.
func enableColor(*os.File) bool { return true }
