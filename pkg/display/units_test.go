package display_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/display"
)

func TestSpan(t *testing.T) {
	for _, test := range []struct {
		span time.Duration
		want string
	}{
		{0, "0 ms"},
		{30*time.Millisecond + 400*time.Microsecond, "30 ms"},
		{100 * time.Millisecond, "0.1 s"},
		{9940 * time.Millisecond, "9.9 s"},
		{9960 * time.Millisecond, "10 s"},
		{3 * time.Hour, "180 min"},
		{1499 * time.Microsecond, "1 ms"},
		{99 * time.Millisecond, "99 ms"},
		{99900 * time.Microsecond, "0.1 s"},
		{849 * time.Millisecond, "0.8 s"},
		{time.Second, "1 s"},
		{9949 * time.Millisecond, "9.9 s"},
		{9950 * time.Millisecond, "10 s"},
		{59 * time.Second, "59 s"},
		{time.Minute, "1 min"},
		{141 * time.Second, "2 min 21 s"},
		{90 * time.Minute, "90 min"},
		{10 * time.Minute, "10 min"},
		{9*time.Minute + 40*time.Second, "9 min 40 s"},
		{59900 * time.Millisecond, "1 min"},
		{42 * time.Second, "42 s"},
		{2 * time.Second, "2 s"},
		{1999 * time.Millisecond, "2 s"},
		{300 * time.Millisecond, "0.3 s"},
	} {
		if got := display.Span(test.span); got != test.want {
			t.Errorf("%v is %q, want %q", test.span, got, test.want)
		}
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 bytes", 1: "1 byte", 1023: "1023 bytes", 1024: "1.0 KiB", 1048524: "1023.9 KiB", 1048525: "1.0 MiB", 43306189: "41.3 MiB",
		1 << 30: "1.0 GiB", math.MaxInt64: "8.0 EiB",
	} {
		if got := display.Bytes(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}

// TestRough formats long time spans.
func TestRough(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "1 min", -time.Hour: "1 min", time.Second: "1 min", 89 * time.Second: "1 min", 90 * time.Second: "2 min", 59 * time.Minute: "59 min",
		time.Hour: "1 h", time.Hour - time.Second: "1 h", 190 * time.Minute: "3 h 10 min", 24 * time.Hour: "1 day", 52 * time.Hour: "2 days 4 h",
	} {
		if got := display.Rough(d); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}

// TestTook formats how long something took.
func TestTook(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 0: "0 s", 400 * time.Millisecond: "0 s", 600 * time.Millisecond: "1 s", 9400 * time.Millisecond: "9 s", 42 * time.Second: "42 s",
		141 * time.Second: "2 min 21 s", 14 * time.Minute: "14 min", time.Hour - time.Millisecond: "1 h", 190 * time.Minute: "3 h 10 min", 52 * time.Hour: "2 days 4 h",
	} {
		if got := display.Took(d); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}

// TestVisible writes what a terminal would not show, or would obey.
func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"plain Größe 日本":                       "plain Größe 日本",
		"\x1b[2J":                              `\u{1b}[2J`,
		"a\nb\rc\x00":                          `a\u{a}b\u{d}c\u{0}`,
		"\u009b31m":                            `\u{9b}31m`,
		"\u202eabc\u2066":                      `\u{202e}abc\u{2066}`,
		"\xff\xc3":                             `\xff\xc3`,
		"\u2800\u3164\u115f\u1160\uffa0\ufe0f": `\u{2800}\u{3164}\u{115f}\u{1160}\u{ffa0}\u{fe0f}`,
		strings.Repeat("x", 5000):              strings.Repeat("x", 5000),
	} {
		if got := display.Visible(text); got != want {
			t.Errorf("%.40q is %.60q, want %.60q", text, got, want)
		}
	}
}
