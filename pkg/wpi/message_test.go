package wpi_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// golden compares with a file; where UPDATE_GOLDEN is set the file is written anew, to be read by whoever set it.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}

func describe(m *wpi.PhoneMessage) string {
	var b strings.Builder
	fmt.Fprintf(&b, "nonce %q, maxItems %d, fragment %q\n", m.Nonce, m.MaxItems, m.Fragment)
	fmt.Fprintf(&b, "reason %q, action %q, status %q\n", m.Reason, m.Action, m.Status)
	for _, i := range m.Items {
		fmt.Fprintf(&b, "%q[%q] %q %q\n", i.Name, i.Index, i.Status, i.Value)
	}
	return b.String()
}

// TestPhoneGolden reads messages as phones of several firmwares lay them out.
func TestPhoneGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/phone/*.xml")
	if err != nil || len(files) < 17 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m, err := wpi.ParsePhoneMessage(text)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		golden(t, strings.TrimSuffix(file, ".xml")+".want", []byte(describe(m)))
		// What we make of it says the same, so that a phone of ours is understood like a real one.
		again, err := wpi.ParsePhoneMessage(m.Marshal())
		if err != nil || describe(again) != describe(m) {
			t.Errorf("%s: written anew it is\n%s, %v", file, m.Marshal(), err)
		}
	}
}

// TestAnswerGolden reads answers of other services: signed, with what the vendor's own service adds.
func TestAnswerGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/answer/*.xml")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m, err := wpi.ParseServiceMessage(text)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		got := fmt.Sprintf("nonce %q, action %q, overload %v\n", m.Nonce, m.Action, m.IsOverload())
		for _, i := range m.Items {
			got += fmt.Sprintf("%q[%q] %q %q\n", i.Name, i.Index, i.Status, i.Value)
		}
		golden(t, strings.TrimSuffix(file, ".xml")+".want", []byte(got))
		again, err := wpi.ParseServiceMessage(m.Marshal())
		if err != nil || !sameService(*again, *m) {
			t.Errorf("%s: written anew it is\n%s, %v", file, m.Marshal(), err)
		}
	}
}

func serviceMessages(t *testing.T) map[string]wpi.ServiceMessage {
	t.Helper()
	deployment := func(d wpi.Deployment) wpi.ServiceMessage {
		m, err := d.Message()
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	return map[string]wpi.ServiceMessage{
		"read-items":      wpi.ReadItems(wpi.ItemSoftwareVersion, wpi.ItemPartNumber),
		"clean-up":        wpi.CleanUp(),
		"clean-up-call":   wpi.CleanUpAndCall(),
		"next-fragment":   {Action: wpi.ActionGetNextFragment},
		"restart":         {Action: wpi.ActionRestart},
		"read-all-items":  {Action: wpi.ActionReadAllItems},
		"write-items":     {Action: wpi.ActionWriteItems, Items: []wpi.Item{{Name: "display-text", Index: "2", Value: `"Tor"`}}},
		"file-deployment": {Action: wpi.ActionFileDeployment, Items: []wpi.Item{{Name: "file-type", Index: "1", Value: "LOGO"}}},
		"software-https": deployment(wpi.Deployment{
			URL:          "https://192.0.2.10:18443/file/image.img",
			SoftwareType: "Unify SIP", Version: "1.4.9.0", Priority: wpi.Normal,
		}),
		"software-https-login": deployment(wpi.Deployment{
			URL: "https://files.example/fw/image.img", Username: "phones", Password: "a'b\"c%d",
			Priority: wpi.Immediate,
		}),
		"software-ftp": deployment(wpi.Deployment{
			Server: "192.0.2.10", Path: "/cp400", Name: "image.img", Account: "site", Username: "fw", Password: "secret",
			SoftwareType: "Unify SIP", Version: "1.4.9.0", Priority: wpi.Normal,
		}),
		"software-ftp-port": deployment(wpi.Deployment{
			Server: "files.example", Port: 2121, Name: "bücher.img", Priority: wpi.Normal,
		}),
	}
}

// TestServiceGolden has what phones are answered, byte by byte.
func TestServiceGolden(t *testing.T) {
	for name, m := range serviceMessages(t) {
		m.Nonce = "00112233445566778899AABBCCDDEEFF"
		text := m.Marshal()
		golden(t, "testdata/service/"+name+".xml", text)
		got, err := wpi.ParseServiceMessage(text)
		if err != nil || !sameService(*got, m) {
			t.Errorf("%s: read back it is %+v, %v", name, got, err)
		}
	}
	files, _ := filepath.Glob("testdata/service/*.xml")
	if want := len(serviceMessages(t)); len(files) != want {
		t.Errorf("%d files, %d messages", len(files), want)
	}
}

func sameService(a, b wpi.ServiceMessage) bool {
	same := a.Nonce == b.Nonce && a.Action == b.Action && len(a.Items) == len(b.Items)
	for i := range a.Items {
		same = same && a.Items[i] == b.Items[i]
	}
	return same
}

// TestServiceVariants reads answers of other services, which phones obey too (observed).
func TestServiceVariants(t *testing.T) {
	want := wpi.ServiceMessage{Nonce: "N", Action: wpi.ActionSoftwareDeployment, Items: []wpi.Item{{Name: "file-pwd", Value: "x"}}}
	for _, text := range []string{
		`<DlsMessage><Message nonce="N"><Action>SoftwareDeployment</Action><ItemList><Item name="file-pwd">x</Item></ItemList></Message></DlsMessage>`,
		`<DLSMessage><Message nonce="N"><Action> SoftwareDeployment
			</Action></Message><ItemList><Item name="file-pwd">x</Item></ItemList></DLSMessage>`,
		`<DLSMessage><Message nonce="N"><Action>SoftwareDeployment</Action><ReasonForContact/><ItemList><Item name="file-pwd">x</Item></ItemList></Message></DLSMessage>`,
		`<?xml version="1.0"?><d:DLSMessage xmlns:d="http://www.siemens.com/DLS"><d:Message nonce="N"><d:Action>SoftwareDeployment</d:Action>` +
			`<d:ItemList><d:Item name="file-pwd" x:name="y">x</d:Item></d:ItemList></d:Message></d:DLSMessage>`,
	} {
		got, err := wpi.ParseServiceMessage([]byte(text))
		if err != nil || !sameService(*got, want) {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
}

// bad has texts that are no message, and what is said about them.
func bad() map[string]struct{ text, problem string } {
	message := func(inner string) string {
		return `<WorkpointMessage><Message nonce="N">` + inner + `</Message></WorkpointMessage>`
	}
	reason := "<ReasonForContact>solicited</ReasonForContact>"
	return map[string]struct{ text, problem string }{
		"nothing":           {"", "it is empty"},
		"blanks":            {" \n ", "it is empty"},
		"no XML":            {"GET / HTTP/1.1", "text outside"},
		"other root":        {"<html></html>", "another root"},
		"service's message": {"<DLSMessage/>", "another root"},
		"no message":        {"<WorkpointMessage/>", "it has no Message"},
		"no reason":         {message(""), "it has no ReasonForContact"},
		"two reasons":       {message(reason + reason), "two elements"},
		"two messages":      {"<WorkpointMessage><Message/><Message/></WorkpointMessage>", "two elements"},
		"two roots":         {message(reason) + message(reason), "another root"},
		"text behind":       {message(reason) + "x", "text outside"},
		"half":              {"<WorkpointMessage><Message>" + reason, "it ends in the middle"},
		"half a tag":        {message(reason)[:40], "not well-formed"},
		"crossed":           {"<WorkpointMessage><Message></WorkpointMessage></Message>", "ends that did not begin"},
		"ends too often":    {message(reason) + "</Message>", "ends that did not begin"},
		"item in an item":   {message(reason + `<Item name="a"><Item name="b">x</Item></Item>`), "an item within an item"},
		"DOCTYPE":           {"<!DOCTYPE html>" + message(reason), "document type"},
		"laughs":            {laughs() + message(`<ReasonForContact>&z;</ReasonForContact>`), "document type"},
		"deep":              {message(reason + strings.Repeat("<a>", 1000) + strings.Repeat("</a>", 1000)), "without end"},
		"UTF-16":            {"\xff\xfe<\x00W\x00", "not well-formed"},
		"UTF-32":            {"\xff\xfe\x00\x00<\x00\x00\x00W\x00\x00\x00", "not"},
		"binary":            {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "text outside"},
		"NUL within a tag":  {strings.Replace(message(reason), "<Message", "<Mes\x00sage", 1), "not well-formed"},
		"signed, and empty": {"<Signature/>", "it has no Message"},
		"signed, and other": {"<Signature><Object><html>" + reason + "</html></Object></Signature>", "it has no Message"},
		"signed twice":      {"<Signature>" + message(reason) + message(reason) + "</Signature>", "two elements"},
		"signed before":     {"<Signature><Object/>" + "</Signature>" + message(reason) + "<Signature/>", "another root"},
		"one in, one out":   {"<WorkpointMessage><Signature><Object>" + message(reason) + "</Object></Signature><Message/></WorkpointMessage>", "two elements"},
		"hidden in a value": {message(reason + `<Item name="a"><Signature><Object><Message nonce="canary">` + reason + `</Message></Object></Signature></Item>`), "two elements"},
		"hidden behind":     {message(reason) + "<Signature><Object>" + message(reason) + "</Object></Signature>", "two elements"},
		"bare behind":       {message(reason) + "<Signature><Object><Message/></Object></Signature>", "two elements"},
		"hidden before":     {"<Signature><KeyInfo><Message>" + reason + "</Message></KeyInfo></Signature>" + message(reason), "another root"},
		"two and a case":    {"<Signature><Object>" + message(reason) + strings.ToUpper(message("")) + "</Object></Signature>", "two elements"},
		"two, prefixed":     {"<Signature><Object>" + message(reason) + "<a:WorkpointMessage/></Object></Signature>", "two elements"},
		"one of the other":  {"<Signature><Object>" + message(reason) + "<DLSMessage/></Object></Signature>", "another root"},
		"in the other":      {"<Signature><Object><DLSMessage><Message>" + reason + "</Message></DLSMessage></Object></Signature>", "another root"},
		"deep signatures":   {strings.Repeat("<Signature>", 1000) + message(reason) + strings.Repeat("</Signature>", 1000), "without end"},
		"signed reason":     {message("<Signature><Object>" + reason + "</Object></Signature>"), "it has no ReasonForContact"},
		"signed, and again": {"<Signature>" + message(reason) + "</Signature>" + message(reason), "another root"},
		"other wrapping":    {"<html><body>" + message(reason) + "</body></html>", "another root"},
		"too long":          {message(reason) + strings.Repeat(" ", wpi.MaxMessage), "longer than"},
		"one item too many": {message(reason + strings.Repeat(`<Item name="a"/>`, wpi.MaxItems+1)), "more than 20000 items"},
	}
}

func laughs() string {
	text := `<!DOCTYPE x [<!ENTITY a "ha">`
	for c := 'b'; c <= 'z'; c++ {
		text += fmt.Sprintf(`<!ENTITY %c "%s">`, c, strings.Repeat("&"+string(c-1)+";", 10))
	}
	return text + "]>"
}

func TestBadMessages(t *testing.T) {
	for name, row := range bad() {
		m, err := wpi.ParsePhoneMessage([]byte(row.text))
		e, ok := err.(*wpi.MessageError) //nolint:errorlint // it is promised itself
		if m != nil || !ok || !strings.Contains(e.Error(), row.problem) || strings.Contains(e.Error(), "canary") || len(e.Error()) > 200 {
			t.Errorf("%s: got %v, %v", name, m, err)
		}
		text := strings.NewReplacer("WorkpointMessage", "DLSMessage", "DLSMessage", "WorkpointMessage", "ReasonForContact", "Action").Replace(row.text)
		if s, err := wpi.ParseServiceMessage([]byte(text)); s != nil || err == nil {
			t.Errorf("%s: as a service's message: got %v, %v", name, s, err)
		}
	}
}

// TestLimits takes what just fits.
func TestLimits(t *testing.T) {
	head, tail := `<WorkpointMessage><Message nonce="N"><ReasonForContact>solicited</ReasonForContact><ItemList>`, `</ItemList></Message></WorkpointMessage>`
	many := head + strings.Repeat(`<Item name="a"/>`, wpi.MaxItems) + tail
	if m, err := wpi.ParsePhoneMessage([]byte(many)); err != nil || len(m.Items) != wpi.MaxItems {
		t.Errorf("%d items: %v", wpi.MaxItems, err)
	}
	long := head + tail
	long += strings.Repeat(" ", wpi.MaxMessage-len(long))
	if _, err := wpi.ParsePhoneMessage([]byte(long)); err != nil {
		t.Errorf("%d bytes: %v", len(long), err)
	}
	deep := head + strings.Repeat("<a>", 13) + strings.Repeat("</a>", 13) + tail
	if _, err := wpi.ParsePhoneMessage([]byte(deep)); err != nil {
		t.Errorf("16 levels: %v", err)
	}
}

// TestMaxItems: what cannot be read is no limit, and no reason not to read the rest.
func TestMaxItems(t *testing.T) {
	for text, want := range map[string]int{
		"": -1, `maxItems=""`: -1, `maxItems="many"`: -1, `maxItems="-2"`: -1, `maxItems="99999999999999999999"`: -1,
		`maxItems="-1"`: -1, `maxItems="0"`: 0, `maxItems=" 7 "`: 7,
	} {
		m, err := wpi.ParsePhoneMessage([]byte("<WorkpointMessage><Message " + text + "><ReasonForContact>solicited</ReasonForContact></Message></WorkpointMessage>"))
		if err != nil || m.MaxItems != want {
			t.Errorf("%s: got %+v, %v", text, m, err)
		}
	}
}

// TestEmptyNonce: an empty nonce comes back as one.
func TestEmptyNonce(t *testing.T) {
	if text := wpi.CleanUp().Marshal(); !bytes.Contains(text, []byte(`<Message nonce="">`)) {
		t.Errorf("got %s", text)
	}
}

func TestValue(t *testing.T) {
	m := wpi.PhoneMessage{Items: []wpi.Item{
		{Name: "a", Status: "failed"},
		{Name: "a", Value: ""},
		{Name: "a", Value: "1"},
		{Name: "a", Value: "2"},
		{Name: "b", Status: "failed", Value: "3"},
		{Name: "c"},
	}}
	for name, want := range map[string]string{"a": "1", "b": "", "c": "", "d": ""} {
		if got, ok := m.Value(name); got != want || ok != (want != "") {
			t.Errorf("%s: got %q, %v", name, got, ok)
		}
	}
}
