package wpi_test

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// lenient returns a message whose version can be read, with something before it, in the item e164, and behind it.
func lenient(before, item, behind string) string {
	return before + `<WorkpointMessage><Message nonce="N"><ReasonForContact>solicited</ReasonForContact><ItemList>` +
		item + `<Item name="software-version">V1 R4.9.0</Item></ItemList></Message></WorkpointMessage>` + behind
}

// number is an item with a value.
func number(value string) string { return `<Item name="e164">` + value + `</Item>` }

// inUTF16 returns a text in UTF-16, with a mark or without one.
func inUTF16(order binary.AppendByteOrder, mark, text string) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(mark + text)) {
		b = order.AppendUint16(b, unit)
	}
	return string(b)
}

// declared returns an XML declaration.
func declared(version, encoding string) string {
	return `<?xml version="` + version + `" encoding="` + encoding + `"?>` + "\n"
}

// TestLenient reads messages that a strict reader refuses, and checks what it makes of the item e164: "-" if there is none.
func TestLenient(t *testing.T) {
	t.Parallel()
	text := lenient("", number("Büro €"), "")
	utf16Text := lenient(declared("1.0", "UTF-16"), number("Büro € 🕿"), "\r\n")
	for name, row := range map[string]struct{ text, want string }{
		"UTF-16, little-endian":      {inUTF16(binary.LittleEndian, "\uFEFF", utf16Text), "Büro € 🕿"},
		"UTF-16, big-endian":         {inUTF16(binary.BigEndian, "\uFEFF", utf16Text), "Büro € 🕿"},
		"UTF-16LE without a mark":    {inUTF16(binary.LittleEndian, "", lenient(declared("1.0", "utf-16le"), number("ü"), "")), "ü"},
		"UTF-16BE without a mark":    {inUTF16(binary.BigEndian, "", lenient(declared("1.0", "utf-16be"), number("ü"), "")), "ü"},
		"UTF-16, nothing declared":   {inUTF16(binary.BigEndian, "\uFEFF", text), "Büro €"},
		"UTF-16, and a byte more":    {inUTF16(binary.LittleEndian, "\uFEFF", text) + "\x00", "Büro €"},
		"UTF-16, half a pair":        {strings.Replace(inUTF16(binary.LittleEndian, "\uFEFF", lenient("", number("ab"), "")), "a\x00b\x00", "\x3d\xd8b\x00", 1), "\uFFFDb"},
		"UTF-16 declared, and UTF-8": {lenient(declared("1.0", "UTF-16"), number("ü"), ""), "ü"},
		"UTF-8 with a mark":          {"\uFEFF" + lenient(declared("1.0", "utf-8"), number("ü"), ""), "ü"},
		"US-ASCII":                   {lenient(declared("1.0", "US-ASCII"), number("110"), ""), "110"},
		"ASCII":                      {lenient(`<?xml version='1.0' encoding='ascii' standalone='yes'?>`, number("110"), ""), "110"},
		"ANSI_X3.4-1968":             {lenient(declared("1.0", "ANSI_X3.4-1968"), number("110"), ""), "110"},
		"ISO-8859-1":                 {lenient(declared("1.0", "ISO-8859-1"), number("B\xfcro"), ""), "Büro"},
		"latin1":                     {lenient(declared("1.0", "latin1"), number("\xe9"), ""), "é"},
		"ISO-8859-15":                {lenient(declared("1.0", "ISO-8859-15"), number("\xa4 \xe9"), ""), "€ é"},
		"windows-1252":               {lenient(declared("1.0", "Windows-1252"), number("\x80 \x93x\x94"), ""), "€ “x”"},
		"ISO-8859-1 that is UTF-8":   {lenient(declared("1.0", "ISO-8859-1"), number("Büro"), ""), "Büro"},
		"an unknown encoding":        {lenient(declared("1.0", "x-phone"), number("110"), ""), "110"},
		"an empty encoding":          {lenient(declared("1.0", ""), number("110"), ""), "110"},
		"version 1.1":                {lenient(declared("1.1", "utf-8"), number("110"), ""), "110"},
		"version 1.1 alone":          {lenient(`<?xml version="1.1"?>`, number("110"), ""), "110"},
		"version 1.1, a control":     {lenient(`<?xml version="1.1"?>`, number("a&#x1;b"), ""), "a\uFFFDb"},
		"no version":                 {lenient(`<?xml?>`, number("110"), ""), "110"},
		"a declaration later":        {lenient("<!-- x -->"+declared("1.0", "iso-8859-2"), number("110"), ""), "110"},
		"blanks before":              {lenient("\r\n \x00"+declared("1.0", "utf-8"), number("110"), ""), "110"},
		"a NUL behind":               {lenient("", number("110"), "\x00"), "110"},
		"NULs and line ends behind":  {lenient("", number("110"), "\x00\r\n\x00\x1a"), "110"},
		"a bare ampersand":           {lenient("", number("R&D"), ""), "R&D"},
		"an ampersand and a blank":   {lenient("", number("R & D"), ""), "R & D"},
		"an ampersand at the end":    {lenient("", number("R&"), ""), "R&"},
		"an unknown entity":          {lenient("", number("R&nbsp;D"), ""), "R&nbsp;D"},
		"an ampersand in a name":     {lenient("", `<Item name="a&b">x</Item>`+number("1"), ""), "1"},
		"a byte of Latin 1":          {lenient(declared("1.0", "utf-8"), number("B\xfcro, Büro"), ""), "Büro, Büro"},
		"half a character":           {lenient("", number("\xe2\x82"), ""), "â‚"},
		"Latin 1 in a name":          {lenient("", "<Item name=\"\xe9\">x</Item>"+number("1"), ""), "1"},
		"a NUL":                      {lenient("", number("a\x00b"), ""), "a\uFFFDb"},
		"an escape character":        {lenient("", number("\x1b[31m"), ""), "\uFFFD[31m"},
		"a number of no character":   {lenient("", number("&#0;&#xFFFE;&#x110000;&#99999999999999999999;&#65;"), ""), "\uFFFD\uFFFD\uFFFD\uFFFDA"},
		"the end of CDATA":           {lenient("", number("a]]>b"), ""), "a]]>b"},
		"CDATA":                      {lenient("", number("<![CDATA[R&D <1>]]>"), ""), "R&D <1>"},
		"an item without a name":     {lenient("", `<Item>canary</Item><Item name="">x</Item><Item name=" "/>`, ""), "-"},
		"an attribute without quote": {lenient("", `<Item name=e164>1</Item>`, ""), "1"},
		"signed":                     {`<Signature><Object Id="x">` + text + `</Object><SignatureValue>AB==</SignatureValue></Signature>`, "Büro €"},
		"signed, with namespaces": {
			`<?xml version="1.0"?><ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo><ds:Reference URI="#x"><Item name="e164">0</Item></ds:Reference></ds:SignedInfo>` +
				`<ds:Object>` + text + `</ds:Object></ds:Signature>`, "Büro €",
		},
		"signed, within": {strings.Replace(text, "<Message", "<Signature><SignedInfo/></Signature><Message", 1), "Büro €"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := wpi.ParsePhoneMessage([]byte(row.text))
			if err != nil {
				t.Fatal(err)
			}
			if version, _ := m.Value(wpi.ItemSoftwareVersion); version != "V1 R4.9.0" {
				t.Errorf("the version is %q", version)
			}
			if got, ok := m.Value("e164"); got != row.want && (ok || row.want != "-") {
				t.Errorf("got %q, want %q", got, row.want)
			}
			if slices.ContainsFunc(m.Items, func(i wpi.Item) bool { return i.Name == "" || i.Value == "canary" }) {
				t.Errorf("got %v", m.Items)
			}
		})
	}
}

// TestSignedService reads answers that stand in a signature, in the two forms that a service may mean by Object
// Id="DLSMessage" (observed, but not used).
func TestSignedService(t *testing.T) {
	t.Parallel()
	const inner = `<Message nonce="N"><Action>ReadItems</Action><ItemList><Item name="e164"/></ItemList></Message>`
	for _, text := range []string{
		`<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo><CanonicalizationMethod Algorithm="x"/></SignedInfo><SignatureValue/>` +
			`<Object Id="DLSMessage"><DLSMessage>` + inner + `</DLSMessage></Object></Signature>`,
		`<Signature><Object Id="DLSMessage">` + inner + `</Object></Signature>`,
	} {
		m, err := wpi.ParseServiceMessage([]byte(text))
		if err != nil || m.Action != wpi.ActionReadItems || m.Nonce != "N" || len(m.Items) != 1 {
			t.Errorf("%s: got %+v, %v", text, m, err)
		}
	}
}

// FuzzValue: whatever stands in one value, but for an end of that, the phone can be read.
func FuzzValue(f *testing.F) {
	for _, value := range []string{"", "\xfc", "&", "&#1;", "]]>", "\x00", "\xff\xfe", "&#xD800;", "&amp;&lt;&#x26;", "\xf4\x90\x80\x80"} {
		f.Add(value, "utf-8", "")
		f.Add(value, "iso-8859-1", "\x00")
	}
	f.Fuzz(func(t *testing.T, value, encoding, behind string) {
		if strings.Contains(value, "<") || strings.ContainsAny(encoding, `"<>?&`) || strings.Trim(behind, "\x00 \r\n\t") != "" {
			t.Skip()
		}
		text := lenient(`<?xml version="1.0" encoding="`+encoding+`"?>`, number(value), behind)
		if len(text) > wpi.MaxMessage {
			t.Skip()
		}
		m, err := wpi.ParsePhoneMessage([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if version, _ := m.Value(wpi.ItemSoftwareVersion); version != "V1 R4.9.0" || len(m.Items) != 2 {
			t.Fatalf("got %v", m.Items)
		}
		if got := m.Items[0].Value; !utf8.ValidString(got) {
			t.Fatalf("got %q", got)
		}
	})
}
