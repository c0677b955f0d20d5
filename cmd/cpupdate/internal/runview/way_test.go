package runview

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
)

// cp600 is what the phone of these tests says of itself.
func cp600() fleet.Device {
	return fleet.Device{Type: "OpenScape Desk Phone CP600", SoftwareType: "Unify HFA", Version: "V1 R4.9.0", PartNumber: "S30817-S7720-A101-4", MAC: "00:1A:E8:00:00:01"}
}

// newVersion is the phone after its update.
func newVersion() fleet.Device {
	d := cp600()
	d.Version = "V1 R9.2.0"
	return d
}

// fits is a verdict without any objection.
func fits() *hwcheck.Verdict {
	return &hwcheck.Verdict{Answer: hwcheck.Compatible, Findings: []hwcheck.Finding{{
		Rule: hwcheck.HardwareLevel, Outcome: hwcheck.Pass, Image: hwcheck.Statement{Value: "1-3"}, Phone: hwcheck.Statement{Value: "3", From: "flag"},
	}}}
}

// at gives the events their times, a second apart.
func at(events []fleet.Event) []fleet.Event {
	now := time.Now()
	for i := range events {
		events[i].At = now.Add(time.Duration(i) * time.Second)
	}
	return events
}

// served is the way of a phone that fetches the image from this machine.
func served() []fleet.Event {
	return at([]fleet.Event{
		{Step: fleet.StepContacted, Attempt: 1, Limit: 10 * time.Minute},
		{Step: fleet.StepReading},
		{Step: fleet.StepCalled, Device: cp600()},
		{Step: fleet.StepChecked, Verdict: fits()},
		{Step: fleet.StepInstructed, Limit: 10 * time.Minute},
		{Step: fleet.StepBusy, Limit: 9 * time.Minute},
		{Step: fleet.StepCalled, Device: cp600()},
		{Step: fleet.StepChecked, Verdict: fits()},
		{Step: fleet.StepInstructed, Limit: 10 * time.Minute},
		{Step: fleet.StepAccepted},
		{Step: fleet.StepFetching, Fetch: serve.Fetch{Requests: 1, Sent: 1 << 20, Size: 3 << 20}},
		{Step: fleet.StepFetched, Fetch: serve.Fetch{Requests: 2, Sent: 3 << 20, Size: 3 << 20, Complete: true}},
		{Step: fleet.StepSilent, Err: errors.New("silence")},
		{Step: fleet.StepRestarting, Limit: 10 * time.Minute},
		{Step: fleet.StepBack},
		{Step: fleet.StepDone, Outcome: fleet.Updated, Device: newVersion()},
	})
}

// byPage is the way of a phone that is sent the image by its page, and does not call.
func byPage() []fleet.Event {
	return at([]fleet.Event{
		{Step: fleet.StepPageOnly, Err: errors.New("no call")},
		{Step: fleet.StepPage, Text: "start page"},
		{Step: fleet.StepLoggedIn},
		{Step: fleet.StepVisited, Text: "GET /page"},
		{Step: fleet.StepFound, Device: cp600()},
		{Step: fleet.StepChecked, Verdict: fits()},
		{Step: fleet.StepSending, Upload: fleet.Upload{Sent: 1 << 20, Size: 3 << 20}},
		{Step: fleet.StepSent, Upload: fleet.Upload{Sent: 3 << 20, Size: 3 << 20, Complete: true}},
		{Step: fleet.StepAnswered, Text: "thank\x1byou", Limit: 10 * time.Minute},
		{Step: fleet.StepRestarting, Limit: 10 * time.Minute},
		{Step: fleet.StepBack},
		{Step: fleet.StepDone, Outcome: fleet.Updated, Device: newVersion()},
	})
}

// shown shows the events of so many phones, all of them alike, and returns standard output and standard error.
func shown(t *testing.T, phones int, events []fleet.Event, change func(con *console.Console, r *Report)) (out, errOut string) {
	t.Helper()
	con, written, noted := newConsole()
	var targets []fleet.Target
	for i := range phones {
		targets = append(targets, fleet.Target{Address: "192.0.2." + string(rune('1'+i))})
	}
	r := NewReport(con, targets, &images.Image{Name: "cp600.bind"}, 3<<20, func(err error) { t.Error(err) })
	if change != nil {
		change(con, r)
	}
	for _, e := range events {
		for e.Phone = range phones {
			r.Event(e)
		}
	}
	r.Summary(make([]fleet.Result, phones), nil)
	return written.String(), noted.String()
}

// rows are the names of the rows about a single phone.
func rows(text string) string {
	var names []string
	for line := range strings.Lines(text) {
		if name, found := strings.CutPrefix(line, "  "); found && name[0] != ' ' && name[0] != 'K' {
			names = append(names, strings.Fields(name)[0])
		}
	}
	return strings.Join(names, " ")
}

// TestOnePhone checks that a single phone has one row for each step, even if the step is repeated.
func TestOnePhone(t *testing.T) {
	for _, test := range []struct {
		events []fleet.Event
		rows   string
		notes  int // with --verbose
		quiet  int // without
	}{
		{served(), "runs check command busy fetch restart verified", 5, 3},
		{byPage(), "page runs check sent answer restart verified", 6, 3},
	} {
		for _, verbose := range []bool{false, true} {
			out, errOut := shown(t, 1, test.events, func(con *console.Console, _ *Report) { con.Verbose = verbose })
			got := strings.Split(rows(out), " ")
			slices.Sort(got)
			want := strings.Split(test.rows, " ")
			slices.Sort(want)
			if !slices.Equal(got, want) || strings.Contains(out, "\x1b") || strings.Count(out, "  Keep the phone ") != 1 {
				t.Errorf("%q, want %q\n%s", got, want, out)
			}
			notes := test.quiet
			if verbose {
				notes = test.notes
			}
			if n := strings.Count(errOut, "note: 192.0.2.1: "); n != notes {
				t.Errorf("verbose %v: %d notes, want %d\n%s", verbose, n, notes, errOut)
			}
		}
	}
}

// TestOnePhoneEnds checks the rows of runs that end early.
func TestOnePhoneEnds(t *testing.T) {
	refused := &hwcheck.Verdict{Answer: hwcheck.NotCompatible, Findings: []hwcheck.Finding{{Rule: hwcheck.HardwareLevel, Outcome: hwcheck.Fail, Advice: "Do this."}}}
	failure := func(kind fleet.Kind) fleet.Event {
		return fleet.Event{Step: fleet.StepFailed, Failure: &fleet.Failure{Kind: kind, Msg: "the reason"}}
	}
	for name, test := range map[string]struct {
		events []fleet.Event
		web    bool
		rows   string
		says   string
	}{
		"nothing to do": {[]fleet.Event{
			{Step: fleet.StepCalled, Device: cp600()},
			{Step: fleet.StepChecked, Verdict: &hwcheck.Verdict{Answer: hwcheck.Compatible, NothingToDo: true}},
			{Step: fleet.StepDone, Outcome: fleet.NothingToDo},
		}, false, "runs check", ""},
		"refused":  {[]fleet.Event{{Step: fleet.StepChecked, Verdict: refused}, failure(fleet.KindRefused)}, false, "fail", "cp600.bind"},
		"dry run":  {[]fleet.Event{{Step: fleet.StepChecked, Verdict: fits()}, {Step: fleet.StepDone, Outcome: fleet.Checked}}, false, "check dry", ""},
		"dry page": {[]fleet.Event{{Step: fleet.StepChecked, Verdict: fits()}, {Step: fleet.StepDone, Outcome: fleet.Checked}}, true, "check dry", ""},
		"failed":   {[]fleet.Event{failure(fleet.KindNoCall)}, false, "failed", "the reason"},
	} {
		out, _ := shown(t, 1, test.events, func(_ *console.Console, r *Report) {
			if test.web {
				r.Context.Page = func(string) string { return "" }
			}
		})
		if got := rows(out); got != test.rows || !strings.Contains(out, test.says) {
			t.Errorf("%s: %q, want %q\n%s", name, got, test.rows, out)
		}
	}
}

// TestManyPhones checks that each of several phones has a line as it ends, and that the warning is shown once.
func TestManyPhones(t *testing.T) {
	for name, events := range map[string][]fleet.Event{"served": served(), "by the page": byPage()} {
		out, errOut := shown(t, 3, events, nil)
		if n := strings.Count(out, "updated  "); n != 3 || strings.Count(out, "Keep the phones ") != 1 || strings.Count(out, "Unify HFA V1 R9.2.0") != 3 {
			t.Errorf("%s: %d ends\n%s", name, n, out)
		}
		if n := strings.Count(errOut, "note: 192.0.2."); n != map[string]int{"served": 3}[name] { // that they are in a call
			t.Errorf("%s: %d notes\n%s", name, n, errOut)
		}
		if _, errOut := shown(t, 3, events, func(con *console.Console, _ *Report) { con.Verbose = true }); strings.Count(errOut, "note: 192.0.2.") < 15 {
			t.Errorf("%s: with --verbose\n%s", name, errOut)
		}
	}
}

// TestLines checks that each event is a line of JSON, followed by a summary.
func TestLines(t *testing.T) {
	for _, verbose := range []bool{false, true} {
		out, errOut := shown(t, 2, byPage(), func(con *console.Console, _ *Report) { con.JSON, con.Verbose = true, verbose })
		counts := map[string]int{}
		for line := range strings.Lines(out) {
			var doc struct{ Event, Phone, Time string }
			if err := json.Unmarshal([]byte(line), &doc); err != nil {
				t.Fatalf("%v in %s", err, line)
			}
			if _, err := time.Parse(time.RFC3339Nano, doc.Time); err != nil || (doc.Phone == "") != (doc.Event == "summary") {
				t.Errorf("%v in %s", err, line)
			}
			counts[doc.Event]++
		}
		visits := 0
		if verbose {
			visits = 2
		}
		if counts["done"] != 2 || counts["summary"] != 1 || counts[string(fleet.StepVisited)] != visits || errOut != "" {
			t.Errorf("verbose %v: %v\n%s", verbose, counts, errOut)
		}
	}
}

// TestFailedLine checks that the line of a failure has the exit code, and whether the phone had been told.
func TestFailedLine(t *testing.T) {
	out, _ := shown(t, 1, []fleet.Event{
		{Step: fleet.StepChecked, Verdict: fits(), Known: hwcheck.Phone{Level: []hwcheck.Claim[uint16]{{Value: 3}}}},
		{Step: fleet.StepFailed, Failure: &fleet.Failure{Kind: fleet.KindCut, Instructed: true, Msg: "the reason"}},
	}, func(con *console.Console, _ *Report) { con.JSON = true })
	lines := strings.Split(out, "\n")
	var checked, failed struct {
		Known   map[string]any
		Verdict string
		Told    *bool
		Error   *exit.ErrorDoc
	}
	if err := errors.Join(json.Unmarshal([]byte(lines[0]), &checked), json.Unmarshal([]byte(lines[1]), &failed)); err != nil {
		t.Fatal(err)
	}
	if checked.Known == nil || checked.Verdict != "compatible" || checked.Error != nil || checked.Told != nil {
		t.Errorf("%s", lines[0])
	}
	if failed.Told == nil || !*failed.Told || failed.Error == nil || failed.Error.Code != exit.CodeUnreachable || failed.Error.Message != "192.0.2.1: the reason" {
		t.Errorf("%s", lines[1])
	}
}

// TestOutsider checks that callers that are not part of the plan are shown as notes.
func TestOutsider(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		con, out, errOut := newConsole()
		con.JSON = asJSON
		r := NewReport(con, []fleet.Target{{Address: "a"}}, nil, 0, func(err error) { t.Error(err) })
		r.Event(fleet.Event{Phone: fleet.NoPhone, Step: fleet.StepCallError, Err: errors.New("192.0.2.9: no TLS")})
		if (out.Len() > 0) != asJSON || (errOut.Len() > 0) == asJSON || strings.Contains(out.String(), `"phone"`) {
			t.Errorf("JSON %v: %s%s", asJSON, out, errOut)
		}
	}
}

// TestUnwritten checks that an answer that cannot be written stops the run.
func TestUnwritten(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		con, _, _ := newConsole()
		con.JSON, con.Out = asJSON, brokenWriter{}
		var stopped error
		r := NewReport(con, []fleet.Target{{Address: "a"}}, nil, 0, func(err error) { stopped = err })
		r.Event(fleet.Event{Step: fleet.StepCalled, Device: cp600()})
		if exit.Classify(stopped).Code != exit.CodeInternal {
			t.Errorf("JSON %v: %v", asJSON, stopped)
		}
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// TestEndWord checks that each end has a word of its own.
func TestEndWord(t *testing.T) {
	seen := map[string]bool{}
	for _, outcome := range []fleet.Outcome{fleet.Updated, fleet.NothingToDo, fleet.Checked, fleet.Queried} {
		word, _ := endWord(fleet.Event{Outcome: outcome})
		if seen[word] {
			t.Errorf("%s is %q", outcome, word)
		}
		seen[word] = true
	}
	for _, row := range slices.Concat(advice.PhoneTable(), advice.WebTable(), []advice.PhoneRow{{Kind: fleet.KindRefused}, {Kind: fleet.KindUnknown}}) {
		word, _ := endWord(fleet.Event{Failure: &fleet.Failure{Kind: row.Kind}})
		if word == "" || seen[word] {
			t.Errorf("%s is %q", row.Kind, word)
		}
		seen[word] = true
	}
}

// TestEndText checks that the end of a phone says what the phone is, if that is known.
func TestEndText(t *testing.T) {
	r := &Report{}
	failure := &fleet.Failure{Kind: fleet.KindNoCall, Msg: "the reason"}
	for _, test := range []struct {
		event fleet.Event
		p     phoneProgress
		want  string
	}{
		{fleet.Event{Failure: failure}, phoneProgress{}, "the reason"},
		{fleet.Event{Failure: failure}, phoneProgress{before: cp600()}, "OpenScape Desk Phone CP600 Unify HFA V1 R4.9.0: the reason"},
		{fleet.Event{Outcome: fleet.Checked}, phoneProgress{before: cp600()}, "OpenScape Desk Phone CP600 Unify HFA V1 R4.9.0"},
	} {
		if got := r.endText(test.event, &test.p); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

// TestSummaryText checks the order of the counts.
func TestSummaryText(t *testing.T) {
	doc := SummaryDoc{Phones: 6, Outcomes: map[string]int{"checked": 1, "updated": 2}, Failures: map[string]int{"unreachable": 1, "busy": 2}}
	text := doc.text()
	if !strings.HasPrefix(text, "6 phones: 2 updated, 1 compatible, 1 unreachable, 2 busy") {
		t.Error(text)
	}
	delete(doc.Outcomes, "checked")
	if short := doc.text(); len(short) > len(text)-len(", 1 compatible")-10 { // nor that it was a dry run
		t.Error(short)
	}
}

// TestSummary checks that the last line of JSON holds the exit code of the run.
func TestSummary(t *testing.T) {
	for _, test := range []struct {
		ended error
		code  exit.Code
	}{{nil, exit.CodeOK}, {exit.Errorf(exit.CodePartial, "h", "x"), exit.CodePartial}} {
		con, out, _ := newConsole()
		con.JSON = true
		r := NewReport(con, []fleet.Target{{Address: "a"}, {Address: "b"}}, nil, 0, func(err error) { t.Error(err) })
		r.Summary([]fleet.Result{{Outcome: fleet.Updated}, {Failure: &fleet.Failure{Kind: fleet.KindBusy}}}, test.ended)
		var doc SummaryDoc
		if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
			t.Fatal(err)
		}
		if doc.Event != "summary" || doc.Phones != 2 || doc.Code != test.code || doc.Name != test.code.Row().Name || doc.Outcomes["updated"] != 1 || doc.Failures["busy"] != 1 {
			t.Errorf("%s", out)
		}
	}
}

// TestStepText checks that a step is shown with its limit.
func TestStepText(t *testing.T) {
	for _, test := range []struct {
		event fleet.Event
		want  []string
	}{
		{fleet.Event{Step: fleet.StepCallError, Err: errors.New("the reason")}, []string{"the reason"}},
		{fleet.Event{Step: fleet.StepAnswered, Text: "its words"}, []string{"its words"}},
		{fleet.Event{Step: fleet.StepVisited, Text: "GET /"}, []string{"GET /"}},
		{fleet.Event{Step: fleet.StepPage, Text: "start page"}, []string{"start page"}},
		{fleet.Event{Step: fleet.StepContacted, Attempt: 2, Limit: 10 * time.Minute}, []string{console.Nth(2), display.Span(10 * time.Minute)}},
		{fleet.Event{Step: fleet.StepBusy, Limit: 90 * time.Second}, []string{display.Span(90 * time.Second)}},
		{fleet.Event{Step: fleet.StepReading}, []string{"reading"}},
	} {
		got := stepText(test.event)
		for _, want := range test.want {
			if !strings.Contains(got, want) {
				t.Errorf("%+v: %q has no %q", test.event, got, want)
			}
		}
	}
	if text := stepText(fleet.Event{Step: fleet.StepInstructed, Limit: time.Millisecond}); strings.Contains(text, " s") {
		t.Error(text)
	}
}

// TestRateLine checks that the rate is shown only if the time was long enough to be measured.
func TestRateLine(t *testing.T) {
	for _, test := range []struct {
		size int64
		took time.Duration
		want string
	}{
		{8 << 20, 2 * time.Second, "8.0 MiB in " + display.Span(2*time.Second) + ", 4.0 MiB/s"}, {8 << 20, 50 * time.Millisecond, "8.0 MiB"}, {0, time.Second, "0 bytes in " + display.Span(time.Second) + ", 0 bytes/s"},
	} {
		if got := rateLine(test.size, test.took); got != test.want {
			t.Errorf("%d in %v: %q, want %q", test.size, test.took, got, test.want)
		}
	}
}

// TestAnswerLine checks that the words of a page are quoted, and that silence is not shown as an answer.
func TestAnswerLine(t *testing.T) {
	words, none, broken := answerLine(fleet.Event{Text: "thank\x1byou"}), answerLine(fleet.Event{}), answerLine(fleet.Event{Err: errors.New("cut"), Text: "x"})
	if !strings.HasPrefix(words, `the page says "thank\x1byou"; `) || none == "" || none == words || !strings.HasSuffix(broken, "cut") {
		t.Errorf("%q, %q, %q", words, none, broken)
	}
}

// TestDeviceTexts checks how a device and its software are shown.
func TestDeviceTexts(t *testing.T) {
	for _, test := range []struct {
		d           fleet.Device
		line, typed string
	}{
		{cp600(), "a  OpenScape Desk Phone CP600  00:1A:E8:00:00:01", "Unify HFA V1 R4.9.0"},
		{fleet.Device{Version: "1.4.9.0"}, "a", "V1 R4.9.0"},
		{fleet.Device{SoftwareType: "SIP", Version: "odd"}, "a", "SIP odd"},
	} {
		if line, typed := deviceLine("a", test.d), Typed(test.d); line != test.line || typed != test.typed {
			t.Errorf("%+v: %q, %q", test.d, line, typed)
		}
	}
	if NewDeviceDoc(fleet.Device{}) != nil || NewDeviceDoc(cp600()).MAC != "00:1A:E8:00:00:01" {
		t.Error("a phone that said nothing has a document, or another has none")
	}
}

// TestStates checks that the state of a phone moves forward with each step.
func TestStates(t *testing.T) {
	con, _, _ := newConsole()
	for _, events := range [][]fleet.Event{served(), byPage()} {
		w := newWatch(con, make([]fleet.Target, 1))
		last := stateNotCalled
		for _, e := range events {
			w.note(e)
			if now := w.states[0]; now < last && e.Step != fleet.StepBusy && e.Step != fleet.StepChecked { // which may come again
				t.Errorf("%s leads from state %d to %d", e.Step, last, now)
			}
			last = w.states[0]
		}
		if last != stateDone || w.status(w.share) != "1 of 1 done" {
			t.Errorf("it ends in state %d: %s", last, w.status(w.share))
		}
	}
}
