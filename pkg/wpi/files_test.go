package wpi_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// status returns a status message with items such as "file-deployment-name#1=image.img"; "name", "type" and "status" stand
// for the whole name.
func status(items ...string) *wpi.PhoneMessage {
	m := &wpi.PhoneMessage{Reason: wpi.FileStatus}
	for _, item := range items {
		name, value, _ := strings.Cut(item, "=")
		name, index, _ := strings.Cut(name, "#")
		i := wpi.Item{Name: "file-deployment-" + name, Index: index, Value: value}
		if value == "!" {
			i.Value, i.Status = "", wpi.Failed
		}
		m.Items = append(m.Items, i)
	}
	return m
}

func TestFiles(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		m    *wpi.PhoneMessage
		want []wpi.File
	}{
		"none":         {status(), nil},
		"other items":  {status("date=1", "time=2"), nil},
		"one":          {status("date=1", "name=a", "type=APP", "status=ok"), []wpi.File{{"a", "APP", "ok"}}},
		"no name":      {status("status=failed"), []wpi.File{{Status: "failed"}}},
		"by index":     {status("name#0=a", "status#0=ok", "name#1=b", "status#1=failed"), []wpi.File{{"a", "", "ok"}, {"b", "", "failed"}}},
		"grouped":      {status("name#1=a", "name#2=b", "type#2=LOGO", "status#2=failed", "status#1=ok"), []wpi.File{{"a", "", "ok"}, {"b", "LOGO", "failed"}}},
		"no index":     {status("name=a", "status=ok", "name=b", "status=failed"), []wpi.File{{"a", "", "ok"}, {"b", "", "failed"}}},
		"no value":     {status("name#1=!", "status#1=ok"), []wpi.File{{"", "", "ok"}}},
		"capitals":     {status("NAME=a", "Status=OK"), []wpi.File{{"a", "", "OK"}}},
		"other index":  {status("name#1=a", "status#01=ok"), []wpi.File{{"a", "", ""}, {"", "", "ok"}}},
		"odd indexes":  {status("name#x=a", "status#x=ok", "name#-1=b"), []wpi.File{{"a", "", "ok"}, {"b", "", ""}}},
		"another word": {status("name=a", "status=Out of memory, code 7"), []wpi.File{{"a", "", "Out of memory, code 7"}}},
	} {
		if got := row.m.Files(); !slices.Equal(got, row.want) {
			t.Errorf("%s: got %q, want %q", name, got, row.want)
		}
	}
	many := status(slices.Repeat([]string{"name=a", "status=ok"}, wpi.MaxItems/2)...)
	if got := many.Files(); len(got) != wpi.MaxItems/2 {
		t.Errorf("got %d files", len(got))
	}
}

// signed returns a message within a signature.
func signed(text string) string {
	return `<s:Signature xmlns:s="http://www.w3.org/2000/09/xmldsig#"><s:SignedInfo/><s:SignatureValue>AA==</s:SignatureValue><s:Object Id="x">` +
		text + `</s:Object></s:Signature>`
}

// FuzzSigned: a message says the same within a signature, and beside one; a second message beside it, wherever it hides, is an
// error.
func FuzzSigned(f *testing.F) {
	for _, row := range bad() {
		if len(row.text) < 10_000 {
			f.Add(row.text, "")
		}
	}
	f.Add("<Item name=\"a\">x</Item>", "<a/>")
	f.Add("<Signature><Object/></Signature>", "<Signature><Object>")
	f.Fuzz(func(t *testing.T, inner, hiding string) {
		const head = `<WorkpointMessage><Message nonce="N"><ReasonForContact>status</ReasonForContact><ItemList>`
		text := head + inner + `</ItemList></Message></WorkpointMessage>`
		if len(text)+len(hiding) > wpi.MaxMessage/2 || strings.ContainsAny(inner, "!?\x00") || !utf8.ValidString(inner) || strings.Contains(hiding, "!") {
			t.Skip()
		}
		m, err := wpi.ParsePhoneMessage([]byte(text))
		if err != nil || strings.Count(inner, "<") > 8 {
			return // the depth may be too much
		}
		for _, wrapped := range []string{signed(text), text + "<Signature/>", "<Signature/>" + text} {
			if strings.Contains(wrapped, "<Signature/>") && strings.Contains(strings.ToLower(inner), "ignature") {
				continue
			}
			got, err := wpi.ParsePhoneMessage([]byte(wrapped))
			if err != nil || describe(got) != describe(m) {
				t.Fatalf("%s: got %v, %v, want %v", wrapped, got, err, m)
			}
		}
		second := "<Message nonce=\"evil\"><ReasonForContact>start-up</ReasonForContact></Message>"
		for _, two := range []string{text + signed(second), signed(text + hiding + second), signed(second + text), head + hiding + second + strings.TrimPrefix(text, head)} {
			if got, err := wpi.ParsePhoneMessage([]byte(two)); err == nil && !strings.ContainsAny(hiding, "<&\"'") {
				t.Fatalf("%s: got %v", two, got)
			}
		}
	})
}
