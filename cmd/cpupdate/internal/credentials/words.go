package credentials

import (
	"errors"
	"strings"
)

// SplitWords splits a command into words, as a shell does, but expands nothing:
//
//   - spaces, tabs and line breaks separate words;
//   - between '...' every character stands for itself;
//   - between "..." so does every character but a backslash before " or \;
//   - elsewhere a backslash before a space, tab, line break, ', " or \ escapes that character; before any other
//     character it stands for itself, as in C:\Tools\pass.exe.
func SplitWords(command string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord := false
	for i := 0; i < len(command); i++ {
		c := command[i]
		switch {
		case c == '\'' || c == '"':
			rest, ok := quoted(&word, command[i+1:], c)
			if !ok {
				return nil, errors.New("a closing quote is missing")
			}
			i, inWord = len(command)-len(rest)-1, true
		case strings.IndexByte(" \t\r\n", c) >= 0:
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
		case c == '\\' && i+1 < len(command) && strings.IndexByte(" \t\r\n'\"\\", command[i+1]) >= 0:
			i++
			c = command[i]
			fallthrough
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	if len(words) == 0 || words[0] == "" {
		return nil, errors.New("no program is named")
	}
	return words, nil
}

// quoted appends what stands before the closing quote to the word, and returns what stands after it.
func quoted(word *strings.Builder, text string, quote byte) (rest string, ok bool) {
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == quote {
			return text[i+1:], true
		}
		if quote == '"' && c == '\\' && i+1 < len(text) && (text[i+1] == '"' || text[i+1] == '\\') {
			i++
			c = text[i]
		}
		word.WriteByte(c)
	}
	return "", false
}
