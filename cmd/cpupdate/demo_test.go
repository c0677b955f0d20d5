package main

import (
	"bytes"
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
			inMemory(t, func(s *site) {
				a, out, cast := s.demo()
				test.change(cast)
				err := demo.Run(s.t.Context(), a.con, cast, false, a.runInside)
				if f := exit.Classify(err); err == nil || f.Code != exit.CodeInternal || f.Error() != test.want {
					s.t.Errorf("%v, want: %s\n%s", err, test.want, out)
				}
			})
			empty(t, folder)
			if now, err := os.Getwd(); err != nil || now != here {
				t.Errorf("the demo ended in %s (%v)", now, err)
			}
		})
	}
}

// demo returns an app and phones for the demo on the site.
func (s *site) demo() (a *app, out *bytes.Buffer, cast []demo.Phone) {
	s.t.Helper()
	a, out, _ = s.app()
	cast = demo.Phones()
	for i := range cast {
		cast[i].Config.Network = s.net
	}
	return a, out, cast
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
	inMemory(t, func(s *site) {
		a, out, cast := s.demo()
		ctx, cancel := context.WithCancel(s.t.Context())
		defer cancel()
		a.con.Out = writerFunc(func(b []byte) (int, error) {
			if strings.HasPrefix(string(b), "$ cpupdate push") && strings.Contains(string(b), "--override") { // in step 5
				cancel()
			}
			return out.Write(b)
		})
		f := exit.Classify(demo.Run(ctx, a.con, cast, false, a.runInside))
		if f.Code != exit.CodeInterrupted || f.Error() != "interrupted in step 5 of 8 of the demo" || strings.Contains(out.String(), "6. ") {
			s.t.Errorf("%d: %v\n%s", f.Code, f, out)
		}
	})
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
