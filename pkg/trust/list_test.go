package trust_test

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/trust"
)

const (
	hexA = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	hexB = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

func pin(t testing.TB, text string) trust.Pin {
	t.Helper()
	p, err := trust.ParsePin(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func parse(t testing.TB, text string) *trust.List {
	t.Helper()
	l, err := trust.ParseList([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if back := string(l.Bytes()); back != text {
		t.Fatalf("read %q, wrote %q", text, back)
	}
	return l
}

// TestPeer checks that every peer has one form, and that other text has none.
func TestPeer(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Files.Example:443":                   "files.example:443",
		"192.0.2.1:00021":                     "192.0.2.1:21",
		"[2001:DB8:0:0::1]:8443":              "[2001:db8::1]:8443",
		"[fe80::1%eth0]:443":                  "[fe80::1%eth0]:443",
		"bücher.example:1":                    "bücher.example:1",
		"host.example.:443":                   "host.example:443",
		"192.0.2.1.:443":                      "",
		"127.0.0.010:443":                     "",
		"host\u200b:443":                      "",
		"[2001:db8::1:443":                    "",
		"[::ffff:192.0.2.50]:443":             "192.0.2.50:443",
		"[::FFFF:c000:232]:443":               "192.0.2.50:443",
		"[::192.0.2.50]:443":                  "[::c000:232]:443",
		"xn--bcher-kva.example:1":             "xn--bcher-kva.example:1",
		"host..:443":                          "",
		".:443":                               "",
		"host":                                "",
		":443":                                "",
		"host:0":                              "",
		"host:65536":                          "",
		"host:-1":                             "",
		"host:https":                          "",
		"2001:db8::1:443":                     "",
		"[host]:443":                          "",
		"ho st:443":                           "",
		"#host:443":                           "",
		"user@host:443":                       "",
		"https://host:443":                    "",
		"host\x1b[2J:443":                     "",
		"host\u202e:443":                      "",
		"\xff:443":                            "",
		strings.Repeat("h", 253) + ":443":     strings.Repeat("h", 253) + ":443",
		strings.Repeat("h", 254) + ":443":     "",
		"[" + strings.Repeat(":", 300) + "]:": "",
	} {
		got, err := trust.ParsePeer(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v, want %q", in, got, err, want)
		}
	}
}

// TestParseList checks which lines are valid, and that no invalid line is skipped.
func TestParseList(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	a := trust.Known{Pin: pin(t, hexA), Since: day}
	for _, c := range []struct {
		name, text string
		want       []trust.Entry
		problem    string // what the error says
	}{
		{name: "nothing"},
		{name: "remarks and blank lines", text: "# known keys\r\n\n  \t\n  # indented\n"},
		{name: "a line", text: "host:443 " + hexA + " 2026-11-23 free text  to the end \n", want: []trust.Entry{{"host:443", a, "free text  to the end"}}},
		{name: "CRLF, tabs, no line break at the end", text: "# x\r\n\tHOST:443\t" + strings.ToUpper(hexA) + "\t2026-11-23", want: []trust.Entry{{"host:443", a, ""}}},
		{name: "a byte order mark", text: "\xEF\xBB\xBFhost:443 " + hexA + " 2026-11-23\n", want: []trust.Entry{{"host:443", a, ""}}},
		{name: "no date", text: "host:443 " + hexA + "\nhost:443 " + hexA + " -\nhost:443 " + hexA + " - # text\n", want: []trust.Entry{
			{"host:443", trust.Known{Pin: a.Pin}, ""}, {"host:443", trust.Known{Pin: a.Pin}, ""}, {"host:443", trust.Known{Pin: a.Pin}, "# text"},
		}},
		{name: "colons in the key", text: "host:443 sha256:" + strings.TrimSuffix(strings.Repeat("aa:", 32), ":") + " 2026-11-23\n", want: []trust.Entry{{"host:443", a, ""}}},
		{name: "a text that is not UTF-8", text: "host:443 " + hexA + " 2026-11-23 caf\xe9\n", want: []trust.Entry{{"host:443", a, "caf\xe9"}}},
		{name: "no peer", text: "\n" + hexA + "\n", problem: "line 2: a peer must be HOST:PORT"},
		{name: "no port", text: "host " + hexA + "\n", problem: "line 1: a peer must be HOST:PORT"},
		{name: "no key", text: "# x\n\nhost:443\n", problem: "line 3: a pin must be"},
		{name: "half a key", text: "host:443 " + hexA[:70] + "\n", problem: "line 1: a pin must be"},
		{name: "no date, but text", text: "host:443 " + hexA + " my phone\n", problem: "line 1: the key must be followed by the date"},
		{name: "no such day", text: "host:443 " + hexA + " 2026-02-30\n", problem: "line 1: the key must be followed by the date"},
		{name: "zeros, as a crash leaves them", text: "host:443 " + hexA + "\n" + strings.Repeat("\x00", 40), problem: "line 2: contains a control character"},
		{name: "lines that end otherwise", text: "# x\rhost:443 " + hexA + "\r", problem: "line 1: contains a control character"},
		{name: "a line that ends for others", text: "host:443 " + hexA + " - x\u2028other:443 " + hexB + "\n", problem: "line 1: contains a control character"},
		{name: "UTF-16", text: "\xff\xfeh\x00o\x00s\x00t\x00", problem: "line 1: contains a control character"},
		{name: "a conflict of versions", text: "<<<<<<< HEAD\n", problem: "line 1: a peer must be"},
		{name: "the longest line", text: "#" + strings.Repeat("x", 4095) + "\n"},
		{name: "a longer one", text: "#" + strings.Repeat("x", 4096) + "\n", problem: "line 1: has more than 4096 bytes"},
		{name: "all lines", text: strings.Repeat("\n", 100_000)},
		{name: "a line more", text: strings.Repeat("\n", 100_001), problem: "has more than 100000 lines"},
		{name: "too much", text: strings.Repeat("#\n", trust.MaxList/2) + "#", problem: "has more than 1048576 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l, err := trust.ParseList([]byte(c.text))
			if c.problem != "" {
				if e := (*trust.ListError)(nil); !errors.As(err, &e) || !strings.HasPrefix(err.Error(), c.problem) {
					t.Fatalf("%v, want %q", err, c.problem)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := l.Entries(); !reflect.DeepEqual(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
			if string(l.Bytes()) != c.text {
				t.Errorf("%q is written as %q", c.text, l.Bytes())
			}
		})
	}
}

// TestChangeList checks that adding and removing leave the other lines unchanged.
func TestChangeList(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 11, 23, 23, 59, 0, 0, time.FixedZone("west", -6*3600))
	a, b := pin(t, hexA), pin(t, hexB)
	const before = "# mine\r\n\r\nHost:443   " + hexA + " 2026-01-02 first\r\n[2001:DB8::1]:22 " + hexA
	l := parse(t, before)
	if got := l.Find("HOST:443"); len(got) != 1 || got[0].Pin != a {
		t.Fatalf("found %v", got)
	}
	if got := l.Find("[2001:db8:0::1]:22"); len(got) != 1 {
		t.Errorf("found %v", got)
	}
	for _, stranger := range []string{"host:444", "other:443", "host", ""} {
		if got := l.Find(stranger); got != nil {
			t.Errorf("%q: found %v", stranger, got)
		}
	}
	if err := l.Add(trust.Entry{Peer: "host:443", Known: trust.Known{Pin: a, Since: day}, Comment: "again"}); err != nil || string(l.Bytes()) != before {
		t.Errorf("a key that is there: %v, %q", err, l.Bytes())
	}
	if err := l.Add(trust.Entry{Peer: "HOST:0443", Known: trust.Known{Pin: b, Since: day}, Comment: "second"}); err != nil {
		t.Fatal(err)
	}
	const after = before + "\r\nhost:443 " + hexB + " 2026-11-24 second\r\n"
	if string(l.Bytes()) != after {
		t.Fatalf("%q, want %q", l.Bytes(), after)
	}
	if got := l.Find("host:443"); len(got) != 2 || got[1].Pin != b || got[1].Since.Format(time.DateOnly) != "2026-11-24" {
		t.Errorf("found %v", got)
	}
	if n := l.Remove("host:443", trust.Pin{}); n != 0 || string(l.Bytes()) != after {
		t.Errorf("removed %d", n)
	}
	if n := l.Remove("Host:443", b); n != 1 || string(l.Bytes()) != before+"\r\n" {
		t.Errorf("removed %d, left %q", n, l.Bytes())
	}
	l = parse(t, after)
	if n := l.Remove("host:443"); n != 2 || string(l.Bytes()) != "# mine\r\n\r\n[2001:DB8::1]:22 "+hexA+"\r\n" {
		t.Errorf("removed %d, left %q", n, l.Bytes())
	}
	if n := l.Remove("no peer"); n != 0 {
		t.Errorf("removed %d", n)
	}
}

// TestAddRefuses checks that nothing is added that could not be read back unchanged, or that makes the list too large.
func TestAddRefuses(t *testing.T) {
	t.Parallel()
	known := trust.Known{Pin: pin(t, hexA)}
	for name, e := range map[string]trust.Entry{
		"no peer":                 {Peer: "host", Known: known},
		"a line break":            {Peer: "host:443", Known: known, Comment: "x\nother:443 " + hexB},
		"a line break at the end": {Peer: "host:443", Known: known, Comment: "x\n"},
		"a carriage return":       {Peer: "host:443", Known: known, Comment: "x\r"},
		"a terminal's escape":     {Peer: "host:443", Known: known, Comment: "\x1b[2J"},
		"blanks at the end":       {Peer: "host:443", Known: known, Comment: "x "},
		"a long comment":          {Peer: "host:443", Known: known, Comment: strings.Repeat("x", 4096)},
		"no year":                 {Peer: "host:443", Known: trust.Known{Pin: known.Pin, Since: time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)}},
	} {
		l := parse(t, "# mine")
		if err := l.Add(e); err == nil || string(l.Bytes()) != "# mine" {
			t.Errorf("%s: %v, %q", name, err, l.Bytes())
		}
	}
	for name, full := range map[string]string{
		"lines": strings.Repeat("\n", 100_000),
		"bytes": strings.Repeat("#"+strings.Repeat("x", 1022)+"\n", 1024),
	} {
		l := parse(t, full)
		if err := l.Add(trust.Entry{Peer: "host:443", Known: known}); err == nil || string(l.Bytes()) != full {
			t.Errorf("full of %s: %v", name, err)
		}
	}
}

// FuzzList checks that a parsed list is written unchanged, and that an added entry is found until it is removed.
func FuzzList(f *testing.F) {
	f.Add([]byte("# x\r\nhost:443 "+hexA+" 2026-11-23 text\n"), "Host:443", "a text")
	f.Add([]byte("[2001:DB8::1]:22 "+hexB+" -"), "[::1]:1", "")
	f.Fuzz(func(t *testing.T, text []byte, peer, comment string) {
		l, err := trust.ParseList(text)
		if err != nil {
			if e := (*trust.ListError)(nil); !errors.As(err, &e) {
				t.Fatalf("%T", err)
			}
			return
		}
		if !bytes.Equal(l.Bytes(), text) {
			t.Fatalf("%q is written as %q", text, l.Bytes())
		}
		before := l.Entries()
		fresh := trust.Known{Pin: trust.Pin{1, 2, 3}, Since: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)}
		if len(l.Find(peer)) > 0 || l.Add(trust.Entry{Peer: peer, Known: fresh, Comment: comment}) != nil {
			return
		}
		again := parse(t, string(l.Bytes()))
		canonical, err := trust.ParsePeer(peer)
		if twice, err2 := trust.ParsePeer(canonical); err != nil || err2 != nil || twice != canonical {
			t.Fatalf("%q is %q is %q", peer, canonical, twice)
		}
		want := append(slices.Clone(before), trust.Entry{Peer: canonical, Known: fresh, Comment: comment})
		if got := again.Entries(); !reflect.DeepEqual(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
		if again.Remove(peer, fresh.Pin) != 1 || !reflect.DeepEqual(again.Entries(), before) {
			t.Fatalf("left %v, want %v", again.Entries(), before)
		}
	})
}
