package console

import (
	"fmt"
	"time"

	"github.com/cpupdate/cpupdate/pkg/display"
)

// Clock formats the local time of day.
func Clock(t time.Time) string { return t.Local().Format("15:04:05") }

// Times returns text such as "1 time" and "3 times".
func Times(n int) string { return display.Plural(n, "time") }

// PluralAre returns text such as "1 phone is" and "3 phones are".
func PluralAre(n int, noun string) string { return display.Plural(n, noun) + " " + IsAre(n) }

// IsAre returns "is" for one and "are" for any other count.
func IsAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// Nth formats a count as an ordinal: "first time", "4th time", "21st time".
func Nth(n int) string {
	switch n {
	case 1:
		return "first time"
	case 2:
		return "second time"
	case 3:
		return "third time"
	}
	suffix := "th"
	if n/10%10 != 1 && n%10 >= 1 && n%10 <= 3 {
		suffix = []string{"st", "nd", "rd"}[n%10-1]
	}
	return fmt.Sprintf("%d%s time", n, suffix)
}

// ShortHex formats the first and last bytes of a digest, enough to tell two apart by eye.
func ShortHex(sum [32]byte) string { return fmt.Sprintf("%x...%x", sum[:4], sum[30:]) }
