package hwcheck_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

const goodClass = "schema = 1\n[[class]]\nname = \"20/40\"\nfamily = \"OpenStage\"\nmodels = [\"20\", \"40\"]\n\n" // lines 1 to 6

func TestReadClasses(t *testing.T) {
	table := readTable(t, goodClass+"[[entry]]\nproduct = \"S7720\"\nhw_level = 3\n\n[[class]]\nname = \"x\"\nmodels = []\nsource = \"me\"\n")
	want := []hwcheck.Class{
		{Name: "20/40", Family: "OpenStage", Models: []string{"20", "40"}, Confidence: bind.Stated, Source: "site.toml, line 2", Where: "site.toml, line 2"},
		{Name: "x", Models: []string{}, Confidence: bind.Stated, Source: "me", Where: "site.toml, line 11"},
	}
	if len(table.Entries) != 1 || table.Entries[0].Where != "site.toml, line 7" || !reflect.DeepEqual(table.Classes, want) {
		t.Errorf("got %+v", table)
	}
}

func TestReadClassErrors(t *testing.T) {
	class := func(lines ...string) string { return goodClass + "[[class]]\n" + strings.Join(lines, "\n") + "\n" }
	const name, family, models = `name = "x"`, `family = "OpenStage"`, `models = ["20"]`
	for _, test := range []struct {
		name, text string
		line       int
		says       string
	}{
		{"nothing", class(), 7, "a class needs a name"},
		{"no name", class(family, models), 7, "a class needs a name"},
		{"blank name", class(`name = " "`, family, models), 7, "a class needs a name"},
		{"no family", class(name, models), 7, "needs a family"},
		{"no models", class(name, family), 7, "an empty list removes the class"},
		{"empty model", class(name, family, `models = ["20", ""]`), 7, "empty model"},
		{"65 models", class(name, family, "models = ["+strings.Repeat(`"20",`, 65)+"]"), 7, "65 models"},
		{"control character in a model", class(name, family, `models = ["\u001b[2J"]`), 7, "control character"},
		{"long name", class(`name = "`+strings.Repeat("n", 600)+`"`, family, models), 7, "512 bytes"},
		{"number as a model", class(name, family, `models = [20]`), 10, ""},
		{"text as models", class(name, family, `models = "20"`), 10, ""},
		{"key of an entry", class(name, family, models, `hw_level = 3`), 11, "hw_level"},
		{"confidence", class(name, family, models, `confidence = "documented"`), 11, "confidence"},
		{"key of a class in an entry", goodClass + "[[entry]]\nmodels = [\"20\"]\n", 8, "models"},
		{"classes in one line", "schema = 1\nclass = [{name = \"x\"}]\n", 2, "write each class below its own line [[class]]"},
		{"one table", "schema = 1\n[class]\nname = \"x\"\n", 2, "unknown key"},
		{"table below a class", goodClass + "[class.more]\n", 7, "more"},
		{"schema below a class", goodClass + "[[class]]\nschema = 1\n", 8, "schema"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := hwcheck.ReadTable(strings.NewReader(test.text), "site.toml")
			var line *hwcheck.LineError
			if !errors.As(err, &line) || line.Line != test.line || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want an error in line %d that says %q", err, test.line, test.says)
			}
		})
	}
}

// TestThenClasses checks that a later class of the same name replaces an earlier one, that one without models removes it,
// and that neither changes the tables.
func TestThenClasses(t *testing.T) {
	site := readTable(t, "schema = 1\n[[class]]\nname = \"OPENSTAGE  20/40\"\nfamily = \"OpenStage\"\nmodels = [\"15\", \"20\"]\n[[class]]\nname = \"CP20X\"\nmodels = []\n[[class]]\nname = \"new\"\nfamily = \"OpenStage\"\nmodels = [\"1\"]\n[[class]]\nname = \"new\"\nfamily = \"OpenStage\"\nmodels = [\"2\"]\n")
	builtin := hwcheck.Builtin()
	both := builtin.Then(site)
	names := func(classes []hwcheck.Class) string {
		var all []string
		for _, c := range classes {
			all = append(all, fmt.Sprint(c.Name, c.Models))
		}
		return strings.Join(all, "; ")
	}
	for _, test := range []struct {
		table              *hwcheck.Table
		family, name, want string
	}{
		{builtin, "OpenStage", "40", "OpenStage 20/40[20 40]; OpenStage 20/40 variants[20 20E 20G 40 40G]"},
		{builtin, "openstage", "OpenStage 40", "OpenStage 20/40[20 40]; OpenStage 20/40 variants[20 20E 20G 40 40G]"},
		{builtin, "OpenStage", "40g", "OpenStage 20/40 variants[20 20E 20G 40 40G]"},
		{builtin, "OpenStage", "OpenStage Hi", "OpenStage Hi[60 60G 80 80G]"},
		{builtin, "OpenStage", "15", ""},
		{builtin, "OpenScape Desk Phone IP", "40", ""},
		{builtin, "", "cp20x", "CP20X[CP200 CP205]"},
		{builtin, "", "CP205", "CP20X[CP200 CP205]"},
		{builtin, "", "CP210", ""},
		{builtin, "", "", ""},
		{both, "OpenStage", "20", "OPENSTAGE  20/40[15 20]; OpenStage 20/40 variants[20 20E 20G 40 40G]"},
		{both, "OpenStage", "15", "OPENSTAGE  20/40[15 20]"},
		{both, "", "CP205", ""},
		{both, "OpenStage", "1", ""},
		{both, "OpenStage", "2", "new[2]"},
	} {
		if got := names(test.table.ClassesOf(test.family, test.name)); got != test.want {
			t.Errorf("%q, %q: got %s, want %s", test.family, test.name, got, test.want)
		}
	}
	if got := names(hwcheck.Builtin().Classes); names(builtin.Classes) != got || len(site.Classes) != 4 || len(site.Classes[1].Models) != 0 {
		t.Errorf("got %s and %+v", names(builtin.Classes), site.Classes)
	}
}

// TestBuiltinClasses checks that each built-in class has a source and a confidence, and none is documented.
func TestBuiltinClasses(t *testing.T) {
	table := hwcheck.Builtin()
	for _, c := range table.Classes {
		if c.Source == "" || c.Where == "" || c.Confidence != bind.Observed && c.Confidence != hwcheck.Assumed || len(c.Models) < 2 || c.Family == "" {
			t.Errorf("got %+v", c)
		}
	}
	text, err := table.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if again := readTable(t, string(text)); len(again.Classes) != len(table.Classes) {
		t.Errorf("got %d classes read back, want %d", len(again.Classes), len(table.Classes))
	}
}

// TestDamagedKernel checks that no permission overrides a damaged kernel part, and that one that was not read is no fault.
func TestDamagedKernel(t *testing.T) {
	for kernel, want := range map[bind.Check]hwcheck.Outcome{
		bind.Wrong: hwcheck.Fail, bind.Right: hwcheck.Pass, bind.Absent: hwcheck.Pass, "": hwcheck.Pass, bind.NotRead: hwcheck.NotChecked,
	} {
		var facts bind.Facts
		facts.Integrity = bind.Integrity{Digest: bind.Absent, Kernel: kernel}
		if kernel == bind.NotRead {
			facts.Integrity.Digest = bind.NotRead
		}
		all := hwcheck.Policy{Override: true, AllowTypeChange: true, AllowDowngrade: true, Reinstall: true}
		v := hwcheck.Check(facts, hwcheck.Phone{}, all)
		if f := v.Findings[0]; f.Outcome != want || f.Override != "" || v.Untrusted != (want == hwcheck.Fail) {
			t.Errorf("%s: got %+v", kernel, f)
		}
	}
}
