package transfer_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// upload is a file of the usual name.
func upload(content []byte) transfer.Upload {
	return transfer.Upload{Name: name, Content: io.NewSectionReader(bytes.NewReader(content), 0, int64(len(content)))}
}

// An outcome is what came of a Put.
type outcome struct {
	transfer.Location
	err    error
	events *events
}

// put sends a file on a connection of its own, and looks at what has to hold of every Put: it ends, keeps secrets,
// returns an error of the right kind, and leaves no goroutine behind.
func (s site) put(t *testing.T, o transfer.Options, u transfer.Upload) outcome {
	t.Helper()
	return s.putIn(t.Context(), t, o, u)
}

func (s site) putIn(ctx context.Context, t *testing.T, o transfer.Options, u transfer.Upload) (result outcome) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	result.events = &events{}
	o = s.options(o)
	o.Event = result.events.add
	mark := fmt.Sprintf("%p", result.events)
	pprof.Do(ctx, pprof.Labels("put", mark), func(ctx context.Context) {
		result.Location, result.err = put(ctx, s.access, o, u)
	})
	if errors.Is(result.err, context.DeadlineExceeded) {
		t.Errorf("it took too long: %v", result.err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%+v\n%v\n%s", result.Location, result.err, result.events)
		}
	})
	s.examine(t, result)
	var all string
	ended := func() bool {
		all = goroutines()
		return !strings.Contains(all, mark)
	}
	if !eventually(ended) {
		t.Errorf("still running:\n%s", all)
	}
	return result
}

// options fills in what most tests want.
func (s site) options(o transfer.Options) transfer.Options {
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	o.CleanUp = cmp.Or(o.CleanUp, time.Minute) // a busy machine needs more than a person wants to wait
	o.Pause = time.Millisecond
	if o.Trust.Authorities == nil && o.Trust.Pins == nil {
		o.Trust = s.server.Trust()
	}
	return o
}

// goroutines returns all goroutines with their labels.
func goroutines() string {
	var text strings.Builder
	_ = pprof.Lookup("goroutine").WriteTo(&text, 1)
	return text.String()
}

// examine looks at the error's type and for the password.
func (s site) examine(t *testing.T, result outcome) {
	t.Helper()
	if secret := s.access.Password.Reveal(); secret != "" {
		text := fmt.Sprintf("%v %+v %#v %+v %s", result.err, result.err, result.err, result.Location, result.events)
		basic := base64.StdEncoding.EncodeToString([]byte(s.access.Username + ":" + secret))
		if strings.Contains(text, secret) || strings.Contains(text, basic) {
			t.Error("the password is shown")
		}
	}
	e, source, setting := (*transfer.Error)(nil), (*transfer.SourceError)(nil), (*transfer.SettingError)(nil)
	switch {
	case result.err == nil, errors.Is(result.err, context.Canceled), errors.As(result.err, &source), errors.As(result.err, &setting):
	case !errors.As(result.err, &e):
		t.Errorf("%T: %v", result.err, result.err)
	case e.Op == "" || e.Server == "" || len(e.Reply) > 2<<10:
		t.Errorf("the error says too little or too much: %+v", e)
	}
}

// fails looks at an error's kind, and that it says nothing was left behind.
func (r outcome) fails(t *testing.T, kinds ...transfer.Kind) {
	t.Helper()
	if e := r.failure(t); !slices.Contains(kinds, e.Kind) || e.Left != "" {
		t.Errorf("kind %s, left %q (%v); want one of the kinds %q", e.Kind, e.Left, e, kinds)
	}
}

// failure returns the error, or ends the test if it is of another type, or none.
func (r outcome) failure(t *testing.T) *transfer.Error {
	t.Helper()
	e := (*transfer.Error)(nil)
	if !errors.As(r.err, &e) {
		t.Fatalf("%v; want an error that the server or the network made", r.err)
	}
	return e
}

// succeeds ends the test unless the Put succeeded.
func (r outcome) succeeds(t *testing.T) {
	t.Helper()
	if r.err != nil {
		t.Fatal(r.err)
	}
}

// count returns how many steps of a kind begin with a text.
func (r outcome) count(step transfer.Step, text string) (n int) {
	for _, e := range r.events.all {
		if e.Step == step && strings.HasPrefix(e.Text, text) {
			n++
		}
	}
	return n
}
