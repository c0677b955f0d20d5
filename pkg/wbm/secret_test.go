package wbm

import (
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/secret"
)

// TestSecretIsNotCut checks that a text is cut before a password that begins there, and not before what only resembles one.
func TestSecretIsNotCut(t *testing.T) {
	t.Parallel()
	s := secret.NewRedactor(secret.New("CP600admin"))
	for _, c := range []struct {
		name, text string
		limit      int
		raw, shown string
	}{
		{"not cut", "a CP600", 7, "a CP600", "a CP600"},
		{"not cut, with all of it", "a CP600admin", 12, "a CP600admin", "a [redacted]"},
		{"cut behind it", "a CP600admin b", 13, "a CP600admin ", "a [redacted] "},
		{"cut right behind it", "a CP600admin b", 12, "a CP600admin", "a [redacted]"},
		{"cut within it", "a CP600admin b", 11, "a ", "a "},
		{"cut after its first byte", "a CP600admin b", 3, "a ", "a "},
		{"cut within what only begins alike", "a CP600 is here", 7, "a CP600", "a CP600"},
		{"cut before, too", "a CP600adm", 8, "a ", "a "},
		{"twice", "CP600adminCP600admin!", 19, "CP600admin", "[redacted]"},
		{"cut within a letter", "aé", 2, "a", "a"},
		{"nothing", "", 5, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if raw := s.Cut(c.text, c.limit); raw != c.raw {
				t.Errorf("raw %q, want %q", raw, c.raw)
			}
			if shown := (&Session{redactor: s}).redactTo(c.limit, c.text); shown != c.shown {
				t.Errorf("shown %q, want %q", shown, c.shown)
			}
		})
	}
}

// TestFactsAreRaw checks that a password that is part of the name of a device does not change the facts.
func TestFactsAreRaw(t *testing.T) {
	t.Parallel()
	for _, password := range []string{"CP600admin", "CP600", "Desk"} {
		s := &Session{redactor: secret.NewRedactor(secret.New(password))}
		s.facts.add(read(t, "<title>IP Phone Admin</title><p>Device type: OpenScape Desk Phone CP600"))
		if want := (Facts{Title: "IP Phone Admin", Device: "OpenScape Desk Phone CP600"}); s.Facts() != want {
			t.Errorf("with %s: %+v", password, s.Facts())
		}
	}
	s := &Session{redactor: secret.NewRedactor(secret.New("CP600admin"))}
	s.facts.add(read(t, "<p>Device type: "+strings.Repeat("x", maxText-5)+"CP600admin"))
	if got := s.Facts().Device; got != strings.Repeat("x", maxText-5) {
		t.Errorf("it ends with %q", got[maxText-10:])
	}
}
