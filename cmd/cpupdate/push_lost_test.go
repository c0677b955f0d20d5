package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/defaults"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/push"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// A putStore is a server whose Put is the test's.
type putStore struct {
	options transfer.Options
	put     func(ctx context.Context, o transfer.Options) error
}

func (s putStore) Put(ctx context.Context, _ transfer.Upload) (transfer.Location, error) {
	return transfer.Location{URL: "ftp://h/x", Size: 1, Attempts: 1}, s.put(ctx, s.options)
}

func (s putStore) Try(ctx context.Context) error { return s.put(ctx, s.options) }

func (s putStore) Close() error { return nil }

// A fewLines takes some lines only.
type fewLines struct{ lines int }

func (w *fewLines) Write(p []byte) (int, error) {
	if w.lines--; w.lines < 0 {
		return 0, &os.PathError{Op: "write", Path: "|1", Err: errors.New("broken pipe")}
	}
	return len(p), nil
}

// pushOver pushes an image by put.
func pushOver(ctx context.Context, t *testing.T, out io.Writer, put func(ctx context.Context, o transfer.Options) error, args ...string) ran {
	t.Helper()
	a, text, errOut := testApp(t, nil)
	a.con.Out = text
	if out != nil {
		a.con.Out = out
	}
	a.dial = func(_ context.Context, _ transfer.Access, o transfer.Options) (transfer.Store, error) {
		return putStore{o, put}, nil
	}
	image := clitest.Image(t, "cp600.bind", nil)
	args = append([]string{"push", image, "--minimum-version", "V1 R0.0.0", "--server", "h", "--username", "x"}, args...)
	return ran{run(ctx, a, args), text.String(), errOut.String()}
}

// Who reads the answer goes away while the image is sent: the sending ends, and that is no interruption.
func TestPushAnswerLost(t *testing.T) {
	for _, test := range []struct{ left, message string }{
		{"", "writing the answer: broken pipe"},
		{"ftp://h/x.part", "writing the answer: broken pipe; left behind: ftp://h/x.part"},
	} {
		put := func(ctx context.Context, o transfer.Options) error {
			o.Event(transfer.Event{Step: transfer.StepSend, Text: "x.part"})
			<-ctx.Done()
			if test.left == "" {
				return context.Cause(ctx)
			}
			return &transfer.Error{Op: "sending", Left: test.left, Err: ctx.Err()}
		}
		r := pushOver(t.Context(), t, &fewLines{1}, put, "--json")
		if e := r.failure(t); r.code != exit.CodeInternal || e.Message != test.message || e.Left != test.left {
			t.Errorf("exit code %d\n%s", r.code, r.errOut)
		}
	}
}

// If only the last line is lost the image is on the server.
func TestPushLastLineLost(t *testing.T) {
	r := pushOver(t.Context(), t, &fewLines{1}, func(context.Context, transfer.Options) error { return nil }, "--json")
	if e := r.failure(t); r.code != exit.CodeInternal || !slices.Contains(e.Hints, "do not send the image again: it is on the server at ftp://h/cp600.bind") {
		t.Errorf("exit code %d\n%s", r.code, r.errOut)
	}
}

// Whatever ended a push, what it left behind is told.
func TestPushLeft(t *testing.T) {
	damaged := &transfer.SourceError{Err: &bind.FormatError{Problem: bind.Damaged, Field: "SHA-256"}}
	for _, test := range []struct {
		err       error
		interrupt bool
		code      exit.Code
		text      string
	}{
		{context.Canceled, true, exit.CodeInterrupted, "interrupted"},
		{damaged, false, exit.CodeImage, "SHA-256"},
		{exit.Errorf(exit.CodeImage, "hint", "ours"), false, exit.CodeImage, "ours"},
		{errors.New("no"), false, exit.CodeRejected, "no"},
	} {
		for _, asJSON := range []bool{false, true} {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			put := func(context.Context, transfer.Options) error {
				if test.interrupt {
					cancel()
				}
				return &transfer.Error{Op: "sending", Kind: transfer.KindDenied, Left: "ftp://h/x.part", Err: test.err}
			}
			if !asJSON {
				r := pushOver(ctx, t, nil, put)
				if r.code != test.code || strings.Count(r.errOut, "left behind: ftp://h/x.part") != 1 || !strings.Contains(r.errOut, test.text) {
					t.Errorf("%v: exit code %d\n%s", test.err, r.code, r.errOut)
				}
				continue
			}
			r := pushOver(ctx, t, nil, put, "--json")
			if e := r.failure(t); r.code != test.code || e.Left != "ftp://h/x.part" || len(e.Hints) == 0 {
				t.Errorf("%v: exit code %d\n%s", test.err, r.code, r.errOut)
			}
		}
	}
}

// So it is when settings are tried.
func TestDefaultsTestLeft(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		a, out, errOut := testApp(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		a.dial = func(_ context.Context, _ transfer.Access, o transfer.Options) (transfer.Store, error) {
			return putStore{o, func(context.Context, transfer.Options) error {
				cancel()
				return &transfer.Error{Op: "sending", Left: "ftp://h/cpupdate-test.txt", Err: context.Canceled}
			}}, nil
		}
		if c := run(t.Context(), a, []string{"defaults", "set", "-q", "--server", "h", "--username", "x"}); c != exit.CodeOK {
			t.Fatal(errOut)
		}
		args := []string{"defaults", "test"}
		if asJSON {
			args = append(args, "--json")
		}
		c := run(ctx, a, args)
		r := ran{c, out.String(), errOut.String()}
		r.check(t, args)
		if c != exit.CodeInterrupted || !strings.Contains(r.errOut, "interrupted; left behind: ftp://h/cpupdate-test.txt") {
			t.Errorf("exit code %d\n%s", c, errOut)
		}
		if doc := (defaults.TryDoc{}); asJSON && (json.Unmarshal(out.Bytes(), &doc) != nil || r.failure(t).Left != "ftp://h/cpupdate-test.txt") {
			t.Errorf("%s%s", out, errOut)
		}
	}
}

// What earlier attempts left behind is told though the last one succeeded.
func TestPushSentLeft(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		a, out, errOut := testApp(t, nil)
		a.con.JSON = asJSON
		l, err := images.NewLoader(a.con, a.store, a.open, images.Options{})
		if err != nil {
			t.Fatal(err)
		}
		file, im, err := push.OpenToSend(t.Context(), l, clitest.Image(t, "cp600.bind", nil))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		left := []string{"ftp://h/a\x1b.part", "ftp://h/b.part"}
		p := &push.Pushing{Con: a.con, Pass: a.pass, Hosts: a.hosts, Dial: a.dial, D: &option.Destination{Origin: "flags"}, File: file, Sheet: &push.Sheet{Im: im}, Left: left}
		if err := p.Say("sent", "ftp://h/x", transfer.Location{URL: "ftp://h/x", Size: 1, Attempts: 3}); err != nil {
			t.Fatal(err)
		}
		var doc push.PushDoc
		if asJSON && (json.Unmarshal(out.Bytes(), &doc) != nil || !slices.Equal(doc.Left, left) || errOut.Len() > 0) {
			t.Errorf("%s%s", out, errOut)
		}
		const want = "warning: ftp://h/a\\u{1b}.part: a failed attempt left this file behind and could not remove it: remove it on the server\n"
		if !asJSON && (!strings.HasPrefix(errOut.String(), want) || strings.Count(errOut.String(), "\n") != 2) {
			t.Errorf("%s", errOut)
		}
	}
}
