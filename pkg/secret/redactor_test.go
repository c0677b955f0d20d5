package secret_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/secret"
)

const redacted = secret.Redacted

// What a peer repeats of a secret is not shown, in whatever form it went over the wire.
func TestScrub(t *testing.T) {
	t.Parallel()
	basic := base64.StdEncoding.EncodeToString([]byte("cp:päss word/+1"))
	long := secret.NewRedactor(secret.New("päss word/+1"), secret.New(basic))
	for text, want := range map[string]string{
		"530 Wrong password päss word/+1.":    "530 Wrong password [redacted].",
		"you sent Basic " + basic:             "you sent Basic [redacted]",
		"?p=p%C3%A4ss+word%2F%2B1&":           "?p=[redacted]&",
		"?p=p%e4ss+word%2f%2b1&":              "?p=[redacted]&",
		"/p%C3%A4ss%20word%2F+1/":             "/[redacted]/",
		"päss word":                           "päss word",
		"":                                    "",
		"päss word/+1päss word/+1":            "[redacted][redacted]",
		"\x1b[31mpäss word/+1\x1b[0m escaped": "\x1b[31m[redacted]\x1b[0m escaped",
	} {
		if got := long.Scrub(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
	odd := secret.New(`a  <b>&"c'\/é😀`)
	for _, text := range []string{
		`a  <b>&"c'\/é😀`, `a <b>&"c'\/é😀`, "a  &lt;b&gt;&amp;&quot;c&#39;\\/é😀", "a  &lt;b&gt;&amp;&#34;c&#039;\\/é😀", "a  &#x3c;b>&amp;\"c&apos;\\/é😀",
		`{"p":"a  <b>&\"c'\\/é😀"}`, `{"p":"a  \u003cb\u003e\u0026\"c'\\\/\u00e9\ud83d\ude00"}`, `a  <b>&\"c\'\\/\xc3\xa9\U0001f600`,
		"a%20%20%3cb%3e%26%22c'%5c/%c3%a9%f0%9f%98%80",
	} {
		if got := odd.Scrub("you sent " + text + "."); !strings.Contains(got, redacted) || strings.Contains(got, "b") {
			t.Errorf("%q becomes %q", text, got)
		}
	}
}

// A short secret is looked for as a word only, and what holds it is not shown at all.
func TestScrubShort(t *testing.T) {
	t.Parallel()
	short := secret.New("abc")
	for text, want := range map[string]string{
		"the alphabet begins abcdef": "the alphabet begins abcdef",
		"wrong: 'abc'":               redacted,
		"PASS abc":                   redacted,
		"?p=abc&x":                   redacted,
		"xabc abcx, then abc!":       redacted,
	} {
		if got := short.Scrub(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
	for _, nothing := range []secret.Redactor{{}, secret.NewRedactor(), secret.NewRedactor(secret.New(""), secret.Secret{})} {
		if got := nothing.Scrub("as it was"); got != "as it was" {
			t.Errorf("an empty secret changes the text: %q", got)
		}
	}
}

// One secret may hold another.
func TestScrubSeveral(t *testing.T) {
	t.Parallel()
	if got := secret.NewRedactor(secret.New("CP600"), secret.New("CP600admin")).Scrub("CP600, CP600admin"); got != "[redacted], [redacted]" {
		t.Errorf("got %q", got)
	}
}

// What is cut ends before a secret that begins there, and what only looks like one stays.
func TestRedactorCut(t *testing.T) {
	t.Parallel()
	r := secret.NewRedactor(secret.New("CP600admin"))
	for _, row := range []struct {
		name, text string
		limit      int
		raw, shown string
	}{
		{"not cut", "a CP600", 7, "a CP600", "a CP600"},
		{"not cut, with all of it", "a CP600admin", 12, "a CP600admin", "a [redacted]"},
		{"cut behind it", "a CP600admin b", 13, "a CP600admin ", "a [redacted] "},
		{"cut right behind it", "a CP600admin b", 12, "a CP600admin", "a [redacted]"},
		{"cut within it", "a CP600admin b", 11, "a ", "a "},
		{"cut after its first byte", "a CP600admin b", 3, "a ", "a "},
		{"cut within what only begins alike", "a CP600 is here", 7, "a CP600", "a CP600"},
		{"cut before, too", "a CP600adm", 8, "a ", "a "},
		{"twice", "CP600adminCP600admin!", 19, "CP600admin", "[redacted]"},
		{"in another form", "a %43%50%36%30%30%61%64%6D%69%6E", 20, "a ", "a "},
		{"cut within a letter", "aé", 2, "a", "a"},
		{"nothing", "", 5, "", ""},
	} {
		raw := r.Cut(row.text, row.limit)
		if raw != row.raw {
			t.Errorf("%s: raw %q, want %q", row.name, raw, row.raw)
		}
		if shown := r.Scrub(raw); shown != row.shown {
			t.Errorf("%s: shown %q, want %q", row.name, shown, row.shown)
		}
	}
	if got := secret.NewRedactor(secret.New("abab")).Cut("ababababab", 6); got != "abab" {
		t.Errorf("a secret that repeats itself: %q", got)
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		text         string
		limit        int
		prefix, want string
	}{
		{"", 0, "", ""},
		{"abc", 3, "abc", "abc"},
		{"abcd", 3, "abc", "abc..."},
		{"aäb", 2, "a", "a..."},
		{"aäb", 3, "aä", "aä..."},
		{"😀😀", 7, "😀", "😀..."},
		{"\x80\x80\x80\x80\x80\x80\x80\x80", 7, "\x80\x80\x80\x80\x80\x80\x80", "\x80\x80\x80\x80\x80\x80\x80..."},
		{"abc", -1, "", "..."},
	} {
		if got := secret.Prefix(row.text, row.limit); got != row.prefix {
			t.Errorf("%q, %d: prefix %q, want %q", row.text, row.limit, got, row.prefix)
		}
		if got := secret.Cut(row.text, row.limit); got != row.want {
			t.Errorf("%q, %d: %q, want %q", row.text, row.limit, got, row.want)
		}
	}
}

// Whatever is in a text, and however it is cut, no secret is shown, nor most of one.
func FuzzRedactor(f *testing.F) {
	f.Add("päss word/+1", "you sent p%C3%A4ss+word%2F%2B1&", 12)
	f.Add(`a"b\c`, `{"p":"a\"b\\c"}`, 3)
	f.Fuzz(func(t *testing.T, password, text string, limit int) {
		s := secret.New(password)
		if len(password) < 4 {
			t.Skip()
		}
		for part := range strings.SplitSeq(s.Scrub(text), redacted) {
			if strings.Contains(part, password) {
				t.Errorf("%q is in %q", password, part)
			}
		}
		raw := secret.NewRedactor(s).Cut(text, limit)
		if !strings.HasPrefix(text, raw) || len(raw) > max(limit, 0) && len(text) > limit {
			t.Errorf("%q cut at %d is %q", text, limit, raw)
		}
	})
}
