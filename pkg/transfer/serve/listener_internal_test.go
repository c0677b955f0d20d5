package serve

import (
	"testing"
	"time"
)

// Strangers have less time than a server may give to those that are known, and never more.
func TestStrangerTimeout(t *testing.T) {
	t.Parallel()
	known, stranger := &conn{known: true}, &conn{}
	for limit, want := range map[time.Duration]time.Duration{time.Second: time.Second, time.Minute: unknownTimeout} {
		if got := stranger.timeout(limit); got != want {
			t.Errorf("a stranger has %v of %v", got, limit)
		}
		if got := known.timeout(limit); got != limit {
			t.Errorf("one that is known has %v of %v", got, limit)
		}
	}
	near, far := time.Now().Add(time.Second), time.Now().Add(time.Hour)
	for deadline, kept := range map[time.Time]bool{{}: true, near: true, far: false} {
		if got := stranger.deadline(deadline); got.Equal(deadline) != kept || !kept && got.After(time.Now().Add(unknownTimeout)) {
			t.Errorf("%v: a stranger has until %v", deadline, got)
		}
		if got := known.deadline(deadline); !got.Equal(deadline) {
			t.Errorf("%v: one that is known has until %v", deadline, got)
		}
	}
}
