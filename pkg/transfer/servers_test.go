package transfer_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/realservers"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// One suite that every server and every store passes: each test of servers_*_test.go runs for each of these.

// A model is a server and how it is spoken to.
type model struct {
	kind realservers.Kind
	tls  bool
}

func models() []model {
	var all []model
	for _, kind := range realservers.FTPServers() {
		all = append(all, model{kind, false}, model{kind, true})
	}
	return append(all, model{realservers.Nginx, true})
}

func (m model) String() string {
	if m.tls && m.kind != realservers.Nginx {
		return string(m.kind) + " TLS"
	}
	return string(m.kind)
}

func (m model) isFTP() bool { return m.kind != realservers.Nginx }

// eachModel runs a test for every server, all at once: they wait more than they work. Within the test nothing is
// parallel, since a server has few ports.
func eachModel(t *testing.T, test func(t *testing.T, m model)) {
	t.Helper()
	each(t, models(), test)
}

// each runs a test for some servers, all at once.
func each(t *testing.T, models []model, test func(t *testing.T, m model)) {
	t.Helper()
	var all sync.WaitGroup
	defer all.Wait()
	for _, m := range models {
		all.Go(func() { t.Run(m.String(), func(t *testing.T) { test(t, m) }) })
	}
}

// A site is a folder on a server.
type site struct {
	model
	server *realservers.Server
	access transfer.Access
	folder string // on the disk
}

// start starts a server, and returns its login folder.
func (m model) start(t *testing.T, o realservers.Options) site {
	t.Helper()
	o.TLS = m.tls && m.isFTP()
	s := realservers.Start(t, m.kind, o)
	return site{m, s, s.Access, s.Folder}
}

// sub makes a folder below, with the owner of the login folder.
func (s site) sub(t *testing.T, name string) site {
	t.Helper()
	s = s.down(name)
	if err := os.Mkdir(s.folder, 0o755); err != nil { //nolint:gosec // the server's user reads it
		t.Fatal(err)
	}
	if err := os.Chown(s.folder, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	return s
}

// down returns a folder below, which need not exist.
func (s site) down(name string) site {
	s.folder = filepath.Join(s.folder, name)
	if s.isFTP() {
		s.access.Path = strings.TrimPrefix(s.access.Path+"/"+name, "/")
	} else {
		s.access.BaseURL += (transfer.Access{Method: transfer.FTP, Server: "x", Path: name}).FileURL("")[len("ftp://x/"):]
	}
	return s
}

// through returns the same folder through a proxy.
func (s site) through(p *realservers.Proxy) site {
	other := p.Access
	s.access.Server = other.Server
	if !s.isFTP() {
		s.access.BaseURL = strings.Replace(s.access.BaseURL, s.server.Access.BaseURL, other.BaseURL, 1)
	}
	return s
}

// place puts a file of the usual name into the folder, as one that was there before.
func (s site) place(t *testing.T, content []byte) {
	t.Helper()
	path := filepath.Join(s.folder, name)
	if err := os.WriteFile(path, content, 0o644); err != nil { //nolint:gosec // the server's user reads it
		t.Fatal(err)
	}
	if err := os.Chown(path, 65534, 65534); err != nil {
		t.Fatal(err)
	}
}

// files returns what lies in the folder: files with their content, folders with a slash.
func (s site) files() map[string][]byte {
	files := map[string][]byte{}
	entries, err := os.ReadDir(s.folder)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		files[err.Error()] = nil
	}
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(s.folder, entry.Name()))
		switch {
		case entry.IsDir():
			files[entry.Name()+"/"] = nil
		case err == nil: // else it is gone meanwhile
			files[entry.Name()] = content
		}
	}
	return files
}

// holds compares what lies in the folder.
func (s site) holds(t *testing.T, want map[string][]byte) {
	t.Helper()
	if got := s.files(); !maps.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("in the folder: %s; want %s", listing(got), listing(want))
	}
}

// empty removes what lies in the folder.
func (s site) empty(t *testing.T) {
	t.Helper()
	for name := range s.files() {
		if err := os.RemoveAll(filepath.Join(s.folder, name)); err != nil {
			t.Fatal(err)
		}
	}
}

// eventuallyHolds does what holds does, also when the server is still busy with connections that broke.
func (s site) eventuallyHolds(t *testing.T, want map[string][]byte) {
	t.Helper()
	eventually(func() bool { return maps.EqualFunc(s.files(), want, bytes.Equal) })
	s.holds(t, want)
}

// eventually waits until something holds, for a minute at most, and reports whether it does.
func eventually(holds func() bool) bool {
	pause := 2 * time.Millisecond
	for end := time.Now().Add(time.Minute); !holds(); {
		if time.Now().After(end) {
			return false
		}
		<-time.After(pause)
		pause = min(2*pause, 50*time.Millisecond) // to look costs more than the rest of a test
	}
	return true
}

func listing(files map[string][]byte) string {
	var text []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		text = append(text, fmt.Sprintf("%q (%d bytes)", name, len(files[name])))
	}
	return "[" + strings.Join(text, " ") + "]"
}

// nothing is an empty folder.
func nothing() map[string][]byte { return nil }

// only is a folder with one file of the usual name.
func only(content []byte) map[string][]byte { return map[string][]byte{name: content} }
