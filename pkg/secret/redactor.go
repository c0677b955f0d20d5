package secret

import (
	"cmp"
	"fmt"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// shortest is how many bytes a form of a secret needs to be looked for within words. A shorter one would be found in
// every text.
const shortest = 4

// Redactor takes secrets out of the texts of servers and phones, which repeat what they were sent. It knows the forms that
// a secret takes on the wire and in pages: in percent escapes, with the escapes of HTML and JSON, and with its blanks
// taken together. A peer that wants to can still tell a secret in a form that nobody foresees. The zero Redactor changes
// nothing.
type Redactor struct{ forms func() []string } // a function, so that no printing by reflection shows them

// NewRedactor returns a Redactor for all of the secrets. A secret that is empty or not set is in no text.
func NewRedactor(secrets ...Secret) Redactor { return Redactor{}.And(secrets...) }

// And returns a Redactor for these secrets, too.
func (r Redactor) And(secrets ...Secret) Redactor {
	forms := slices.Clone(r.all())
	for _, s := range secrets {
		if text := s.Reveal(); text != "" {
			forms = append(forms, formsOf(text)...)
		}
	}
	// What holds another form goes first.
	slices.SortFunc(forms, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	forms = slices.DeleteFunc(slices.Compact(forms), func(form string) bool { return form == "" })
	return Redactor{func() []string { return forms }}
}

// formsOf returns the ways in which a text is written where it is repeated.
func formsOf(text string) []string {
	forms := []string{
		text, strings.Join(strings.Fields(text), " "), strings.Trim(strconv.Quote(text), `"`), html.EscapeString(text),
		strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#x27;").Replace(text),
	}
	for _, raw := range []string{text, latin1(text)} {
		var all strings.Builder
		for i := range len(raw) {
			fmt.Fprintf(&all, "%%%02X", raw[i])
		}
		for _, form := range []string{url.QueryEscape(raw), url.PathEscape(raw), all.String()} {
			forms = append(forms, form, lowerEscapes(form))
		}
	}
	return forms
}

// latin1 returns the text in ISO 8859-1, as browsers send it to an old page.
func latin1(text string) string {
	var b []byte
	for _, r := range text {
		if r > 0xff {
			b = fmt.Appendf(b, "&#%d;", r)
			continue
		}
		b = append(b, byte(r))
	}
	return string(b)
}

// lowerEscapes writes %2F as %2f.
func lowerEscapes(text string) string {
	b := []byte(text)
	for i := range b {
		if b[i] == '%' && i+2 < len(b) {
			copy(b[i:], strings.ToLower(string(b[i:i+3])))
		}
	}
	return string(b)
}

// all returns the forms of the secrets, the longest first.
func (r Redactor) all() []string {
	if r.forms == nil {
		return nil
	}
	return r.forms()
}

// Scrub returns the text with "[redacted]" for each secret in it. A text in which a secret of fewer than four bytes is a
// word becomes "[redacted]" as a whole.
func (r Redactor) Scrub(text string) string {
	forms := r.all()
	if len(forms) == 0 {
		return text
	}
	text = scrub(text, forms)
	for _, plain := range []func(string) string{html.UnescapeString, unescapeSlashes, unescapePercents} {
		if found := scrub(plain(text), forms); found != plain(text) {
			text = found
		}
	}
	return text
}

func scrub(text string, forms []string) string {
	for _, form := range forms {
		switch {
		case len(form) >= shortest:
			text = strings.ReplaceAll(text, form, Redacted)
		case hasWord(text, form):
			return Redacted
		}
	}
	return text
}

// hasWord reports whether a text holds a form with neither letter nor digit beside it.
func hasWord(text, form string) bool {
	for at := 0; ; at++ {
		next := strings.Index(text[at:], form)
		if next < 0 {
			return false
		}
		at += next
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		after, _ := utf8.DecodeRuneInString(text[at+len(form):])
		if !isOfWord(before) && !isOfWord(after) {
			return true
		}
	}
}

func isOfWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// Cut returns the beginning of a text, at most limit bytes, as [Prefix] does, and without the beginning of a secret at its
// end: what shows half of a secret tells it, and no Scrub finds it later. Secrets before that stay.
func (r Redactor) Cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	kept := Prefix(text, limit)
	forms := r.all()
	for at := 0; at < len(kept); {
		rest := text[at:]
		i := slices.IndexFunc(forms, func(form string) bool { return strings.HasPrefix(rest, form) })
		switch {
		case i >= 0 && at+len(forms[i]) <= len(kept):
			at += len(forms[i])
		case i >= 0, isPart(forms, rest):
			return text[:at]
		default:
			at++
		}
	}
	return kept
}

// isPart reports whether a text, which was cut before it came here, may end within a secret.
func isPart(forms []string, text string) bool {
	const telling = 3 // bytes of a secret that tell something of it
	return len(text) >= telling && slices.ContainsFunc(forms, func(form string) bool { return strings.HasPrefix(form, text) })
}
