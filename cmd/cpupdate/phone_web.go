package main

import (
	"fmt"
	"time"

	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// webTable returns a row for each kind of failure that only --web has.
func webTable() []phoneRow {
	const compare = "look at the page with a browser, and at the output of --verbose; if it is a phone's page, report the error above"
	return []phoneRow{
		{fleet.KindPageUnreachable, codeUnreachable, 0, "check the address and --web-port, that no firewall blocks it, and that the page is switched on in the phone's settings", ""},
		{fleet.KindPageBroken, codeUnreachable, 0, "try again; if nobody else uses the page and the error stays, give it more time with --timeout and --patience", ""},
		{fleet.KindPageTrust, codeSettings, 0, "compare the key with that of the phone: cpupdate help trust", ""},
		{fleet.KindPageTLS, codeSettings, 0, "if it is an old phone, use --legacy-tls; otherwise check --web-port: it must be the port for https", ""},
		{fleet.KindPageOdd, codeRejected, 0, compare, ""},
		{fleet.KindPageForeign, codeRejected, 0, "check with a browser where the page leads, and whether it is the phone's own; nothing was sent there", ""},
		{fleet.KindNoLogin, codeRejected, 0, compare, ""},
		{fleet.KindPassword, codeSettings, 0, "check the administrator's password with a browser, once: after a few wrong passwords, a phone accepts none for a while", ""},
		{fleet.KindLocked, codeSettings, 0, "wait until the phone accepts passwords again, and find the right password before you try any phone", ""},
		{fleet.KindNewPassword, codeSettings, 0, "set the phone's new password with a browser, then try again with that password", ""},
		{fleet.KindNoForm, codeRejected, 0, "for an OpenStage phone, use --serve: its page has no such form; otherwise " + compare, ""},
		{fleet.KindManyForms, codeRejected, 0, compare, ""},
		{fleet.KindPageRefused, codeRejected, 0, "see the page's message above, and compare the hardware levels with cpupdate check", ""},
		{fleet.KindUploadCut, codeUnreachable, 0, "try again, and keep this machine awake and on the network; if the upload is too slow, raise --limit-rate, which all phones share, or --patience; the phone discards an incomplete upload", ""},
		{fleet.KindImage, codeImage, 0, "wait until the program that writes the file has finished, then try again", ""},
		{fleet.KindStopped, codeStopped, 0, "find the right password first, then push to the phones that were left alone", ""},
	}
}

// pageHints returns the hints for a page whose certificate is not trusted.
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

// web shows an event of the only phone's web page. It reports whether the event was one of a page.
func (r *report) web(e fleet.Event, p *phoneProgress) bool {
	name := r.targets[0].Address
	switch e.Step {
	case fleet.StepPageOnly:
		r.aside(name, fmt.Sprintf("identified by its web page only: %v", e.Err))
	case fleet.StepPage, fleet.StepLoggedIn:
		if r.con.verbose {
			r.aside(name, stepText(e))
		}
	case fleet.StepFound:
		if p.pageOnly {
			r.device(e.Device)
		}
		r.row(plain, "page", "logged in; the form for an image was found")
	case fleet.StepSending:
		if r.progress == nil && r.size > 0 {
			r.line("  Keep the phone on LAN and power until the update is verified.")
			r.progress = r.con.startProgress(name, "sent; waiting for the phone", r.size, func(any) {})
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
		r.aside(name, "waiting at most "+span(e.Limit)+" for it to restart")
	case fleet.StepVisited:
		if r.con.verbose {
			r.aside(name, e.Text)
		}
	default:
		return false
	}
	return true
}

// device shows what the only phone reports about itself.
func (r *report) device(d fleet.Device) {
	r.line("%s", escape(deviceLine(r.targets[0].Address, d)))
	r.row(plain, "runs", typed(d))
}

// answerLine describes the page's answer to an image.
func answerLine(e fleet.Event) string {
	switch {
	case e.Err != nil:
		return fmt.Sprintf("the upload was not confirmed: %v", e.Err)
	case e.Text == "":
		return "the page shows no message"
	}
	return fmt.Sprintf("the page says %q; the result is verified after the restart", e.Text)
}

// rateLine returns "8.0 MiB in 2.1 s, 3.8 MiB/s".
func rateLine(size int64, took time.Duration) string {
	text := bytesText(size)
	if took >= 100*time.Millisecond {
		text += fmt.Sprintf(" in %s, %s/s", span(took), bytesText(int64(float64(size)/took.Seconds())))
	}
	return text
}

// stopped reports whether the run was stopped because a phone is locked out.
func stopped(results []fleet.Result) bool {
	for _, r := range results {
		if r.Failure != nil && r.Failure.Kind == fleet.KindStopped {
			return true
		}
	}
	return false
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
