package htmlform

import (
	"slices"
	"strings"
	"unicode"
)

// wordsFor are what a form for the phone application is called. "Phone application" and "upgrade using file" are headings of
// the CP HFA administration manual A31003-C1000-M102-5, 3.9.3 and 3.9.3.1, "bind" is its word for the image; the others are
// assumed.
func wordsFor() []string {
	return []string{"phone application", "application software", "phone software", "software", "firmware", "bind", "upgrade", "upgrade using file"}
}

// wordsAgainst are what forms for other files are called: logo and LDAP template with the prefixes of their fields
// (observed: a public logo uploader for OpenStage 40/60, UnifyConfigurator), dongle key and HPT (CP HFA administration manual
// A31003-C1000-M102-9, p. 133), picture clip, screensaver, ringer, music on hold (the same, 3.9.4 and later); the rest is
// assumed.
func wordsAgainst() []string {
	return []string{
		"logo", "lgo", "ldap", "ldp", "ring", "ringer", "ringtone", "ring tone", "ring file", "picture", "pic", "clip", "screensaver",
		"screen saver", "wallpaper", "background", "music", "moh", "audio", "template", "certificate", "cert", "dictionary", "language",
		"dongle", "hpt", "phonebook", "phone book", "config file", "configuration file", "configuration data", "backup", "restore",
		"licence", "license", "xml",
	}
}

// namesAgainst are words that count against a form in names only: in a heading they may stand for the whole menu.
func namesAgainst() []string { return []string{"config", "factory", "reset", "password"} }

// tokens returns the words of a text or of a name: PhoneApplication, phone-application and "Phone application" have the same two.
func tokens(text string) []string {
	var all []string
	word := []rune{}
	flush := func() {
		if len(word) > 0 {
			all = append(all, strings.ToLower(string(word)))
			word = word[:0]
		}
	}
	runes := []rune(text)
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r):
			flush()
			continue
		case unicode.IsUpper(r) && i > 0 && (unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])):
			flush()
		}
		word = append(word, r)
	}
	flush()
	return all
}

// Mention returns the first of the words that a text contains, "" if it contains none. A word of two counts if they stand apart
// or together; a long one counts within others, too, since names do not always show where a word ends.
func Mention(text string, words []string) string {
	has := tokens(text)
	for _, word := range words {
		parts := strings.Fields(word)
		joined := strings.Join(parts, "")
		for i, token := range has {
			apart := i+len(parts) <= len(has) && slices.Equal(has[i:i+len(parts)-1], parts[:len(parts)-1]) &&
				strings.TrimSuffix(has[i+len(parts)-1], "s") == strings.TrimSuffix(parts[len(parts)-1], "s")
			if apart || strings.TrimSuffix(token, "s") == joined || len(joined) > 4 && strings.Contains(token, joined) {
				return word
			}
		}
	}
	return ""
}

// A Purpose is what the words of a form say that it is for: the first word that stands for the phone application, and the first
// that stands for something else.
type Purpose struct{ For, Against string }

// IsPhoneApplication reports whether some word is for it, and none against it.
func (p Purpose) IsPhoneApplication() bool { return p.For != "" && p.Against == "" }

// Reason says why a form is not for the phone application; "" if it is.
func (p Purpose) Reason() string {
	switch {
	case p.Against != "":
		return "it is for something else (" + p.Against + ")"
	case p.For == "":
		return "nothing says what it is for"
	}
	return ""
}

// score adds what one name or text says.
func (p *Purpose) score(text string, against []string) {
	if p.For == "" {
		p.For = Mention(text, wordsFor())
	}
	if p.Against == "" {
		p.Against = Mention(text, against)
	}
}

// Classify returns what a form is for that takes a file, or makes the phone fetch one. It looks at all that names the form: the names of its page and of where
// it sends, title, headings, labels, field names and hidden values. A title or heading that stands on the start pages, too,
// says nothing. What else is sent with the file, a button or a selection, can only speak against it.
func (f *Form) Classify(start []*Page) Purpose {
	common := map[string]bool{}
	for _, p := range start {
		common[p.Title] = true
		for _, heading := range p.Headings {
			common[heading] = true
		}
	}
	texts := []string{f.Page.Title}
	names := []string{f.Page.URL.Query().Get("page"), f.Page.URL.Path, cut(f.Action(), maxName)}
	fileName := (*Control)(nil)
	if t := f.Transfer(); t != nil {
		fileName = t.File()
	}
	for _, c := range f.Controls {
		switch {
		case c.Kind == "hidden" && !c.isLanguage():
			names = append(names, cut(c.Name, maxName), cut(c.Value, maxName))
		case c == fileName, c.Kind == "file" && !c.Disabled:
			names = append(names, cut(c.Name, maxName))
			texts = append(append(texts, c.labels...), c.before)
		}
	}
	p := Purpose{Against: f.objection()}
	against := append(wordsAgainst(), namesAgainst()...)
	for _, name := range names {
		p.score(name, against)
	}
	against = wordsAgainst()
	for _, text := range append(texts, f.Headings...) {
		if !common[text] {
			p.score(text, against)
		}
	}
	return p
}

// objection returns the first word against the form in what it sends by default: its button, and what is selected.
func (f *Form) objection() string {
	if b := f.submitButton(); b != nil {
		if word := b.objection(); word != "" {
			return word
		}
	}
	against := append(wordsAgainst(), namesAgainst()...)
	for _, c := range f.Controls {
		var texts []string
		switch {
		case c.Disabled || c.isLanguage():
		case c.Kind == "select":
			for _, o := range c.selected() {
				texts = append(texts, cut(o.value, maxName), o.text)
			}
		case (c.Kind == "checkbox" || c.Kind == "radio") && c.checked:
			texts = append(texts, cut(c.Name, maxName), cut(c.Value, maxName))
		}
		for _, text := range texts {
			if word := Mention(text, against); word != "" {
				return word
			}
		}
	}
	return ""
}

// isLanguage reports whether a control selects the language of the page.
func (c *Control) isLanguage() bool {
	return strings.EqualFold(c.Name, "lang") || strings.EqualFold(c.Name, "language")
}

// LinkScore returns how likely a link leads to the form for the phone application, by the name of its page and its text: 3 at
// most; 0 or less is unlikely.
func LinkScore(name, text string) int {
	for _, class := range []struct {
		score int
		words []string
	}{
		{-1, []string{"logo", "ldap", "ringer", "ringtone", "picture clip", "screensaver", "dongle", "hpt", "certificate"}},
		{3, []string{"phone application", "application software", "upgrade", "firmware", "bind"}},
		{2, []string{"software"}},
		{1, []string{"file transfer", "transfer", "maintenance"}},
	} {
		if Mention(name, class.words) != "" || Mention(text, class.words) != "" {
			return class.score
		}
	}
	return 0
}
