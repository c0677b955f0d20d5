package console

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// Whatever a file is called, its name reaches a terminal and JSON as text.
func TestEscape(t *testing.T) {
	for text, want := range map[string]string{
		"plain Größe 日本":          "plain Größe 日本",
		"\x1b[2J":                 `\u{1b}[2J`, // the rest stands in package display
		strings.Repeat("x", 5000): strings.Repeat("x", 2048) + "...",
	} {
		if got := Escape(text); got != want {
			t.Errorf("escape(%.40q) = %.60q, want %.60q", text, got, want)
		}
	}
	var out bytes.Buffer
	text := "\x1b\x7f\u009b\u202e\u2800\U000e0001 日 \xff"
	if err := writeJSON(&out, text, false); err != nil {
		t.Fatal(err)
	}
	if want := `"\u001b\u007f\u009b\u202e\u2800\udb40\udc01 日 ` + "\ufffd" + `"` + "\n"; out.String() != want && out.String() != strings.Replace(want, "\ufffd", `\ufffd`, 1) {
		t.Errorf("writeJSON(%q) = %s, want %s", text, out.String(), want)
	}
	var back string
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || back != strings.ToValidUTF8(text, "\ufffd") {
		t.Errorf("JSON reads back as %q, %v", back, err)
	}
}
