package wpi_test

import (
	"bufio"
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cpupdate/cpupdate/pkg/wpi"
)

func seed(f *testing.F) {
	f.Helper()
	files, err := filepath.Glob("testdata/*/*.xml")
	if err != nil || len(files) == 0 {
		f.Fatal("no examples")
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, row := range bad() {
		if len(row.text) < 10_000 {
			f.Add([]byte(row.text))
		}
	}
}

// sound holds for the items of every message that was understood.
func sound(t *testing.T, items []wpi.Item) {
	t.Helper()
	if len(items) > wpi.MaxItems {
		t.Errorf("%d items", len(items))
	}
	for _, i := range items {
		for _, s := range []string{i.Name, i.Index, i.Status, i.Value} {
			if s != strings.TrimSpace(s) || !utf8.ValidString(s) {
				t.Errorf("item with %q", s)
			}
		}
		if i.Name == "" {
			t.Error("an item without a name")
		}
	}
}

// FuzzPhoneMessage: what is understood is the same when it is written anew, and holds no password.
func FuzzPhoneMessage(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := wpi.ParsePhoneMessage(text)
		if err != nil {
			if m != nil {
				t.Fatal("an error, and a message")
			}
			return
		}
		sound(t, m.Items)
		for _, i := range m.Items {
			if name := strings.ToLower(i.Name); strings.Contains(name, "pwd") || strings.Contains(name, "passw") || name == "bootstrapping-tan" {
				t.Errorf("%s is kept", i.Name)
			}
		}
		if files := m.Files(); len(files) > len(m.Items) {
			t.Errorf("%d files of %d items", len(files), len(m.Items))
		}
		again, err := wpi.ParsePhoneMessage(m.Marshal())
		if err != nil || describe(again) != describe(m) {
			t.Fatalf("got %v, %v, want %v", again, err, m)
		}
	})
}

func FuzzServiceMessage(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := wpi.ParseServiceMessage(text)
		if err != nil {
			if m != nil {
				t.Fatal("an error, and a message")
			}
			return
		}
		sound(t, m.Items)
		again, err := wpi.ParseServiceMessage(m.Marshal())
		if err != nil || !sameService(*again, *m) {
			t.Fatalf("got %+v, %v, want %+v", again, err, m)
		}
	})
}

// FuzzItem: any value that XML can hold and that blanks do not surround arrives as it was.
func FuzzItem(f *testing.F) {
	f.Add("nonce", "display-text", "1", "Tor <2> & \"Hof\"\r\n\t'x'")
	f.Add("\n", "a\tb\"", "\r", "]]>")
	f.Add("\x00", "\xff", "\ufffe", "\x01<Item name=\"x\">")
	f.Fuzz(func(t *testing.T, nonce, name, index, value string) {
		legal := func(s string) bool {
			return utf8.ValidString(s) && s == strings.TrimSpace(s) && !strings.ContainsFunc(s, func(r rune) bool {
				return r < ' ' && !slices.Contains([]rune("\t\n\r"), r) || r == 0xFFFE || r == 0xFFFF
			})
		}
		m := wpi.ServiceMessage{Nonce: nonce, Action: "X", Items: []wpi.Item{{Name: name, Index: index, Value: value}}}
		text := m.Marshal()
		if len(text) > wpi.MaxMessage {
			t.Skip()
		}
		got, err := wpi.ParseServiceMessage(text)
		if name == "" || strings.TrimSpace(name) == "" {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if legal(nonce) && legal(name) && legal(index) && legal(value) && !sameService(*got, m) {
			t.Fatalf("got %+v, want %+v", *got, m)
		}
		if bytes.Count(text, []byte("<Item ")) != 1 {
			t.Fatalf("a value made an item: %s", text)
		}
	})
}

// FuzzCallRaw gives a service what a connection may bring: it answers in its own form or not at all.
func FuzzCallRaw(f *testing.F) {
	solicited := message("A1", "solicited", "", "mac-addr=00:1A:E8:00:00:01")
	f.Add([]byte(httpPost(solicited)))
	f.Add([]byte(httpPost(solicited, "Cookie: JSESSIONID=00112233445566778899aabbccddeeff; Path=/DeploymentService/; Secure")))
	f.Add([]byte(httpPost(fragment("1", "next", "reply-to", `status="accepted"`, "a=1"))))
	f.Add([]byte("GET / HTTP/1.0\r\n\r\n"))
	f.Add([]byte("POST /DeploymentService/LoginService HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n<\r\n0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(text)))
		if err != nil {
			return
		}
		asked := 0
		s := wpi.NewService(wpi.ServiceOptions{Answer: func(_ context.Context, c wpi.Call) (wpi.ServiceMessage, error) {
			asked++
			return wpi.ReadItems(c.Message.Reason), nil
		}})
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		switch w.Code {
		case http.StatusOK: // one message alone never needs more room than there is
			m, err := wpi.ParseServiceMessage(w.Body.Bytes())
			next := err == nil && m.Action == wpi.ActionGetNextFragment
			if err != nil || (asked == 1) == next || w.Header().Get("Content-Length") != strconv.Itoa(w.Body.Len()) || w.Header().Get("Set-Cookie") == "" {
				t.Errorf("got %v, %v, %v, %d asked", m, err, w.Header(), asked)
			}
		case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusRequestEntityTooLarge:
			if w.Body.Len() > 0 || asked > 0 || w.Header().Get("Set-Cookie") != "" {
				t.Errorf("status %d, and %d bytes, %d asked", w.Code, w.Body.Len(), asked)
			}
		default:
			t.Errorf("status %d", w.Code)
		}
	})
}

// TestMemory: what a message makes us allocate, and what of it is freed meanwhile, is bounded by a multiple of its length.
// It is not parallel, so that nobody else is counted.
func TestMemory(t *testing.T) {
	fill := func(part string) string {
		head, tail := `<WorkpointMessage><Message nonce="N"><ReasonForContact>x</ReasonForContact>`, `</Message></WorkpointMessage>`
		return head + strings.Repeat(part, (wpi.MaxMessage-len(head)-len(tail))/len(part)) + tail
	}
	attributes := strings.Replace(fill(`a="" `), "</ReasonForContact>", `</ReasonForContact><x `, 1)
	for name, text := range map[string]string{
		"items":      fill(`<Item name="a"/>`),
		"elements":   fill("<a/>"),
		"attributes": attributes[:wpi.MaxMessage-100] + "/></Message></WorkpointMessage>",
		"text":       fill("x"),
		"comments":   fill("<!---->"),
		"references": fill("&lt;"),
		"DOCTYPE":    "<!DOCTYPE " + strings.Repeat("x", wpi.MaxMessage-20) + ">",
		"open":       fill("<"),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _ = wpi.ParsePhoneMessage([]byte(text))
		runtime.ReadMemStats(&after)
		if got := (after.TotalAlloc - before.TotalAlloc) / wpi.MaxMessage; got > 100 {
			t.Errorf("%s: %d MiB for %d bytes", name, got, len(text))
		}
	}
}
