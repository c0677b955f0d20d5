package history

import (
	"bytes"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/record"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/journal/sqlite"
)

// now is when history is asked, in a zone of its own.
var now = time.Date(2026, 11, 2, 9, 0, 0, 0, time.FixedZone("here", 3600))

// A stream is what the journal of a test says of one phone.
type stream struct {
	rollout, phone string
	ago            time.Duration
	bodies         []journal.Body
}

func device(version string) journal.Reported {
	return journal.Reported{Device: journal.Device{Type: "CP600", SoftwareType: "Unify SIP", Version: version, MAC: "00:1A:E8:12:34:56"}}
}

// write writes a journal into a new folder.
func write(t *testing.T, streams ...stream) *record.Store {
	t.Helper()
	store := &record.Store{Folder: t.TempDir()}
	path, err := store.Path()
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer ledger.Close()
	for _, s := range streams {
		after := journal.Seq(0)
		for _, body := range s.bodies {
			if after, err = ledger.Append(t.Context(), journal.Key{Rollout: s.rollout, Phone: s.phone}, after, journal.Event{At: now.Add(-s.ago), Body: body}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return store
}

// show runs history.
func show(t *testing.T, store *record.Store, o Options, asJSON bool) (string, error) {
	t.Helper()
	var out bytes.Buffer
	con := &console.Console{Out: &out, Err: &out, Width: 80, JSON: asJSON}
	err := Run(t.Context(), con, store, o, now)
	return out.String(), err
}

func site(t *testing.T) *record.Store {
	t.Helper()
	told := journal.Instructing{Run: "1", Attempt: 1, Version: "V1 R5.2.0"}
	image := journal.Image{Name: "cp600.bind", Version: "V1 R5.2.0", SoftwareType: "Unify SIP", SHA256: strings.Repeat("0123456789abcdef", 4)}
	return write(
		t,
		stream{"push-1", "", 26 * time.Hour, []journal.Body{journal.Planned{Images: []journal.Image{image}, By: journal.Origin{User: "ada", Host: "laptop", Tool: "v1"}, Phones: 6, Push: true}}},
		stream{"push-1", "192.0.2.50", 26 * time.Hour, []journal.Body{
			journal.Listed{Address: "192.0.2.50:8085", Note: "reception"},
			journal.Begun{},
			device("V1 R4.9.0"),
			journal.Checked{Verdict: "compatible", Overrides: []journal.Override{{Rule: "signature", Reason: "the vendor's own file"}}},
			told,
			journal.Instructed{},
			journal.Fetched{},
			journal.Restarting{},
			journal.Back{},
			device("V1 R5.2.0"),
			journal.Outcome{Result: journal.Updated, Version: "V1 R5.2.0", Instructed: true},
		}},
		stream{"push-1", "192.0.2.9", 26 * time.Hour, []journal.Body{
			journal.Listed{Address: "192.0.2.9:8085", Note: "room 12, behind the very long corridor on the left"},
			journal.Begun{},
			journal.Outcome{Result: journal.Failed, Failure: "unreachable", Text: "it cannot be reached: no answer from 192.0.2.9:8085 within 10 min, and the network says nothing"},
		}},
		stream{"push-1", "192.0.2.51", 26 * time.Hour, []journal.Body{journal.Listed{}, journal.Begun{}, device("V1 R4.9.0"), told}},
		stream{"push-1", "192.0.2.52", 26 * time.Hour, []journal.Body{journal.Listed{}}},
		stream{"push-1", "192.0.2.53", 26 * time.Hour, []journal.Body{journal.Listed{}, journal.Begun{}, journal.LetGo{Failure: "interrupted", Text: "interrupted before the update command was sent"}}},
		stream{"push-1", "192.0.2.54", 26 * time.Hour, []journal.Body{journal.Listed{}, journal.Begun{}, device("V1 R4.9.0"), told, journal.LetGo{Failure: "taken", Text: "taken over by push-2"}}},
		stream{"spring", "", time.Hour, []journal.Body{journal.Planned{Images: []journal.Image{{Version: "V1 R6.0.0", PayloadSHA256: "abc"}, {Name: "b.bind"}}, By: journal.Origin{Host: "laptop"}}}},
		stream{"spring", "phone.example:9000", time.Hour, []journal.Body{
			journal.Listed{Address: "phone.example:9000"}, device("V1 R5.2.0"), journal.Outcome{Result: journal.NothingToDo, Version: "V1 R5.2.0"},
		}},
		stream{"spring", "192.0.2.60", time.Hour, []journal.Body{
			journal.Listed{},
			journal.TookOver{Rollout: "push-1", Told: now.Add(-2 * time.Hour), Version: "V1 R6.0.0", Before: journal.Device{Version: "V1 R5.2.0"}},
			device("V1 R6.0.0"),
			journal.Outcome{Result: journal.Updated, Version: "V1 R6.0.0", Text: "instructed by an earlier run"},
		}},
	)
}

// TestText compares the whole answer at 80 columns.
func TestText(t *testing.T) {
	out, err := show(t, site(t), Options{}, false)
	want := `2026-11-02 08:00:00  rollout spring; V1 R6.0.0; b.bind
  by laptop, payload sha256 abc
  nothing-to-do  phone.example:9000  V1 R5.2.0
  updated        192.0.2.60          V1 R5.2.0 -> V1 R6.0.0
      instructed by an earlier run

2026-11-01 07:00:00  cp600.bind, Unify SIP V1 R5.2.0
  by ada on laptop, sha256 0123456789ab...
  updated      192.0.2.50 (reception)            V1 R4.9.0 -> V1 R5.2.0
      overridden: signature (the vendor's own file)
  unreachable  192.0.2.9 (room 12, behind the very long corridor on the left)
      it cannot be reached: no answer from 192.0.2.9:8085 within 10 min, and the
      network says nothing
  not known    192.0.2.51                        V1 R4.9.0
      it was instructed at 2026-11-01 07:00:00, and how that ended is not
      recorded here: the run was cut off, or still goes on
  not begun    192.0.2.52
  interrupted  192.0.2.53
      interrupted before the update command was sent
  not known    192.0.2.54                        V1 R4.9.0
      it was instructed at 2026-11-01 07:00:00, and how that ended is not
      recorded here: taken over by push-2
`
	if err != nil || out != want {
		t.Errorf("%v\n%s", err, out)
	}
	for line := range strings.Lines(out) {
		if len(line) > 81 {
			t.Errorf("%d columns: %s", len(line)-1, line)
		}
	}
}

// TestPhone names one phone in every notation.
func TestPhone(t *testing.T) {
	store := site(t)
	for name, want := range map[string]string{
		"192.0.2.50": "push-1", "192.0.2.50:8085": "push-1", " 192.0.2.50": "push-1", "PHONE.example:9000": "spring", "phone.example": "", "192.0.2.50:1": "",
		"00:1a:e8:12:34:56": "spring push-1", "001AE8123456": "spring push-1", "001a.e812.3456": "spring push-1", "192.0.2.99": "", "=x": "", "\x1b[31m": "",
	} {
		out, err := show(t, store, Options{Phone: name}, true)
		var doc historyDoc
		if err != nil || json.Unmarshal([]byte(out), &doc) != nil {
			t.Fatalf("%q: %v in %s", name, err, out)
		}
		var names []string
		for _, r := range doc.Runs {
			names = append(names, r.Name)
			if want := map[string]int{"spring push-1": len(r.Phones)}[want]; want == 0 && len(r.Phones) != 1 {
				t.Errorf("%q: %d phones", name, len(r.Phones))
			}
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
		if text, err := show(t, store, Options{Phone: name}, false); err != nil || want == "" && !strings.HasPrefix(text, "nothing is recorded of ") || strings.Contains(text, "\x1b") {
			t.Errorf("%q: %v: %q", name, err, text)
		}
	}
}

// TestSince reads each form of --since.
func TestSince(t *testing.T) {
	store := site(t)
	for since, want := range map[string]int{
		"": 2, "30m": 0, "2h": 1, "25h": 1, "27h": 2, "1d": 1, "2d": 2, "0d": 0, "2026-11-02": 1, "2026-11-01": 2, "2026-11-03": 0, "1970-01-01": 2,
		"-1h": -1, "x": -1, "d": -1, "-1d": -1, "1.5d": -1, "99999d": -1, "2026-13-01": -1, "2026-11-01T00:00:00Z": -1, " 1h": -1, "\x1b[31m": -1,
	} {
		out, err := show(t, store, Options{Since: since}, true)
		if want < 0 {
			own := (*exit.Error)(nil)
			if !errors.As(err, &own) || own.Code != exit.CodeUsage || strings.Contains(err.Error(), "\x1b") {
				t.Errorf("%q: %v", since, err)
			}
			continue
		}
		if got := strings.Count(out, `"name": "push-1"`) + strings.Count(out, `"name": "spring"`); err != nil || got != want {
			t.Errorf("%q: %v, got %d runs, want %d", since, err, got, want)
		}
	}
}

// TestHostile shows what a hostile phone, list or person had recorded: no control character, no formula for a spreadsheet.
func TestHostile(t *testing.T) {
	evil := "=cmd|' /C calc'!A0\x1b[31m\n\u202e,\"" + strings.Repeat("x", 2000)
	store := write(
		t,
		stream{"push-1", "", time.Hour, []journal.Body{journal.Planned{Images: []journal.Image{{Name: evil, Version: evil, SoftwareType: evil, SHA256: evil}}, By: journal.Origin{User: evil, Host: evil}, Push: true}}},
		stream{"push-1", "192.0.2.50", time.Hour, []journal.Body{
			journal.Listed{Note: evil, MAC: "+1"},
			journal.Reported{Device: journal.Device{Version: evil, MAC: evil}},
			journal.Checked{Overrides: []journal.Override{{Rule: evil, Reason: evil}}},
			journal.Outcome{Result: journal.Failed, Failure: "@x", Text: "-1\tx"},
		}},
		stream{"push-1", "192.0.2.51", time.Hour, []journal.Body{journal.Unknown{Name: "later", Data: json.RawMessage(`{"x":1}`)}}},
	)
	for _, o := range []Options{{}, {CSV: true}} {
		out, err := show(t, store, o, false)
		if err != nil || strings.ContainsAny(out, "\x1b\u202e") {
			t.Errorf("%v: %q", err, out)
		}
		if !o.CSV {
			continue
		}
		rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
		if err != nil || len(rows) != 3 {
			t.Fatalf("%v: %d rows", err, len(rows))
		}
		for _, row := range rows {
			for _, cell := range row {
				if cell != "" && strings.Contains("=+-@\t\r", cell[:1]) {
					t.Errorf("a formula: %.40q", cell)
				}
			}
		}
	}
	if out, err := show(t, store, Options{}, true); err != nil || !json.Valid([]byte(out)) || strings.Contains(out, "\x1b") {
		t.Errorf("%v: %q", err, out)
	}
}

// TestProblems reads what is no journal: the file stays as it is, and the error has a hint.
func TestProblems(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "x.csv")
	if err := os.WriteFile(file, []byte("address\n192.0.2.1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, store := range map[string]*record.Store{
		"no such file": {Flag: filepath.Join(folder, "missing")},
		"foreign":      {Flag: file},
		"a folder":     {Variable: folder},
		"no place":     {FolderErr: errors.New("$HOME is not set")},
	} {
		out, err := show(t, store, Options{}, false)
		own := (*exit.Error)(nil)
		if !errors.As(err, &own) || own.Code != exit.CodeSettings || len(own.Hints) == 0 || out != "" {
			t.Errorf("%s: %v, %q", name, err, out)
		}
	}
	if content, err := os.ReadFile(file); err != nil || string(content) != "address\n192.0.2.1\n" {
		t.Errorf("%v: %q", err, content)
	}
	if _, err := show(t, &record.Store{Folder: folder}, Options{CSV: true}, true); err == nil {
		t.Error("--csv and --json go together")
	}
	for _, o := range []Options{{}, {CSV: true}} {
		if out, err := show(t, &record.Store{Folder: folder}, o, false); err != nil || out == "" {
			t.Errorf("%v: %q", err, out)
		}
	}
	if _, err := os.Stat(filepath.Join(folder, record.FileName)); err == nil {
		t.Error("looking made a journal")
	}
}

// TestDamaged shows all but the run whose events cannot be read, be it the first one, in every form, and fails.
func TestDamaged(t *testing.T) {
	for phone, name := range map[string]string{"192.0.2.60": "rollout spring", "": "run spring"} {
		t.Run(phone, func(t *testing.T) { damaged(t, phone, name) })
	}
}

// damaged damages a stream of a rollout.
func damaged(t *testing.T, phone, name string) {
	t.Helper()
	store := site(t)
	path, err := store.Path()
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), "UPDATE events SET data = '}' WHERE stream = (SELECT id FROM streams WHERE rollout = 'spring' AND phone = ?)", phone)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		o    Options
		json bool
		want []string
	}{
		{Options{}, false, []string{name, "\n  its events cannot be read\n", "updated      192.0.2.50"}},
		{Options{}, true, []string{`"name": "spring"`, `"phones": []`, `"damaged": true`, `"phone": "192.0.2.50"`}},
		{Options{CSV: true}, false, []string{",192.0.2.50,"}},
		{Options{Phone: "192.0.2.50"}, false, []string{"updated  192.0.2.50"}},
		{Options{Phone: "192.0.2.60"}, false, []string{"its events cannot be read"}},
	} {
		out, err := show(t, store, row.o, row.json)
		other := row.o.Phone == "192.0.2.50"
		if own := (*exit.Error)(nil); errors.Is(err, journal.ErrDamaged) == other || errors.As(err, &own) == other {
			t.Errorf("%+v: %v", row.o, err)
		}
		for _, want := range row.want {
			if !strings.Contains(out, want) {
				t.Errorf("%+v: %q is missing in\n%s", row.o, want, out)
			}
		}
		if strings.Contains(out, "192.0.2.60") || strings.Contains(out, "phone.example") {
			t.Errorf("%+v: of the damaged run, phones are shown\n%s", row.o, out)
		}
	}
}
