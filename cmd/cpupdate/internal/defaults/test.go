package defaults

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/credentials"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/knownhosts"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// tryDoc is the JSON answer of defaults test.
type tryDoc struct {
	Schema  int       `json:"schema"`
	Profile string    `json:"profile"` // empty for the defaults
	OK      bool      `json:"ok"`
	Steps   []stepDoc `json:"steps"`
}

// stepDoc is one step of the connection to the server.
type stepDoc struct {
	Step string `json:"step"`
	Text string `json:"text"`
	OK   bool   `json:"ok"`
}

// Test tries the stored settings on their server: a small file is written, and removed again.
func Test(ctx context.Context, con *console.Console, store *settings.Store, pass *credentials.Store, hosts *knownhosts.Store, dial option.DialFunc, route option.Route, line option.Connection) error {
	options, err := line.Options(route.Command)
	if err == nil {
		err = route.Validate()
	}
	if err != nil {
		return err
	}
	d, err := route.Destination(ctx, con, store, pass)
	if err != nil {
		return err
	}
	if line.InPlace && d.Access.Method == transfer.HTTPS {
		return exit.Usage(route.Command, "--in-place needs method ftp or ftps: with https a file has no temporary name")
	}
	if err := route.Login(ctx, con, pass, hosts, d, options); err != nil {
		return err
	}
	options.Trust = d.Trust
	con.KeepPipes()
	t := &testRun{con: con, dial: dial, doc: tryDoc{Schema: 1, Profile: route.Profile, Steps: []stepDoc{}}}
	err = t.run(ctx, d.Access, options)
	if printErr := con.Print(t.doc, nil); err == nil {
		err = printErr
	}
	return d.Hinted(advice.ServerEnded(ctx, "", err))
}

// A testRun runs a test upload and prints its steps. A step is announced when it begins; it has succeeded when the next
// one begins.
type testRun struct {
	con   *console.Console
	dial  option.DialFunc
	doc   tryDoc
	shown int   // steps that were printed
	lost  error // why they could not be printed
}

func (t *testRun) run(ctx context.Context, access transfer.Access, options transfer.Options) error {
	options.Event = t.record
	store, err := t.dial(ctx, access, options)
	if err == nil {
		err = store.Try(ctx)
		if closing := store.Close(); err == nil {
			err = closing
		}
	}
	t.doc.OK = err == nil
	if e := (*transfer.Error)(nil); len(t.doc.Steps) == 0 && errors.As(err, &e) {
		t.doc.Steps = append(t.doc.Steps, stepDoc{string(transfer.StepConnect), e.Server, false})
	}
	t.ended(t.doc.OK)
	return cmp.Or(err, t.lost)
}

// record records a step.
func (t *testRun) record(e transfer.Event) {
	switch e.Step {
	case transfer.StepDialog:
		t.con.Dialog(e.Text)
	case transfer.StepRetry:
		t.ended(false)
		t.con.Note("note", "defaults test", fmt.Sprintf("%v; retrying in %s", e.Err, display.Span(e.Wait)))
	default:
		t.ended(true)
		t.doc.Steps = append(t.doc.Steps, stepDoc{string(e.Step), e.Text, false})
	}
}

// ended prints the result of the last step, once.
func (t *testRun) ended(ok bool) {
	if len(t.doc.Steps) == t.shown {
		return
	}
	t.shown = len(t.doc.Steps)
	s := &t.doc.Steps[t.shown-1]
	s.OK = ok
	word := console.Green.Cell("ok  ")
	if !ok {
		word = console.Red.Cell("FAIL")
	}
	l := t.con.Layout(0, len(word.Text), 9)
	l.Width = 0
	err := t.con.Part(func(w io.Writer) {
		fmt.Fprintln(w, l.Line(word, console.Plain.Cell(s.Step), console.Plain.Cell(s.Text)))
	})
	t.lost = cmp.Or(t.lost, err)
}
