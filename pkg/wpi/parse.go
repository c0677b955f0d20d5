package wpi

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// A MessageError is a message that cannot be understood. Msg holds nothing of the message's values: they may be secret.
type MessageError struct {
	Line int // from 1, 0 if it is about the message as a whole
	Msg  string
}

func (e *MessageError) Error() string {
	if e.Line == 0 {
		return "not a message of the provisioning interface: " + e.Msg
	}
	return fmt.Sprintf("not a message of the provisioning interface: line %d: %s", e.Line, e.Msg)
}

// ParsePhoneMessage reads what a phone sends. Passwords that phones send in clear are dropped, so that nothing behind
// this can show them. The error is a [*MessageError].
func ParsePhoneMessage(text []byte) (*PhoneMessage, error) {
	p := &parser{root: phoneRoot, phone: PhoneMessage{MaxItems: -1}}
	if err := p.parse(text); err != nil {
		return nil, err
	}
	if !p.seen["reasonforcontact"] {
		return nil, &MessageError{0, "it has no ReasonForContact"}
	}
	p.phone.Items = p.items
	return &p.phone, nil
}

// nonceOf returns the nonce of a phone's message without reading the message, and whether it is there: it costs next to
// nothing.
func nonceOf(text []byte) (string, bool) {
	const enough = 8 << 10
	p := &parser{root: phoneRoot, head: true}
	err := p.parse(text[:min(len(text), enough)])
	return p.phone.Nonce, err == nil
}

// ParseServiceMessage reads what a service answers. Both spellings of the root that services use are taken, DLSMessage
// and DlsMessage (observed), and the items also behind the message (observed: phones obey that too). The error is a
// [*MessageError].
func ParseServiceMessage(text []byte) (*ServiceMessage, error) {
	p := &parser{root: serviceRoot, keepSecrets: true}
	if err := p.parse(text); err != nil {
		return nil, err
	}
	if p.service.Action == "" {
		return nil, &MessageError{0, "it has no Action"}
	}
	p.service.Nonce, p.service.Items = p.phone.Nonce, p.items
	return &p.service, nil
}

// A parser reads a message of either direction. It takes elements by their names without namespace and case, wherever
// they stand below the root, and passes over what it does not know. A signature may be around the root, beside it or in it.
// Nobody verifies it, and nothing in it counts but the message: there must be exactly one, wherever it stands.
type parser struct {
	root        string // in small letters
	keepSecrets bool
	head        bool     // it reads no more than what begins the message
	path        []string // open elements, in small letters
	seen        map[string]bool
	text        strings.Builder // of the innermost element that holds a value
	item        Item
	items       []Item
	phone       PhoneMessage
	service     ServiceMessage
}

func (p *parser) parse(text []byte) error {
	if len(text) > MaxMessage {
		return &MessageError{0, fmt.Sprintf("it is longer than %d bytes", MaxMessage)}
	}
	p.seen = map[string]bool{}
	d := xml.NewDecoder(strings.NewReader(decode(text)))
	d.Strict = false // a bare & stands for itself
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	for !p.head || !p.seen["message"] {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		line, _ := d.InputPos()
		if err != nil {
			return &MessageError{line, "it is not well-formed XML"}
		}
		if msg := p.take(token); msg != "" {
			return &MessageError{line, msg}
		}
	}
	switch {
	case len(p.seen) == 0:
		return &MessageError{0, "it is empty"}
	case len(p.path) > 0 && !p.head:
		return &MessageError{0, "it ends in the middle"}
	case !p.seen["message"]:
		return &MessageError{0, "it has no Message"}
	}
	return nil
}

// take reads one token, and returns what is wrong with it.
func (p *parser) take(token xml.Token) string {
	switch t := token.(type) {
	case xml.StartElement:
		return p.start(t)
	case xml.EndElement:
		return p.end(strings.ToLower(t.Name.Local))
	case xml.CharData:
		switch {
		case len(p.path) > 0:
			p.text.Write(t)
		case len(bytes.TrimSpace(t)) > 0:
			return "text outside of the message"
		}
	case xml.Directive:
		return "a document type definition"
	}
	return ""
}

func (p *parser) start(t xml.StartElement) string {
	name := strings.ToLower(t.Name.Local)
	inside := p.inside()
	message := name == p.root || name == "message" && len(p.path) > 0 // a bare Message may stand in a signature
	once := message || inside && (name == "reasonforcontact" && p.root == phoneRoot || name == "action")
	switch {
	case p.otherRoot(name):
		return "another root than expected"
	case len(p.path) == maxDepth:
		return "elements within elements without end"
	case inside && name == "item" && slices.Contains(p.path, name):
		return "an item within an item"
	case once && p.seen[name]:
		return "two elements where one is expected"
	}
	p.path = append(p.path, name)
	p.text.Reset()
	if !inside && !message {
		p.seen[signature] = true
		return ""
	}
	p.seen[name] = true
	if name == "item" {
		p.item = Item{}
	}
	for _, a := range t.Attr {
		if a.Name.Space != "" {
			continue
		}
		if msg := p.attribute(name, strings.ToLower(a.Name.Local), a.Value); msg != "" {
			return msg
		}
	}
	return ""
}

// otherRoot reports whether an element begins a message of the other direction, or is no root where one begins: a root is the
// message, or one signature before, around or behind it.
func (p *parser) otherRoot(name string) bool {
	switch name {
	case p.root:
		return len(p.path) == 0 && (p.seen[name] || p.seen["message"])
	case phoneRoot, serviceRoot:
		return true
	}
	return len(p.path) == 0 && (name != signature || p.seen[name])
}

// attribute reads an attribute. The guide's table has fragment on ReasonForContact, its examples on Message (pp. 29, 69).
func (p *parser) attribute(element, name, text string) string {
	value := strings.TrimSpace(text)
	switch element + " " + name {
	case "message nonce":
		p.phone.Nonce = text // it is nobody's but the phone's, and goes back as it came
	case "message maxitems":
		if n, err := strconv.Atoi(value); err == nil && n >= -1 { // else as if the phone said nothing
			p.phone.MaxItems = n
		}
	case "message fragment", "reasonforcontact fragment":
		p.phone.Fragment = strings.ToLower(value)
	case "reasonforcontact action":
		p.phone.Action = value
	case "reasonforcontact status":
		p.phone.Status = strings.ToLower(value)
	case "item name":
		p.item.Name = value
	case "item index":
		p.item.Index = value
	case "item status":
		p.item.Status = strings.ToLower(value)
	}
	return ""
}

// The names of elements, in small letters.
const (
	phoneRoot   = "workpointmessage"
	serviceRoot = "dlsmessage"
	signature   = "signature" // of XML-DSig: the vendor's own service has it around each message (observed)
)

// inside reports whether the innermost open element is part of the message, and not of a signature.
func (p *parser) inside() bool {
	for _, name := range slices.Backward(p.path) {
		switch name {
		case p.root, "message":
			return true
		case signature:
			return false
		}
	}
	return false
}

func (p *parser) end(name string) string {
	if len(p.path) == 0 || p.path[len(p.path)-1] != name {
		return "an element ends that did not begin"
	}
	inside := p.inside()
	p.path = p.path[:len(p.path)-1]
	value := strings.TrimSpace(p.text.String())
	p.text.Reset()
	if !inside {
		return ""
	}
	switch name {
	case "reasonforcontact":
		p.phone.Reason = strings.ToLower(value)
	case "action":
		p.service.Action = value
	case "item":
		return p.endItem(value)
	}
	return ""
}

func (p *parser) endItem(value string) string {
	switch {
	case p.item.Name == "":
		return "" // there is nothing to know it by
	case len(p.items) == MaxItems:
		return fmt.Sprintf("more than %d items", MaxItems)
	case !p.keepSecrets && secretItem(p.item.Name):
		return ""
	}
	p.item.Value = value
	p.items = append(p.items, p.item)
	return ""
}
