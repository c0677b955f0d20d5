package main

import (
	"testing"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
)

// TestHintsRemain checks that each failure has a next step in a push with no flag, and in one with every flag.
func TestHintsRemain(t *testing.T) {
	a, _, _ := testApp(t, nil)
	hints := map[string]string{}
	for _, row := range append(advice.PhoneTable(), advice.WebTable()...) {
		hints[string(row.Kind)] = row.Hint
	}
	for _, row := range advice.TransferTable() {
		hints["server "+string(row.Kind)] = row.Hint
	}
	for _, all := range []bool{false, true} {
		flags := newPush(a).Flags()
		flags.VisitAll(func(f *pflag.Flag) { f.Changed = all })
		for kind, hint := range hints {
			if len(flagsOf(flags).Fit([]string{hint})) == 0 {
				t.Errorf("%s, all flags %t: nothing is left of %q", kind, all, hint)
			}
		}
	}
}
