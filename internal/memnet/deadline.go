package memnet

import (
	"sync"
	"time"
)

// A deadline is a time after which nothing waits any more. It is guarded by the lock of changed, which is told of it.
type deadline struct {
	changed *sync.Cond
	timer   *time.Timer
	passed  bool
}

// set replaces the deadline; the zero time is none. The lock is held.
func (d *deadline) set(at time.Time) {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	left := time.Until(at)
	d.passed = !at.IsZero() && left <= 0
	switch {
	case d.passed:
		d.changed.Broadcast()
	case !at.IsZero():
		var timer *time.Timer
		timer = time.AfterFunc(left, func() {
			d.changed.L.Lock()
			defer d.changed.L.Unlock()
			if d.timer == timer { // else it was replaced before it could be stopped
				d.passed = true
				d.changed.Broadcast()
			}
		})
		d.timer = timer
	}
}
