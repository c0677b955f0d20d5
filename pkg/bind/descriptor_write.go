package bind

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// tomlList returns a list of texts as TOML, "" for none.
func tomlList(list []string) string {
	if len(list) == 0 {
		return ""
	}
	texts := make([]string, len(list))
	for i, s := range list {
		if texts[i] = tomlText(s); s == "" {
			texts[i] = "''"
		}
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

// tomlText returns a text as TOML, "" for none: unchanged if possible, otherwise with escapes. Invalid UTF-8 stays, for
// the reader to refuse.
func tomlText(s string) string {
	plain := func(r rune) bool { return r != '\'' && Prints(r) }
	if s == "" {
		return ""
	}
	if strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return "'" + s + "'"
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case Prints(r) || r == utf8.RuneError && size == 1:
			b.WriteString(s[i : i+size])
		case r > 0xFFFF:
			fmt.Fprintf(&b, `\U%08X`, r)
		default:
			fmt.Fprintf(&b, `\u%04X`, r)
		}
		i += size
	}
	b.WriteByte('"')
	return b.String()
}
