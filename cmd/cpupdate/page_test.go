package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/display"
)

// A docPage is a page of docs whose blocks are run. A block has a name behind its language: ```conf pam.
type docPage struct {
	path, text string
}

func readPage(t *testing.T, name string) *docPage {
	t.Helper()
	path := filepath.Join("..", "..", "docs", name)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return &docPage{path, strings.ReplaceAll(string(text), "\r\n", "\n")}
}

// block returns the block of the name, which has to be there once.
func (p *docPage) block(t *testing.T, name string) string {
	t.Helper()
	found := regexp.MustCompile("(?ms)^```[a-z]+ "+regexp.QuoteMeta(name)+"\n(.*?)^```$").FindAllStringSubmatch(p.text, -1)
	if len(found) != 1 {
		t.Fatalf("%s has %d blocks called %q, want 1", p.path, len(found), name)
	}
	return found[0][1]
}

// compare runs the commands of the console blocks of the name, at least so many, and compares what they print.
func (p *docPage) compare(t *testing.T, name string, least int, run func(line string) string) {
	t.Helper()
	comparePage(t, p.path, least, func(info string) func(string) string {
		if info == "console "+name {
			return run
		}
		return nil
	})
}

// comparePage runs the commands of those console blocks for which choose returns a shell, and compares what they print
// with what the page shows, but for what differs each time. A block that is called whole is a single command, whose
// output has prompts too. Where UPDATE_DOCS is set the page is written anew.
func comparePage(t *testing.T, path string, least int, choose func(info string) func(line string) string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	commands, inBlock, whole, ran := 0, false, false, false
	var run func(string) string
	for line := range strings.Lines(string(content)) {
		switch {
		case strings.HasPrefix(line, "```"):
			inBlock = !inBlock
			if run = nil; inBlock {
				info := strings.TrimSpace(strings.TrimPrefix(line, "```"))
				run, whole, ran = choose(info), strings.HasSuffix(info, " whole"), false
			}
			out.WriteString(line)
		case run == nil:
			out.WriteString(line)
		case strings.HasPrefix(line, "$ ") && !ran:
			commands++
			out.WriteString(line + withoutVarying(run(strings.TrimSpace(strings.TrimPrefix(line, "$ ")))))
			ran = whole
		}
	}
	if commands < least {
		t.Errorf("%s: only %d commands found", path, commands)
	}
	got, want := out.String(), string(content)
	switch {
	case steady(got) == steady(want):
	case os.Getenv("UPDATE_DOCS") != "":
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s shows other output than its commands give (make docs writes it anew); they give:\n%s", path, got)
	}
}

// withoutVarying leaves out lines that are not printed each time: the port if the default one is taken, and how far it is every few
// seconds. Where several phones are told a port, it is the default one.
func withoutVarying(text string) string {
	text = regexp.MustCompile(`(?m)^(note: this machine: phones call back on port \d+|(note: )?all phones: .*)\n`).ReplaceAllString(text, "")
	return regexp.MustCompile(`\bcall back on port \d+`).ReplaceAllString(text, "call back on port 18443")
}

// spanPattern matches a time span in each form that is printed: "30 ms", "1.9 s", "1 min", "2 min 21 s", "3 h 10 min".
const spanPattern = `(\d+ h( \d+ min)?|\d+ min( \d+(\.\d+)? s)?|\d+(\.\d+)? s|\d+ ms)`

// steady takes out of what the commands print what differs each time: how long it took and when it was, which ports were
// free, and which of several phones was done first.
func steady(text string) string {
	for _, r := range []struct{ pattern, by string }{
		{`(?m)^(  time +).*$`, "$1"},
		{`(?m)^(  (?:fetch|sent) +\S+ \S+).*$`, "$1"},
		{`127\.0\.0\.1:\d+`, "127.0.0.1:PORT"},
		{`\b\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?\b`, "DATE"},
		{`\b\d\d:\d\d(:\d\d)?\b`, "CLOCK"},
		{`\bat most (` + spanPattern + `\b|[0-9.hms]+)`, "at most TIME"},
		{`\bin\s+` + spanPattern + `\b`, "in TIME"},
		{`\(` + spanPattern + `\)`, "(TIME)"},
		{`(?m)^\d+ phones, about [^(]*\((assumed|measured)[^)]*\)$`, "FORECAST $1"},
	} {
		text = regexp.MustCompile(r.pattern).ReplaceAllString(text, r.by)
	}
	text = regexp.MustCompile(`(?m)^slowest\n( .*\n)+`).ReplaceAllString(text, "slowest\n")
	for _, r := range []struct{ lines, phone string }{
		{`(?m)(^(updated|rejected|old-version|incompatible|nothing to do|Keep the phones) .*\n( {20,}.*\n)*)+`, `(?m)^\S.*\n( .*\n)*`},
		{`(?m)(^  (rejected|unreachable|never-back) .*\n( {10,}.*\n)*)+`, `(?m)^  \S.*\n( {3,}.*\n)*`},
		{`(?m)(^hint: (rejected|unreachable|never-back): .*\n)+`, `.*\n`},
	} {
		text = regexp.MustCompile(r.lines).ReplaceAllStringFunc(text, func(lines string) string {
			phones := regexp.MustCompile(r.phone).FindAllString(lines, -1)
			slices.Sort(phones)
			return strings.Join(phones, "")
		})
	}
	return text
}

// TestSteady checks that no form of a time span is taken for other output: how busy the machine is decides which one is printed.
func TestSteady(t *testing.T) {
	t.Parallel()
	for _, d := range []time.Duration{
		0, 30 * time.Millisecond, 1900 * time.Millisecond, 2 * time.Second, 26 * time.Second, time.Minute, 141 * time.Second, time.Hour, 190 * time.Minute,
	} {
		for _, span := range []string{display.Span(d), display.Rough(d)} {
			text := fmt.Sprintf("wave 1 ended: 2 updated, in %s\nended 2026-11-30 01:26:32 (%[1]s)\nit waits at most %[1]s for it", span)
			if got := steady(text); got != "wave 1 ended: 2 updated, in TIME\nended DATE (TIME)\nit waits at most TIME for it" {
				t.Errorf("%s stays: %s", span, got)
			}
		}
	}
}

// asExample writes files.example for the server of a test, and its default port where a port is told.
func asExample(text, address string, defaultPort int) string {
	host, _, _ := strings.Cut(address, ":")
	text = strings.ReplaceAll(text, "://"+address, "://files.example")
	text = strings.ReplaceAll(text, address, fmt.Sprintf("files.example:%d", defaultPort))
	return strings.ReplaceAll(text, host, "files.example")
}
