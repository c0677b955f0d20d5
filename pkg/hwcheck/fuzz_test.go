package hwcheck_test

import (
	"bytes"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// maxFuzzed is the maximum size of an input that is checked.
const maxFuzzed = 16 << 10

// mayAllocate returns how many bytes parsing a text may allocate: 1 MiB for 2.7 KiB of text, and in proportion for
// longer text. The content of a table or list must be kept, and a line of two bytes can be a phone.
func mayAllocate[T string | []byte](text T) uint64 {
	return max(1<<20, uint64(len(text))*384)
}

// checkAllocated runs read and limits the bytes that it allocates. Other allocations at the same time may be counted
// too, so the better of two runs counts; no test of this package may run in parallel.
func checkAllocated(t *testing.T, most uint64, read func()) {
	t.Helper()
	var least uint64
	for range 2 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		read()
		runtime.ReadMemStats(&after)
		if least = after.TotalAlloc - before.TotalAlloc; least <= most {
			return
		}
	}
	t.Errorf("got %d bytes allocated, want at most %d", least, most)
}

// TestReadTableAllocated uses the largest inputs that cost the decoders most. They are not seeds, because fuzzing is
// slow with large ones.
func TestReadTableAllocated(t *testing.T) {
	unknownKeys := "schema = 1\n"
	for i := 0; len(unknownKeys) < maxFuzzed-16; i++ {
		unknownKeys += fmt.Sprintf("a%d=1\n", i)
	}
	for name, text := range map[string]string{
		"unknown keys":             unknownKeys,
		"unknown tables":           filled("schema = 1\n", "[[entry.more]]\n", ""),
		"unknown keys in one line": filled("schema = 1\nentry = [", "{a=1},", "]"),
		"empty entries":            filled("schema = 1\n", "[[entry]]\n", ""),
		"empty entries in a line":  filled("schema = 1\nentry = [", "{},", "]"),
		"small entries":            filled("schema = 1\n", "[[entry]]\nhw_level=1\nminimum_version=\"1.1.1.1\"\n", ""),
		"nested lists":             filled("schema = 1\nentry = ", "[", ""),
		"nested tables":            filled("schema = 1\nentry = ", "{x=", ""),
		"long key":                 filled("schema = 1\n", "x.", ""),
		"long list":                filled("schema = 1\n[[entry]]\nproduct = [", "1,", "]"),
	} {
		t.Run(name, func(t *testing.T) {
			checkAllocated(t, mayAllocate(text), func() { _, _ = hwcheck.ReadTable(strings.NewReader(text), "a.toml") })
		})
	}
}

func TestReadPhonesAllocated(t *testing.T) {
	for name, text := range map[string]string{
		"short notes":      filled("note\n", "a\n", ""),
		"levels":           filled("hw_level\n", "1\n", ""),
		"empty cells":      filled("address,mac\n", ",\n", ""),
		"columns":          filled("", ",", ""),
		"other columns":    filled("note", ";", ""),
		"cells too many":   filled("note\n", ",", ""),
		"quotes":           filled("note\n", "\"\"", ""),
		"one cell of many": filled("note\n\"", "\n", "a\""),
	} {
		t.Run(name, func(t *testing.T) {
			checkAllocated(t, mayAllocate(text), func() { _, _ = hwcheck.ReadPhones(strings.NewReader(text), "a.csv") })
		})
	}
}

// filled repeats text after start, up to the largest input.
func filled(start, text, end string) string {
	return start + strings.Repeat(text, (maxFuzzed-len(start)-len(end))/len(text)) + end
}

func FuzzTable(f *testing.F) {
	for _, seed := range [][]byte{
		nil,
		[]byte("schema = 1\n"),
		[]byte("schema = 1\n[[entry]]\nproduct = \"S7720\"\nvariant = \"A101\"\nrevisions = \"1-14\"\ndevice = \"OpenScape Desk Phone CP600\"\nhw_level = 3\nminimum_version = \"V1.2 R4.9.0\"\nsource = \"a label\"\n"),
		[]byte("schema = 1\r\n[[entry]]\r\nproduct = 's7720'\r\nrevisions = '-14'\r\nhw_level = 0x3\r\n"),
		[]byte("schema = 1\n[[entry]]\nhw_level = 65_535\nminimum_version = \"1.10.2.0002\"\nfamily = \"OpenStage\"\n"),
		[]byte("schema = 1\nentry = [{product = \"S7720\", revisions = \"15-\", device = \"\"\"a\nb\"\"\"}]\n"),
		[]byte("schema = 1\n[[entry]]\nproduct = \"S7720\"\ndevice = \"\\u001b[2J\\U0010FFFF\"\n"),
		[]byte("schema = 2\n"),
		[]byte("\xef\xbb\xbfschema = 1\n"),
		[]byte("schema = 1\n[[entry]]\nhw_levels = 3\n"),
		[]byte("schema = 1\nschema = 1\n"),
		[]byte("schema = 1\nentry = [{},{a=1},{a={b=[]}}]\n[[entry.more]]\n"),
		[]byte("schema = 1\n[[class]]\nname = \"OpenStage 20/40\"\nfamily = \"OpenStage\"\nmodels = [\"20\", \"40\"]\nsource = \"a label\"\n[[class]]\nname = 'x'\nmodels = []\n"),
		[]byte("schema = 1\n[[class]]\nname = \"x\"\nmodels = [[\"20\"], {}, 1]\n[[class.models]]\n"),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > maxFuzzed {
			return
		}
		var table *hwcheck.Table
		var err error
		checkAllocated(t, mayAllocate(text), func() { table, err = hwcheck.ReadTable(bytes.NewReader(text), "a.toml") })
		if (err == nil) != (table != nil) {
			t.Fatalf("got %+v with error %v, want one of them", table, err)
		}
		if err != nil {
			return
		}
		written, err := table.Marshal()
		if err != nil {
			t.Fatalf("got %v for %+v, want it written", err, table)
		}
		again, err := hwcheck.ReadTable(bytes.NewReader(written), "b.toml")
		if err != nil {
			t.Fatalf("got %v when read back from\n%s", err, written)
		}
		if len(again.Entries) != len(table.Entries) {
			t.Fatalf("got %d entries, want %d, from\n%s", len(again.Entries), len(table.Entries), written)
		}
		for i := range table.Entries {
			got, want := again.Entries[i], table.Entries[i]
			got.Where, want.Where = "", ""
			if got != want {
				t.Errorf("got %+v, want %+v, from\n%s", got, want, written)
			}
		}
		for i := range table.Classes {
			got, want := again.Classes[i], table.Classes[i]
			got.Where, want.Where = "", ""
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v, from\n%s", got, want, written)
			}
		}
		_ = hwcheck.Builtin().Then(table).ClassesOf("OpenStage", "40")
	})
}

func FuzzPhones(f *testing.F) {
	for _, seed := range [][]byte{
		nil,
		[]byte("note\n"),
		[]byte(allColumns + "\n192.0.2.50:8085,00:1A:E8:12:34:56,OpenScape Desk Phone CP600,S30817-S7720-A101-4,3,Unify HFA,V1.2 R4.9.0,1.1.0.0,yes,\"lab, \"\"2nd\"\" floor\",note\n"),
		[]byte("\xef\xbb\xbfaddress;model\r\n[2001:db8::1]:8085;CP600\r\nphone;CP400\r\n"),
		[]byte("mac\n001AE8123456\n00-1a-e8-12-34-57\n001a.e812.3458\n"),
		[]byte("override,note\nno,\nno,a\nyes,\n"),
		[]byte("override\nno\n"),
		[]byte("note,reason\n\" a\",\"#b\"\n,\n\\.,'\n"),
		[]byte("\n\nnote\n\na\n"),
		[]byte("note\n\"a\nb\"\n"),
		[]byte("note\na\x00b\n"),
		[]byte("note\nGr\xf6\xdfe\n"),
		[]byte("address\nphone\nPHONE\n"),
		[]byte("note,note\n"),
		[]byte(",,\n"),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > maxFuzzed {
			return
		}
		var phones []hwcheck.ListedPhone
		var err error
		checkAllocated(t, mayAllocate(text), func() { phones, err = hwcheck.ReadPhones(bytes.NewReader(text), "a.csv") })
		if err != nil {
			if phones != nil {
				t.Fatalf("got %+v with error %v, want none", phones, err)
			}
			return
		}
		var written bytes.Buffer
		if err := hwcheck.WritePhones(&written, phones); err != nil {
			t.Fatalf("got %v for %+v, want it written", err, phones)
		}
		again, err := hwcheck.ReadPhones(bytes.NewReader(written.Bytes()), "b.csv")
		if err != nil {
			t.Fatalf("got %v when read back from\n%s", err, written.Bytes())
		}
		withoutPlaces(phones)
		withoutPlaces(again)
		if len(again) != len(phones) || len(phones) > 0 && !reflect.DeepEqual(again, phones) {
			t.Errorf("got  %+v\nwant %+v, from\n%s", again, phones, written.Bytes())
		}
	})
}

// withoutPlaces removes the places of claims, because writing a list moves them.
func withoutPlaces(phones []hwcheck.ListedPhone) {
	for i := range phones {
		p := &phones[i]
		p.Line = 0
		withoutPlace(p.Phone.Device)
		withoutPlace(p.Phone.PartNumber)
		withoutPlace(p.Phone.Level)
		withoutPlace(p.Phone.SoftwareType)
		withoutPlace(p.Phone.Running)
		withoutPlace(p.Phone.Minimum)
	}
}

func withoutPlace[T any](claims []hwcheck.Claim[T]) {
	for i := range claims {
		claims[i].Where = ""
	}
}

func FuzzPartNumber(f *testing.F) {
	for _, seed := range []string{
		"", "S30817-S7403-A101-15", "S30817-S7403-A101-015", " s30817-s7403-c101-0\n", "S30817-S9999-Z999-999",
		"S30817-S7403-A101-1000", "S30817-S7403-A101", "L30250-F600-C428", "S30817-S7403-A101-\xff",
		"\u017f30817-\u017f7403-a101-1", strings.Repeat("S30817-S7403-A101-15", 800),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > maxFuzzed {
			return
		}
		var part hwcheck.PartNumber
		var err error
		checkAllocated(t, 1<<20, func() { part, err = hwcheck.ParsePartNumber(text) })
		if err != nil {
			if part != (hwcheck.PartNumber{}) {
				t.Fatalf("got %+v with error %v, want none", part, err)
			}
			return
		}
		if again, err := hwcheck.ParsePartNumber(part.String()); err != nil || again != part {
			t.Errorf("got %+v, %v when read back from %q, want %+v", again, err, part, part)
		}
	})
}
