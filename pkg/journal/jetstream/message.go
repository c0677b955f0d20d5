package jetstream

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"github.com/cpupdate/cpupdate/pkg/journal"
)

// places is how many places of the journal one message has room for: more than journal.MaxEvents.
const places = 1 << 10

// fenceOfAnother is a header by which a message may name another subject for its fence. No message of a journal has it.
const fenceOfAnother = "Nats-Expected-Last-Subject-Sequence-Subject"

// message is a message of the stream.
type message struct {
	seq     uint64
	subject string
	header  nats.Header
	data    []byte
	at      time.Time // when the server got it
}

// wire is an event in a message: the form of [journal.Event] as JSON.
type wire struct {
	At   time.Time       `json:"at"`
	Kind journal.Kind    `json:"kind"`
	Data json.RawMessage `json:"data"`
}

// encode returns events as the content of a message.
func encode(events []journal.Stored) ([]byte, error) {
	wires := make([]wire, len(events))
	for i, event := range events {
		wires[i] = wire{time.UnixMilli(event.At).UTC(), event.Kind, event.Data}
	}
	var content bytes.Buffer
	encoder := json.NewEncoder(&content)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(wires)
	return bytes.TrimSuffix(content.Bytes(), []byte("\n")), err
}

// decode returns the events of a message.
func (m message) decode() ([]journal.Event, error) {
	var wires []wire
	if err := json.Unmarshal(m.data, &wires); err != nil {
		return nil, err
	}
	if len(wires) == 0 || len(wires) > journal.MaxEvents {
		return nil, fmt.Errorf("it has %d events", len(wires))
	}
	events := make([]journal.Event, len(wires))
	for i, one := range wires {
		if year := one.At.UTC().Year(); year < 1970 || year > 9999 {
			return nil, errors.New("its time is not between the years 1970 and 9999")
		}
		event, err := journal.Stored{At: one.At.UnixMilli(), Kind: one.Kind, Data: one.Data}.Event(placeOf(m.seq, len(wires)-1-i))
		if err != nil {
			return nil, err
		}
		events[i] = event
	}
	return events, nil
}

// placeOf returns the place of an event in the journal: after is how many events of its message follow.
func placeOf(seq uint64, after int) journal.Seq {
	return journal.Seq(seq*places - uint64(after)) //nolint:gosec // not negative
}

// lastMessage returns the message whose last event has a place.
func lastMessage(after journal.Seq) (seq uint64, ok bool) {
	return uint64(after) / places, after%places == 0
}

// firstMessage returns the first message that has events after a place.
func firstMessage(after journal.Seq) uint64 {
	return uint64(after)/places + 1
}

// fence returns the message that the writer of a message knew as the last one of its subject.
func (m message) fence() (uint64, error) {
	if m.header.Get(fenceOfAnother) != "" {
		return 0, errors.New("its fence is that of another subject")
	}
	return strconv.ParseUint(m.header.Get(js.ExpectedLastSubjSeqHeader), 10, 64)
}

// A chain checks that no message of a subject is missing.
type chain struct {
	last map[string]uint64
	from uint64 // messages before it were not read; at least 1
}

// check fails if a message does not follow the one before it.
func (c chain) check(m message) error {
	fence, err := m.fence()
	if err != nil {
		return fmt.Errorf("it was not written by cpupdate: %w", err)
	}
	last, seen := c.last[m.subject]
	if fence != last && (seen || fence >= c.from) {
		return fmt.Errorf("the message before it is number %d, and it follows number %d", last, fence)
	}
	c.last[m.subject] = m.seq
	return nil
}
