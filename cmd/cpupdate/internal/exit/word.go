package exit

import (
	"regexp"
	"runtime"
	"strings"
	"unicode/utf8"
)

// plainWord is a word that no shell changes.
var plainWord = regexp.MustCompile(`^[\pL\pN_./:@%+=,\\-]+$`)

// Word returns a name as a word of a command line that a hint shows, in quotes if a shell would change it.
func Word(name string) string {
	return wordFor(runtime.GOOS, name)
}

func wordFor(system, name string) string {
	windows := system == "windows"
	switch {
	case windows && plainWord.MatchString(name) && !strings.HasPrefix(name, "@"): // which PowerShell reads as a variable
		return name
	case windows:
		return windowsWord(name)
	case plainWord.MatchString(name) && !strings.Contains(name, `\`):
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}

// windowsWord returns a name in double quotes, which both cmd.exe and PowerShell know. Backslashes before the closing quote are doubled:
// otherwise the program would read the last one and the quote as a quote. A backtick stands before what PowerShell would expand, a variable
// or a command, or take for the closing quote. To cmd.exe that is one character more, so such a name, which is rare, is not found there; but
// neither shell runs a command out of a name.
func windowsWord(name string) string {
	var b strings.Builder
	for at, r := range name {
		_, size := utf8.DecodeRuneInString(name[at:])
		switch rest := name[at+size:]; {
		case r == '"':
			b.WriteByte('"')
		case r == '$' && rest != "" && rest[0] != '\\' && rest[0] != ' ', strings.ContainsRune("`“”„", r):
			b.WriteByte('`')
		}
		b.WriteRune(r)
	}
	end := len(name) - len(strings.TrimRight(name, `\`))
	return `"` + b.String() + strings.Repeat(`\`, end) + `"`
}
