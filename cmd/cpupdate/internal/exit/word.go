package exit

import (
	"regexp"
	"runtime"
	"strings"
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
	case plainWord.MatchString(name) && (windows || !strings.Contains(name, `\`)):
		return name
	case windows:
		return `"` + name + `"`
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}
