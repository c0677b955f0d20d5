package exit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// TestTable checks that the rows are in order, unique and complete.
func TestTable(t *testing.T) {
	var names []string
	last := Code(-1)
	for _, row := range Table() {
		if row.Code <= last || slices.Contains(names, row.Name) || row.Meaning == "" {
			t.Errorf("the row %v is out of order, twice there or empty", row)
		}
		if row.Code.Row() != row {
			t.Errorf("row of %d is %v", row.Code, row.Code.Row())
		}
		last, names = row.Code, append(names, row.Name)
	}
	if len(names) != 13 {
		t.Errorf("%d rows", len(names))
	}
}

// TestUnknownCode checks that a code without a row is an internal error that is not retryable.
func TestUnknownCode(t *testing.T) {
	row := Code(99).Row()
	if again := row.MayRetry(); row.Code != 99 || row.Name != CodeInternal.Row().Name || again == nil || *again {
		t.Errorf("%+v", row)
	}
}

// TestMayRetry checks the JSON value of retryable for each kind of row.
func TestMayRetry(t *testing.T) {
	for code, want := range map[Code]string{
		CodeOK: "false", CodeUsage: "false", CodeUnreachable: "true", CodePartial: "null", CodeStopped: "null", CodeInterrupted: "false",
	} {
		got, err := json.Marshal(code.Row().MayRetry())
		if err != nil || string(got) != want {
			t.Errorf("%d: %s, %v, want %s", code, got, err, want)
		}
	}
}

// TestClassify checks the exit code, the message and the hints of any error.
func TestClassify(t *testing.T) {
	cause := errors.New("why")
	own := New(CodeSettings, cause, "first", "second")
	interrupted := New(CodeInterrupted, fmt.Errorf("interrupted in step 2: %w", context.Canceled))
	for _, test := range []struct {
		err   error
		code  Code
		text  string
		hints []string
	}{
		{own, CodeSettings, "why", []string{"first", "second"}},
		{fmt.Errorf("reading: %w", own), CodeSettings, "why", []string{"first", "second"}},
		{Errorf(CodeImage, "get it again", "%s is cut", "x"), CodeImage, "x is cut", []string{"get it again"}},
		{Usage("push", "--level %d", 7), CodeUsage, "--level 7", []string{"cpupdate help push"}},
		{Usage("", "no command"), CodeUsage, "no command", []string{"cpupdate help"}},
		{cause, CodeInternal, "why", []string{"please report this error, with the command line"}},
		{context.Canceled, CodeInterrupted, "interrupted", nil},
		{New(CodeRejected, context.Canceled, "hint"), CodeInterrupted, "interrupted", nil},
		{interrupted, CodeInterrupted, "interrupted in step 2: context canceled", nil},
		{context.DeadlineExceeded, CodeInternal, "context deadline exceeded", []string{"please report this error, with the command line"}},
	} {
		f := Classify(test.err)
		if f.Code != test.code || f.Error() != test.text || !slices.Equal(f.Hints, test.hints) {
			t.Errorf("%v: %d, %q, %q", test.err, f.Code, f, f.Hints)
		}
	}
	if !errors.Is(own, cause) {
		t.Error("the cause of an error is lost")
	}
}

// TestErrorDoc checks the JSON of errors of each package.
func TestErrorDoc(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{errors.New("why"), `{"code":1,"name":"internal","message":"why","hints":["please report this error, with the command line"],"retryable":false}`},
		{New(CodePartial, errors.New("why")), `{"code":10,"name":"partial","message":"why","hints":[],"retryable":null}`},
		{
			New(CodeImage, &bind.FormatError{Format: bind.CPB, Problem: bind.Damaged, Field: "magic", Offset: 0, Msg: "is wrong"}, "h"),
			`"problem":"damaged","format":"cpb","field":"magic","offset":0}`,
		},
		{
			New(CodeUnreachable, &transfer.Error{Op: "sending", Server: "h:21", Kind: transfer.KindBusy, Code: 421, Left: "x.part"}),
			`"retryable":true,"kind":"busy","server":"h:21","reply_code":421,"left":"x.part"}`,
		},
		{New(CodeRejected, &fleet.Failure{Kind: fleet.KindRejected, Msg: "no"}), `"retryable":false,"kind":"rejected"}`},
	} {
		text, err := json.Marshal(NewErrorDoc(test.err))
		if err != nil || !strings.HasSuffix(string(text), test.want) {
			t.Errorf("%s, %v, want %s", text, err, test.want)
		}
	}
}

// TestShownArgument checks that an argument that may hold a password is not repeated.
func TestShownArgument(t *testing.T) {
	for argument, want := range map[string]string{
		"x\x1b": `"x\x1b"`, "": `""`, "ftp://cp:canary@host": "the argument with an @",
	} {
		if got := ShownArgument(argument); got != want {
			t.Errorf("%q is shown as %s, want %s", argument, got, want)
		}
	}
}

// TestWithoutPath checks that operation and path are removed from a file system error.
func TestWithoutPath(t *testing.T) {
	plain := errors.New("why")
	for _, err := range []error{plain, &fs.PathError{Op: "open", Path: "x", Err: plain}, fmt.Errorf("here: %w", &fs.PathError{Op: "open", Path: "x", Err: plain})} {
		if got := WithoutPath(err); got != plain { //nolint:errorlint // it is the very error
			t.Errorf("%v is %v", err, got)
		}
	}
}

// TestOneLine checks that joined errors are one line, and that nothing is said twice.
func TestOneLine(t *testing.T) {
	t.Parallel()
	one, other := errors.New("the handle is invalid"), errors.New("the disk is full\r\n") //nolint:revive // as Windows writes it
	for want, err := range map[string]error{
		"the handle is invalid":                   errors.Join(one, one),
		"the handle is invalid; the disk is full": errors.Join(one, other, one),
		"x: the disk is full":                     fmt.Errorf("x: %w", other),
		"plain":                                   errors.New("plain"),
	} {
		if got := New(CodeImage, err).Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
