package report

import (
	"cmp"
	"slices"
	"time"
)

// Counts are numbers of phones by outcome.
type Counts struct {
	Phones      int `json:"phones"`
	Updated     int `json:"updated"`
	NothingToDo int `json:"nothing_to_do"`
	Checked     int `json:"checked"`
	Failed      int `json:"failed"`
	NotKnown    int `json:"not_known"`
	NotDone     int `json:"not_done"`
	InProgress  int `json:"in_progress,omitempty"`
	NotBegun    int `json:"not_begun"`
	LeftAlone   int `json:"left_alone"`
}

// of returns the number of an outcome.
func (c *Counts) of(o Outcome) *int {
	switch o {
	case Updated:
		return &c.Updated
	case NothingToDo:
		return &c.NothingToDo
	case Checked:
		return &c.Checked
	case Failed:
		return &c.Failed
	case NotKnown:
		return &c.NotKnown
	case NotDone:
		return &c.NotDone
	case InProgress:
		return &c.InProgress
	case NotBegun:
		return &c.NotBegun
	}
	return &c.LeftAlone
}

func (c *Counts) add(o Outcome) {
	c.Phones++
	*c.of(o)++
}

// open returns how many phones have no outcome yet.
func (c *Counts) open() int { return c.NotKnown + c.NotDone + c.InProgress + c.NotBegun }

// A Cause is why phones need somebody.
type Cause struct {
	Kind       string `json:"cause"`
	Phones     int    `json:"phones"`
	Instructed int    `json:"instructed"` // of these phones
	Next       string `json:"next,omitempty"`
}

// A Group is phones that have a text in common.
type Group struct {
	Text   string   `json:"text"`
	Counts Counts   `json:"counts"`
	Some   []string `json:"some"` // addresses of the first of them
}

// A Change is phones with the same versions before and after.
type Change struct {
	Before string `json:"version_before"`
	After  string `json:"version_after"`
	Counts Counts `json:"counts"`
}

// An Override is rules that were overridden for a reason.
type Override struct {
	Reason string   `json:"reason"`
	Rules  []string `json:"rules"` // none if the reason was stated, and no rule had to be overridden
	Phones int      `json:"phones"`
	Some   []string `json:"some"`
}

// others is the text of a group of all phones for which there is no more room.
const others = "(others)"

// sums are the tables of a report while its phones are counted.
type sums struct {
	causes       map[string]*Cause
	left, models groups
	versions     map[[2]string]*Change
	overrides    map[string]*Override
}

// sum counts the phones of a report.
func (b *builder) sum(r *Report) {
	for w, wave := range b.saved.Plan.Waves {
		r.Waves = append(r.Waves, Wave{Number: w + 1, Name: bounded(wave.Name)})
	}
	s := sums{map[string]*Cause{}, groups{}, groups{}, map[[2]string]*Change{}, map[string]*Override{}}
	for _, p := range r.Phones {
		r.Counts.add(p.Outcome)
		if p.Wave > 0 {
			r.Waves[p.Wave-1].take(p)
		}
		widen(&r.Begun, &r.Ended, p)
		s.take(p, b.next(p.Cause))
	}
	for w := range r.Waves {
		if wave := &r.Waves[w]; wave.Counts.open() > 0 {
			wave.Ended = time.Time{}
		}
	}
	r.Causes = sorted(s.causes, func(c Cause) (int, string) { return c.Phones, c.Kind })
	r.Left, r.Models = s.left.rows(), s.models.rows()
	r.Versions = sorted(s.versions, func(c Change) (int, string) { return c.Counts.Phones, c.Before + " " + c.After })
	r.Overrides = sorted(s.overrides, func(o Override) (int, string) { return o.Phones, o.Reason })
	for _, p := range slowest(r.Phones) {
		r.Slowest = append(r.Slowest, p.Address)
	}
	r.shorten()
}

// take adds a phone to the tables.
func (s sums) take(p Phone, next string) {
	if p.Cause != "" {
		one := entry(s.causes, p.Cause)
		one.Kind, one.Next = p.Cause, next
		one.Phones++
		if !p.Instructed.IsZero() {
			one.Instructed++
		}
	}
	if p.Outcome == LeftAlone {
		s.left.add(p.Why, p)
	}
	s.models.add(p.Model, p)
	change := entry(s.versions, [2]string{p.Before, p.After})
	change.Before, change.After = p.Before, p.After
	change.Counts.add(p.Outcome)
	if p.Reason != "" || len(p.Overrides) > 0 {
		entry(s.overrides, p.Reason).take(p)
	}
}

// widen makes a period contain the time of a phone.
func widen(begun, ended *time.Time, p Phone) {
	if !p.Begun.IsZero() && (begun.IsZero() || p.Begun.Before(*begun)) {
		*begun = p.Begun
	}
	if p.Ended.After(*ended) {
		*ended = p.Ended
	}
}

// entry returns the entry of a key, which is new if there was none.
func entry[K comparable, V any](all map[K]*V, key K) *V {
	one := all[key]
	if one == nil {
		one = new(V)
		all[key] = one
	}
	return one
}

// sorted returns the entries, those of most phones first.
func sorted[K comparable, V any](all map[K]*V, by func(V) (int, string)) []V {
	out := make([]V, 0, len(all))
	for _, one := range all {
		out = append(out, *one)
	}
	slices.SortFunc(out, func(a, b V) int {
		n, x := by(a)
		m, y := by(b)
		return cmp.Or(cmp.Compare(m, n), cmp.Compare(x, y))
	})
	return out
}

// groups are groups by their text.
type groups map[string]*Group

func (g groups) add(text string, p Phone) {
	one := entry(g, text)
	one.Text = text
	one.Counts.add(p.Outcome)
	one.Some = named(one.Some, p)
}

func (g groups) rows() []Group {
	return sorted(g, func(one Group) (int, string) { return one.Counts.Phones, one.Text })
}

// named adds a phone to those that are named, if there is room.
func named(some []string, p Phone) []string {
	if len(some) < maxNamed {
		return append(some, p.Address)
	}
	return some
}

// take adds a phone to a wave.
func (w *Wave) take(p Phone) {
	w.Counts.add(p.Outcome)
	widen(&w.Begun, &w.Ended, p)
}

// take adds a phone to an override.
func (o *Override) take(p Phone) {
	o.Reason = p.Reason
	o.Phones++
	o.Some = named(o.Some, p)
	for _, rule := range p.Overrides {
		if !slices.Contains(o.Rules, rule) && len(o.Rules) < maxOverrides {
			o.Rules = append(o.Rules, rule)
		}
	}
	slices.Sort(o.Rules)
}

// slowest returns the phones that took longest.
func slowest(phones []Phone) []*Phone {
	var some []*Phone
	for i := range phones {
		if phones[i].Took > 0 {
			some = append(some, &phones[i])
		}
	}
	slices.SortStableFunc(some, func(a, b *Phone) int { return cmp.Compare(b.Took, a.Took) })
	return some[:min(len(some), maxSlowest)]
}

// shorten bounds the rows of every table, so that the report is not longer than its phones, and has no null list.
func (r *Report) shorten() {
	r.Causes = fold(r.Causes, func(sum *Cause, c Cause) {
		sum.Kind, sum.Phones, sum.Instructed = others, sum.Phones+c.Phones, sum.Instructed+c.Instructed
	})
	group := func(sum *Group, g Group) {
		sum.Text, sum.Some = others, []string{}
		sum.Counts.merge(g.Counts)
	}
	r.Left, r.Models = fold(r.Left, group), fold(r.Models, group)
	r.Versions = fold(r.Versions, func(sum *Change, c Change) {
		sum.Before, sum.After = others, others
		sum.Counts.merge(c.Counts)
	})
	r.Overrides = fold(r.Overrides, func(sum *Override, o Override) {
		sum.Reason, sum.Phones, sum.Some = others, sum.Phones+o.Phones, []string{}
	})
	for i := range r.Overrides {
		r.Overrides[i].Rules = append([]string{}, r.Overrides[i].Rules...)
	}
	r.Runs, r.Waves, r.Images, r.Phones, r.Log, r.Slowest = list(r.Runs), list(r.Waves), list(r.Images), list(r.Phones), list(r.Log), list(r.Slowest)
}

// fold makes one row of those for which there is no room.
func fold[V any](rows []V, into func(sum *V, row V)) []V {
	if len(rows) <= maxGroups {
		return rows
	}
	var sum V
	for _, row := range rows[maxGroups-1:] {
		into(&sum, row)
	}
	return append(rows[:maxGroups-1:maxGroups-1], sum)
}

// list returns a list that is not null in JSON.
func list[V any](rows []V) []V {
	if rows == nil {
		return []V{}
	}
	return rows
}

// merge adds other counts.
func (c *Counts) merge(other Counts) {
	c.Phones += other.Phones
	for _, o := range outcomes() {
		*c.of(o) += *other.of(o)
	}
}
