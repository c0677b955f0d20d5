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
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/verdict"
	"github.com/cpupdate/cpupdate/pkg/fleet"
)

// A PhoneRow says what a bad end with a phone means: the exit code, and what to do next.
type PhoneRow struct {
	Kind fleet.Kind
	code exit.Code
	told exit.Code // the code if the phone had been told where its new software lies; 0: the same
	Hint string
	own  string // the hint if the phone had been told; "": the same
}

// A Context is what hints need to know of the command.
type Context struct {
	Image string                      // as it was named, "" if there is none
	List  string                      // of phones
	Page  func(address string) string // where the web page of a phone is; nil if the way is another
}

// PhoneTable has a row for each kind, but for those of [WebTable].
func PhoneTable() []PhoneRow {
	return []PhoneRow{
		{fleet.KindUnreachable, exit.CodeUnreachable, exit.CodeUnverified, "check its address, that it has power and LAN, and that nothing on the way blocks its contact port (8085 if none is named)", ""},
		{fleet.KindNoPhone, exit.CodeRejected, exit.CodeUnverified, "check the address; on a phone, that its provisioning service (DLS) is not switched off", ""},
		{fleet.KindNoCall, exit.CodeUnreachable, exit.CodeUnverified, "let the firewall of this machine take the phone's call (--listen names the port); in a container or behind NAT name this machine with --advertise; a phone that was contacted a short while ago stays silent for up to 5 minutes: try again then", ""},
		{fleet.KindTLS, exit.CodeSettings, exit.CodeUnverified, "if it is an old phone, --legacy-tls lets it call; if it is bound to a provisioning service in secure mode, only that service can update it", ""},
		{fleet.KindOther, exit.CodeSettings, exit.CodeUnverified, "correct the phone list: the column mac, or the address", "find out which phone has that address now, and look at the display of the one that was told"},
		{fleet.KindTwice, exit.CodeSettings, exit.CodeUnverified, "leave one of the two out of the list", ""},
		{fleet.KindGarbled, exit.CodeRejected, exit.CodeUnverified, "see whether it is a phone of this family; if it is, report this with the sentence above", ""},
		{fleet.KindBrokeOff, exit.CodeRejected, exit.CodeRejected, "its own words say why; look at its display, then try again", ""},
		{fleet.KindSource, exit.CodeSettings, 0, "give what phones are told in plain letters: --filename, --fetch-url, --fetch-username, --fetch-password-file", ""},
		{fleet.KindBusy, exit.CodeUnreachable, 0, "try again when nobody is on the phone, wait longer with --patience, or end calls with --priority immediate", ""},
		{fleet.KindNotTaken, exit.CodeRejected, 0, "look at the phone's display; its settings may forbid updates by a provisioning service", ""},
		{fleet.KindNeverFetch, exit.CodeUnreachable, 0, "see that the phone can reach the server that it was told, and that no firewall is in between; with --serve that is this machine (--advertise)", ""},
		{fleet.KindCut, exit.CodeUnreachable, 0, "the phone keeps its old software; try again, and keep this machine awake and on the network", ""},
		{fleet.KindSaysFailed, exit.CodeRejected, 0, "look at the phone's display, and at the log of the server that it fetches from", ""},
		{fleet.KindRejected, exit.CodeRejected, 0, "the phone's own check refused the image, most often for its hardware level: cpupdate check shows what is known of that", ""},
		{fleet.KindOldVersion, exit.CodeUnverified, 0, "look at the phone's display, and ask it again later: cpupdate phone PHONE", ""},
		{fleet.KindNeverBack, exit.CodeUnverified, 0, "look at the phone: do not cut its power while LEDs blink. It may have got another address: see the DHCP server; then ask it: cpupdate phone PHONE", ""},
		{fleet.KindNoAnswer, exit.CodeUnverified, 0, "ask it again in some minutes: cpupdate phone PHONE", ""},
		{fleet.KindUnproven, exit.CodeUnverified, 0, "with --serve it can be seen whether the phone fetches the whole image; its display says which version it runs", ""},
		{fleet.KindInterrupted, exit.CodeInterrupted, exit.CodeInterrupted, "ask it what it runs now: cpupdate phone PHONE", ""},
	}
}

// PhoneFailure gives a bad end with a phone its exit code and the next step. The error begins with the phone's name.
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
		c, hint := row.code, row.Hint
		if f.Told {
			c, hint = cmp.Or(row.told, c), cmp.Or(row.own, hint)
		}
		hint = strings.ReplaceAll(hint, "PHONE", name)
		if f.Kind == fleet.KindRejected && r.Fetch.Requests == 0 && in.Page == nil {
			hint += "; or it could not fetch it: see the server's log, --fetch-url and the login"
		}
		if hints := pageHints(name, in, f); hints != nil {
			return exit.New(c, fmt.Errorf("%s: %w", name, f), hints...)
		}
		return exit.New(c, fmt.Errorf("%s: %w", name, f), hint)
	}
	return exit.New(exit.CodeInternal, fmt.Errorf("%s: %w", name, f))
}

// RunFailure is the error that ends a run, or nil.
func RunFailure(plan fleet.Plan, in Context, results []fleet.Result) error {
	var bad []*exit.Error
	var names []string
	interrupted, told := false, 0
	for i, r := range results {
		if r.Failure == nil {
			continue
		}
		bad = append(bad, PhoneFailure(plan.Phones[i].Address, in, r))
		names = append(names, fmt.Sprintf("%s (%s)", plan.Phones[i].Address, r.Failure.Kind))
		if r.Failure.Kind == fleet.KindInterrupted {
			interrupted = true
			if r.Told {
				told++
			}
		}
	}
	switch {
	case len(bad) == 0:
		return nil
	case len(results) == 1:
		return bad[0]
	case interrupted && plan.Image == nil:
		return exit.Errorf(exit.CodeInterrupted, "ask them again: "+askAgain(plan, in, results), "interrupted: %d of %d phones did not answer", len(bad), len(results))
	case interrupted:
		return exit.Errorf(exit.CodeInterrupted, "ask them what they run now: "+askAgain(plan, in, results), "interrupted: %d of %d phones %s not done; %s", len(bad), len(results), console.IsAre(len(bad)), toldAlready(told))
	}
	ended := exit.CodePartial
	if stopped(results) {
		ended = exit.CodeStopped
	}
	return exit.New(ended, fmt.Errorf("%d of %d phones %s: %s", len(bad), len(results), badEnd(plan, len(bad)), ShortList(names)), hintsOf(in, results, bad)...)
}

// askAgain is the command that asks the phones that did not end well.
func askAgain(plan fleet.Plan, in Context, results []fleet.Result) string {
	if in.List != "" {
		return "cpupdate phone --phones " + in.List
	}
	text := "cpupdate phone"
	for i, r := range results {
		if r.Failure != nil {
			text += " " + plan.Phones[i].Address
		}
	}
	return text
}

// badEnd is what the n phones have in common that did not end well.
func badEnd(plan fleet.Plan, n int) string {
	switch {
	case plan.Image == nil:
		return "did not say what they are"
	case plan.Image.Source == nil && (plan.Image.Web == nil || plan.Image.Web.DryRun):
		return "would not be updated"
	}
	return console.IsAre(n) + " not updated"
}

// toldAlready says how many phones only they themselves can stop.
func toldAlready(n int) string {
	switch n {
	case 0:
		return "none of them was told anything"
	case 1:
		return "1 was told already, and may go on by itself"
	}
	return fmt.Sprintf("%d were told already, and may go on by themselves", n)
}

// ShortList names the first few.
func ShortList(names []string) string {
	const most = 10
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(", and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

// hintsOf returns the next steps for several phones, one for each of the first few kinds of bad ends.
func hintsOf(in Context, results []fleet.Result, bad []*exit.Error) []string {
	const most = 5
	var hints []string
	var kinds []fleet.Kind
	for _, r := range results {
		if r.Failure == nil {
			continue
		}
		f := bad[0]
		bad = bad[1:]
		kind := r.Failure.Kind
		if slices.Contains(kinds, kind) || len(kinds) == most || len(f.Hints) == 0 {
			continue
		}
		kinds = append(kinds, kind)
		hint := f.Hints[0]
		if kind == fleet.KindRefused || kind == fleet.KindUnknown {
			hint = "see why with: cpupdate check IMAGE PHONE"
			if in.List != "" { // what it says of the phone decides
				hint += " --phones " + in.List
			} else {
				hint += ", and the flags that describe the phones"
			}
		}
		hints = append(hints, fmt.Sprintf("%s: %s", kind, hint))
	}
	return hints
}
