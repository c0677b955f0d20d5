package wbm

import (
	"cmp"
	"fmt"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/cpupdate/cpupdate/pkg/wbm/internal/htmlform"
)

// A secret is the password, in the ways in which a page may repeat it. It never leaves the package again. Only a
// function knows it: whatever prints what holds the secret prints an address.
type secret struct{ forms func() []string }

// newSecret returns a secret. A phone that wants to can still tell it in ways that nobody foresees; but not by repeating it.
func newSecret(password string) secret {
	if password == "" {
		return secret{}
	}
	forms := []string{
		password, strings.Join(strings.Fields(password), " "), strings.Trim(strconv.Quote(password), `"`), html.EscapeString(password),
		strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#x27;").Replace(password),
	}
	for _, raw := range []string{password, htmlform.Latin1(password)} {
		var all strings.Builder
		for i := range len(raw) {
			fmt.Fprintf(&all, "%%%02X", raw[i])
		}
		for _, form := range []string{url.QueryEscape(raw), url.PathEscape(raw), all.String()} {
			forms = append(forms, form, lowerEscapes(form))
		}
	}
	forms = slices.DeleteFunc(forms, func(form string) bool { return form == "" })
	return secret{func() []string { return forms }}.sorted()
}

// and returns what keeps both secrets.
func (s secret) and(other secret) secret {
	all := append(slices.Clone(s.all()), other.all()...)
	return secret{func() []string { return all }}.sorted()
}

// sorted has what holds another go first, and nothing twice.
func (s secret) sorted() secret {
	forms := s.all()
	slices.SortFunc(forms, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	forms = slices.Compact(forms)
	return secret{func() []string { return forms }}
}

func (s secret) all() []string {
	if s.forms == nil {
		return nil
	}
	return s.forms()
}

// minPart is how many bytes of a password say something of it.
const minPart = 3

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

// String keeps the password out of whatever prints a session.
func (secret) String() string { return "***" }

// GoString does what String does.
func (secret) GoString() string { return "***" }

// scrub takes the password out of a text, wherever it stands there as a whole.
func (s secret) scrub(text string) string {
	shown, _ := s.show(text, len(text))
	return shown
}

// show is the beginning of a text for somebody to see, without the password; and how many bytes of the text that is, at
// most limit. A text that is cut is never cut within the password: what shows half of it tells it.
func (s secret) show(text string, limit int) (shown string, size int) {
	forms := s.all()
	for limit > 0 && limit < len(text) && !utf8.RuneStart(text[limit]) {
		limit--
	}
	var b strings.Builder
	at := 0
	for at < min(limit, len(text)) {
		rest := text[at:]
		form := s.at(forms, rest)
		switch {
		case form != "" && at+len(form) <= limit:
			b.WriteString("***")
			at += len(form)
			continue
		case form != "", limit < len(text) && s.begins(forms, rest):
			return b.String(), at
		}
		b.WriteByte(text[at])
		at++
	}
	return b.String(), at
}

// at returns the longest form that a text begins with; "" if there is none.
func (s secret) at(forms []string, text string) string {
	for _, form := range forms {
		if strings.HasPrefix(text, form) {
			return form
		}
	}
	return ""
}

// begins reports whether a text, which was cut before it came here, may end within the password.
func (s secret) begins(forms []string, text string) bool {
	return len(text) >= minPart && slices.ContainsFunc(forms, func(form string) bool { return strings.HasPrefix(form, text) })
}

// cut bounds a text that is not shown, but may be shown later: it does not end within the password.
func (s secret) cut(text string, limit int) string {
	_, size := s.show(text, limit)
	return cut(text, size)
}

// cut bounds a text to a number of bytes, as valid UTF-8.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return strings.ToValidUTF8(text, "?")
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return strings.ToValidUTF8(text[:limit], "?")
}
