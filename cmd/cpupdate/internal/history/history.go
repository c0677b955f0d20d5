// Package history shows what this machine did to phones, from the journal.
package history

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/record"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/journal"
)

// Options are the flags and arguments of history.
type Options struct {
	Phone string // an address or a MAC address, "" for all phones
	Since string // a time span back, or a date
	CSV   bool
}

// A run is a push or a rollout with the phones that are shown.
type run struct {
	name    string
	at      time.Time
	planned journal.Planned
	phones  []phone
	damaged bool // its events cannot be read, and no phones are shown
}

// A phone is one phone of a run.
type phone struct {
	key   journal.Key
	state journal.State
}

// Run shows the runs, the newest first: all of them, or those with one phone. Times are shown in the time zone of now. Where the journal is
// damaged, what can be read is shown before the error is returned.
func Run(ctx context.Context, con *console.Console, store *record.Store, o Options, now time.Time) error {
	since, err := parseSince(o.Since, now)
	if err != nil {
		return err
	}
	if o.CSV && con.JSON {
		return exit.Usage("history", "--csv and --json cannot be used together")
	}
	path, err := store.Path()
	if err != nil {
		return err
	}
	var runs []run
	var damage error
	there, err := store.Exists()
	switch {
	case err != nil:
		return err
	case there:
		runs, damage = read(ctx, store, o.Phone, since)
		if damage != nil && (len(runs) == 0 || !errors.Is(damage, journal.ErrDamaged)) {
			return damage
		}
	}
	if o.CSV {
		err = printCSV(con, runs)
	} else {
		err = con.Print(document(runs), text(con, runs, o, path, now.Location()))
	}
	return cmp.Or(err, damage)
}

// parseSince reads a time span back from now such as 48h or 7d, or a date such as 2026-11-01; zero for "".
func parseSince(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return now.AddDate(0, 0, -int(n)), nil
		}
	}
	if span, err := time.ParseDuration(text); err == nil && span >= 0 {
		return now.Add(-span), nil
	}
	if date, err := time.ParseInLocation(time.DateOnly, text, now.Location()); err == nil {
		return date, nil
	}
	return time.Time{}, exit.Usage("history", "--since %s: must be a time span such as 48h or 7d, or a date such as 2026-11-01", exit.ShownArgument(text))
}

// read reads the runs from the journal. An error about damage comes with those that could be read, and with those whose phones could not.
func read(ctx context.Context, store *record.Store, name string, since time.Time) ([]run, error) {
	ledger, err := store.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = ledger.Close() }()
	of, err := streams(ctx, ledger, name)
	if err != nil {
		return nil, record.Error(err)
	}
	var runs []run
	var damage error
	for r, err := range ledger.Rollouts(ctx, journal.Filter{Since: since}) {
		unread := r.Name != "" && errors.Is(err, journal.ErrDamaged)
		if err != nil && !unread {
			return runs, record.Error(err)
		}
		if name != "" && len(of[r.Name]) == 0 {
			continue
		}
		if unread {
			runs, damage = append(runs, run{name: r.Name, at: r.First.At, damaged: true}), cmp.Or(damage, record.Error(err))
			continue
		}
		one := run{name: r.Name, at: r.First.At}
		one.planned, _ = r.First.Body.(journal.Planned)
		one.phones, err = phones(ctx, ledger, r.Name, of[r.Name])
		switch one.damaged = errors.Is(err, journal.ErrDamaged); {
		case one.damaged:
			damage = cmp.Or(damage, record.Error(err))
		case err != nil:
			return nil, record.Error(err)
		}
		runs = append(runs, one)
	}
	return runs, damage
}

// streams returns the streams of one phone, by run; nil for all phones. The phone is found in any notation of its address.
func streams(ctx context.Context, ledger journal.Ledger, name string) (map[string][]journal.Key, error) {
	if name == "" {
		return nil, nil //nolint:nilnil // all
	}
	names := []string{name}
	if address, err := hwcheck.ContactAddress(name); err == nil {
		names = append(names, address)
	}
	of := map[string][]journal.Key{}
	for _, name := range names {
		for key, err := range ledger.Find(ctx, name) {
			if err != nil {
				return nil, err
			}
			if !slices.Contains(of[key.Rollout], key) {
				of[key.Rollout] = append(of[key.Rollout], key)
			}
		}
	}
	return of, nil
}

// phones returns the phones of a run in the order in which they were listed: those of the streams, or all.
func phones(ctx context.Context, ledger journal.Ledger, rollout string, keys []journal.Key) ([]phone, error) {
	states, first := map[journal.Key]journal.State{}, map[journal.Key]journal.Seq{}
	add := func(key journal.Key, event journal.Event) {
		if _, found := first[key]; !found {
			first[key] = event.Seq
		}
		states[key] = states[key].Apply(event)
	}
	if keys == nil {
		for r, err := range ledger.ReadAll(ctx, rollout) {
			if err != nil {
				return nil, err
			}
			if r.Key.Phone != "" {
				add(r.Key, r.Event)
			}
		}
	}
	for _, key := range keys {
		for event, err := range ledger.Read(ctx, key) {
			if err != nil {
				return nil, err
			}
			add(key, event)
		}
	}
	all := make([]phone, 0, len(states))
	for key, state := range states {
		all = append(all, phone{key, state})
	}
	slices.SortFunc(all, func(a, b phone) int {
		return cmp.Or(cmp.Compare(first[a.key], first[b.key]), cmp.Compare(a.key.Phone, b.key.Phone))
	})
	return all, nil
}

// What is said of a phone without an outcome.
const (
	notKnown = "not known" // it was instructed, and nothing says how that ended
	notBegun = "not begun" // it was not contacted, or not to the end
)

// outcome names how it ended with a phone: an outcome, a kind of failure, or what is known if nothing is final.
func (p phone) outcome() string {
	switch o := p.state.Outcome; {
	case o != nil && o.Result == journal.Failed:
		return cmp.Or(o.Failure, o.Result)
	case o != nil:
		return o.Result
	case p.isOpen():
		return notKnown
	case p.state.LetGo != nil:
		return cmp.Or(p.state.LetGo.Failure, notBegun)
	}
	return notBegun
}

// isOpen reports whether a phone was instructed, and nothing says how that ended.
func (p phone) isOpen() bool { return p.state.Outcome == nil && !p.state.Told.IsZero() }

// why says why it ended so, "" if there is no more to say.
func (p phone) why(zone *time.Location) string {
	letGo := ""
	if p.state.LetGo != nil {
		letGo = p.state.LetGo.Text
	}
	switch {
	case p.state.Outcome != nil:
		return p.state.Outcome.Text
	case p.isOpen():
		return "it was instructed at " + stamp(p.state.Told, zone) + ", and how that ended is not recorded here: " +
			cmp.Or(letGo, "the run was cut off, or still goes on")
	}
	return letGo
}

// from returns the version before, and to the version that the phone reported last.
func (p phone) from() string { return p.state.Before.Version }

func (p phone) to() string {
	if o := p.state.Outcome; o != nil && o.Version != "" {
		return o.Version
	}
	return p.state.After.Version
}

// versions returns "before -> after", or the one that is known.
func (p phone) versions() string {
	switch from, to := p.from(), p.to(); {
	case from == "" || from == to:
		return to
	case to == "":
		return from
	default:
		return from + " -> " + to
	}
}

// mac returns the MAC address of a phone, as it said it or as the list states it.
func (p phone) mac() string {
	return cmp.Or(p.state.After.MAC, p.state.Before.MAC, p.state.Listed.MAC)
}

// stamp formats a time as people read it.
func stamp(t time.Time, zone *time.Location) string {
	return t.In(zone).Format(time.DateTime)
}
