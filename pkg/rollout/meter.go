package rollout

import (
	"time"

	"github.com/cpupdate/cpupdate/pkg/journal"
)

// A Meter measures how long phones took that were updated, from the events of their streams. The zero value has measured none.
type Meter struct {
	Phones int // that were measured

	whole, slot time.Duration
	begun       map[journal.Key]measuring
}

// A measuring is a phone that a run began with.
type measuring struct{ begun, free time.Time }

// Add takes over an event. Those of a stream come in their order.
func (m *Meter) Add(r journal.Record) {
	now := m.begun[r.Key]
	switch body := r.Event.Body.(type) {
	case journal.Begun:
		if m.begun == nil {
			m.begun = map[journal.Key]measuring{}
		}
		m.begun[r.Key] = measuring{begun: r.Event.At}
	case journal.Fetched, journal.Sent, journal.Restarting:
		if now.free.IsZero() && !now.begun.IsZero() {
			now.free = r.Event.At
			m.begun[r.Key] = now
		}
	case journal.TookOver, journal.LetGo:
		delete(m.begun, r.Key)
	case journal.Outcome:
		delete(m.begun, r.Key)
		if whole := r.Event.At.Sub(now.begun); body.Result == journal.Updated && !now.free.IsZero() && whole > 0 {
			m.Phones++
			m.whole += whole
			m.slot += min(max(now.free.Sub(now.begun), 0), whole)
		}
	}
}

// Measured returns how long the phones took on average; false if none was measured.
func (m *Meter) Measured() (Measured, bool) {
	if m.Phones == 0 {
		return Measured{}, false
	}
	n := time.Duration(m.Phones)
	return Measured{Whole: m.whole / n, Slot: m.slot / n}, true
}

// Assumed is how long a phone takes if none was measured: no document says it. Phones take minutes to install and restart (observed);
// 5 and 2 minutes are assumed.
func Assumed() Measured { return Measured{Whole: 5 * time.Minute, Slot: 2 * time.Minute} }
