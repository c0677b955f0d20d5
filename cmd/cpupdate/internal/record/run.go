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

// A Run records one run with phones. A nil Run records nothing, and neither does one before [Run.List] or after that failed.
type Run struct {
	ledger  journal.Ledger
	origin  journal.Origin
	writer  *journal.Writer // nil: nothing is recorded
	rollout string
	id      string
	image   journal.Image
	settle  time.Duration
	phones  []phone
}

// A phone is what a run knows about the stream of one phone.
type phone struct {
	key    journal.Key
	listed journal.Seq // its first event

	mu      sync.Mutex
	begun   time.Time
	attempt int    // from 1; one more after it was busy
	told    bool   // a step that cannot be undone was announced
	mac     string // as it says
	fetched int64  // bytes that were noted last; negative: none
}

// Begin opens the journal for a run. The error has an exit code and a hint.
func (s *Store) Begin(ctx context.Context) (*Run, error) {
	ledger, err := s.Open(ctx)
	if err != nil {
		return nil, err
	}
	return &Run{ledger: ledger, origin: s.Origin(), id: token()}, nil
}

// A Push is what a run does, for the journal.
type Push struct {
	Image  journal.Image
	Route  journal.Route
	Settle time.Duration // how long a phone that an earlier run instructed may take from then
}

// List records what the run does, and its phones. It returns them with what earlier runs did with them. After an error, which
// has an exit code and a hint, the run records nothing: the caller decides whether it goes on.
func (r *Run) List(ctx context.Context, push Push, targets []fleet.Target) ([]fleet.Target, error) {
	if r == nil {
		return targets, nil
	}
	r.image, r.settle = push.Image, push.Settle
	r.rollout = "push-" + time.Now().UTC().Format("20060102-150405") + "-" + r.id
	plan := journal.Planned{Images: []journal.Image{push.Image}, Route: push.Route, By: r.origin, Phones: len(targets), Push: true}
	if err := r.list(ctx, plan, targets); err != nil {
		return targets, Error(err)
	}
	known, last, err := r.earlier(ctx, targets)
	if err != nil {
		return targets, Error(err)
	}
	r.writer = journal.NewWriter(ctx, r.ledger)
	for i := range r.phones {
		r.writer.Resume(r.phones[i].key, last[i])
	}
	return known, nil
}

// token returns a name that no other run has.
func token() string {
	var b [4]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// list writes the plan and the list of the phones.
func (r *Run) list(ctx context.Context, plan journal.Planned, targets []fleet.Target) error {
	now := time.Now()
	if _, err := journal.Create(ctx, r.ledger, r.rollout, now, plan); err != nil {
		return err
	}
	r.phones = make([]phone, len(targets))
	batches := make([]journal.Batch, len(targets))
	for i, t := range targets {
		listed := journal.Listed{Address: contactAddress(t.Address), MAC: t.MAC, Note: t.Note}
		batches[i] = journal.Batch{Key: journal.Key{Rollout: r.rollout, Phone: t.Address}, Events: []journal.Event{{At: now, Body: listed}}}
	}
	for i, answer := range r.ledger.AppendAll(ctx, batches) {
		if answer.Err != nil {
			return answer.Err
		}
		p := &r.phones[i]
		p.key, p.listed, p.attempt, p.fetched = batches[i].Key, answer.Seq, 1, -1
	}
	return nil
}

// contactAddress returns the one notation of a phone's address, with the port: however the address is written, an earlier run
// with the phone is found by it.
func contactAddress(address string) string {
	if one, err := hwcheck.ContactAddress(address); err == nil {
		return one
	}
	return address
}

// records reports whether the run records anything.
func (r *Run) records() bool { return r != nil && r.writer != nil }

// Commit records a step that cannot be undone before it is taken, as [fleet.Plan] wants it. It refuses a phone that another
// run has, or that one instructed under another address.
func (r *Run) Commit(ctx context.Context, number int, step fleet.Step) error {
	if !r.records() {
		return nil
	}
	p := &r.phones[number]
	if err := r.elsewhere(ctx, p); err != nil {
		return err
	}
	p.mu.Lock()
	p.told = true // from now on nobody can be sure that it was not announced
	attempt := p.attempt
	p.mu.Unlock()
	var body journal.Body = journal.Instructing{Run: r.id, Attempt: attempt, Version: r.image.Version, SHA256: r.image.SHA256}
	if step == fleet.StepSending {
		body = journal.Sending{Run: r.id, Attempt: attempt, Version: r.image.Version, SHA256: r.image.SHA256, Size: r.image.Size}
	}
	err := r.writer.Barrier(ctx, p.key, journal.Event{At: time.Now(), Body: body})
	if errors.Is(err, journal.ErrConflict) {
		return &fleet.Failure{Kind: fleet.KindTaken, Msg: "another run of cpupdate began with it, and this one left it alone"}
	}
	return err
}

// Event records what happened to a phone.
func (r *Run) Event(e fleet.Event) {
	if e.Phone == fleet.NoPhone || !r.records() {
		return
	}
	p := &r.phones[e.Phone]
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.begun.IsZero() {
		p.begun = e.At
		if e.Step != fleet.StepFailed { // it was left alone before it was contacted
			r.writer.Note(p.key, journal.Event{At: e.At, Body: journal.Begun{Run: r.id, Attempt: p.attempt}})
		}
	}
	if e.Device.MAC != "" {
		p.mac = e.Device.MAC
	}
	for _, body := range r.bodies(p, e) {
		r.writer.Note(p.key, journal.Event{At: e.At, Body: body})
	}
}

// bodies returns what an event is in the journal.
func (r *Run) bodies(p *phone, e fleet.Event) []journal.Body {
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
		p.told, p.attempt = false, p.attempt+1
		return []journal.Body{journal.Busy{}}
	case fleet.StepFetching:
		if p.isNews(e.Fetch.Sent, e.Fetch.Size) {
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
		return r.ended(p, e)
	default:
	}
	return nil
}

// isNews reports whether so many bytes are the first ones, a tenth of the image more than what was noted last, or fewer than that: the
// phone began again.
func (p *phone) isNews(sent, size int64) bool {
	if p.fetched >= 0 && sent >= p.fetched && sent-p.fetched < max(size/10, 1) {
		return false
	}
	p.fetched = sent
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
func (r *Run) ended(p *phone, e fleet.Event) []journal.Body {
	var bodies []journal.Body
	if e.Device != (fleet.Device{}) {
		bodies = append(bodies, reported(e.Device))
	}
	f := e.Failure
	if f != nil && !p.final(f) {
		return append(bodies, journal.LetGo{Run: r.id, Failure: string(f.Kind), Text: f.Error()})
	}
	o := journal.Outcome{Version: e.Device.Version, Took: e.At.Sub(p.begun)}
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
func (p *phone) final(f *fleet.Failure) bool {
	if p.told && !f.Instructed {
		return true // the announced step was not taken: the next run need not wait for it
	}
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
	if r.writer == nil {
		return Error(r.ledger.Close())
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	_ = r.writer.Close(ctx) // its losses say more
	losses := slices.DeleteFunc(r.writer.Losses(), func(l journal.Loss) bool {
		return errors.Is(l.Err, journal.ErrConflict) // another run took over, and records it
	})
	if err := r.ledger.Close(); len(losses) == 0 {
		return Error(err)
	}
	var names []string
	for _, loss := range losses {
		names = append(names, loss.Key.Phone)
	}
	const named = 3
	if more := len(names) - named; more > 0 {
		names = append(names[:named], fmt.Sprintf("%d more", more))
	}
	failure, kind := losses[0].Err, losses[0].Err
	if e := (*journal.Error)(nil); errors.As(failure, &e) {
		kind = e.Kind
	}
	return exit.New(exit.CodeSettings, fmt.Errorf("what happened last is not recorded for %s: %w", strings.Join(names, ", "), failure), hint(kind))
}
