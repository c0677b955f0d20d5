package fleet

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestPatienceStandsStill checks that the patience with a page that ended while this machine stood still begins anew, and else ends.
func TestPatienceStandsStill(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var over atomic.Int32
		p := newPatience(time.Minute, func() { over.Add(1) })
		time.Sleep(59 * time.Second)
		p.mu.Lock()
		p.limit = p.limit.Add(-time.Hour) // as if the timer came an hour late
		p.mu.Unlock()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if over.Load() != 0 {
			t.Error("it ended though the machine stood still")
		}
		time.Sleep(57 * time.Second)
		p.begin()
		time.Sleep(59 * time.Second)
		synctest.Wait()
		if over.Load() != 0 {
			t.Error("it ended before its time")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if over.Load() != 1 {
			t.Errorf("it ended %d times", over.Load())
		}
		p.begin()
		p.stop()
		time.Sleep(time.Hour)
		synctest.Wait()
		if over.Load() != 1 {
			t.Error("it ended though it was stopped")
		}
	})
}

// TestWaitStandsStill checks the same of the wait for a phone that may be restarting.
func TestWaitStandsStill(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wait{patience: time.Minute, limit: time.Now().Add(time.Minute)}
		time.Sleep(time.Hour)
		if w.over() {
			t.Error("it is over though the machine stood still")
		}
		time.Sleep(time.Minute)
		if !w.over() {
			t.Error("it is not over")
		}
	})
}

// TestUploadPace checks which uploads to a page are given up: those that make no step in a patience, and those that take longer
// than all steps may, unless this machine stood still meanwhile.
func TestUploadPace(t *testing.T) {
	t.Parallel()
	const patience, size = 10 * time.Minute, int64(256 << 20)
	for name, c := range map[string]struct {
		step   int64         // bytes that are sent at a time
		every  time.Duration // between two steps
		still  time.Duration // of it the machine stands still
		slow   bool
		within time.Duration // when it is given up at the latest
	}{
		"a line of 16 KiB a second":              {1 << 16, 4 * time.Second, 0, false, 0},
		"1 KiB a second":                         {1 << 16, 64 * time.Second, 0, true, patience + 64*time.Second},
		"2 KiB a second: too slow for all of it": {1 << 16, 32 * time.Second, 0, true, 19 * time.Hour},
		"a byte a second":                        {1, time.Second, 0, true, patience + time.Second},
		"the machine sleeps an hour":             {1 << 16, time.Hour + 4*time.Second, time.Hour, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				u := upload{changed: make(chan struct{}, 1)}
				u.begin(size, patience, cancel)
				begun := time.Now()
				for sent := int64(0); sent < size && ctx.Err() == nil; {
					time.Sleep(c.every)
					u.forgive(c.still)
					sent += c.step
					u.note(sent)
					u.reported = u.state()
					u.checkPace(patience)
				}
				if slow := errors.Is(context.Cause(ctx), errSlow); slow != c.slow {
					t.Errorf("slow: %v, after %s", slow, time.Since(begun))
				}
				if took := time.Since(begun); c.slow && took > c.within {
					t.Errorf("it was given up after %s", took)
				}
			})
		})
	}
}

// TestSilenceLongest checks when the silence of a phone that fetches ends: each step begins it anew, and all of them have a limit that
// is enough for a large image on a line that phones share.
func TestSilenceLongest(t *testing.T) {
	t.Parallel()
	const patience = 10 * time.Minute
	for name, c := range map[string]struct {
		size int64
		want time.Duration
	}{
		"nothing is known": {0, 6 * patience},
		"1 MiB":            {1 << 20, 6 * patience},
		"60 MiB":           {60 << 20, 15360 * time.Second},
		"200 MiB":          {200 << 20, 51200 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, begun := newSilence(patience), time.Now()
				defer s.stop()
				for {
					s.allow(c.size)
					s.restart()
					select {
					case <-s.timer.C:
						if got := time.Since(begun); got != c.want {
							t.Errorf("it ended after %s", got)
						}
						return
					case <-time.After(patience / 2):
					}
				}
			})
		})
	}
}
