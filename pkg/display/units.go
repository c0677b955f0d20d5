// Package display writes values for people: sizes, time spans, counts, and foreign text that a terminal or a page can show.
package display

import (
	"fmt"
	"time"
)

// Bytes formats a number of bytes with its unit: "312 bytes", "41.3 MiB".
func Bytes(n int64) string {
	units := []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	if n < 1024 {
		return Plural(int(n), "byte")
	}
	value := float64(n) / 1024
	for value >= 1023.95 && len(units) > 1 {
		value /= 1024
		units = units[1:]
	}
	return fmt.Sprintf("%.1f %s", value, units[0])
}

// Span formats a time span with its unit: "30 ms", "0.8 s", "42 s", "10 min", "2 min 21 s".
func Span(d time.Duration) string {
	tenths := d.Round(100 * time.Millisecond)
	d = d.Round(time.Millisecond)
	switch {
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case tenths < 10*time.Second:
		return fmt.Sprintf("%g s", tenths.Seconds())
	}
	d = d.Round(time.Second)
	minutes, seconds := d/time.Minute, d%time.Minute/time.Second
	switch {
	case minutes == 0:
		return fmt.Sprintf("%d s", seconds)
	case seconds == 0:
		return fmt.Sprintf("%d min", minutes)
	}
	return fmt.Sprintf("%d min %d s", minutes, seconds)
}

// Took formats how long something took: to the second below an hour, and to the minute above: "0 s", "42 s", "2 min 21 s", "3 h 10 min".
func Took(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d <= 0:
		return "0 s"
	case d < time.Hour:
		return Span(d)
	}
	return Rough(d)
}

// Rough formats a long time span to the minute, and at least one: "12 min", "3 h 10 min", "2 days 4 h".
func Rough(d time.Duration) string {
	d = max(d.Round(time.Minute), time.Minute)
	days, hours, minutes := int(d/(24*time.Hour)), int(d%(24*time.Hour)/time.Hour), int(d%time.Hour/time.Minute)
	switch {
	case days > 0 && hours > 0:
		return fmt.Sprintf("%s %d h", Plural(days, "day"), hours)
	case days > 0:
		return Plural(days, "day")
	case hours > 0 && minutes > 0:
		return fmt.Sprintf("%d h %d min", hours, minutes)
	case hours > 0:
		return fmt.Sprintf("%d h", hours)
	}
	return fmt.Sprintf("%d min", minutes)
}

// Plural formats a count with its noun: "1 phone", "3 phones".
func Plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
