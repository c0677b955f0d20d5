// Package secret holds passwords so that nothing prints them: [Secret] is one, [Redactor] takes secrets out of the texts of
// servers and phones that were sent them, and [Cut] bounds such texts.
package secret

import (
	"fmt"
	"log/slog"
)

// Redacted stands for a secret wherever one might be shown.
const Redacted = "[redacted]"

// Secret is a password. It prints as "[redacted]" through every verb, in JSON, XML, TOML and slog; [Secret.Reveal]
// returns it. The zero Secret is not set, which is not the same as an empty one.
type Secret struct{ text *string } // a pointer, so that no printing by reflection shows it

// New returns the secret with the given text, which may be empty.
func New(text string) Secret { return Secret{&text} }

// Reveal returns the text, "" if it is not set.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsSet reports whether there is a secret, be it an empty one.
func (s Secret) IsSet() bool { return s.text != nil }

// String returns "[redacted]", or "" if the secret is not set.
func (s Secret) String() string {
	if s.text == nil {
		return ""
	}
	return Redacted
}

// Format writes [Secret.String] for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// MarshalText returns [Secret.String]: encoders show no secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue returns [Secret.String] for slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Scrub returns a text without the secret, as [Redactor.Scrub] does.
func (s Secret) Scrub(text string) string { return NewRedactor(s).Scrub(text) }
