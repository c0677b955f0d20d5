package hwcheck

import (
	"context"
	"slices"
)

// Complete adds what the table says about the phone's part numbers, level and model. It adds claims and replaces none, so
// that contradictions stay visible.
func (t *Table) Complete(p Phone) Phone { return t.index().complete(p) }

// CompleteAll completes each phone of a list in place. It returns the context's cause if that ends first.
func (t *Table) CompleteAll(ctx context.Context, phones []ListedPhone) error {
	x := t.index()
	for i := range phones {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		phones[i].Phone = x.complete(phones[i].Phone)
	}
	return nil
}

// An index finds entries by their subject, so that a large table is searched once, and not for each phone.
type index struct {
	entries []Entry
	parts   map[partKey][]int  // the positions of entries about a part number, the last first
	levels  map[levelKey]int   // the position of the last entry about a level
	classes map[string][]Class // the classes of a model
}

type partKey struct{ product, variant string } // variant "" matches any

type levelKey struct {
	level  uint16
	family string // folded; "" matches any
}

func (t *Table) index() *index {
	x := &index{t.Entries, map[partKey][]int{}, map[levelKey]int{}, map[string][]Class{}}
	for _, c := range mergeClasses(t.Classes) {
		for _, m := range c.Models {
			if key := model(m); !slices.ContainsFunc(x.classes[key], func(other Class) bool { return other.Name == c.Name }) {
				x.classes[key] = append(x.classes[key], c)
			}
		}
	}
	for i, e := range slices.Backward(t.Entries) {
		part, level := partKey{e.Product, e.Variant}, levelKey{e.Level, fold(e.Family)}
		_, later := x.levels[level]
		switch {
		case e.Product != "":
			x.parts[part] = append(x.parts[part], i)
		case !e.Minimum.IsZero() && !later:
			x.levels[level] = i
		}
	}
	return x
}

func (x *index) complete(p Phone) Phone {
	for _, part := range p.PartNumber {
		if e := x.entry(x.aboutPart(part.Value, func(e *Entry) bool { return e.Device != "" })); e != nil {
			p.Device = add(p.Device, e.Device, e.Where)
		}
		if e := x.entry(x.aboutPart(part.Value, func(e *Entry) bool { return e.Level != 0 })); e != nil {
			p.Level = add(p.Level, e.Level, e.Where)
		}
	}
	if e := x.entry(max(x.minimumOfPart(p), x.minimumOfLevel(p))); e != nil {
		p.Minimum = add(p.Minimum, e.Minimum, e.Where)
	}
	if device := resolve(p.Device, model, same); device.known {
		p.Classes = x.classes[model(device.value)]
	}
	return p
}

// add returns a new list with one more claim, because phones share lists.
func add[T any](claims []Claim[T], value T, where string) []Claim[T] {
	return append(claims[:len(claims):len(claims)], Claim[T]{value, Rules, where})
}

// entry returns the entry at position i, or nil for -1.
func (x *index) entry(i int) *Entry {
	if i < 0 {
		return nil
	}
	return &x.entries[i]
}

// aboutPart returns the position of the last entry about the part number that states the wanted value, or -1.
func (x *index) aboutPart(p PartNumber, states func(*Entry) bool) int {
	last := -1
	for _, key := range []partKey{{p.Product, p.Variant}, {p.Product, ""}} {
		places := x.parts[key]
		at := slices.IndexFunc(places, func(i int) bool {
			e := &x.entries[i]
			return e.Revisions.Contains(p.Revision) && states(e)
		})
		if at >= 0 {
			last = max(last, places[at])
		}
	}
	return last
}

// minimumOfPart returns the position of the lowest version for the phone's part number, or -1.
func (x *index) minimumOfPart(p Phone) int {
	part := resolve(p.PartNumber, same, PartNumber.String)
	if !part.known {
		return -1
	}
	return x.aboutPart(part.value, func(e *Entry) bool { return !e.Minimum.IsZero() })
}

// minimumOfLevel returns the position of the lowest version for the phone's level, or -1.
func (x *index) minimumOfLevel(p Phone) int {
	level := resolve(p.Level, same, levelText)
	if !level.known {
		return -1
	}
	last := -1
	if at, found := x.levels[levelKey{level.value, ""}]; found {
		last = at
	}
	family := resolve(families(p.Device), fold, same)
	if at, found := x.levels[levelKey{level.value, fold(family.value)}]; found && family.known {
		last = max(last, at)
	}
	return last
}
