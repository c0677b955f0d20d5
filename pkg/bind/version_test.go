package bind_test

import (
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

func TestParseVersion(t *testing.T) {
	v := func(n ...uint16) bind.Version {
		return bind.Version{Major: n[0], SubMajor: n[1], Release: n[2], Fix: n[3], Hotfix: n[4]}
	}
	tests := []struct {
		text    string
		want    bind.Version
		printed string
	}{
		{"V1 R0.23.0", v(1, 0, 0, 23, 0), "V1 R0.23.0"},
		{"V1R5.8.0", v(1, 0, 5, 8, 0), "V1 R5.8.0"},
		{"V1.2 R0.1.0", v(1, 2, 0, 1, 0), "V1.2 R0.1.0"},
		{"1.4.9.0", v(1, 0, 4, 9, 0), "V1 R4.9.0"},
		{"1.10.2.0002", v(1, 0, 10, 2, 2), "V1 R10.2.2"},
		{"V1_R9_2_0", v(1, 0, 9, 2, 0), "V1 R9.2.0"},
		{"V1_2_R9_2_0", v(1, 2, 9, 2, 0), "V1.2 R9.2.0"},
		{"V1.2_R9_2_0", v(1, 2, 9, 2, 0), "V1.2 R9.2.0"},
		{"V1_R9.2.0", v(1, 0, 9, 2, 0), "V1 R9.2.0"},
		{"v3 r5.12.0", v(3, 0, 5, 12, 0), "V3 R5.12.0"},
		{"  V3  R5.12.0 ", v(3, 0, 5, 12, 0), "V3 R5.12.0"},
		{"V1     R4.9.0", v(1, 0, 4, 9, 0), "V1 R4.9.0"},
		{"V1" + strings.Repeat(" ", 60_000) + "R4.9.0", v(1, 0, 4, 9, 0), "V1 R4.9.0"},
		{"V65535.65535 R65535.65535.65535", v(65535, 65535, 65535, 65535, 65535), "V65535.65535 R65535.65535.65535"},
		{"V0 R0.0.1", v(0, 0, 0, 0, 1), "V0 R0.0.1"},
	}
	for _, test := range tests {
		got, err := bind.ParseVersion(test.text)
		if err != nil || got != test.want || got.String() != test.printed {
			t.Errorf("ParseVersion(%q) = %v, %v, want %v", test.text, got, err, test.printed)
		}
	}
}

func TestParseVersionRefuses(t *testing.T) {
	for _, text := range []string{
		"", "V", "R", "V1", "R1.2.3", "V1 R", "V1 R1", "V1 R1.2", "V1 R1.2.3.4", "V1.2.3 R1.2.3", "1.2.3", "1.2.3.4.5",
		"V1 R1.2.x", "V1 R1..3", "V1 R-1.2.3", "V1 R+1.2.3", "V1 R1.2.3 beta", "V1 R1_2.3", "V1 R1.2_3", "65536.0.0.0",
		"V1 R99999999999999999999.0.0", "V0 R0.0.0", "0.0.0.0", "1,2,3,4", "V1 R1.2.３", "0x1.2.3.4", "1_0.2.3.4", "VV1 R1.2.3",
		"V1 RR1.2.3", "V1  .2 R1.2.3", "V1 R1. 2.3", "V1 R1.2 .3", "V1  R4.9.0  x", "V1 V1 R4.9.0", "1 .4.9.0", "1.4.9 .0", "V1\x00R1.2.3", "V1\tR1.2.3", "V 1 R1.2.3", "V1 R 1.2.3", "V1.R1.2.3", "V1_.2 R1.2.3", "V1_2_3_R1_2_3", "\tV1 R1.2.3", "V1 R1.2.3\n",
	} {
		got, err := bind.ParseVersion(text)
		if err == nil || got != (bind.Version{}) {
			t.Errorf("ParseVersion(%q) = %v, %v, want an error and no value", text, got, err)
		}
	}
}

// TestVersionOrder checks versions in ascending order: each is newer than all above it.
func TestVersionOrder(t *testing.T) {
	order := []string{
		"V0 R0.0.1", "V1 R0.0.0", "V1 R0.23.0", "V1 R4.9.0", "V1 R5.8.0", "V1 R9.2.0", "V1 R9.2.1", "V1 R9.10.0",
		"V1 R10.2.0", "V1 R10.2.2", "V1 R10.2.10", "V1 R11.3.0", "V1 R100.0.0", "V1.1 R0.0.0", "V1.2 R0.1.0", "V1.10 R0.0.0",
		"V2 R0.14.0", "V3 R1.41.1", "V3 R5.12.0", "V3 R5.21.0", "V10 R0.0.0",
	}
	for i, older := range order {
		for j, newer := range order {
			a, errA := bind.ParseVersion(older)
			b, errB := bind.ParseVersion(newer)
			if errA != nil || errB != nil {
				t.Fatal(errA, errB)
			}
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got := a.Compare(b); got != want {
				t.Errorf("Compare(%s, %s) = %d, want %d", older, newer, got, want)
			}
		}
	}
}

func TestZeroVersionIsUnknown(t *testing.T) {
	if v := (bind.Version{}); !v.IsZero() || v.String() != "unknown" {
		t.Errorf("the zero Version is %v, IsZero %v", v, v.IsZero())
	}
}

func FuzzVersion(f *testing.F) {
	for _, seed := range []string{"V1 R0.23.0", "V1R5.8.0", "V1.2 R0.1.0", "1.10.2.0002", "V1_R9_2_0", "V1   R4.9.0", "", "V1 R"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var v bind.Version
		var err error
		limitAllocation(t, func() { v, err = bind.ParseVersion(text) })
		if err != nil {
			if v != (bind.Version{}) {
				t.Fatalf("ParseVersion(%q) = %v with error %v", text, v, err)
			}
			return
		}
		if again, err := bind.ParseVersion(v.String()); err != nil || again != v {
			t.Fatalf("ParseVersion(%q) = %v, which reads back as %v, %v", text, v, again, err)
		}
	})
}
