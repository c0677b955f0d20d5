package rollout

import (
	"container/heap"
	"time"
)

// A Forecast says how a rollout goes if every phone takes as long as those before.
type Forecast struct {
	Phones int           // that have no outcome yet
	Takes  time.Duration // from now until the last of them has an outcome
	Ends   time.Time
	Missed int // phones that are not begun before the window closes the first time
}

// Measured says how long phones take: from their beginning to their outcome, and how long of that they are one of Parallel.
type Measured struct {
	Whole time.Duration
	Slot  time.Duration // contacted and fetching; then the next phone may begin
}

// Forecast says how the waves go from now on, without the time that people take to open one. Phones that have an outcome are
// left out. Of a phone that may have been instructed, only the time after the contact is left. A phone that gets several images takes
// as long as that many phones.
func (p *Plan) Forecast(s State, m Measured, now time.Time) Forecast {
	f := Forecast{}
	line := &starts{rules: p.Rules, next: now}
	closes := time.Time{}
	if p.Rules.Window.IsSet() {
		closes = p.Rules.Window.Closes(p.Rules.Window.Next(now))
	}
	at := now
	for _, wave := range p.Waves {
		line.free = line.free[:0]
		last := at
		for _, i := range wave.Phones {
			if s.Phones[i].Ended {
				continue
			}
			f.Phones++
			end := now.Add(m.Whole - m.Slot)
			if !s.Phones[i].Instructed {
				images := time.Duration(max(len(p.Phones[i].Images), 1))
				begin := line.begin(at, images*m.Slot)
				if end = begin.Add(images * m.Whole); !closes.IsZero() && !begin.Before(closes) {
					f.Missed++
				}
			}
			if end.After(last) {
				last = end
			}
		}
		at = last
	}
	f.Ends, f.Takes = at, at.Sub(now)
	return f
}

// starts says when phones may begin, one after the other.
type starts struct {
	rules Rules
	free  times     // when places for phones become free
	next  time.Time // when the next phone may begin, by the rate
}

// begin returns when a phone of a wave begins that was opened at a time, and takes a place for it.
func (l *starts) begin(opened time.Time, slot time.Duration) time.Time {
	at := opened
	if len(l.free) >= max(l.rules.Parallel, 1) {
		at = heap.Pop(&l.free).(time.Time) //nolint:forcetypeassert // it holds nothing else
	}
	if at.Before(l.next) {
		at = l.next
	}
	at = l.rules.Window.Next(at)
	if l.rules.StartRate > 0 {
		l.next = at.Add(time.Duration(float64(time.Minute) / l.rules.StartRate))
	}
	heap.Push(&l.free, at.Add(slot))
	return at
}

// times is a heap of times, the earliest first.
type times []time.Time

func (t times) Len() int           { return len(t) }
func (t times) Less(i, j int) bool { return t[i].Before(t[j]) }
func (t times) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }
func (t *times) Push(x any)        { *t = append(*t, x.(time.Time)) } //nolint:forcetypeassert // a heap of times
func (t *times) Pop() any {
	last := (*t)[len(*t)-1]
	*t = (*t)[:len(*t)-1]
	return last
}
