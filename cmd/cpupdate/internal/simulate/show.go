package simulate

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// A simShow prints what happens to simulated phones: a line for each event.
type simShow struct {
	con  *console.Console
	stop func(error)

	mu        sync.Mutex
	addresses []string   // as the list has them
	early     []simEvent // events before the phones were printed
	begun     bool
	ended     bool
}

// A simEvent is an event of the phone that is i phones after the first.
type simEvent struct {
	i int
	e phonesim.Event
}

func newSimShow(con *console.Console, count int, stop func(error)) *simShow {
	return &simShow{con: con, stop: stop, addresses: make([]string, count)}
}

// event prints an event. The first phones may have events before the last one has started.
func (s *simShow) event(i int, e phonesim.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
	case !s.begun:
		s.early = append(s.early, simEvent{i, e})
	default:
		s.show(simEvent{i, e})
	}
}

// begin prints the phones, the name of their list, and the events so far.
func (s *simShow) begin(plan []simulated, phones []*phonesim.Phone, list string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, phone := range phones {
		s.addresses[i] = phone.Address()
	}
	for i := range plan {
		doc := newStartedDoc(i, plan[i].config, phones[i].State())
		if note := plan[i].listed.Note; !settings.IsSimulated(note) {
			doc.Note = note
		}
		s.write(doc, doc.text())
	}
	ready := readyDoc{1, "ready", list, len(phones)}
	s.write(ready, ready.text())
	s.begun = true
	for _, early := range s.early {
		s.show(early)
	}
	s.early = nil
}

func (s *simShow) show(e simEvent) {
	doc := newSimEventDoc(e, s.addresses[e.i])
	s.write(doc, doc.text(e.e))
}

// end prints what happened to the phones. Events caused by closing them are not printed.
func (s *simShow) end(phones []*phonesim.Phone) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	var err error
	for i, phone := range phones {
		doc := newStateDoc(i, phone.State())
		if err == nil {
			err = s.put(doc, doc.text())
		}
	}
	return err
}

// write writes a line at once. If that fails, the phones end.
func (s *simShow) write(doc any, text string) {
	if err := s.put(doc, text); err != nil {
		s.ended = true
		s.stop(err)
	}
}

func (s *simShow) put(doc any, text string) error {
	return s.con.Emit(doc, func(w io.Writer) { fmt.Fprintln(w, text) })
}

// startedDoc is the JSON line for a phone that has started for the first time.
type startedDoc struct {
	Schema       int      `json:"schema"`
	Event        string   `json:"event"` // "started"
	Phone        int      `json:"phone"` // from 1
	Address      string   `json:"address"`
	MAC          string   `json:"mac"`
	Device       string   `json:"device_type"`
	PartNumber   string   `json:"part_number"`
	Level        *uint16  `json:"hw_level"`
	Minimum      *string  `json:"minimum_version"`
	SoftwareType string   `json:"software_type"`
	Version      string   `json:"software_version"`
	Override     bool     `json:"override"`
	Faults       []string `json:"faults"`
	Web          string   `json:"web"`            // HOST:PORT of the web page, "" if there is none
	Note         string   `json:"note,omitempty"` // of the list
}

func newStartedDoc(i int, c phonesim.Config, state phonesim.State) startedDoc {
	doc := startedDoc{
		Schema: 1, Event: string(phonesim.Started), Phone: i + 1, Address: state.Address, Web: state.WebAddress, MAC: c.MAC, Device: c.DeviceType,
		PartNumber: c.PartNumber, SoftwareType: c.SoftwareType, Version: c.Version.String(), Override: c.Override, Faults: []string{},
	}
	if c.Level != 0 {
		doc.Level = &c.Level
	}
	if !c.Minimum.IsZero() {
		doc.Minimum = new(c.Minimum.String())
	}
	for _, fault := range c.Faults {
		doc.Faults = append(doc.Faults, string(fault))
	}
	return doc
}

func (d startedDoc) text() string {
	parts := []string{d.Device + " " + d.MAC, d.SoftwareType + " " + d.Version, "hardware level unknown to the phone"}
	if d.Level != nil {
		parts[2] = fmt.Sprintf("hardware level %d", *d.Level)
	}
	if d.PartNumber != "" {
		parts = append(parts, "part number "+d.PartNumber)
	}
	if d.Minimum != nil {
		parts = append(parts, "needs "+*d.Minimum)
	}
	if d.Override {
		parts = append(parts, "override")
	}
	if d.Web != "" {
		parts = append(parts, "web page https://"+d.Web+"/")
	}
	if d.Note != "" {
		parts = append(parts, d.Note)
	}
	if len(d.Faults) > 0 {
		parts = append(parts, "faults "+strings.Join(d.Faults, " "))
	}
	return fmt.Sprintf("%-3d %s  %s", d.Phone, console.Escape(d.Address), console.Escape(strings.Join(parts, ", ")))
}

// readyDoc is the JSON line that says that all phones listen, and where their list is.
type readyDoc struct {
	Schema int    `json:"schema"`
	Event  string `json:"event"` // "ready"
	List   string `json:"list"`
	Phones int    `json:"phones"`
}

func (d readyDoc) text() string {
	return fmt.Sprintf("phone list %s; press Ctrl-C to end", console.Escape(d.List))
}

// simEventDoc is the JSON line for an event of a phone.
type simEventDoc struct {
	Schema  int    `json:"schema"`
	Event   string `json:"event"`
	Phone   int    `json:"phone"`
	Address string `json:"address"` // as the list has it
	Time    string `json:"time"`
	Detail  string `json:"detail,omitempty"`
	Bytes   int64  `json:"bytes,omitempty"`
	Version string `json:"software_version"`
}

func newSimEventDoc(s simEvent, address string) simEventDoc {
	return simEventDoc{
		Schema: 1, Event: strings.ReplaceAll(string(s.e.Kind), " ", "-"), Phone: s.i + 1, Address: address,
		Time: s.e.Time.UTC().Format(time.RFC3339Nano), Detail: s.e.Detail, Bytes: s.e.Bytes, Version: shownVersion(s.e.Version),
	}
}

func (d simEventDoc) text(e phonesim.Event) string {
	what := string(e.Kind)
	switch e.Kind {
	case phonesim.Started, phonesim.Installing:
		what += " " + d.Version
	case phonesim.Fetched, phonesim.FetchEnded, phonesim.Uploaded, phonesim.Cancelled:
		what += " " + display.Bytes(e.Bytes)
	}
	if e.Detail != "" {
		what += ": " + e.Detail
	}
	return fmt.Sprintf("%s  %-3d %s  %s", console.Clock(e.Time), d.Phone, console.Escape(d.Address), console.Escape(what))
}

// stateDoc is the JSON line for the final state of a phone.
type stateDoc struct {
	Schema       int    `json:"schema"`
	Event        string `json:"event"` // "state"
	Phone        int    `json:"phone"`
	Address      string `json:"address"` // where it listens now
	MAC          string `json:"mac"`
	SoftwareType string `json:"software_type"`
	Version      string `json:"software_version"`
	Status       string `json:"status"`
	Contacts     int    `json:"contacts"`
	Calls        int    `json:"calls"`
	Instructed   int    `json:"told"`
	Fetches      int    `json:"fetches"`
	Bytes        int64  `json:"bytes"`
	Restarts     int    `json:"restarts"`
	Refusal      string `json:"refusal"`
	Web          string `json:"web"` // where its web page is now
	Logins       int    `json:"logins"`
	Uploads      int    `json:"uploads"`
	UploadBytes  int64  `json:"upload_bytes"`
}

func newStateDoc(i int, s phonesim.State) stateDoc {
	return stateDoc{
		1, "state", i + 1, s.Address, s.MAC, s.SoftwareType, s.Version.String(), strings.ReplaceAll(string(s.Status), " ", "-"),
		s.Contacts, s.Calls, s.Instructed, s.Fetches, s.Bytes, s.Restarts, s.Refusal, s.WebAddress, s.Logins, s.Uploads, s.UploadBytes,
	}
}

func (d stateDoc) text() string {
	text := fmt.Sprintf("%-3d %s  runs %s %s, %s; update command received %s, fetched %s (%s), %s", d.Phone, console.Escape(d.Address), console.Escape(d.SoftwareType),
		console.Escape(d.Version), strings.ReplaceAll(d.Status, "-", " "), display.Plural(d.Instructed, "time"), display.Plural(d.Fetches, "file"), display.Bytes(d.Bytes), display.Plural(d.Restarts, "restart"))
	if d.Uploads > 0 || d.UploadBytes > 0 {
		text += fmt.Sprintf("; uploaded %s (%s)", display.Plural(d.Uploads, "file"), display.Bytes(d.UploadBytes))
	}
	if d.Refusal != "" {
		text += "; last image rejected: " + console.Escape(d.Refusal)
	}
	return text
}
