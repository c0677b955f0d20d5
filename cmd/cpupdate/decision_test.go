package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// A decision is one row of the decision table: an image, what is said of the phone, and what must come of it.
type decision struct {
	name    string // what a person would say
	image   string // one that writeDecisionImages writes
	flags   string // after "check IMAGE --json"; @ stands for the folder of the images
	exit    exit.Code
	verdict string // "" if no sheet is printed; "nothing to do" is compatible for that reason
	rule    string // the rule that decides
	outcome string // what it must come to
}

// A subject is the decisions about one thing. Stored names a folder of settings, "" is an empty one.
type subject struct {
	name      string
	stored    string
	decisions []decision
}

// A decidedSheet is what scripts read of the sheet.
type decidedSheet struct {
	Schema      int              `json:"schema"`
	Verdict     string           `json:"verdict"`
	NothingToDo bool             `json:"nothing_to_do"`
	Untrusted   bool             `json:"untrusted"`
	Reason      string           `json:"override_reason"`
	Findings    []decidedFinding `json:"findings"`
}

type decidedFinding struct {
	Rule       string           `json:"rule"`
	Outcome    string           `json:"outcome"`
	Image      decidedStatement `json:"image"`
	Phone      decidedStatement `json:"phone"`
	Reason     string           `json:"reason"`
	Advice     string           `json:"advice"`
	Override   string           `json:"lift"`
	Overridden string           `json:"lifted"`
}

type decidedStatement struct {
	Value string `json:"value"`
	From  string `json:"from"`
}

func TestDecisionTable(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	writeDecisionImages(t, folder)
	for _, s := range decisionTable() {
		for _, d := range s.decisions {
			t.Run(s.name+"/"+d.name, func(t *testing.T) { decide(t, folder, s.stored, d) })
		}
	}
}

// The names are how people speak of a decision, so two may not share one; and the table must not shrink unseen.
func TestDecisionNames(t *testing.T) {
	seen := map[string]string{}
	for _, s := range decisionTable() {
		for _, d := range s.decisions {
			if other, twice := seen[d.name]; twice {
				t.Errorf("%q stands under %q and under %q", d.name, other, s.name)
			}
			seen[d.name] = s.name
		}
	}
	if got, want := len(seen), 150; got < want {
		t.Errorf("got %d named decisions, want at least %d", got, want)
	}
}

// The sheet must not only be right, it must say why: both values where sources disagree, and where each comes from.
func TestDecisionShown(t *testing.T) {
	folder := t.TempDir()
	writeDecisionImages(t, folder)
	for _, test := range []struct{ name, image, flags, rule, imageSays, imageFrom, phoneSays, phoneFrom string }{
		{"level by flag", "mixed.bind", "--hw-level=4", "hardware-level", "1-3, 5", "header", "4", "flag"},
		{"level by table", "ranges.bind", "--part-number=S30817-S7720-A101-5 --hardware=@table.toml", "hardware-level", "2-4, 7-9", "header", "4", "table.toml, line 7"},
		{"levels that disagree", "mixed.bind", "--hw-level=2 --part-number=S30817-S7721-A101-5 --hardware=@table.toml", "hardware-level", "1-3, 5", "header", "2 / 3", "flag / table.toml, line 12"},
		{"models that disagree", "mixed.bind", "--model=CP400 --part-number=S30817-S7721-A101-4 --hardware=@table.toml", "family-model", "OpenScape Desk Phone CP: CP400, CP600", "header", "CP400 / OpenScape Desk Phone CP600", "flag / table.toml, line 12"},
		{"lowest versions that disagree", "plain.bind", "--minimum-version=V1 R7.0.0 --part-number=S30817-S7722-A101-4 --hardware=@table.toml", "minimum-version", "V1 R9.2.0", "header", "V1 R7.0.0 / V1 R8.0.0", "flag / table.toml, line 16"},
		{"inferred lowest version", "plain.bind", "--model=CP600 --software-type=Unify HFA --running=V1 R4.9.0", "minimum-version", "V1 R9.2.0", "header", "V1 R4.9.0", "inferred: its current version"},
		{"observed model", "openstage.img", "--model=OpenStage 60", "family-model", "OpenStage: 40", "trailer, observed", "OpenStage 60", "flag"},
		{"described level", "described.img", "--hw-level=4", "hardware-level", "1-3", "descriptor", "4", "flag"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, out, _ := runDecision(t, folder, "", test.image, test.flags)
			f := oneSheet(t, out).find(test.rule)
			if want := (decidedStatement{test.imageSays, test.imageFrom}); f.Image != want {
				t.Errorf("got of the image %+v, want %+v", f.Image, want)
			}
			if want := (decidedStatement{test.phoneSays, test.phoneFrom}); f.Phone != want {
				t.Errorf("got of the phone %+v, want %+v", f.Phone, want)
			}
		})
	}
}

// The reason for an override is kept with the answer, and no reason is made up where nothing was overridden.
func TestDecisionReason(t *testing.T) {
	folder := t.TempDir()
	writeDecisionImages(t, folder)
	for _, test := range []struct{ flags, want string }{
		{"--hw-level=4 --override --reason=lab phone", "lab phone"},
		{"--hw-level=4 --override", ""},
		{"--hw-level=3", ""},
	} {
		_, out, _ := runDecision(t, folder, "", "mixed.bind", test.flags)
		if got := oneSheet(t, out).Reason; got != test.want {
			t.Errorf("%s: got reason %q, want %q", test.flags, got, test.want)
		}
	}
}

// decide runs the command and compares everything it says with the decision.
func decide(t *testing.T, folder, stored string, d decision) {
	got, out, errs := runDecision(t, folder, stored, d.image, d.flags)
	if got != d.exit {
		t.Errorf("check %s %s: got exit code %d, want %d; stderr: %s", d.image, d.flags, got, d.exit, errs)
	}
	checkDecisionError(t, errs, got)
	if d.verdict == "" {
		if len(out) != 0 {
			t.Errorf("got on stdout %q, want nothing", out)
		}
		return
	}
	sheet := oneSheet(t, out)
	checkVerdict(t, sheet, d)
	checkSheet(t, sheet, got)
}

// runDecision runs the command in this process. An image called - is mixed.bind on standard input.
func runDecision(t *testing.T, folder, stored, image, flags string) (ended exit.Code, stdout, stderr []byte) {
	t.Helper()
	settings := t.TempDir()
	if stored != "" {
		settings = filepath.Join(folder, stored)
	}
	var out, errs bytes.Buffer
	a := newTestApp(&console.Console{In: strings.NewReader(""), Out: &out, Err: &errs, Width: 80}, settings)
	if image == "-" {
		content, err := os.ReadFile(filepath.Join(folder, "mixed.bind"))
		if err != nil {
			t.Fatal(err)
		}
		a.con.In = bytes.NewReader(content)
	} else {
		image = filepath.Join(folder, image)
	}
	ended = run(t.Context(), a, append([]string{"check", image, "--json"}, decisionFlags(flags, folder)...))
	return ended, out.Bytes(), errs.Bytes()
}

// decisionFlags splits the flags of a decision: values may hold blanks, so each flag is written as --name=value.
func decisionFlags(flags, folder string) []string {
	if flags == "" {
		return nil
	}
	args := strings.Split(strings.ReplaceAll(flags, "@", folder+string(filepath.Separator)), " --")
	for i := range args[1:] {
		args[i+1] = "--" + args[i+1]
	}
	return args
}

// oneSheet reads the one document on stdout.
func oneSheet(t *testing.T, out []byte) decidedSheet {
	t.Helper()
	var sheet decidedSheet
	decoder := json.NewDecoder(bytes.NewReader(out))
	if err := decoder.Decode(&sheet); err != nil {
		t.Fatalf("stdout holds no JSON document: %v\n%s", err, out)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		t.Errorf("got after the JSON document %v, want the end of stdout:\n%s", err, out)
	}
	return sheet
}

// checkDecisionError holds stderr to one error for each exit that is not 0, and none for 0.
func checkDecisionError(t *testing.T, errs []byte, ended exit.Code) {
	t.Helper()
	var found []exit.ErrorDoc
	decoder := json.NewDecoder(bytes.NewReader(errs))
	for {
		var line struct{ Error *exit.ErrorDoc }
		err := decoder.Decode(&line)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("stderr holds something else than JSON: %v\n%s", err, errs)
		}
		if line.Error != nil {
			found = append(found, *line.Error)
		}
	}
	if ended == 0 {
		if len(found) != 0 {
			t.Errorf("got errors %+v on stderr with exit code 0", found)
		}
		return
	}
	if len(found) != 1 {
		t.Fatalf("got %d errors on stderr with exit code %d, want one:\n%s", len(found), ended, errs)
	}
	names := map[exit.Code]string{2: "usage", 3: "image", 4: "refused", 5: "unknown", 6: "settings"}
	if e := found[0]; e.Code != ended || e.Name != names[ended] || e.Message == "" || e.Retryable == nil || *e.Retryable {
		t.Errorf("got error %+v, want code %d, name %q, a message, and not retryable", e, ended, names[ended])
	}
	if len(found[0].Hints) == 0 || slices.Contains(found[0].Hints, "") {
		t.Errorf("got hints %q, want the next step", found[0].Hints)
	}
}

// checkVerdict compares the sheet with what the decision wants.
func checkVerdict(t *testing.T, sheet decidedSheet, d decision) {
	t.Helper()
	want, nothing := d.verdict, false
	if want == "nothing to do" {
		want, nothing = "compatible", true
	}
	if sheet.Verdict != want {
		t.Errorf("got verdict %q, want %q: %s", sheet.Verdict, want, outcomes(sheet))
	}
	// A damaged image is refused whatever it is a copy of, so there is nothing to say about it here.
	if sheet.NothingToDo != nothing && !sheet.Untrusted {
		t.Errorf("got nothing_to_do %v, want %v: %s", sheet.NothingToDo, nothing, outcomes(sheet))
	}
	if got := sheet.find(d.rule); got.Outcome != d.outcome {
		t.Errorf("got %s %q (%s), want %q", d.rule, got.Outcome, got.Reason, d.outcome)
	}
}

// checkSheet holds a sheet to what is true of all of them.
func checkSheet(t *testing.T, sheet decidedSheet, ended exit.Code) {
	t.Helper()
	order := []string{
		"image-intact", "family-model", "hardware-level", "minimum-version",
		"stepping-stone", "software-type", "downgrade", "same-version",
	}
	var got []string
	for _, f := range sheet.Findings {
		got = append(got, f.Rule)
		checkFinding(t, f)
	}
	if !slices.Equal(got, order) {
		t.Errorf("got rules %q, want %q", got, order)
	}
	one, two := sheet.find("hardware-level").Outcome, sheet.find("minimum-version").Outcome
	if (one == "not applicable") == (two == "not applicable") {
		t.Errorf("got hardware-level %q and minimum-version %q, want exactly one that is not applicable", one, two)
	}
	if want := sheet.find("image-intact").Outcome == "fail"; sheet.Untrusted != want {
		t.Errorf("got untrusted %v, want %v", sheet.Untrusted, want)
	}
	if verdict, codes := sheet.derived(); sheet.Verdict != verdict || ended != codes {
		t.Errorf("got verdict %q and exit code %d, want %q and %d from %s", sheet.Verdict, ended, verdict, codes, outcomes(sheet))
	}
	if sheet.Schema != 1 {
		t.Errorf("got schema %d, want 1", sheet.Schema)
	}
}

// derived returns the verdict that the findings make, and its exit code.
func (s decidedSheet) derived() (string, exit.Code) {
	has := func(outcome string) bool {
		return slices.ContainsFunc(s.Findings, func(f decidedFinding) bool { return f.Outcome == outcome })
	}
	switch {
	case s.find("image-intact").Outcome == "fail":
		return "not compatible", 3
	case s.NothingToDo:
		return "compatible", 0
	case has("fail"):
		return "not compatible", 4
	case has("unknown"):
		return "unknown", 5
	}
	return "compatible", 0
}

func (s decidedSheet) find(rule string) decidedFinding {
	for _, f := range s.Findings {
		if f.Rule == rule {
			return f
		}
	}
	return decidedFinding{}
}

// checkFinding holds a finding to its form: a known outcome, an advice of one sentence, and the permission that overrides its rule.
func checkFinding(t *testing.T, f decidedFinding) {
	t.Helper()
	if !slices.Contains([]string{"pass", "fail", "unknown", "not checked", "not applicable", "overridden"}, f.Outcome) {
		t.Errorf("%s: got outcome %q, which is none", f.Rule, f.Outcome)
	}
	if f.Outcome != "pass" && !isSentence(f.Advice) {
		t.Errorf("%s is %s: got advice %q, want one sentence with a capital and a full stop", f.Rule, f.Outcome, f.Advice)
	}
	overrides := map[string]string{
		"hardware-level": "override", "minimum-version": "override", "stepping-stone": "override",
		"software-type": "allow-type-change", "downgrade": "allow-downgrade", "same-version": "reinstall",
	}
	if f.Override != "" && f.Override != overrides[f.Rule] {
		t.Errorf("%s: got lift %q, want %q", f.Rule, f.Override, overrides[f.Rule])
	}
	if (f.Outcome == "fail" || f.Outcome == "overridden") && f.Override != overrides[f.Rule] {
		t.Errorf("%s is %s: got lift %q, want %q", f.Rule, f.Outcome, f.Override, overrides[f.Rule])
	}
	if (f.Outcome == "overridden") != (f.Overridden != "") {
		t.Errorf("%s is %s: got lifted %q, want what was overridden, and only then", f.Rule, f.Outcome, f.Overridden)
	}
}

// isSentence reports whether text is exactly one sentence. What stands in quotes is somebody else's.
func isSentence(text string) bool {
	text = regexp.MustCompile(`"[^"]*"`).ReplaceAllString(text, "X")
	return regexp.MustCompile(`^[A-Z].*[^.]\.$`).MatchString(text) && !regexp.MustCompile(`[.!?] +[A-Z]`).MatchString(text)
}

// outcomes writes all findings in a line, for messages.
func outcomes(s decidedSheet) string {
	var all []string
	for _, f := range s.Findings {
		all = append(all, f.Rule+" "+f.Outcome)
	}
	return strings.Join(all, ", ")
}
