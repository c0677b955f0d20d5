package hwcheck_test

import (
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

func TestParsePartNumber(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       hwcheck.PartNumber
		written    string
	}{
		{"as printed", "S30817-S7403-A101-15", hwcheck.PartNumber{Product: "S7403", Variant: "A101", Revision: 15}, "S30817-S7403-A101-15"},
		{"as a phone reports it", "S30817-S7403-A101-015", hwcheck.PartNumber{Product: "S7403", Variant: "A101", Revision: 15}, "S30817-S7403-A101-15"},
		{"small letters", "s30817-s7403-c101-20", hwcheck.PartNumber{Product: "S7403", Variant: "C101", Revision: 20}, "S30817-S7403-C101-20"},
		{"between blanks", " \tS30817-S7403-A101-15\r\n", hwcheck.PartNumber{Product: "S7403", Variant: "A101", Revision: 15}, "S30817-S7403-A101-15"},
		{"lowest revision", "S30817-S0000-Z000-0", hwcheck.PartNumber{Product: "S0000", Variant: "Z000", Revision: 0}, "S30817-S0000-Z000-0"},
		{"only zeros as revision", "S30817-S0000-Z000-000", hwcheck.PartNumber{Product: "S0000", Variant: "Z000", Revision: 0}, "S30817-S0000-Z000-0"},
		{"highest revision", "S30817-S9999-A999-999", hwcheck.PartNumber{Product: "S9999", Variant: "A999", Revision: 999}, "S30817-S9999-A999-999"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := hwcheck.ParsePartNumber(test.text)
			if err != nil || got != test.want {
				t.Fatalf("got %+v, %v, want %+v", got, err, test.want)
			}
			if got.String() != test.written {
				t.Errorf("got written %q, want %q", got.String(), test.written)
			}
		})
	}
}

func TestParsePartNumberErrors(t *testing.T) {
	for _, test := range []struct{ name, text string }{
		{"nothing", ""},
		{"blanks", "   "},
		{"sales number", "L30250-F600-C428"},
		{"another prefix", "S30818-S7403-A101-15"},
		{"no prefix", "S7403-A101-15"},
		{"no revision", "S30817-S7403-A101"},
		{"empty revision", "S30817-S7403-A101-"},
		{"revision of four digits", "S30817-S7403-A101-0015"},
		{"revision that is no number", "S30817-S7403-A101-1B"},
		{"revision with a sign", "S30817-S7403-A101-+15"},
		{"product of three digits", "S30817-S740-A101-15"},
		{"product of five digits", "S30817-S74030-A101-15"},
		{"product without its letter", "S30817-7403-A101-15"},
		{"variant without its letter", "S30817-S7403-1101-15"},
		{"variant of two digits", "S30817-S7403-A10-15"},
		{"something before it", "xS30817-S7403-A101-15"},
		{"something after it", "S30817-S7403-A101-15 x"},
		{"blank inside", "S30817-S7403 -A101-15"},
		{"line break inside", "S30817-S7403\n-A101-15"},
		{"two of them", "S30817-S7403-A101-15\nS30817-S7403-A101-15"},
		{"digits of another script", "S30817-S7403-A101-١٥"},
		{"other dashes", "S30817–S7403–A101–15"},
		{"underscores", "S30817_S7403_A101_15"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := hwcheck.ParsePartNumber(test.text)
			if err == nil || got != (hwcheck.PartNumber{}) {
				t.Errorf("got %+v, %v, want nothing and an error", got, err)
			}
		})
	}
}

// TestParsePartNumberErrorText checks that text repeated in an error is bounded and has no control characters, because
// it is untrusted.
func TestParsePartNumberErrorText(t *testing.T) {
	_, err := hwcheck.ParsePartNumber("\x1b[2J" + strings.Repeat("x", 10_000))
	if err == nil {
		t.Fatal("got no error")
	}
	if text := err.Error(); len(text) > 200 || strings.ContainsRune(text, '\x1b') {
		t.Errorf("got %d bytes of error, %.100q, want at most 200 and no control characters", len(text), text)
	}
}
