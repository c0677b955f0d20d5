// Package history shows what this machine did to phones, from the journal.
package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/record"
	"github.com/cpupdate/cpupdate/pkg/journal"
)

// Options are the flags of history.
type Options struct {
	Since string // a time span back, or a date
	CSV   bool
}

// A run is a push or a rollout with the phones that are shown.
type run struct {
	name    string
	at      time.Time
	planned journal.Planned
	phones  []phone
}

// A phone is one phone of a run.
type phone struct {
	key   journal.Key
	state journal.State
}

// Run shows the runs, the newest first: all of them, or those with one phone, by its address or MAC address.
func Run(ctx context.Context, con *console.Console, store *record.Store, o Options, name string, now time.Time) error {
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
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		if runs, err = read(ctx, store, name, since); err != nil {
			return err
		}
	}
	if o.CSV {
		return printCSV(con, runs)
	}
	return con.Print(document(runs), text(con, runs, name))
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

// read reads the runs from the journal.
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
	for r, err := range ledger.Rollouts(ctx, journal.Filter{Since: since}) {
		if err != nil {
			return nil, record.Error(err)
		}
		if name != "" && len(of[r.Name]) == 0 {
			continue
		}
		one := run{name: r.Name, at: r.First.At}
		one.planned, _ = r.First.Body.(journal.Planned)
		if one.phones, err = phones(ctx, ledger, r.Name, of[r.Name]); err != nil {
			return nil, record.Error(err)
		}
		runs = append(runs, one)
	}
	return runs, nil
}

// streams returns the streams of one phone, by run; nil for all phones.
func streams(ctx context.Context, ledger journal.Ledger, name string) (map[string][]journal.Key, error) {
	if name == "" {
		return nil, nil //nolint:nilnil // all
	}
	of := map[string][]journal.Key{}
	for key, err := range ledger.Find(ctx, name) {
		if err != nil {
			return nil, err
		}
		of[key.Rollout] = append(of[key.Rollout], key)
	}
	return of, nil
}

// phones returns the phones of a run in the order of their names: those of the streams, or all.
func phones(ctx context.Context, ledger journal.Ledger, rollout string, keys []journal.Key) ([]phone, error) {
	states := map[journal.Key]journal.State{}
	if keys == nil {
		for r, err := range ledger.ReadAll(ctx, rollout) {
			if err != nil {
				return nil, err
			}
			if r.Key.Phone != "" {
				states[r.Key] = states[r.Key].Apply(r.Event)
			}
		}
	}
	for _, key := range keys {
		for event, err := range ledger.Read(ctx, key) {
			if err != nil {
				return nil, err
			}
			states[key] = states[key].Apply(event)
		}
	}
	all := make([]phone, 0, len(states))
	for key, state := range states {
		all = append(all, phone{key, state})
	}
	slices.SortFunc(all, func(a, b phone) int { return cmp.Compare(a.key.Phone, b.key.Phone) })
	return all, nil
}

// outcome names how it ended with a phone: an outcome, a kind of failure, or what is known if nothing is final.
func (p phone) outcome() string {
	switch o := p.state.Outcome; {
	case o != nil && o.Result == journal.Failed:
		return o.Failure
	case o != nil:
		return o.Result
	case p.state.LetGo != nil:
		return p.state.LetGo.Failure
	case !p.state.Told.IsZero():
		return "not known"
	}
	return "not begun"
}

// why says why it ended so, "" if there is no more to say.
func (p phone) why() string {
	switch {
	case p.state.Outcome != nil:
		return p.state.Outcome.Text
	case p.state.LetGo != nil:
		return p.state.LetGo.Text
	case !p.state.Told.IsZero():
		return "it was instructed at " + stamp(p.state.Told) + ", and the run ended before it was known how that went"
	}
	return ""
}

// from returns the version before, and to the version that the phone reported last.
func (p phone) from() string { return p.state.Before.Version }

func (p phone) to() string {
	if o := p.state.Outcome; o != nil && o.Version != "" {
		return o.Version
	}
	return p.state.After.Version
}

// mac returns the MAC address of a phone, as it said it or as the list states it.
func (p phone) mac() string {
	return cmp.Or(p.state.After.MAC, p.state.Before.MAC, p.state.Listed.MAC)
}

// stamp formats a time as people read it, in the local time zone.
func stamp(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }

// what describes the image of a run.
func what(i journal.Image) string {
	text := strings.TrimSpace(i.SoftwareType + " " + i.Version)
	switch {
	case i.SHA256 != "":
		text += ", sha256 " + i.SHA256
	case i.PayloadSHA256 != "":
		text += ", payload sha256 " + i.PayloadSHA256
	}
	return strings.TrimPrefix(fmt.Sprintf("%s, %s", i.Name, text), ", ")
}
