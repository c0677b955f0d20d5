package wbm

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

// wordsAgainst are what the forms for other files are called: logo and LDAP template with the prefixes of their fields
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

// namesAgainst are words of names only: in a heading they may stand for the whole menu.
func namesAgainst() []string { return []string{"config", "factory", "reset", "password"} }

// tokens are the words of a text or of a name: PhoneApplication, phone-application and "Phone application" are the same two.
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

// mention returns the first of the words that a text holds: apart, or together; long ones also within others, since names
// are not always written so that one sees where a word ends.
func mention(text string, words []string) string {
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

// A verdict is what a form's words say of what it is for.
type verdict struct{ pro, con string }

func (v verdict) belongs() bool { return v.pro != "" && v.con == "" }

// reason says why a form is not for the phone application.
func (v verdict) reason() string {
	switch {
	case v.con != "":
		return "it is for something else (" + v.con + ")"
	case v.pro == "":
		return "nothing says what it is for"
	}
	return ""
}

// judge weighs all that names a form that takes a file: the names of its page and of where it sends, title, headings, labels,
// field names and hidden values. Some word has to be for it, and none against it. What stands on the start page too says
// nothing. What else is sent with the file, a button or a choice, speaks against it if at all.
func (s *Session) judge(f *form) verdict {
	common := map[string]bool{}
	for _, p := range s.start {
		common[p.title] = true
		for _, heading := range p.headings {
			common[heading] = true
		}
	}
	texts := []string{f.page.title}
	names := []string{f.page.url.Query().Get("page"), f.page.url.Path, cut(f.said("formaction", f.action), maxShown)}
	for _, c := range f.controls {
		switch {
		case c.kind == "hidden" && !strings.EqualFold(c.name, "lang") && !strings.EqualFold(c.name, "language"):
			names = append(names, cut(c.name, maxShown), cut(c.value, maxShown))
		case c.kind == "file" && !c.disabled:
			names = append(names, cut(c.name, maxShown))
			texts = append(texts, c.labels...)
		}
	}
	v := verdict{con: f.objection()}
	against := append(wordsAgainst(), namesAgainst()...)
	for _, name := range names {
		v.weigh(name, against)
	}
	against = wordsAgainst()
	for _, text := range append(texts, f.headings...) {
		if !common[text] {
			v.weigh(text, against)
		}
	}
	return v
}

// objection is the first word against the form in what it sends without anybody's doing: its button, and what is chosen.
func (f *form) objection() string {
	if b := f.button(); b != nil {
		if word := b.objection(); word != "" {
			return word
		}
	}
	against := append(wordsAgainst(), namesAgainst()...)
	for _, c := range f.controls {
		var texts []string
		switch {
		case c.disabled || strings.EqualFold(c.name, "lang") || strings.EqualFold(c.name, "language"):
		case c.kind == "select":
			for _, o := range c.chosen() {
				texts = append(texts, cut(o.value, maxShown), o.text)
			}
		case (c.kind == "checkbox" || c.kind == "radio") && c.checked:
			texts = append(texts, cut(c.name, maxShown), cut(c.value, maxShown))
		}
		for _, text := range texts {
			if word := mention(text, against); word != "" {
				return word
			}
		}
	}
	return ""
}

// weigh adds what one name or text says.
func (v *verdict) weigh(text string, against []string) {
	if v.pro == "" {
		v.pro = mention(text, wordsFor())
	}
	if v.con == "" {
		v.con = mention(text, against)
	}
}

// promise is how much a link's name and text smell of the page that is looked for.
func promise(name, text string) int {
	for _, words := range []struct {
		worth int
		words []string
	}{
		{-1, []string{"logo", "ldap", "ringer", "ringtone", "picture clip", "screensaver", "dongle", "hpt", "certificate"}},
		{3, []string{"phone application", "application software", "upgrade", "firmware", "bind"}},
		{2, []string{"software"}},
		{1, []string{"file transfer", "transfer", "maintenance"}},
	} {
		if mention(name, words.words) != "" || mention(text, words.words) != "" {
			return words.worth
		}
	}
	return 0
}
