package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/fleet"
)

// A phoneRow says what a bad end with a phone means: the exit code, and what to do next.
type phoneRow struct {
	kind fleet.Kind
	code code
	told code // the code if the phone had been told where its new software lies; 0: the same
	hint string
	own  string // the hint if the phone had been told; "": the same
}

// A failureContext is what hints need to know of the command.
type failureContext struct {
	image string                      // as it was named, "" if there is none
	list  string                      // of phones
	page  func(address string) string // where the web page of a phone is; nil if the way is another
}

// phoneTable has a row for each kind, but for those of webTable.
func phoneTable() []phoneRow {
	return []phoneRow{
		{fleet.KindUnreachable, codeUnreachable, codeUnverified, "check its address, that it has power and LAN, and that nothing on the way blocks its contact port (8085 if none is named)", ""},
		{fleet.KindNoPhone, codeRejected, codeUnverified, "check the address; on a phone, that its provisioning service (DLS) is not switched off", ""},
		{fleet.KindNoCall, codeUnreachable, codeUnverified, "let the firewall of this machine take the phone's call (--listen names the port); in a container or behind NAT name this machine with --advertise; a phone that was contacted a short while ago stays silent for up to 5 minutes: try again then", ""},
		{fleet.KindTLS, codeSettings, codeUnverified, "if it is an old phone, --legacy-tls lets it call; if it is bound to a provisioning service in secure mode, only that service can update it", ""},
		{fleet.KindOther, codeSettings, codeUnverified, "correct the phone list: the column mac, or the address", "find out which phone has that address now, and look at the display of the one that was told"},
		{fleet.KindTwice, codeSettings, codeUnverified, "leave one of the two out of the list", ""},
		{fleet.KindGarbled, codeRejected, codeUnverified, "see whether it is a phone of this family; if it is, report this with the sentence above", ""},
		{fleet.KindBrokeOff, codeRejected, codeRejected, "its own words say why; look at its display, then try again", ""},
		{fleet.KindSource, codeSettings, 0, "give what phones are told in plain letters: --filename, --fetch-url, --fetch-username, --fetch-password-file", ""},
		{fleet.KindBusy, codeUnreachable, 0, "try again when nobody is on the phone, wait longer with --patience, or end calls with --priority immediate", ""},
		{fleet.KindNotTaken, codeRejected, 0, "look at the phone's display; its settings may forbid updates by a provisioning service", ""},
		{fleet.KindNeverFetch, codeUnreachable, 0, "see that the phone can reach the server that it was told, and that no firewall is in between; with --serve that is this machine (--advertise)", ""},
		{fleet.KindCut, codeUnreachable, 0, "the phone keeps its old software; try again, and keep this machine awake and on the network", ""},
		{fleet.KindSaysFailed, codeRejected, 0, "look at the phone's display, and at the log of the server that it fetches from", ""},
		{fleet.KindRejected, codeRejected, 0, "the phone's own check refused the image, most often for its hardware level: cpupdate check shows what is known of that", ""},
		{fleet.KindOldVersion, codeUnverified, 0, "look at the phone's display, and ask it again later: cpupdate phone PHONE", ""},
		{fleet.KindNeverBack, codeUnverified, 0, "look at the phone: do not cut its power while LEDs blink. It may have got another address: see the DHCP server; then ask it: cpupdate phone PHONE", ""},
		{fleet.KindNoAnswer, codeUnverified, 0, "ask it again in some minutes: cpupdate phone PHONE", ""},
		{fleet.KindUnproven, codeUnverified, 0, "with --serve it can be seen whether the phone fetches the whole image; its display says which version it runs", ""},
		{fleet.KindInterrupted, codeInterrupted, codeInterrupted, "ask it what it runs now: cpupdate phone PHONE", ""},
	}
}

// phoneFailure gives a bad end with a phone its exit code and the next step. The error begins with the phone's name.
func phoneFailure(name string, in failureContext, r fleet.Result) *failure {
	f := r.Failure
	if r.Verdict != nil && (f.Kind == fleet.KindRefused || f.Kind == fleet.KindUnknown) {
		own := (*failure)(nil)
		if errors.As(verdictError(displayName(in.image), *r.Verdict), &own) {
			return fail(own.code, fmt.Errorf("%s: %w", name, f), own.hints...)
		}
	}
	for _, row := range append(phoneTable(), webTable()...) {
		if row.kind != f.Kind {
			continue
		}
		c, hint := row.code, row.hint
		if f.Told {
			c, hint = cmp.Or(row.told, c), cmp.Or(row.own, hint)
		}
		hint = strings.ReplaceAll(hint, "PHONE", name)
		if f.Kind == fleet.KindRejected && r.Fetch.Requests == 0 && in.page == nil {
			hint += "; or it could not fetch it: see the server's log, --fetch-url and the login"
		}
		if hints := pageHints(name, in, f); hints != nil {
			return fail(c, fmt.Errorf("%s: %w", name, f), hints...)
		}
		return fail(c, fmt.Errorf("%s: %w", name, f), hint)
	}
	return fail(codeInternal, fmt.Errorf("%s: %w", name, f))
}

// runFailure is the error that ends a run, or nil.
func runFailure(plan fleet.Plan, in failureContext, results []fleet.Result) error {
	var bad []*failure
	var names []string
	interrupted, told := false, 0
	for i, r := range results {
		if r.Failure == nil {
			continue
		}
		bad = append(bad, phoneFailure(plan.Phones[i].Address, in, r))
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
		return failf(codeInterrupted, "ask them again: "+askAgain(plan, in, results), "interrupted: %d of %d phones did not answer", len(bad), len(results))
	case interrupted:
		return failf(codeInterrupted, "ask them what they run now: "+askAgain(plan, in, results), "interrupted: %d of %d phones %s not done; %s", len(bad), len(results), isAre(len(bad)), toldAlready(told))
	}
	ended := codePartial
	if stopped(results) {
		ended = codeStopped
	}
	return fail(ended, fmt.Errorf("%d of %d phones %s: %s", len(bad), len(results), badEnd(plan, len(bad)), shortList(names)), hintsOf(in, results, bad)...)
}

// askAgain is the command that asks the phones that did not end well.
func askAgain(plan fleet.Plan, in failureContext, results []fleet.Result) string {
	if in.list != "" {
		return "cpupdate phone --phones " + in.list
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
	return isAre(n) + " not updated"
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
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

// shortList names the first few.
func shortList(names []string) string {
	const most = 10
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(", and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

// hintsOf returns the next steps for several phones, one for each of the first few kinds of bad ends.
func hintsOf(in failureContext, results []fleet.Result, bad []*failure) []string {
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
		if slices.Contains(kinds, kind) || len(kinds) == most || len(f.hints) == 0 {
			continue
		}
		kinds = append(kinds, kind)
		hint := f.hints[0]
		if kind == fleet.KindRefused || kind == fleet.KindUnknown {
			hint = "see why with: cpupdate check IMAGE PHONE"
			if in.list != "" { // what it says of the phone decides
				hint += " --phones " + in.list
			} else {
				hint += ", and the flags that describe the phones"
			}
		}
		hints = append(hints, fmt.Sprintf("%s: %s", kind, hint))
	}
	return hints
}
