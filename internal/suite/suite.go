// Package suite sets how the tests of a package run together.
package suite

import (
	"flag"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
)

// SideBySide lets so many parallel tests run for each processor, instead of one: for tests that wait for servers and processes more
// than they work.
func SideBySide(each int) {
	if err := flag.Set("test.parallel", strconv.Itoa(each*runtime.GOMAXPROCS(0))); err != nil {
		panic(err)
	}
}

// CollectRarely collects memory less often, also in processes that the tests start: for tests that allocate much and keep little. There is
// memory enough.
func CollectRarely() {
	const percent = 400
	debug.SetGCPercent(percent)
	if err := os.Setenv("GOGC", strconv.Itoa(percent)); err != nil {
		panic(err)
	}
}
