package main

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/demo"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/bind"
)

// TestDemoGoneWrong checks that a demo that does not go as described is an error, and that its folder is removed
// anyway.
func TestDemoGoneWrong(t *testing.T) {
	for name, test := range map[string]struct {
		change func(cast []demo.Phone)
		want   string
	}{
		"a phone that the image does not fit": {
			func(cast []demo.Phone) { cast[0].Config.DeviceType = "OpenScape Desk Phone CP200" },
			"step 3 of the demo: cpupdate check ended with exit code 4 (refused), not 0 (ok)",
		},
		"a phone that takes what it should refuse": {
			func(cast []demo.Phone) { cast[1].Config.Override = true },
			"step 5 of the demo: cpupdate push ended with exit code 0 (ok), not 8 (rejected)",
		},
		"a phone that has the image already": {
			func(cast []demo.Phone) { cast[0].Config.Version = bind.Version{Major: 1, Release: 9, Fix: 2} },
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
			cast := demo.Phones()
			test.change(cast)
			err = demo.Run(t.Context(), a.con, cast, false, a.runInside)
			if f := exit.Classify(err); err == nil || f.Code != exit.CodeInternal || f.Error() != test.want {
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
	a.con.Out = in
	if f := exit.Classify(demo.Run(t.Context(), a.con, demo.Phones(), false, a.runInside)); f.Code != exit.CodeInternal || !strings.Contains(f.Error(), "writing the answer") {
		t.Errorf("%d: %v", f.Code, f)
	}
	empty(t, folder)
}

func TestDemoInterrupted(t *testing.T) {
	folder := demoTemp(t)
	a, out, _ := testApp(t, strings.NewReader(""))
	ctx, cancel := context.WithCancel(t.Context())
	a.con.Out = writerFunc(func(b []byte) (int, error) {
		if strings.HasPrefix(string(b), "$ cpupdate push") && strings.Contains(string(b), "--override") { // in step 5
			cancel()
		}
		return out.Write(b)
	})
	f := exit.Classify(demo.Run(ctx, a.con, demo.Phones(), false, a.runInside))
	if f.Code != exit.CodeInterrupted || f.Error() != "interrupted in step 5 of 8 of the demo" || strings.Contains(out.String(), "6. ") {
		t.Errorf("%d: %v\n%s", f.Code, f, out)
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
