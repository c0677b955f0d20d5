// Package live serves the report of a rollout as a page that updates itself, read only. It follows the journal, makes the page at most
// once a second for all browsers together, and sends them what has changed.
package live

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
	"github.com/cpupdate/cpupdate/pkg/rollout/report"
)

// The page is made, and changes are sent, at most once in leastRest. With many phones the rest is longer, since a browser takes long to
// lay out a long table again: a second for each 2,000 phones. After a long time of making it is restShare times as long, so that making
// never takes more than a tenth of a processor.
const (
	leastRest    = time.Second
	restForPhone = 500 * time.Microsecond
	restShare    = 9
)

// Options say how a page is served.
type Options struct {
	Report report.Options

	// Token is the first segment of every path that is answered; "" is none. It consists of letters and digits.
	Token string

	// Known reports whether a name is one of this server, besides IP addresses and localhost. Nil means that there is no other.
	Known func(name string) bool
}

// A Page follows a rollout, and serves its report.
type Page struct {
	options Options
	ledger  journal.Ledger
	name    string
	after   journal.Seq // the last event that was read at the beginning
	epoch   string      // identifies the process in the positions of browsers
	streams chan struct{}
	rest    time.Duration // between two changes

	mu    sync.Mutex
	live  *report.Live
	fresh chan struct{} // has an element if events were added since the page was made

	shown   sync.Mutex
	moment  *report.Moment
	away    bool          // the journal cannot be reached
	changed chan struct{} // closed when there is another moment, or the journal is away or back
}

// A Remote is a ledger on another machine. A page of any other ledger says nothing about a connection.
type Remote interface {
	// Reached tells whether the machine can be reached: at once, and whenever that changes, until the context ends.
	Reached(ctx context.Context, tell func(reached bool))
}

// New reads a rollout. [Page.Follow] goes on to read.
func New(ctx context.Context, ledger journal.Ledger, name string, o Options) (*Page, error) {
	p := &Page{
		options: o, ledger: ledger, name: name, epoch: rand.Text()[:10], streams: make(chan struct{}, maxStreams),
		fresh: make(chan struct{}, 1), changed: make(chan struct{}),
	}
	var records []journal.Record
	for r, err := range ledger.ReadAll(ctx, name) {
		if err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	all := func(yield func(journal.Record, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}
	follower, err := rollout.Follow(name, all)
	if err != nil {
		return nil, err
	}
	p.after = follower.Seq
	p.rest = max(leastRest, time.Duration(len(follower.Saved.Plan.Phones))*restForPhone)
	if p.live, err = report.NewLive(follower, all, o.Report); err != nil {
		return nil, err
	}
	return p, p.remake()
}

// Follow keeps the page up to date until the context ends. The error is the context's cause, or that of the ledger.
func (p *Page) Follow(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var making sync.WaitGroup
	defer making.Wait()
	defer stop(nil)
	making.Go(func() {
		if err := p.make(ctx); err != nil {
			stop(err)
		}
	})
	if remote, ok := p.ledger.(Remote); ok {
		making.Go(func() { remote.Reached(ctx, p.reached) })
	}
	for r, err := range p.ledger.Watch(ctx, p.name, p.after) {
		if err != nil {
			return err
		}
		p.add(r)
	}
	return context.Cause(ctx)
}

// add takes over an event.
func (p *Page) add(r journal.Record) {
	p.mu.Lock()
	p.live.Add(r)
	p.mu.Unlock()
	select {
	case p.fresh <- struct{}{}:
	default:
	}
}

// make makes the page anew after events, with a rest between.
func (p *Page) make(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.fresh:
		}
		begun := time.Now()
		if err := p.remake(); err != nil {
			return err
		}
		rest := max(p.rest, restShare*time.Since(begun))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(rest):
		}
	}
}

// remake makes the page, and tells all browsers.
func (p *Page) remake() error {
	p.mu.Lock()
	moment, err := p.live.Make(time.Now())
	p.mu.Unlock()
	if err != nil {
		return err
	}
	p.shown.Lock()
	defer p.shown.Unlock()
	p.moment = moment
	p.tell()
	return nil
}

// tell wakes all browsers. The lock of what is shown is held.
func (p *Page) tell() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// reached notes whether the journal can be reached.
func (p *Page) reached(reached bool) {
	p.shown.Lock()
	defer p.shown.Unlock()
	if p.away == reached {
		p.away = !reached
		p.tell()
	}
}

// now returns the page, whether the journal is away, and a channel that is closed when either changes.
func (p *Page) now() (moment *report.Moment, away bool, changed <-chan struct{}) {
	p.shown.Lock()
	defer p.shown.Unlock()
	return p.moment, p.away, p.changed
}
