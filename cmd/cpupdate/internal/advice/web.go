package advice

import (
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/knownhosts"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// WebTable has a row for each bad end that only the way by the phone's page has.
func WebTable() []PhoneRow {
	const compare = "look at the page with a browser, and at what --verbose shows; if it is a phone's, report this with the sentence above"
	return []PhoneRow{
		{fleet.KindPageUnreachable, exit.CodeUnreachable, 0, "check the address and --web-port, that nothing on the way blocks it, and that the page is not switched off in the phone's settings", ""},
		{fleet.KindPageBroken, exit.CodeUnreachable, 0, "try again; if nobody else is at the page and it stays so, give it more time with --timeout and --patience", ""},
		{fleet.KindPageTrust, exit.CodeSettings, 0, "compare the key with the phone's own: cpupdate help trust", ""},
		{fleet.KindPageTLS, exit.CodeSettings, 0, "if it is an old phone, --legacy-tls speaks with it; else check --web-port: the page is encrypted from the start", ""},
		{fleet.KindPageOdd, exit.CodeRejected, 0, compare, ""},
		{fleet.KindPageForeign, exit.CodeRejected, 0, "nothing was sent there; see with a browser where the page leads, and whether it is the phone's own", ""},
		{fleet.KindNoLogin, exit.CodeRejected, 0, compare, ""},
		{fleet.KindPassword, exit.CodeSettings, 0, "check the administrator's password with a browser, once: phones take none for a while after a few wrong ones", ""},
		{fleet.KindLocked, exit.CodeSettings, 0, "wait until the phone takes passwords again, and see that the right one is given before any phone is tried", ""},
		{fleet.KindNewPassword, exit.CodeSettings, 0, "give the phone its new password with a browser, then try again with that", ""},
		{fleet.KindNoForm, exit.CodeRejected, 0, "OpenStage phones have none: have it fetch the image with --serve; else " + compare, ""},
		{fleet.KindManyForms, exit.CodeRejected, 0, compare, ""},
		{fleet.KindPageRefused, exit.CodeRejected, 0, "the page's own words say why; cpupdate check shows what is known of the phone's level", ""},
		{fleet.KindUploadCut, exit.CodeUnreachable, 0, "the phone drops what it got of an upload that was cut; try again, and keep this machine awake and on the network; if it goes out too slowly, --limit-rate, which all phones share, may be too low, or --patience too short", ""},
		{fleet.KindImage, exit.CodeImage, 0, "wait until whatever writes the file is done, then try again", ""},
		{fleet.KindStopped, exit.CodeStopped, 0, "find the right password first, then push to the phones that were left alone", ""},
	}
}

// pageHints are the next steps for a page that is not to be trusted.
func pageHints(name string, in Context, f *fleet.Failure) []string {
	if hints := knownhosts.WeakKeyHints(f); hints != nil {
		return hints
	}
	stranger := trust.AsError(f)
	if in.Page == nil || stranger == nil {
		return nil
	}
	return knownhosts.TrustHints(in.Page(name), stranger)
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
