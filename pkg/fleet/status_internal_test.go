package fleet

import (
	"errors"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
)

// TestSaysFailed checks that what was seen of the fetch decides what "failed" means, in whatever order two observations arrive.
func TestSaysFailed(t *testing.T) {
	begun := serve.Fetch{Requests: 1, Sent: 60, Size: 100, Open: 1}
	perhaps := serve.Fetch{Requests: 1, Sent: 60, Size: 100, Perhaps: true}
	cut := serve.Fetch{Requests: 1, Sent: 60, Size: 100, Cut: true}
	whole := serve.Fetch{Requests: 1, Sent: 100, Size: 100, Complete: true}
	for _, test := range []struct {
		name string
		seen []serve.Fetch
		want Kind
	}{
		{"cut", []serve.Fetch{begun, cut}, KindCut},
		{"cut after all may have arrived", []serve.Fetch{begun, perhaps, cut}, KindCut},
		{"ended early", []serve.Fetch{begun, {Requests: 1, Sent: 60, Size: 100}}, KindCut},
		{"all may have arrived", []serve.Fetch{begun, perhaps}, KindSaysFailed},
		{"all arrived", []serve.Fetch{begun, whole}, KindSaysFailed},
		{"all arrived, and a second connection was cut", []serve.Fetch{begun, whole, {Requests: 2, Sent: 100, Size: 100, Complete: true, Cut: true}}, KindSaysFailed},
	} {
		f := &follower{fetches: newFetchLog()}
		f.fetch.watched = true
		note := f.fetches.watch()
		for _, state := range test.seen {
			note(state)
			f.fetch.advance(f.fetches.state())
		}
		if got := (*Failure)(nil); !errors.As(f.failed(), &got) || got.Kind != test.want {
			t.Errorf("%s: %v, want %s", test.name, f.failed(), test.want)
		}
		if !f.fetch.counted(f.fetches.state()) {
			t.Errorf("%s: the count is not final", test.name)
		}
	}
	f := &fetchProgress{watched: true}
	f.advance(serve.Fetch{Requests: 1, Sent: 60, Size: 100, Open: 1, Perhaps: true})
	if f.counted(f.now) {
		t.Error("a count is final while a connection is open")
	}
}
