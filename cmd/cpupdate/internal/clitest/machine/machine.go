// Package machine stands for the machine that a command runs on: streams without a terminal, and stored settings that are
// empty at first.
package machine

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

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/credentials"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/knownhosts"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
)

// A Machine is what functions of the command are handed. Nobody types anything, and there is no keyring.
type Machine struct {
	Console    *console.Console
	Settings   *settings.Store
	Passwords  *credentials.Store
	KnownHosts *knownhosts.Store
	Out, Err   *bytes.Buffer // what was written to the streams
}

// New returns a machine on which nothing is stored.
func New(t testing.TB) *Machine {
	t.Helper()
	var out, errOut bytes.Buffer
	con := &console.Console{
		In: strings.NewReader(""), Out: &out, Err: &errOut, Width: 80, KeepPipes: func() {},
		Ask: func(context.Context, string) (string, error) { return "", io.EOF },
	}
	store := &settings.Store{Folder: t.TempDir()}
	return &Machine{con, store, &credentials.Store{Console: con, Settings: store}, &knownhosts.Store{Console: con, Settings: store}, &out, &errOut}
}

// Put writes a file of the settings folder.
func (m *Machine) Put(t testing.TB, name, text string) {
	t.Helper()
	path := filepath.Join(m.Settings.Folder, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// Report writes the error as a command does that ends with it, and returns the exit code.
func (m *Machine) Report(err error) exit.Code { return m.Console.Report(err) }

// Failure is the last error that was written as JSON.
func (m *Machine) Failure(t testing.TB) exit.ErrorDoc {
	t.Helper()
	var doc struct{ Error exit.ErrorDoc }
	lines := strings.Split(strings.TrimSpace(m.Err.String()), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &doc); err != nil {
		t.Fatalf("%v in %s", err, m.Err)
	}
	return doc.Error
}
