// Package advice maps each kind of failure of a phone, a web page or a server to an exit code and to the next steps.
package advice

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/record"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/verdict"
	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// A PhoneRow maps a kind of failure with a phone to the exit code and the hint.
type PhoneRow struct {
	Kind       fleet.Kind
	code       exit.Code
	instructed exit.Code // the code after the update command was sent; 0: the same
	Hint       string
	own        string // the hint after the update command was sent; "": the same
}

// A Context is what hints need to know of the command.
type Context struct {
	Image string                      // as it was named, "" if there is none
	List  string                      // of phones
	Page  func(address string) string // returns the address of a phone's web page; nil without --web
	Flags console.Flags               // of the command line
	Again string                      // the flags that a query of the same phones needs

	Columns hwcheck.Columns // of the list

	Transfer bool   // the phones' pages are given a transfer form
	Rollout  string // its name as a person types it, "" for another command
}

// PhoneTable returns a row for each kind except those of [WebTable].
func PhoneTable() []PhoneRow {
	return []PhoneRow{
		{fleet.KindUnreachable, exit.CodeUnreachable, exit.CodeUnverified, "a phone that restarts or installs does not answer: keep it on power and LAN, and try again in a few minutes; if it still cannot be reached, check its address, the network, and that no firewall blocks its contact port (8085 by default); with --skip-unreachable, cpupdate does not wait for it; to wait longer until it can be reached, use --patience, such as 20m", ""},
		{fleet.KindMachine, exit.CodeUnreachable, exit.CodeUnverified, "check this machine's network, and what it allows one program to open", ""},
		{fleet.KindNoPhone, exit.CodeRejected, exit.CodeUnverified, "check the address; if it is a phone, check that its provisioning service (DLS) is switched on", ""},
		{fleet.KindNoCall, exit.CodeUnreachable, exit.CodeUnverified, "open the port for the phone's call in this machine's firewall (set it with --listen); in a container or behind NAT, set this machine's address with --advertise; if the phone was contacted a short time ago, wait up to 5 minutes, then try again", ""},
		{fleet.KindNoReply, exit.CodeUnreachable, exit.CodeUnverified, "the phone can call this machine, and went silent then: keep it on power and LAN, and try again; if it takes longer to answer, raise --patience", ""},
		{fleet.KindTLS, exit.CodeSettings, exit.CodeUnverified, "if it is an old phone, use --legacy-tls; if it is bound to a provisioning service in secure mode, update it with that service", ""},
		{fleet.KindNotTrusted, exit.CodeSettings, exit.CodeUnverified, "without --service-cert, phones get a certificate that is made for the run, and a phone in secure mode does not trust it: use --service-cert and --service-key with a certificate that the phone's authority signed; with --service-cert, check that an authority which the phone trusts signed it, that the file also holds the authorities in between, that it has not expired, and that it names the address that phones call; if the phone is bound to another provisioning service, update it with that service", ""},
		{fleet.KindNoCertificate, exit.CodeSettings, exit.CodeUnverified, "check that the phone is in secure mode, with a certificate of its own: its provisioning service can give it one; for phones that are not in secure mode, omit --phone-ca", ""},
		{fleet.KindCertificate, exit.CodeSettings, exit.CodeUnverified, "check that --phone-ca names the authority that signed the phone's certificate, and the clock of this machine; if it has expired, or its signature is too weak, renew it with the phone's provisioning service; if its RSA key is too short, use --legacy-tls", ""},
		{fleet.KindOtherCertificate, exit.CodeSettings, exit.CodeUnverified, "find out which phone has this address now, and correct the address or the MAC address in the phone list; if the phone has another phone's certificate, renew it with its provisioning service", ""},
		{fleet.KindAnotherPhone, exit.CodeSettings, exit.CodeUnverified, "correct the column mac or address in the phone list", "find out which phone has that address now, and check the display of the phone that got the update command"},
		{fleet.KindDuplicate, exit.CodeSettings, exit.CodeUnverified, "remove one of the two from the list", ""},
		{fleet.KindGarbled, exit.CodeRejected, exit.CodeUnverified, "check that it is a phone of this family; if it is, report the error above", ""},
		{fleet.KindOtherwise, exit.CodeRejected, exit.CodeRejected, "it reaches this machine, so no firewall is the cause: check that it is a phone of this family; if it is, report the error above, with what it sent", ""},
		{fleet.KindBrokeOff, exit.CodeRejected, exit.CodeRejected, "see the phone's message above and its display, then try again", ""},
		{fleet.KindSource, exit.CodeSettings, 0, "use plain letters and digits in --filename, --fetch-url, --fetch-username and the password of --fetch-password-file", ""},
		{fleet.KindBusy, exit.CodeUnreachable, 0, "try again when the phone is not in a call, or wait longer with --patience; to end calls, use --priority immediate", ""},
		{fleet.KindNotTaken, exit.CodeRejected, 0, "check the phone's display; its settings may forbid updates by a provisioning service", ""},
		{fleet.KindNeverFetch, exit.CodeUnreachable, 0, "check that the phone can reach the server of the image, and that no firewall blocks it; with --serve, that server is this machine: see --advertise and --listen", ""},
		{fleet.KindCut, exit.CodeUnreachable, 0, "try again, and keep this machine awake and on the network; the phone keeps its old software", ""},
		{fleet.KindImage, exit.CodeImage, 0, "wait until the program that writes the file has finished, check the image, then try again", "wait until the program that writes the file has finished, check the image, then try again; to see what the phone runs: cpupdate phone PHONE"},
		{fleet.KindSaysFailed, exit.CodeRejected, 0, "check the phone's display; with --phone-defaults, check the defaults on the phone's page: they must lead to the folder of the file; without --serve, check also the log of the server that it fetches from", ""},
		{fleet.KindRejected, exit.CodeRejected, 0, "see the phone's display for the reason; most often the stated hardware level is wrong: find out the level of this phone by its part number, and correct --hw-level or the list", ""},
		{fleet.KindOldVersion, exit.CodeUnverified, 0, "check the phone's display, and query it again later: cpupdate phone PHONE", ""},
		{fleet.KindNeverBack, exit.CodeUnverified, 0, "check the phone, and do not cut its power while LEDs blink; it may have a new address (see the DHCP server); then query it: cpupdate phone PHONE", ""},
		{fleet.KindNoAnswer, exit.CodeUnverified, 0, "query it again in a few minutes: cpupdate phone PHONE", ""},
		{fleet.KindUnproven, exit.CodeUnverified, 0, "check on the phone's display which version it runs; use --serve to see whether the phone fetches the whole image", ""},
		{fleet.KindNotBegun, exit.CodeStopped, 0, "see the reason above, then go on", ""},
		{fleet.KindNotRecorded, exit.CodeSettings, 0, "make room on the disk of the journal, or name a file on another one with --journal", ""},
		{fleet.KindTaken, exit.CodeUnreachable, 0, "wait until the other run has finished, then see how it ended: cpupdate history PHONE", ""},
		{fleet.KindInterrupted, exit.CodeInterrupted, exit.CodeInterrupted, "query which version it runs now: cpupdate phone PHONE", ""},
	}
}

// PhoneFailure returns the failure for a phone, with exit code and hint. The error begins with the phone's name.
func PhoneFailure(name string, in Context, r fleet.Result) *exit.Error {
	f := r.Failure
	if r.Verdict != nil && (f.Kind == fleet.KindRefused || f.Kind == fleet.KindUnknown) {
		own := (*exit.Error)(nil)
		if errors.As(verdict.Error(images.DisplayName(in.Image), *r.Verdict), &own) {
			return exit.New(own.Code, fmt.Errorf("%s: %w", name, f), own.Hints...)
		}
	}
	for _, row := range append(PhoneTable(), WebTable()...) {
		if row.Kind != f.Kind {
			continue
		}
		c := row.code
		if f.Instructed {
			c = cmp.Or(row.instructed, c)
		}
		hint := row.hintFor(name, in, r)
		if hints := pageHints(name, in, f); hints != nil {
			return exit.New(c, fmt.Errorf("%s: %w", name, f), hints...)
		}
		return withMachineHint(exit.New(c, fmt.Errorf("%s: %w", name, f), hint))
	}
	return exit.New(exit.CodeInternal, fmt.Errorf("%s: %w", name, f))
}

// neighbourKind returns the kind of failure that calls from the address of a phone end with, where several phones have the address
// and nobody knows whose calls they were; otherwise "".
func neighbourKind(f *fleet.Failure) fleet.Kind {
	switch {
	case f.Kind != fleet.KindNoCall:
	case errors.As(f.Err, new(*serve.AlertError)):
		return fleet.KindNotTrusted
	case errors.As(f.Err, new(*serve.CertificateError)):
		return fleet.KindCertificate
	case errors.Is(f.Err, serve.ErrNoCertificate):
		return fleet.KindNoCertificate
	case errors.As(f.Err, new(*serve.HandshakeError)):
		return fleet.KindTLS
	}
	return ""
}

// hintFor returns the hint for how it ended with a phone.
func (row PhoneRow) hintFor(name string, in Context, r fleet.Result) string {
	f, hint := r.Failure, row.Hint
	if f.Instructed {
		hint = cmp.Or(row.own, hint)
	}
	if in.Transfer {
		hint = cmp.Or(transferHint(f.Kind), hint)
	}
	if in.Rollout != "" {
		hint = ofRollout(hint)
	}
	hint = strings.ReplaceAll(hint, "cpupdate phone PHONE", "cpupdate phone PHONE"+in.Again)
	hint = strings.ReplaceAll(hint, "PHONE", name)
	if kind := neighbourKind(f); kind != "" {
		table := PhoneTable()
		at := slices.IndexFunc(table, func(other PhoneRow) bool { return other.Kind == kind })
		return "calls from its address reach this machine, so no firewall is the cause; " + table[at].Hint
	}
	switch {
	case f.Kind == fleet.KindNotRecorded:
		if own := (*exit.Error)(nil); errors.As(record.Error(f.Err), &own) && len(own.Hints) > 0 {
			return own.Hints[0]
		}
	case r.Later && (f.Kind == fleet.KindUnproven || f.Kind == fleet.KindNoAnswer):
		again := "push again"
		if in.Rollout != "" {
			again = "use cpupdate rollout retry " + in.Rollout
		}
		return "check on the phone's display which version it runs, and that it installs nothing; to instruct it again, " + again
	case f.Kind == fleet.KindTooLong:
		return ofTooLong(hint, f)
	case f.Kind == fleet.KindRejected && r.Fetch.Requests == 0 && in.Transfer:
		return hint + "; if the phone could not fetch it, check the server's log; without --phone-defaults, check --fetch-url and the login; with --phone-defaults, check the defaults on the phone's page"
	case f.Kind == fleet.KindRejected && r.Fetch.Requests == 0 && in.Page == nil:
		return hint + "; if the phone could not fetch it, check the server's log, --fetch-url and the login"
	case f.Kind == fleet.KindNeverFetch && f.Err != nil:
		return "it reaches this machine, so no firewall is the cause: see the reason above, and try again; the command that it follows may be one of an earlier run"
	}
	return hint
}

// RunFailure returns the error that ends a run, or nil.
func RunFailure(plan fleet.Plan, in Context, results []fleet.Result) error {
	var bad []*exit.Error
	var names []string
	interrupted, instructed, cut := false, 0, 0
	var image error // why the image could not be sent any more
	for i, r := range results {
		if r.Failure == nil {
			continue
		}
		bad = append(bad, PhoneFailure(plan.Phones[i].Address, in, r))
		if label := plan.Phones[i].Label(); len(results) == 1 && label != plan.Phones[i].Address {
			bad[0].Err = fmt.Errorf("%s: %w", label, r.Failure)
		}
		names = append(names, nameAndWord(plan.Phones[i], r.Failure.Kind))
		if r.Failure.Kind == fleet.KindImage {
			image = cmp.Or(image, r.Failure.Err)
		}
		if r.Failure.Kind == fleet.KindInterrupted {
			interrupted = true
			switch {
			case r.Instructed && r.Failure.Keeps:
				cut++
			case r.Instructed:
				instructed++
			}
		}
	}
	switch {
	case len(bad) == 0:
		return nil
	case len(results) == 1:
		return bad[0]
	case image != nil:
		return imageFailure(plan, in, results, image)
	case interrupted && plan.Image == nil:
		return exit.Errorf(exit.CodeInterrupted, "query them again: "+queryAgain(plan, in, results), "interrupted: %d of %d phones did not answer", len(bad), len(results))
	case interrupted:
		return exit.Errorf(exit.CodeInterrupted, "query which version they run now: "+queryAgain(plan, in, results), "interrupted: %d of %d phones %s not done; %s", len(bad), len(results), console.IsAre(len(bad)), InstructedText(in, instructed, cut))
	}
	ended := exit.CodePartial
	if stopped(results) {
		ended = exit.CodeStopped
	}
	if slices.ContainsFunc(results, func(r fleet.Result) bool { return r.Failure != nil && r.Failure.Kind == fleet.KindNotRecorded }) {
		ended = exit.CodeSettings
	}
	return exit.New(ended, fmt.Errorf("%d of %d phones %s: %s%s", len(bad), len(results), badEnd(plan, len(bad)), machineText(results), ShortList(names)), hintsOf(plan, in, results, bad)...)
}

// Word returns what a person reads for a kind of failure, in the phone's line, in the summary and in the error of a run: as
// the kind is called in JSON, except for some.
func Word(kind fleet.Kind) string {
	switch kind {
	case fleet.KindRefused:
		return "incompatible"
	case fleet.KindImage:
		return "image error"
	case fleet.KindStopped:
		return "left alone"
	}
	return string(kind)
}

// nameAndWord returns "192.0.2.1 (busy)", or with a note "192.0.2.1 (reception, busy)".
func nameAndWord(t fleet.Target, kind fleet.Kind) string {
	if label := t.Label(); label != t.Address {
		return fmt.Sprintf("%s, %s)", strings.TrimSuffix(label, ")"), Word(kind))
	}
	return fmt.Sprintf("%s (%s)", t.Address, Word(kind))
}

// list returns the flags that name the list of phones.
func (in Context) list() string {
	text := " --phones " + exit.Word(in.List)
	if len(in.Columns) > 0 {
		text += " --columns " + exit.Word(in.Columns.String())
	}
	return text
}

// queryAgain returns the command that queries the failed phones.
func queryAgain(plan fleet.Plan, in Context, results []fleet.Result) string {
	if in.List != "" {
		return "cpupdate phone" + in.list() + in.Again
	}
	text := "cpupdate phone"
	for i, r := range results {
		if r.Failure != nil {
			text += " " + plan.Phones[i].Address
		}
	}
	return text + in.Again
}

// badEnd returns what n failed phones have in common.
func badEnd(plan fleet.Plan, n int) string {
	switch {
	case plan.Image == nil:
		return "could not be queried"
	case plan.Image.OnlyChecks():
		return "would not be updated"
	}
	return console.IsAre(n) + " not updated"
}

// InstructedText says how many phones got the update command and can no longer be stopped, and how many got it and can no
// longer get the image.
func InstructedText(in Context, n, cut int) string {
	command := "update command"
	if in.Transfer {
		command = "transfer form"
	}
	var parts []string
	if n > 0 {
		parts = append(parts, fmt.Sprintf("%d %s the %s already and may still update", n, hasHave(n), command))
	}
	if cut > 0 {
		parts = append(parts, fmt.Sprintf("%d %s the %s, but not the whole image, and will keep the old software", cut, hasHave(cut), command))
	}
	if len(parts) == 0 {
		if in.Transfer {
			return "no transfer form was submitted"
		}
		return "no update command was sent"
	}
	return strings.Join(parts, "; ")
}

func hasHave(n int) string {
	if n == 1 {
		return "has"
	}
	return "have"
}

// ShortList joins the first ten names and counts the others.
func ShortList(names []string) string {
	const most = 10
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(", and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

// hintsOf returns the hints for several phones: one for each kind of failure, and one for each key that is not trusted.
func hintsOf(plan fleet.Plan, in Context, results []fleet.Result, bad []*exit.Error) []string {
	var hints, keys []string
	var kinds []fleet.Kind
	for i, r := range results {
		if r.Failure == nil {
			continue
		}
		f := bad[0]
		bad = bad[1:]
		kind := r.Failure.Kind
		fit := in.Flags.Fit(f.Hints)
		if len(fit) > 0 && in.Page != nil && trust.AsError(r.Failure) != nil { // each page presented a key of its own
			keys = append(keys, plan.Phones[i].Label()+": "+fit[0])
			continue
		}
		if slices.Contains(kinds, kind) || len(fit) == 0 {
			continue
		}
		kinds = append(kinds, kind)
		hint := fit[0]
		if kind == fleet.KindRefused || kind == fleet.KindUnknown {
			hint = fmt.Sprintf("see why with: cpupdate check %s %s", exit.Word(in.Image), exit.Word(plan.Phones[i].Address))
			if in.List != "" { // the list describes the phones
				hint += in.list()
			}
			hint += in.Again
			if in.List == "" {
				hint += ", and the flags that describe the phones"
			}
		}
		hints = append(hints, fmt.Sprintf("%s: %s", Word(kind), hint))
	}
	return append(hints, keyHints(keys)...)
}

// keyHints returns the hints for the pages whose keys are not trusted, of the first ten phones.
func keyHints(keys []string) []string {
	const most = 10
	var hints []string
	for _, key := range keys[:min(len(keys), most)] {
		hints = append(hints, fmt.Sprintf("%s: %s", fleet.KindPageTrust, key))
	}
	if more := len(keys) - most; more > 0 {
		hints = append(hints, fmt.Sprintf("%s: for the keys of %s, run the command for these alone", fleet.KindPageTrust, display.Plural(more, "more phone")))
	}
	return hints
}

// RunHints returns the hints for phones that failed: one for each kind of failure, and one for each key that is not trusted.
func RunHints(phones []fleet.Target, in Context, results []fleet.Result) []string {
	var bad []*exit.Error
	for i, r := range results {
		bad = append(bad, PhoneFailure(phones[i].Address, in, r))
	}
	return hintsOf(fleet.Plan{Phones: phones}, in, results, bad)
}

// HintOf returns the next step for a kind of failure of a phone of a rollout, with PHONE for its address; "" if there is none.
func HintOf(kind fleet.Kind) string {
	for _, row := range append(PhoneTable(), WebTable()...) {
		if row.Kind == kind {
			return ofRollout(row.Hint)
		}
	}
	return ""
}

// ofRollout changes a hint for a run that takes the list from its plan and has no flag for a hardware level.
func ofRollout(hint string) string {
	return strings.Replace(hint, "correct --hw-level or the list", "correct the list; then make a new plan with it", 1)
}

// CodeOf returns the exit code of a kind of failure of a phone. instructed says that the phone got the update command.
func CodeOf(kind fleet.Kind, instructed bool) exit.Code {
	switch kind {
	case fleet.KindRefused:
		return exit.CodeRefused
	case fleet.KindUnknown:
		return exit.CodeUnknown
	}
	for _, row := range append(PhoneTable(), WebTable()...) {
		if row.Kind == kind && instructed {
			return cmp.Or(row.instructed, row.code)
		}
		if row.Kind == kind {
			return row.code
		}
	}
	return exit.CodeInternal
}
