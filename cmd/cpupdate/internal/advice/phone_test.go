package advice

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/knownhosts"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
	"github.com/cpupdate/cpupdate/pkg/trust"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

func TestRunFailure(t *testing.T) {
	phones := []fleet.Target{{Address: "a"}, {Address: "b"}, {Address: "c"}}
	image := &fleet.Image{Source: fleet.Elsewhere(wpi.Deployment{})}
	stopped := func(instructed bool) fleet.Result {
		return fleet.Result{Instructed: instructed, Failure: &fleet.Failure{Kind: fleet.KindInterrupted, Instructed: instructed}}
	}
	refused := fleet.Result{Failure: &fleet.Failure{Kind: fleet.KindRefused}, Verdict: &hwcheck.Verdict{Answer: hwcheck.CannotTell, Findings: []hwcheck.Finding{{Rule: "x", Outcome: hwcheck.Unknown}}}}
	for _, test := range []struct {
		image   *fleet.Image
		in      Context
		results []fleet.Result
		want    string
		hint    string
	}{
		{image, Context{Image: "i", List: "site.csv"}, []fleet.Result{{}, {}, refused}, "1 of 3 phones is not updated: c (incompatible)", "incompatible: see why with: cpupdate check i c --phones site.csv"},
		{image, Context{Image: "i"}, []fleet.Result{{}, refused, refused}, "2 of 3 phones are not updated: b (incompatible), c (incompatible)", "the flags that describe the phones"},
		{image, Context{}, []fleet.Result{{}, {}, stopped(true)}, "interrupted: 1 of 3 phones is not done; 1 has the update command already and may still update", "cpupdate phone c"},
		{image, Context{}, []fleet.Result{{}, stopped(false), stopped(false)}, "interrupted: 2 of 3 phones are not done; no update command was sent", "cpupdate phone b c"},
		{image, Context{}, []fleet.Result{stopped(true), stopped(false), stopped(true)}, "interrupted: 3 of 3 phones are not done; 2 have the update command already and may still update", "cpupdate phone a b c"},
		{nil, Context{List: "site.csv"}, []fleet.Result{{}, stopped(false), stopped(false)}, "interrupted: 2 of 3 phones did not answer", "cpupdate phone --phones site.csv"},
		{nil, Context{List: "site.csv", Again: " --phone-ca x"}, []fleet.Result{{}, stopped(false), stopped(false)}, "interrupted: 2 of 3 phones did not answer", "cpupdate phone --phones site.csv --phone-ca x"},
		{image, Context{Again: " --phone-ca x"}, []fleet.Result{{}, stopped(false), stopped(false)}, "interrupted: 2 of 3 phones are not done; no update command was sent", "cpupdate phone b c --phone-ca x"},
		{image, Context{Image: "i", Again: " --phone-ca x"}, []fleet.Result{{}, refused, refused}, "2 of 3 phones are not updated: b (incompatible), c (incompatible)", "cpupdate check i b --phone-ca x, and the flags that describe"},
	} {
		own := (*exit.Error)(nil)
		if err := RunFailure(fleet.Plan{Phones: phones, Image: test.image}, test.in, test.results); !errors.As(err, &own) || own.Error() != test.want || !strings.Contains(strings.Join(own.Hints, "\n"), test.hint) {
			t.Errorf("%v\nwant %s, hints %q", err, test.want, own.Hints)
		}
	}
}

// TestHintsAreCommands: what somebody is told to type names the phone, and the flags without which it cannot be queried.
func TestHintsAreCommands(t *testing.T) {
	for _, kind := range []fleet.Kind{fleet.KindOldVersion, fleet.KindNeverBack, fleet.KindNoAnswer, fleet.KindInterrupted} {
		for _, again := range []string{"", " --phone-ca ca.pem"} {
			f := PhoneFailure("192.0.2.50", Context{Again: again}, fleet.Result{Failure: &fleet.Failure{Kind: kind}})
			if hint := strings.Join(f.Hints, " "); !strings.HasSuffix(hint, "cpupdate phone 192.0.2.50"+again) {
				t.Errorf("%s: %q", kind, hint)
			}
		}
	}
}

// TestNeighbourHint: calls that failed from an address that several phones have rule the firewall out.
func TestNeighbourHint(t *testing.T) {
	for _, test := range []struct {
		err  error
		hint string
	}{
		{&serve.HandshakeError{Err: &serve.AlertError{Alert: 48}}, "without --service-cert, phones get"},
		{&serve.HandshakeError{Err: &serve.CertificateError{Err: errors.New("x")}}, "check that --phone-ca names"},
		{serve.ErrNoCertificate, "omit --phone-ca"},
		{&serve.HandshakeError{Err: errors.New("x")}, "use --legacy-tls"},
	} {
		f := PhoneFailure("192.0.2.50", Context{}, fleet.Result{Failure: &fleet.Failure{Kind: fleet.KindNoCall, Err: fmt.Errorf("calls failed: %w", test.err)}})
		if hint := strings.Join(f.Hints, " "); f.Code != exit.CodeUnreachable || !strings.HasPrefix(hint, "calls from its address reach") || !strings.Contains(hint, test.hint) || strings.Contains(hint, "open the port") {
			t.Errorf("%v: %d, %q", test.err, f.Code, hint)
		}
	}
}

// TestRoomHint: a phone whose call this machine had no room for is not asked to change anything.
func TestRoomHint(t *testing.T) {
	f := PhoneFailure("192.0.2.50", Context{}, fleet.Result{Failure: &fleet.Failure{Kind: fleet.KindMachine, Msg: "it called back, but was told to call later", Err: noRoomError{}}})
	if hint := strings.Join(f.Hints, " "); f.Code != exit.CodeUnreachable || hint != "try again; if many phones call at a time, lower --parallel" {
		t.Errorf("%d, %q", f.Code, hint)
	}
}

type noRoomError struct{}

func (noRoomError) Error() string { return "this machine has no room for a phone's message" }
func (noRoomError) Lacks() string { return "room" }

// tables are all rows about phones.
func tables() []PhoneRow { return slices.Concat(PhoneTable(), WebTable()) }

// TestNotRecordedHint checks that the hint is about what the journal lacks.
func TestNotRecordedHint(t *testing.T) {
	for want, cause := range map[string]error{
		"ulimit -n 4096":                       &journal.Error{Place: "journal.db", Kind: journal.ErrFiles, Text: "cannot be opened"},
		"make room on that disk":               &journal.Error{Place: "journal.db", Kind: journal.ErrFull, Text: "cannot be extended"},
		"make room on the disk of the journal": errors.New("lost"),
	} {
		f := PhoneFailure("192.0.2.1", Context{}, fleet.Result{Failure: &fleet.Failure{Kind: fleet.KindNotRecorded, Msg: "left alone", Err: cause}})
		if f.Code != exit.CodeSettings || len(f.Hints) != 1 || !strings.Contains(f.Hints[0], want) {
			t.Errorf("%v: %v, %q, want %q", cause, f.Code, f.Hints, want)
		}
	}
}

// TestPhoneTables checks that each kind has one row with a hint, and that each row yields its exit codes and hints.
func TestPhoneTables(t *testing.T) {
	var kinds []fleet.Kind
	for _, row := range tables() {
		if slices.Contains(kinds, row.Kind) || row.Hint == "" || row.code == exit.CodeOK {
			t.Errorf("%+v", row)
		}
		kinds = append(kinds, row.Kind)
		asked, instructed := failure(row.Kind, false), failure(row.Kind, true)
		if asked.Code != row.code || instructed.Code != cmp.Or(row.instructed, row.code) || len(asked.Hints) != 1 || len(instructed.Hints) != 1 {
			t.Errorf("%s: %d, %q; if told %d, %q", row.Kind, asked.Code, asked.Hints, instructed.Code, instructed.Hints)
		}
		if (asked.Hints[0] != instructed.Hints[0]) != (row.own != "") || strings.Contains(asked.Hints[0], "PHONE") {
			t.Errorf("%s: %q, if told %q", row.Kind, asked.Hints, instructed.Hints)
		}
		if !strings.HasPrefix(asked.Error(), "192.0.2.50: ") {
			t.Errorf("%s: %v does not begin with the phone", row.Kind, asked)
		}
	}
	if len(kinds) < 36 {
		t.Errorf("%d kinds", len(kinds))
	}
	if f := failure("new", false); f.Code != exit.CodeInternal {
		t.Errorf("a kind without a row ends with %d", f.Code)
	}
}

// failure is what a bad end of a kind comes to.
func failure(kind fleet.Kind, instructed bool) *exit.Error {
	return PhoneFailure("192.0.2.50", Context{}, fleet.Result{Failure: &fleet.Failure{Kind: kind, Instructed: instructed, Msg: "why"}})
}

// TestRefusedPhone checks that an incompatible phone gets the exit code and the hint of the rule sheet.
func TestRefusedPhone(t *testing.T) {
	for kind, test := range map[fleet.Kind]struct {
		verdict hwcheck.Verdict
		code    exit.Code
	}{
		fleet.KindRefused: {hwcheck.Verdict{Answer: hwcheck.NotCompatible, Findings: []hwcheck.Finding{{Rule: hwcheck.HardwareLevel, Outcome: hwcheck.Fail, Advice: "Do this."}}}, exit.CodeRefused},
		fleet.KindUnknown: {hwcheck.Verdict{Answer: hwcheck.CannotTell, Findings: []hwcheck.Finding{{Rule: hwcheck.HardwareLevel, Outcome: hwcheck.Unknown, Advice: "Do this."}}}, exit.CodeUnknown},
	} {
		f := PhoneFailure("a", Context{Image: "i"}, fleet.Result{Failure: &fleet.Failure{Kind: kind, Msg: "why"}, Verdict: &test.verdict})
		if f.Code != test.code || len(f.Hints) != 1 || !strings.HasPrefix(f.Hints[0], "Do this") || !strings.HasPrefix(f.Error(), "a: ") {
			t.Errorf("%s: %d, %v, %q", kind, f.Code, f, f.Hints)
		}
	}
}

// TestRejectedUnseen checks that the hint names the fetch as a possible cause if no fetch was seen.
func TestRejectedUnseen(t *testing.T) {
	result := fleet.Result{Failure: &fleet.Failure{Kind: fleet.KindRejected, Msg: "why"}}
	hint := func(in Context) string { return PhoneFailure("a", in, result).Hints[0] }
	unseen, byPage := hint(Context{}), hint(Context{Page: func(string) string { return "a:443" }})
	result.Fetch.Requests = 1
	if seen := hint(Context{}); !strings.HasPrefix(unseen, seen+"; ") || byPage != seen {
		t.Errorf("%q, seen %q, by its page %q", unseen, seen, byPage)
	}
}

// TestPageHints checks the hints for an untrusted web page: they depend on the key that it presents.
func TestPageHints(t *testing.T) {
	pin, err := trust.ParsePin("sha256:" + strings.Repeat("ab", 32))
	if err != nil {
		t.Fatal(err)
	}
	untrusted := &fleet.Failure{Kind: fleet.KindPageTrust, Err: &trust.Error{Presented: pin, Err: x509.UnknownAuthorityError{}}}
	page := Context{Page: func(address string) string { return address + ":443" }}
	f := PhoneFailure("a", page, fleet.Result{Failure: untrusted})
	if hints := strings.Join(f.Hints, "\n"); f.Code != exit.CodeSettings || !strings.Contains(hints, pin.String()) || !strings.Contains(hints, "cpupdate trust add a:443") {
		t.Errorf("%d, %q", f.Code, f.Hints)
	}
	if f := PhoneFailure("a", Context{}, fleet.Result{Failure: untrusted}); len(f.Hints) != 1 || strings.Contains(f.Hints[0], pin.String()) {
		t.Errorf("without a page: %q", f.Hints)
	}
	weak := &fleet.Failure{Kind: fleet.KindPageTrust, Err: &trust.WeakKeyError{}}
	if f := PhoneFailure("a", page, fleet.Result{Failure: weak}); !slices.Equal(f.Hints, knownhosts.CertificateHints(weak)) || len(f.Hints) == 0 {
		t.Errorf("a weak key: %q", f.Hints)
	}
}

// TestRunFailureOfMany checks the exit code, the message and the hints of a run with many phones.
func TestRunFailureOfMany(t *testing.T) {
	var plan fleet.Plan
	var results []fleet.Result
	kinds := []fleet.Kind{"", fleet.KindBusy, fleet.KindBusy, fleet.KindCut, fleet.KindTLS, fleet.KindDuplicate, fleet.KindNoCall, fleet.KindNoPhone, fleet.KindGarbled, fleet.KindAnotherPhone, fleet.KindSource, fleet.KindNotTaken}
	for i, kind := range kinds {
		plan.Phones = append(plan.Phones, fleet.Target{Address: fmt.Sprintf("p%d", i)})
		r := fleet.Result{}
		if kind != "" {
			r.Failure = &fleet.Failure{Kind: kind, Msg: "why"}
		}
		results = append(results, r)
	}
	f := exit.Classify(RunFailure(plan, Context{}, results))
	if f.Code != exit.CodePartial || len(f.Hints) != 10 || !strings.HasPrefix(f.Hints[0], "busy: ") || !strings.HasPrefix(f.Hints[1], "cut: ") {
		t.Errorf("%d, %q", f.Code, f.Hints)
	}
	in := Context{Image: "cp600.bind", List: "Telefone Süd.csv", Flags: console.Flags{
		Given: func(name string) bool { return name == "legacy-tls" || name == "priority" },
		Bool:  func(string) bool { return true },
	}}
	some := slices.Clone(results)
	some[1] = fleet.Result{Failure: &fleet.Failure{Kind: fleet.KindRefused, Msg: "why"}, Verdict: &hwcheck.Verdict{Answer: hwcheck.NotCompatible, Findings: []hwcheck.Finding{{Rule: hwcheck.HardwareLevel, Outcome: hwcheck.Fail, Advice: "Do this."}}}}
	f = exit.Classify(RunFailure(plan, in, some))
	for _, want := range []string{
		"tls: if it is bound to a provisioning service in secure mode, update it with that service",
		"busy: try again when the phone is not in a call, or wait longer with --patience",
		"incompatible: see why with: cpupdate check cp600.bind p1 --phones " + exit.Word("Telefone Süd.csv"),
	} {
		if !slices.Contains(f.Hints, want) {
			t.Errorf("no %q in %q", want, f.Hints)
		}
	}
	f = exit.Classify(RunFailure(plan, Context{}, results))
	if !strings.HasPrefix(f.Error(), "11 of 12 phones ") || !strings.Contains(f.Error(), "p10 (source)") || strings.Contains(f.Error(), "p11") {
		t.Error(f)
	}
	results[0].Failure = &fleet.Failure{Kind: fleet.KindStopped}
	if f := exit.Classify(RunFailure(plan, Context{}, results)); f.Code != exit.CodeStopped {
		t.Errorf("a run that stopped ends with %d", f.Code)
	}
	if err := RunFailure(plan, Context{}, make([]fleet.Result, 3)); err != nil {
		t.Error(err)
	}
	one := fleet.Plan{Phones: plan.Phones[:1]}
	if f := exit.Classify(RunFailure(one, Context{}, results[1:2])); f.Code != exit.CodeUnreachable || !strings.HasPrefix(f.Error(), "p0: ") {
		t.Errorf("a single phone: %d, %v", f.Code, f)
	}
}

// TestRunFailureOfImage checks what is said of a run that ended because the image changed.
func TestRunFailureOfImage(t *testing.T) {
	changed := &bind.FormatError{Format: bind.CPB, Problem: bind.Changed, Field: "content", Msg: "why"}
	image := func(change func(*fleet.Result)) fleet.Result {
		r := fleet.Result{Failure: &fleet.Failure{Kind: fleet.KindImage, Msg: "what", Err: changed}}
		change(&r)
		return r
	}
	results := []fleet.Result{
		{Outcome: fleet.Updated},
		{Failure: &fleet.Failure{Kind: fleet.KindBusy}},
		image(func(*fleet.Result) {}),
		image(func(r *fleet.Result) { r.Instructed, r.Failure.Keeps = true, true }),
		image(func(r *fleet.Result) { r.Instructed, r.Fetch.Complete = true, true }),
		image(func(r *fleet.Result) { r.Instructed, r.Fetch.Perhaps = true, true }),
		image(func(r *fleet.Result) { r.Upload = fleet.Upload{Sent: 5, Size: 9} }),
		image(func(r *fleet.Result) { r.Instructed, r.Upload = true, fleet.Upload{Sent: 9, Size: 9, Complete: true} }),
		{Failure: &fleet.Failure{Kind: fleet.KindInterrupted}},
	}
	var plan fleet.Plan
	for i := range results {
		plan.Phones = append(plan.Phones, fleet.Target{Address: fmt.Sprintf("p%d", i)})
	}
	const want = "x.bind: CPB content at offset 0x00: why; the run was stopped; 5 of 9 phones are not updated: " +
		"p1 (busy), p2 (not instructed), p3 (cut off), p6 (cut off), p8 (interrupted); may still update, because they got the whole image as it was verified: p4, p5, p7"
	f := exit.Classify(RunFailure(plan, Context{Image: "x.bind"}, results))
	if f.Code != exit.CodeImage || f.Error() != want || len(f.Hints) != 2 {
		t.Errorf("%d, %v, %q", f.Code, f, f.Hints)
	}
	f = exit.Classify(RunFailure(plan, Context{Image: "x.bind"}, results[:4]))
	if f.Code != exit.CodeImage || strings.Contains(f.Error(), "may still update") || len(f.Hints) != 1 {
		t.Errorf("%d, %v, %q", f.Code, f, f.Hints)
	}
	f = exit.Classify(RunFailure(plan, Context{Image: "x.bind"}, results[3:4]))
	if f.Code != exit.CodeImage || !strings.HasPrefix(f.Error(), "p0: what: CPB content") {
		t.Errorf("%d, %v, %q", f.Code, f, f.Hints)
	}
}

// TestBadEnd checks that the message says what the failed phones have in common, for each kind of run.
func TestBadEnd(t *testing.T) {
	seen := map[string]bool{}
	for _, image := range []*fleet.Image{nil, {}, {Source: fleet.Elsewhere(wpi.Deployment{})}} {
		text := badEnd(fleet.Plan{Image: image}, 2)
		if text == "" || seen[text] {
			t.Errorf("%+v: %q", image, text)
		}
		seen[text] = true
	}
	for _, dryRun := range []bool{true, false} {
		want := badEnd(fleet.Plan{Image: &fleet.Image{}}, 2)
		if got := badEnd(fleet.Plan{Image: &fleet.Image{Web: &fleet.Web{DryRun: dryRun}}}, 2); (got == want) != dryRun {
			t.Errorf("by the page, dry run %v: %q", dryRun, got)
		}
	}
}

func TestShortList(t *testing.T) {
	names := strings.Fields("a b c d e f g h i j k l")
	if got := ShortList(names[:10]); got != "a, b, c, d, e, f, g, h, i, j" {
		t.Error(got)
	}
	if got := ShortList(names); !strings.HasPrefix(got, "a, b, c, d, e, f, g, h, i, j, ") || strings.Contains(got, "k") || !strings.Contains(got, "2") {
		t.Error(got)
	}
}

// TestHintsOfKeys checks that of several pages whose keys are not trusted each has its own key in the hints, ten of them at most, and
// that a hint that says nothing of a key is there once.
func TestHintsOfKeys(t *testing.T) {
	t.Parallel()
	in := Context{Page: func(address string) string { return address + ":443" }}
	for name, c := range map[string]struct {
		phones int
		err    func(i byte) error
		hints  int
		keys   int
	}{
		"two keys": {2, func(i byte) error { return &trust.Error{Pinned: true, Presented: trust.Pin{i + 1}} }, 2, 2},
		"ten":      {10, func(i byte) error { return &trust.Error{Pinned: true, Presented: trust.Pin{i + 1}} }, 10, 10},
		"twelve": {12, func(i byte) error {
			return &trust.Error{Presented: trust.Pin{i + 1}, Err: x509.UnknownAuthorityError{}}
		}, 11, 10},
		"no key":       {3, func(byte) error { return errors.New("no certificate") }, 1, 0},
		"a short key":  {3, func(byte) error { return &trust.WeakKeyError{Bits: 512} }, 1, 0},
		"the same key": {2, func(byte) error { return &trust.Error{Pinned: true, Presented: trust.Pin{9}} }, 2, 2},
	} {
		var plan fleet.Plan
		var results []fleet.Result
		for i := range c.phones {
			plan.Phones = append(plan.Phones, fleet.Target{Address: fmt.Sprintf("192.0.2.%d", i+1)})
			results = append(results, fleet.Result{Failure: &fleet.Failure{Kind: fleet.KindPageTrust, Err: c.err(byte(i))}})
		}
		hints := exit.Classify(RunFailure(plan, in, results)).Hints
		keys := 0
		for i := range min(c.phones, 10) {
			pin := trust.Pin{byte(i + 1)}
			if name == "the same key" {
				pin = trust.Pin{9}
			}
			if i < len(hints) && strings.HasPrefix(hints[i], fmt.Sprintf("page-trust: 192.0.2.%d: compare ", i+1)) && strings.Contains(hints[i], pin.String()) {
				keys++
			}
		}
		if len(hints) != c.hints || keys != c.keys {
			t.Errorf("%s: %d of them show a key: %q", name, keys, hints)
		}
	}
}
