package credentials

import (
	"slices"
	"strings"
	"testing"
)

func TestSplitWords(t *testing.T) {
	for _, test := range []struct {
		command string
		want    []string // nil: an error
	}{
		{"pass show site", []string{"pass", "show", "site"}},
		{"  a \t b\nc ", []string{"a", "b", "c"}},
		{`a 'b c' "d e"`, []string{"a", "b c", "d e"}},
		{`a'b'"c"d`, []string{"abcd"}},
		{`a '' ""`, []string{"a", "", ""}},
		{`a '\' "\"" "\\" "\n"`, []string{"a", `\`, `"`, `\`, `\n`}},
		{`a\ b \'c\' \\ \"`, []string{"a b", "'c'", `\`, `"`}},
		{`C:\Tools\pass.exe "C:\Program Files\x"`, []string{`C:\Tools\pass.exe`, `C:\Program Files\x`}},
		{`'\\server\share\pass' $HOME * ~ ; | &`, []string{`\\server\share\pass`, "$HOME", "*", "~", ";", "|", "&"}},
		{`a\`, []string{`a\`}},
		{"", nil},
		{" ", nil},
		{`''`, nil},
		{`a 'b`, nil},
		{`a "b\"`, nil},
	} {
		got, err := SplitWords(test.command)
		if !slices.Equal(got, test.want) || (err != nil) != (test.want == nil) {
			t.Errorf("%q: got %q, %v, want %q", test.command, got, err, test.want)
		}
	}
}

// FuzzSplitWords checks that quoted words come back unchanged, and that nothing crashes.
func FuzzSplitWords(f *testing.F) {
	f.Add(`a 'b c' "d\"e" f\ g`)
	f.Add(`C:\x "`)
	f.Fuzz(func(t *testing.T, command string) {
		words, err := SplitWords(command)
		if err != nil {
			return
		}
		for _, quote := range []func(string) string{
			func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" },
			func(s string) string { return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"` },
		} {
			var all []string
			for _, word := range words {
				all = append(all, quote(word))
			}
			again, err := SplitWords(strings.Join(all, " "))
			if err != nil || !slices.Equal(again, words) {
				t.Fatalf("%q became %q, then %q, %v", command, words, again, err)
			}
		}
	})
}
