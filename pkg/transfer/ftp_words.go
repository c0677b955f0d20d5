package transfer

import (
	"regexp"
	"strings"
)

// The words of servers, in lower case. IIS speaks the language of its Windows: the German ones are here too.

// plainWords returns a reply's text for comparing: in lower case, without the file's name, which may hold any word.
func plainWords(text, name string) string {
	if len(name) > 3 { // a shorter one may be part of any word
		text = strings.ReplaceAll(text, name, " ")
	}
	return strings.ToLower(text)
}

// saysAbsent reports whether words say that there is no such file, and nothing else: "file not found or no access" does not.
func saysAbsent(words string) bool {
	words = strings.ReplaceAll(words, "file or directory", "file")
	return absentWords().MatchString(words) && !permissionWords().MatchString(words) && !doubtWords().MatchString(words)
}

func absentWords() *regexp.Regexp {
	return regexp.MustCompile(`no such (file|object)|not found|(not|n't|never) exist|(cannot|can't|can not|could not|couldn't) find|nicht (finden|gefunden)|existiert nicht`)
}

// doubtWords matches the words of a server that names several reasons.
func doubtWords() *regexp.Regexp {
	return regexp.MustCompile(`\b(or|oder|access|zugriff|unavailable|may|might)\b|e\.g\.`)
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
