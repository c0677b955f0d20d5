package console

import (
	"testing"
	"time"
)

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
