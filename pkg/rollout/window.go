package rollout

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// A Window is a part of every day in which phones may be begun, by the clock on the wall: where a clock is set back an hour comes
// twice, and the window is open both times. The zero value is always open.
type Window struct {
	From, To int // minutes since midnight; To is not in it; a window that ends before it begins goes over midnight
}

const minutesOfDay = 24 * 60

// ParseWindow reads a window such as "22:00-06:00". An empty text is always open.
func ParseWindow(text string) (Window, error) {
	if text == "" {
		return Window{}, nil
	}
	from, to, ok := strings.Cut(text, "-")
	w := Window{}
	var err error
	if w.From, err = parseClock(from); err == nil {
		w.To, err = parseClock(to)
	}
	w.From %= minutesOfDay
	switch {
	case !ok || err != nil:
		return Window{}, fmt.Errorf("%q is no window: it must be two times of the day, such as 22:00-06:00", text)
	case from == to, w.From == w.To:
		return Window{}, fmt.Errorf("%q begins when it ends", text)
	}
	return w, nil
}

// parseClock reads a time of the day; 24:00 is the end of it.
func parseClock(text string) (int, error) {
	if text == "24:00" {
		return minutesOfDay, nil
	}
	if len(text) != len("22:00") {
		return 0, errors.New("not HH:MM")
	}
	t, err := time.Parse("15:04", text)
	if err != nil {
		return 0, err //nolint:wrapcheck // the caller says what is wrong
	}
	return t.Hour()*60 + t.Minute(), nil
}

// IsSet reports whether the window is not always open.
func (w Window) IsSet() bool { return w != Window{} }

// String returns the window as [ParseWindow] reads it.
func (w Window) String() string {
	if !w.IsSet() {
		return ""
	}
	return fmt.Sprintf("%02d:%02d-%02d:%02d", w.From/60, w.From%60, w.To/60, w.To%60)
}

// MarshalText writes the window as [ParseWindow] reads it.
func (w Window) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (w *Window) UnmarshalText(text []byte) (err error) {
	*w, err = ParseWindow(string(text))
	return err
}

// Open reports whether the window is open at a time, in the time's zone.
func (w Window) Open(t time.Time) bool {
	now := t.Hour()*60 + t.Minute()
	switch {
	case !w.IsSet():
		return true
	case w.From < w.To:
		return w.From <= now && now < w.To
	}
	return now >= w.From || now < w.To
}

// Next returns the first time, not before t, at which the window is open: t itself if it is open then. A window in an hour that
// is left out when clocks are set forward does not open on that day.
func (w Window) Next(t time.Time) time.Time { return w.change(t, true) }

// Closes returns the first time after t at which the window is closed, zero if it never closes.
func (w Window) Closes(t time.Time) time.Time {
	if w.From == w.To%minutesOfDay {
		return time.Time{}
	}
	return w.change(t, false)
}

// change returns the first time from t on at which the window is open, or is not. Clocks on walls change on full minutes.
func (w Window) change(t time.Time, open bool) time.Time {
	const most = 3 * minutesOfDay // a window may be left out on one day
	for range most {
		if w.Open(t) == open {
			return t
		}
		t = t.Truncate(time.Minute).Add(time.Minute)
	}
	return t
}
