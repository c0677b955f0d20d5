package wbm

import (
	"strings"

	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/wbm/internal/htmlform"
)

// Facts are what the pages that were read say of the phone, word by word, bounded. What they do not say, or say in two ways,
// is "". The labels by which facts are found are assumed.
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

// factLabels returns the labels of facts. All are assumed from the items of the phones' provisioning interface, which have
// similar names (developer's guide A31003-S2000-R102-16, p. 14).
func factLabels() map[string]fact {
	return map[string]fact{
		"device type": factDevice, "phone type": factDevice,
		"software type":    factSoftwareType,
		"software version": factVersion, "firmware version": factVersion, "sw version": factVersion,
		"part number": factPartNumber,
		"mac address": factMAC, "mac": factMAC,
	}
}

// A factList is what pages said, page by page. A fact with two values has none: one of them may be of another device that a
// page names.
type factList struct {
	title     string
	values    map[fact]string
	ambiguous map[fact]bool
}

// add adds what a page says.
func (l *factList) add(p *htmlform.Page) {
	if l.title == "" {
		l.title = p.Title
	}
	labels := factLabels()
	for i, cell := range p.Cells {
		label, rest, colon := strings.Cut(cell, ":")
		which := labels[strings.ToLower(strings.TrimSpace(label))]
		if which == 0 {
			continue
		}
		value := strings.TrimSpace(rest)
		if value == "" && i+1 < len(p.Cells) {
			value = p.Cells[i+1] // the next cell; it is empty where a row begins
		}
		if !colon && value == "" || isLabel(value, labels) {
			continue
		}
		l.set(which, value)
	}
}

// isLabel reports whether a text is the next label rather than a value.
func isLabel(text string, labels map[string]fact) bool {
	text, colon := strings.CutSuffix(text, ":")
	return colon || labels[strings.ToLower(strings.TrimSpace(text))] != 0
}

// set notes one value. White space in it means nothing: a page may have a version with several spaces in it.
func (l *factList) set(which fact, value string) {
	if value = strings.Join(strings.Fields(value), " "); value == "" {
		return
	}
	if l.values == nil {
		l.values, l.ambiguous = map[fact]string{}, map[fact]bool{}
	}
	if before, known := l.values[which]; known && before != value {
		l.ambiguous[which] = true
	}
	l.values[which] = value
}

// facts returns what is known, bounded so that no half of the secret is left.
func (l *factList) facts(redactor secret.Redactor) Facts {
	cut := func(text string) string { return strings.ToValidUTF8(redactor.Cut(text, maxText), "?") }
	value := func(which fact) string {
		if l.ambiguous[which] {
			return ""
		}
		return cut(l.values[which])
	}
	return Facts{
		Title: cut(l.title), Device: value(factDevice), SoftwareType: value(factSoftwareType),
		Version: value(factVersion), PartNumber: value(factPartNumber), MAC: value(factMAC),
	}
}
