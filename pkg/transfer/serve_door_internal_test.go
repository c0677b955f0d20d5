package transfer

import (
	"testing"
	"time"
)

// Strangers have less time than a server may give to those that are known, and never more.
func TestStrangerPatience(t *testing.T) {
	t.Parallel()
	known, stranger := &guest{known: true}, &guest{}
	for limit, want := range map[time.Duration]time.Duration{time.Second: time.Second, time.Minute: strangerPatience} {
		if got := stranger.patience(limit); got != want {
			t.Errorf("a stranger has %v of %v", got, limit)
		}
		if got := known.patience(limit); got != limit {
			t.Errorf("one that is known has %v of %v", got, limit)
		}
	}
	near, far := time.Now().Add(time.Second), time.Now().Add(time.Hour)
	for deadline, kept := range map[time.Time]bool{{}: true, near: true, far: false} {
		if got := stranger.soon(deadline); got.Equal(deadline) != kept || !kept && got.After(time.Now().Add(strangerPatience)) {
			t.Errorf("%v: a stranger has until %v", deadline, got)
		}
		if got := known.soon(deadline); !got.Equal(deadline) {
			t.Errorf("%v: one that is known has until %v", deadline, got)
		}
	}
}
