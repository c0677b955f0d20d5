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

// A code is an exit code of the table in docs/exit-codes.md. The numbers never change.
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

// An exitRow is one row of the table of exit codes. Retryable says whether trying again may help: "yes", "no", "" or
// "see output".
type exitRow struct {
	Code                     code
	Name, Meaning, Retryable string
}

// exitTable returns the table, in the order of the codes.
func exitTable() []exitRow {
	return []exitRow{
		{codeOK, "ok", "done, or nothing to do", ""},
		{codeInternal, "internal", "an error we did not foresee", "no"},
		{codeUsage, "usage", "wrong command line", "no"},
		{codeImage, "image", "not a bind, damaged, unreadable, or it cannot be written", "no"},
		{codeRefused, "refused", "not compatible: the rule sheet says why", "no"},
		{codeUnknown, "unknown", "compatibility cannot be told", "no"},
		{codeSettings, "settings", "settings, login, key, list or certificate missing, broken or refused", "no"},
		{codeUnreachable, "unreachable", "network, server or phone not reachable, no call-back, still busy, timed out; the phone never fetched the image or its fetch was cut", "yes"},
		{codeRejected, "rejected", "the server refused; the phone refused the deployment, or fetched the image and kept running its old software without a restart", "no"},
		{codeUnverified, "unverified", "sent, but not proven: wrong size or digest on the server; the phone restarted with the old version, or never came back", "no"},
		{codePartial, "partial", "several phones: some not updated, or none of the images fits them", "see output"},
		{codeStopped, "stopped", "several phones: stopped, since one of them says that its password is suspended", "see output"},
		{codeInterrupted, "interrupted", "Ctrl-C, SIGTERM or SIGHUP", ""},
	}
}

// retryable is Retryable for programs: nil means that the output has to be looked at.
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

// A failure is an error that ends a command: its exit code and what to do next.
type failure struct {
	code  code
	err   error
	hints []string
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// fail gives an error its exit code and hints.
func fail(c code, err error, hints ...string) *failure { return &failure{c, err, hints} }

// failf is fail for an error that has no cause to wrap.
func failf(c code, hint, format string, args ...any) *failure {
	return fail(c, fmt.Errorf(format, args...), hint)
}

// imageFailure turns what package bind says of the image called name into an error with the next step.
func imageFailure(name string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	wrapped := fmt.Errorf("%s: %w", displayName(name), err)
	if format := (*bind.FormatError)(nil); errors.As(err, &format) {
		return fail(codeImage, wrapped, problemHint(format))
	}
	hint := "check that the file can be read, and its medium"
	untrusted := (*untrustedError)(nil)
	switch kind := (*bind.NotRegularError)(nil); {
	case errors.As(err, &untrusted):
		hint = "use an image signed by a trusted key; trusted are the keys of --trusted-key and of the folder trusted-keys in the settings"
	case errors.Is(err, errEmptyFolder):
		hint = "name a folder that holds images"
	case errors.Is(err, bind.ErrNotBind):
		hint = "if it is an image for a phone, state what it is with: cpupdate describe IMAGE"
	case errors.Is(err, bind.ErrEmpty):
		hint = "get the image again: nothing of it arrived"
	case errors.Is(err, errTerminal):
		hint = "redirect an image into it: cpupdate inspect - < IMAGE"
	case errors.As(err, &kind):
		hint = "name a file; to read a stream, use - and redirect standard input"
	case errors.Is(err, fs.ErrNotExist):
		hint = "check the name and the folder"
	}
	return fail(codeImage, wrapped, hint)
}

// errEmptyFolder is a folder without any file.
var errEmptyFolder = errors.New("the folder is empty")

// problemHint says what to do about a damaged or disagreeing image.
func problemHint(err *bind.FormatError) string {
	switch err.Problem {
	case bind.ASCIIMode:
		return "get the image again in binary mode (in ftp: the command binary, before get)"
	case bind.Malformed:
		if err.Format == bind.Descriptor {
			return "mend the descriptor, or write it anew with: cpupdate describe --force IMAGE"
		}
		return "the image was built wrongly: report field and offset to whoever built it"
	case bind.Unsupported:
		return "use a newer cpupdate, or an image built for this one"
	case bind.Disagrees:
		return "find out which of the two is right; do not send this image before they agree"
	case bind.Changed:
		return "wait until whatever writes the file is done, then try again"
	case bind.Damaged:
	}
	return "get the image again in binary mode, and compare its size and SHA-256 with its source"
}

// usage makes an error of the command line.
func usage(command, format string, args ...any) error {
	return failf(codeUsage, strings.TrimSpace("cpupdate help "+command), format, args...)
}

// shownArgument shows an argument that is not what it should be, unless a password may stand in it, as in
// ftp://cp:password@host.
func shownArgument(argument string) string {
	if strings.Contains(argument, "@") {
		return "the argument with an @"
	}
	return fmt.Sprintf("%q", argument)
}

// errorDoc is an error as JSON.
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

// classify finds the exit code of any error. An error without one was not foreseen.
func classify(err error) *failure {
	f := (*failure)(nil)
	known := errors.As(err, &f)
	if errors.Is(err, context.Canceled) && (!known || f.code != codeInterrupted) {
		return fail(codeInterrupted, errors.New("interrupted"))
	}
	if known {
		return f
	}
	return fail(codeInternal, err, "please report this, with the command line")
}

// report writes the one error of a command, and returns its exit code.
func (c *console) report(err error) code {
	if err == nil {
		return codeOK
	}
	f := classify(err)
	if c.json {
		// Nothing is left to tell it to if stderr cannot be written.
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

// wantsJSON looks for --json before cobra has read the flags: errors of the command line itself are JSON too.
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
