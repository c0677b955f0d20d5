package report

import (
	"fmt"
	"time"

	"github.com/cpupdate/cpupdate/pkg/display"
)

// A timeLine is the drawing of the waves. Positions are percentages of its width, so that texts keep their size on any screen.
type timeLine struct {
	Height int
	Ticks  []tick
	Bars   []bar
	Marks  []tick
}

// A tick is a time with a text.
type tick struct {
	X      string
	Label  string
	Anchor string
}

// A bar is a wave.
type bar struct {
	Label    string
	X, W     string // W is "" if the wave has not begun
	TextY, Y int
	Class    string
}

// Sizes in pixels.
const (
	axisHeight = 24
	barHeight  = 36

	maxMarks = 20
)

// axis is the time from the left to the right of a drawing.
type axis struct{ from, to time.Time }

// at returns where a time is, in percent.
func (a axis) at(t time.Time) float64 {
	return min(max(100*t.Sub(a.from).Seconds()/a.to.Sub(a.from).Seconds(), 0), 100)
}

func percent(x float64) string { return fmt.Sprintf("%.2f", x) }

// timeLine draws the waves; nil if none has begun.
func (r *Report) timeLine() *timeLine {
	a := r.axis()
	if a.from.IsZero() {
		return nil
	}
	line := &timeLine{Height: axisHeight + barHeight*len(r.Waves), Ticks: r.ticks(a)}
	for i, wave := range r.Waves {
		top := axisHeight + barHeight*i
		b := bar{TextY: top + 13, Y: top + 19, Class: "time", Label: shown(fmt.Sprintf("wave %d (%s): %s, %s", wave.Number, wave.Name, display.Plural(wave.Counts.Phones, "phone"), r.waveTime(wave)))}
		if !wave.Begun.IsZero() {
			end := wave.Ended
			if end.IsZero() {
				end, b.Class = a.to, "going"
			}
			x := a.at(wave.Begun)
			b.X, b.W = percent(x), percent(min(max(a.at(end)-x, 0.3), 100-x))
		}
		line.Bars = append(line.Bars, b)
	}
	for _, e := range r.Log {
		if len(line.Marks) < maxMarks && isMark(e.Kind) && !e.At.Before(a.from) && !e.At.After(a.to) {
			line.Marks = append(line.Marks, tick{X: percent(a.at(e.At)), Label: shown(joined(" ", e.At.In(r.place).Format("15:04"), e.Kind))})
		}
	}
	return line
}

// waveTime says how long a wave took.
func (r *Report) waveTime(w Wave) string {
	switch {
	case w.Begun.IsZero():
		return "not begun"
	case w.Ended.IsZero():
		return "not ended"
	}
	return display.Took(w.Ended.Sub(w.Begun))
}

// axis returns the time from the first phone to the last one, or to the last event if a wave has not ended.
func (r *Report) axis() axis {
	a := axis{}
	for _, wave := range r.Waves {
		if wave.Begun.IsZero() {
			continue
		}
		end := wave.Ended
		if end.IsZero() {
			end = r.last
		}
		if a.from.IsZero() || wave.Begun.Before(a.from) {
			a.from = wave.Begun
		}
		if end.After(a.to) {
			a.to = end
		}
	}
	if least := a.from.Add(time.Minute); a.to.Before(least) {
		a.to = least
	}
	return a
}

// mostTicks is how many times of day fit on a narrow screen.
const mostTicks = 5

// tickStep returns the shortest time that is easy to read and leaves at most mostTicks.
func tickStep(all time.Duration) time.Duration {
	const day = 24 * time.Hour
	least := all / mostTicks
	for _, step := range []time.Duration{
		15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, day, 2 * day, 7 * day, 28 * day, 91 * day,
	} {
		if step > least {
			return step
		}
	}
	return (least/day + 1) * day
}

// ticks returns times of day, or days.
func (r *Report) ticks(a axis) []tick {
	const day = 24 * time.Hour
	step := tickStep(a.to.Sub(a.from))
	layout := "15:04"
	switch {
	case step >= day:
		layout = time.DateOnly
	case a.to.Sub(a.from) > day:
		layout = "01-02 15:04"
	case step < time.Minute:
		layout = time.TimeOnly
	}
	from := a.from.In(r.place)
	year, month, date := from.Date()
	at := time.Date(year, month, date, 0, 0, 0, 0, r.place)
	next := func() { at = at.Add(step) }
	if step >= day {
		next = func() { at = at.AddDate(0, 0, int(step/day)) } // days are not all as long
		if at.Before(from) {
			at = at.AddDate(0, 0, 1)
		}
	} else if passed := from.Sub(at); passed > 0 {
		at = at.Add((passed + step - 1) / step * step)
	}
	var ticks []tick
	for ; !at.After(a.to); next() {
		x := a.at(at)
		one := tick{X: percent(x), Label: at.Format(layout), Anchor: "middle"}
		switch {
		case x < 8:
			one.Anchor = "start"
		case x > 92:
			one.Anchor = "end"
		}
		ticks = append(ticks, one)
	}
	return ticks
}

// isMark reports whether a kind of event is drawn across the waves.
func isMark(kind string) bool {
	switch kind {
	case "limit-reached", "paused", "resumed", "stopped":
		return true
	}
	return false
}
