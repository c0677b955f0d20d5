package rollout

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net"
	"slices"
	"strings"
	"time"

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

// partAt returns how many phones are at a site; nil if the plan has none there.
func (s *Saved) partAt(site string) *SitePart {
	for i := range s.Sites {
		if s.Sites[i].Name == site {
			return &s.Sites[i]
		}
	}
	return nil
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
	if err := b.addPhones(ctx, l); err != nil {
		return nil, err
	}
	return b.result()
}

// reloaded returns the rollout with its phones read again. It leaves the receiver alone.
func (s *Saved) reloaded(ctx context.Context, l journal.Ledger) (*Saved, error) {
	b := newBuilder(s.Name, s.Site)
	copied := s.copied()
	b.saved = copied
	copied.Steps, copied.Plan.Phones, copied.Plan.Waves = nil, nil, slices.Clone(s.Plan.Waves)
	for w := range copied.Plan.Waves {
		copied.Plan.Waves[w].Phones = nil
	}
	if err := b.addPhones(ctx, l); err != nil {
		return nil, err
	}
	return b.result()
}

// addPhones adds the events of the phones of the site.
func (b *builder) addPhones(ctx context.Context, l journal.Ledger) error {
	for r, err := range readSite(ctx, l, b.saved.Name, b.saved.Site) {
		if err != nil {
			return err
		}
		if err := b.add(r); err != nil {
			return err
		}
	}
	return nil
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

// A SiteRun is the last run that began at a site.
type SiteRun struct {
	Run string
	By  journal.Origin
	At  time.Time
}

// LastRun returns the last run of a rollout that began at a site; zero if none began yet.
func LastRun(ctx context.Context, l journal.Ledger, name, site string) (SiteRun, error) {
	s, err := readControl(ctx, l, name)
	if err != nil {
		return SiteRun{}, err
	}
	return s.lastRun(site), nil
}

// lastRun returns the last run that began at a site.
func (s *Saved) lastRun(site string) SiteRun {
	begun := s.runs[site]
	if all := s.runs[""]; all.At.After(begun.At) {
		begun = all // of all sites
	}
	return begun
}

// A SiteLeft is a site that has phones left in a wave.
type SiteLeft struct {
	Name   string
	Phones int
	Begun  SiteRun   // its worker; zero if none began yet
	Last   time.Time // last event of one of its phones
}

// Left returns the sites that a wave waits for, in their order; none if no phone of the plan has a site.
func (s *Saved) Left(state State, wave int) []SiteLeft {
	at := map[string]*SiteLeft{}
	var left []SiteLeft
	for _, site := range s.Sites {
		at[site.Name] = &SiteLeft{Name: site.Name, Begun: s.lastRun(site.Name)}
	}
	if len(at) == 0 || wave >= len(s.Plan.Waves) {
		return nil
	}
	for i, p := range s.Plan.Phones {
		for _, st := range s.Steps[i] {
			if st.Run != "" && st.At.After(at[p.Site].Last) {
				at[p.Site].Last = st.At
			}
		}
	}
	for _, i := range s.Plan.Waves[wave].Phones {
		if p := state.Phones[i]; !p.Ended || s.Plan.mayRetry(p) {
			at[s.Plan.Phones[i].Site].Phones++
		}
	}
	for _, site := range s.Sites {
		if one := at[site.Name]; one.Phones > 0 {
			left = append(left, *one)
		}
	}
	return left
}

// bySums returns what the sites decide, if they know nothing but what they told each other.
func (s *Saved) bySums() Decision {
	plan := Plan{Rules: s.Plan.Rules, Waves: make([]Wave, len(s.Plan.Waves))}
	for w, wave := range s.Plan.Waves {
		plan.Waves[w].Name = wave.Name
	}
	return plan.gate(State{Control: s.Control, Other: s.others("")})
}

// retried returns the sums of sites after phones were allowed to begin anew, so that no site goes on with the next wave before their
// own site has seen it.
func (s *Saved) retried(phones []int, causes CauseFunc) []journal.Body {
	if len(s.Sites) == 0 {
		return nil
	}
	state := s.State(causes)
	sites := map[string]bool{}
	for _, i := range phones {
		state.Phones[i] = Progress{}
		sites[s.Plan.Phones[i].Site] = true
	}
	var bodies []journal.Body
	for w, wave := range s.Plan.Waves {
		for _, site := range s.Sites {
			mine := slices.DeleteFunc(slices.Clone(wave.Phones), func(i int) bool { return s.Plan.Phones[i].Site != site.Name })
			if !sites[site.Name] || !slices.ContainsFunc(phones, func(i int) bool { return slices.Contains(mine, i) }) {
				continue
			}
			plan := Plan{Rules: s.Plan.Rules, Waves: make([]Wave, w+1)}
			plan.Waves[w].Phones = mine
			sum := plan.sum(state, w)
			sum.Site = site.Name
			bodies = append(bodies, sum)
		}
	}
	return bodies
}

// isElsewhere reports whether a stream that was found by a name is that of a phone at another site, which has the same address there.
func isElsewhere(phone, site, name string) bool {
	other, _, found := strings.Cut(phone, "/")
	_, err := net.ParseMAC(name)
	return found && site != "" && other != site && err != nil
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
	if err := json.Unmarshal(listed.Plan, &e); err != nil || keyOf(b.saved.Name, e.Phone, 0) != r.Key {
		return fmt.Errorf("rollout %q: %w: what it says of %q is not about that phone", b.saved.Name, ErrPlan, r.Key.Phone)
	}
	b.entries = append(b.entries, e)
	state := b.states[r.Key.Phone]
	state.Listed.Plan = nil // it is in the entry, and large
	b.states[r.Key.Phone] = state
	return nil
}

func (b *builder) result() (*Saved, error) {
	s := b.saved
	s.stale = false
	if s.At.IsZero() {
		return nil, fmt.Errorf("rollout %q: %w", s.Name, ErrNoRollout)
	}
	expected := s.Planned.Phones
	if s.Site != "" {
		part := s.partAt(s.Site)
		if part == nil {
			return nil, fmt.Errorf("rollout %q, site %q: %w", s.Name, s.Site, ErrNoSite)
		}
		expected = part.Phones
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
	if err := s.checkPlan(); err != nil {
		return nil, fmt.Errorf("rollout %q: %w: %w", s.Name, ErrPlan, err)
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
