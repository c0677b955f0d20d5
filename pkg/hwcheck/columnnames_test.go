package hwcheck_test

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// TestParseColumns reads names of columns.
func TestParseColumns(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text, want string // the names as they are written again
		column     string // the name of the last column
	}{
		{`address=IP`, `address=IP`, "IP"},
		{`address=IP,mac="MAC Address"`, `address=IP,mac=MAC Address`, "MAC Address"},
		{`address=IP,mac=MAC Address`, `address=IP,mac=MAC Address`, "MAC Address"},
		{` Address = IP , HW Level = "Stand"  `, `address=IP,hw_level=Stand`, "Stand"},
		{`note="room, floor"`, `note="room, floor"`, "room, floor"},
		{`note=a=b`, `note=a=b`, "a=b"},
		{`note="a=b,c=d",mac=M`, `note="a=b,c=d",mac=M`, "M"},
		{`note=say "x"`, `note="say ""x"""`, `say "x"`},
		{`note="say ""x"""`, `note="say ""x"""`, `say "x"`},
		{`note=Gerät,mac=物理地址`, `note=Gerät,mac=物理地址`, "物理地址"},
		{`note="#"`, `note=#`, "#"},
	} {
		got, err := hwcheck.ParseColumns(test.text)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		if got.String() != test.want || got[len(got)-1].Column != test.column {
			t.Errorf("%s: %s, column %q", test.text, got, got[len(got)-1].Column)
		}
	}
	for text, want := range map[string]string{
		``:                                 `"" has no =`,
		`address`:                          `"address" has no =`,
		`address,mac=M`:                    `"address" has no =`,
		`address=IP,`:                      `"" has no =`,
		`address=IP,,mac=M`:                `"" has no =`,
		`ip=IP`:                            `"ip" is no value of a phone list; the values are address, mac, model, part_number, hw_level, software_type, running, minimum_version, override, reason, note`,
		`=IP`:                              `"" is no value`,
		`address=`:                         `address: the name of the column is empty`,
		`address=,mac=M`:                   `address: the name of the column is empty`,
		`address=""`:                       `address: the name of the column is empty`,
		`address=" "`:                      `address: the name of the column is empty`,
		`address="IP`:                      `address: the quote is not closed`,
		`address="IP""`:                    `address: the quote is not closed`,
		`address="IP"x,mac=M`:              `address: "x" follows the closing quote`,
		`address=IP,address=Host`:          `address is named twice`,
		`hw_level=A,HW Level=B`:            `hw_level is named twice`,
		`address=IP,note=IP`:               `the column "IP" is named for address and for note`,
		"address=a\tb":                     `control character`,
		"address=a\x00b":                   `control character`,
		"note=Ger\xe4t":                    `not UTF-8`,
		`note=` + strings.Repeat("x", 513): `513 bytes`,
	} {
		if got, err := hwcheck.ParseColumns(text); err == nil || !strings.Contains(err.Error(), want) || got != nil {
			t.Errorf("%.40q: %v, %v", text, got, err)
		}
	}
}

// TestReadColumns reads lists of other programs.
func TestReadColumns(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ columns, list, want string }{
		{`address=IP,mac="MAC Address"`, "IP,MAC Address,Owner\n192.0.2.1,00:1A:E8:00:00:01,Ada\n", "192.0.2.1 00:1A:E8:00:00:01 "},
		{`address=IP,mac="MAC Address"`, "\ufeff\"IP\";\"mac_address\"\r\n192.0.2.1;00-1A-E8-00-00-01\r\n", "192.0.2.1 00:1A:E8:00:00:01 "},
		{`address=IP,note="Room, floor"`, "sep=;\r\nIP;\"Room, floor\"\r\n192.0.2.1;\"4, 2\"\r\n", "192.0.2.1  4, 2"},
		{`address=IP,note="a,b,c"`, "IP;\"a,b,c\"\n192.0.2.1;x\n", "192.0.2.1  x"},
		{`address=IP,note=a=b`, "IP\ta=b\n192.0.2.1\tx\n", "192.0.2.1  x"},
		// A column that has the name of a value is read, unless that value has another column.
		{`address=IP`, "IP,mac,Note\n192.0.2.1,001AE8000001,hall\n", "192.0.2.1 00:1A:E8:00:00:01 hall"},
		{`address=IP`, "IP,Address\n192.0.2.1,\"5, High Street\"\n", "192.0.2.1  "},
		{`note=address,address=IP`, "IP,Address\n192.0.2.1,\"5, High Street\"\n", "192.0.2.1  5, High Street"},
		{`address=IP`, "IP,,\n192.0.2.1,x,\n", "192.0.2.1  "},
		// A name as it is counts more than one that is like it.
		{`address=I.P`, "IP,I.P\nx y,192.0.2.1\n", "192.0.2.1  "},
		{`address=IP`, "\xff\xfeI\x00P\x00\n\x001\x009\x002\x00.\x000\x00.\x002\x00.\x001\x00\n\x00", "192.0.2.1  "},
		{`address=IP,note=物理位置`, "IP,物理位置\n192.0.2.1,大厅\n", "192.0.2.1  大厅"},
	} {
		columns, err := hwcheck.ParseColumns(test.columns)
		if err != nil {
			t.Fatal(err)
		}
		phones, err := columns.ReadPhones(strings.NewReader(test.list), "site.csv")
		if err != nil || len(phones) != 1 {
			t.Errorf("%s of %q: %v, %v", test.columns, test.list, phones, err)
			continue
		}
		if p := phones[0]; p.Address+" "+p.MAC+" "+p.Note != test.want {
			t.Errorf("%s of %q: %q %q %q", test.columns, test.list, p.Address, p.MAC, p.Note)
		}
	}
	for _, test := range []struct{ columns, list, want, advice string }{
		{`address=IP,mac=MAC`, "IP,Owner\n1,x\n", `line 1: no column is named "MAC", which is to have mac; the columns are "IP", "Owner"`, "correct the name"},
		{`address=IP`, "IP,ip\n192.0.2.1,192.0.2.2\n", "", ""},
		{`address=IP`, "ip,I_P\n192.0.2.1,192.0.2.2\n", `2 columns are named "IP"`, "rename one of them"},
		{`address=IP`, "IP,IP\n192.0.2.1,192.0.2.2\n", `2 columns are named "IP"`, "rename one of them"},
		{`address=IP,note=ip`, "IP\n192.0.2.1\n", `the column "IP" is to have address and note`, "another column"},
		{`address=Ger\u00e4t`, "Ger\xe4t\n192.0.2.1\n", `no column is named`, "CSV UTF-8"},
		{`address=-`, "IP,\n192.0.2.1,\n", `no column is named "-"`, "correct the name"},
		{`address=IP`, "IP\n192.0.2.1,x\n", `has 2 cells, the header has 1`, "quotes"},
		{`address=IP`, "IP\n192.0.2.010\n", `address: "192.0.2.010" looks like an IP address`, "four numbers"},
		{`address=IP`, "", `the list is empty`, "names of the columns"},
		{`address=IP`, strings.Repeat("c,", 30) + "c\n", `"c", and 11 others`, ""},
		{`address=A,mac=B`, "x\ny\n", `no column is named "A"`, ""},
	} {
		columns, err := hwcheck.ParseColumns(strings.ReplaceAll(test.columns, `\u00e4`, "ä"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = columns.ReadPhones(strings.NewReader(test.list), "site.csv")
		if test.want == "" {
			if err != nil {
				t.Errorf("%s of %q: %v", test.columns, test.list, err)
			}
			continue
		}
		list := (*hwcheck.ListError)(nil)
		if !errors.As(err, &list) || !strings.Contains(err.Error(), test.want) || !strings.Contains(list.Faults[0].Advice, test.advice) {
			t.Errorf("%s of %q: %v", test.columns, test.list, err)
		}
	}
}

// FuzzColumns reads names of columns and a list with them. What was read is written as it is read again, and a list whose columns have
// other names says the same of its phones.
func FuzzColumns(f *testing.F) {
	for _, seed := range []string{`address=IP,mac="MAC Address"`, `note="a,b"`, `note=a=b`, `note="say ""x"""`, `x=y`, `=`, `address="`, `HW Level=A,note= b `} {
		f.Add(seed, "IP;MAC Address\n192.0.2.1;001AE8000001\n")
	}
	f.Fuzz(func(t *testing.T, text, list string) {
		if len(text)+len(list) > maxFuzzed {
			return
		}
		columns, err := hwcheck.ParseColumns(text)
		if err != nil {
			return
		}
		again, err := hwcheck.ParseColumns(columns.String())
		if err != nil || !slices.Equal(again, columns) {
			t.Fatalf("%q is written as %q, which is %q, %v", text, columns, again, err)
		}
		_, _ = columns.ReadPhones(strings.NewReader(list), "a.csv")
		phones, err := hwcheck.ReadPhones(strings.NewReader(list), "a.csv")
		if err != nil || len(phones) == 0 {
			return
		}
		var own, other bytes.Buffer
		if err := hwcheck.WritePhones(&own, phones); err != nil {
			t.Fatal(err)
		}
		header, rows, _ := strings.Cut(own.String(), "\n")
		var names hwcheck.Columns
		for name := range strings.SplitSeq(header, ",") {
			names = append(names, hwcheck.ColumnName{Value: name, Column: "the " + name + " of it"})
			if len(names) > 1 {
				other.WriteByte(',')
			}
			other.WriteString("the " + name + " of it")
		}
		got, err := names.ReadPhones(strings.NewReader(other.String()+"\n"+rows), "a.csv")
		want, wantErr := hwcheck.ReadPhones(&own, "a.csv")
		if err != nil || wantErr != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%v, %v, not %v, %v", got, err, want, wantErr)
		}
	})
}
