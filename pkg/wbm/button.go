package wbm

import "slices"

// wordsToSend are what a button is called that sends a form: a file, or a password (assumed).
func wordsToSend() []string {
	return append([]string{
		"upload", "send", "transfer", "submit", "update", "load", "ok", "go", "login", "log in", "logon", "log on", "sign in",
	}, wordsFor()...)
}

// wordsNotToPress are what buttons are called that do something else (assumed), on top of what forms are called that are for
// something else.
func wordsNotToPress() []string {
	return slices.Concat([]string{
		"default", "erase", "delete", "remove", "clear", "cancel", "abort", "stop", "back", "shutdown", "power", "halt", "format",
		"initialise", "initialize", "disable", "logout", "log out", "logoff", "log off",
	}, wordsAgainst(), namesAgainst())
}

// buttons returns the buttons that send the form.
func (f *form) buttons() []*control {
	return slices.DeleteFunc(slices.Clone(f.controls), func(c *control) bool {
		return c.kind != "submit" && c.kind != "image" || c.disabled
	})
}

// button returns the button that somebody sends the form with. Of several it is the only one that says that it sends, and
// nothing else. It is nil if the form has none, or if it cannot be told which: see unclear.
func (f *form) button() *control {
	all := f.buttons()
	if len(all) > 1 {
		all = slices.DeleteFunc(all, func(c *control) bool { return c.says(wordsToSend()) == "" || c.says(wordsNotToPress()) != "" })
	}
	if len(all) != 1 {
		return nil
	}
	return all[0]
}

// unclear reports whether the form has buttons, and it cannot be told which one sends it.
func (f *form) unclear() bool { return f.button() == nil && len(f.buttons()) > 0 }

// says returns the first of the words that name a button; "" if it says none of them.
func (c *control) says(words []string) string {
	for _, text := range c.texts() {
		if word := mention(text, words); word != "" {
			return word
		}
	}
	return ""
}

// objection is what a button says that nobody should press for an image. One that restarts the phone has to say that it sends,
// too.
func (c *control) objection() string {
	if word := c.says(wordsNotToPress()); word != "" {
		return word
	}
	if c.says(wordsToSend()) != "" {
		return ""
	}
	return c.says([]string{"restart", "reboot"})
}

// texts are what somebody sees of a button, and what it sends.
func (c *control) texts() []string {
	return []string{cut(c.name, maxShown), cut(c.value, maxShown), cut(c.sends["alt"], maxShown), cut(c.sends["title"], maxShown), c.caption}
}
