package runview

import (
	"fmt"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/pkg/fleet"
)

// web shows what happens at the page of the only phone. It reports whether there is nothing else to show.
func (r *Report) web(e fleet.Event, p *phoneProgress) bool {
	name := r.targets[0].Address
	switch e.Step {
	case fleet.StepPageOnly:
		r.aside(name, fmt.Sprintf("known by its web page alone: %v", e.Err))
	case fleet.StepPage, fleet.StepLoggedIn:
		if r.con.Verbose {
			r.aside(name, stepText(e))
		}
	case fleet.StepFound:
		if p.pageOnly {
			r.device(e.Device)
		}
		r.row(console.Plain, "page", "logged in, and found the form for an image")
	case fleet.StepSending:
		if r.progress == nil && r.size > 0 {
			r.line("  Keep the phone on LAN and power until it says that it is done.")
			r.progress = r.con.StartProgress(name, "sent, and waiting for the phone", r.size, func(any) {})
		}
		if r.progress != nil {
			r.progress.Update(e.Upload.Sent)
		}
	case fleet.StepSent:
		r.endFetch()
		r.row(console.Plain, "sent", rateLine(e.Upload.Size, e.At.Sub(p.fetching)))
	case fleet.StepAnswered:
		r.endFetch()
		r.row(console.Plain, "answer", answerLine(e))
		r.aside(name, "waiting for it to restart for at most "+console.LimitText(e.Limit))
	case fleet.StepVisited:
		if r.con.Verbose {
			r.aside(name, e.Text)
		}
	default:
		return false
	}
	return true
}

// device shows what the only phone says it is.
func (r *Report) device(d fleet.Device) {
	r.line("%s", console.Escape(deviceLine(r.targets[0].Address, d)))
	r.row(console.Plain, "runs", Typed(d))
}

// answerLine is what the page says to an image.
func answerLine(e fleet.Event) string {
	switch {
	case e.Err != nil:
		return fmt.Sprintf("none that counts: %v", e.Err)
	case e.Text == "":
		return "none that says anything"
	}
	return fmt.Sprintf("%q, says the page; what counts is what the phone runs afterwards", e.Text)
}

// rateLine is "8.0 MiB in 2.1 s, 3.8 MiB/s".
func rateLine(size int64, took time.Duration) string {
	text := console.Bytes(size)
	if took >= 100*time.Millisecond {
		text += fmt.Sprintf(" in %s, %s/s", console.Span(took), console.Bytes(int64(float64(size)/took.Seconds())))
	}
	return text
}

// uploadDoc is how much of the image went into a phone's page.
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
