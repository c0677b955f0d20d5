package rollout

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/journal"
)

// ErrNoSite reports a site at which a rollout has no phone.
var ErrNoSite = errors.New("the plan has no phone at this site")

// A SitePart says how many phones of a plan are at a site.
type SitePart struct {
	Name   string `json:"name"`            // "" for phones without a site
	Phones int    `json:"phones"`          // those that are left alone included
	Waves  []int  `json:"waves,omitempty"` // of each wave
}

// sitesOf counts the phones of a plan by their sites; nil if no phone has one.
func sitesOf(plan Plan) []SitePart {
	parts := map[string]*SitePart{}
	for _, p := range plan.Phones {
		if parts[p.Site] == nil {
			parts[p.Site] = &SitePart{Name: p.Site, Waves: make([]int, len(plan.Waves))}
		}
		parts[p.Site].Phones++
	}
	for w, wave := range plan.Waves {
		for _, i := range wave.Phones {
			parts[plan.Phones[i].Site].Waves[w]++
		}
	}
	var all []SitePart
	for _, part := range parts {
		all = append(all, *part)
	}
	slices.SortFunc(all, func(a, b SitePart) int { return cmp.Compare(a.Name, b.Name) })
	if len(all) == 0 || len(all) == 1 && all[0].Name == "" {
		return nil
	}
	return all
}

// A SiteReader is a ledger that can read the phones of one site without those of others. With any other ledger [LoadSite] reads all
// phones.
type SiteReader interface {
	// ReadSite returns the events of the streams whose phone begins with the site and a slash. Each stream is in order.
	ReadSite(ctx context.Context, rollout, site string) iter.Seq2[journal.Record, error]
}

// LoadSite reads a rollout as the worker of a site sees it: the plan has only the phones there.
func LoadSite(ctx context.Context, l journal.Ledger, name, site string) (*Saved, error) {
	b := newBuilder(name, site)
	// The rollout's own stream comes first: what is known of the phones is then as new as what was decided about them, or newer.
	for event, err := range l.Read(ctx, journal.Key{Rollout: name}) {
		if err != nil {
			return nil, err
		}
		if err := b.add(journal.Record{Key: journal.Key{Rollout: name}, Event: event}); err != nil {
			return nil, err
		}
	}
	for r, err := range readSite(ctx, l, name, site) {
		if err != nil {
			return nil, err
		}
		if err := b.add(r); err != nil {
			return nil, err
		}
	}
	return b.result()
}

// readSite returns the events of the phones of a site.
func readSite(ctx context.Context, l journal.Ledger, rollout, site string) iter.Seq2[journal.Record, error] {
	all := iter.Seq2[journal.Record, error](nil)
	if reader, ok := l.(SiteReader); ok {
		all = reader.ReadSite(ctx, rollout, site)
	} else {
		all = l.ReadAll(ctx, rollout)
	}
	return func(yield func(journal.Record, error) bool) {
		for r, err := range all {
			if (err != nil || strings.HasPrefix(r.Key.Phone, site+"/")) && !yield(r, err) {
				return
			}
		}
	}
}

// A builder makes a rollout of the events of its streams.
type builder struct {
	saved   *Saved
	states  map[string]journal.State
	entries []entry
}

func newBuilder(name, site string) *builder {
	return &builder{saved: &Saved{Name: name, Site: site}, states: map[string]journal.State{}}
}

func (b *builder) add(r journal.Record) error {
	if r.Key.Phone == "" {
		return b.saved.apply(r.Event)
	}
	b.states[r.Key.Phone] = b.states[r.Key.Phone].Apply(r.Event)
	listed, ok := r.Event.Body.(journal.Listed)
	if !ok || listed.Plan == nil {
		return nil
	}
	var e entry
	if err := json.Unmarshal(listed.Plan, &e); err != nil {
		return fmt.Errorf("%s: %w", r.Key, err)
	}
	b.entries = append(b.entries, e)
	return nil
}

func (b *builder) result() (*Saved, error) {
	s := b.saved
	if s.At.IsZero() {
		return nil, fmt.Errorf("rollout %q: %w", s.Name, ErrNoRollout)
	}
	expected := s.Planned.Phones
	if s.Site != "" {
		i := slices.IndexFunc(s.Sites, func(p SitePart) bool { return p.Name == s.Site })
		if i < 0 {
			return nil, fmt.Errorf("rollout %q, site %q: %w", s.Name, s.Site, ErrNoSite)
		}
		expected = s.Sites[i].Phones
		slices.SortFunc(b.entries, func(a, b entry) int { return cmp.Compare(a.Index, b.Index) })
		for i := range b.entries { // the plan has no others
			b.entries[i].Index = i
		}
	}
	if len(b.entries) != expected {
		return nil, fmt.Errorf("rollout %q: %w", s.Name, ErrIncomplete)
	}
	if err := s.place(b.entries); err != nil {
		return nil, err
	}
	for _, p := range s.Plan.Phones {
		var steps []journal.State
		for step := range max(len(p.Images), 1) {
			steps = append(steps, b.states[keyOf(s.Name, p, step).Phone])
		}
		s.Steps = append(s.Steps, steps)
	}
	return s, nil
}
