package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/fleet"
)

// deviceLine says in a line what a phone is.
func deviceLine(name string, d fleet.Device) string {
	words := []string{name}
	for _, word := range []string{d.Type, d.MAC} {
		if word != "" {
			words = append(words, word)
		}
	}
	return strings.Join(words, "  ")
}

// typed is software with its type, as in "Unify HFA V1 R4.9.0".
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

// limitText writes a limit as a person says it: "10 min", "9 min 40 s", "40 s", "0.8 s".
func limitText(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", d.Seconds()), ".0") + " s"
	case d.Round(time.Second) < time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	return strings.TrimSuffix(span(d.Round(time.Second)), " 0 s")
}

// span writes how long something took: "0.8 s", "42 s", "2 min 21 s".
func span(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	d = d.Round(time.Second)
	return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
}

func nth(n int) string {
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
