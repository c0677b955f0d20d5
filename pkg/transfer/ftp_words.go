package transfer

import (
	"regexp"
	"strings"
	"unicode"
)

// The words of servers, in lower case. IIS speaks the language of its Windows: the German ones are here too.

// plainWords returns a reply's text for comparing: in lower case, without the file's name, which may hold any word.
func plainWords(text, name string) string {
	text = strings.ToLower(text)
	if len(name) > 3 { // a shorter one may be part of any word
		text = strings.ReplaceAll(text, strings.ToLower(name), " ")
	}
	return text
}

// saysAbsent reports whether a reply says that there is no such file, and nothing else. "file not found or no access" says
// more, and "command not found" speaks of something else. Only codes that are about a file count (RFC 959, 4.2.1).
func saysAbsent(code int, words string) bool {
	if code/10 != 45 && code/10 != 55 {
		return false
	}
	words = strings.ReplaceAll(words, "file or directory", "file")
	if !absentWords().MatchString(words) {
		return false
	}
	for word := range strings.FieldsSeq(words) {
		letters := strings.IndexFunc(word, unicode.IsLetter) >= 0
		if letters && !strings.ContainsAny(word, `/\`) && !fileWord().MatchString(word) {
			return false
		}
	}
	return true
}

func absentWords() *regexp.Regexp {
	return regexp.MustCompile(`no such (file|object)|not found|(not|n't|never) exist|(cannot|can't|can not|could not|couldn't) find|nicht (finden|gefunden)|existiert nicht`)
}

// fileWord matches each word that may stand in a sentence about one file that is not there. Any other word may give the
// sentence another meaning.
func fileWord() *regexp.Regexp {
	return regexp.MustCompile(`^\W*(an?|the|this|that|is|was|it|there|here|on|sorry|but|error|failed|requested|remote|no|not|such|file|files|filename|object|path|named?|specified|given|system|server|cannot|can|could|can't|couldn't|find|found|exists?|does|doesn't|do|did|didn't|never|das|die|der|system|kann|konnte|angegebene|datei|pfad|wurde|nicht|finden|gefunden|existiert)\W*$`)
}

// existsWords matches the words of a server that does not replace a file.
func existsWords() *regexp.Regexp {
	return regexp.MustCompile(`already exist|exists|existing|in the way|(bereits|schon) vorhanden|existiert bereits`)
}

// passingWords matches the words of a server that somebody else disturbs for a moment, such as a virus scanner.
func passingWords() *regexp.Regexp {
	return regexp.MustCompile(`being used|in use\b|used by another|sharing violation|\block(ed|ing)?\b|busy|try again|temporar|anderen prozess`)
}

// nameWords matches the words of a server that does not accept a name.
func nameWords() *regexp.Regexp {
	return regexp.MustCompile(`(name|path).*(long|syntax|incorrect)|too long.*(name|path)|file ?name|name.*(not allowed|forbidden|prohibited|invalid)|(invalid|illegal|bad|forbidden|prohibited) (file|name|path|character|extension)|(extension|file type).*(not allowed|forbidden)|dateiname`)
}

// permissionWords matches the words of a server that forbids something.
func permissionWords() *regexp.Regexp {
	return regexp.MustCompile(`permi|denied|read-only|not allowed|not authori|unauthori|no access|forbidden|verweigert|berechtigung`)
}

// fullWords matches the words of a server whose disk is full: "Failure writing to local file" is vsftpd's for it, "Error
// during write to file" Pure-FTPd's, and ProFTPD has "Input/output error" when a write ended halfway.
func fullWords() *regexp.Regexp {
	return regexp.MustCompile(`quota|no space|disk full|file too large|too big|failure writing|error during write|input/output error|insufficient|exceed`)
}

// tooManyWords matches the words of a server that is full: ProFTPD sends them with the code of a wrong login.
func tooManyWords() *regexp.Regexp { return regexp.MustCompile(`too many|maximum number`) }

// incompleteWords matches the words after a listing that does not show everything: "Transfer done (but failed to open
// directory)" is vsftpd's, "Output truncated to 2000 files" Pure-FTPd's.
func incompleteWords() *regexp.Regexp {
	return regexp.MustCompile(`fail|truncat|unable|cannot|can't|denied|permi|error|abort|incomplete|limit`)
}
