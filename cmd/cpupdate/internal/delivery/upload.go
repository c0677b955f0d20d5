package delivery

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// An upload is the upload of one image to a server.
type upload struct {
	*Delivery
	image    *Image
	verdict  hwcheck.Verdict // without phones; with phones, each phone is checked by itself
	progress *console.Progress
	cancel   context.CancelCauseFunc // with an answer that could not be written
	sent     bool
	left     []string // files that failed attempts left on the server before this one succeeded
}

// Upload uploads the only image, without phones, unless there is nothing to do or it is a dry run. verdict is that of the check.
func (d *Delivery) Upload(ctx context.Context, verdict hwcheck.Verdict) error {
	p := &upload{Delivery: d, image: d.Images[0], verdict: verdict}
	where := p.where()
	switch {
	case verdict.NothingToDo:
		return p.say("nothing-to-do", "", transfer.Location{})
	case d.o.DryRun:
		return p.say("dry-run", where, transfer.Location{URL: where, Size: p.image.File.Image().Size()})
	}
	if err := d.o.Route.Login(ctx, d.Console, d.Passwords, d.KnownHosts, d.server, d.options); err != nil {
		return err
	}
	d.Console.KeepPipes()
	err := p.run(ctx)
	if f := (*exit.Error)(nil); p.sent && errors.As(err, &f) {
		f.Hints = append(f.Hints, "do not send the image again: it is on the server at "+where)
	}
	return err
}

// upload uploads the images that some phone may get to the server, and sets where phones fetch them.
func (d *Delivery) upload(ctx context.Context) error {
	if !d.needed() {
		return nil
	}
	if err := d.o.Route.OfServer().Login(ctx, d.Console, d.Passwords, d.KnownHosts, d.server, d.options); err != nil {
		return d.server.Hinted(err)
	}
	deploy := make([]wpi.Deployment, len(d.Images))
	for i, im := range d.Images {
		deploy[i] = im.deploy
	}
	if !d.o.Route.Web.PhoneDefaults {
		if err := d.o.Fetch.Login(ctx, d.server, deploy); err != nil { // before anything is sent
			return err
		}
	}
	for i, im := range d.Images {
		if !im.Needed {
			continue
		}
		if err := (&upload{Delivery: d, image: im}).run(ctx); err != nil {
			return err
		}
		im.source = fleet.Elsewhere(deploy[i])
	}
	if !d.o.Route.Web.PhoneDefaults && d.o.Fetch.Writes(d.server) {
		d.Console.NoteAbout("warning", d.server.Access.Username, "phones get the login of the upload, which may write on the server; anyone who impersonates a phone learns it: give phones another login with --fetch-username")
	}
	return nil
}

// where returns the URL of the image on the server.
func (p *upload) where() string { return p.server.Access.FileURL(p.image.Name) }

// run sends the image and says so.
func (p *upload) run(ctx context.Context) error {
	ctx, p.cancel = context.WithCancelCause(ctx)
	defer p.cancel(nil)
	location, err := p.send(ctx)
	if err != nil {
		return p.failure(ctx, err)
	}
	p.sent, p.left = true, location.Left
	p.image.Read.Facts.Integrity = p.image.File.Facts().Integrity // with the digest that was computed on the way
	return p.say("sent", p.where(), location)
}

// send uploads the image to the server.
func (p *upload) send(ctx context.Context) (transfer.Location, error) {
	content := p.image.File.Image()
	p.progress = p.Console.StartProgress(p.image.Name, "sent; waiting for the server", content.Size(), func(doc any) { p.emit(doc, nil) })
	defer p.progress.End()
	options := p.options
	options.Trust = p.server.Trust
	options.Event, options.Sent, options.ReadBack = p.tell, p.progress.Update, p.progress.UpdateRead
	store, err := p.Dial(ctx, p.server.Access, options)
	if err != nil {
		return transfer.Location{}, err
	}
	defer store.Close()
	return store.Put(ctx, transfer.Upload{
		Name: p.image.Name, Content: content,
		Watch:       func(whole bool) transfer.Watcher { return p.image.File.NewPass(whole) },
		SHA256:      p.o.Upload.SHA256 || p.Console.JSON, // docs/json.md promises it
		NoOverwrite: p.o.Upload.NoOverwrite, InPlace: p.o.Upload.InPlace, MakeFolder: p.o.Upload.Mkdir,
		ReadBack: p.o.Upload.Verify == "readback",
	})
}

// emit writes a line of the answer during the upload. If that fails, it cancels the upload, because its result could not
// be reported.
func (p *upload) emit(doc any, text func(io.Writer)) {
	if err := p.Console.Emit(doc, text); err != nil {
		p.cancel(err)
	}
}

// failure returns the failure for an upload that ended with err.
func (p *upload) failure(ctx context.Context, err error) error {
	name := p.image.Read.Name
	own := (*exit.Error)(nil)
	switch left := advice.LeftBy(err); {
	case errors.As(context.Cause(ctx), &own):
		return advice.WithLeft(own, left)
	case ctx.Err() != nil && left == nil:
		return interrupted(name)
	}
	return p.server.Hinted(advice.ServerEnded(ctx, name, err))
}

// tell shows the steps that a person should know at once, and with --verbose the dialogue.
func (p *upload) tell(e transfer.Event) {
	if e.Step == transfer.StepSend {
		p.progress.Restart()
	}
	if e.Step != transfer.StepDialog || p.Console.Verbose {
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
		text = fmt.Sprintf("%v; retrying in %s", e.Err, display.Span(e.Wait))
	case transfer.StepDialog:
		p.Console.Dialog(e.Text)
		return
	default:
		return
	}
	p.Console.Note("note", p.image.Name, text)
}

// A StepLine is the JSON line of one step.
type StepLine struct {
	Schema     int            `json:"schema"`
	Event      string         `json:"event"`
	Step       string         `json:"step"`
	Text       string         `json:"text,omitempty"`
	Attempt    int            `json:"attempt,omitempty"`
	WaitMillis int64          `json:"wait_ms,omitempty"`
	Error      *exit.ErrorDoc `json:"error,omitempty"`
}

func newStepLine(e transfer.Event) StepLine {
	doc := StepLine{Schema: 1, Event: "step", Step: string(e.Step), Text: e.Text, Attempt: e.Attempt, WaitMillis: e.Wait.Milliseconds()}
	if e.Err != nil {
		doc.Error = exit.NewErrorDoc(advice.TransferFailure("", e.Err))
	}
	return doc
}

// An UploadDoc is the answer of an upload to a server: the last JSON line, unless phones follow.
type UploadDoc struct {
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
	doc := UploadDoc{Schema: 1, Event: event, URL: l.URL, Size: l.Size, UsedDoc: p.used()}
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
	return p.Console.Emit(doc, func(w io.Writer) {
		if event == "nothing-to-do" {
			return // the rule sheet says so
		}
		for _, left := range p.left {
			p.Console.Note("warning", left, "a failed attempt left this file behind and could not remove it: remove it on the server")
		}
		p.draw(w, event, where, l)
	})
}

// used names the image, with the digest that was computed while it was sent.
func (p *upload) used() *images.UsedDoc {
	im := *p.image.Read
	im.Facts.Integrity = p.image.File.Facts().Integrity
	return im.Used(p.Version)
}

// rate returns the number of bytes sent a second.
func rate(l transfer.Location) int64 {
	return int64(float64(l.Size) / max(l.Duration.Seconds(), 0.001))
}

// interrupted returns the failure for an upload that was interrupted and cleaned up.
func interrupted(name string) error {
	return exit.New(exit.CodeInterrupted, fmt.Errorf("interrupted: nothing of %s remains on the server", images.DisplayName(name)))
}
