package runview

import (
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/verdict"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
)

// A PhoneEvent is a JSON line about one phone.
type PhoneEvent struct {
	Schema      int               `json:"schema"`
	Event       string            `json:"event"`
	Phone       string            `json:"phone,omitempty"` // as it was named; absent if it is not in the plan
	Note        string            `json:"note,omitempty"`  // of the list
	Time        string            `json:"time"`
	Attempt     int               `json:"attempt,omitempty"`
	LimitMillis int64             `json:"limit_ms,omitempty"` // how long the next step may take
	Device      *DeviceDoc        `json:"device,omitempty"`
	Known       *verdict.PhoneDoc `json:"known,omitempty"`
	Before      *DeviceDoc        `json:"before,omitempty"` // what it reported first
	*hwcheck.Verdict
	*images.UsedDoc
	Fetch      *fetchDoc      `json:"fetch,omitempty"`
	Upload     *uploadDoc     `json:"upload,omitempty"`
	Text       string         `json:"text,omitempty"`
	Outcome    string         `json:"outcome,omitempty"`
	Later      bool           `json:"seen_later,omitempty"` // an earlier run instructed it, and this one only queried it
	Instructed *bool          `json:"told,omitempty"`
	Error      *exit.ErrorDoc `json:"error,omitempty"`
	Why        string         `json:"why,omitempty"`
}

// A DeviceDoc is what a phone reports about itself.
type DeviceDoc struct {
	Type         string `json:"device_type"`
	SoftwareType string `json:"software_type"`
	Version      string `json:"software_version"`
	PartNumber   string `json:"part_number"`
	MAC          string `json:"mac"`
}

// NewDeviceDoc returns nil for a phone that reported nothing.
func NewDeviceDoc(d fleet.Device) *DeviceDoc {
	if d == (fleet.Device{}) {
		return nil
	}
	return &DeviceDoc{d.Type, d.SoftwareType, d.Version, d.PartNumber, d.MAC}
}

// A fetchDoc is how much of the image a phone has fetched.
type fetchDoc struct {
	Requests int   `json:"requests"`
	Sent     int64 `json:"sent"`
	Size     int64 `json:"size"`
	Complete bool  `json:"complete"`
	Cut      bool  `json:"cut"`
}

func newFetchDoc(f serve.Fetch) *fetchDoc {
	if f == (serve.Fetch{}) {
		return nil
	}
	return &fetchDoc{f.Requests, f.Sent, f.Size, f.Complete, f.Cut}
}

// newPhoneEvent returns an event of a phone as JSON; failed is its failure or nil.
func newPhoneEvent(t fleet.Target, e fleet.Event, failed *exit.Error) PhoneEvent {
	doc := PhoneEvent{
		Schema: 1, Event: string(e.Step), Phone: t.Address, Note: t.Note, Time: e.At.UTC().Format(time.RFC3339Nano),
		Attempt: e.Attempt, LimitMillis: e.Limit.Milliseconds(), Device: NewDeviceDoc(e.Device),
		Verdict: e.Verdict, Fetch: newFetchDoc(e.Fetch),
		Upload: newUploadDoc(e.Upload), Text: e.Text, Outcome: string(e.Outcome), Later: e.Later,
	}
	if e.Verdict != nil {
		known := verdict.NewPhoneDoc(t.Address, e.Known)
		doc.Known = &known
	}
	if e.Err != nil {
		doc.Why = e.Err.Error()
	}
	if failed != nil {
		doc.Error, doc.Instructed = exit.NewErrorDoc(failed), new(e.Failure.Instructed)
	}
	return doc
}
