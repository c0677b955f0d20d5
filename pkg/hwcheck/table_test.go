package hwcheck_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

func TestReadTable(t *testing.T) {
	const text = `# invented
schema = 1

[[entry]]
product = "s7720"
variant = "a101"
revisions = "1-14"
device = "OpenScape Desk Phone CP600"
hw_level = 3
minimum_version = "1.4.9.0"
source = "the label"

[[entry]]
hw_level = 65535
minimum_version = "V1 R9.2.0"
family = "OpenScape Desk Phone CP"
`
	want := []hwcheck.Entry{
		{
			Product: "S7720", Variant: "A101", Revisions: revisions(t, "1-14"), Device: "OpenScape Desk Phone CP600",
			Level: 3, Minimum: version(t, "V1 R4.9.0"), Source: "the label", Where: "site.toml, line 4",
		},
		{
			Family: "OpenScape Desk Phone CP", Level: 65535, Minimum: version(t, "V1 R9.2.0"), Where: "site.toml, line 13",
		},
	}
	if got := readTable(t, text); !reflect.DeepEqual(got.Entries, want) {
		t.Errorf("got  %+v\nwant %+v", got.Entries, want)
	}
}

func TestReadTableForms(t *testing.T) {
	for _, test := range []struct {
		name, text string
		entries    int
	}{
		{"no entry", "schema = 1\n", 0},
		{"line ends of Windows", "schema = 1\r\n[[entry]]\r\nproduct = \"S7720\"\r\nhw_level = 3\r\n", 1},
		{"no line end at the end", "schema = 1\n[[entry]]\nproduct = \"S7720\"\nhw_level = 3", 1},
		{"only a device", "schema = 1\n[[entry]]\nproduct = \"S7720\"\ndevice = \"CP600\"\n", 1},
		{"only a lowest version", "schema = 1\n[[entry]]\nproduct = \"S7720\"\nminimum_version = \"V1 R4.9.0\"\n", 1},
		{"every revision", "schema = 1\n[[entry]]\nproduct = \"S7720\"\nrevisions = \"\"\nhw_level = 3\n", 1},
		{"level of any family", "schema = 1\n[[entry]]\nhw_level = 3\nminimum_version = \"V1 R4.9.0\"\n", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := readTable(t, test.text); len(got.Entries) != test.entries {
				t.Errorf("got %d entries, want %d", len(got.Entries), test.entries)
			}
		})
	}
}

func TestReadTableErrors(t *testing.T) {
	const good = "schema = 1\n[[entry]]\nproduct = \"S7720\"\nhw_level = 3\n\n" // lines 1 to 5
	for _, test := range []struct {
		name, text string
		line       int
		says       string // a word that the message must contain
	}{
		{"empty", "", 1, "schema"},
		{"no schema", "[[entry]]\nproduct = \"S7720\"\nhw_level = 3\n", 1, "schema"},
		{"newer schema", "schema = 2\n", 1, "schema"},
		{"newer schema further down", "# the phones of a site\n\nschema = 2\n", 3, "schema"},
		{"schema that is text", "# the phones of a site\nschema = \"1\"\n", 2, ""},
		{"no TOML", "schema = 1\n\nthis is a letter\n", 3, ""},
		{"value missing", good + "[[entry]]\nproduct =\n", 7, ""},
		{"string not closed", good + "[[entry]]\nproduct = \"S7720\n", 7, ""},
		{"key twice", good + "[[entry]]\nproduct = \"S7720\"\nproduct = \"S7721\"\n", 8, ""},
		{"not UTF-8", good + "# \xff\n", 6, ""},
		{"unknown key", good + "[[entry]]\nproduct = \"S7720\"\nlevel = 3\n", 8, "level"},
		{"unknown key at the top", "schema = 1\n\nowner = \"me\"\n", 3, "owner"},
		{"unknown table", good + "[entries]\n", 6, "entries"},
		{"unknown table below an entry", good + "[entry.more]\nx = 1\n", 6, "more"},
		{"a number where text belongs", good + "[[entry]]\nproduct = 7720\n", 7, ""},
		{"text where a number belongs", good + "[[entry]]\nproduct = \"S7720\"\nhw_level = \"3\"\n", 8, ""},
		{"level with a fraction", good + "[[entry]]\nproduct = \"S7720\"\nhw_level = 3.5\n", 8, ""},
		{"control character in a device", good + "[[entry]]\nproduct = \"S7720\"\ndevice = \"CP600\\u001b[2J\"\n", 6, "control character"},
		{"level 0", good + "[[entry]]\nproduct = \"S7720\"\ndevice = \"CP600\"\nhw_level = 0\n", 6, "hw_level"},
		{"level below 0", good + "[[entry]]\nproduct = \"S7720\"\nhw_level = -1\n", 6, "hw_level"},
		{"level above the highest", good + "[[entry]]\nproduct = \"S7720\"\nhw_level = 65536\n", 6, "hw_level"},
		{"level above every number", good + "[[entry]]\nproduct = \"S7720\"\nhw_level = 99999999999999999999\n", 8, ""},
		{"product without its letter", good + "[[entry]]\nproduct = \"7720\"\nhw_level = 3\n", 6, "product"},
		{"product of five digits", good + "[[entry]]\nproduct = \"S77200\"\nhw_level = 3\n", 6, "product"},
		{"whole part number as product", good + "[[entry]]\nproduct = \"S30817-S7720-A101-1\"\nhw_level = 3\n", 6, "product"},
		{"variant of two digits", good + "[[entry]]\nproduct = \"S7720\"\nvariant = \"A10\"\nhw_level = 3\n", 6, "variant"},
		{"revisions that are words", good + "[[entry]]\nproduct = \"S7720\"\nrevisions = \"old\"\nhw_level = 3\n", 6, "revisions"},
		{"revisions the wrong way round", good + "[[entry]]\nproduct = \"S7720\"\nrevisions = \"14-1\"\nhw_level = 3\n", 6, "revisions"},
		{"lowest version that cannot be read", good + "[[entry]]\nproduct = \"S7720\"\nminimum_version = \"new\"\n", 6, "minimum_version"},
		{"entry without anything", good + "[[entry]]\n", 6, "needs"},
		{"product without anything about it", good + "[[entry]]\nproduct = \"S7720\"\n", 6, "needs"},
		{"product with a source alone", good + "[[entry]]\nproduct = \"S7720\"\nsource = \"me\"\n", 6, "needs"},
		{"product with a family", good + "[[entry]]\nproduct = \"S7720\"\nfamily = \"OpenStage\"\nhw_level = 3\n", 6, "family"},
		{"level without a lowest version", good + "[[entry]]\nhw_level = 3\n", 6, "needs"},
		{"lowest version without a level", good + "[[entry]]\nminimum_version = \"V1 R4.9.0\"\n", 6, "needs"},
		{"variant without a product", good + "[[entry]]\nvariant = \"A101\"\nhw_level = 3\nminimum_version = \"V1 R4.9.0\"\n", 6, "product"},
		{"revisions without a product", good + "[[entry]]\nrevisions = \"1-\"\nhw_level = 3\nminimum_version = \"V1 R4.9.0\"\n", 6, "product"},
		{"device without a product", good + "[[entry]]\ndevice = \"CP600\"\nhw_level = 3\nminimum_version = \"V1 R4.9.0\"\n", 6, "product"},
		{"second of three entries", good + "[[entry]]\nhw_level = 3\n\n[[entry]]\nproduct = \"S7720\"\nhw_level = 3\n", 6, "needs"},
		{"entries in one line", "schema = 1\n\nentry = [{product = \"X\", hw_level = 3}]\n", 3, ""},
		{"line ends of Windows", strings.ReplaceAll(good+"[[entry]]\nhw_level = 3\n", "\n", "\r\n"), 6, "needs"},
	} {
		t.Run(test.name, func(t *testing.T) {
			table, err := hwcheck.ReadTable(strings.NewReader(test.text), "site.toml")
			if table != nil {
				t.Errorf("got table %+v with an error, want none", table)
			}
			checkLine(t, err, test.line, test.says)
		})
	}
}

// checkLine checks the line of an error and the word that it must contain.
func checkLine(t *testing.T, err error, line int, says string) {
	t.Helper()
	var at *hwcheck.LineError
	if !errors.As(err, &at) {
		t.Fatalf("got error %v, want a LineError", err)
	}
	if at.Line != line || !strings.Contains(at.Msg, says) || at.Msg == "" {
		t.Errorf("got %q, want line %d and the word %q", err, line, says)
	}
}

func TestLineErrorText(t *testing.T) {
	got, want := (&hwcheck.LineError{Line: 3, Msg: "hw_level 0: levels start at 1"}).Error(), "line 3: hw_level 0: levels start at 1"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestReadTableSize(t *testing.T) {
	const limit = 1 << 20
	const start = "schema = 1\n#"
	fits := start + strings.Repeat("x", limit-len(start))
	if table, err := hwcheck.ReadTable(strings.NewReader(fits), ""); err != nil || table == nil {
		t.Errorf("got %v, %v for %d bytes, want a table", table, err, len(fits))
	}
	if table, err := hwcheck.ReadTable(strings.NewReader(fits+"x"), ""); err == nil || table != nil {
		t.Errorf("got %v, %v for %d bytes, want an error", table, err, len(fits)+1)
	}
	broken := errors.New("the medium is gone")
	if table, err := hwcheck.ReadTable(iotest.ErrReader(broken), ""); !errors.Is(err, broken) || table != nil {
		t.Errorf("got %v, %v, want %v", table, err, broken)
	}
}

func TestMarshalTable(t *testing.T) {
	table := readTable(t, `schema = 1
[[entry]]
product = "S7720"
variant = "A101"
revisions = "-14"
device = "Phone \"6\"\\"
hw_level = 3
minimum_version = "V1.2 R0.1.0"
source = '''a 'quoted' source'''
[[entry]]
hw_level = 7
minimum_version = "V1 R9.2.0"
family = "OpenScape Desk Phone CP"
`)
	text, err := table.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	again := readTable(t, string(text))
	for _, both := range []*hwcheck.Table{table, again} {
		for i := range both.Entries {
			both.Entries[i].Where = "" // the lines differ
		}
	}
	if !reflect.DeepEqual(again, table) {
		t.Errorf("got  %+v\nwant %+v, from\n%s", again, table, text)
	}
}

func TestRevisions(t *testing.T) {
	for _, test := range []struct {
		text, written string
		in, out       []uint16
	}{
		{"", "", []uint16{0, 1, 999, 65535}, nil},
		{"4", "4", []uint16{4}, []uint16{0, 3, 5, 65535}},
		{"1-14", "1-14", []uint16{1, 2, 13, 14}, []uint16{0, 15, 65535}},
		{"7-7", "7", []uint16{7}, []uint16{6, 8}},
		{"15-", "15-", []uint16{15, 16, 65535}, []uint16{0, 14}},
		{"-14", "0-14", []uint16{0, 1, 14}, []uint16{15, 65535}},
		{"0-65535", "0-", []uint16{0, 1, 65535}, nil},
		{"65535", "65535", []uint16{65535}, []uint16{0, 65534}},
		{" 1 - 14 ", "1-14", []uint16{1, 14}, []uint16{0, 15}},
		{"001-014", "1-14", []uint16{1, 14}, []uint16{0, 15}},
	} {
		t.Run("from "+test.text, func(t *testing.T) {
			r := revisions(t, test.text)
			if r.String() != test.written {
				t.Errorf("got written %q, want %q", r.String(), test.written)
			}
			if again := revisions(t, r.String()); again != r {
				t.Errorf("got %+v from %q, want %+v", again, r.String(), r)
			}
			for _, revision := range test.in {
				if !r.Contains(revision) {
					t.Errorf("got %d outside, want it inside", revision)
				}
			}
			for _, revision := range test.out {
				if r.Contains(revision) {
					t.Errorf("got %d inside, want it outside", revision)
				}
			}
		})
	}
}

func TestRevisionsErrors(t *testing.T) {
	for _, text := range []string{"-", "--", "14-1", "1-2-3", "1--2", "x", "1-x", "x-2", "65536", "1-65536", "+1", "1.5", "1 4", "1,4"} {
		if got, err := hwcheck.ParseRevisions(text); err == nil || got != (hwcheck.Revisions{}) {
			t.Errorf("got %q, %v from %q, want nothing and an error", got, err, text)
		}
	}
}

// TestComplete checks for each phone which entry states the value that counts.
func TestComplete(t *testing.T) {
	const text = `schema = 1
[[entry]] # line 2
product = "S7720"
device = "CP400"
hw_level = 1
minimum_version = "V1 R1.0.0"
[[entry]] # line 7
product = "S7720"
variant = "A101"
hw_level = 2
[[entry]] # line 11
product = "S7720"
variant = "A101"
revisions = "10-14"
minimum_version = "V1 R2.0.0"
[[entry]] # line 16
product = "S7720"
revisions = "15-"
device = "CP600"
[[entry]] # line 20
product = "S7721"
device = "OpenScape Desk Phone CP200"
hw_level = 6
[[entry]] # line 24
hw_level = 6
minimum_version = "V1 R6.0.0"
[[entry]] # line 27
hw_level = 6
family = "openscape desk phone cp"
minimum_version = "V1 R7.0.0"
[[entry]] # line 31
hw_level = 5
minimum_version = "V1 R5.0.0"
`
	table := readTable(t, text)
	for _, test := range []struct {
		name                   string
		phone                  hwcheck.Phone
		device, level, minimum string
	}{
		{"product alone", partPhone(t, "S30817-S7720-B101-1"), "CP400 (line 2)", "1 (line 2)", "V1 R1.0.0 (line 2)"},
		{"later entry states the level, earlier ones the rest", partPhone(t, "S30817-S7720-A101-9"), "CP400 (line 2)", "2 (line 7)", "V1 R1.0.0 (line 2)"},
		{"three entries state one value each", partPhone(t, "S30817-S7720-A101-10"), "CP400 (line 2)", "2 (line 7)", "V1 R2.0.0 (line 11)"},
		{"last revision of a range", partPhone(t, "S30817-S7720-A101-14"), "CP400 (line 2)", "2 (line 7)", "V1 R2.0.0 (line 11)"},
		{"first revision of an open range", partPhone(t, "S30817-S7720-A101-15"), "CP600 (line 16)", "2 (line 7)", "V1 R1.0.0 (line 2)"},
		{"revision range without a variant", partPhone(t, "S30817-S7720-C999-999"), "CP600 (line 16)", "1 (line 2)", "V1 R1.0.0 (line 2)"},
		{"lowest version through the level of the part number", partPhone(t, "S30817-S7721-A101-1"), "OpenScape Desk Phone CP200 (line 20)", "6 (line 20)", "V1 R7.0.0 (line 27)"},
		{"another product", partPhone(t, "S30817-S7722-A101-1"), "", "", ""},
		{"nothing known", hwcheck.Phone{}, "", "", ""},
		{"stated level, family not known", levelPhone(6, ""), "", "6", "V1 R6.0.0 (line 24)"},
		{"stated level, model without family", levelPhone(6, "CP600"), "CP600", "6", "V1 R6.0.0 (line 24)"},
		{"stated level of the family", levelPhone(6, "OpenScape Desk Phone CP600"), "OpenScape Desk Phone CP600", "6", "V1 R7.0.0 (line 27)"},
		{"stated level of another family", levelPhone(6, "OpenStage 40"), "OpenStage 40", "6", "V1 R6.0.0 (line 24)"},
		{"stated level of any family", levelPhone(5, "OpenStage 40"), "OpenStage 40", "5", "V1 R5.0.0 (line 31)"},
		{"stated level that no entry is about", levelPhone(4, ""), "", "4", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			checkCompleted(t, table.Complete(test.phone), test.device, test.level, test.minimum)
		})
	}
}

// TestCompleteAdds checks that stated values stay first, and that values from a table are added: a contradiction must
// stay visible.
func TestCompleteAdds(t *testing.T) {
	table := readTable(t, "schema = 1\n[[entry]]\nproduct = \"S7720\"\ndevice = \"CP600\"\nhw_level = 3\nminimum_version = \"V1 R4.9.0\"\n")
	phone := partPhone(t, "S30817-S7720-A101-1")
	phone.Device = []hwcheck.Claim[string]{{Value: "CP400", Origin: hwcheck.Flag}}
	phone.Level = []hwcheck.Claim[uint16]{{Value: 2, Origin: hwcheck.List}}
	phone.Minimum = []hwcheck.Claim[bind.Version]{{Value: version(t, "V1 R1.0.0"), Origin: hwcheck.Reported}}
	checkCompleted(t, table.Complete(phone), "CP400, CP600 (line 2)", "2, 3 (line 2)", "V1 R1.0.0, V1 R4.9.0 (line 2)")
}

// TestCompleteDisagreement checks that disputed levels and part numbers have no lowest version.
func TestCompleteDisagreement(t *testing.T) {
	table := readTable(t, `schema = 1
[[entry]]
product = "S7720"
hw_level = 3
[[entry]]
product = "S7721"
minimum_version = "V1 R4.9.0"
[[entry]]
hw_level = 3
minimum_version = "V1 R5.0.0"
`)
	phone := partPhone(t, "S30817-S7720-A101-1")
	phone.Level = []hwcheck.Claim[uint16]{{Value: 2, Origin: hwcheck.Flag}}
	checkCompleted(t, table.Complete(phone), "", "2, 3 (line 2)", "")

	phone = partPhone(t, "S30817-S7721-A101-1")
	phone.PartNumber = append(phone.PartNumber, partPhone(t, "S30817-S7721-A101-2").PartNumber...)
	checkCompleted(t, table.Complete(phone), "", "", "")
}

// TestCompleteKeepsLists checks that completing one phone does not change another, because phones of a list may share
// values.
func TestCompleteKeepsLists(t *testing.T) {
	table := readTable(t, "schema = 1\n[[entry]]\nproduct = \"S7720\"\nhw_level = 3\n[[entry]]\nproduct = \"S7721\"\nhw_level = 4\n")
	shared := make([]hwcheck.Claim[uint16], 1, 8)
	shared[0] = hwcheck.Claim[uint16]{Value: 2, Origin: hwcheck.Flag}
	one, other := partPhone(t, "S30817-S7720-A101-1"), partPhone(t, "S30817-S7721-A101-1")
	one.Level, other.Level = shared, shared
	first, second := table.Complete(one), table.Complete(other)
	checkCompleted(t, first, "", "2, 3 (line 2)", "")
	checkCompleted(t, second, "", "2, 4 (line 5)", "")
	if len(one.Level) != 1 {
		t.Errorf("got %d levels in the phone that was completed, want 1", len(one.Level))
	}
}

// TestCompleteAll uses a large table and a long list: completing a phone must not read every entry of the table.
func TestCompleteAll(t *testing.T) {
	table := hwcheck.Builtin()
	for i := range 20_000 {
		e := hwcheck.Entry{Product: fmt.Sprintf("S%04d", i%10_000), Variant: fmt.Sprintf("A%03d", i%7), Level: uint16(i + 1), Where: "site.toml, line 2"}
		if i%2 == 0 {
			e = hwcheck.Entry{Family: fmt.Sprintf("Family %d", i), Level: 1, Minimum: bind.Version{Major: uint16(i + 1)}, Where: "site.toml, line 3"}
		}
		table.Entries = append(table.Entries, e)
	}
	phones := make([]hwcheck.ListedPhone, 10_000)
	for i := range phones {
		phones[i].Phone = levelPhone(1, fmt.Sprintf("family %d 40", 2*i))
		phones[i].Phone.PartNumber = partPhone(t, "S30817-S9999-A003-1").PartNumber
	}
	phones[0].Phone.PartNumber = nil
	start := time.Now()
	if err := table.CompleteAll(t.Context(), phones); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %s", took)
	}
	checkCompleted(t, phones[0].Phone, "family 0 40", "1", "V1 R0.0.0 (line 3)")
	checkCompleted(t, phones[1].Phone, "family 2 40", "1, 10000 (line 2)", "")
}

func TestCompleteAllInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	over := errors.New("it is over")
	cancel(over)
	phones := []hwcheck.ListedPhone{{Phone: partPhone(t, "S30817-S7403-A101-1")}}
	if err := hwcheck.Builtin().CompleteAll(ctx, phones); !errors.Is(err, over) || len(phones[0].Phone.Device) != 0 {
		t.Errorf("got %v and device %v, want %v and none", err, phones[0].Phone.Device, over)
	}
}

func TestThen(t *testing.T) {
	first := readTable(t, "schema = 1\n[[entry]]\nproduct = \"S7720\"\ndevice = \"CP400\"\nhw_level = 1\n")
	later := readTable(t, "schema = 1\n\n[[entry]]\nproduct = \"S7720\"\nhw_level = 2\n")
	both := first.Then(later)
	checkCompleted(t, both.Complete(partPhone(t, "S30817-S7720-A101-1")), "CP400 (line 2)", "2 (line 3)", "")
	if len(first.Entries) != 1 || len(later.Entries) != 1 || len(both.Entries) != 2 {
		t.Errorf("got %d and %d entries, together %d, want 1, 1 and 2", len(first.Entries), len(later.Entries), len(both.Entries))
	}
}

// TestBuiltin checks that only entries with a public source are compiled in, and no hardware level has one.
func TestBuiltin(t *testing.T) {
	table := hwcheck.Builtin()
	if len(table.Entries) == 0 {
		t.Fatal("got no entries")
	}
	seen := map[string]bool{}
	for _, e := range table.Entries {
		if e.Source == "" || !strings.Contains(e.Where, e.Source) {
			t.Errorf("got source %q of %s, reported as %q, want a source and that it is reported", e.Source, e.Product, e.Where)
		}
		if e.Level != 0 || !e.Minimum.IsZero() {
			t.Errorf("got level %d and lowest version %s of %s, want none", e.Level, e.Minimum, e.Product)
		}
		if seen[e.Product] || e.Product == "" || e.Device == "" {
			t.Errorf("got product %q as %q, want each product once and what it is", e.Product, e.Device)
		}
		seen[e.Product] = true
	}
	text, err := table.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if again := readTable(t, string(text)); len(again.Entries) != len(table.Entries) {
		t.Errorf("got %d entries read back, want %d", len(again.Entries), len(table.Entries))
	}
	phone := table.Complete(partPhone(t, "S30817-S7403-A101-15"))
	if len(phone.Device) != 1 || phone.Device[0].Value != "OpenStage 60" {
		t.Errorf("got %+v for the part number of an OpenStage 60", phone.Device)
	}
}

// TestBuiltinIsNew checks that a change of one table does not change the next.
func TestBuiltinIsNew(t *testing.T) {
	hwcheck.Builtin().Entries[0].Level = 9
	if got := hwcheck.Builtin().Entries[0].Level; got != 0 {
		t.Errorf("got level %d, want 0", got)
	}
}

// checkCompleted compares claims written as "value (line 3)", where stated ones have no line.
func checkCompleted(t *testing.T, p hwcheck.Phone, device, level, minimum string) {
	t.Helper()
	checkClaims(t, "device", p.Device, device, func(s string) string { return s })
	checkClaims(t, "level", p.Level, level, func(l uint16) string { return decimal(l) })
	checkClaims(t, "lowest version", p.Minimum, minimum, bind.Version.String)
}

func checkClaims[T any](t *testing.T, what string, claims []hwcheck.Claim[T], want string, text func(T) string) {
	t.Helper()
	var all []string
	for _, c := range claims {
		statement := text(c.Value)
		if where, found := strings.CutPrefix(c.Where, "site.toml, "); found {
			statement += " (" + where + ")"
		}
		if (c.Origin == hwcheck.Rules) != (c.Where != "") {
			t.Errorf("got origin %q and place %q of %s, want a place for what comes from the table", c.Origin, c.Where, what)
		}
		all = append(all, statement)
	}
	if got := strings.Join(all, ", "); got != want {
		t.Errorf("got %s %q, want %q", what, got, want)
	}
}

func readTable(t *testing.T, text string) *hwcheck.Table {
	t.Helper()
	table, err := hwcheck.ReadTable(strings.NewReader(text), "site.toml")
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return table
}

func revisions(t *testing.T, text string) hwcheck.Revisions {
	t.Helper()
	r, err := hwcheck.ParseRevisions(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func version(t *testing.T, text string) bind.Version {
	t.Helper()
	v, err := bind.ParseVersion(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// partPhone returns a phone with a stated part number.
func partPhone(t *testing.T, text string) hwcheck.Phone {
	t.Helper()
	part, err := hwcheck.ParsePartNumber(text)
	if err != nil {
		t.Fatal(err)
	}
	return hwcheck.Phone{PartNumber: []hwcheck.Claim[hwcheck.PartNumber]{{Value: part, Origin: hwcheck.Flag}}}
}

// levelPhone returns a phone with a stated level, and a stated device if it is not "".
func levelPhone(level uint16, device string) hwcheck.Phone {
	p := hwcheck.Phone{Level: []hwcheck.Claim[uint16]{{Value: level, Origin: hwcheck.Flag}}}
	if device != "" {
		p.Device = []hwcheck.Claim[string]{{Value: device, Origin: hwcheck.Flag}}
	}
	return p
}
