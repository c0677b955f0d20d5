package simulate

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// TestStartedText checks that the line of a started phone holds all that is configured, and nothing else.
func TestStartedText(t *testing.T) {
	bare := phonesim.Config{DeviceType: "OpenStage 40", MAC: "00:1A:E8:00:00:01", SoftwareType: "Siemens SIP", Version: bind.Version{Major: 3}}
	full := bare
	full.Level, full.PartNumber, full.Minimum, full.Override = 3, "S30817-S7402-A101-20", bind.Version{Major: 1}, true
	full.Faults = []phonesim.Fault{"padded", "busy"}
	state := phonesim.State{Address: "127.0.0.1:8085"}
	text := newStartedDoc(0, bare, state).text()
	state.WebAddress = "127.0.0.1:443"
	long := newStartedDoc(1, full, state).text()
	for _, want := range []string{"127.0.0.1:8085", "OpenStage 40 00:1A:E8:00:00:01", "Siemens SIP V3 R0.0.0"} {
		if !strings.Contains(text, want) || !strings.Contains(long, want) {
			t.Errorf("%q is missing in\n%s\n%s", want, text, long)
		}
	}
	for _, want := range []string{" 3", "S30817-S7402-A101-20", "V1 R0.0.0", "override", "https://127.0.0.1:443/", "padded busy"} {
		if strings.Contains(text, want) && want != " 3" || !strings.Contains(long, want) {
			t.Errorf("%q in\n%s\n%s", want, text, long)
		}
	}
	if strings.Count(text, ",") != 2 || !strings.HasPrefix(text, "1 ") || !strings.HasPrefix(long, "2 ") {
		t.Errorf("%s\n%s", text, long)
	}
}

// TestEventText checks the line of an event.
func TestEventText(t *testing.T) {
	for _, test := range []struct {
		event phonesim.Event
		want  []string
	}{
		{phonesim.Event{Kind: phonesim.Started, Version: bind.Version{Major: 1}}, []string{"V1 R0.0.0"}},
		{phonesim.Event{Kind: phonesim.Fetched, Bytes: 3 << 20}, []string{"3.0 MiB"}},
		{phonesim.Event{Kind: phonesim.Refused, Detail: "level\x1b"}, []string{`: level\u{1b}`}},
	} {
		test.event.Time = time.Now()
		s := simEvent{1, test.event}
		doc := newSimEventDoc(s, "127.0.0.1:8085")
		text := doc.text(test.event)
		for _, want := range append(test.want, string(test.event.Kind), "  2   127.0.0.1:8085  ") {
			if !strings.Contains(text, want) {
				t.Errorf("%q is not in %q", want, text)
			}
		}
		if strings.Contains(doc.Event, " ") || doc.Phone != 2 {
			t.Errorf("%+v", doc)
		}
		if _, err := time.Parse(time.RFC3339Nano, doc.Time); err != nil {
			t.Error(err)
		}
	}
}

// TestStateText checks the line of the final state.
func TestStateText(t *testing.T) {
	state := phonesim.State{Address: "127.0.0.1:8085", SoftwareType: "SIP", Version: bind.Version{Major: 1}, Status: "in a call", Instructed: 1, Fetches: 2, Bytes: 1024}
	text := newStateDoc(0, state).text()
	if !strings.Contains(text, "in a call; update command received 1 time, fetched 2 files (1.0 KiB), 0 restarts") {
		t.Error(text)
	}
	state.Uploads, state.UploadBytes, state.Refusal = 1, 2048, "not mine"
	if long := newStateDoc(0, state).text(); !strings.HasPrefix(long, text+"; ") || !strings.Contains(long, "2.0 KiB") || !strings.HasSuffix(long, "not mine") {
		t.Error(long)
	}
	doc, err := json.Marshal(newStateDoc(0, state))
	if err != nil || !strings.Contains(string(doc), `"status":"in-a-call"`) || !strings.Contains(string(doc), `"phone":1`) {
		t.Errorf("%s, %v", doc, err)
	}
}

// TestQuiet checks that nothing is shown with --quiet.
func TestQuiet(t *testing.T) {
	con, out, _ := newConsole()
	con.Quiet = true
	show := newSimShow(con, 1, func(err error) { t.Error(err) })
	show.begin(nil, nil, "sim.csv")
	show.event(0, phonesim.Event{Kind: phonesim.Instructed})
	if err := show.end(nil); err != nil || out.Len() > 0 {
		t.Errorf("%v, %s", err, out)
	}
	show.event(0, phonesim.Event{Kind: phonesim.Instructed}) // comes too late to be shown
}

// TestListFaults checks that every fault is listed, as text and as JSON.
func TestListFaults(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		con, out, _ := newConsole()
		con.JSON = asJSON
		if err := ListFaults(con); err != nil {
			t.Fatal(err)
		}
		for _, f := range phonesim.Faults() {
			if !strings.Contains(out.String(), string(f.Name)) {
				t.Errorf("JSON %v: %s is missing", asJSON, f.Name)
			}
		}
		if json.Valid(out.Bytes()) != asJSON {
			t.Errorf("JSON %v:\n%s", asJSON, out)
		}
	}
}
