package transfer

import (
	"encoding/base64"
	"fmt"
	"html"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf16"
)

// redacted is what stands for a secret wherever it might be shown.
const redacted = "[redacted]"

// A Secret is a password. It prints as [redacted] through every verb, in JSON, XML, TOML and slog; [Secret.Reveal]
// returns it. The zero Secret is none at all, which is not the same as an empty one.
type Secret struct{ text *string } // a pointer, so that no printing by reflection shows it

// NewSecret returns the secret with the given text, which may be empty.
func NewSecret(text string) Secret { return Secret{&text} }

// Reveal returns the text, "" if there is none.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsSet reports whether there is a secret, be it an empty one.
func (s Secret) IsSet() bool { return s.text != nil }

// String returns "[redacted]", or "" if there is no secret.
func (s Secret) String() string {
	if s.text == nil {
		return ""
	}
	return redacted
}

// Format writes [Secret.String] for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// MarshalText returns [Secret.String]: encoders show no secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue returns [Secret.String] for slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Scrub returns a text of whoever was sent the secret without it. Forms that it takes on the wire or in a page are looked
// for too; one of fewer than four bytes counts as a whole word only. The zero Secret is in no text.
func (s Secret) Scrub(text string) string { return Access{Password: s}.scrub(text) }

// scrub returns a server's text without the secret: servers repeat what they were sent. Forms that the secret takes on
// the wire or in a page are looked for too. A short secret would be found in every text, so that it counts as a whole
// word only.
func (a Access) scrub(text string) string {
	secret := a.Password.Reveal()
	if secret == "" {
		return text
	}
	basic := base64.StdEncoding.EncodeToString([]byte(a.Username + ":" + secret))
	collapsed := strings.Join(strings.Fields(secret), " ")
	forms := []string{basic, secret, url.QueryEscape(secret), url.PathEscape(secret), collapsed}
	text = scrubForms(text, forms)
	for _, plain := range []func(string) string{html.UnescapeString, unescapeSlashes, unescapePercents} {
		if found := scrubForms(plain(text), forms); found != plain(text) {
			text = found
		}
	}
	return text
}

func scrubForms(text string, forms []string) string {
	for _, form := range forms {
		if len(form) >= 4 {
			text = strings.ReplaceAll(text, form, redacted)
			continue
		}
		for _, word := range strings.FieldsFunc(text, notOfWord) {
			if word == form && form != "" {
				return redacted
			}
		}
	}
	return text
}

// unescapeSlashes reads what JSON, Go, C and shells write with backslashes.
func unescapeSlashes(text string) string {
	var plain strings.Builder
	for text != "" {
		if text[0] != '\\' || len(text) == 1 {
			plain.WriteByte(text[0])
			text = text[1:]
			continue
		}
		r, isByte, rest, err := readEscape(text)
		switch {
		case err != nil: // of something that needs none
			plain.WriteByte(text[1])
			rest = text[2:]
		case isByte:
			plain.WriteByte(byte(r))
		default:
			plain.WriteRune(r)
		}
		text = rest
	}
	return plain.String()
}

// readEscape reads what begins with a backslash. JSON writes what has no place in 16 bits as two of them.
func readEscape(text string) (r rune, isByte bool, rest string, err error) {
	if r, ok := hexRune(text); ok {
		if low, ok := hexRune(text[6:]); ok && utf16.IsSurrogate(r) {
			return utf16.DecodeRune(r, low), false, text[12:], nil
		}
		return r, false, text[6:], nil
	}
	r, multibyte, rest, err := strconv.UnquoteChar(text, 0)
	return r, r < 256 && !multibyte, rest, err
}

// hexRune reads \uXXXX.
func hexRune(text string) (rune, bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(text[2:6], 16, 16)
	return rune(n), err == nil
}

// unescapePercents reads %XX with digits of either case, as far as there are any.
func unescapePercents(text string) string {
	var plain strings.Builder
	for text != "" {
		if text[0] == '%' && len(text) >= 3 {
			if n, err := strconv.ParseUint(text[1:3], 16, 8); err == nil {
				plain.WriteByte(byte(n))
				text = text[3:]
				continue
			}
		}
		plain.WriteByte(text[0])
		text = text[1:]
	}
	return plain.String()
}

func notOfWord(r rune) bool { return strings.ContainsRune(" \t\r\n'\"`()<>[]{}:,;.=", r) }
