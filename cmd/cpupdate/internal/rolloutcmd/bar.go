package rolloutcmd

import (
	"fmt"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// waveOf counts the phones of a wave, from 0.
func waveOf(s *rollout.Saved, w int) waveStatus {
	wave := s.Plan.Waves[w]
	line := waveStatus{Wave: w + 1, Name: wave.Name, Phones: len(wave.Phones)}
	for _, i := range wave.Phones {
		switch at, needs := s.Progress(i, causes); {
		case at.Updated:
			line.Updated++
		case needs:
			line.Failed++
		case at.Instructed:
			line.OnWay++
		default:
			line.Waiting++
		}
	}
	return line
}

// barUnit is the part of the bar for a phone. The bar begins with a little, since an empty one is not drawn.
const barUnit = 1000

// startBar begins to draw the bar of the wave, at a terminal.
func (v *view) startBar() {
	if v.con.JSON || !v.con.ErrTerminal {
		return
	}
	count := waveOf(v.f.Saved, v.wave)
	v.bar = v.con.StartStatus(int64(count.Phones)*barUnit, v.waveName(v.wave))
	v.update(count, time.Now())
	v.bar.Show()
}

// endBar clears the bar.
func (v *view) endBar() {
	if v.bar != nil {
		v.bar.End()
		v.bar = nil
	}
}

// refresh counts the phones for the bar.
func (v *view) refresh(now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.bar != nil {
		v.update(waveOf(v.f.Saved, v.wave), now)
	}
}

// update gives the bar its numbers.
func (v *view) update(count waveStatus, now time.Time) {
	v.bar.SetStatus(v.forms(count, now)...)
	v.bar.Update(max(int64(count.Updated+count.Failed)*barUnit, 1))
}

// forms returns the numbers of a wave for the bar, the longest form first: what matters least is left out first.
func (v *view) forms(count waveStatus, now time.Time) []string {
	name := fmt.Sprintf("%d/%d: ", v.wave+1, len(v.f.Saved.Plan.Waves))
	number := func(n int, word string) string {
		if n == 0 {
			return ""
		}
		return fmt.Sprintf("%d %s", n, word)
	}
	updated, failed := fmt.Sprintf("%d updated", count.Updated), number(count.Failed, "failed")
	way, waiting, left := number(count.OnWay, "on their way"), number(count.Waiting, "waiting"), v.left(now)
	silent := ""
	if quiet := now.Sub(v.f.Last); v.watch && quiet > silentTime {
		silent = "nothing for " + display.Rough(quiet)
		left = ""
	}
	var forms []string
	for _, parts := range [][]string{
		{"wave " + name, updated, failed, way, waiting, silent, left},
		{name, updated, failed, way, waiting, silent, left},
		{name, updated, failed, number(count.OnWay, "on way"), waiting, silent, left},
		{name, updated, failed, number(count.OnWay, "on way"), silent, left},
		{name, updated, failed, silent, left},
		{name, updated, failed, silent},
		{name, updated, failed},
		{name, number(count.Updated, "ok"), failed},
	} {
		var kept []string
		for _, part := range parts[1:] {
			if part != "" {
				kept = append(kept, part)
			}
		}
		forms = append(forms, parts[0]+strings.Join(kept, ", "))
	}
	return forms
}

// silentTime is how long nothing may be recorded before the view of another run says so: that run may have ended.
const silentTime = 2 * time.Minute

// left returns how long the wave still takes, "" if no phone was measured.
func (v *view) left(now time.Time) string {
	meter := v.meter()
	one, measured := meter.Measured()
	if !measured {
		return ""
	}
	s := v.f.Saved
	wave := s.Plan
	wave.Waves = wave.Waves[v.wave : v.wave+1]
	return display.Rough(wave.Forecast(s.State(causes), one, now).Takes) + " left"
}
