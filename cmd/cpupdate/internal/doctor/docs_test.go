package doctor

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// TestDocsDoctor compares docs/doctor.md with the table of checks: the same lines in the same order, and no others in
// the example.
func TestDocsDoctor(t *testing.T) {
	t.Parallel()
	page := clitest.Page(t, "doctor.md")
	var want, got, names []string
	for _, c := range checks() {
		want, names = append(want, c.id()), append(names, c.name)
	}
	for _, row := range regexp.MustCompile("(?m)^\\| ([a-z ]+) \\| `([a-z-]+)` \\| [^|]+ \\|$").FindAllStringSubmatch(page, -1) {
		got = append(got, row[1]+"/"+row[2])
	}
	if !slices.Equal(got, want) {
		t.Errorf("doctor.md has the lines\n%q, and the code\n%q", got, want)
	}
	shown := regexp.MustCompile(`(?m)^  (?:ok  |warn|FAIL|-   )  ([a-z-]+)`).FindAllStringSubmatch(page, -1)
	for _, line := range shown {
		if !slices.Contains(names, line[1]) {
			t.Errorf("the example of doctor.md has a line %s", line[1])
		}
	}
	if len(shown) == 0 {
		t.Error("doctor.md has no example")
	}
	for _, s := range []state{stateOK, stateWarn, stateFailed, stateSkip} {
		word, _ := stateWord(s)
		if !strings.Contains(page, "| `"+strings.TrimSpace(word)+"` | `"+string(s)+"` |") {
			t.Errorf("doctor.md does not know the state %s", s)
		}
	}
}

// TestDocsJSONDoctor compares the JSON answer of doctor with docs/json.md.
func TestDocsJSONDoctor(t *testing.T) {
	t.Parallel()
	section := clitest.Section(t, "json.md", "## Report of doctor")
	f := failed(context.DeadlineExceeded).named("a", "b", "c")
	f.Error = &exit.ErrorDoc{}
	text, err := json.Marshal(answer{Checks: []finding{f}})
	if err != nil {
		t.Fatal(err)
	}
	inError := []string{"code", "name", "message", "retryable"}
	for _, key := range regexp.MustCompile(`"([a-z_]+)":`).FindAllStringSubmatch(string(text), -1) {
		if !slices.Contains(inError, key[1]) && !strings.Contains(section, `"`+key[1]+`"`) {
			t.Errorf("json.md does not know the field %s of doctor", key[1])
		}
	}
	for _, word := range []string{string(routeServer), string(routeServe), string(routeWeb), string(stateOK), string(stateWarn), string(stateFailed), string(stateSkip)} {
		if !strings.Contains(section, "`"+word+"`") {
			t.Errorf("json.md does not know %s", word)
		}
	}
}
