// Package exit holds the exit codes, and the errors that end a command: each has a code and the next steps.
package exit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/address"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// A Code is an exit code, listed in docs/exit-codes.md. The numbers never change.
type Code int

// The exit codes.
const (
	CodeOK          Code = 0
	CodeInternal    Code = 1
	CodeUsage       Code = 2
	CodeImage       Code = 3
	CodeRefused     Code = 4
	CodeUnknown     Code = 5
	CodeSettings    Code = 6
	CodeUnreachable Code = 7
	CodeRejected    Code = 8
	CodeUnverified  Code = 9
	CodePartial     Code = 10
	CodeStopped     Code = 11
	CodeInterrupted Code = 130
)

// A Row is one row of the table of exit codes. Retryable says whether a retry may help: "yes", "no", "" or
// "see output".
type Row struct {
	Code                     Code
	Name, Meaning, Retryable string
}

// Table returns the table, in the order of the codes.
func Table() []Row {
	return []Row{
		{CodeOK, "ok", "done, or nothing to do", ""},
		{CodeInternal, "internal", "an unexpected internal error", "no"},
		{CodeUsage, "usage", "wrong command line", "no"},
		{CodeImage, "image", "not a bind, damaged, changed while it was used, unreadable, or cannot be written", "no"},
		{CodeRefused, "refused", "not compatible; the rule sheet says why", "no"},
		{CodeUnknown, "unknown", "compatibility cannot be determined", "no"},
		{CodeSettings, "settings", "settings, login, key, list or certificate missing, invalid or rejected", "no"},
		{CodeUnreachable, "unreachable", "network, server or phone unreachable, no call-back, still busy, timed out; the phone never fetched the image, or its download was cut off", "yes"},
		{CodeRejected, "rejected", "rejected by the server; or the phone rejected the update command, or fetched the image and kept its old software without a restart", "no"},
		{CodeUnverified, "unverified", "sent, but not verified: wrong size or digest on the server; the phone restarted with the old version, or never came back", "no"},
		{CodePartial, "partial", "several phones: some were not updated, or no image fits them", "see output"},
		{CodeStopped, "stopped", "several phones: stopped because one of them reports that its password is suspended, or a rollout stopped by a limit or a person", "see output"},
		{CodeInterrupted, "interrupted", "Ctrl-C, SIGTERM or SIGHUP", ""},
	}
}

// MayRetry returns Retryable for programs: nil means that the output has the answer.
func (r Row) MayRetry() *bool {
	if r.Retryable == "see output" {
		return nil
	}
	return new(r.Retryable == "yes")
}

// Row returns the table's row for the code.
func (c Code) Row() Row {
	for _, row := range Table() {
		if row.Code == c {
			return row
		}
	}
	return Row{Code: c, Name: "internal", Retryable: "no"}
}

// An Error is an error that ends a command, with its exit code and hints on what to do next.
type Error struct {
	Code   Code
	Err    error
	Hints  []string
	Faults []Fault // what is wrong with a list, if it is more than one thing
}

// A Fault is one of several errors in a file.
type Fault struct {
	Line    int    `json:"line"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
}

// Error returns the text of the error, without the logins of URLs in it: they come from flags, arguments, lists and files.
// Errors that were joined, each on a line of its own, become one line, and what two of them say is said once.
func (f *Error) Error() string { return secret.WithoutLogins(oneLine(f.Err.Error())) }

// oneLine joins the lines of a text, each of them once.
func oneLine(text string) string {
	if !strings.Contains(text, "\n") {
		return text
	}
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}

func (f *Error) Unwrap() error { return f.Err }

// New gives an error its exit code and hints.
func New(c Code, err error, hints ...string) *Error {
	var shown []string
	for _, hint := range hints {
		shown = append(shown, secret.WithoutLogins(hint))
	}
	return &Error{Code: c, Err: err, Hints: shown}
}

// Errorf returns a failure with a new error that wraps no cause.
func Errorf(c Code, hint, format string, args ...any) *Error {
	return New(c, fmt.Errorf(format, args...), hint)
}

// Usage returns a usage error of the command. If the error wraps one about a host, its advice is the first hint.
func Usage(command, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	help := strings.TrimSpace("cpupdate help " + command)
	if host := (*address.Error)(nil); errors.As(err, &host) {
		return New(CodeUsage, err, host.Advice, help)
	}
	return New(CodeUsage, err, help)
}

// ShownArgument quotes an invalid argument, unless it may contain a password, as in ftp://cp:password@host.
func ShownArgument(argument string) string {
	if strings.Contains(argument, "@") {
		return "the argument with an @"
	}
	return fmt.Sprintf("%q", argument)
}

// An ErrorDoc is an error as JSON.
type ErrorDoc struct {
	Code      Code     `json:"code"`
	Name      string   `json:"name"`
	Message   string   `json:"message"`
	Hints     []string `json:"hints"`
	Retryable *bool    `json:"retryable"` // null: see the output
	Problem   string   `json:"problem,omitempty"`
	Format    string   `json:"format,omitempty"`
	Field     string   `json:"field,omitempty"`
	Offset    *int64   `json:"offset,omitempty"`
	Kind      string   `json:"kind,omitempty"`
	Server    string   `json:"server,omitempty"`
	ReplyCode int      `json:"reply_code,omitempty"`
	Left      string   `json:"left,omitempty"`
	Faults    []Fault  `json:"faults,omitempty"`
	Unsure    bool     `json:"left_unsure,omitempty"` // Left may be there
}

// NewErrorDoc returns the error as JSON, with what the error of a format, a server or a phone says besides.
func NewErrorDoc(err error) *ErrorDoc {
	f := Classify(err)
	row := f.Code.Row()
	doc := &ErrorDoc{Code: f.Code, Name: row.Name, Message: f.Error(), Hints: append([]string{}, f.Hints...), Faults: f.Faults}
	doc.Retryable = row.MayRetry()
	if format := (*bind.FormatError)(nil); errors.As(err, &format) {
		doc.Problem, doc.Format, doc.Field, doc.Offset = string(format.Problem), string(format.Format), format.Field, &format.Offset
	}
	if e := (*transfer.Error)(nil); errors.As(err, &e) {
		doc.Kind, doc.Server, doc.ReplyCode, doc.Left, doc.Unsure = string(e.Kind), e.Server, e.Code, e.Left, e.Unsure
	}
	if e := (*fleet.Failure)(nil); errors.As(err, &e) {
		doc.Kind = string(e.Kind)
	}
	return doc
}

// Classify returns the failure for any error. An error without an exit code is an internal error.
func Classify(err error) *Error {
	f := (*Error)(nil)
	known := errors.As(err, &f)
	if errors.Is(err, context.Canceled) && (!known || f.Code != CodeInterrupted) {
		return New(CodeInterrupted, errors.New("interrupted"))
	}
	if known {
		return f
	}
	return New(CodeInternal, err, "please report this error, with the command line")
}

// WithoutPath removes operation and path from a file system error, and operation and address from an error of listening, because the
// message names them already.
func WithoutPath(err error) error {
	if pathErr := (*fs.PathError)(nil); errors.As(err, &pathErr) {
		return pathErr.Err
	}
	if linkErr := (*os.LinkError)(nil); errors.As(err, &linkErr) {
		return linkErr.Err
	}
	if netErr := (*net.OpError)(nil); errors.As(err, &netErr) && netErr.Op == "listen" {
		if call := (*os.SyscallError)(nil); errors.As(netErr.Err, &call) {
			return call.Err
		}
		return netErr.Err
	}
	return err
}
