package record

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// A Run records one run with phones. A nil Run records nothing, and neither does one before [Run.List] or after that failed.
type Run struct {
	ledger journal.Ledger
	origin journal.Origin
	writer *journal.Writer // nil: nothing is recorded
	name   string          // of the rollout
	id     string
	image  journal.Image
	settle time.Duration
	phones []phone
}

// A phone is what a run knows about the stream of one phone.
type phone struct {
	key    journal.Key
	listed journal.Seq // its first event
	rec    rollout.Recording
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
	r.name = "push-" + time.Now().UTC().Format("20060102-150405") + "-" + r.id
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
		p := &r.phones[i]
		r.writer.Resume(p.key, last[i])
		p.rec.Writer, p.rec.Key, p.rec.Run, p.rec.Image = r.writer, p.key, r.id, r.image
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
	if _, err := journal.Create(ctx, r.ledger, r.name, now, plan); err != nil {
		return err
	}
	r.phones = make([]phone, len(targets))
	batches := make([]journal.Batch, len(targets))
	for i, t := range targets {
		listed := journal.Listed{Address: contactAddress(t.Address), MAC: t.MAC, Note: t.Note}
		batches[i] = journal.Batch{Key: journal.Key{Rollout: r.name, Phone: t.Address}, Events: []journal.Event{{At: now, Body: listed}}}
	}
	for i, answer := range r.ledger.AppendAll(ctx, batches) {
		if answer.Err != nil {
			return answer.Err
		}
		p := &r.phones[i]
		p.key, p.listed = batches[i].Key, answer.Seq
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
	return p.rec.Commit(ctx, step)
}

// Event records what happened to a phone.
func (r *Run) Event(e fleet.Event) {
	if e.Phone == fleet.NoPhone || !r.records() {
		return
	}
	r.phones[e.Phone].rec.Event(e, false)
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
