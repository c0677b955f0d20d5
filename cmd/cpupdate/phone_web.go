package main

import (
	"fmt"
	"time"

	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// webTable has a row for each bad end that only the way by the phone's page has.
func webTable() []phoneRow {
	const compare = "look at the page with a browser, and at what --verbose shows; if it is a phone's, report this with the sentence above"
	return []phoneRow{
		{fleet.KindPageUnreachable, codeUnreachable, 0, "check the address and --web-port, that nothing on the way blocks it, and that the page is not switched off in the phone's settings", ""},
		{fleet.KindPageBroken, codeUnreachable, 0, "try again; if nobody else is at the page and it stays so, give it more time with --timeout and --patience", ""},
		{fleet.KindPageTrust, codeSettings, 0, "compare the key with the phone's own: cpupdate help trust", ""},
		{fleet.KindPageTLS, codeSettings, 0, "if it is an old phone, --legacy-tls speaks with it; else check --web-port: the page is encrypted from the start", ""},
		{fleet.KindPageOdd, codeRejected, 0, compare, ""},
		{fleet.KindPageForeign, codeRejected, 0, "nothing was sent there; see with a browser where the page leads, and whether it is the phone's own", ""},
		{fleet.KindNoLogin, codeRejected, 0, compare, ""},
		{fleet.KindPassword, codeSettings, 0, "check the administrator's password with a browser, once: phones take none for a while after a few wrong ones", ""},
		{fleet.KindLocked, codeSettings, 0, "wait until the phone takes passwords again, and see that the right one is given before any phone is tried", ""},
		{fleet.KindNewPassword, codeSettings, 0, "give the phone its new password with a browser, then try again with that", ""},
		{fleet.KindNoForm, codeRejected, 0, "OpenStage phones have none: have it fetch the image with --serve; else " + compare, ""},
		{fleet.KindManyForms, codeRejected, 0, compare, ""},
		{fleet.KindPageRefused, codeRejected, 0, "the page's own words say why; cpupdate check shows what is known of the phone's level", ""},
		{fleet.KindUploadCut, codeUnreachable, 0, "the phone drops what it got of an upload that was cut; try again, and keep this machine awake and on the network; if it goes out too slowly, --limit-rate, which all phones share, may be too low, or --patience too short", ""},
		{fleet.KindImage, codeImage, 0, "wait until whatever writes the file is done, then try again", ""},
		{fleet.KindStopped, codeStopped, 0, "find the right password first, then push to the phones that were left alone", ""},
	}
}

// pageHints are the next steps for a page that is not to be trusted.
func pageHints(name string, in failureContext, f *fleet.Failure) []string {
	if hints := weakKeyHints(f); hints != nil {
		return hints
	}
	stranger := trust.AsError(f)
	if in.page == nil || stranger == nil {
		return nil
	}
	return trustHints(in.page(name), stranger)
}

// web shows what happens at the page of the only phone. It reports whether there is nothing else to show.
func (r *report) web(e fleet.Event, p *phoneProgress) bool {
	name := r.targets[0].Address
	switch e.Step {
	case fleet.StepPageOnly:
		r.aside(name, fmt.Sprintf("known by its web page alone: %v", e.Err))
	case fleet.StepPage, fleet.StepLoggedIn:
		if r.con.verbose {
			r.aside(name, stepText(e))
		}
	case fleet.StepFound:
		if p.pageOnly {
			r.device(e.Device)
		}
		r.row(plain, "page", "logged in, and found the form for an image")
	case fleet.StepSending:
		if r.progress == nil && r.size > 0 {
			r.line("  Keep the phone on LAN and power until it says that it is done.")
			r.progress = r.con.startProgress(name, "sent, and waiting for the phone", r.size, func(any) {})
		}
		if r.progress != nil {
			r.progress.update(e.Upload.Sent)
		}
	case fleet.StepSent:
		r.endFetch()
		r.row(plain, "sent", rateLine(e.Upload.Size, e.At.Sub(p.fetching)))
	case fleet.StepAnswered:
		r.endFetch()
		r.row(plain, "answer", answerLine(e))
		r.aside(name, "waiting for it to restart for at most "+limitText(e.Limit))
	case fleet.StepVisited:
		if r.con.verbose {
			r.aside(name, e.Text)
		}
	default:
		return false
	}
	return true
}

// device shows what the only phone says it is.
func (r *report) device(d fleet.Device) {
	r.line("%s", escape(deviceLine(r.targets[0].Address, d)))
	r.row(plain, "runs", typed(d))
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
	text := bytesText(size)
	if took >= 100*time.Millisecond {
		text += fmt.Sprintf(" in %s, %s/s", span(took), bytesText(int64(float64(size)/took.Seconds())))
	}
	return text
}

// stopped is a run that was given up since a phone is locked out.
func stopped(results []fleet.Result) bool {
	for _, r := range results {
		if r.Failure != nil && r.Failure.Kind == fleet.KindStopped {
			return true
		}
	}
	return false
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
