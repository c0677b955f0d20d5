package transfer_test

import (
	"slices"
	"testing"

	"github.com/cpupdate/cpupdate/internal/badserver"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// TestReadBackTold checks that whoever waits for a file that is read back learns how far it is.
func TestReadBackTold(t *testing.T) {
	t.Parallel()
	const size = 300 << 10
	for _, start := range []func() server{
		func() server { return badserver.NewHTTPS(t) },
		func() server { return badserver.FTPRow{Name: "well-behaved"}.Start(t) },
	} {
		s := start()
		var told []int64
		u := upload(content(size))
		u.ReadBack = true
		o := transfer.Options{Trust: s.Trust(), ReadBack: func(n int64) { told = append(told, n) }}
		if _, err := put(t.Context(), s.Access(), o, u); err != nil {
			t.Fatal(err)
		}
		if len(told) < 2 || !slices.IsSorted(told) || told[len(told)-1] != size {
			t.Errorf("told %v", told)
		}
		s.WaitClosed()
	}
}
