package phonesim_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// TestWriteItems: what is written can be read by name and index, also after a restart. What cannot be written has a status,
// that is not the action's, and is said not to be written.
func TestWriteItems(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		s := newService(t)
		p := start(t, cp600())
		s.say(solicit(t, p.Address(), s), "WriteItems", "e164", "+4930123", "display-id", "Lobby", "mac-addr", "1", "file-name", "x",
			"basic-e164", "none", "no such item", "1", "dls-addr", "", "ntp-addr#1", "x", "related-device-type", "x", "line-name#one", "x",
			"new-item", "stored", "line-name#2", "two", "line-name#10", "ten", "line-name#1", "one", "line-name#2", "second")
		c := s.expect("reply-to")
		if c.action != "WriteItems" || c.status != "accepted" {
			t.Errorf("it says %s", c.body)
		}
		for name, status := range map[string]string{
			"mac-addr": "read only", "file-name": "unexpected item", "basic-e164": "invalid data", "no such item": "unknown item",
			"dls-addr": "missing item content", "ntp-addr": "invalid index", "related-device-type": "read only", "line-name": "invalid index",
		} {
			if c.states[name] != status {
				t.Errorf("%s: %q, want %q", name, c.states[name], status)
			}
		}
		if len(c.states) != 8 {
			t.Errorf("it has statuses for %v", c.states)
		}
		if e := p.await(phonesim.Written); e.Detail != "e164 display-id new-item line-name#2 line-name#10 line-name#1 line-name#2" {
			t.Errorf("written: %s", e.Detail)
		}
		if e := p.await(phonesim.NotWritten); !strings.HasPrefix(e.Detail, "mac-addr (read only), file-name (unexpected item), basic-e164 (invalid data), ") ||
			!strings.HasSuffix(e.Detail, "...") || len(e.Detail) > 200 {
			t.Errorf("not written: %s", e.Detail)
		}
		s.say(c, "ReadItems", "e164", "", "display-id", "", "new-item", "", "line-name", "", "line-name#3", "", "ntp-addr", "", "e164#1", "")
		c = s.expect("reply-to")
		wantItems(t, c, `e164=+4930123`, `display-id=Lobby`, `new-item=stored`, `line-name#1=one`, `line-name#2=second`, `line-name#10=ten`,
			`line-name#3=(invalid index)`, `ntp-addr=`, `e164#1=(invalid index)`)
		s.say(c, "Restart")
		p.await(phonesim.Started)
		c = solicit(t, p.Address(), s)
		if c.items["e164"] != "+4930123" || c.items["basic-e164"] != "+4930123" || c.items["software-version"] != "V1 R4.9.0" {
			t.Errorf("after a restart it says %s", c.body)
		}
		s.say(c, "WriteItems", "line-name#1", "", "file-name", "x")
		c = s.expect("reply-to")
		p.await(phonesim.NotWritten)
		s.say(c, "ReadAllItems")
		c = s.expect("reply-to")
		for _, item := range []string{`index="1">one<`, `index="2">second<`, `index="10">ten<`, `"display-id">Lobby<`, `"dls-addr"><`} {
			if strings.Count(c.body, item) != 1 {
				t.Errorf("%s is not among all items: %s", item, c.body)
			}
		}
		s.say(c, "CleanUp")
		p.await(phonesim.Ended)
		p.mu.Lock()
		defer p.mu.Unlock()
		if n := len(slices.DeleteFunc(slices.Clone(p.all), func(e phonesim.Event) bool { return e.Kind != phonesim.Written })); n != 1 {
			t.Errorf("%d times something is said to be written", n)
		}
	})
}

// wantItems compares the items of a call, each as NAME#INDEX=VALUE or NAME=(STATUS), in their order.
func wantItems(t *world, c call, want ...string) {
	t.Helper()
	var got []string
	for _, item := range regexp.MustCompile(`(?s)<Item( [^>]*)>(.*?)</Item>`).FindAllStringSubmatch(c.body, -1) {
		text := find(item[1], ` name="([^"]*)"`)
		if index := find(item[1], ` index="([^"]*)"`); index != "" {
			text += "#" + index
		}
		if text += "=" + item[2]; strings.Contains(item[1], "status=") {
			text += "(" + find(item[1], ` status="([^"]*)"`) + ")"
		}
		got = append(got, text)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestWriteMuch: a phone has room for many items, not for any number.
func TestWriteMuch(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		s := newService(t)
		p := start(t, cp600())
		long := strings.Repeat("&amp;", 12_000)
		var items []string
		for i := range 12 {
			items = append(items, fmt.Sprintf("long#%d", i), long)
		}
		s.say(solicit(t, p.Address(), s), "WriteItems", items...)
		c := s.expect("reply-to")
		if refused := strings.Count(c.body, `status="failed"`); refused != 2 {
			t.Errorf("%d items are refused: %s", refused, cut(c.body))
		}
		s.say(c, "WriteItems", "long#0", "short", "long#11", long) // what replaces another takes its room
		c = s.expect("reply-to")
		if strings.Contains(c.body, "failed") {
			t.Errorf("it says %s", cut(c.body))
		}
		s.say(c, "ReadItems", "long", "")
		if c = s.expect("reply-to"); strings.Count(c.body, "<Item ") != 11 || !strings.Contains(c.body, ">short<") {
			t.Errorf("it says %s", cut(c.body))
		}
		s.say(c, "CleanUp")
		p.await(phonesim.Ended)
	})
}

// TestInterim: an answer that is not the last one is no answer, neither to a message nor to a request for a file.
func TestInterim(t *testing.T) {
	t.Parallel()
	inMemory(t, func(t *world) {
		s := newService(t)
		s.file, s.interim = cpb(t, nil), "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
		p := start(t, cp600())
		c := solicit(t, p.Address(), s)
		s.answer(reply{raw: s.interim + httpAnswer(documented(c.nonce, "ReadItems", "e164", ""))})
		s.say(s.expect("reply-to"), "SoftwareDeployment", httpsItems(s, "normal")...)
		p.await(phonesim.Started)
		for _, raw := range []string{strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 100), "HTTP/1.1 101 Switching Protocols\r\n\r\n"} {
			solicit(t, p.Address(), s)
			s.answer(reply{raw: raw, hangsUp: true})
			p.await(phonesim.CallFailed)
		}
	})
}
