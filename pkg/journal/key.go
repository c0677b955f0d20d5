package journal

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of names and batches.
const (
	MaxRollout = 100       // bytes of the name of a rollout
	MaxPhone   = 300       // bytes of the name of a phone
	MaxEvents  = 1000      // events of a batch
	MaxBatch   = 512 << 10 // bytes of the bodies of a batch as JSON
)

// A Key names a stream. Without Phone it is the stream of the rollout itself.
type Key struct {
	Rollout string
	Phone   string // unique in the rollout; the planner chooses it, such as the address as listed
}

// String returns the key for a message.
func (k Key) String() string {
	if k.Phone == "" {
		return fmt.Sprintf("rollout %q", k.Rollout)
	}
	return fmt.Sprintf("phone %q of rollout %q", k.Phone, k.Rollout)
}

// Check reports with ErrInvalid what is wrong with a key.
func (k Key) Check() error {
	if k.Rollout == "" {
		return fmt.Errorf("%w: the rollout has no name", ErrInvalid)
	}
	if err := checkName("rollout", k.Rollout, MaxRollout); err != nil {
		return err
	}
	return checkName("phone", k.Phone, MaxPhone)
}

// checkName refuses a name that a person could not tell from another one, or a ledger not store.
func checkName(what, name string, limit int) error {
	switch {
	case len(name) > limit:
		return fmt.Errorf("%w: the name of the %s has %d bytes, at most %d are allowed", ErrInvalid, what, len(name), limit)
	case !utf8.ValidString(name):
		return fmt.Errorf("%w: the name of the %s is not UTF-8", ErrInvalid, what)
	case strings.TrimSpace(name) != name:
		return fmt.Errorf("%w: the name of the %s begins or ends with a blank", ErrInvalid, what)
	}
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("%w: the name of the %s contains %+q", ErrInvalid, what, r)
		}
	}
	return nil
}

// Names returns the names by which [Ledger.Find] finds the stream that gets these events, in the notation of [Name].
func Names(key Key, events []Event) []string {
	if key.Phone == "" {
		return nil
	}
	names := []string{Name(key.Phone)}
	for _, event := range events {
		switch body := event.Body.(type) {
		case Listed:
			names = append(names, Name(body.Address), Name(body.MAC))
		case Reported:
			names = append(names, Name(body.Device.MAC))
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}

// Name returns the one notation of an address or a MAC address: MAC addresses as 00:1A:E8:12:34:56, IP addresses as net/netip
// prints them, hosts in lower case without a dot at the end.
func Name(text string) string {
	text = strings.TrimSpace(boundText(text))
	digits := strings.NewReplacer(":", "", "-", "", ".", "").Replace(text)
	if mac, err := hex.DecodeString(digits); err == nil && len(mac) == 6 && !strings.Contains(text, "::") {
		return strings.ToUpper(fmt.Sprintf("%x:%x:%x:%x:%x:%x", mac[:1], mac[1:2], mac[2:3], mac[3:4], mac[4:5], mac[5:]))
	}
	if ip, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return ip.Unmap().String()
	}
	return strings.ToLower(strings.TrimSuffix(text, "."))
}
