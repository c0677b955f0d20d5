package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/journal"
)

// An otherRuns finds what pushes and other rollouts did with the phones of a run, and takes these phones over.
//
// Of two runs with the same phone, the one that began later has it. It writes into the stream of the other one, which then gets a conflict
// before its next step that cannot be undone.
type otherRuns struct {
	ledger  journal.Ledger
	rollout string // of this run
	run     string // this run
	push    bool   // this run is a push
	settle  time.Duration

	mu    sync.Mutex
	back  map[journal.Key]int    // how often this run took a phone back
	begun map[string]journal.Seq // when the last run of another rollout began at a site; 0 if none did
}

// An OutsideFinder is a ledger on another machine. It is asked about several phones at a time, since it takes long to answer, and can leave a
// rollout out of what it finds without reading it.
type OutsideFinder interface {
	// FindOutside is Find without the streams of a rollout.
	FindOutside(ctx context.Context, phone, rollout string) iter.Seq2[journal.Key, error]
}

// atATime is about how many phones an OutsideFinder is asked at a time.
const atATime = 32

// find returns the streams of a phone in other rollouts.
func (o *otherRuns) find(ctx context.Context, phone string) iter.Seq2[journal.Key, error] {
	if far, ok := o.ledger.(OutsideFinder); ok {
		return far.FindOutside(ctx, phone, o.rollout)
	}
	return func(yield func(journal.Key, error) bool) {
		for key, err := range o.ledger.Find(ctx, phone) {
			if (err != nil || key.Rollout != o.rollout) && !yield(key, err) {
				return
			}
		}
	}
}

// A met is a phone of a run that other runs may have to do with.
type met struct {
	phone   int // of the plan
	key     journal.Key
	site    string
	names   []string
	version string        // that it gets
	own     journal.State // of its stream in this rollout
	entry   journal.Seq   // since when this run has the phone

	back  bool              // this run takes it back from one that began later
	told  *journal.TookOver // another run instructed it, and how that ended is not known
	until time.Time         // it is left alone until then
	last  time.Time         // last event of another run with it
}

// namesOf returns the names by which the streams of a phone are found, whatever notation its address had there.
func namesOf(address, mac string) []string {
	names := []string{address, mac}
	if contact, err := hwcheck.ContactAddress(address); err == nil {
		names = append(names, contact)
		if host, port, _ := net.SplitHostPort(contact); port == hwcheck.ContactPort {
			names = append(names, host)
		}
	}
	for i := range names {
		names[i] = journal.Name(names[i])
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return name == "" })
}

// meet finds out about phones, and takes them over from other runs. What it takes over is recorded in the streams of the phones.
func (o *otherRuns) meet(ctx context.Context, phones []*met) error {
	const tries = 5
	todo := phones
	defer o.count(phones) // at the end: a look that is done again counts once
	for range tries {
		fences, of, err := o.lookAll(ctx, todo)
		if err != nil {
			return err
		}
		todo = nil
		for n, answer := range o.appendAll(ctx, fences) {
			switch {
			case answer.Err == nil:
			case !errors.Is(answer.Err, journal.ErrConflict):
				return answer.Err
			case !slices.Contains(todo, of[n]):
				todo = append(todo, of[n]) // the other run made a step meanwhile
			}
		}
		if len(todo) == 0 {
			return o.tookOver(ctx, phones)
		}
	}
	if o.push {
		return fmt.Errorf("%s: %w", todo[0].key, journal.ErrConflict)
	}
	for _, m := range todo {
		m.back, m.told, m.until = false, nil, time.Now().Add(otherPause)
	}
	return o.tookOver(ctx, phones)
}

// count notes which phones this run took back.
func (o *otherRuns) count(phones []*met) {
	for _, m := range phones {
		if m.back {
			o.back[m.key]++
		}
	}
}

// lookAll finds out about phones. It returns what has to be appended so that other runs let go of them, and of which phone each of that is.
func (o *otherRuns) lookAll(ctx context.Context, phones []*met) (fences []journal.Batch, of []*met, err error) {
	o.begun = map[string]journal.Seq{}
	found := make([][]journal.Batch, len(phones))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(1)
	if _, far := o.ledger.(OutsideFinder); far {
		group.SetLimit(atATime)
	}
	for n, m := range phones {
		group.Go(func() (err error) {
			found[n], err = o.look(ctx, m)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	for n, batches := range found {
		for _, batch := range batches {
			fences, of = append(fences, batch), append(of, phones[n])
		}
	}
	return fences, of, nil
}

// appendAll appends batches, if there are any.
func (o *otherRuns) appendAll(ctx context.Context, batches []journal.Batch) []journal.Appended {
	if len(batches) == 0 {
		return nil
	}
	return o.ledger.AppendAll(ctx, batches)
}

// tookOver records which phones another run instructed.
func (o *otherRuns) tookOver(ctx context.Context, phones []*met) error {
	var batches []journal.Batch
	var of []*met
	for _, m := range phones {
		if m.told != nil {
			of = append(of, m)
			batches = append(batches, journal.Batch{Key: m.key, After: m.own.Seq, Events: []journal.Event{{Seq: m.own.Seq, At: time.Now(), Body: *m.told}}})
		}
	}
	for n, answer := range o.appendAll(ctx, batches) {
		event := batches[n].Events[0]
		switch {
		case answer.Err == nil:
			event.Seq = answer.Seq
		case !errors.Is(answer.Err, journal.ErrConflict): // a later run took over already, and this one gets to know that
			return answer.Err
		}
		of[n].own = of[n].own.Apply(event)
	}
	return nil
}

// A past is the stream of a phone in another rollout.
type past struct {
	journal.State
	key   journal.Key
	first journal.Seq
}

// read reads a stream.
func (o *otherRuns) read(ctx context.Context, key journal.Key) (past, error) {
	p := past{key: key}
	for event, err := range o.ledger.Read(ctx, key) {
		if err != nil {
			return p, err
		}
		if p.first == 0 {
			p.first = event.Seq
		}
		p.State = p.Apply(event)
	}
	return p, nil
}

// isTaken reports whether the last run with a phone lost it to another one.
func isTaken(s journal.State) bool {
	return s.LetGo != nil && s.LetGo.Failure == string(fleet.KindTaken)
}

// entryOf returns since when a run of another rollout has a phone; 0 if none was begun yet. A push has its phones once they are listed.
func (o *otherRuns) entryOf(ctx context.Context, p past) (journal.Seq, error) {
	place := p.Listed.Site + "/" + p.key.Rollout
	o.mu.Lock() // nobody else reads the same stream meanwhile
	defer o.mu.Unlock()
	begun, known := o.begun[place]
	if !known {
		push := true
		for event, err := range o.ledger.Read(ctx, journal.Key{Rollout: p.key.Rollout}) {
			if err != nil {
				return 0, err
			}
			switch body := event.Body.(type) {
			case journal.Planned:
				push = body.Push
			case journal.RunBegun:
				if body.Site == "" || body.Site == p.Listed.Site {
					begun = event.Seq
				}
			}
		}
		if push {
			begun = anyPush
		}
		o.begun[place] = begun
	}
	if begun == anyPush {
		return p.first, nil
	}
	return begun, nil
}

// anyPush stands for the run of a push.
const anyPush = ^journal.Seq(0)

// look finds out about a phone. It returns what has to be appended so that other runs let go of it.
func (o *otherRuns) look(ctx context.Context, m *met) (fences []journal.Batch, err error) {
	back := o.back[m.key] // nobody writes it meanwhile
	l := &looked{
		otherRuns: o, met: m, now: time.Now(), lost: !o.push && isTaken(m.own) && m.own.Seq > m.entry, silence: o.settle << min(back, 6),
	}
	l.busy = m.own.At.Add(l.silence)
	m.back, m.told, m.until, m.last = false, nil, time.Time{}, time.Time{}
	if err := l.walk(ctx); err != nil {
		return nil, err
	}
	if l.lost && l.now.Before(l.busy) {
		m.until = l.busy
		return nil, nil
	}
	m.back = l.lost
	l.judge()
	return l.fences, nil
}

// walk considers the streams of the phone, the newest first.
func (l *looked) walk(ctx context.Context) error {
	seen := map[journal.Key]bool{}
	for _, name := range l.names {
		for key, err := range l.find(ctx, name) {
			if err != nil {
				return err
			}
			if isElsewhere(key.Phone, l.site, name) {
				continue
			}
			decides, before := seen[key]
			if !before {
				if decides, err = l.consider(ctx, key); err != nil {
					return err
				}
				seen[key] = decides
			}
			if decides {
				break // what came before it does not count any more
			}
		}
	}
	return nil
}

// A looked is a look at one phone.
type looked struct {
	*otherRuns
	*met
	now    time.Time
	lost   bool      // a run that began later took the phone from this one, and has not ended with it
	busy   time.Time // until when that run may be at work with it
	told   []past    // streams by which the phone was instructed
	fences []journal.Batch

	// silence is how long a run without a step may be alive. It doubles whenever this run takes the phone back, so that two runs that wait
	// for one phone for a long time do not take it from each other for ever.
	silence time.Duration
}

// consider takes one stream into account. It reports whether older ones do not count any more.
func (l *looked) consider(ctx context.Context, key journal.Key) (decides bool, err error) {
	p, err := l.read(ctx, key)
	if err != nil || p.Events == 0 || p.Seq < l.own.Retried { // a person allowed to begin anew in spite of it
		return false, err
	}
	if p.Run != "" && p.At.After(l.last) {
		l.last = p.At
	}
	if p.Outcome == nil || l.lost {
		entry, err := l.entryOf(ctx, p)
		if err != nil || entry == 0 || entry > l.entry && !l.after(p) {
			return false, err
		}
		if p.Outcome == nil && (!isTaken(p.State) || p.Seq < entry) { // else its process can write no more
			gone := journal.LetGo{Run: l.run, Failure: string(fleet.KindTaken), Text: "taken over by " + l.rollout}
			l.fences = append(l.fences, journal.Batch{Key: key, After: p.Seq, Events: []journal.Event{{At: l.now, Body: gone}}})
		}
	}
	if !p.Told.IsZero() {
		l.told = append(l.told, p)
	}
	return l.decides(p), nil
}

// decides reports whether streams with older events do not count any more: the phone runs the version that it got, or none of them made a step
// since the settle time. For a push, the newest one that instructed the phone decides.
func (o *otherRuns) decides(p past) bool {
	return !p.Told.IsZero() && (o.push || p.isGood() || !time.Now().Before(p.At.Add(o.settle)))
}

// isGood reports whether the phone runs the version that it got.
func (p past) isGood() bool { return p.Outcome != nil && p.Outcome.Result != journal.Failed }

// after reports whether this run has a phone after a run that began later: that one ended with it, or made no step for so long that it may
// be dead.
func (l *looked) after(p past) bool {
	switch until := p.At.Add(l.silence); {
	case !l.lost:
		return false // it takes the phone over when it comes to it
	case p.Outcome != nil:
		l.lost = l.lost && p.Seq < l.own.Seq
		return true
	case until.After(l.busy):
		l.busy = until
	}
	return !l.now.Before(l.busy)
}

// judge decides what it means that other runs instructed the phone.
func (l *looked) judge() {
	slices.SortFunc(l.told, func(a, b past) int { return cmp.Compare(b.Seq, a.Seq) })
	for n, p := range l.told {
		unknown, until := l.unsettled(p, l.version)
		at := earlierOf(p.StepAt, l.now)
		switch {
		case p.isGood(), l.push && n > 0:
			return
		case n == 0 && unknown && p.Target == l.version:
			again := isTaken(p.State) && p.StepAt.After(l.now) // the clock was set back since, and this run waits from then on
			if l.own.Told.IsZero() || at.After(l.own.StepAt) && !again {
				l.met.told = &journal.TookOver{Rollout: p.key.Rollout, Told: at, Version: p.Target, Before: p.Before}
			}
			return
		case !l.push && until.After(l.now) && until.After(l.until):
			l.until = until
		}
	}
}

// unsettled reports whether it is not known how it ended with a phone that another run instructed, and until when this run does not instruct
// it. A push instructs a phone with another version, and one whose end is known, without waiting: a person wants it now.
func (o *otherRuns) unsettled(p past, version string) (unknown bool, until time.Time) {
	unknown = p.Outcome == nil
	switch {
	case unknown && (p.Target == version || !o.push):
	case !unknown && !o.push && p.Outcome.Result == journal.Failed && p.Outcome.Instructed:
	default:
		return unknown, time.Time{}
	}
	return unknown, earlierOf(p.StepAt, time.Now()).Add(o.settle)
}

// elsewhere refuses a phone, by the MAC address that it says, that another run instructed under another address a short time ago: it may still
// install. own is its state in this rollout.
func (o *otherRuns) elsewhere(ctx context.Context, mac, version string, own journal.State) error {
	if mac == "" {
		return nil
	}
	for key, err := range o.find(ctx, mac) {
		if err != nil {
			return err
		}
		p, err := o.read(ctx, key)
		if err != nil {
			return err
		}
		if p.Told.IsZero() || p.Seq < own.Retried {
			continue
		}
		unknown, until := o.unsettled(p, version)
		if !time.Now().Before(until) {
			if o.decides(p) {
				return nil
			}
			continue
		}
		at, then := earlierOf(p.StepAt, time.Now()).Local().Format(time.DateTime), until.Local().Format(time.TimeOnly)
		if unknown {
			return &fleet.Failure{Kind: fleet.KindTaken, Msg: fmt.Sprintf("an earlier run instructed it as %s at %s, and how that ended is not known: it is left alone until %s", key.Phone, at, then)}
		}
		return &fleet.Failure{Kind: fleet.KindTaken, Msg: fmt.Sprintf("an earlier run instructed it as %s at %s, and that failed: it is left alone until %s", key.Phone, at, then)}
	}
	return nil
}
