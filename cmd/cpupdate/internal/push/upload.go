package push

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/credentials"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/knownhosts"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/verdict"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// An upload is the upload of one image.
type upload struct {
	con      *console.Console
	pass     *credentials.Store
	hosts    *knownhosts.Store
	dial     option.DialFunc
	version  string // of cpupdate
	o        Options
	d        *option.Destination
	file     *bind.File
	sheet    *ruleSheet
	options  transfer.Options
	progress *console.Progress
	cancel   context.CancelCauseFunc // with an answer that could not be written
	left     []string                // files that failed attempts left on the server before this one succeeded
}

// run sends the image, unless there is nothing to do or it is a dry run.
func (p *upload) run(ctx context.Context) error {
	where := p.d.Access.FileURL(p.o.Upload.Filename)
	switch {
	case p.sheet.verdict.NothingToDo:
		return p.say("nothing-to-do", "", transfer.Location{})
	case p.o.DryRun:
		return p.say("dry-run", where, transfer.Location{URL: where, Size: p.file.Image().Size()})
	}
	if err := p.o.Route.Login(ctx, p.con, p.pass, p.hosts, p.d, p.options); err != nil {
		return err
	}
	p.con.KeepPipes()
	ctx, p.cancel = context.WithCancelCause(ctx)
	defer p.cancel(nil)
	location, err := p.send(ctx)
	if err != nil {
		return p.failure(ctx, err)
	}
	p.left = location.Left
	err = p.say("sent", where, location)
	if f := (*exit.Error)(nil); errors.As(err, &f) {
		f.Hints = append(f.Hints, "do not send the image again: it is on the server at "+where)
	}
	return err
}

// send uploads the image to the server.
func (p *upload) send(ctx context.Context) (transfer.Location, error) {
	content := p.file.Image()
	p.progress = p.con.StartProgress(p.o.Upload.Filename, "sent; waiting for the server", content.Size(), func(doc any) { p.emit(doc, nil) })
	defer p.progress.End()
	options := p.options
	options.Trust = p.d.Trust
	options.Event, options.Sent, options.ReadBack = p.tell, p.progress.Update, p.progress.UpdateRead
	store, err := p.dial(ctx, p.d.Access, options)
	if err != nil {
		return transfer.Location{}, err
	}
	defer store.Close()
	return store.Put(ctx, transfer.Upload{
		Name: p.o.Upload.Filename, Content: content,
		Watch:       func(whole bool) transfer.Watcher { return p.file.NewPass(whole) },
		SHA256:      p.o.Upload.SHA256 || p.con.JSON, // docs/json.md promises it
		NoOverwrite: p.o.Upload.NoOverwrite, InPlace: p.o.Upload.InPlace, MakeFolder: p.o.Upload.Mkdir,
		ReadBack: p.o.Upload.Verify == "readback",
	})
}

// emit writes a line of the answer during the upload. If that fails, it cancels the upload, because its result could not
// be reported.
func (p *upload) emit(doc any, text func(io.Writer)) {
	if err := p.con.Emit(doc, text); err != nil {
		p.cancel(err)
	}
}

// failure returns the failure for an upload that ended with err.
func (p *upload) failure(ctx context.Context, err error) error {
	name := p.sheet.im.Name
	own := (*exit.Error)(nil)
	switch left := advice.LeftBy(err); {
	case errors.As(context.Cause(ctx), &own):
		return advice.WithLeft(own, left)
	case ctx.Err() != nil && left == nil:
		return interrupted(name)
	}
	return p.d.Hinted(advice.ServerEnded(ctx, name, err))
}

// tell shows the steps that a person should know at once, and with --verbose the dialogue.
func (p *upload) tell(e transfer.Event) {
	if e.Step == transfer.StepSend {
		p.progress.Restart()
	}
	if e.Step != transfer.StepDialog || p.con.Verbose {
		p.progress.WithoutBar(func() { p.emit(newStepLine(e), func(io.Writer) { p.note(e) }) })
	}
}

// note writes a note about a step that a person should know of.
func (p *upload) note(e transfer.Event) {
	text := ""
	switch e.Step {
	case transfer.StepMade:
		text = "created the folder " + e.Text
	case transfer.StepInPlace:
		text = "written directly to the final name, because " + e.Text
	case transfer.StepQuery:
		text = "checking whether the upload succeeded: " + e.Text
	case transfer.StepRetry:
		text = fmt.Sprintf("%v; retrying in %s", e.Err, console.Span(e.Wait))
	case transfer.StepDialog:
		p.con.Dialog(e.Text)
		return
	default:
		return
	}
	p.con.Note("note", p.o.Upload.Filename, text)
}

// A stepLine is the JSON line of one step.
type stepLine struct {
	Schema     int            `json:"schema"`
	Event      string         `json:"event"`
	Step       string         `json:"step"`
	Text       string         `json:"text,omitempty"`
	Attempt    int            `json:"attempt,omitempty"`
	WaitMillis int64          `json:"wait_ms,omitempty"`
	Error      *exit.ErrorDoc `json:"error,omitempty"`
}

func newStepLine(e transfer.Event) stepLine {
	doc := stepLine{Schema: 1, Event: "step", Step: string(e.Step), Text: e.Text, Attempt: e.Attempt, WaitMillis: e.Wait.Milliseconds()}
	if e.Err != nil {
		doc.Error = exit.NewErrorDoc(advice.TransferFailure("", e.Err))
	}
	return doc
}

// A checkedDoc is the JSON line with the result of check.
type checkedDoc struct {
	Schema int              `json:"schema"`
	Event  string           `json:"event"`
	Image  images.Doc       `json:"image"`
	Phone  verdict.PhoneDoc `json:"phone"`
	hwcheck.Verdict
}

func (s *ruleSheet) event() checkedDoc {
	doc := verdict.NewSheetDoc(s.im, s.phone, s.verdict)
	return checkedDoc{1, "checked", doc.Image, doc.Phone, doc.Verdict}
}

// A pushDoc is the answer of a push to a server: the last JSON line, unless phones follow.
type pushDoc struct {
	Schema      int      `json:"schema"`
	Event       string   `json:"event"` // sent, dry-run, nothing-to-do
	URL         string   `json:"url,omitempty"`
	Size        int64    `json:"size,omitempty"`
	SHA256      string   `json:"sha256,omitempty"`
	Proofs      []string `json:"proofs,omitempty"`
	Replaced    *bool    `json:"replaced,omitempty"`
	InPlace     *bool    `json:"in_place,omitempty"`
	Attempts    int      `json:"attempts,omitempty"`
	Millis      *int64   `json:"duration_ms,omitempty"`
	BytesPerSec int64    `json:"bytes_per_second,omitempty"`
	Left        []string `json:"left,omitempty"`
	*images.UsedDoc
}

// say writes the answer of the upload.
func (p *upload) say(event, where string, l transfer.Location) error {
	doc := pushDoc{Schema: 1, Event: event, URL: l.URL, Size: l.Size, UsedDoc: p.used()}
	if event == "sent" {
		if l.SHA256 != nil {
			doc.SHA256 = fmt.Sprintf("%x", *l.SHA256)
		}
		doc.Attempts = l.Attempts
		if !l.Untold {
			doc.Replaced = new(l.Replaced)
		}
		doc.InPlace, doc.Millis = new(l.InPlace), new(l.Duration.Milliseconds())
		doc.BytesPerSec, doc.Left = rate(l), p.left
		for _, proof := range l.Proofs {
			doc.Proofs = append(doc.Proofs, string(proof))
		}
	}
	return p.con.Emit(doc, func(w io.Writer) {
		if event == "nothing-to-do" {
			return // the rule sheet says so
		}
		for _, left := range p.left {
			p.con.Note("warning", left, "a failed attempt left this file behind and could not remove it: remove it on the server")
		}
		p.draw(w, event, where, l)
	})
}

// used names the image, with the digest that was computed while it was sent.
func (p *upload) used() *images.UsedDoc {
	im := *p.sheet.im
	im.Facts.Integrity = p.file.Facts().Integrity
	return im.Used(p.version)
}

// rate returns the number of bytes sent a second.
func rate(l transfer.Location) int64 {
	return int64(float64(l.Size) / max(l.Duration.Seconds(), 0.001))
}
