package hwcheck_test

import (
	"encoding/binary"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

const allColumns = "address,mac,model,part_number,hw_level,software_type,running,minimum_version,override,reason,note,site"

func decimal(n uint16) string { return strconv.Itoa(int(n)) }

func TestReadPhones(t *testing.T) {
	phones := readPhones(t, allColumns+"\n"+
		"192.0.2.50:8085,00-1a-e8-12-34-56,OpenScape Desk Phone CP600,S30817-S7720-A101-4,3,Unify HFA,1.4.9.0,V1 R1.0.0,yes,\"lab, 2nd floor\",near the door,berlin\n")
	part, err := hwcheck.ParsePartNumber("S30817-S7720-A101-4")
	if err != nil {
		t.Fatal(err)
	}
	want := hwcheck.ListedPhone{
		Line: 2, Address: "192.0.2.50:8085", MAC: "00:1A:E8:12:34:56", Override: true, Reason: "lab, 2nd floor", Note: "near the door", Site: "berlin",
		Phone: hwcheck.Phone{
			Device:       listed("OpenScape Desk Phone CP600", 2),
			PartNumber:   listed(part, 2),
			Level:        listed(uint16(3), 2),
			SoftwareType: listed("Unify HFA", 2),
			Running:      listed(bind.Version{Major: 1, Release: 4, Fix: 9}, 2),
			Minimum:      listed(bind.Version{Major: 1, Release: 1}, 2),
		},
	}
	if len(phones) != 1 || !reflect.DeepEqual(phones[0], want) {
		t.Errorf("got  %+v\nwant %+v", phones, want)
	}
}

// listed returns a claim from a line of the list.
func listed[T any](value T, line int) []hwcheck.Claim[T] {
	return []hwcheck.Claim[T]{{Value: value, Origin: hwcheck.List, Where: "site.csv, line " + strconv.Itoa(line)}}
}

// TestReadPhonesColumns checks that a list may omit any column, and have the others in any order.
func TestReadPhonesColumns(t *testing.T) {
	cells := map[string]string{
		"address": "phone.example", "mac": "001AE8123456", "model": "CP600", "part_number": "s30817-s7720-a101-004",
		"hw_level": "3", "software_type": "Unify SIP", "running": "V1R4.9.0", "minimum_version": "1.1.0.0",
		"override": "YES", "reason": "a reason", "note": "a note", "site": "Berlin 2",
	}
	names := strings.Split(allColumns, ",")
	whole := readPhones(t, allColumns+"\n"+row(cells, names)+"\n")[0]
	for start := range names {
		turned := append(append([]string{}, names[start:]...), names[:start]...)
		if got := readPhones(t, strings.Join(turned, ",")+"\n"+row(cells, turned)+"\n")[0]; !reflect.DeepEqual(got, whole) {
			t.Errorf("columns %q: got %+v, want %+v", turned, got, whole)
		}
	}
	// Each of the 4095 subsets must give exactly what its own columns state.
	for subset := 1; subset < 1<<len(names); subset++ {
		var some []string
		for i, name := range names {
			if subset&(1<<i) != 0 {
				some = append(some, name)
			}
		}
		got := readPhones(t, strings.Join(some, ",")+"\n"+row(cells, some)+"\n")[0]
		if want := onlyColumns(whole, some); !reflect.DeepEqual(got, want) {
			t.Fatalf("columns %q: got %+v, want %+v", some, got, want)
		}
	}
}

func row(cells map[string]string, names []string) string {
	var out []string
	for _, name := range names {
		out = append(out, cells[name])
	}
	return strings.Join(out, ",")
}

// onlyColumns returns the phone as a list with only these columns states it.
func onlyColumns(p hwcheck.ListedPhone, names []string) hwcheck.ListedPhone {
	out := hwcheck.ListedPhone{Line: p.Line}
	for _, name := range names {
		switch name {
		case "address":
			out.Address = p.Address
		case "mac":
			out.MAC = p.MAC
		case "model":
			out.Phone.Device = p.Phone.Device
		case "part_number":
			out.Phone.PartNumber = p.Phone.PartNumber
		case "hw_level":
			out.Phone.Level = p.Phone.Level
		case "software_type":
			out.Phone.SoftwareType = p.Phone.SoftwareType
		case "running":
			out.Phone.Running = p.Phone.Running
		case "minimum_version":
			out.Phone.Minimum = p.Phone.Minimum
		case "override":
			out.Override = p.Override
		case "reason":
			out.Reason = p.Reason
		case "note":
			out.Note = p.Note
		case "site":
			out.Site = p.Site
		}
	}
	return out
}

// TestReadPhonesForms tests lists as spreadsheets and editors write them. Each of them has the notes a and b in the
// given lines.
func TestReadPhonesForms(t *testing.T) {
	for _, test := range []struct {
		name, text string
		lines      [2]int
	}{
		{"plain", "note\na\nb\n", [2]int{2, 3}},
		{"no line end at the end", "note\na\nb", [2]int{2, 3}},
		{"line ends of Windows", "note\r\na\r\nb\r\n", [2]int{2, 3}},
		{"mark of UTF-8 at the start", "\ufeffnote\na\nb\n", [2]int{2, 3}},
		{"mark of UTF-8, quotes and line ends of Windows", "\ufeff\"note\"\r\n\"a\"\r\n\"b\"\r\n", [2]int{2, 3}},
		{"semicolons", "note;model\na;CP600\nb;CP600\n", [2]int{2, 3}},
		{"semicolons, and a comma in a cell", "note;reason;model\na;x, y;CP600\nb;;CP600\n", [2]int{2, 3}},
		{"commas, and a semicolon in a cell", "note,reason\na,x; y; z\nb,\n", [2]int{2, 3}},
		{"blanks around cells", " note , model \n a , CP600 \n b , CP600 \n", [2]int{2, 3}},
		{"blanks before quotes", "note, model\na, \"CP600\"\nb, \"CP600\"\n", [2]int{2, 3}},
		{"column names in capitals", "Note,MODEL\na,\nb,\n", [2]int{2, 3}},
		{"empty lines between", "note\n\na\n\n\nb\n\n", [2]int{3, 6}},
		{"lines of empty cells between", "note,model\n,\na,\n , \nb,\n,\n", [2]int{3, 5}},
		{"empty quoted cells", "note,model\n\"\",\"\"\na,\"\"\nb,\"\"\n", [2]int{3, 4}},
		{"empty lines before the header", "\n\nnote\na\nb\n", [2]int{4, 5}},
		{"empty line before a header with semicolons", "\nnote;model\na;\nb;\n", [2]int{3, 4}},
		{"tabulators", "note\tmodel\na\tCP600\nb\tCP600\n", [2]int{2, 3}},
		{"tabulators and empty cells", "model\tnote\treason\n\ta\t\nCP600\tb\n", [2]int{2, 3}},
		{"last cells left out", "note,model,reason\na,CP600\n\nb\n", [2]int{2, 4}},
		{"empty cells too many", "note,model\na,CP600,,,\nb,, ,\n", [2]int{2, 3}},
		{"line ends of old Macs", "note,model\ra,CP600\rb,CP600\r", [2]int{2, 3}},
		{"separator named first", "sep=;\nnote;model\na;CP600\nb\n", [2]int{3, 4}},
		{"separator named first, quoted, Windows", "\"sep=,\"\r\nnote,model\r\na,CP600\r\nb\r\n", [2]int{3, 4}},
		{"tabulator named first", "sep=\t\nnote\tmodel\na\tCP600\nb\t\n", [2]int{3, 4}},
		{"vertical bar named first", "sep=|\nnote|model\na|CP600\nb|\n", [2]int{3, 4}},
		{"type of PowerShell", "#TYPE System.Management.Automation.PSCustomObject\n\"note\",\"model\"\n\"a\",\"CP600\"\n\"b\",\n", [2]int{3, 4}},
		{"column names as people write them", "Note,HW Level,Part-Number,Software  Type,MINIMUM VERSION\na,3\nb,3\n", [2]int{2, 3}},
		{"UTF-16 of Windows, with tabulators", utf16Text("note\tmodel\r\na\tCP600\r\nb\tGröße 𝄞\r\n", binary.LittleEndian), [2]int{2, 3}},
		{"UTF-16, big end first", utf16Text("note,model\na,CP600\nb,CP600\n", binary.BigEndian), [2]int{2, 3}},
		{"quoted comma and quote", "note,reason\na,\"x, \"\"y\"\"\"\nb,\n", [2]int{2, 3}},
	} {
		t.Run(test.name, func(t *testing.T) {
			phones := readPhones(t, test.text)
			if len(phones) != 2 {
				t.Fatalf("got %d phones, want 2: %+v", len(phones), phones)
			}
			for i, note := range []string{"a", "b"} {
				if got := phones[i]; got.Note != note || got.Line != test.lines[i] {
					t.Errorf("got note %q in line %d, want %q in line %d", got.Note, got.Line, note, test.lines[i])
				}
			}
		})
	}
}

// utf16Text returns a text in UTF-16 with its mark.
func utf16Text(text string, order binary.AppendByteOrder) string {
	out := order.AppendUint16(nil, 0xfeff)
	for _, unit := range utf16.Encode([]rune(text)) {
		out = order.AppendUint16(out, unit)
	}
	return string(out)
}

// TestReadPhonesFaults checks that all errors of a list are reported, each with its own advice.
func TestReadPhonesFaults(t *testing.T) {
	text := "address,mac,hw level,running,override,colour,note\n" +
		"127.0.0.010,,,,,,a\n" +
		"http://192.0.2.1,,,1.4,,,b\n" +
		",00:1A,three,,maybe\n" +
		"192.0.2.2\n" +
		"192.0.2.2:8085\n" +
		"192.0.2.3,,,,,,\"x\ty\"\n" +
		"192.0.2.4,,,,,,room \"A\"\n" +
		"192.0.2.5,,,,,,c,d\n"
	_, err := hwcheck.ReadPhones(strings.NewReader(text), "site.csv")
	list := (*hwcheck.ListError)(nil)
	if !errors.As(err, &list) {
		t.Fatalf("got %v, want a ListError", err)
	}
	want := []struct {
		line         int
		says, advice string
	}{
		{1, `unknown column "colour"`, "rename"},
		{2, `address: "127.0.0.010" looks like`, "four numbers"},
		{3, `address: "http://192.0.2.1" is a web address`, "alone"},
		{3, `running: "1.4"`, "V1 R9.2.0"},
		{4, `mac: "00:1A"`, "label"},
		{4, `hw_level: "three"`, "whole number"},
		{4, `override: "maybe"`, "yes or no"},
		{6, "already in line 5", "remove one"},
		{7, "note: contains a control character", "one line"},
		{8, "has a quote", "twice"},
		{9, "has 8 cells, the header has 7", "quotes"},
	}
	for i, fault := range list.Faults {
		if i >= len(want) || fault.Line != want[i].line || !strings.Contains(fault.Msg, want[i].says) || !strings.Contains(fault.Advice, want[i].advice) {
			t.Errorf("error %d: got line %d: %s; advice %q", i, fault.Line, fault.Msg, fault.Advice)
		}
	}
	if len(list.Faults) != len(want) || list.More || !strings.HasSuffix(err.Error(), "(the first of 11 errors)") {
		t.Errorf("got %d errors, %q, want %d", len(list.Faults), err, len(want))
	}

	_, err = hwcheck.ReadPhones(strings.NewReader("hw_level\n"+strings.Repeat("x\n", 1000)), "site.csv")
	if !errors.As(err, &list) || len(list.Faults) != 20 || !list.More || list.Count() != "20 or more errors" {
		t.Errorf("got %v, want 20 errors", err)
	}
	for _, test := range []string{"", "PK\x03\x04", "colour\n", "192.0.2.1\n", "n\x00o\x00\n", "note\n\"" + strings.Repeat("\n", 20000)} {
		if _, err := hwcheck.ReadPhones(strings.NewReader(test), "site.csv"); !errors.As(err, &list) || len(list.Faults) != 1 || list.Faults[0].Advice == "" {
			t.Errorf("%.20q: got %v, want one error with advice", test, err)
		}
	}
}

// TestReadPhonesSpaces checks that white space in a version means nothing, however a cell got it.
func TestReadPhonesSpaces(t *testing.T) {
	for _, cell := range []string{"V1  R4.9.0", "V1    R4.9.0", "V1\u00a0R4.9.0", "V1 \u2003 R4.9.0", "\u00a0V1   R4.9.0\u2003"} {
		phones := readPhones(t, "address,running,minimum_version\n192.0.2.1,"+cell+","+cell+"\n")
		known := phones[0].Phone
		if len(phones) != 1 || known.Running[0].Value.String() != "V1 R4.9.0" || known.Minimum[0].Value != known.Running[0].Value {
			t.Errorf("%q: got %+v", cell, phones)
		}
	}
}

func TestReadPhonesQuoted(t *testing.T) {
	phones := readPhones(t, "note,reason,address\n\"a \"\"quoted\"\" word; and, more\",' x,\"192.0.2.1\"\n")
	want := hwcheck.ListedPhone{Line: 2, Note: `a "quoted" word; and, more`, Reason: "' x", Address: "192.0.2.1"}
	if len(phones) != 1 || !reflect.DeepEqual(phones[0], want) {
		t.Errorf("got %+v, want %+v", phones, want)
	}
}

func TestReadPhonesNone(t *testing.T) {
	for _, text := range []string{"note\n", "note", "note,model\n,\n,\n"} {
		if phones, err := hwcheck.ReadPhones(strings.NewReader(text), "site.csv"); err != nil || len(phones) != 0 {
			t.Errorf("got %+v, %v from %q, want no phone and no error", phones, err, text)
		}
	}
}

func TestReadPhonesValues(t *testing.T) {
	for _, test := range []struct{ column, cell, want string }{
		{"address", "192.0.2.1", "192.0.2.1"},
		{"address", "192.0.2.1:8085", "192.0.2.1:8085"},
		{"address", "phone-1.site.example", "phone-1.site.example"},
		{"address", "phone:1", "phone:1"},
		{"address", "phone:65535", "phone:65535"},
		{"address", "2001:db8::1", "2001:db8::1"},
		{"address", "[2001:db8::1]:8085", "[2001:db8::1]:8085"},
		{"mac", "00:1A:E8:12:34:56", "00:1A:E8:12:34:56"},
		{"mac", "00:1a:e8:12:34:56", "00:1A:E8:12:34:56"},
		{"mac", "00-1A-E8-12-34-56", "00:1A:E8:12:34:56"},
		{"mac", "001a.e812.3456", "00:1A:E8:12:34:56"},
		{"mac", "001ae8123456", "00:1A:E8:12:34:56"},
		{"hw_level", "1", "1"},
		{"hw_level", "65535", "65535"},
		{"hw_level", "007", "7"},
		{"running", "V1 R9.2.0", "V1 R9.2.0"},
		{"running", "1.10.2.0002", "V1 R10.2.2"},
		{"minimum_version", "V1.2 R0.1.0", "V1.2 R0.1.0"},
		{"part_number", "S30817-S7403-A101-015", "S30817-S7403-A101-15"},
		{"model", "OpenStage 40", "OpenStage 40"},
		{"software_type", "Unify SIP", "Unify SIP"},
		{"override", "yes", "true"},
		{"override", "Yes", "true"},
		{"override", "no", "false"},
		{"override", "NO", "false"},
		{"note", "Größe 3, 北京", "Größe 3, 北京"},
	} {
		t.Run(test.column+" "+test.cell, func(t *testing.T) {
			phones := readPhones(t, test.column+"\n\""+test.cell+"\"\n")
			if len(phones) != 1 {
				t.Fatalf("got %d phones, want 1", len(phones))
			}
			if got := cellOf(t, phones[0], test.column); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// cellOf returns the value of a phone for a column.
func cellOf(t *testing.T, p hwcheck.ListedPhone, column string) string {
	t.Helper()
	switch column {
	case "address":
		return p.Address
	case "mac":
		return p.MAC
	case "model":
		return p.Phone.Device[0].Value
	case "part_number":
		return p.Phone.PartNumber[0].Value.String()
	case "hw_level":
		return decimal(p.Phone.Level[0].Value)
	case "software_type":
		return p.Phone.SoftwareType[0].Value
	case "running":
		return p.Phone.Running[0].Value.String()
	case "minimum_version":
		return p.Phone.Minimum[0].Value.String()
	case "override":
		return strconv.FormatBool(p.Override)
	case "note":
		return p.Note
	case "site":
		return p.Site
	}
	t.Fatalf("no column %q", column)
	return ""
}

func TestReadPhonesBadValues(t *testing.T) {
	for _, test := range []struct{ name, column, cell string }{
		{"level 0", "hw_level", "0"},
		{"level below 0", "hw_level", "-1"},
		{"level above the highest", "hw_level", "65536"},
		{"level that is a range", "hw_level", "1-3"},
		{"level that is a word", "hw_level", "three"},
		{"level with a fraction", "hw_level", "3.0"},
		{"part number of another form", "part_number", "L30250-F600-C428"},
		{"running version that cannot be read", "running", "newest"},
		{"running version that says nothing", "running", "V0 R0.0.0"},
		{"running version that a spreadsheet made a number", "running", "1.4"},
		{"lowest version that cannot be read", "minimum_version", "any"},
		{"override that is neither", "override", "maybe"},
		{"override as a number", "override", "1"},
		{"override as a programmer writes it", "override", "true"},
		{"MAC address too short", "mac", "00:1A:E8:12:34"},
		{"MAC address too long", "mac", "00:1A:E8:12:34:56:78:9A"},
		{"MAC address with a letter too many", "mac", "00:1A:E8:12:34:5G"},
		{"MAC address that a spreadsheet made a number", "mac", "1.20E+10"},
		{"address with a scheme", "address", "http://192.0.2.1"},
		{"address with a path", "address", "192.0.2.1/24"},
		{"address with a user", "address", "admin@192.0.2.1"},
		{"address with a blank", "address", "192.0.2.1 192.0.2.2"},
		{"address that is a port alone", "address", ":8085"},
		{"address with an empty port", "address", "phone:"},
		{"address with port 0", "address", "phone:0"},
		{"address with a port too high", "address", "phone:65536"},
		{"address with a port by name", "address", "phone:https"},
		{"address of version 6 with a port but no brackets", "address", "2001:db8::1:8085:1:2:3:4:5"},
		{"address that is too long", "address", strings.Repeat("a", 254)},
		{"control character", "note", "a\x07b"},
		{"control character of the second set", "note", "a\u0085b"},
		{"escape sequence", "reason", "\x1b[2J"},
		{"NUL", "model", "CP\x00600"},
		{"tabulator inside", "note", "a\tb"},
		{"line break inside", "note", "a\nb"},
		{"not UTF-8", "note", "Gr\xf6\xdfe"},
		{"too long", "note", strings.Repeat("x", 513)},
	} {
		t.Run(test.name, func(t *testing.T) {
			// The valid line before it shows that the error names the right line.
			text := test.column + ",software_type\n,Unify HFA\n\n\"" + test.cell + "\",Unify HFA\n"
			phones, err := hwcheck.ReadPhones(strings.NewReader(text), "site.csv")
			if phones != nil {
				t.Errorf("got phones %+v with an error, want none", phones)
			}
			checkLine(t, err, 4, test.column)
			if text := err.Error(); len(text) > 300 || strings.ContainsFunc(text, isControl) {
				t.Errorf("got %d bytes of error, %.300q, want at most 300 and no control characters", len(text), text)
			}
		})
	}
}

func isControl(r rune) bool { return r < 0x20 || 0x7F <= r && r < 0xA0 }

func TestReadPhonesErrors(t *testing.T) {
	for _, test := range []struct {
		name, text string
		line       int
		says       string
	}{
		{"empty", "", 1, "header"},
		{"empty lines alone", "\n\n", 1, "header"},
		{"unknown column", "address,colour\n192.0.2.1,red\n", 1, "colour"},
		{"unknown column below an empty line", "\naddress,colour\n192.0.2.1,red\n", 2, "colour"},
		{"cell in a column without a name", "address,\n192.0.2.1,a\n", 2, `column 2: "a" is in a column without a name`},
		{"UTF-16, cut off", "\xff\xfea\x00\n", 1, "UTF-16"},
		{"UTF-16 with an unknown column", "\xff\xfea\x00", 1, "unknown column \"a\""},
		{"a cell too many", "address,note\n192.0.2.1,a,b\n", 2, "has 3 cells, the header has 2"},
		{"workbook", "PK\x03\x04\x14\x00\x06\x00[Content_Types].xml", 1, "a Microsoft Office document"},
		{"workbook of LibreOffice", "PK\x03\x04\x14\x00mimetypeapplication/vnd.oasis.opendocument.spreadsheet", 1, "an OpenDocument document"},
		{"old workbook", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00", 1, "an old Microsoft Office document"},
		{"table of a web page", "<html><table><tr><td>address", 1, "a web page"},
		{"JSON", "[{\"address\":\"192.0.2.1\"}]", 1, "a JSON document"},
		{"compressed list", "\x1f\x8b\x08\x00", 1, "a gzip archive"},
		{"column twice, once with a blank", "hw_level,HW Level\n3,3\n", 1, "column hw_level appears twice"},
		{"no separator", "sep=x\naddress\n192.0.2.1\n", 1, "sep=x"},
		{"no header", "192.0.2.1,CP600\n", 1, "192.0.2.1"},
		{"column twice", "note,model,note\na,CP600,b\n", 1, "note"},
		{"column twice in other letters", "note,model,NOTE\na,CP600,b\n", 1, "note"},
		{"column twice below an empty line", "\n\nnote,note\na,b\n", 3, "note"},
		{"list in another coding", "n\x00o\x00t\x00e\x00\n", 1, "column"},
		{"cell too many", "note,model\na,CP600\nb,CP600,c\n", 3, ""},
		{"quote inside a cell", "note,model\na,CP600\nb \"c\" d,CP600\n", 3, ""},
		{"quote that is not closed", "note\na\n\"b\n", 3, ""},
		{"text after a quote", "note\n\"a\"b\n", 2, ""},
		{"second bad value of a line", "note,hw_level,running\na,3,V1 R1.0.0\nb,3,new\n", 3, "running"},
		{"line after a cell of several lines", "note,hw_level\n\"\n\na\",3\nb,x\n", 5, "hw_level"},
		{"address twice", "address,note\n192.0.2.1,a\n192.0.2.2,b\n192.0.2.1,c\n", 4, "line 2"},
		{"address twice at a site", "address,site\n192.0.2.1,a\n192.0.2.1,b\n192.0.2.1,a\n", 4, "line 2"},
		{"address with and without a site", "address,site\n192.0.2.1,a\n192.0.2.1,\n", 3, "line 2"},
		{"address without and with a site", "address,site\n192.0.2.1,\n192.0.2.1,a\n", 3, "line 2"},
		{"mac at two sites", "mac,site\n00:1A:E8:12:34:56,a\n001AE8123456,b\n", 3, "line 2"},
		{"site with a slash", "address,site\n192.0.2.1,a/b\n", 2, "site"},
		{"long site", "address,site\n192.0.2.1," + strings.Repeat("a", 65) + "\n", 2, "site"},
		{"address twice in other letters", "address\nphone.example\nPhone.Example\n", 3, "line 2"},
		{"address twice, once with the usual port", "address\n192.0.2.1\n192.0.2.1:8085\n", 3, "line 2"},
		{"address twice, IPv6 in two forms", "address\n2001:db8::1\n[2001:DB8:0::1]:8085\n", 3, "line 2"},
		{"MAC address twice", "mac,note\n00:1A:E8:12:34:56,a\n,b\n00:1A:E8:12:34:56,c\n", 4, "line 2"},
		{"MAC address twice in another form", "mac\n00:1A:E8:12:34:56\n001ae8123456\n", 3, "line 2"},
		{"address new, MAC address twice", "address,mac\n192.0.2.1,00:1A:E8:12:34:56\n192.0.2.2,00:1A:E8:12:34:56\n", 3, "line 2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			phones, err := hwcheck.ReadPhones(strings.NewReader(test.text), "site.csv")
			if phones != nil {
				t.Errorf("got phones %+v with an error, want none", phones)
			}
			checkLine(t, err, test.line, test.says)
		})
	}
}

// TestReadPhonesSeparator checks that a header line that is one cell leads to advice about separators.
func TestReadPhonesSeparator(t *testing.T) {
	for name, text := range map[string]string{
		"columns in one cell":           "address|hw_level\n192.0.2.1|3\n",
		"a header in quotes":            "\"address,hw_level\"\n\"192.0.2.1,3\"\n",
		"another separator than stated": "sep=,\naddress;hw_level\n192.0.2.1;3\n",
	} {
		_, err := hwcheck.ReadPhones(strings.NewReader(text), "site.csv")
		list := (*hwcheck.ListError)(nil)
		if !errors.As(err, &list) || len(list.Faults) != 1 || !strings.HasPrefix(list.Faults[0].Advice, "separate the columns with") {
			t.Errorf("%s: got %#v", name, err)
		}
	}
}

// TestReadPhonesAlike checks that only addresses identify a phone: ten phones of one model, or with one note, are ten
// phones.
func TestReadPhonesAlike(t *testing.T) {
	phones := readPhones(t, "address,mac,model,note\n"+strings.Repeat(",,CP600,spare\n", 10)+"192.0.2.1,,CP600,spare\n192.0.2.1:8086,,CP600,spare\n")
	if len(phones) != 12 {
		t.Errorf("got %d phones, want 12", len(phones))
	}
}

func TestReadPhonesSize(t *testing.T) {
	longest := strings.Repeat("ö", 256) // 512 bytes
	if phones := readPhones(t, "note\n"+longest+"\n"); len(phones) != 1 || phones[0].Note != longest {
		t.Errorf("got %d phones, want one with the longest cell", len(phones))
	}
	const limit = 16 << 20
	fits := "note\na\n" + strings.Repeat("\n", limit-len("note\na\n"))
	if phones, err := hwcheck.ReadPhones(strings.NewReader(fits), ""); err != nil || len(phones) != 1 {
		t.Errorf("got %d phones, %v in %d bytes, want one", len(phones), err, len(fits))
	}
	if phones, err := hwcheck.ReadPhones(strings.NewReader(fits+"\n"), ""); err == nil || phones != nil {
		t.Errorf("got %d phones, %v in %d bytes, want an error", len(phones), err, len(fits)+1)
	}
	broken := errors.New("the medium is gone")
	if phones, err := hwcheck.ReadPhones(iotest.ErrReader(broken), ""); !errors.Is(err, broken) || phones != nil {
		t.Errorf("got %v, %v, want %v", phones, err, broken)
	}
}

// TestReadPhonesRecordSize checks that a record ends where its quotes are closed: it may hold 16 KiB, in one line or in
// many.
func TestReadPhonesRecordSize(t *testing.T) {
	const limit = 16 << 10
	long := strings.Repeat("\n", limit/2)
	for _, test := range []struct {
		name, text string
		line       int
	}{
		{"one line", "note\n" + strings.Repeat(",", limit) + "\n", 2},
		{"header of many lines", "\"\n" + strings.Repeat("\",\"\n", limit), 1},
		{"record of many lines", "note\n\na\n\"" + long + long + "\"\n", 4},
		{"record of many lines, quoted twice", "note\n\"a\",\"\"\"" + long + "\"\"" + long + "\"\n", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			phones, err := hwcheck.ReadPhones(strings.NewReader(test.text), "site.csv")
			if phones != nil {
				t.Errorf("got phones %+v with an error, want none", phones)
			}
			checkLine(t, err, test.line, "more than 16384 bytes")
		})
	}
	// Two records of more than half the limit are valid, even with quotes in them.
	half := "\"a \"\"b\"\"\"" + strings.Repeat(",\"\"", limit/4) + "\n"
	if phones := readPhones(t, "note"+strings.Repeat(",", limit/4)+"\n"+half+half); len(phones) != 2 {
		t.Errorf("got %d phones, want 2", len(phones))
	}
}

// TestReadPhonesRecordAllocated checks that a list whose header is one record of many lines is refused before its cells
// are created.
func TestReadPhonesRecordAllocated(t *testing.T) {
	text := "\"\n" + strings.Repeat("\",\"\n", 1<<20)
	checkAllocated(t, uint64(len(text))*8, func() { _, _ = hwcheck.ReadPhones(strings.NewReader(text), "a.csv") })
}

func TestWritePhones(t *testing.T) {
	text := allColumns + "\n" +
		"192.0.2.50:8085,00:1A:E8:12:34:56,OpenScape Desk Phone CP600,S30817-S7720-A101-4,3,Unify HFA,V1 R4.9.0,V1 R1.0.0,yes,\"lab, \"\"2nd\"\" floor\",near; the door\n" +
		",,,,,,,,,,=1+1\n" +
		",,CP600,,,,,,no,,\n" +
		",,,,,,,,no,,\n" + // states only that nothing is overridden, but is a phone
		"[2001:db8::1]:8085,,,,,,,,,,\n"
	phones := readPhones(t, text)
	if len(phones) != 5 {
		t.Fatalf("got %d phones, want 5", len(phones))
	}
	var out strings.Builder
	if err := hwcheck.WritePhones(&out, phones); err != nil {
		t.Fatal(err)
	}
	if header, _, _ := strings.Cut(out.String(), "\n"); header != allColumns {
		t.Errorf("got header %q, want %q", header, allColumns)
	}
	if again := readPhones(t, out.String()); !reflect.DeepEqual(again, phones) {
		t.Errorf("got  %+v\nwant %+v, from\n%s", again, phones, out.String())
	}
}

func TestWritePhonesError(t *testing.T) {
	full := errors.New("the disk is full")
	if err := hwcheck.WritePhones(failingWriter{full}, []hwcheck.ListedPhone{{Note: "a"}}); !errors.Is(err, full) {
		t.Errorf("got %v, want %v", err, full)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func readPhones(t *testing.T, text string) []hwcheck.ListedPhone {
	t.Helper()
	phones, err := hwcheck.ReadPhones(strings.NewReader(text), "site.csv")
	if err != nil {
		t.Fatalf("%v in\n%.2000s", err, text)
	}
	return phones
}
