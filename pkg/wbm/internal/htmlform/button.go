package htmlform

import "slices"

// submitWords are what a button is called that submits a form with a file or a password (assumed).
func submitWords() []string {
	return append([]string{
		"upload", "send", "transfer", "submit", "update", "load", "ok", "go", "login", "log in", "logon", "log on", "sign in",
	}, wordsFor()...)
}

// otherWords are what buttons are called that do something else (assumed), in addition to what forms are called that are for
// something else.
func otherWords() []string {
	return slices.Concat([]string{
		"default", "erase", "delete", "remove", "clear", "cancel", "abort", "stop", "back", "shutdown", "power", "halt", "format",
		"initialise", "initialize", "disable", "logout", "log out", "logoff", "log off",
	}, wordsAgainst(), namesAgainst())
}

// submitButtons returns the buttons that submit the form.
func (f *Form) submitButtons() []*Control {
	return slices.DeleteFunc(slices.Clone(f.Controls), func(c *Control) bool {
		return c.Kind != "submit" && c.Kind != "image" || c.Disabled
	})
}

// submitButton returns the button to submit the form with: the only one, or of several the only one whose words say that it
// submits, and nothing else. It returns nil if there is none, or if the form is ambiguous.
func (f *Form) submitButton() *Control {
	all := f.submitButtons()
	if len(all) > 1 {
		all = slices.DeleteFunc(all, func(c *Control) bool { return c.mention(submitWords()) == "" || c.mention(otherWords()) != "" })
	}
	if len(all) != 1 {
		return nil
	}
	return all[0]
}

// IsAmbiguous reports whether the form has buttons and it is not clear which one submits it.
func (f *Form) IsAmbiguous() bool { return f.submitButton() == nil && len(f.submitButtons()) > 0 }

// mention returns the first of the words that name a button; "" if none does.
func (c *Control) mention(words []string) string {
	for _, text := range c.names() {
		if word := Mention(text, words); word != "" {
			return word
		}
	}
	return ""
}

// objection returns a word that speaks against pressing a button to send an image; "" if none does. A button that restarts
// the phone has to say that it submits, too.
func (c *Control) objection() string {
	if word := c.mention(otherWords()); word != "" {
		return word
	}
	if c.mention(submitWords()) != "" {
		return ""
	}
	return c.mention([]string{"restart", "reboot"})
}

// names returns what is displayed of a button, and what it sends.
func (c *Control) names() []string {
	return []string{cut(c.Name, maxName), cut(c.Value, maxName), cut(c.button["alt"], maxName), cut(c.button["title"], maxName), c.caption}
}
