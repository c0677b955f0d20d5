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
	if p.traits.otherXML {
		text = otherXML(text)
	}
	switch {
	case p.traits.signed:
		text = signed(text)
	case p.traits.signedInside:
		text = strings.Replace(text, "    <ReasonForContact", signature("")+"    <ReasonForContact", 1)
	}
	if p.traits.otherXML {
		text = "\uFEFF" + text
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

// otherXML writes the same message as other libraries might (assumed: phones of an unknown firmware).
func otherXML(text string) string {
	_, text, _ = strings.Cut(text, "?>\n")
	return strings.NewReplacer(
		"</ItemList>", "</d:ItemList>", "<ItemList>", "<d:ItemList>", "<Item ", "<d:ITEM ", "</Item>", "</d:ITEM></d:ItemList><d:ItemList>",
		"<Message ", "<d:Message ", "</Message>", "</d:Message>", "ReasonForContact", "d:REASONFORCONTACT",
		"xmlns=", "xmlns:d=", "http://www.siemens.com/DLS", "http://www.unify.com/DLS", "WorkpointMessage", "d:WorkpointMessage",
		">solicited<", ">Solicited<", ">start-up<", ">Start-Up<", ">status<", ">Status<", `status="accepted"`, `status="Accepted"`,
	).Replace(text)
}

// signed puts a message into a signature: so the vendor's service does it (observed); that phones do it is assumed.
func signed(text string) string {
	begin := max(strings.Index(text, "<WorkpointMessage"), 0) // with a prefix it has no declaration
	return text[:begin] + signature(`  <Object Id="WorkpointMessage">`+text[begin:]+"</Object>\n")
}

// signature returns a signature in the observed form. Its values are none: there is nothing to verify them with.
func signature(object string) string {
	const algorithm = "http://www.w3.org/2000/09/xmldsig#"
	return `<Signature xmlns="` + algorithm + `">
  <SignedInfo>
    <CanonicalizationMethod Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/>
    <SignatureMethod Algorithm="` + algorithm + `rsa-sha1"/>
    <Reference URI="#WorkpointMessage"><DigestMethod Algorithm="` + algorithm + `sha1"/><DigestValue>AAAAAAAAAAAAAAAAAAAAAAAAAAA=</DigestValue></Reference>
  </SignedInfo>
  <SignatureValue>c2ltdWxhdGVk</SignatureValue>
` + object + "</Signature>\n"
}
