package phonesim

import (
	"regexp"
	"slices"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// style writes a message in the manner of the phone.
func (p *Phone) style(m *wpi.PhoneMessage) []byte {
	text := string(m.Marshal())
	if p.traits.padded {
		text = padded(text)
	}
	if p.traits.reversed {
		text = reversed(text)
	}
	if p.traits.badXML && m.Reason != wpi.PhoneCleanUp {
		text = strings.Replace(text, "</ItemList>", "</Item>", 1)
	}
	return []byte(text)
}

// padded puts blanks and line ends around every value (observed).
func padded(text string) string {
	begin := regexp.MustCompile(`<(Item|ReasonForContact)( [^>]*)?>`)
	text = begin.ReplaceAllString(text, "$0\n        ")
	return strings.NewReplacer("</Item>", "\n      </Item>", "</ReasonForContact>", "\n    </ReasonForContact>").Replace(text)
}

// reversed turns the order of attributes around (observed: it differs between firmware versions).
func reversed(text string) string {
	element := regexp.MustCompile(`<(Message|ReasonForContact|Item)((?: \w+="[^"]*")+)>`)
	attribute := regexp.MustCompile(` \w+="[^"]*"`)
	return element.ReplaceAllStringFunc(text, func(tag string) string {
		parts := element.FindStringSubmatch(tag)
		attributes := attribute.FindAllString(parts[2], -1)
		slices.Reverse(attributes)
		return "<" + parts[1] + strings.Join(attributes, "") + ">"
	})
}
