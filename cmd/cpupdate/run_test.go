package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/credentials"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/doctor"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// A ran is one command line that was run inside the test process.
type ran struct {
	code        exit.Code
	out, errOut string
}

// testApp returns an app without terminal and settings.
func testApp(t *testing.T, stdin io.Reader) (*app, *bytes.Buffer, *bytes.Buffer) {
	t.Helper()
	var out, errOut bytes.Buffer
	a := newTestApp(&console.Console{In: stdin, Out: &out, Err: &errOut, Width: 80}, t.TempDir())
	a.dial = func(context.Context, transfer.Access, transfer.Options) (transfer.Store, error) {
		return nil, errors.New("no server in this test")
	}
	a.con.KeepPipes = func() {}
	a.con.Ask = func(context.Context, string) (string, error) { return "", io.EOF }
	return a, &out, &errOut
}

// dialPatiently dials as transfer.Dial does. What is left of an upload may take a minute to remove: a busy machine needs more than a
// person wants to wait.
func dialPatiently(ctx context.Context, access transfer.Access, o transfer.Options) (transfer.Store, error) {
	o.CleanUp = cmp.Or(o.CleanUp, time.Minute)
	return transfer.Dial(ctx, access, o)
}

// newTestApp returns an app with a console and a folder for settings.
func newTestApp(con *console.Console, folder string) *app {
	store := &settings.Store{Folder: folder}
	return wire(con, store, &credentials.Store{Console: con, Settings: store}, doctor.Surroundings{})
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
		r.compare(t, args)
	}
	count := 0
	for line := range strings.Lines(r.errOut) {
		if strings.HasPrefix(line, prefix) {
			count++
		}
	}
	if want := map[bool]int{true: 1}[r.code != exit.CodeOK]; count != want {
		t.Errorf("%q: exit code %d with %d errors on standard error, want %d\n%s", args, r.code, count, want, r.errOut)
	}
}

// failure is the error of a command with --json.
func (r ran) failure(t *testing.T) exit.ErrorDoc {
	t.Helper()
	var doc struct{ Error exit.ErrorDoc }
	lines := strings.Split(strings.TrimSpace(r.errOut), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &doc); err != nil {
		t.Fatalf("%v in %s", err, r.errOut)
	}
	return doc.Error
}
