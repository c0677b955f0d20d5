package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/display"
)

// section returns the list in which the page shows a phone with the outcome.
func (o Outcome) section() string {
	switch {
	case o.NeedsSomebody():
		return needs
	case o == InProgress:
		return progress
	}
	return rest
}

// emptyLists returns the lists of phones, in the order of the page: those that need somebody, those in progress, and the others.
func (r *Report) emptyLists() []phoneList {
	zone := r.zone()
	return []phoneList{
		{ID: needs, Title: "Phones that need somebody", Zone: zone},
		{ID: progress, Title: "Phones in progress", Zone: zone, About: "A run began with them, and no end is recorded. If no run goes on, the next run queries them first."},
		{ID: rest, Title: "Other phones", Zone: zone},
	}
}

// lists returns the lists that have phones.
func (r *Report) lists(causes map[string]string) []phoneList {
	counts := map[string]int{}
	for _, p := range r.Phones {
		counts[p.Outcome.section()]++
	}
	var all []phoneList
	for _, l := range r.emptyLists() {
		n := counts[l.ID]
		if n == 0 {
			continue
		}
		if n == len(r.Phones) && l.ID == rest {
			l.Title = "Phones"
		}
		l.Count = display.Plural(n, "phone")
		l.Rows = func(yield func(phoneRow) bool) {
			for _, p := range r.Phones {
				if p.Outcome.section() == l.ID && !yield(r.row(p, causes)) {
					return
				}
			}
		}
		all = append(all, l)
	}
	return all
}

// row returns what the page shows of a phone.
func (r *Report) row(p Phone, causes map[string]string) phoneRow {
	row := phoneRow{
		Address: short(p.Address), Note: shown(joined(", ", p.Note, p.Room, p.Site)), Model: short(p.Model), MAC: short(p.MAC), Before: short(p.Before), After: short(p.After),
		Class: p.Outcome.class(), Words: p.Outcome.Words(), CauseID: causes[p.Cause], Cause: short(causeWords(p.Cause)), Why: shown(p.Why), Begun: r.stamp(p.Begun),
		Seconds: seconds(p.Took), Outcome: p.Outcome,
	}
	if p.Wave > 0 {
		row.Wave = fmt.Sprint(p.Wave)
	}
	if p.Took > 0 {
		row.Took = display.Took(p.Took)
	}
	if p.Attempts > 1 {
		row.Attempts = display.Plural(p.Attempts, "attempt")
	}
	if len(p.Events) > 0 {
		row.Events, row.Text = display.Plural(len(p.Events), "event"), r.eventLines(p.Events)
	}
	return row
}

// eventLines returns a line an event, with the date where it changes.
func (r *Report) eventLines(events []Event) string {
	var b strings.Builder
	date := ""
	for _, e := range events {
		at := e.At.In(r.place)
		if day := at.Format(time.DateOnly); day != date {
			date = day
			b.WriteString(day + "\n")
		}
		step := ""
		if e.Step > 0 {
			step = fmt.Sprintf("image %d", e.Step)
		}
		b.WriteString(at.Format(time.TimeOnly) + "  " + joined("  ", step, short(e.Kind), shown(e.Text)) + "\n")
	}
	return b.String()
}
