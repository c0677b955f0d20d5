package transfer

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/secret"
)

// What a server repeats of the password is not shown, in whatever form it went over the wire.
func TestScrub(t *testing.T) {
	long := Access{Username: "cp", Password: secret.New("päss word/+1")}
	basic := base64.StdEncoding.EncodeToString([]byte("cp:päss word/+1"))
	for text, want := range map[string]string{
		"530 Wrong password päss word/+1.":    "530 Wrong password [redacted].",
		"you sent Basic " + basic:             "you sent Basic [redacted]",
		"?p=p%C3%A4ss+word%2F%2B1&":           "?p=[redacted]&",
		"/p%C3%A4ss%20word%2F+1/":             "/[redacted]/",
		"päss word":                           "päss word",
		"":                                    "",
		"päss word/+1päss word/+1":            "[redacted][redacted]",
		"\x1b[31mpäss word/+1\x1b[0m escaped": "\x1b[31m[redacted]\x1b[0m escaped",
	} {
		if got := long.scrub(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
	odd := Access{Username: "cp", Password: secret.New(`a  <b>&"c'\/é😀`)}
	for _, text := range []string{
		`a  <b>&"c'\/é😀`, `a <b>&"c'\/é😀`, "a  &lt;b&gt;&amp;&quot;c&#39;\\/é😀", "a  &lt;b&gt;&amp;&#34;c&#039;\\/é😀", "a  &#x3c;b>&amp;\"c&apos;\\/é😀",
		`{"p":"a  <b>&\"c'\\/é😀"}`, `{"p":"a  \u003cb\u003e\u0026\"c'\\\/\u00e9\ud83d\ude00"}`, `a  <b>&\"c\'\\/\xc3\xa9\U0001f600`,
		"a%20%20%3cb%3e%26%22c'%5c/%c3%a9%f0%9f%98%80",
	} {
		if got := (&peer{access: odd}).words("you sent " + text + "."); !strings.Contains(got, secret.Redacted) || strings.Contains(got, "b") {
			t.Errorf("%q becomes %q", text, got)
		}
	}
	short := Access{Username: "cp", Password: secret.New("abc")}
	for text, want := range map[string]string{
		"the alphabet begins abcdef": "the alphabet begins abcdef",
		"wrong: 'abc'":               secret.Redacted,
		"PASS abc":                   secret.Redacted,
	} {
		if got := short.scrub(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
	if got := (Access{Password: secret.New("")}).scrub("as it was"); got != "as it was" {
		t.Errorf("an empty password changes the text: %q", got)
	}
}

// readReply takes what servers send, and nothing else.
func TestReadReply(t *testing.T) {
	for text, want := range map[string]reply{
		"226 Done.\r\n": {226, []string{"Done."}},
		"226 Done.\n":   {226, []string{"Done."}},
		"226 Done.":     {226, []string{"Done."}},
		"226\r\n":       {226, []string{""}},
		"211-Features:\r\n SIZE\r\n EPSV\r\n211 End\r\n":   {211, []string{"Features:", "SIZE", "EPSV", "End"}},
		"220-Hello\r\n220-you\r\n220 there\r\n":            {220, []string{"Hello", "you", "there"}},
		"220-Hello\r\n500 not the end\r\n220 there\r\n":    {220, []string{"Hello", "500 not the end", "there"}},
		"220-Hello\n\n22\n220 there\n":                     {220, []string{"Hello", "", "22", "there"}},
		"220 " + strings.Repeat("x", 64<<10) + "\r\n":      {220, []string{strings.Repeat("x", maxReplyLine-4)}},
		"550 \x1b[2J\x00\xff\r\n":                          {550, []string{"\x1b[2J\x00\xff"}},
		"213-\r\n213 5 \r\n":                               {213, []string{"", "5"}},
		"220-" + strings.Repeat("x\r\n", 5000) + "220 e\n": {220, append(append([]string{"x"}, repeated("x", maxReplyLines-1)...), "e")},
	} {
		got, err := readReply(bufio.NewReader(strings.NewReader(text)), func(*reply) {})
		if err != nil || got.code != want.code || strings.Join(got.lines, "|") != strings.Join(want.lines, "|") {
			t.Errorf("%.60q: %d %.80q, %v", text, got.code, got.lines, err)
		}
	}
	for _, text := range []string{
		"", "\r\n", "22", "abc def\r\n", "099 x\r\n", "700 x\r\n", "2260 x\r\n", "226x\r\n", "HTTP/1.1 400 Bad\r\n",
		"220-never ends\r\n", "220-x\r\n220", "220 " + strings.Repeat("x", maxReplyBytes), "220-" + strings.Repeat("x\n", maxReplyBytes),
	} {
		// "220-x\r\n220" ends with a line that is a whole one.
		got, err := readReply(bufio.NewReader(strings.NewReader(text)), func(*reply) {})
		if (err == nil) != (text == "220-x\r\n220") {
			t.Errorf("%.60q: %v, %v", text, got, err)
		}
	}
}

func repeated(s string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = s
	}
	return out
}

// FuzzReply: whatever a server sends, the library reads of it what we read, and the memory is bounded.
func FuzzReply(f *testing.F) {
	for _, seed := range []string{"220 x\r\n", "211-a\r\n b\n211 c\r\n", "150\n226 x", "\xff\x00", "220-\r\n220-\r\n220 \r\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bufio.NewReader(bytes.NewReader(data))
		for {
			got, err := readReply(r, func(*reply) {})
			if err != nil {
				return
			}
			code, text, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(got.wire()))).ReadResponse(0)
			if err != nil && !strings.Contains(err.Error(), fmt.Sprintf("%03d", got.code)) || code != got.code {
				t.Fatalf("%q: the library reads %d %q, %v", got.wire(), code, text, err)
			}
			if len(got.lines) > maxReplyLines+1 || len(got.wire()) > 2*maxReplyBytes {
				t.Fatalf("%d lines, %d bytes are kept", len(got.lines), len(got.wire()))
			}
		}
	})
}

// A digest is taken from a reply only if there is exactly one.
func TestDigestIn(t *testing.T) {
	sum := sha256.Sum256([]byte("x"))
	hex := fmt.Sprintf("%x", sum)
	for text, want := range map[string]bool{
		"SHA-256 0-49 " + hex + " cp600.bind":    true,
		strings.ToUpper(hex):                     true,
		hex + " " + hex:                          false,
		hex[:62]:                                 false,
		hex + "00":                               false,
		"x" + hex:                                false,
		"":                                       false,
		"SHA-256 0-49 \"" + hex + "\" x":         true,
		strings.Repeat("0", 63) + "g " + hex:     true,
		"SHA-1 da39a3ee5e6b4b0d3255bfef95601890": false,
	} {
		if got, ok := digestIn(reply{213, []string{text}}, "cp600.bind"); ok != want || ok && got != sum {
			t.Errorf("%q: %x, %v", text, got, ok)
		}
	}
	if got, ok := digestIn(reply{213, []string{"SHA-256 0-9 " + hex + " " + hex[:63] + "0.bind"}}, hex[:63]+"0.bind"); !ok || got != sum {
		t.Error("a name that looks like a digest gets in the way")
	}
	if _, ok := digestIn(reply{550, []string{hex}}, "cp600.bind"); ok {
		t.Error("taken from a refusal")
	}
}

func TestDigestOf(t *testing.T) {
	sum := sha256.Sum256([]byte("x"))
	text := base64.StdEncoding.EncodeToString(sum[:])
	for name, test := range map[string]struct {
		header http.Header
		want   bool
	}{
		"repr-digest":      {http.Header{"Repr-Digest": {"sha-512=:AAAA:, sha-256=:" + text + ":"}}, true},
		"digest":           {http.Header{"Digest": {"SHA-256=" + text}}, true},
		"md5":              {http.Header{"Digest": {"MD5=" + text}}, false},
		"etag":             {http.Header{"Etag": {`"` + text + `"`}}, false},
		"cut":              {http.Header{"Repr-Digest": {"sha-256=:" + text[:20] + ":"}}, false},
		"empty":            {http.Header{}, false},
		"no base64":        {http.Header{"Digest": {"SHA-256=!"}}, false},
		"broken, then old": {http.Header{"Repr-Digest": {"sha-256=:!:"}, "Digest": {"sha-256=" + text}}, true},
	} {
		if got, ok := digestOf(test.header); ok != test.want || ok && got != sum {
			t.Errorf("%s: %x, %v", name, got, ok)
		}
	}
}

// Of a page only what a person would read is told.
func TestBodyText(t *testing.T) {
	for body, want := range map[string]string{
		"<html><head><title>403 Forbidden</title><style>p{}</style></head><body><h1>403 Forbidden</h1></body></html>": "403 Forbidden 403 Forbidden",
		"<script>alert(1)</script>no": "no",
	} {
		if got := strings.Join(strings.Fields(bodyText("text/html; charset=utf-8", []byte(body))), " "); got != want {
			t.Errorf("%q: %q", body, got)
		}
	}
	if got := bodyText("application/octet-stream", []byte{1, 2, 3}); got != "" {
		t.Errorf("a binary body gives %q", got)
	}
	if got := bodyText("text/plain", []byte("a\xff")); got != "a?" {
		t.Errorf("bytes that are no text give %q", got)
	}
}

// A temporary name is never longer than names may be, and never the same.
func TestTemporaryName(t *testing.T) {
	seen := map[string]bool{}
	for length := range maxName + 1 {
		name := temporaryName(strings.Repeat("x", length))
		if len(name) > maxName || !strings.HasSuffix(name, ".part") || seen[name] {
			t.Errorf("%d: %q", length, name)
		}
		seen[name] = true
	}
}

// Every kind has a sentence of its own, and is temporary or not.
func TestKinds(t *testing.T) {
	passing := 0
	seen := map[string]bool{}
	for _, kind := range []Kind{
		KindUnreachable, KindTimeout, KindBroken, KindBusy, KindTrust, KindTLS, KindLogin, KindMissing, KindDenied,
		KindExists, KindFull, KindName, KindRedirect, KindRefused, KindProtocol, KindUnproven,
	} {
		e := &Error{Op: "sending", Server: "x:21", Kind: kind, Code: 550, Reply: "No.", Err: io.EOF, Left: "ftp://x/y"}
		if text := e.Error(); !strings.HasPrefix(text, "x:21: sending: ") || !strings.HasSuffix(text, ": 550 No.: EOF; left behind: ftp://x/y") || seen[text] || e.sentence() == string(kind) {
			t.Errorf("%s: %s", kind, text)
		}
		seen[e.Error()] = true
		if e.Temporary() {
			passing++
		}
	}
	if passing != 4 {
		t.Errorf("%d kinds may pass", passing)
	}
}

// A proxy of the environment is never asked: servers and phones are local. (A test with one could not tell: Go never
// uses it for loopback.) Nor is HTTP/2, and nothing is followed.
func TestTransportIsPlain(t *testing.T) {
	store, err := newHTTPSStore(Access{Method: HTTPS, BaseURL: "https://files.example/"}, Options{}.complete())
	if err != nil {
		t.Fatal(err)
	}
	s, ok := store.(*httpsStore)
	if !ok {
		t.Fatalf("%T", store)
	}
	if s.transport.Proxy != nil || s.transport.ForceAttemptHTTP2 || s.transport.TLSNextProto == nil || !s.transport.DisableCompression {
		t.Error("the transport is not plain")
	}
	if got := s.transport.TLSClientConfig; len(got.NextProtos) != 1 || got.NextProtos[0] != "http/1.1" || got.VerifyConnection == nil {
		t.Errorf("TLS offers %q", got.NextProtos)
	}
	if err := s.client.CheckRedirect(nil, nil); !errors.Is(err, http.ErrUseLastResponse) {
		t.Errorf("redirects: %v", err)
	}
}
