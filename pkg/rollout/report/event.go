package report

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/journal"
)

// An Event is one event of a phone or of the rollout, as people read it.
type Event struct {
	At   time.Time `json:"at"`
	Kind string    `json:"kind"` // as in the journal; "left-out" stands for so many events that are not shown
	Text string    `json:"text,omitempty"`
	Step int       `json:"step,omitempty"` // the image that it is about, from 2; the first one if it is not given
}

// leftOut is the kind of the event that stands for others.
const leftOut = "left-out"

// appendEvent adds an event. Only the last one of several in a row that say how far a phone has fetched is kept, and in the
// middle of very many events some are left out.
func appendEvent(events []Event, e Event) []Event {
	if e.Kind == string(journal.KindListed) {
		return events
	}
	last := len(events) - 1
	if last >= 0 && e.Kind == string(journal.KindFetching) && events[last].Kind == e.Kind {
		events[last] = e
		return events
	}
	if len(events) < maxEvents {
		return append(events, e)
	}
	const head = maxEvents / 2
	if events[head].Kind != leftOut {
		events[head] = Event{At: events[head].At, Kind: leftOut, Text: display.Plural(1, "event")}
	}
	n := 0
	_, _ = fmt.Sscan(events[head].Text, &n)
	events[head].Text = display.Plural(n+1, "event")
	copy(events[head+1:], events[head+2:])
	events[last] = e
	return events
}

// eventOf returns an event as people read it.
func eventOf(e journal.Event, step int) Event {
	out := Event{At: e.At}
	if step > 0 {
		out.Step = step + 1
	}
	if e.Body == nil {
		return out
	}
	out.Kind = bounded(string(e.Body.Kind()))
	out.Text = bounded(bodyText(e.Body))
	return out
}

// bodyText says what an event reports besides its kind.
func bodyText(body journal.Body) string {
	switch b := body.(type) {
	case journal.Begun:
		return fmt.Sprintf("attempt %d", b.Attempt)
	case journal.TookOver:
		return fmt.Sprintf("instructed by %s at %s", b.Rollout, b.Told.UTC().Format(time.RFC3339))
	case journal.Reported:
		return joined(", ", b.Device.Type, joined(" ", b.Device.SoftwareType, b.Device.Version), b.Device.MAC)
	case journal.Checked:
		return b.Verdict + overridesText(b.Overrides)
	case journal.Instructing:
		return joined(" ", "to", b.Version)
	case journal.Sending:
		return joined(" ", "to", b.Version)
	case journal.Fetching:
		if b.Size > 0 {
			return fmt.Sprintf("%s of %s", display.Bytes(b.Bytes), display.Bytes(b.Size))
		}
		return display.Bytes(b.Bytes)
	case journal.Fetched:
		return display.Bytes(b.Bytes)
	case journal.Sent:
		return display.Bytes(b.Bytes)
	case journal.LetGo:
		return joined(": ", b.Failure, b.Text)
	case journal.Outcome:
		return joined(": ", cmp.Or(b.Failure, b.Result), cmp.Or(b.Text, b.Version))
	case journal.Note:
		return b.Text
	}
	return rolloutText(body)
}

// rolloutText is bodyText for the events that people and limits cause.
func rolloutText(body journal.Body) string {
	switch b := body.(type) {
	case journal.RunBegun:
		return joined(", ", byText(b.By), b.Route.Way, b.Route.Server)
	case journal.FlagsKept:
		return byText(b.By) // the flags name files of that machine
	case journal.WaveOpened:
		return fmt.Sprintf("wave %d, %s: %s", b.Wave, b.Name, display.Plural(b.Phones, "phone"))
	case journal.LimitReached:
		return fmt.Sprintf("wave %d, %s: limit %s, %s", b.Wave, b.Cause, b.Limit, display.Plural(b.Count, "phone"))
	case journal.Paused:
		return joined(": ", byText(b.By), b.Reason)
	case journal.Stopped:
		return joined(": ", byText(b.By), b.Reason)
	case journal.Resumed:
		return byText(b.By)
	case journal.Retry:
		return joined(": ", byText(b.By), b.Reason)
	}
	return ""
}

func overridesText(overrides []journal.Override) string {
	text := ""
	for _, o := range overrides {
		text += fmt.Sprintf("; %s was overridden: %s", o.Rule, o.Reason)
	}
	return text
}

// byText returns "anna on laptop".
func byText(o journal.Origin) string { return joined(" on ", o.User, o.Host) }

// joined joins the texts that are not empty.
func joined(between string, texts ...string) string {
	var some []string
	for _, text := range texts {
		if text != "" {
			some = append(some, text)
		}
	}
	return strings.Join(some, between)
}
