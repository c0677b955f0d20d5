package rollout_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"iter"
	"sync"
	"time"

	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// The times of the lease of a site.
const (
	ackWait   = 30 * time.Second
	heartbeat = 10 * time.Second
)

// A queue is a model of a work queue: it has at most one message for each site, and leases it to one worker at a time.
type queue struct {
	mu   sync.Mutex
	jobs map[string]*message
}

// A message says that there is something to do at a site.
type message struct {
	pending bool
	ticket  int       // of the last lease
	until   time.Time // the lease ends
}

// publish adds the message of a site, unless it is there.
func (q *queue) publish(sites ...string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, site := range sites {
		if q.jobs[site] == nil {
			q.jobs[site] = &message{}
		}
		q.jobs[site].pending = true
	}
}

// pull leases the message of a site.
func (q *queue) pull(site string) (ticket int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	j := q.jobs[site]
	if j == nil || !j.pending || time.Now().Before(j.until) {
		return 0, false
	}
	j.ticket++
	j.until = time.Now().Add(ackWait)
	return j.ticket, true
}

// beat renews a lease, and reports whether it still counts.
func (q *queue) beat(site string, ticket int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	j := q.jobs[site]
	if j.ticket != ticket || !j.pending {
		return false
	}
	j.until = time.Now().Add(ackWait)
	return true
}

// end gives a message back, or removes it.
func (q *queue) end(site string, ticket int, remove bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if j := q.jobs[site]; j.ticket == ticket {
		j.until = time.Time{}
		j.pending = j.pending && !remove
	}
}

// empty reports whether there is no message.
func (q *queue) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, j := range q.jobs {
		if j.pending {
			return false
		}
	}
	return true
}

// errLink is what a ledger says that cannot be reached.
var errLink = &journal.Error{Place: "the model", Kind: journal.ErrIO, Text: "cannot be reached"}

// A link is the ledger as a worker reaches it: it takes its time, it may be cut, and acknowledgements may be lost.
type link struct {
	journal.Ledger
	host *host
	dead bool // its process was killed
}

// reach waits until the ledger can be reached, or for a while.
func (l *link) reach() error {
	const patience = 5 * time.Second
	if wait := l.host.cutFor(); wait > patience {
		time.Sleep(patience)
	} else if wait > 0 {
		time.Sleep(wait)
	}
	if l.host.cutFor() > 0 || l.isDead() {
		return errLink
	}
	return nil
}

func (l *link) isDead() bool {
	l.host.mu.Lock()
	defer l.host.mu.Unlock()
	return l.dead
}

func (l *link) AppendAll(ctx context.Context, batches []journal.Batch) []journal.Appended {
	s := l.host.s
	hash := fnv.New64()
	fmt.Fprint(hash, s.seed, time.Now().UnixNano(), batches[0].Key, len(batches))
	luck := hash.Sum64()
	took := time.Duration(luck%400) * time.Millisecond
	time.Sleep(took / 2)
	answers := make([]journal.Appended, len(batches))
	if err := l.reach(); err != nil {
		for i := range answers {
			answers[i].Err = err
		}
		return answers
	}
	if s.how.noFence {
		for i, batch := range batches {
			if batch.Key.Phone != "" {
				batches[i].After = slow{l.Ledger, s.simulation}.seq(ctx, batch.Key)
			}
		}
	}
	answers = l.Ledger.AppendAll(ctx, batches)
	time.Sleep(took / 2)
	if lost := luck/400%150 == 0; lost && s.loses || l.isDead() {
		for i := range answers {
			answers[i] = journal.Appended{Err: errLink}
		}
	}
	return answers
}

func (l *link) Append(ctx context.Context, key journal.Key, after journal.Seq, events ...journal.Event) (journal.Seq, error) {
	answer := l.AppendAll(ctx, []journal.Batch{{Key: key, After: after, Events: events}})[0]
	return answer.Seq, answer.Err
}

// reading returns what a ledger returns that can be reached.
func reading[T any](l *link, all iter.Seq2[T, error], change func(T) T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		if err := l.reach(); err != nil {
			var zero T
			yield(zero, err)
			return
		}
		for one, err := range all {
			if change != nil {
				one = change(one)
			}
			if !yield(one, err) {
				return
			}
		}
	}
}

func (l *link) Read(ctx context.Context, key journal.Key) iter.Seq2[journal.Event, error] {
	return reading(l, l.Ledger.Read(ctx, key), l.host.blind)
}

func (l *link) ReadAll(ctx context.Context, name string) iter.Seq2[journal.Record, error] {
	return reading(l, l.Ledger.ReadAll(ctx, name), nil)
}

func (l *link) ReadAfter(ctx context.Context, key journal.Key, after journal.Seq) iter.Seq2[journal.Event, error] {
	return reading(l, l.Ledger.(rollout.TailReader).ReadAfter(ctx, key, after), l.host.blind) //nolint:forcetypeassert // the model can
}

func (l *link) FindOutside(ctx context.Context, phone, name string) iter.Seq2[journal.Key, error] {
	return func(yield func(journal.Key, error) bool) {
		for key, err := range reading(l, l.Find(ctx, phone), nil) {
			if (err != nil || key.Rollout != name) && !yield(key, err) {
				return
			}
		}
	}
}

func (l *link) ReadSite(ctx context.Context, name, site string) iter.Seq2[journal.Record, error] {
	return reading(l, l.Ledger.(rollout.SiteReader).ReadSite(ctx, name, site), nil) //nolint:forcetypeassert // the model can
}

// A host is a machine at a site, on which a worker runs. A worker that was killed begins anew.
type host struct {
	s    *sitesSim
	site string

	mu    sync.Mutex
	cut   time.Time // its network is cut until then
	stall time.Time // it sends no heartbeat until then, and all else works
	down  time.Time // it is off until then
	link  *link     // of the run that goes on
	run   *process
}

// cutOff cuts the network for a while.
func (h *host) cutOff(takes time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cut = time.Now().Add(takes)
}

// cutFor returns how long the network is still cut.
func (h *host) cutFor() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Until(h.cut)
}

// beSilent keeps the host from sending heartbeats for a while.
func (h *host) beSilent(takes time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stall = time.Now().Add(takes)
}

// silent reports whether the host sends no heartbeat.
func (h *host) silent() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	return now.Before(h.cut) || now.Before(h.stall) || now.Before(h.down)
}

// kill ends the process of the host without a word.
func (h *host) kill(off time.Duration) {
	h.mu.Lock()
	h.down = time.Now().Add(off)
	p, l := h.run, h.link
	if l != nil {
		l.dead = true
	}
	h.mu.Unlock()
	if p != nil {
		p.cancel()
		_ = p.server.Close()
	}
}

// blind hides the other sites from a worker that is to decide without them.
func (h *host) blind(e journal.Event) journal.Event {
	planned, ok := e.Body.(journal.Planned)
	if !ok || !h.s.how.ownOnly {
		return e
	}
	var head map[string]any
	if json.Unmarshal(planned.Plan, &head) == nil {
		var mine []any
		for _, site := range head["sites"].([]any) { //nolint:forcetypeassert // the test made it
			if site.(map[string]any)["name"] == h.site { //nolint:forcetypeassert // the test made it
				mine = append(mine, site)
			}
		}
		head["sites"] = mine
		planned.Plan, _ = json.Marshal(head)
	}
	e.Body = planned
	return e
}

// isPassing reports whether a worker may end with an error, and another one goes on.
func isPassing(err error) bool {
	taken := (*rollout.TakenError)(nil)
	return errors.As(err, &taken) || errors.Is(err, rollout.ErrLease) || errors.Is(err, journal.ErrIO) || errors.Is(err, journal.ErrConflict) || errors.Is(err, context.Canceled)
}
