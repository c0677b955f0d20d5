//go:build !windows

package option

import (
	"math"
	"syscall"
)

// maxDescriptors returns how many files and connections this process may have open, 0 if that is unknown. Go has raised the
// limit to what the system allows.
func maxDescriptors() int {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil || limit.Cur > math.MaxInt32 {
		return 0
	}
	return int(limit.Cur)
}
