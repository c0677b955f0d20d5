package rolloutcmd

import (
	"context"
	"fmt"
	"time"

	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// A forecast says how a rollout goes from now on, and what that is made from.
type forecast struct {
	rollout.Forecast

	plan     *rollout.Plan
	one      rollout.Measured
	measured int // phones; 0: assumed
	now      time.Time
}

// The limits of what is read of earlier runs for a forecast.
const (
	earlierRuns    = 20
	earlierPhones  = 100
	earlierRecords = 50_000
)

// earlier returns how long the phones took that were updated last, by rollouts and pushes of this journal. A journal that cannot be read
// has none: a forecast is no reason to stop.
func earlier(ctx context.Context, ledger journal.Ledger) rollout.Meter {
	var m rollout.Meter
	read := 0
	for r, err := range ledger.Rollouts(ctx, journal.Filter{Limit: earlierRuns}) {
		if err != nil {
			return m
		}
		for record, err := range ledger.ReadAll(ctx, r.Name) {
			if read++; err != nil || read > earlierRecords || m.Phones >= earlierPhones {
				return m
			}
			m.Add(record)
		}
	}
	return m
}

// forecastOf returns the forecast of a plan.
func forecastOf(plan *rollout.Plan, s rollout.State, m rollout.Meter, now time.Time) forecast {
	one, ok := m.Measured()
	if !ok {
		one = rollout.Assumed()
	}
	return forecast{plan.Forecast(s, one, now), plan, one, m.Phones, now}
}

// forecastDocument is a forecast as JSON.
type forecastDocument struct {
	Phones   int       `json:"phones"`   // that have no outcome yet
	Takes    float64   `json:"takes_s"`  // seconds, without the time that people take to open a wave
	Ends     time.Time `json:"ends"`     //
	Missed   int       `json:"missed"`   // phones that are not begun before the window closes the first time
	Each     float64   `json:"each_s"`   // seconds that one phone takes
	Measured int       `json:"measured"` // how many phones that was measured with; 0: it is assumed
}

func (f forecast) document() *forecastDocument {
	return &forecastDocument{f.Phones, f.Takes.Seconds(), f.Ends.UTC(), f.Missed, f.one.Whole.Seconds(), f.measured}
}

// text returns the forecast as a sentence: "412 phones, about 3 h 10 min, ends 04:10".
func (f forecast) text() string {
	text := fmt.Sprintf("%s, about %s, ends %s", display.Plural(f.Phones, "phone"), display.Rough(f.Takes), moment(f.Ends, f.now))
	if f.Missed > 0 {
		closes := f.plan.Rules.Window.Closes(f.plan.Rules.Window.Next(f.now))
		text += fmt.Sprintf("; %d will not be begun before the window closes at %s", f.Missed, closes.Format("15:04"))
	}
	if pauses(f.plan) {
		text += "; without the pauses for people"
	}
	each := display.Took(f.one.Whole)
	if f.measured == 0 {
		return text + fmt.Sprintf(" (assumed: %s a phone; none was measured yet)", each)
	}
	return text + fmt.Sprintf(" (measured: %s a phone, with %s)", each, display.Plural(f.measured, "phone"))
}

// pauses reports whether a person has to open a wave.
func pauses(p *rollout.Plan) bool {
	switch p.Rules.Pause {
	case rollout.PauseEach:
		return len(p.Waves) > 1
	case rollout.PauseCanary:
		return len(p.Waves) > 1 && p.Waves[0].Name == (rollout.WaveSize{Canary: true}).String()
	case rollout.PauseNone:
	}
	return false
}

// moment formats a time: without the day if that is today, with its name if it is within a week.
func moment(t, now time.Time) string {
	t, now = t.Local(), now.Local()
	switch {
	case t.YearDay() == now.YearDay() && t.Year() == now.Year():
		return t.Format("15:04")
	case t.Sub(now).Abs() < 6*24*time.Hour:
		return t.Format("Mon 15:04")
	}
	return t.Format("2006-01-02 15:04")
}
