package main

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// A faultRow is a phone with faults, and what push makes of it.
type faultRow struct {
	name   string
	faults string // of phonesim, parted by blanks
	change func(c *phonesim.Config)
	args   []string // besides --serve

	code       exit.Code
	kind       string // of a bad end, else the outcome
	says       string // a part of the error's sentence
	hint       string // a part of a hint
	instructed bool   // whether the error says that it got the update command
	steps      string // an expression for all of them
	version    string // that the phone runs in the end
	commands   int    // how often the phone got the update command; -1 for more than once
	only       string // the method, "" for both
	large      bool   // the image does not fit into the network's buffers
}

const (
	stepsToInstructed = "contacted called-back checked told"
	stepsToFetched    = stepsToInstructed + " fetched"
	stepsToRestart    = stepsToFetched + " restarting"
	stepsOfDone       = stepsToRestart + " back contacted called-back done"
	stepsOfRejected   = stepsToFetched + " contacted called-back failed"
)

// untilBusy is a call that lasts until the phone has said that it is in one.
func untilBusy(c *phonesim.Config) { c.CallLength = time.Hour }

// faultTable is the table, in the order of the steps of an update.
func faultTable() []faultRow {
	var rows []faultRow
	for _, part := range [][]faultRow{reachRows(), callRows(), checkRows(), instructedRows(), fetchRows(), installRows(), oddRows()} {
		rows = append(rows, part...)
	}
	return rows
}

// TestPhoneFaults pushes to one phone a row, by HTTPS and by FTP: exit code, error, steps, and what became of the phone.
func TestPhoneFaults(t *testing.T) {
	t.Parallel()
	image := phoneImage(t)
	for _, row := range faultTable() {
		for _, method := range []string{"https", "ftp"} {
			if row.only != "" && row.only != method {
				continue
			}
			t.Run(row.name+", "+method, func(t *testing.T) {
				t.Parallel()
				inMemory(t, func(s *site) {
					phone := s.phone(row.faults, row.change)
					args := []string{"push", image, phone.Address(), "--serve", "--json", "--method", method, "--hw-level", "3"}
					row.check(s.t, s.run(s.t.Context(), append(args, row.args...)...), phone.State())
				})
			})
		}
	}
}

// check compares what came of a row with what should.
func (row *faultRow) check(t *testing.T, r ran, state phonesim.State) {
	t.Helper()
	lines := pushLines(t, r.out)
	checkPlain(t, r.errOut)
	if r.code != row.code {
		t.Errorf("exit code %d, want %d", r.code, row.code)
	}
	if steps := stepsOf(lines); !regexp.MustCompile("^(" + row.steps + ")$").MatchString(steps) {
		t.Errorf("steps\n%s\nwant\n%s", steps, row.steps)
	}
	if state.Version.String() != row.version {
		t.Errorf("the phone runs %s, want %s", state.Version, row.version)
	}
	if row.commands >= 0 && state.Instructed != row.commands || row.commands < 0 && state.Instructed < 2 {
		t.Errorf("the phone was told %d times, want %d", state.Instructed, row.commands)
	}
	last, summary := lastLine(t, lines), lines[len(lines)-1]
	if row.code == exit.CodeOK {
		if last.Outcome != row.kind || summary.Outcomes[row.kind] != 1 {
			t.Errorf("outcome %q in %+v, want %q", last.Outcome, summary, row.kind)
		}
	} else {
		row.checkError(t, r, last, summary)
	}
	if t.Failed() {
		t.Logf("%s\n%s", r.out, r.errOut)
	}
}

func (row *faultRow) checkError(t *testing.T, r ran, last, summary pushLine) {
	t.Helper()
	e := r.failure(t)
	if summary.Event != "summary" || summary.Failures[row.kind] != 1 || e.Kind != row.kind {
		t.Errorf("it is %q in %+v, want %q", e.Kind, summary, row.kind)
	}
	if !strings.Contains(e.Message, row.says) || row.says == "" {
		t.Errorf("it says %q, want %q", e.Message, row.says)
	}
	if !strings.Contains(strings.Join(e.Hints, "\n"), row.hint) || row.hint == "" {
		t.Errorf("hints %q, want %q", e.Hints, row.hint)
	}
	if again := row.code == exit.CodeUnreachable; e.Code != row.code || e.Retryable == nil || *e.Retryable != again {
		t.Errorf("code %d, retryable %v, want %v", e.Code, e.Retryable, again)
	}
	if last.Error == nil || last.Error.Message != e.Message || last.Told == nil || *last.Told != row.instructed {
		t.Errorf("the last line is %+v, told %v, want %v", last, last.Told, row.instructed)
	}
}

// Every fault of the simulator is in the table, or has a reason to be absent.
func TestPhoneFaultsComplete(t *testing.T) {
	used := map[phonesim.Fault]string{
		"tls-1.3":      "the usual way",
		"resumes-tls":  "the usual way",
		"overload":     "two contacts within a second are never sent",
		"hostile-text": "TestHostilePhones",
		"huge-message": "TestHostilePhones",
		"user-pwd":     "TestHostilePhones",

		"secure-no-certificate":    "TestSecurePush",
		"secure-own-certificate":   "TestSecurePush",
		"secure-other-certificate": "TestSecurePush",
	}
	for _, row := range append(append(faultTable(), webFaults()...), transferFaults()...) {
		if strings.HasPrefix(row.name, besideTransfer) {
			continue // the fault does nothing there
		}
		for name := range strings.FieldsSeq(row.faults) {
			used[phonesim.Fault(name)] = row.name
		}
	}
	for _, f := range phonesim.Faults() {
		if used[f.Name] == "" {
			t.Errorf("no row has a phone with %s", f.Name)
		}
	}
}
