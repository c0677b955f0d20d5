package transfer_test

import (
	"flag"
	"io"
	"log"
	"runtime"
	"strconv"
	"testing"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // net/http logs there what a server sends unasked, as bad servers do
	// Most tests here wait for a server, and not for the processor.
	if err := flag.Set("test.parallel", strconv.Itoa(4*runtime.GOMAXPROCS(0))); err != nil {
		panic(err)
	}
	m.Run()
}
