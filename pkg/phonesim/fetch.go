package phonesim

import (
	"context"
	"errors"
	"io"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

const (
	fetchChunk = 16 << 10
	someBytes  = 64 << 10 // half of a file of unknown size
)

// errCut reports a connection that the phone itself has cut.
var errCut = errors.New("it cut the connection")

// execute fetches what was ordered. It returns what the phone will run if it has to restart, and what it reports of the
// fetch, nil for nothing.
func (r *boot) execute(ctx context.Context, o *order) (*restart, *wpi.PhoneMessage) {
	if !r.p.begin(StatusFetching) { // assumed: nothing is published
		why := "an image is being uploaded to its web page"
		if r.p.State().Status != StatusUploading {
			why = "it fetches an image for its web page"
		}
		r.p.report(Event{Kind: Declined, Detail: why})
		return nil, nil
	}
	if !o.software {
		ok := true
		for _, f := range o.files {
			ok = r.download(ctx, f, io.Discard) == nil && ok
		}
		r.p.set(func(s *State) { s.Status = StatusIdle })
		if ok {
			r.p.report(Event{Kind: Stored, Detail: o.String()})
		}
		if o.several {
			return nil, nil
		}
		return nil, r.report(o, ok)
	}
	next := r.update(ctx, o)
	if next != nil {
		r.p.set(func(s *State) { s.Status = StatusInstalling })
		r.p.report(Event{Kind: Installing, Version: next.version})
	}
	if !r.p.traits.reports {
		return next, nil
	}
	return next, r.report(o, next != nil)
}

// update fetches an image and evaluates it. It returns nil if the phone stays what it is.
func (r *boot) update(ctx context.Context, o *order) *restart {
	t := &r.p.traits
	arriving := newImage()
	if err := r.download(ctx, o.files[0], arriving); err != nil {
		return nil
	}
	if t.fetchesTwice {
		arriving = newImage()
		if err := r.download(ctx, o.files[0], arriving); err != nil {
			return nil
		}
	}
	return r.decide(o, arriving)
}

// decide decides what the phone does with an image, and returns nil if it stays what it is.
func (r *boot) decide(o *order, arriving *image) *restart {
	t := &r.p.traits
	if t.truncated {
		arriving.size--
	}
	next, refusal := r.evaluate(o, arriving)
	if t.refusal != "" {
		refusal = t.refusal
	}
	r.p.set(func(s *State) { s.Refusal = refusal })
	if refusal != "" {
		r.p.set(func(s *State) { s.Status = StatusIdle }) // before anybody hears of it: contacts count again
		r.p.report(Event{Kind: Refused, Detail: refusal})
		return nil
	}
	return next
}

// evaluate returns what the phone will run with an image, or why it does not install it.
func (r *boot) evaluate(o *order, arriving *image) (*restart, string) {
	state := r.p.State()
	next := &restart{version: state.Version, softwareType: state.SoftwareType, update: true}
	facts, err := arriving.facts()
	switch {
	case err == nil:
		if refusal := r.p.refusal(facts); refusal != "" {
			return nil, refusal
		}
		next.version = facts.Version.Value
		if facts.SoftwareType.Known() {
			next.softwareType = facts.SoftwareType.Value
		}
	case r.p.traits.takesAnything && errors.Is(err, bind.ErrNotBind):
		version, err := bind.ParseVersion(o.version)
		if err != nil {
			return nil, "no version is stated"
		}
		next.version = version
		if o.kind != "" {
			next.softwareType = o.kind
		}
	default:
		return nil, err.Error()
	}
	if r.p.traits.keepsVersion {
		next.version, next.softwareType = state.Version, state.SoftwareType
	}
	if r.p.traits.otherVersion {
		next.version.Hotfix++
	}
	return next, ""
}

// download fetches one file into w.
func (r *boot) download(ctx context.Context, f fetch, w io.Writer) error {
	if f.remove {
		return nil
	}
	r.p.set(func(s *State) { s.Status = StatusFetching })
	r.p.report(Event{Kind: Fetching, Detail: f.String()})
	got, err := r.downloadFrom(ctx, f, w, 0)
	if errors.Is(err, errCut) && r.p.traits.resumes {
		r.p.report(Event{Kind: Fetching, Detail: f.String(), Bytes: got})
		var more int64
		more, err = r.downloadFrom(ctx, f, w, got)
		got += more
	}
	if err != nil {
		r.p.set(func(s *State) { s.Status = StatusIdle })
		r.p.report(Event{Kind: FetchEnded, Detail: err.Error(), Bytes: got})
		return err
	}
	r.p.set(func(s *State) { s.Fetches++ })
	r.p.report(Event{Kind: Fetched, Bytes: got})
	return nil
}

// downloadFrom fetches a file from a byte on, over one connection, and returns how many bytes came.
func (r *boot) downloadFrom(ctx context.Context, f fetch, w io.Writer, from int64) (int64, error) {
	open := r.openFTP
	if f.url != nil {
		open = r.openHTTPS
	}
	s, err := open(ctx, f, from)
	if err != nil {
		return 0, err
	}
	if from > 0 && s.whole {
		return 0, errors.Join(errors.New("the server does not resume a file"), s.close())
	}
	stopAt := int64(-1)
	if t := &r.p.traits; from == 0 && (t.stalls || t.cuts) {
		if stopAt = s.left / 2; s.left < 0 {
			stopAt = someBytes
		}
	}
	got, err := r.receive(s, w, stopAt)
	if errors.Is(err, errCut) && r.p.traits.stalls {
		<-ctx.Done() // the connection stays open
	}
	if closed := s.close(); err == nil && closed != nil {
		err = closed
	}
	if err == nil && s.left >= 0 && got != s.left {
		err = io.ErrUnexpectedEOF
	}
	return got, err
}

// receive moves the bytes; it stops after so many unless that is -1.
func (r *boot) receive(s *source, w io.Writer, stopAt int64) (int64, error) {
	buffer := make([]byte, fetchChunk)
	var got int64
	for {
		room := buffer
		if stopAt >= 0 {
			room = buffer[:min(int64(len(buffer)), stopAt-got)]
		}
		if len(room) == 0 {
			return got, errCut
		}
		n, err := s.Read(room)
		got += int64(n)
		r.p.set(func(s *State) { s.Bytes += int64(n) })
		_, _ = w.Write(room[:n]) // neither an image nor nothing fails
		if errors.Is(err, io.EOF) {
			return got, nil
		}
		if err != nil {
			return got, err
		}
	}
}
