package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/fleet"
)

// deviceLine describes a phone in one line.
func deviceLine(name string, d fleet.Device) string {
	words := []string{name}
	for _, word := range []string{d.Type, d.MAC} {
		if word != "" {
			words = append(words, word)
		}
	}
	return strings.Join(words, "  ")
}

// typed returns the software with its type, as in "Unify HFA V1 R4.9.0".
func typed(d fleet.Device) string {
	version := d.Version
	if v, err := bind.ParseVersion(version); err == nil {
		version = v.String()
	}
	return strings.TrimSpace(d.SoftwareType + " " + version)
}

func fetchLine(e fleet.Event, p *phoneProgress) string {
	text := rateLine(e.Fetch.Size, e.At.Sub(p.fetching))
	if e.Fetch.Requests > 1 {
		text += fmt.Sprintf(", in %d requests", e.Fetch.Requests)
	}
	return text
}

func clock(t time.Time) string { return t.Local().Format("15:04:05") }

// span formats a time span with its unit: "30 ms", "0.8 s", "42 s", "10 min", "2 min 21 s".
func span(d time.Duration) string {
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

// nth formats a count as an ordinal: "first time", "4th time", "21st time".
func nth(n int) string {
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
