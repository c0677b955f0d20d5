package console

import (
	"fmt"
	"strings"
	"time"
)

func Times(n int) string { return Plural(n, "time") }

// PluralAre is "1 phone is", "3 phones are".
func PluralAre(n int, noun string) string { return Plural(n, noun) + " " + IsAre(n) }

func IsAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

func Clock(t time.Time) string { return t.Local().Format("15:04:05") }

// LimitText writes a limit as a person says it: "10 min", "9 min 40 s", "40 s", "0.8 s".
func LimitText(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", d.Seconds()), ".0") + " s"
	case d.Round(time.Second) < time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	return strings.TrimSuffix(Span(d.Round(time.Second)), " 0 s")
}

// Span writes how long something took: "0.8 s", "42 s", "2 min 21 s".
func Span(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	d = d.Round(time.Second)
	return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
}

func Nth(n int) string {
	switch n {
	case 1:
		return "first time"
	case 2:
		return "second time"
	case 3:
		return "third time"
	}
	return fmt.Sprintf("%dth time", n)
}
