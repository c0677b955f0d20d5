package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// errNoServer reports a push without a destination.
var errNoServer = errors.New("no server is named, and no defaults are stored")

// A pushing is the upload of one image.
type pushing struct {
	con      *console
	pass     *passwordStore
	hosts    *hostStore
	dial     dialFunc
	o        pushOptions
	d        *destination
	file     *bind.File
	sheet    *sheet
	options  transfer.Options
	progress *progress
	cancel   context.CancelCauseFunc // with an answer that could not be written
	left     []string                // files that failed attempts left on the server before this one succeeded
}

// run sends the image, unless there is nothing to do or it is a dry run.
func (p *pushing) run(ctx context.Context) error {
	where := p.d.access.FileURL(p.o.upload.filename)
	switch {
	case p.sheet.verdict.NothingToDo:
		return p.say("nothing-to-do", "", transfer.Location{})
	case p.o.dryRun:
		return p.say("dry-run", where, transfer.Location{URL: where, Size: p.file.Image().Size()})
	}
	if err := p.o.route.login(ctx, p.con, p.pass, p.hosts, p.d, p.options); err != nil {
		return err
	}
	p.con.keepPipes()
	ctx, p.cancel = context.WithCancelCause(ctx)
	defer p.cancel(nil)
	location, err := p.send(ctx)
	if err != nil {
		return p.failure(ctx, err)
	}
	p.left = location.Left
	err = p.say("sent", where, location)
	if f := (*failure)(nil); errors.As(err, &f) {
		f.hints = append(f.hints, "do not send the image again: it is on the server at "+where)
	}
	return err
}

// send uploads the image to the server.
func (p *pushing) send(ctx context.Context) (transfer.Location, error) {
	content := p.file.Image()
	p.progress = p.con.startProgress(p.o.upload.filename, "sent; waiting for the server", content.Size(), p.emit)
	defer p.progress.end()
	options := p.options
	options.Trust = p.d.trust
	options.Event, options.Sent = p.tell, p.progress.update
	store, err := p.dial(ctx, p.d.access, options)
	if err != nil {
		return transfer.Location{}, err
	}
	defer store.Close()
	return store.Put(ctx, transfer.Upload{
		Name: p.o.upload.filename, Content: content,
		Watch:       func() transfer.Watcher { return p.file.NewPass() },
		NoOverwrite: p.o.upload.noOverwrite, InPlace: p.o.upload.inPlace, MakeFolder: p.o.upload.mkdir,
		ReadBack: p.o.upload.verify == "readback",
	})
}

// emit writes a line of the answer during the upload. If that fails, it cancels the upload, because its result could not
// be reported.
func (p *pushing) emit(doc any) {
	if err := p.con.emit(doc); err != nil {
		p.cancel(err)
	}
}

// failure returns the failure for an upload that ended with err.
func (p *pushing) failure(ctx context.Context, err error) error {
	name := p.sheet.im.name
	own := (*failure)(nil)
	switch left := leftBy(err); {
	case errors.As(context.Cause(ctx), &own):
		return withLeft(own, left)
	case ctx.Err() != nil && left == nil:
		return interrupted(name)
	}
	return p.d.hinted(serverEnded(ctx, name, err))
}

// tell shows the steps that a person should know at once, and with --verbose the dialogue.
func (p *pushing) tell(e transfer.Event) {
	if e.Step == transfer.StepSend {
		p.progress.restart()
	}
	if p.con.json {
		if e.Step != transfer.StepSaid || p.con.verbose {
			p.progress.aside(func() { p.emit(newStepLine(e)) })
		}
		return
	}
	text := ""
	switch e.Step {
	case transfer.StepMade:
		text = "created the folder " + e.Text
	case transfer.StepInPlace:
		text = "written directly to the final name, because " + e.Text
	case transfer.StepLook:
		text = "checking whether the upload succeeded: " + e.Text
	case transfer.StepRetry:
		text = fmt.Sprintf("%v; retrying in %s", e.Err, span(e.Wait))
	case transfer.StepSaid:
		p.progress.aside(func() { p.con.said(e.Text) })
		return
	default:
		return
	}
	p.progress.aside(func() { p.con.note("note", p.o.upload.filename, text) })
}

// A stepLine is the JSON line of one step.
type stepLine struct {
	Schema     int       `json:"schema"`
	Event      string    `json:"event"`
	Step       string    `json:"step"`
	Text       string    `json:"text,omitempty"`
	Attempt    int       `json:"attempt,omitempty"`
	WaitMillis int64     `json:"wait_ms,omitempty"`
	Error      *errorDoc `json:"error,omitempty"`
}

func newStepLine(e transfer.Event) stepLine {
	doc := stepLine{Schema: 1, Event: "step", Step: string(e.Step), Text: e.Text, Attempt: e.Attempt, WaitMillis: e.Wait.Milliseconds()}
	if e.Err != nil {
		doc.Error = newErrorDoc(transferFailure("", e.Err))
	}
	return doc
}

// A checkedDoc is the JSON line with the result of check.
type checkedDoc struct {
	Schema int      `json:"schema"`
	Event  string   `json:"event"`
	Image  imageDoc `json:"image"`
	Phone  phoneDoc `json:"phone"`
	hwcheck.Verdict
}

func (s *sheet) event() checkedDoc {
	doc := newSheetDoc(s.im, s.phone, s.verdict)
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
}

// say writes the answer of the upload.
func (p *pushing) say(event, where string, l transfer.Location) error {
	if p.con.json {
		doc := pushDoc{Schema: 1, Event: event, URL: l.URL, Size: l.Size}
		if event == "sent" {
			doc.SHA256, doc.Attempts = fmt.Sprintf("%x", l.SHA256), l.Attempts
			doc.Replaced, doc.InPlace, doc.Millis = new(l.Replaced), new(l.InPlace), new(l.Duration.Milliseconds())
			doc.BytesPerSec, doc.Left = rate(l), p.left
			for _, proof := range l.Proofs {
				doc.Proofs = append(doc.Proofs, string(proof))
			}
		}
		return p.con.emit(doc)
	}
	if event == "nothing-to-do" {
		return nil // the rule sheet says so
	}
	for _, left := range p.left {
		p.con.note("warning", left, "a failed attempt left this file behind and could not remove it: remove it on the server")
	}
	return p.con.print(nil, func(w io.Writer) { p.draw(w, event, where, l) })
}

// rate returns the number of bytes sent a second.
func rate(l transfer.Location) int64 {
	return int64(float64(l.Size) / max(l.Duration.Seconds(), 0.001))
}
