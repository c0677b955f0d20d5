package live

import (
	"testing"

	"github.com/cpupdate/cpupdate/pkg/rollout/report"
)

// FuzzPosition reads positions: its own ones word by word, and all others as the beginning.
func FuzzPosition(f *testing.F) {
	for _, text := range []string{"", "E", "E.1", "E.1.2", "E.1.2.3", "F.1.2", "E.-1.2", "E.1.18446744073709551616", "E.01.2", "E.1. 2", "E.0x1.2"} {
		f.Add(text, uint64(1), uint64(2))
	}
	p := &Page{epoch: "E"}
	f.Fuzz(func(t *testing.T, text string, parts, rows uint64) {
		if at := p.parsePosition(text); at != (report.Position{}) && p.parsePosition(p.position(at)) != at {
			t.Errorf("%q is %v", text, at)
		}
		at := report.Position{Parts: parts, Rows: rows}
		if got := p.parsePosition(p.position(at)); got != at {
			t.Errorf("%v is read as %v", at, got)
		}
		if other := (&Page{epoch: "F"}).parsePosition(p.position(at)); other != (report.Position{}) {
			t.Errorf("another process reads %v", other)
		}
	})
}
