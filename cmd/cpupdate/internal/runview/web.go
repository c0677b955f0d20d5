package runview

import (
	"fmt"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/fleet"
)

// web shows an event of the only phone's web page. It reports whether the event was one of a page.
func (r *Report) web(e fleet.Event, p *phoneProgress) bool {
	name := r.targets[0].Label()
	switch e.Step {
	case fleet.StepPageOnly:
		r.noteAbout(name, fmt.Sprintf("identified by its web page only: %v", e.Err))
	case fleet.StepPage, fleet.StepLoggedIn:
		if r.con.Verbose {
			r.noteAbout(name, stepText(e))
		}
	case fleet.StepFound:
		if p.pageOnly {
			r.device(e.Device)
		}
		form := "the form for an image"
		if r.Context.Transfer {
			form = "the transfer form"
		}
		r.row(console.Plain, "page", "logged in; "+form+" was found")
	case fleet.StepSending:
		if r.progress == nil && r.size > 0 {
			r.line("  Keep the phone on LAN and power until the update is verified.")
			r.progress = r.con.StartProgress(name, "sent; waiting for the phone", r.size, func(any) {})
		}
		if r.progress != nil {
			r.progress.Update(e.Upload.Sent)
		}
	case fleet.StepSent:
		r.endFetch()
		r.row(console.Plain, "sent", rateLine(e.Upload.Size, e.At.Sub(p.fetching)))
	case fleet.StepAnswered:
		r.endFetch()
		text := answerLine(e)
		if e.Err != nil && r.Context.Transfer {
			text = fmt.Sprintf("the transfer was not confirmed: %v", e.Err)
		}
		r.row(console.Plain, "answer", text)
		r.noteAbout(name, "waiting at most "+display.Span(e.Limit)+" for it to restart")
	case fleet.StepVisited:
		if r.con.Verbose {
			r.noteAbout(name, e.Text)
		}
	default:
		return false
	}
	return true
}

// device shows what the only phone reports about itself.
func (r *Report) device(d fleet.Device) {
	r.line("%s", console.Escape(deviceLine(r.targets[0].Label(), d)))
	r.row(console.Plain, "runs", Typed(d))
}

// answerLine describes the page's answer.
func answerLine(e fleet.Event) string {
	switch {
	case e.Err != nil:
		return fmt.Sprintf("the upload was not confirmed: %v", e.Err)
	case e.Text == "":
		return "the page shows no message"
	}
	return fmt.Sprintf("the page says %q; the version that it reports decides", e.Text)
}

// rateLine returns "8.0 MiB in 2.1 s, 3.8 MiB/s".
func rateLine(size int64, took time.Duration) string {
	text := display.Bytes(size)
	if took >= 100*time.Millisecond {
		text += fmt.Sprintf(" in %s, %s/s", display.Span(took), display.Bytes(int64(float64(size)/took.Seconds())))
	}
	return text
}

// An uploadDoc is how much of the image was sent to a phone's page.
type uploadDoc struct {
	Sent     int64 `json:"sent"`
	Size     int64 `json:"size"`
	Complete bool  `json:"complete"`
}

func newUploadDoc(u fleet.Upload) *uploadDoc {
	if u == (fleet.Upload{}) {
		return nil
	}
	return &uploadDoc{u.Sent, u.Size, u.Complete}
}
