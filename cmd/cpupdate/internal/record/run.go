package record

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/journal"
)

// A Run records one run with phones. A nil Run records nothing.
type Run struct {
	ledger  journal.Ledger
	writer  *journal.Writer
	rollout string
	id      string
	image   journal.Image
	phones  []phone

	mu       sync.Mutex
	reported []int64 // bytes of the image that were noted last
}

// A phone is what a run knows about the stream of one phone.
type phone struct {
	key    journal.Key
	listed journal.Seq // its first event
	begun  time.Time
}

// Push begins the record of a push. It returns the targets with what earlier runs did with them. Whatever keeps that from being
// recorded is an error with exit code and hint; the caller decides whether the run goes on.
func (s *Store) Push(ctx context.Context, image journal.Image, route journal.Route, targets []fleet.Target) (*Run, []fleet.Target, error) {
	ledger, err := s.Open(ctx)
	if err != nil {
		return nil, targets, err
	}
	r := &Run{ledger: ledger, image: image, id: token(), reported: make([]int64, len(targets))}
	r.rollout = "push-" + time.Now().UTC().Format("20060102-150405") + "-" + r.id
	plan := journal.Planned{Images: []journal.Image{image}, Route: route, By: s.By, Phones: len(targets), Push: true}
	if err := r.create(ctx, plan, targets); err != nil {
		_ = ledger.Close()
		return nil, targets, Error(err)
	}
	known, err := r.earlier(ctx, targets)
	if err != nil {
		_ = ledger.Close()
		return nil, targets, Error(err)
	}
	return r, known, nil
}

// token returns a name that no other run has.
func token() string {
	var b [4]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// create writes the plan and the list of the phones, and begins to record.
func (r *Run) create(ctx context.Context, plan journal.Planned, targets []fleet.Target) error {
	now := time.Now()
	planned, err := journal.Create(ctx, r.ledger, r.rollout, now, plan)
	if err != nil {
		return err
	}
	var batches []journal.Batch
	for _, t := range targets {
		p := phone{key: journal.Key{Rollout: r.rollout, Phone: t.Address}}
		listed := journal.Listed{Address: t.Address, MAC: t.MAC, Note: t.Note}
		batches = append(batches, journal.Batch{Key: p.key, Events: []journal.Event{{At: now, Body: listed}}})
		r.phones = append(r.phones, p)
	}
	r.writer = journal.NewWriter(ctx, r.ledger)
	r.writer.Resume(journal.Key{Rollout: r.rollout}, planned)
	for i, answer := range r.ledger.AppendAll(ctx, batches) {
		if answer.Err != nil {
			_ = r.writer.Close(ctx)
			return answer.Err
		}
		r.phones[i].listed = answer.Seq
		r.writer.Resume(r.phones[i].key, answer.Seq)
	}
	return nil
}

// Commit records a step that cannot be undone before it is taken, as [fleet.Options] wants it.
func (r *Run) Commit(ctx context.Context, number int, step fleet.Step) error {
	if r == nil {
		return nil
	}
	var body journal.Body = journal.Instructing{Run: r.id, Attempt: 1, Version: r.image.Version, SHA256: r.image.SHA256}
	if step == fleet.StepSending {
		body = journal.Sending{Run: r.id, Attempt: 1, Version: r.image.Version, SHA256: r.image.SHA256, Size: r.image.Size}
	}
	err := r.writer.Barrier(ctx, r.phones[number].key, journal.Event{At: time.Now(), Body: body})
	if errors.Is(err, journal.ErrConflict) {
		return &fleet.Failure{Kind: fleet.KindTaken, Msg: "another run of cpupdate began with it, and this one left it alone"}
	}
	return err
}

// Event records what happened to a phone.
func (r *Run) Event(e fleet.Event) {
	if r == nil || e.Phone == fleet.NoPhone {
		return
	}
	p := &r.phones[e.Phone]
	var bodies []journal.Body
	if p.begun.IsZero() {
		p.begun = e.At
		bodies = append(bodies, journal.Begun{Run: r.id, Attempt: 1})
	}
	bodies = append(bodies, r.bodies(e)...)
	for _, body := range bodies {
		r.writer.Note(p.key, journal.Event{At: e.At, Body: body})
	}
}

// bodies returns what an event is in the journal.
func (r *Run) bodies(e fleet.Event) []journal.Body {
	switch e.Step {
	case fleet.StepCalled, fleet.StepFound, fleet.StepSettling:
		if e.Device != (fleet.Device{}) {
			return []journal.Body{reported(e.Device)}
		}
	case fleet.StepChecked:
		return []journal.Body{checked(*e.Verdict)}
	case fleet.StepInstructed:
		return []journal.Body{journal.Instructed{}}
	case fleet.StepAccepted:
		return []journal.Body{journal.Accepted{}}
	case fleet.StepBusy:
		return []journal.Body{journal.Busy{}}
	case fleet.StepFetching:
		if r.isNews(e.Phone, e.Fetch.Sent, e.Fetch.Size) {
			return []journal.Body{journal.Fetching{Bytes: e.Fetch.Sent, Size: e.Fetch.Size}}
		}
	case fleet.StepFetched:
		return []journal.Body{journal.Fetched{Bytes: e.Fetch.Sent}}
	case fleet.StepSent:
		return []journal.Body{journal.Sent{Bytes: e.Upload.Sent}}
	case fleet.StepRestarting:
		return []journal.Body{journal.Restarting{}}
	case fleet.StepBack:
		return []journal.Body{journal.Back{}}
	case fleet.StepDone, fleet.StepFailed:
		return r.ended(e)
	default:
	}
	return nil
}

// isNews reports whether so many bytes are a tenth of the image more than what was noted last.
func (r *Run) isNews(number int, sent, size int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if sent-r.reported[number] < size/10 {
		return false
	}
	r.reported[number] = sent
	return true
}

func reported(d fleet.Device) journal.Reported {
	return journal.Reported{Device: journal.Device{Type: d.Type, SoftwareType: d.SoftwareType, Version: d.Version, MAC: d.MAC, PartNumber: d.PartNumber}}
}

// checked returns a verdict with the rules that were overridden.
func checked(v hwcheck.Verdict) journal.Checked {
	c := journal.Checked{Verdict: v.Answer.String()}
	if v.NothingToDo {
		c.Verdict = "nothing to do"
	}
	for _, f := range v.Findings {
		if f.Outcome == hwcheck.Overridden {
			c.Overrides = append(c.Overrides, journal.Override{Rule: string(f.Rule), Reason: v.Reason})
		}
	}
	return c
}

// ended returns the end of a phone: its outcome, or that nothing is final.
func (r *Run) ended(e fleet.Event) []journal.Body {
	var bodies []journal.Body
	if e.Device != (fleet.Device{}) {
		bodies = append(bodies, reported(e.Device))
	}
	f := e.Failure
	if f != nil && !final(f) {
		return append(bodies, journal.LetGo{Run: r.id, Failure: string(f.Kind), Text: f.Error()})
	}
	o := journal.Outcome{Version: e.Device.Version, Took: e.At.Sub(r.phones[e.Phone].begun)}
	switch {
	case f != nil:
		o.Result, o.Failure, o.Text, o.Instructed, o.Keeps = journal.Failed, string(f.Kind), f.Error(), f.Instructed, f.Keeps
	case e.Outcome == fleet.Updated:
		o.Result, o.Instructed = journal.Updated, true
		if e.Later {
			o.Text = "instructed by an earlier run"
		}
	case e.Outcome == fleet.NothingToDo:
		o.Result = journal.NothingToDo
	default:
		o.Result = journal.CheckedOnly
	}
	return append(bodies, o)
}

// final reports whether a failure says how it ended with the phone. The others leave it to the next run.
func final(f *fleet.Failure) bool {
	switch f.Kind {
	case fleet.KindInterrupted, fleet.KindImage:
		return f.Instructed && f.Keeps
	case fleet.KindStopped, fleet.KindNotBegun, fleet.KindNotRecorded, fleet.KindTaken:
		return false
	}
	return true
}

// closeTime is how long the end of a run may take to be recorded.
const closeTime = 15 * time.Second

// Close records the rest and closes the journal. The error says what could not be recorded.
func (r *Run) Close(ctx context.Context) error {
	if r == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	err := r.writer.Close(ctx)
	losses := slices.DeleteFunc(r.writer.Losses(), func(l journal.Loss) bool {
		return errors.Is(l.Err, journal.ErrConflict) // another run took over, and records it
	})
	if closeErr := r.ledger.Close(); len(losses) == 0 {
		return Error(closeErr)
	}
	var names []string
	for _, loss := range losses {
		names = append(names, loss.Key.Phone)
	}
	const named = 3
	if more := len(names) - named; more > 0 {
		names = append(names[:named], fmt.Sprintf("%d more phones", more))
	}
	failure := losses[0].Err
	if e := (*journal.Error)(nil); errors.As(failure, &e) {
		err = e.Kind
	}
	return exit.New(exit.CodeSettings, fmt.Errorf("how the run ended is not recorded completely for %s: %w", strings.Join(names, ", "), failure), hint(err))
}
