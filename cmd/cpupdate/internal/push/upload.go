package push

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

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

// An upload is an image on its way.
type upload struct {
	con      *console.Console
	pass     *credentials.Store
	hosts    *knownhosts.Store
	dial     option.DialFunc
	o        Options
	d        *option.Destination
	file     *bind.File
	sheet    *ruleSheet
	options  transfer.Options
	progress *console.Progress
	cancel   context.CancelCauseFunc // with an answer that could not be written
	left     []string                // what earlier attempts left behind on the server, though this one succeeded
}

// run sends the image, unless there is nothing to do, or only asked what would be done.
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
		f.Hints = append(f.Hints, "the image is on the server: "+where)
	}
	return err
}

// send puts the image on the server.
func (p *upload) send(ctx context.Context) (transfer.Location, error) {
	content := p.file.Image()
	p.progress = p.con.StartProgress(p.o.Upload.Filename, "sent, and waiting for the server", content.Size(), p.emit)
	defer p.progress.End()
	options := p.options
	options.Trust = p.d.Trust
	options.Event, options.Sent = p.tell, p.progress.Update
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

// emit writes a line of the answer on the way. If that cannot be written nobody would learn how it ended: it is given up.
func (p *upload) emit(doc any) {
	if err := p.con.Emit(doc); err != nil {
		p.cancel(err)
	}
}

// failure gives what went wrong its exit code.
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

// tell shows a step: those that a person should know of at once, and with --verbose the dialogue.
func (p *upload) tell(e transfer.Event) {
	if e.Step == transfer.StepSend {
		p.progress.Restart()
	}
	if p.con.JSON {
		if e.Step != transfer.StepSaid || p.con.Verbose {
			p.progress.Aside(func() { p.emit(newStepLine(e)) })
		}
		return
	}
	text := ""
	switch e.Step {
	case transfer.StepMade:
		text = "made the folder " + e.Text
	case transfer.StepInPlace:
		text = "written to its own name at once, since " + e.Text
	case transfer.StepLook:
		text = "looking what became of it: " + e.Text
	case transfer.StepRetry:
		text = fmt.Sprintf("%v; trying again in %s", e.Err, e.Wait.Round(100*time.Millisecond))
	case transfer.StepSaid:
		p.progress.Aside(func() { p.con.Said(e.Text) })
		return
	default:
		return
	}
	p.progress.Aside(func() { p.con.Note("note", p.o.Upload.Filename, text) })
}

// A stepLine is a line of --json.
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

// checkedDoc is the line of --json that says what check found.
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

// pushDoc is the answer of a push to a server: its last line of --json, unless phones follow.
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

// say writes the answer.
func (p *upload) say(event, where string, l transfer.Location) error {
	if p.con.JSON {
		doc := pushDoc{Schema: 1, Event: event, URL: l.URL, Size: l.Size}
		if event == "sent" {
			if l.SHA256 != nil {
				doc.SHA256 = fmt.Sprintf("%x", *l.SHA256)
			}
			doc.Attempts = l.Attempts
			doc.Replaced, doc.InPlace, doc.Millis = new(l.Replaced), new(l.InPlace), new(l.Duration.Milliseconds())
			doc.BytesPerSec, doc.Left = rate(l), p.left
			for _, proof := range l.Proofs {
				doc.Proofs = append(doc.Proofs, string(proof))
			}
		}
		return p.con.Emit(doc)
	}
	if event == "nothing-to-do" {
		return nil // the sheet said it
	}
	for _, left := range p.left {
		p.con.Note("warning", left, "an earlier attempt left it behind, and it could not be removed: remove it on the server")
	}
	return p.con.Print(nil, func(w io.Writer) { p.draw(w, event, where, l) })
}

// rate is how many bytes went out in a second.
func rate(l transfer.Location) int64 {
	return int64(float64(l.Size) / max(l.Duration.Seconds(), 0.001))
}
