package bind

import (
	"errors"
	"fmt"
	"strconv"
)

// ErrNotBind is returned for a file that is in no known format and has no descriptor.
var ErrNotBind = errors.New("not a bind: no known header, and no descriptor beside it")

// ErrEmpty is returned for a file with no content.
var ErrEmpty = errors.New("the file is empty")

// A Problem is the kind of error that a [FormatError] reports: it shows who can correct it.
type Problem string

// The kinds of errors.
const (
	Damaged     Problem = "damaged"     // bytes were lost or changed in transfer: fetch the image again
	ASCIIMode   Problem = "ascii-mode"  // an FTP transfer in ASCII mode changed line ends
	Malformed   Problem = "malformed"   // the builder of the image broke a rule of the format
	Unsupported Problem = "unsupported" // the image needs a newer reader
	Disagrees   Problem = "disagrees"   // two sources state different values
	Changed     Problem = "changed"     // the file changed while it was read
)

// A FormatError says what is wrong with an image, in which field and at which offset in the file (bytes from its
// start; the descriptor's own offset if Format is [Descriptor]).
type FormatError struct {
	Format  Format
	Problem Problem
	Field   string
	Offset  int64
	Msg     string
}

// Error returns the error as "CPB header length at offset 0x0C: says 7, at least 64 are needed".
func (e *FormatError) Error() string {
	return fmt.Sprintf("%s %s at offset 0x%02X: %s", e.Format.Title(), e.Field, e.Offset, e.Msg)
}

// changed returns the error of a file that changed while it was used. What has no header of its own is an "image".
func (f *File) changed(field string, at int64, msg string) *FormatError {
	format := f.facts.Format
	if format == Descriptor {
		format = "image"
	}
	return &FormatError{format, Changed, field, at, msg}
}

// A NotRegularError is returned for a folder, FIFO, socket or device where an image file was expected.
type NotRegularError struct {
	Kind string // "a folder", "a FIFO", ...
}

// Error names the kind of file.
func (e *NotRegularError) Error() string { return "is " + e.Kind + ", not a file" }

// maxQuoted is how many bytes of untrusted text an error message repeats.
const maxQuoted = 64

// quote makes untrusted text safe and short enough for an error message.
func quote(s string) string {
	if len(s) > maxQuoted {
		return strconv.Quote(s[:maxQuoted]) + "..."
	}
	return strconv.Quote(s)
}
