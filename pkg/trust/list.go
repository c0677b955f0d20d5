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

// MaxList is the size of the largest list in bytes.
const MaxList = 1 << 20

const (
	maxLines = 100_000
	maxLine  = 4 << 10 // bytes, without the line break
)

// byteOrderMark is what some editors begin a file with.
const byteOrderMark = "\xEF\xBB\xBF"

// A List is the file of known keys. It has a line for each key of a peer, and is meant to be read and edited by people:
//
//	HOST:PORT sha256:HEX 2026-11-23 free text to the end
//
// The date is when the key was seen first, in UTC; it is - if that is not known, and may be left out with the text. Lines
// that begin with # and blank lines are kept as they are, and so is every line that is not removed. Several lines of a
// peer are several keys that it may show.
//
// The zero value is an empty list. It is used by one goroutine at a time.
type List struct {
	mark  string // the byte order mark, if there is one
	lines []listLine
}

// A listLine is a line with its line break. One that names no key has no entry.
type listLine struct {
	text  string
	entry *Entry
}

// An Entry is a line of a list that names a key.
type Entry struct {
	Peer string // as [ParsePeer] returns it
	Known
	Comment string // free text, in which there is no control character; it may be a stranger's own
}

// A ListError is a line that cannot be read. None is passed over: a line that is damaged must not make a stranger of a
// known peer.
type ListError struct {
	Line    int // from 1; 0 if it is the list as a whole
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

// parseLine reads a line with or without its line break. It returns no entry for a remark or a blank line.
func parseLine(line string) (*Entry, error) {
	line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	switch {
	case len(line) > maxLine:
		return nil, fmt.Errorf("has more than %d bytes", maxLine)
	case strings.ContainsFunc(line, forbidden):
		return nil, errors.New("holds a control character")
	}
	peer, rest := cutWord(line)
	if peer == "" || strings.HasPrefix(peer, "#") {
		return nil, nil //nolint:nilnil // nothing is said, and nothing is wrong
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
			return nil, errors.New("after the key comes the day when it was seen first, as in 2026-11-23, or -")
		}
	}
	e.Comment = strings.Trim(rest, blanks)
	return &e, nil
}

const (
	blanks = " \t"
	noDate = "-"
)

// cutWord takes the first word off a text.
func cutWord(text string) (word, rest string) {
	text = strings.TrimLeft(text, blanks)
	if end := strings.IndexAny(text, blanks); end >= 0 {
		return text[:end], text[end:]
	}
	return text, ""
}

// forbidden reports whether a line holds the character by mistake only: some of them end a line for other programs.
func forbidden(r rune) bool {
	return r != '\t' && unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
}

// Find returns the keys of a peer in the order of their lines. The peer is HOST:PORT; what is none has no keys.
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

// Entries returns the lines that name a key, in their order.
func (l *List) Entries() []Entry {
	var all []Entry
	for _, line := range l.lines {
		if line.entry != nil {
			all = append(all, *line.entry)
		}
	}
	return all
}

// Add writes a line for a key at the end. A key that the peer has already changes nothing. It fails, and changes nothing,
// if the entry could not be read back as it is, or if the list would grow over its limits.
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
		return errors.New("the comment cannot be written as it is")
	}
	lineBreak := l.lineBreak()
	added := slices.Concat(l.ended(lineBreak), []listLine{{text + lineBreak, back}})
	grown := List{l.mark, added}
	if len(added) > maxLines || len(grown.Bytes()) > MaxList {
		return fmt.Errorf("the list is full: it may have %d lines and %d bytes", maxLines, MaxList)
	}
	l.lines = added
	return nil
}

// line is an entry as it is written, without a line break.
func (e Entry) line() string {
	date := noDate
	if !e.Since.IsZero() {
		date = e.Since.UTC().Format(time.DateOnly)
	}
	peer, _ := ParsePeer(e.Peer) // Add has seen it
	return strings.TrimRight(strings.Join([]string{peer, e.Pin.String(), date, e.Comment}, " "), " ")
}

// lineBreak is how the lines of the list end.
func (l *List) lineBreak() string {
	if len(l.lines) > 0 && strings.HasSuffix(l.lines[0].text, "\r\n") {
		return "\r\n"
	}
	return "\n"
}

// ended is the lines, the last of which has a line break too.
func (l *List) ended(lineBreak string) []listLine {
	lines := slices.Clone(l.lines)
	if last := len(lines) - 1; last >= 0 && !strings.HasSuffix(lines[last].text, "\n") {
		lines[last].text += lineBreak
	}
	return lines
}

// Remove takes the lines of a peer away: those with one of the pins, or all if there are none. It returns how many.
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

// Bytes returns the list as it is written into a file.
func (l *List) Bytes() []byte {
	text := []byte(l.mark)
	for _, line := range l.lines {
		text = append(text, line.text...)
	}
	return text
}
