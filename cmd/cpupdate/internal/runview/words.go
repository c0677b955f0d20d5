package runview

import (
	"fmt"
	"strings"

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

// Typed returns the software with its type, as in "Unify HFA V1 R4.9.0".
func Typed(d fleet.Device) string {
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
