package wpi

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Limits of a message in either direction.
const (
	// MaxMessage is the size of the longest message that is read, in bytes. Phones send at most 50 kB and break up what
	// is longer (the guide, p. 69).
	MaxMessage = 1 << 20
	// MaxItems is how many items a message may have, fragments together.
	MaxItems = 20_000

	maxDepth = 16
)

// An Item is one value of a message. Status is what a phone says instead of the value, such as "failed" or "unknown item"
// (the guide, p. 26); the vendor's service marks items with "secure" beside their value (observed). Index numbers the
// instances of an item that has several, and is "" if there is none.
type Item struct {
	Name, Index, Status, Value string
}

// Format writes the item without its value if that is secret.
func (i Item) Format(f fmt.State, _ rune) {
	value := i.Value
	if secretItem(i.Name) && value != "" {
		value = "[redacted]"
	}
	_, _ = fmt.Fprintf(f, "%s=%s", i.Name, value)
	if i.Status != "" {
		_, _ = fmt.Fprintf(f, " (%s)", i.Status)
	}
}

// The reasons for which a phone calls (the guide, pp. 13, 28, 29).
const (
	StartUp          = "start-up"
	Solicited        = "solicited"
	LocalChanges     = "local-changes"
	InventoryChanges = "inventory-changes"
	FileStatus       = "status"
	ReplyTo          = "reply-to"
	PhoneCleanUp     = "clean-up"
)

// How a phone answers an action (the guide, p. 29).
const (
	Accepted = "accepted"
	Failed   = "failed"
	Busy     = "busy"
)

// FileOK is what a phone says of a file that it has (the guide, p. 54); of one that it does not have, it says Failed.
const FileOK = "ok"

// The values of fragment (the guide, p. 69).
const (
	FragmentNext  = "next"
	FragmentFinal = "final"
)

// The items that say what a phone is and runs (the guide, pp. 26-43).
const (
	ItemDeviceType      = "device-type"
	ItemSoftwareType    = "software-type"
	ItemSoftwareVersion = "software-version"
	ItemPartNumber      = "part-number"
	ItemMAC             = "mac-addr"
	ItemContactURI      = "contact-me-uri"
	ItemCleanUpReason   = "cleanup-reason"
	ItemFileStatus      = "file-deployment-status"
	ItemFileName        = "file-deployment-name"
	ItemFileType        = "file-deployment-type"
	ItemSendSolicited   = "send-solicited"
)

// A PhoneMessage is what a phone sends. Its texts come from the phone: they are trimmed, but not escaped.
type PhoneMessage struct {
	Nonce    string
	MaxItems int    // how many items one answer may have; -1 is no limit, and what is meant if the phone says nothing
	Fragment string // "", FragmentNext or FragmentFinal
	Reason   string // one of the reasons, or what nobody has documented
	Action   string // of ReplyTo: which action is answered
	Status   string // of ReplyTo: Accepted, Failed, Busy
	Items    []Item
}

// Format writes what the phone wants and the items, secrets excepted.
func (m PhoneMessage) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "%s %s %s %v", m.Reason, m.Action, m.Status, m.Items)
}

// Value returns the value of an item, and whether the phone gave one: neither an empty one nor a status instead.
func (m *PhoneMessage) Value(name string) (string, bool) {
	for _, i := range m.Items {
		if strings.EqualFold(i.Name, name) && i.Status == "" && i.Value != "" {
			return i.Value, true
		}
	}
	return "", false
}

// memory returns how many bytes the message takes at most: lists and texts grow by doubling.
func (m *PhoneMessage) memory() int64 {
	const each = 160
	n := each
	for _, i := range m.Items {
		n += each + 2*(len(i.Name)+len(i.Index)+len(i.Status)+len(i.Value))
	}
	return int64(n)
}

// A ServiceMessage is what a phone is answered: an action and what it needs.
type ServiceMessage struct {
	Nonce  string
	Action string
	Items  []Item
}

// Format writes the action and the items, secrets excepted.
func (m ServiceMessage) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "%s %v", m.Action, m.Items)
}

// The actions (the guide, pp. 30, 31).
const (
	ActionReadItems          = "ReadItems"
	ActionReadAllItems       = "ReadAllItems"
	ActionWriteItems         = "WriteItems"
	ActionFileDeployment     = "FileDeployment"
	ActionSoftwareDeployment = "SoftwareDeployment"
	ActionRestart            = "Restart"
	ActionCleanUp            = "CleanUp"
	ActionGetNextFragment    = "GetNextFragment"
)

// ReadItems asks a phone for the values of items.
func ReadItems(names ...string) ServiceMessage {
	m := ServiceMessage{Action: ActionReadItems}
	for _, name := range names {
		m.Items = append(m.Items, Item{Name: name})
	}
	return m
}

// CleanUp ends the conversation.
func CleanUp() ServiceMessage { return ServiceMessage{Action: ActionCleanUp} }

// CleanUpAndCall ends the conversation and asks the phone to call once when it is no longer busy. Phones know it from
// firmware V3R3 on, and forget it when they restart (the guide, pp. 31, 72, 75).
func CleanUpAndCall() ServiceMessage {
	return ServiceMessage{Action: ActionCleanUp, Items: []Item{{Name: ItemSendSolicited, Value: "true"}}}
}

// Overload is the reason with which the vendor's service ends a conversation when it has too much to do (observed).
const Overload = "overload"

// CleanUpOverload ends the conversation because the service has no room for it. How a phone goes on is not known.
func CleanUpOverload() ServiceMessage {
	return ServiceMessage{Action: ActionCleanUp, Items: []Item{{Name: ItemCleanUpReason, Value: Overload}}}
}

// IsOverload reports whether the message ends a conversation for lack of room.
func (m ServiceMessage) IsOverload() bool {
	return m.Action == ActionCleanUp && slices.ContainsFunc(m.Items, func(i Item) bool {
		return strings.EqualFold(i.Name, ItemCleanUpReason) && strings.EqualFold(i.Value, Overload)
	})
}

// secretItem reports whether an item's value is a secret: user-pwd, user-pwd-unicode, file-pwd, bootstrapping-tan,
// cloud-pin-value and whatever else is named so. user-pwd is a password in clear (the guide, p. 33).
func secretItem(name string) bool {
	name = strings.ToLower(name)
	within := func(part string) bool { return strings.Contains(name, part) }
	if slices.ContainsFunc([]string{"pwd", "passw", "passphrase", "secret", "private"}, within) {
		return true
	}
	words := strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) })
	return slices.ContainsFunc([]string{"pin", "tan", "pass"}, func(word string) bool { return slices.Contains(words, word) })
}
