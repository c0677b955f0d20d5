package advice

import (
	"strings"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/knownhosts"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// compare is the next step for a page that is not understood.
const compare = "look at the page with a browser, and at the output of --verbose; if it is a phone's page, report the error above"

// transferHint returns the hint for a kind of failure with a transfer form, where it is another one than that of the table.
func transferHint(kind fleet.Kind) string {
	switch kind { //nolint:exhaustive // the others have the same hint
	case fleet.KindNoForm:
		return "to instruct the phone without its page, omit --web; to send the image to its page instead, name no route but --web; otherwise " + compare
	case fleet.KindPageRefused:
		return "see the page's message above, and try again; to instruct the phone without its page, omit --web"
	}
	return ""
}

// WebTable returns a row for each kind of failure that only --web has.
func WebTable() []PhoneRow {
	return []PhoneRow{
		{fleet.KindPageUnreachable, exit.CodeUnreachable, 0, "a phone that restarts or installs does not answer: keep it on power and LAN, and try again in a few minutes; if it still cannot be reached, check the address and --web-port, that no firewall blocks it, and that the page is switched on in the phone's settings", ""},
		{fleet.KindPageBroken, exit.CodeUnreachable, 0, "try again; if nobody else uses the page and the error stays, give it more time with --timeout and --patience", ""},
		{fleet.KindPageTrust, exit.CodeSettings, 0, "compare the key with that of the phone: cpupdate help trust", ""},
		{fleet.KindPageTLS, exit.CodeSettings, 0, "if it is an old phone, use --legacy-tls; otherwise check --web-port: it must be the port for https", ""},
		{fleet.KindPageOdd, exit.CodeRejected, 0, compare, ""},
		{fleet.KindPageForeign, exit.CodeRejected, 0, "check with a browser where the page leads, and whether it is the phone's own; nothing was sent there", ""},
		{fleet.KindNoBanner, exit.CodeRejected, 0, "query the phone without --web, so that it calls back; if it is a phone's page, check with a browser what it shows without a login", ""},
		{fleet.KindNoLogin, exit.CodeRejected, 0, compare, ""},
		{fleet.KindPassword, exit.CodeSettings, 0, "check the administrator's password with a browser, once: after a few wrong passwords, a phone accepts none for a while", ""},
		{fleet.KindLocked, exit.CodeSettings, 0, "wait until the phone accepts passwords again, and find the right password before you try any phone", ""},
		{fleet.KindNewPassword, exit.CodeSettings, 0, "set the phone's new password with a browser, then try again with that password", ""},
		{fleet.KindNoForm, exit.CodeRejected, 0, "for an OpenStage phone, add --serve: its page takes no file, and has a transfer form only; otherwise " + compare, ""},
		{fleet.KindManyForms, exit.CodeRejected, 0, compare, ""},
		{fleet.KindTooLong, exit.CodeSettings, 0, "shorten the name of the file with --filename; without --serve, give phones a shorter address with --fetch-url, or a shorter login with --fetch-username and --fetch-password-file; with --serve, use --method ftp, or a shorter host in --advertise", ""},
		{fleet.KindFormLacks, exit.CodeRejected, 0, "choose what the form has: another --method, or an account, user or path less; otherwise " + compare, ""},
		{fleet.KindPageRefused, exit.CodeRejected, 0, "see the page's message above; most often the stated hardware level is wrong: find out the level of this phone by its part number, and correct --hw-level or the list", ""},
		{fleet.KindUploadCut, exit.CodeUnreachable, 0, "try again, and keep this machine awake and on the network; if the upload is too slow, raise --patience; with --limit-rate, all phones share that rate: raise it, or omit it; the phone discards an incomplete upload", ""},
		{fleet.KindStopped, exit.CodeStopped, 0, "find the right password first, then run the command for the phones that were left alone", ""},
	}
}

// pageHints returns the hints for a page whose certificate is not trusted.
func pageHints(name string, in Context, f *fleet.Failure) []string {
	if hints := knownhosts.CertificateHints(f); hints != nil {
		return hints
	}
	presented := trust.AsError(f)
	if in.Page == nil || presented == nil {
		return nil
	}
	return knownhosts.TrustHints(in.Page(name), presented)
}

// ofTooLong returns the clause of a hint that is about the value that is too long: the first one is about the name of the file.
func ofTooLong(hint string, f *fleet.Failure) string {
	name, rest, _ := strings.Cut(hint, "; ")
	if strings.Contains(f.Error(), `"Filename"`) {
		return name
	}
	return rest
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
