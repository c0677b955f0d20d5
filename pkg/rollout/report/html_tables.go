package report

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/display"
)

// tables returns the tables of groups.
func (r *Report) tables() []table {
	var all []table
	add := func(t table) {
		if len(t.Rows) > 0 {
			all = append(all, t)
		}
	}
	number := func(n int) tableCell { return tableCell{"n", fmt.Sprint(n)} }
	groupTable := func(id, title, caption, head, empty string, groups []Group) table {
		t := table{ID: id, Title: title, Caption: caption, Head: []string{head, "Phones", "Outcomes"}}
		for _, g := range groups {
			t.Rows = append(t.Rows, []tableCell{{"", short(cmp.Or(g.Text, empty))}, number(g.Counts.Phones), {"", g.Counts.summary()}})
		}
		return t
	}
	left := table{ID: "left", Title: "Left alone", Caption: "Phones that got nothing, by the reason.", Head: []string{"Reason", "Phones", "Such as"}}
	for _, g := range r.Left {
		left.Rows = append(left.Rows, []tableCell{{"", shown(cmp.Or(g.Text, "no reason is recorded"))}, number(g.Counts.Phones), {"wide", shown(strings.Join(g.Some, ", "))}})
	}
	add(left)
	overrides := table{ID: "overrides", Title: "Overrides", Caption: "Rules that a person overrode, by the reason.", Head: []string{"Reason", "Phones", "Rules", "Such as"}}
	for _, o := range r.Overrides {
		overrides.Rows = append(overrides.Rows, []tableCell{
			{"", shown(cmp.Or(o.Reason, "no reason is recorded"))}, number(o.Phones), {"", shown(strings.Join(o.Rules, ", "))}, {"wide", shown(strings.Join(o.Some, ", "))},
		})
	}
	add(overrides)
	add(groupTable("models", "Models", "Phones by what they say they are.", "Model", "not known", r.Models))
	versions := table{ID: "versions", Title: "Versions", Caption: "Phones by the version that they ran before, and that they reported last.", Head: []string{"Before", "After", "Phones", "Outcomes"}}
	for _, v := range r.Versions {
		versions.Rows = append(versions.Rows, []tableCell{
			{"w", short(cmp.Or(v.Before, "not known"))}, {"w", short(cmp.Or(v.After, "not known"))}, number(v.Counts.Phones), {"", v.Counts.summary()},
		})
	}
	add(versions)
	add(r.slowestTable())
	return all
}

// slowestTable returns the phones that took longest.
func (r *Report) slowestTable() table {
	t := table{ID: "slowest", Title: "Slowest", Caption: "Phones that took longest from the beginning of an attempt to the outcome.", Head: []string{"Phone", "Took", "Model"}}
	for _, p := range slowest(r.Phones) {
		t.Rows = append(t.Rows, []tableCell{{"", shown(label(p.Address, p.Note))}, {"n", display.Took(p.Took)}, {"", short(p.Model)}})
	}
	return t
}
