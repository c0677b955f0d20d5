package main

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

// TestDemoGoneWrong checks that a demo that does not go as described is an error, and that its folder is removed
// anyway.
func TestDemoGoneWrong(t *testing.T) {
	for name, test := range map[string]struct {
		change func(cast []demoPhone)
		want   string
	}{
		"a phone that the image does not fit": {
			func(cast []demoPhone) { cast[0].config.DeviceType = "OpenScape Desk Phone CP200" },
			"step 3 of the demo: cpupdate check ended with exit code 4 (refused), not 0 (ok)",
		},
		"a phone that takes what it should refuse": {
			func(cast []demoPhone) { cast[1].config.Override = true },
			"step 5 of the demo: cpupdate push ended with exit code 0 (ok), not 8 (rejected)",
		},
		"a phone that has the image already": {
			func(cast []demoPhone) { cast[0].config.Version = bind.Version{Major: 1, Release: 9, Fix: 2} },
			"step 6 of the demo: phone 1 was sent the update command 0 times and restarted 0 times, not 1 time and 1 time",
		},
	} {
		t.Run(name, func(t *testing.T) {
			here, err := os.Getwd()
			if err != nil {
				t.Fatal(err)
			}
			folder := demoTemp(t)
			a, out, _ := testApp(t, strings.NewReader(""))
			cast := demoPhones()
			test.change(cast)
			err = demo(t.Context(), a.con, cast, false, a.runInside)
			if f := classify(err); err == nil || f.code != codeInternal || f.Error() != test.want {
				t.Errorf("%v, want: %s\n%s", err, test.want, out)
			}
			empty(t, folder)
			if now, err := os.Getwd(); err != nil || now != here {
				t.Errorf("the demo ended in %s (%v)", now, err)
			}
		})
	}
}

// TestDemoUnread checks that the demo ends when its reader closes the pipe.
func TestDemoUnread(t *testing.T) {
	folder := demoTemp(t)
	a, _, _ := testApp(t, strings.NewReader(""))
	closed, in := io.Pipe()
	_ = closed.Close()
	a.con.out = in
	if f := classify(demo(t.Context(), a.con, demoPhones(), false, a.runInside)); f.code != codeInternal || !strings.Contains(f.Error(), "writing the answer") {
		t.Errorf("%d: %v", f.code, f)
	}
	empty(t, folder)
}

func TestDemoInterrupted(t *testing.T) {
	folder := demoTemp(t)
	a, out, _ := testApp(t, strings.NewReader(""))
	ctx, cancel := context.WithCancel(t.Context())
	a.con.out = writerFunc(func(b []byte) (int, error) {
		if strings.HasPrefix(string(b), "$ cpupdate push") && strings.Contains(string(b), "--override") { // in step 5
			cancel()
		}
		return out.Write(b)
	})
	f := classify(demo(ctx, a.con, demoPhones(), false, a.runInside))
	if f.code != codeInterrupted || f.Error() != "interrupted in step 5 of 8 of the demo" || strings.Contains(out.String(), "6. ") {
		t.Errorf("%d: %v\n%s", f.code, f, out)
	}
	empty(t, folder)
}

type writerFunc func(b []byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// demoTemp makes the folder for temporary files an empty one.
func demoTemp(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
		t.Setenv(name, folder)
	}
	return folder
}

func empty(t *testing.T, folder string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		t.Errorf("%s was left", entry.Name())
	}
}

// TestDemoCommandText checks that a shell splits the shown command lines into the same words.
func TestDemoCommandText(t *testing.T) {
	t.Chdir(t.TempDir())
	a, _, _ := testApp(t, strings.NewReader(""))
	d := &demonstration{con: a.con}
	if err := d.start(demoPhones()); err != nil {
		t.Fatal(err)
	}
	defer closePhones(d.phones)
	for _, s := range d.story() {
		for _, c := range s.commands {
			text := strings.ReplaceAll(c.text(), "\\\n", "")
			words, err := splitWords(text)
			if err != nil || strings.Join(words[1:], "|") != strings.Join(c.args(), "|") || strings.ContainsAny(text, "$`'*?!%^&|<>;") {
				t.Errorf("%s: %q (%v)", text, words, err)
			}
		}
	}
}
