package serve_test

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
)

// After Close no goroutine is left, whatever was under way. It runs before the parallel tests go on.
func TestServeLeavesNothing(t *testing.T) { //nolint:paralleltest // counts goroutines
	for _, start := range []func(*testing.T) *desk{
		func(t *testing.T) *desk { t.Helper(); return open(t, nil) },
		openFTP,
	} {
		d := start(t)
		o, w := d.offer(content(16 << 20))
		d.half(o)
		w.until("begun", func(f serve.Fetch) bool { return f.Open == 1 })
		if err := d.handing.Close(); err != nil {
			t.Error(err)
		}
		if f := o.State(); f.Open != 0 || !f.Cut || f.Sent == f.Size {
			t.Errorf("%+v", f)
		}
		if err := d.handing.Close(); err != nil {
			t.Errorf("again: %v", err)
		}
		if late, _ := d.offer([]byte("late")); late.State().Open != 0 {
			t.Error("an offer after the end is open")
		}
		limit := time.Now().Add(patience)
		for left := strays(); left != ""; left = strays() {
			if time.Now().After(limit) {
				t.Fatal(left)
			}
			runtime.Gosched()
		}
	}
}

// strays are the goroutines of servers.
func strays() string {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	var left []string
	for stack := range strings.SplitSeq(string(stacks), "\n\n") {
		for _, word := range []string{"serve.(*listener)", "serve.(*Server)", "serve.(*FTPServer)", "net/http.(*conn)", "ftpserverlib."} {
			if strings.Contains(stack, word) {
				left = append(left, stack)
				break
			}
		}
	}
	return strings.Join(left, "\n\n")
}
