package wbm

import (
	"strings"

	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/wbm/internal/htmlform"
)

// Facts are what the pages that were read say of the phone, word by word, bounded; "" is what they do not say, or say in
// two ways. The labels by which they are found are assumed.
type Facts struct{ Title, Device, SoftwareType, Version, PartNumber, MAC string }

// A fact is one thing that the pages may say.
type fact int

const (
	factDevice fact = iota + 1
	factSoftwareType
	factVersion
	factPartNumber
	factMAC
)

// factLabels are the labels in front of facts. All are assumed from the items of the phones' provisioning interface, which
// are named alike (developer's guide A31003-S2000-R102-16, p. 14).
func factLabels() map[string]fact {
	return map[string]fact{
		"device type": factDevice, "phone type": factDevice,
		"software type":    factSoftwareType,
		"software version": factVersion, "firmware version": factVersion, "sw version": factVersion,
		"part number": factPartNumber,
		"mac address": factMAC, "mac": factMAC,
	}
}

// A factList is what pages said, page by page. Somebody else's number on some page must not pass for the phone's: who is
// given two values for one label is given none.
type factList struct {
	title  string
	values map[fact]string
	twice  map[fact]bool
}

// read takes from a page what it says.
func (l *factList) read(p *htmlform.Page) {
	if l.title == "" {
		l.title = p.Title
	}
	labels := factLabels()
	for i, run := range p.Cells {
		label, rest, colon := strings.Cut(run, ":")
		which := labels[strings.ToLower(strings.TrimSpace(label))]
		if which == 0 {
			continue
		}
		value := strings.TrimSpace(rest)
		if value == "" && i+1 < len(p.Cells) {
			value = p.Cells[i+1] // of the next cell; it is empty where a row begins
		}
		if !colon && value == "" || isLabel(value, labels) {
			continue
		}
		l.note(which, value)
	}
}

// isLabel reports whether a text is the next label rather than a value.
func isLabel(text string, labels map[string]fact) bool {
	text, colon := strings.CutSuffix(text, ":")
	return colon || labels[strings.ToLower(strings.TrimSpace(text))] != 0
}

func (l *factList) note(which fact, value string) {
	if value == "" {
		return
	}
	if l.values == nil {
		l.values, l.twice = map[fact]string{}, map[fact]bool{}
	}
	if before, known := l.values[which]; known && before != value {
		l.twice[which] = true
	}
	l.values[which] = value
}

// facts returns what is known, bounded, so that the secret is whole where it stands.
func (l *factList) facts(redactor secret.Redactor) Facts {
	cut := func(text string) string { return strings.ToValidUTF8(redactor.Cut(text, maxShown), "?") }
	value := func(which fact) string {
		if l.twice[which] {
			return ""
		}
		return cut(l.values[which])
	}
	return Facts{
		Title: cut(l.title), Device: value(factDevice), SoftwareType: value(factSoftwareType),
		Version: value(factVersion), PartNumber: value(factPartNumber), MAC: value(factMAC),
	}
}
