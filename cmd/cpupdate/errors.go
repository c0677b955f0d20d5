package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// A code is an exit code, listed in docs/exit-codes.md. The numbers never change.
type code int

// The exit codes.
const (
	codeOK          code = 0
	codeInternal    code = 1
	codeUsage       code = 2
	codeImage       code = 3
	codeRefused     code = 4
	codeUnknown     code = 5
	codeSettings    code = 6
	codeUnreachable code = 7
	codeRejected    code = 8
	codeUnverified  code = 9
	codePartial     code = 10
	codeStopped     code = 11
	codeInterrupted code = 130
)

// An exitRow is one row of the table of exit codes. Retryable says whether a retry may help: "yes", "no", "" or
// "see output".
type exitRow struct {
	Code                     code
	Name, Meaning, Retryable string
}

// exitTable returns the table, in the order of the codes.
func exitTable() []exitRow {
	return []exitRow{
		{codeOK, "ok", "done, or nothing to do", ""},
		{codeInternal, "internal", "an unexpected internal error", "no"},
		{codeUsage, "usage", "wrong command line", "no"},
		{codeImage, "image", "not a bind, damaged, unreadable, or cannot be written", "no"},
		{codeRefused, "refused", "not compatible; the rule sheet says why", "no"},
		{codeUnknown, "unknown", "compatibility cannot be determined", "no"},
		{codeSettings, "settings", "settings, login, key, list or certificate missing, invalid or rejected", "no"},
		{codeUnreachable, "unreachable", "network, server or phone unreachable, no call-back, still busy, timed out; the phone never fetched the image, or its download was cut off", "yes"},
		{codeRejected, "rejected", "rejected by the server; or the phone rejected the update command, or fetched the image and kept its old software without a restart", "no"},
		{codeUnverified, "unverified", "sent, but not verified: wrong size or digest on the server; the phone restarted with the old version, or never came back", "no"},
		{codePartial, "partial", "several phones: some were not updated, or no image fits them", "see output"},
		{codeStopped, "stopped", "several phones: stopped because one of them reports that its password is suspended", "see output"},
		{codeInterrupted, "interrupted", "Ctrl-C, SIGTERM or SIGHUP", ""},
	}
}

// retryable returns Retryable for programs: nil means that the output has the answer.
func (r exitRow) retryable() *bool {
	if r.Retryable == "see output" {
		return nil
	}
	return new(r.Retryable == "yes")
}

// row returns the table's row for the code.
func (c code) row() exitRow {
	for _, row := range exitTable() {
		if row.Code == c {
			return row
		}
	}
	return exitRow{Code: c, Name: "internal", Retryable: "no"}
}

// A failure is an error that ends a command, with its exit code and hints on what to do next.
type failure struct {
	code  code
	err   error
	hints []string
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// fail gives an error its exit code and hints.
func fail(c code, err error, hints ...string) *failure { return &failure{c, err, hints} }

// failf returns a failure with a new error that wraps no cause.
func failf(c code, hint, format string, args ...any) *failure {
	return fail(c, fmt.Errorf(format, args...), hint)
}

// imageFailure turns an error of package bind about the image called name into a failure with a hint.
func imageFailure(name string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	wrapped := fmt.Errorf("%s: %w", displayName(name), err)
	if format := (*bind.FormatError)(nil); errors.As(err, &format) {
		return fail(codeImage, wrapped, problemHint(format))
	}
	hint := "check that the file can be read, and that its medium works"
	untrusted := (*untrustedError)(nil)
	switch kind := (*bind.NotRegularError)(nil); {
	case errors.As(err, &untrusted):
		hint = "use an image that is signed by a trusted key: one of --trusted-key, or one in the folder trusted-keys in the settings"
	case errors.Is(err, errEmptyFolder):
		hint = "name a folder that contains images"
	case errors.Is(err, bind.ErrNotBind):
		hint = "if it is an image for a phone, describe it with: cpupdate describe IMAGE"
	case errors.Is(err, bind.ErrEmpty):
		hint = "get the image again: the file is empty"
	case errors.Is(err, errTerminal):
		hint = "redirect an image to standard input: cpupdate inspect - < IMAGE"
	case errors.As(err, &kind):
		hint = "name a file; to read a stream, use - and redirect standard input"
	case errors.Is(err, fs.ErrNotExist):
		hint = "check the name and the folder"
	}
	return fail(codeImage, wrapped, hint)
}

// errEmptyFolder reports a folder without any file.
var errEmptyFolder = errors.New("the folder is empty")

// problemHint returns what to do about a damaged image, or one that contradicts its descriptor.
func problemHint(err *bind.FormatError) string {
	switch err.Problem {
	case bind.ASCIIMode:
		return "get the image again in binary mode (in ftp, enter binary before get)"
	case bind.Malformed:
		if err.Format == bind.Descriptor {
			return "correct the descriptor, or write a new one with: cpupdate describe --force IMAGE"
		}
		return "the image was built incorrectly: report the field and the offset to its builder"
	case bind.Unsupported:
		return "use a newer cpupdate, or an image that is built for this version"
	case bind.Disagrees:
		return "find out which of the two is right; do not send this image before they agree"
	case bind.Changed:
		return "wait until the program that writes the file has finished, then try again"
	case bind.Damaged:
	}
	return "get the image again in binary mode, and compare its size and SHA-256 with the original"
}

// usage returns a usage error of the command.
func usage(command, format string, args ...any) error {
	return failf(codeUsage, strings.TrimSpace("cpupdate help "+command), format, args...)
}

// shownArgument quotes an invalid argument, unless it may contain a password, as in ftp://cp:password@host.
func shownArgument(argument string) string {
	if strings.Contains(argument, "@") {
		return "the argument with an @"
	}
	return fmt.Sprintf("%q", argument)
}

// An errorDoc is an error as JSON.
type errorDoc struct {
	Code      code     `json:"code"`
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
}

func newErrorDoc(err error) *errorDoc {
	f := classify(err)
	row := f.code.row()
	doc := &errorDoc{Code: f.code, Name: row.Name, Message: f.Error(), Hints: append([]string{}, f.hints...)}
	doc.Retryable = row.retryable()
	if format := (*bind.FormatError)(nil); errors.As(err, &format) {
		doc.Problem, doc.Format, doc.Field, doc.Offset = string(format.Problem), string(format.Format), format.Field, &format.Offset
	}
	if e := (*transfer.Error)(nil); errors.As(err, &e) {
		doc.Kind, doc.Server, doc.ReplyCode, doc.Left = string(e.Kind), e.Server, e.Code, e.Left
	}
	if e := (*fleet.Failure)(nil); errors.As(err, &e) {
		doc.Kind = string(e.Kind)
	}
	return doc
}

// classify returns the failure for any error. An error without an exit code is an internal error.
func classify(err error) *failure {
	f := (*failure)(nil)
	known := errors.As(err, &f)
	if errors.Is(err, context.Canceled) && (!known || f.code != codeInterrupted) {
		return fail(codeInterrupted, errors.New("interrupted"))
	}
	if known {
		return f
	}
	return fail(codeInternal, err, "please report this error, with the command line")
}

// report writes the error of a command and returns its exit code.
func (c *console) report(err error) code {
	if err == nil {
		return codeOK
	}
	f := classify(err)
	if c.json {
		// An error of writing to stderr cannot be reported anywhere.
		_ = writeJSON(c.err, struct {
			Schema int       `json:"schema"`
			Error  *errorDoc `json:"error"`
		}{1, newErrorDoc(err)}, false)
		return f.code
	}
	fmt.Fprintln(c.err, "cpupdate: "+escape(f.Error()))
	for _, hint := range f.hints {
		fmt.Fprintln(c.err, "hint: "+escape(hint))
	}
	return f.code
}

// wantsJSON looks for --json before cobra parses the flags: errors in the command line itself are JSON too.
func wantsJSON(args []string) bool {
	for _, arg := range args {
		if arg == "--" {
			return false
		}
		if arg == "--json" || strings.HasPrefix(arg, "--json=t") || arg == "--json=1" {
			return true
		}
	}
	return false
}
