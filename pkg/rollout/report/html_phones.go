package report

import (
	"fmt"
	"iter"
	"strings"
	"time"
)

// lists returns the lists of phones: those that need somebody, and the others.
func (r *Report) lists(causes map[string]string) []phoneList {
	bad := 0
	for _, p := range r.Phones {
		if p.Outcome.NeedsSomebody() {
			bad++
		}
	}
	rows := func(want bool) iter.Seq[phoneRow] {
		return func(yield func(phoneRow) bool) {
			for _, p := range r.Phones {
				if p.Outcome.NeedsSomebody() == want && !yield(r.row(p, causes)) {
					return
				}
			}
		}
	}
	var all []phoneList
	if bad > 0 {
		all = append(all, phoneList{needs, "Phones that need somebody", count(bad, "phone"), rows(true)})
	}
	if rest := len(r.Phones) - bad; rest > 0 {
		title := "Phones"
		if bad > 0 {
			title = "Other phones"
		}
		all = append(all, phoneList{"phones", title, count(rest, "phone"), rows(false)})
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
		row.Took = span(p.Took)
	}
	if p.Attempts > 1 {
		row.Attempts = count(p.Attempts, "attempt")
	}
	if len(p.Events) > 0 {
		row.Events, row.Text = count(len(p.Events), "event"), r.eventLines(p.Events)
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
