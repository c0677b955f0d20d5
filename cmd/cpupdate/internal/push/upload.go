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

// A Pushing is an image on its way.
type Pushing struct {
	Con      *console.Console
	Pass     *credentials.Store
	Hosts    *knownhosts.Store
	Dial     option.DialFunc
	o        Options
	D        *option.Destination
	File     *bind.File
	Sheet    *Sheet
	options  transfer.Options
	progress *console.Progress
	cancel   context.CancelCauseFunc // with an answer that could not be written
	Left     []string                // what earlier attempts left behind on the server, though this one succeeded
}

// run sends the image, unless there is nothing to do, or only asked what would be done.
func (p *Pushing) run(ctx context.Context) error {
	where := p.D.Access.FileURL(p.o.Upload.Filename)
	switch {
	case p.Sheet.verdict.NothingToDo:
		return p.Say("nothing-to-do", "", transfer.Location{})
	case p.o.DryRun:
		return p.Say("dry-run", where, transfer.Location{URL: where, Size: p.File.Image().Size()})
	}
	if err := p.o.Route.Login(ctx, p.Con, p.Pass, p.Hosts, p.D, p.options); err != nil {
		return err
	}
	p.Con.KeepPipes()
	ctx, p.cancel = context.WithCancelCause(ctx)
	defer p.cancel(nil)
	location, err := p.send(ctx)
	if err != nil {
		return p.failure(ctx, err)
	}
	p.Left = location.Left
	err = p.Say("sent", where, location)
	if f := (*exit.Error)(nil); errors.As(err, &f) {
		f.Hints = append(f.Hints, "the image is on the server: "+where)
	}
	return err
}

// send puts the image on the server.
func (p *Pushing) send(ctx context.Context) (transfer.Location, error) {
	content := p.File.Image()
	p.progress = p.Con.StartProgress(p.o.Upload.Filename, "sent, and waiting for the server", content.Size(), func(doc any) { p.emit(doc, nil) })
	defer p.progress.End()
	options := p.options
	options.Trust = p.D.Trust
	options.Event, options.Sent = p.tell, p.progress.Update
	store, err := p.Dial(ctx, p.D.Access, options)
	if err != nil {
		return transfer.Location{}, err
	}
	defer store.Close()
	return store.Put(ctx, transfer.Upload{
		Name: p.o.Upload.Filename, Content: content,
		Watch:       func() transfer.Watcher { return p.File.NewPass() },
		NoOverwrite: p.o.Upload.NoOverwrite, InPlace: p.o.Upload.InPlace, MakeFolder: p.o.Upload.Mkdir,
		ReadBack: p.o.Upload.Verify == "readback",
	})
}

// emit writes a line of the answer on the way. If that cannot be written nobody would learn how it ended: it is given up.
func (p *Pushing) emit(doc any, text func(io.Writer)) {
	if err := p.Con.Emit(doc, text); err != nil {
		p.cancel(err)
	}
}

// failure gives what went wrong its exit code.
func (p *Pushing) failure(ctx context.Context, err error) error {
	name := p.Sheet.Im.Name
	own := (*exit.Error)(nil)
	switch left := advice.LeftBy(err); {
	case errors.As(context.Cause(ctx), &own):
		return advice.WithLeft(own, left)
	case ctx.Err() != nil && left == nil:
		return interrupted(name)
	}
	return p.D.Hinted(advice.ServerEnded(ctx, name, err))
}

// tell shows a step: those that a person should know of at once, and with --verbose the dialogue.
func (p *Pushing) tell(e transfer.Event) {
	if e.Step == transfer.StepSend {
		p.progress.Restart()
	}
	if e.Step != transfer.StepSaid || p.Con.Verbose {
		p.progress.Aside(func() { p.emit(newStepLine(e), func(io.Writer) { p.note(e) }) })
	}
}

// note says a step to a person.
func (p *Pushing) note(e transfer.Event) {
	text := ""
	switch e.Step {
	case transfer.StepMade:
		text = "made the folder " + e.Text
	case transfer.StepInPlace:
		text = "written to its own name at once, since " + e.Text
	case transfer.StepLook:
		text = "looking what became of it: " + e.Text
	case transfer.StepRetry:
		text = fmt.Sprintf("%v; trying again in %s", e.Err, console.Span(e.Wait))
	case transfer.StepSaid:
		p.Con.Said(e.Text)
		return
	default:
		return
	}
	p.Con.Note("note", p.o.Upload.Filename, text)
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

func (s *Sheet) event() checkedDoc {
	doc := verdict.NewSheetDoc(s.Im, s.phone, s.verdict)
	return checkedDoc{1, "checked", doc.Image, doc.Phone, doc.Verdict}
}

// PushDoc is the answer of a push to a server: its last line of --json, unless phones follow.
type PushDoc struct {
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

// Say writes the answer.
func (p *Pushing) Say(event, where string, l transfer.Location) error {
	doc := PushDoc{Schema: 1, Event: event, URL: l.URL, Size: l.Size}
	if event == "sent" {
		doc.SHA256, doc.Attempts = fmt.Sprintf("%x", l.SHA256), l.Attempts
		doc.Replaced, doc.InPlace, doc.Millis = new(l.Replaced), new(l.InPlace), new(l.Duration.Milliseconds())
		doc.BytesPerSec, doc.Left = rate(l), p.Left
		for _, proof := range l.Proofs {
			doc.Proofs = append(doc.Proofs, string(proof))
		}
	}
	return p.Con.Emit(doc, func(w io.Writer) {
		if event == "nothing-to-do" {
			return // the sheet said it
		}
		for _, left := range p.Left {
			p.Con.Note("warning", left, "an earlier attempt left it behind, and it could not be removed: remove it on the server")
		}
		p.draw(w, event, where, l)
	})
}

// rate is how many bytes went out in a second.
func rate(l transfer.Location) int64 {
	return int64(float64(l.Size) / max(l.Duration.Seconds(), 0.001))
}
