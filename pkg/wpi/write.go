package wpi

import (
	"bytes"
	"fmt"
	"strconv"
)

const (
	xmlHead   = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"
	rootAttrs = ` xmlns="http://www.siemens.com/DLS" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://www.siemens.com/DLS">` + "\n"
)

// Marshal returns the message as it goes to a phone, in the form of the guide (pp. 35, 57). What a phone would not
// understand in a value is not looked for here: [Deployment.Message] does that.
func (m ServiceMessage) Marshal() []byte {
	var b bytes.Buffer
	b.WriteString(xmlHead + "<DLSMessage" + rootAttrs + "  <Message")
	attribute(&b, "nonce", m.Nonce)
	b.WriteString(">\n    <Action>")
	escape(&b, m.Action, false)
	b.WriteString("</Action>\n")
	if len(m.Items) > 0 {
		writeItems(&b, m.Items)
	}
	b.WriteString("  </Message>\n</DLSMessage>\n")
	return b.Bytes()
}

// Marshal returns the message as a phone sends it (the guide, pp. 27-45).
func (m *PhoneMessage) Marshal() []byte {
	var b bytes.Buffer
	b.WriteString(xmlHead + "<WorkpointMessage" + rootAttrs + "  <Message")
	attribute(&b, "nonce", m.Nonce)
	attribute(&b, "maxItems", strconv.Itoa(m.MaxItems))
	attribute(&b, "fragment", m.Fragment)
	b.WriteString(">\n    <ReasonForContact")
	attribute(&b, "status", m.Status)
	attribute(&b, "action", m.Action)
	b.WriteString(">")
	escape(&b, m.Reason, false)
	b.WriteString("</ReasonForContact>\n")
	writeItems(&b, m.Items)
	b.WriteString("  </Message>\n</WorkpointMessage>\n")
	return b.Bytes()
}

func writeItems(b *bytes.Buffer, items []Item) {
	b.WriteString("    <ItemList>\n")
	for _, i := range items {
		b.WriteString("      <Item")
		attribute(b, "name", i.Name)
		attribute(b, "index", i.Index)
		attribute(b, "status", i.Status)
		b.WriteString(">")
		escape(b, i.Value, false)
		b.WriteString("</Item>\n")
	}
	b.WriteString("    </ItemList>\n")
}

// attribute writes an attribute unless it is empty; a nonce is echoed even then.
func attribute(b *bytes.Buffer, name, value string) {
	if value == "" && name != "nonce" {
		return
	}
	b.WriteString(" " + name + `="`)
	escape(b, value, true)
	b.WriteString(`"`)
}

// escape writes a value. Quotes stay as they are in text: phones of 2009 do not read all entities (observed), and what
// has none they all read. What XML cannot hold becomes U+FFFD.
func escape(b *bytes.Buffer, s string, attribute bool) {
	for _, r := range s {
		switch {
		case r == '&':
			b.WriteString("&amp;")
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '"' && attribute:
			b.WriteString("&quot;")
		case r == '\r', attribute && (r == '\n' || r == '\t'):
			fmt.Fprintf(b, "&#%d;", r)
		case r < ' ' && r != '\n' && r != '\t', r == 0xFFFE, r == 0xFFFF:
			b.WriteRune('\uFFFD')
		default:
			b.WriteRune(r) // U+FFFD for what is not UTF-8
		}
	}
}
