package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// A ran is one command line that was run inside the test process.
type ran struct {
	code        code
	out, errOut string
}

// testApp returns an app without terminal and settings.
func testApp(t *testing.T, stdin io.Reader) (*app, *bytes.Buffer, *bytes.Buffer) {
	t.Helper()
	var out, errOut bytes.Buffer
	a := newTestApp(&console{in: stdin, out: &out, err: &errOut, width: 80}, t.TempDir())
	a.dial = func(context.Context, transfer.Access, transfer.Options) (transfer.Store, error) {
		return nil, errors.New("no server in this test")
	}
	a.con.keepPipes = func() {}
	a.con.ask = func(context.Context, string) (string, error) { return "", io.EOF }
	return a, &out, &errOut
}

// newTestApp returns an app with a console and a folder for settings.
func newTestApp(con *console, folder string) *app {
	store := &settingsStore{settings: folder}
	return wire(con, store, &passwordStore{con: con, store: store}, surroundings{})
}

// runHere runs a command line and checks what holds for each: a failure says one error, and success says none.
func runHere(t *testing.T, stdin io.Reader, args ...string) ran {
	t.Helper()
	a, out, errOut := testApp(t, stdin)
	c := run(t.Context(), a, args)
	r := ran{c, out.String(), errOut.String()}
	r.check(t, args)
	return r
}

func (r ran) check(t *testing.T, args []string) {
	t.Helper()
	prefix := "cpupdate: "
	if wantsJSON(args) {
		prefix = `{"schema":1,"error":`
		if r.out != "" && !json.Valid([]byte(r.out)) {
			t.Errorf("%q: standard output is not one JSON document:\n%s", args, r.out)
		}
		for line := range strings.Lines(r.errOut) {
			if !json.Valid([]byte(line)) {
				t.Errorf("%q: standard error holds what is no JSON: %s", args, line)
			}
		}
	}
	count := 0
	for line := range strings.Lines(r.errOut) {
		if strings.HasPrefix(line, prefix) {
			count++
		}
	}
	if want := map[bool]int{true: 1}[r.code != codeOK]; count != want {
		t.Errorf("%q: exit code %d with %d errors on standard error, want %d\n%s", args, r.code, count, want, r.errOut)
	}
}

// failure is the error of a command with --json.
func (r ran) failure(t *testing.T) errorDoc {
	t.Helper()
	var doc struct{ Error errorDoc }
	lines := strings.Split(strings.TrimSpace(r.errOut), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &doc); err != nil {
		t.Fatalf("%v in %s", err, r.errOut)
	}
	return doc.Error
}

// newImage writes a CPB image into a new folder.
func newImage(t testing.TB, name string, change func(b *bind.Builder)) string {
	t.Helper()
	b := &bind.Builder{Family: "OpenScape Desk Phone CP", SoftwareType: "Unify HFA", Version: bind.Version{Major: 1, Release: 9, Fix: 2}}
	if change != nil {
		change(b)
	}
	path := filepath.Join(t.TempDir(), name)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	payload := []byte("payload")
	if err := b.Build(context.Background(), f, io.NewSectionReader(bytes.NewReader(payload), 0, int64(len(payload)))); err != nil {
		t.Fatal(err)
	}
	return path
}

// newFile writes a file into a new folder.
func newFile(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
