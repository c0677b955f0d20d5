package transfer

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jlaffaye/ftp"
)

// A presence is whether a file is on the server.
type presence int

const (
	unknown presence = iota // the server does not tell
	absent                  // the server says so, or two of its answers agree
	present
)

// A fileState is what a server tells of a file.
type fileState struct {
	presence presence
	bytes    int64 // -1: not told
	refusal  reply // the last refusal to tell
}

func thereWith(bytes int64) fileState { return fileState{presence: present, bytes: bytes} }

func (f fileState) String() string {
	switch {
	case f.presence == absent:
		return "the server has no such file"
	case f.presence == present && f.bytes >= 0:
		return "the server has " + strconv.FormatInt(f.bytes, 10) + " bytes"
	}
	return "the server does not tell the size"
}

// A search asks a server in all ways that it has whether a file is there.
type search struct {
	*ftpStore
	ctx     context.Context //nolint:containedctx // of this one search
	name    string
	state   fileState
	neutral bool     // a refusal does not say why, as many servers answer if there is no such file
	denied  []string // the commands that were refused for want of permission
}

// lookUp finds out whether a file is there, and its size: by SIZE (RFC 3659, 4), MLST, RNFR, and a listing. A refusal is
// no answer: only words that say so make a file absent, or a listing without it.
func (s *ftpStore) lookUp(ctx context.Context, name string) (fileState, error) {
	q := &search{ftpStore: s, ctx: ctx, name: name, state: fileState{bytes: -1}}
	for _, ask := range []func() error{q.askSize, q.askFacts, q.askRename, q.askListing} {
		if err := ask(); err != nil {
			return fileState{}, err
		}
		if q.state.presence == absent || q.state.presence == present && q.state.bytes >= 0 {
			break
		}
	}
	return q.state, nil
}

// ask sends a command about the file, and learns from a refusal. A reply of success is returned.
func (q *search) ask(verb string) (success reply, err error) {
	answer, err := q.control.ask(verb + " " + q.name)
	switch {
	case err != nil:
		return reply{}, q.fail(q.ctx, "asking for the size", err)
	case answer.code == 421:
		return reply{}, q.refuse("asking for the size", KindBusy, answer)
	case answer.code < 400:
		return answer, nil
	}
	words := plainWords(answer.text(), q.name)
	if q.state.refusal.code == 0 || permissionWords().MatchString(words) {
		q.state.refusal = answer
	}
	switch {
	case saysAbsent(answer.code, words) && q.state.presence == unknown:
		q.state.presence = absent
	case nameWords().MatchString(words):
		return reply{}, q.refuse("sending", KindName, answer) // no file has such a name
	case permissionWords().MatchString(words):
		q.denied = append(q.denied, verb)
	case answer.code == 550:
		q.neutral = true
	}
	return reply{}, nil
}

func (q *search) askSize() error {
	answer, err := q.ask("SIZE")
	if n, parseErr := strconv.ParseInt(strings.TrimSpace(answer.text()), 10, 64); err == nil && answer.code == 213 && parseErr == nil && n >= 0 {
		q.state = thereWith(n)
	}
	return err
}

// askFacts asks by MLST (RFC 3659, 7).
func (q *search) askFacts() error {
	if _, ok := q.control.feature("MLST"); !ok {
		return nil
	}
	answer, err := q.ask("MLST")
	if err != nil || len(answer.lines) < 3 {
		return err
	}
	facts, _, _ := strings.Cut(strings.TrimSpace(answer.lines[1]), " ")
	q.state = thereWith(-1)
	for fact := range strings.SplitSeq(facts, ";") {
		name, value, _ := strings.Cut(fact, "=")
		if n, err := strconv.ParseInt(value, 10, 64); err == nil && n >= 0 && strings.EqualFold(name, "size") {
			q.state.bytes = n
		}
	}
	return nil
}

// askRename asks by RNFR, which changes nothing without RNTO: servers confirm that the file is there, or refuse.
func (q *search) askRename() error {
	tells, err := q.renameTells(q.ctx)
	if err != nil || !tells || q.state.presence == present {
		return err
	}
	answer, err := q.ask("RNFR")
	if err != nil || answer.code != 350 {
		return err
	}
	q.state = thereWith(-1)
	if answer, err = q.control.ask("TYPE I"); err != nil {
		return q.fail(q.ctx, "asking for renaming", err)
	}
	if answer.code < 400 {
		return nil
	}
	// ProFTPD takes hardly any command but RNTO now.
	if err := q.connect(q.ctx); err != nil {
		return err
	}
	q.control.ctx = q.ctx
	return q.enter(q.ctx, false)
}

// askListing asks for the folder's listing.
func (q *search) askListing() error {
	l, err := q.list(q.ctx)
	if err != nil {
		return err
	}
	if bytes, ok := l.find(q.name); ok {
		q.state = thereWith(bytes)
		return nil
	}
	if q.state.presence == present || !l.lacks(q.name) || l.empty() && !q.neutral {
		return nil
	}
	for _, verb := range q.denied {
		// The server may hide this one file: then it refuses to tell of this one alone.
		answer, err := q.control.ask(verb + " " + shortName(q.name))
		if err != nil {
			return q.fail(q.ctx, "asking for the size", err)
		}
		if answer.code < 400 || !permissionWords().MatchString(strings.ToLower(answer.text())) {
			return nil
		}
	}
	q.state.presence = absent
	return nil
}

// A listing is what the server tells of the folder.
type listing struct {
	entries []*ftp.Entry
	lines   []string // as they came
	whole   bool     // the server says that this is all
}

// list has the library list the folder: by LIST, else by NLST.
func (s *ftpStore) list(ctx context.Context) (listing, error) {
	sending := s.sending
	s.sending, s.control.listing = nil, true // the listing's data connection is no upload
	defer func() { s.sending, s.control.listing = sending, false }()
	for _, byName := range []bool{false, true} {
		var l listing
		err := s.withData(ctx, func() (err error) {
			s.control.listed, s.control.endless, s.control.fault = nil, false, nil
			if byName {
				_, err = s.client.NameList("")
			} else {
				l.entries, err = s.client.List("")
			}
			return err
		})
		if s.control.fault != nil {
			err = s.control.fault
		}
		if err != nil && (s.control.broken || s.control.fault != nil || isData(err)) {
			return listing{}, s.fail(ctx, OpList, err)
		}
		l.lines = strings.FieldsFunc(string(s.control.listed), func(r rune) bool { return r == '\r' || r == '\n' })
		words := strings.ToLower(s.control.last.text())
		l.whole = err == nil && !s.control.endless && !incompleteWords().MatchString(words) && (byName || l.understood())
		if err == nil || len(l.lines) > 0 {
			return l, nil
		}
	}
	return listing{}, nil
}

// withData runs what needs a data connection. The port that EPSV named may be closed on the way: then it runs once more
// with PASV's, which is another. By IPv6 there is no PASV.
func (s *ftpStore) withData(ctx context.Context, do func() error) error {
	err := do()
	if isData(err) && ctx.Err() == nil && !s.control.skipEPSV && s.control.tcp.IsIPv4() {
		s.control.skipEPSV = true
		err = do()
	}
	return err
}

// isData reports whether a data connection could not be opened.
func isData(err error) bool {
	d := (*dataError)(nil)
	return errors.As(err, &d)
}

// find returns the size of a file of the listing, -1 if the listing does not tell it.
func (l listing) find(name string) (bytes int64, ok bool) {
	for _, entry := range l.entries {
		if entry.Name == name && entry.Type == ftp.EntryTypeFile {
			return int64(min(entry.Size, 1<<62)), true //nolint:gosec // bounded
		}
	}
	for _, line := range l.lines {
		if strings.HasSuffix(line, name) && endsName(line[:len(line)-len(name)]) {
			return -1, true
		}
	}
	return 0, false
}

// understood reports whether each line of a listing by LIST was read as a file's: what else it says may be anything.
func (l listing) understood() bool {
	unread := slices.DeleteFunc(slices.Clone(l.lines), func(line string) bool {
		fields := strings.Fields(line)
		return len(fields) == 2 && strings.EqualFold(fields[0], "total")
	})
	return len(unread) <= len(l.entries)
}

// empty reports whether the listing names no file. It may begin with a line "total 0".
func (l listing) empty() bool { return len(l.lines) == 0 || len(l.lines) == 1 && len(l.entries) == 0 }

// lacks reports whether the listing is whole and does not name a file, in whatever case. Servers do not list names that
// begin with a dot, and may write letters beyond ASCII otherwise, or names in a short form, such as CP600~1.BIN.
func (l listing) lacks(name string) bool {
	if !l.whole || strings.HasPrefix(name, ".") {
		return false
	}
	odd := !isASCII(name)
	for _, line := range l.lines {
		text := strings.TrimRight(line, `/*@"' `)
		if at := len(text) - len(name); at >= 0 && strings.EqualFold(text[at:], name) && endsName(text[:at]) {
			return false
		}
		if strings.Contains(strings.ToLower(line), strings.ToLower(name)+" ->") || shortened().MatchString(text) || odd && (!isASCII(line) || strings.Contains(line, "?")) {
			return false
		}
	}
	return true
}

// shortened matches a line that ends with a name in its short form.
func shortened() *regexp.Regexp { return regexp.MustCompile(`~[0-9]+(\.[^.]{0,3})?$`) }

// endsName reports whether a name may begin after this part of a line.
func endsName(before string) bool {
	return before == "" || strings.HasSuffix(before, " ") || strings.ContainsAny(before[len(before)-1:], "\t/;\"")
}

func isASCII(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r > 0x7e }) < 0
}
