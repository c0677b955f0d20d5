package transfer_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/badserver"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// want is what sending a file to a bad server has to end in.
type want struct {
	kinds  []transfer.Kind // one of these; none: success
	either bool            // success is as right as one of the kinds
	code   int             // the server's reply code
	has    string          // in the error's text
	left   bool            // the error names something that could not be removed
	unsure bool            // the error names something that may be there
	resets bool            // the client ended the data with a RST
	unseen bool            // success, although what lies there is wrong
	never  string          // no command or request begins so
	proofs []transfer.Proof
	lacks  []transfer.Proof

	old         bool // a file of the name is there before
	retries     int
	attempts    int // of a success; 0: any
	size        int // of the file; 0: 300 KiB
	readBack    bool
	makeFolder  bool   // the folder is not there
	pinned      bool   // the server's first key is pinned, and no authority is known
	inPlace     bool   // without a temporary name
	once        string // a command that is said once at the most
	noOverwrite bool
}

func fails(kinds ...transfer.Kind) want { return want{kinds: kinds} }

func either(kinds ...transfer.Kind) want { return want{kinds: kinds, either: true} }

const name = "cp600.bind"

// Limits for silence that comes for certain. The long one is for servers that must work on afterwards, or before: within the same limit,
// also on a busy machine.
const (
	silentLimit  = 300 * time.Millisecond
	workingLimit = 10 * time.Second
)

// refusals are what a plain 550 may be taken for.
func refusals() []transfer.Kind {
	return []transfer.Kind{transfer.KindDenied, transfer.KindMissing, transfer.KindRefused}
}

// server is what both servers have.
type server interface {
	Access() transfer.Access
	Trust() trust.Policy
	Pin() trust.Pin
	Addr() string
	Put(path string, content []byte)
	Files() map[string][]byte
	WaitClosed()
	Saw(prefix string) bool
	DataEnds(prefix string) []badserver.End
}

// content is a file with bytes of all kinds, in which no two places look alike.
func content(size int) []byte {
	if size == 0 {
		size = 300 << 10
	}
	file := make([]byte, size)
	state := uint32(1)
	for i := range file {
		state = state*1664525 + 1013904223
		file[i] = byte(state >> 24)
	}
	return file
}

// events collects what a store tells.
type events struct {
	mu  sync.Mutex
	all []transfer.Event
}

func (e *events) add(event transfer.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, event)
}

func (e *events) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var text strings.Builder
	for _, event := range e.all {
		fmt.Fprintf(&text, "%s %q %+v\n", event.Step, event.Text, event.Err)
	}
	return text.String()
}

// send sends a file to a bad server and compares what came of it.
func send(t *testing.T, s server, silent bool, w want) {
	t.Helper()
	file, old := content(w.size), []byte("the old one")
	a, o := s.Access(), transfer.Options{Trust: s.Trust(), Timeout: time.Minute, Retries: w.retries, Pause: time.Millisecond}
	switch {
	case silent && slices.Contains(w.kinds, transfer.KindTimeout):
		o.Timeout = silentLimit
	case silent:
		o.Timeout = workingLimit
	}
	if w.pinned {
		o.Trust = trust.Policy{Pins: []trust.Pin{s.Pin()}}
	}
	if w.makeFolder {
		a.Path = badserver.Folder + "/new/deeper"
	}
	if w.old {
		s.Put(badserver.Folder+"/"+name, old)
	}
	told := &events{}
	o.Event = told.add
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	location, err := put(ctx, a, o, transfer.Upload{
		Name: name, Content: io.NewSectionReader(bytes.NewReader(file), 0, int64(len(file))),
		MakeFolder: w.makeFolder, ReadBack: w.readBack, InPlace: w.inPlace, NoOverwrite: w.noOverwrite,
	})
	if ctx.Err() != nil {
		t.Errorf("it took more than 2 minutes: %v", err)
	}
	s.WaitClosed()
	t.Logf("%+v\n%v\n%s", location, err, told)
	checkSecrets(t, fmt.Sprintf("%v %+v %#v %s", err, err, location, told))
	if err == nil {
		checkSuccess(t, location, w)
	} else {
		checkError(t, s, err, w)
	}
	checkFiles(t, s, err, w, file, old)
	if w.resets && !slices.Contains(s.DataEnds(""), badserver.EndReset) {
		t.Errorf("data ended: %v", s.DataEnds(""))
	}
	if w.never != "" && s.Saw(w.never) {
		t.Errorf("the client said %s", w.never)
	}
	if n := strings.Count(told.String(), strconv.Quote("> " + w.once)[:len(w.once)+3]); w.once != "" && n > 1 {
		t.Errorf("the client said %s %d times", w.once, n)
	}
}

func put(ctx context.Context, a transfer.Access, o transfer.Options, u transfer.Upload) (transfer.Location, error) {
	store, err := transfer.Dial(ctx, a, o)
	if err != nil {
		return transfer.Location{}, err
	}
	location, err := store.Put(ctx, u)
	_ = store.Close()
	return location, err
}

func checkSecrets(t *testing.T, text string) {
	t.Helper()
	basic := base64.StdEncoding.EncodeToString([]byte(badserver.User + ":" + badserver.Password))
	for _, secret := range []string{badserver.Password, basic} {
		if strings.Contains(text, secret) {
			t.Errorf("the password is shown: %q", text)
		}
	}
}

func checkSuccess(t *testing.T, location transfer.Location, w want) {
	t.Helper()
	if len(w.kinds) > 0 && !w.either {
		t.Errorf("success, want one of %q", w.kinds)
	}
	if w.attempts != 0 && location.Attempts != w.attempts {
		t.Errorf("%d attempts, want %d", location.Attempts, w.attempts)
	}
	for _, proof := range w.proofs {
		if !slices.Contains(location.Proofs, proof) {
			t.Errorf("proofs %q, want %s", location.Proofs, proof)
		}
	}
	for _, proof := range w.lacks {
		if slices.Contains(location.Proofs, proof) {
			t.Errorf("proofs %q, want no %s", location.Proofs, proof)
		}
	}
}

func checkError(t *testing.T, s server, err error, w want) {
	t.Helper()
	e := (*transfer.Error)(nil)
	if !errors.As(err, &e) {
		t.Errorf("%T %v, want a *transfer.Error", err, err)
		return
	}
	if !slices.Contains(w.kinds, e.Kind) {
		t.Errorf("kind %q (%v), want one of %q", e.Kind, err, w.kinds)
	}
	if e.Op == "" || e.Server != s.Addr() {
		t.Errorf("op %q, server %q: want %s", e.Op, e.Server, s.Addr())
	}
	if w.code != 0 && e.Code != w.code {
		t.Errorf("code %d, want %d", e.Code, w.code)
	}
	if len(e.Reply) > 2<<10 {
		t.Errorf("a reply of %d bytes", len(e.Reply))
	}
	if !strings.Contains(err.Error(), w.has) {
		t.Errorf("%q, want %q in it", err, w.has)
	}
	if w.left && (e.Left == "" || e.Unsure) || w.unsure && (e.Left == "" || !e.Unsure) {
		t.Errorf("%v, want what was left behind", err)
	}
	temporary := slices.Contains([]transfer.Kind{
		transfer.KindUnreachable, transfer.KindTimeout, transfer.KindBroken, transfer.KindBusy,
	}, e.Kind)
	if e.Temporary() != temporary {
		t.Errorf("%s is temporary: %t", e.Kind, e.Temporary())
	}
}

// checkFiles looks at what lies on the server: the whole file alone, or what was there before and what the error names.
func checkFiles(t *testing.T, s server, err error, w want, file, old []byte) {
	t.Helper()
	e := (*transfer.Error)(nil)
	_ = errors.As(err, &e)
	for where, got := range s.Files() {
		final := path.Base(where) == name
		switch {
		case err == nil && final && (w.unseen || bytes.Equal(got, file)):
		case err != nil && final && w.old && bytes.Equal(got, old):
		case e != nil && strings.Contains(e.Left, path.Base(where)):
		default:
			t.Errorf("%s lies there, %d bytes", where, len(got))
		}
	}
	if _, ok := s.Files()[badserver.Folder+"/"+name]; !ok && (w.old || err == nil && !w.makeFolder) {
		t.Error("the file is not there")
	}
}
