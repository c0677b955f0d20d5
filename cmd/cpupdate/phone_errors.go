package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/fleet"
)

// A phoneRow maps a kind of failure with a phone to the exit code and the hint.
type phoneRow struct {
	kind fleet.Kind
	code code
	told code // the code after the update command was sent; 0: the same
	hint string
	own  string // the hint after the update command was sent; "": the same
}

// A failureContext is what hints need to know of the command.
type failureContext struct {
	image string                      // as it was named, "" if there is none
	list  string                      // of phones
	page  func(address string) string // returns the address of a phone's web page; nil without --web
}

// phoneTable returns a row for each kind except those of webTable.
func phoneTable() []phoneRow {
	return []phoneRow{
		{fleet.KindUnreachable, codeUnreachable, codeUnverified, "check the phone's address, power and LAN, and that no firewall blocks its contact port (8085 by default)", ""},
		{fleet.KindNoPhone, codeRejected, codeUnverified, "check the address; if it is a phone, check that its provisioning service (DLS) is switched on", ""},
		{fleet.KindNoCall, codeUnreachable, codeUnverified, "open the port for the phone's call in this machine's firewall (set it with --listen); in a container or behind NAT, set this machine's address with --advertise; if the phone was contacted a short time ago, wait up to 5 minutes, then try again", ""},
		{fleet.KindTLS, codeSettings, codeUnverified, "if it is an old phone, use --legacy-tls; if it is bound to a provisioning service in secure mode, update it with that service", ""},
		{fleet.KindOther, codeSettings, codeUnverified, "correct the column mac or address in the phone list", "find out which phone has that address now, and check the display of the phone that got the update command"},
		{fleet.KindTwice, codeSettings, codeUnverified, "remove one of the two from the list", ""},
		{fleet.KindGarbled, codeRejected, codeUnverified, "check that it is a phone of this family; if it is, report the error above", ""},
		{fleet.KindBrokeOff, codeRejected, codeRejected, "see the phone's message above and its display, then try again", ""},
		{fleet.KindSource, codeSettings, 0, "use plain letters and digits in --filename, --fetch-url, --fetch-username and the password of --fetch-password-file", ""},
		{fleet.KindBusy, codeUnreachable, 0, "try again when the phone is not in a call, wait longer with --patience, or end calls with --priority immediate", ""},
		{fleet.KindNotTaken, codeRejected, 0, "check the phone's display; its settings may forbid updates by a provisioning service", ""},
		{fleet.KindNeverFetch, codeUnreachable, 0, "check that the phone can reach the server of the image, and that no firewall blocks it; with --serve, that is this machine (--advertise)", ""},
		{fleet.KindCut, codeUnreachable, 0, "try again, and keep this machine awake and on the network; the phone keeps its old software", ""},
		{fleet.KindSaysFailed, codeRejected, 0, "check the phone's display, and the log of the server that it fetches from", ""},
		{fleet.KindRejected, codeRejected, 0, "compare the hardware levels with cpupdate check: the phone rejected the image itself, most often for its hardware level", ""},
		{fleet.KindOldVersion, codeUnverified, 0, "check the phone's display, and query it again later: cpupdate phone PHONE", ""},
		{fleet.KindNeverBack, codeUnverified, 0, "check the phone, and do not cut its power while LEDs blink; it may have a new address (see the DHCP server); then query it: cpupdate phone PHONE", ""},
		{fleet.KindNoAnswer, codeUnverified, 0, "query it again in a few minutes: cpupdate phone PHONE", ""},
		{fleet.KindUnproven, codeUnverified, 0, "check on the phone's display which version it runs; use --serve to see whether the phone fetches the whole image", ""},
		{fleet.KindInterrupted, codeInterrupted, codeInterrupted, "query which version it runs now: cpupdate phone PHONE", ""},
	}
}

// phoneFailure returns the failure for a phone, with exit code and hint. The error begins with the phone's name.
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
			hint += "; if the phone could not fetch it, check the server's log, --fetch-url and the login"
		}
		if hints := pageHints(name, in, f); hints != nil {
			return fail(c, fmt.Errorf("%s: %w", name, f), hints...)
		}
		return fail(c, fmt.Errorf("%s: %w", name, f), hint)
	}
	return fail(codeInternal, fmt.Errorf("%s: %w", name, f))
}

// runFailure returns the error that ends a run, or nil.
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
		return failf(codeInterrupted, "query them again: "+askAgain(plan, in, results), "interrupted: %d of %d phones did not answer", len(bad), len(results))
	case interrupted:
		return failf(codeInterrupted, "query which version they run now: "+askAgain(plan, in, results), "interrupted: %d of %d phones %s not done; %s", len(bad), len(results), isAre(len(bad)), toldAlready(told))
	}
	ended := codePartial
	if stopped(results) {
		ended = codeStopped
	}
	return fail(ended, fmt.Errorf("%d of %d phones %s: %s", len(bad), len(results), badEnd(plan, len(bad)), shortList(names)), hintsOf(in, results, bad)...)
}

// askAgain returns the command that queries the failed phones.
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

// badEnd returns what n failed phones have in common.
func badEnd(plan fleet.Plan, n int) string {
	switch {
	case plan.Image == nil:
		return "could not be queried"
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

// toldAlready says how many phones got the update command and can no longer be stopped.
func toldAlready(n int) string {
	switch n {
	case 0:
		return "no update command was sent"
	case 1:
		return "1 has the update command already and may still update"
	}
	return fmt.Sprintf("%d have the update command already and may still update", n)
}

// shortList joins the first ten names and counts the others.
func shortList(names []string) string {
	const most = 10
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(", and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

// hintsOf returns the hints for several phones, one for each of the first few kinds of failure.
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
			if in.list != "" { // the list describes the phones
				hint += " --phones " + in.list
			} else {
				hint += ", and the flags that describe the phones"
			}
		}
		hints = append(hints, fmt.Sprintf("%s: %s", kind, hint))
	}
	return hints
}
