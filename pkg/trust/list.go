package trust

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// MaxList is the maximum size of a list in bytes.
const MaxList = 1 << 20

const (
	maxLines = 100_000
	maxLine  = 4 << 10 // bytes, without the line break
)

// byteOrderMark begins the files of some editors.
const byteOrderMark = "\xEF\xBB\xBF"

// A List is the file of known keys. It has a line for each key of a peer, and people may read and edit it:
//
//	HOST:PORT sha256:HEX 2026-11-23 free text to the end
//
// The date, in UTC, says when the key was first seen; it is - if that is unknown, and may be omitted together with the
// text. Lines that begin with # and blank lines are kept unchanged, and so is every line that is not removed. Several
// lines of a peer are several keys that it may present.
//
// The zero value is an empty list. It is used by one goroutine at a time.
type List struct {
	mark  string // the byte order mark, if there is one
	lines []listLine
}

// A listLine is a line with its line break. A line without a key has no entry.
type listLine struct {
	text  string
	entry *Entry
}

// An Entry is a line of a list that contains a key.
type Entry struct {
	Peer string // as [ParsePeer] returns it
	Known
	Comment string // free text without control characters; it may come from the peer itself
}

// A ListError is a line that cannot be read. No such line is skipped: a damaged line must not make a known peer
// unknown.
type ListError struct {
	Line    int // from 1; 0 for the list as a whole
	Problem string
}

func (e *ListError) Error() string {
	if e.Line == 0 {
		return e.Problem
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Problem)
}

// ParseList reads a list of at most [MaxList] bytes and 100,000 lines of 4 KiB. The error is a [*ListError].
func ParseList(text []byte) (*List, error) {
	if len(text) > MaxList {
		return nil, &ListError{0, fmt.Sprintf("has more than %d bytes", MaxList)}
	}
	l := &List{}
	rest, marked := bytes.CutPrefix(text, []byte(byteOrderMark))
	if marked {
		l.mark = byteOrderMark
	}
	for line := range strings.Lines(string(rest)) {
		if len(l.lines) == maxLines {
			return nil, &ListError{0, fmt.Sprintf("has more than %d lines", maxLines)}
		}
		entry, err := parseLine(line)
		if err != nil {
			return nil, &ListError{len(l.lines) + 1, err.Error()}
		}
		l.lines = append(l.lines, listLine{line, entry})
	}
	return l, nil
}

// parseLine parses a line with or without its line break. It returns no entry for a comment or a blank line.
func parseLine(line string) (*Entry, error) {
	line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	switch {
	case len(line) > maxLine:
		return nil, fmt.Errorf("has more than %d bytes", maxLine)
	case strings.ContainsFunc(line, forbidden):
		return nil, errors.New("contains a control character")
	}
	peer, rest := cutWord(line)
	if peer == "" || strings.HasPrefix(peer, "#") {
		return nil, nil //nolint:nilnil // the line has no entry and is valid
	}
	var e Entry
	var err error
	if e.Peer, err = ParsePeer(peer); err != nil {
		return nil, err
	}
	pin, rest := cutWord(rest)
	if e.Pin, err = ParsePin(pin); err != nil {
		return nil, err
	}
	date, rest := cutWord(rest)
	if date != "" && date != noDate {
		if e.Since, err = time.Parse(time.DateOnly, date); err != nil {
			return nil, errors.New("the key must be followed by the date first seen, such as 2026-11-23, or by -")
		}
	}
	e.Comment = strings.Trim(rest, blanks)
	return &e, nil
}

const (
	blanks = " \t"
	noDate = "-"
)

// cutWord splits off the first word of a text.
func cutWord(text string) (word, rest string) {
	text = strings.TrimLeft(text, blanks)
	if end := strings.IndexAny(text, blanks); end >= 0 {
		return text[:end], text[end:]
	}
	return text, ""
}

// forbidden reports whether the character can be in a line only by mistake: some of these characters end a line in
// other programs.
func forbidden(r rune) bool {
	return r != '\t' && unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
}

// Find returns the keys of a peer in the order of their lines. The peer is HOST:PORT; any other text has no keys.
func (l *List) Find(peer string) []Known {
	peer, err := ParsePeer(peer)
	if err != nil {
		return nil
	}
	var found []Known
	for _, line := range l.lines {
		if line.entry != nil && line.entry.Peer == peer {
			found = append(found, line.entry.Known)
		}
	}
	return found
}

// Entries returns the lines that contain a key, in order.
func (l *List) Entries() []Entry {
	var all []Entry
	for _, line := range l.lines {
		if line.entry != nil {
			all = append(all, *line.entry)
		}
	}
	return all
}

// Add adds a line for a key at the end. A key that the peer already has changes nothing. Add fails, and changes
// nothing, if the entry could not be read back unchanged, or if the list would exceed its limits.
func (l *List) Add(e Entry) error {
	peer, err := ParsePeer(e.Peer)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(l.Find(peer), func(k Known) bool { return k.Pin == e.Pin }) {
		return nil
	}
	text := e.line()
	back, err := parseLine(text)
	if err != nil {
		return err
	}
	if back == nil || strings.ContainsAny(text, "\r\n") || back.Comment != e.Comment {
		return errors.New("the comment cannot be stored unchanged")
	}
	lineBreak := l.lineBreak()
	added := slices.Concat(l.ended(lineBreak), []listLine{{text + lineBreak, back}})
	grown := List{l.mark, added}
	if len(added) > maxLines || len(grown.Bytes()) > MaxList {
		return fmt.Errorf("the list is full: at most %d lines and %d bytes are allowed", maxLines, MaxList)
	}
	l.lines = added
	return nil
}

// line returns the text of an entry, without a line break.
func (e Entry) line() string {
	date := noDate
	if !e.Since.IsZero() {
		date = e.Since.UTC().Format(time.DateOnly)
	}
	peer, _ := ParsePeer(e.Peer) // Add has checked it
	return strings.TrimRight(strings.Join([]string{peer, e.Pin.String(), date, e.Comment}, " "), " ")
}

// lineBreak returns the line break that the list uses.
func (l *List) lineBreak() string {
	if len(l.lines) > 0 && strings.HasSuffix(l.lines[0].text, "\r\n") {
		return "\r\n"
	}
	return "\n"
}

// ended returns the lines, with a line break after the last one too.
func (l *List) ended(lineBreak string) []listLine {
	lines := slices.Clone(l.lines)
	if last := len(lines) - 1; last >= 0 && !strings.HasSuffix(lines[last].text, "\n") {
		lines[last].text += lineBreak
	}
	return lines
}

// Remove removes the lines of a peer: those with one of the pins, or all if there are no pins. It returns their number.
func (l *List) Remove(peer string, pins ...Pin) int {
	peer, err := ParsePeer(peer)
	if err != nil {
		return 0
	}
	before := len(l.lines)
	l.lines = slices.DeleteFunc(slices.Clone(l.lines), func(line listLine) bool {
		return line.entry != nil && line.entry.Peer == peer && (len(pins) == 0 || slices.Contains(pins, line.entry.Pin))
	})
	return before - len(l.lines)
}

// Bytes returns the content of the file.
func (l *List) Bytes() []byte {
	text := []byte(l.mark)
	for _, line := range l.lines {
		text = append(text, line.text...)
	}
	return text
}
