package transfer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/secret"
)

const (
	maxReplyBytes = 256 << 10 // of one reply; a server that says more is broken or hostile
	maxReplyLine  = 1 << 10   // of one line that is kept
	maxReplyLines = 1000      // that are kept
)

// errNonsense says that an answer is not an FTP reply.
var errNonsense = errors.New("not a valid FTP reply")

// A reply is what an FTP server says to one command: its code, and its lines without the code of first and last.
type reply struct {
	code  int
	lines []string
}

// text returns the reply in one line.
func (r reply) text() string { return strings.Join(r.lines, " ") }

// wire returns the reply as the library reads it, without the server's oddities.
func (r reply) wire() []byte {
	var b strings.Builder
	for i, line := range r.lines {
		switch {
		case i == len(r.lines)-1:
			fmt.Fprintf(&b, "%03d %s\r\n", r.code, line)
		case i == 0:
			fmt.Fprintf(&b, "%03d-%s\r\n", r.code, line)
		default:
			fmt.Fprintf(&b, " %s\r\n", line)
		}
	}
	return []byte(b.String())
}

// readReply reads one reply: a line "226 text", or the lines from "226-text" to "226 text". Lines may end with LF
// alone; a last line may end with the connection. After each line that may be meant as the end of a reply, but has another
// code, mismatch is told what was read so far, and nil when that was not the end.
func readReply(r *bufio.Reader, mismatch func(*reply)) (reply, error) {
	budget := maxReplyBytes
	line, err := readLine(r, &budget)
	if err != nil {
		return reply{}, err
	}
	code, more, ok := replyCode(line)
	if !ok {
		return reply{}, fmt.Errorf("%w: %q", errNonsense, secret.Cut(line, 100))
	}
	answer := reply{code, []string{replyText(line)}}
	for more {
		line, err := readLine(r, &budget)
		if err != nil {
			return reply{}, err
		}
		text := strings.TrimLeft(line, " ")
		other, again, ok := replyCode(line)
		if ok && other == code {
			text, more = replyText(line), again
		}
		if !more || len(answer.lines) < maxReplyLines {
			answer.lines = append(answer.lines, text)
		}
		if ok && other != code && !again {
			mismatch(&reply{code, slices.Clone(answer.lines)})
		} else {
			mismatch(nil)
		}
	}
	return answer, nil
}

// unended returns the error of a reply that ends with another code than it began with, or err if there is none.
func unended(r *reply, err error) error {
	if r == nil {
		return err
	}
	return fmt.Errorf("%w: it begins with %03d, and ends with another code: %s", errNonsense, r.code, r.text())
}

// readLine reads one line of any length within the budget, and keeps its beginning.
func readLine(r *bufio.Reader, budget *int) (string, error) {
	var line []byte
	for {
		piece, err := r.ReadSlice('\n')
		*budget -= len(piece)
		if room := maxReplyLine - len(line); room > 0 {
			line = append(line, piece[:min(len(piece), room)]...)
		}
		switch {
		case *budget < 0:
			return "", fmt.Errorf("%w: more than %d bytes", errNonsense, maxReplyBytes)
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(line) > 0:
			if _, _, ok := replyCode(string(line)); !ok {
				return "", io.ErrUnexpectedEOF
			}
		case err != nil:
			return "", err
		}
		return strings.TrimRight(string(line), "\r\n"), nil
	}
}

// replyCode reads the code at a line's beginning, and whether more lines follow.
func replyCode(line string) (code int, more, ok bool) {
	if len(line) < 3 {
		return 0, false, false
	}
	code, err := strconv.Atoi(line[:3])
	if err != nil || code < 100 || code > 699 {
		return 0, false, false
	}
	if len(line) == 3 {
		return code, false, true
	}
	return code, line[3] == '-', strings.ContainsRune(" -\r\n", rune(line[3]))
}

// replyText returns a line without its code.
func replyText(line string) string {
	if len(line) < 4 {
		return ""
	}
	return strings.TrimSpace(line[4:])
}
