package console

import (
	"math"
	"testing"
	"time"
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
		if got := Span(test.span); got != test.want {
			t.Errorf("%v is %q, want %q", test.span, got, test.want)
		}
	}
}

func TestNth(t *testing.T) {
	for n, want := range map[int]string{
		1: "first", 2: "second", 3: "third", 4: "4th", 10: "10th", 11: "11th", 12: "12th", 13: "13th", 14: "14th", 20: "20th",
		21: "21st", 22: "22nd", 23: "23rd", 24: "24th", 100: "100th", 101: "101st", 111: "111th", 112: "112th", 113: "113th",
		121: "121st", 122: "122nd", 213: "213th", 1002: "1002nd", 1013: "1013th",
	} {
		if got := Nth(n); got != want+" time" {
			t.Errorf("%d is %q, want %q", n, got, want+" time")
		}
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 bytes", 1: "1 byte", 1023: "1023 bytes", 1024: "1.0 KiB", 1048524: "1023.9 KiB", 1048525: "1.0 MiB", 43306189: "41.3 MiB",
		1 << 30: "1.0 GiB", math.MaxInt64: "8.0 EiB",
	} {
		if got := Bytes(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}

func TestCounts(t *testing.T) {
	for got, want := range map[string]string{
		Times(1): "1 time", Times(2): "2 times", PluralAre(1, "phone"): "1 phone is", PluralAre(0, "phone"): "0 phones are",
		ShortHex([32]byte{1, 2, 3, 4, 5, 30: 6, 31: 255}):    "01020304...06ff",
		Clock(time.Date(2026, 3, 2, 4, 5, 6, 0, time.Local)): "04:05:06",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestRough formats long time spans.
func TestRough(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "1 min", -time.Hour: "1 min", time.Second: "1 min", 89 * time.Second: "1 min", 90 * time.Second: "2 min", 59 * time.Minute: "59 min",
		time.Hour: "1 h", time.Hour - time.Second: "1 h", 190 * time.Minute: "3 h 10 min", 24 * time.Hour: "1 day", 52 * time.Hour: "2 days 4 h",
	} {
		if got := Rough(d); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}
