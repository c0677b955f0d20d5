package rolloutcmd

import (
	"fmt"
	"io"
	"strings"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// planDocument is a plan as JSON.
type planDocument struct {
	Schema int          `json:"schema"`
	Name   string       `json:"name"`
	Plan   rollout.Plan `json:"plan"`

	Forecast *forecastDocument `json:"forecast"`
}

// text shows a plan.
func (p *planner) text(plan rollout.Plan) func(io.Writer) {
	con := p.env.Console
	return func(w io.Writer) {
		left := 0
		for _, phone := range plan.Phones {
			if !phone.GetsImage() {
				left++
			}
		}
		head := fmt.Sprintf("rollout %s: %s in %s, %d left alone", p.o.Name, display.Plural(len(plan.Phones)-left, "phone"), display.Plural(len(plan.Waves), "wave"), left)
		fmt.Fprintln(w, con.Layout(0).Line(console.Cells(head)...))
		writePermits(w, con, plan)
		table := con.Table(2)
		for _, wave := range plan.Waves {
			table.Row(console.Cells(wave.Name, display.Plural(len(wave.Phones), "phone"), waveVersions(plan, wave))...)
		}
		table.Draw(w)
		if left > 0 {
			fmt.Fprintln(w, "left alone:")
			writeLeft(w, con, plan)
		}
		if len(plan.Waves) > 0 {
			fmt.Fprintln(w, con.Layout(0).Line(console.Cells(p.forecast.text())...))
			fmt.Fprintln(w, "Nothing was changed so far. To carry it out: "+con.Flags.Whole("cpupdate rollout run "+typed(p.env, p.o.Name)))
		}
	}
}

// leftAlone returns why phones are left alone, and for each reason which ones.
func leftAlone(plan rollout.Plan) (reasons []string, phones map[string][]string) {
	phones = map[string][]string{}
	for _, phone := range plan.Phones {
		if !phone.GetsImage() {
			if phones[phone.LeftWhy] == nil {
				reasons = append(reasons, phone.LeftWhy)
			}
			phones[phone.LeftWhy] = append(phones[phone.LeftWhy], label(phone))
		}
	}
	return reasons, phones
}

// writeLeft writes which phones are left alone: a line for each reason, and the first phones of it below.
func writeLeft(w io.Writer, con *console.Console, plan rollout.Plan) {
	const named = 3
	reasons, phones := leftAlone(plan)
	for _, why := range reasons {
		all := phones[why]
		fmt.Fprintln(w, con.Layout(2).Line(console.Cells(display.Plural(len(all), "phone")+": "+why)...))
		if more := len(all) - named; more > 0 {
			all = append(all[:named:named], fmt.Sprintf("and %d more", more))
		}
		fmt.Fprintln(w, con.Layout(4).Line(console.Cells(strings.Join(all, ", "))...))
	}
}

// writePermits writes a line that says what a plan overrides, if it does.
func writePermits(w io.Writer, con *console.Console, plan rollout.Plan) {
	if text := permitted(plan); text != "" {
		fmt.Fprintln(w, con.Layout(2).Line(console.Cells(text)...))
	}
}

// permitted says what a plan overrides: for all phones, and how many phones have an override of their own. "" if that is nothing.
func permitted(plan rollout.Plan) string {
	var parts []string
	for _, part := range []struct {
		on   bool
		text string
	}{
		{plan.Permits.TypeChange, "another software type (--allow-type-change)"},
		{plan.Permits.Downgrade, "an older version (--allow-downgrade)"},
		{plan.Permits.Reinstall, "the version that a phone runs already (--reinstall)"},
	} {
		if part.on {
			parts = append(parts, part.text)
		}
	}
	n := 0
	for _, phone := range plan.Phones {
		if phone.GetsImage() && phone.Override != "" {
			n++
		}
	}
	if n > 0 {
		parts = append(parts, fmt.Sprintf("overrides of the list for %s", display.Plural(n, "phone")))
	}
	if len(parts) == 0 {
		return ""
	}
	return "allowed: " + strings.Join(parts, ", ")
}

// waveVersions returns which versions the phones of a wave get.
func waveVersions(plan rollout.Plan, wave rollout.Wave) string {
	count := map[string]int{}
	var order []string
	for _, i := range wave.Phones {
		v := versions(plan, plan.Phones[i])
		if count[v]++; count[v] == 1 {
			order = append(order, v)
		}
	}
	return strings.Join(order, "; ")
}
