package bind_test

import (
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

func TestParseLevels(t *testing.T) {
	tests := []struct{ text, want string }{
		{"3", "3"},
		{"1-4", "1-4"},
		{"1-4,6", "1-4, 6"},
		{" 1 - 3 , 5 ", "1-3, 5"},
		{"5,1-3", "1-3, 5"},
		{"1-3,2-5", "1-5"},
		{"1-2,3-4", "1-4"},
		{"1-9,3", "1-9"},
		{"7-7", "7"},
		{"1-65535", "1-65535"},
		{"65535,65534", "65534-65535"},
	}
	for _, test := range tests {
		got, err := bind.ParseLevels(test.text)
		if err != nil || got.String() != test.want {
			t.Errorf("ParseLevels(%q) = %v, %v, want %s", test.text, got, err, test.want)
		}
	}
}

func TestParseLevelsRefuses(t *testing.T) {
	for _, text := range []string{
		"", "0", "0-3", "3-1", "1,", ",1", "a", "1-", "-1", "1-2-3", "65536", "1;2", "+1", "1..3",
		strings.Repeat("1,", 64) + "1",
	} {
		if got, err := bind.ParseLevels(text); err == nil || !got.IsZero() {
			t.Errorf("ParseLevels(%.20q) = %v, %v, want an error and no value", text, got, err)
		}
	}
}

func TestNewLevelsLimit(t *testing.T) {
	ranges := make([]bind.LevelRange, 65)
	for i := range ranges {
		ranges[i] = bind.LevelRange{Lowest: uint16(2*i + 1), Highest: uint16(2*i + 1)}
	}
	if got, err := bind.NewLevels(ranges[:64]...); err != nil || len(got.Ranges()) != 64 {
		t.Errorf("64 ranges: %v, %v", got, err)
	}
	if got, err := bind.NewLevels(ranges...); err == nil || !got.IsZero() {
		t.Errorf("65 ranges: %v, %v, want an error", got, err)
	}
}

func TestLevelsContains(t *testing.T) {
	levels, err := bind.ParseLevels("2-3, 5, 65535")
	if err != nil {
		t.Fatal(err)
	}
	for level, want := range map[uint16]bool{0: false, 1: false, 2: true, 3: true, 4: false, 5: true, 6: false, 65534: false, 65535: true} {
		if got := levels.Contains(level); got != want {
			t.Errorf("%v contains %d: %v, want %v", levels, level, got, want)
		}
	}
	if (bind.Levels{}).Contains(1) {
		t.Error("the zero Levels contains 1")
	}
}
