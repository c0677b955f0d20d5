package journal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/pkg/journal"
)

// stable is each body as it is stored. A line is never changed: stored events have these names for good. Fields may be added.
const stable = `
planned {"images":[{"name":"cp600.img","version":"V1 R4.9.0","software_type":"Unify SIP","sha256":"00ff","size":41943040}],"route":{"way":"server","server":"ftp://files.example/phones","profile":"berlin","listen":"192.0.2.9:8085"},"by":{"user":"anna","host":"laptop","tool":"1.4.0"},"overrides":[{"rule":"downgrade","reason":"ticket 17"}],"phones":412,"push":true}
run-begun {"run":"r1","by":{"user":"anna","host":"laptop","tool":"1.4.0"},"route":{"way":"server","server":"ftp://files.example/phones","profile":"berlin","listen":"192.0.2.9:8085"},"site":"berlin"}
flags-kept {"by":{"user":"anna","host":"laptop","tool":"1.4.0"},"flags":["--profile=berlin","--password-command"]}
wave-opened {"wave":1,"name":"canary","phones":4}
paused {"by":{"user":"anna","host":"laptop","tool":"1.4.0"},"reason":"lunch"}
resumed {"by":{"user":"anna","host":"laptop","tool":"1.4.0"}}
stopped {"by":{"user":"anna","host":"laptop","tool":"1.4.0"},"reason":"wrong image"}
limit-reached {"wave":2,"cause":"rejected","limit":"10%","count":4}
site-counted {"site":"berlin","wave":2,"run":"r1","left":3,"ended":{"rejected":1,"unverified":2}}
note {"text":"reception"}
listed {"address":"192.0.2.7","mac":"00:1A:E8:12:34:56","note":"by the door","room":"4.07","site":"berlin","wave":1,"sha256":"00ff"}
begun {"run":"r1","attempt":1}
took-over {"rollout":"push-1","told":"2023-11-14T22:13:20Z","version":"V1 R4.9.0","before":{"version":"V1 R3.1.0"}}
reported {"device":{"type":"OpenScape Desk Phone CP600","software_type":"Unify SIP","version":"V1 R3.1.0","mac":"00:1A:E8:12:34:56","part_number":"S30817-S7720"}}
checked {"verdict":"fits","overrides":[{"rule":"downgrade","reason":"ticket 17"}]}
instructing {"run":"r1","attempt":1,"version":"V1 R4.9.0","sha256":"00ff"}
instructed {}
accepted {}
busy {}
fetching {"bytes":1,"size":2}
fetched {"bytes":2}
sending {"run":"r1","attempt":2,"version":"V1 R4.9.0","sha256":"00ff","size":2}
sent {"bytes":2}
restarting {}
back {}
let-go {"run":"r1","failure":"interrupted","text":"the run was stopped"}
outcome {"result":"failed","failure":"rejected","text":"it kept its software","version":"V1 R3.1.0","instructed":true,"keeps":true,"took_ns":60000000000}
retry {"by":{"user":"anna","host":"laptop","tool":"1.4.0"},"reason":"looked at it"}
from-tomorrow {"a":[1,{"b":"c"}]}
`

func TestStableNames(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(stable), "\n")
	for i, body := range journaltest.Bodies() {
		kind, data, err := journal.Encode(body)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(kind) + " " + string(data); got != lines[i] {
			t.Errorf("got  %s\nwant %s", got, lines[i])
		}
		back, err := journal.Decode(kind, data)
		if err != nil || !reflect.DeepEqual(back, body) {
			t.Errorf("%s: decoded as %#v, %v", kind, back, err)
		}
	}
}

// TestNoSecret fails when a type gets a field that is not one of these, so that nobody adds one for a password by accident.
func TestNoSecret(t *testing.T) {
	known := strings.Fields(`Images Route By Overrides Phones Push Name Version SoftwareType SHA256 Size Way Server Profile Listen User Host
		Tool Rule Reason Run Flags Wave Cause Limit Count Address MAC Note Room Site Attempt Type PartNumber Device Verdict Bytes Failure Text
		Result Instructed Keeps Took Data PayloadSHA256 Rollout Told Before Again Left Ended`)
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Slice, reflect.Map:
			walk(typ.Elem())
		case reflect.Struct:
			if typ == reflect.TypeFor[time.Time]() {
				return
			}
			for field := range typ.Fields() {
				if field.Type == reflect.TypeFor[json.RawMessage]() && field.Name == "Plan" {
					continue // what a planner notes has its own test
				}
				if !slices.Contains(known, field.Name) {
					t.Errorf("%s has a field %s: can it hold a secret?", typ, field.Name)
				}
				walk(field.Type)
			}
		}
	}
	for _, body := range journaltest.Bodies() {
		walk(reflect.TypeOf(body))
	}
}

func TestRouteWithoutLogin(t *testing.T) {
	for server, want := range map[string]string{
		"ftp://anna:secret@files.example/phones":      "ftp://files.example/phones",
		"https://files.example/a?token=secret#secret": "https://files.example/a",
		"ftp://anna:sec%ret@files.example/phones":     "ftp://files.example/phones",
		"anna:secret@files.example:21":                "files.example:21",
		"ftp://anna:p@ss@secret@files.example":        "ftp://files.example",
		"files.example:21":                            "files.example:21",
		"192.0.2.1":                                   "192.0.2.1",
		"[2001:db8::1]:21":                            "[2001:db8::1]:21",
		"":                                            "",
		"//anna:secret@files.example":                 "//files.example",
		"ftp://anna:secret@files.example/%zz?secret":  "ftp://files.example/%zz",
		"files.example/path?password=secret":          "files.example/path",
		"\x00anna:secret@files.example":               "files.example",
		"mailto:anna:secret@files.example":            "files.example",
	} {
		for _, body := range []journal.Body{journal.Planned{Route: journal.Route{Server: server}}, journal.RunBegun{Route: journal.Route{Server: server}}} {
			kind, data, err := journal.Encode(body)
			if err != nil {
				t.Fatal(err)
			}
			back, err := journal.Decode(kind, data)
			if err != nil {
				t.Fatal(err)
			}
			var got string
			switch b := back.(type) {
			case journal.Planned:
				got = b.Route.Server
			case journal.RunBegun:
				got = b.Route.Server
			}
			if got != want || strings.Contains(string(data), "secret") {
				t.Errorf("%q became %q, want %q", server, got, want)
			}
		}
	}
}

func TestEventJSON(t *testing.T) {
	event := journal.Event{Seq: 7, At: time.Date(2026, 3, 29, 2, 0, 0, 123_456_789, time.FixedZone("", 3600)), Body: journal.Note{Text: "a"}}
	text, err := json.Marshal(event)
	if want := `{"at":"2026-03-29T01:00:00.123Z","kind":"note","data":{"text":"a"}}`; err != nil || string(text) != want {
		t.Errorf("%s, %v", text, err)
	}
	var back journal.Event
	if err := json.Unmarshal(text, &back); err != nil || back.Body != event.Body || !back.At.Equal(event.At.Truncate(time.Millisecond)) {
		t.Errorf("%v, %v", back, err)
	}
	for _, text := range []string{
		`{}`, `[]`, `{"at":1}`, `{"at":"2026-03-29T01:00:00Z"}`, `{"at":"2026-03-29T01:00:00Z","kind":"note"}`,
		`{"at":"0001-01-01T00:00:00Z","kind":"note","data":{}}`, `{"at":"2026-03-29T01:00:00Z","kind":"note","data":{"text":1}}`,
		`{"at":"2026-03-29T01:00:00Z","kind":"note","data":null}`, `{"at":"2026-03-29T01:00:00Z","kind":"listed","data":[]}`,
		`{"at":"2026-03-29T01:00:00Z","kind":"A B","data":{}}`,
	} {
		var e journal.Event
		if err := json.Unmarshal([]byte(text), &e); err == nil || e.Body != nil {
			t.Errorf("%s is %v", text, e)
		}
	}
	if _, err := json.Marshal(journal.Event{}); err == nil {
		t.Error("an event without a body is encoded")
	}
	if _, err := journal.Decode("note", bytes.Repeat([]byte(" "), journal.MaxBody+1)); !errors.Is(err, journal.ErrInvalid) {
		t.Errorf("a body that is too long: %v", err)
	}
}

func TestName(t *testing.T) {
	for text, want := range map[string]string{
		"001ae8123456": "00:1A:E8:12:34:56", "00-1a-e8-12-34-56": "00:1A:E8:12:34:56", "001a.e812.3456": "00:1A:E8:12:34:56",
		" 192.0.2.7 ": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7", "[2001:DB8::1]": "2001:db8::1", "Phone.Example.": "phone.example",
		"": "", "berlin/192.0.2.7": "berlin/192.0.2.7", "12.34.56.78.90.12": "12:34:56:78:90:12", "fe80::1%eth0": "fe80::1%eth0", strings.Repeat("A", 5000): strings.Repeat("a", journal.MaxText),
	} {
		if got := journal.Name(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestError(t *testing.T) {
	cause := errors.New("cause")
	err := error(&journal.Error{Place: "j.db", Kind: journal.ErrFull, Text: "is full", Err: cause})
	if err.Error() != "journal j.db is full: cause" || !errors.Is(err, journal.ErrFull) || !errors.Is(err, cause) {
		t.Error(err)
	}
	if err := error(&journal.Error{Place: "j.db", Kind: journal.ErrGone, Text: "is gone"}); err.Error() != "journal j.db is gone" || !errors.Is(err, journal.ErrGone) {
		t.Error(err)
	}
}

// FuzzDecode decodes any event. What decodes is encoded so that it decodes to the same, in bounds.
func FuzzDecode(f *testing.F) {
	for _, body := range journaltest.Bodies() {
		kind, data, err := journal.Encode(body)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(kind), data)
	}
	f.Fuzz(func(t *testing.T, kind string, data []byte) {
		body, err := journal.Decode(journal.Kind(kind), data)
		if err != nil {
			if body != nil {
				t.Fatalf("an error with %#v", body)
			}
			return
		}
		again, text, err := journal.Encode(body)
		if errors.Is(err, journal.ErrInvalid) && len(data) > journal.MaxBody/6 {
			return // it is too long once it is written out, such as a text of NUL
		}
		if err != nil || string(again) != kind {
			t.Fatalf("%s, %v", again, err)
		}
		back, err := journal.Decode(again, text)
		if err != nil {
			t.Fatal(err)
		}
		_, second, err := journal.Encode(back)
		if err != nil || !bytes.Equal(second, text) {
			t.Fatalf("%s\nthen %s, %v", text, second, err)
		}
		_ = journal.Names(journal.Key{Rollout: "r", Phone: "p"}, []journal.Event{{Body: body}})
	})
}

// FuzzFold folds any stream of stored events: whole and in two parts, the state is the same, and a phone that was told is never
// begun anew by accident.
func FuzzFold(f *testing.F) {
	var all []byte
	for i := range len(journaltest.Bodies()) {
		all = append(all, byte(i))
	}
	f.Add(all, uint8(3))
	f.Add([]byte{12, 13, 22, 9, 10}, uint8(1))
	f.Fuzz(func(t *testing.T, kinds []byte, at uint8) {
		bodies := journaltest.Bodies()
		var stream []journal.Event
		for i, kind := range kinds[:min(len(kinds), 1000)] {
			stream = append(stream, journal.Event{Seq: journal.Seq(i + 1), At: journaltest.At(int(kind)), Body: bodies[int(kind)%len(bodies)]})
		}
		cut := min(int(at), len(stream))
		s := journal.Fold(stream[:cut])
		for i, event := range stream[cut:] {
			before := s
			s = s.Apply(event)
			checkStep(t, uint64(i), before, s, event) //nolint:gosec // an index
		}
		if want := journal.Fold(stream); !reflect.DeepEqual(s, want) {
			t.Fatalf("got %+v, want %+v", s, want)
		}
	})
}

// TestUnknownIsCompact keeps a body of a newer program without blanks, so that a ledger may store it as a part of a larger JSON
// value and read the same bytes.
func TestUnknownIsCompact(t *testing.T) {
	_, data, err := journal.Encode(journal.Unknown{Name: "new", Data: json.RawMessage("{ \"a\" : [1,\n2], \"b\":\"<&>\" }")})
	if want := `{"a":[1,2],"b":"<&>"}`; err != nil || string(data) != want {
		t.Errorf("%s, %v, want %s", data, err, want)
	}
}

// TestUnknownResult takes a result of a newer program for none: nobody may tell that the phone was updated.
func TestUnknownResult(t *testing.T) {
	t.Parallel()
	body, err := journal.Decode(journal.KindOutcome, []byte(`{"result":"postponed","failure":"later","instructed":true}`))
	o, is := body.(journal.Outcome)
	if err != nil || !is || o.Result != journal.Failed || o.Failure != "unproven" || !strings.Contains(o.Text, "postponed") || !o.Instructed {
		t.Errorf("%+v, %v", body, err)
	}
	if body, err := journal.Decode(journal.KindOutcome, []byte(`{"result":"nothing-to-do"}`)); err != nil || body.(journal.Outcome).Result != journal.NothingToDo {
		t.Errorf("%+v, %v", body, err)
	}
}

// TestStoredTime refuses times that no ledger stores, and that cannot be written as JSON.
func TestStoredTime(t *testing.T) {
	t.Parallel()
	for at, good := range map[int64]bool{-1: false, 0: true, 253402300799999: true, 253402300800000: false, math.MaxInt64: false} {
		if _, err := (journal.Stored{At: at, Kind: journal.KindBusy, Data: []byte("{}")}).Event(1); (err == nil) != good {
			t.Errorf("%d: %v", at, err)
		}
	}
}
