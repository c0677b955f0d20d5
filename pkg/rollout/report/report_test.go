package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
	"github.com/cpupdate/cpupdate/pkg/rollout/report"
)

// A form is a way to write a report.
type form struct {
	name  string
	write func(*report.Report, io.Writer) error
}

func forms() []form {
	return []form{
		{"txt", func(r *report.Report, w io.Writer) error { return r.WriteText(w, line80) }},
		{"json", writeJSON},
		{"csv", (*report.Report).WriteCSV},
		{"phones.csv", (*report.Report).WritePhoneList},
		{"xml", (*report.Report).WriteJUnit},
		{"html", (*report.Report).WriteHTML},
	}
}

// writeJSON writes a report as the command does, which also escapes what JSON allows and nobody sees.
func writeJSON(r *report.Report, w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(r)
}

// line80 lays out a line at 80 columns, as the console of the command does.
func line80(indent int, widths []int, cells ...string) string {
	text := strings.Repeat(" ", indent)
	for i, cell := range cells[:len(cells)-1] {
		width := 0
		if i < len(widths) {
			width = widths[i]
		}
		text += cell + strings.Repeat(" ", max(width-utf8.RuneCountInString(cell), 0)+2)
	}
	column := utf8.RuneCountInString(text)
	if column > 40 {
		column = 40
	}
	at := utf8.RuneCountInString(text)
	for i, word := range strings.Fields(cells[len(cells)-1]) {
		if n := utf8.RuneCountInString(word); i > 0 && at+1+n > 80 {
			text += "\n" + strings.Repeat(" ", column)
			at = column
		} else if i > 0 {
			text += " "
			at++
		}
		text += word
		at += utf8.RuneCountInString(word)
	}
	return text
}

func written(t testing.TB, r *report.Report, f form) string {
	t.Helper()
	var out bytes.Buffer
	noError(t, f.write(r, &out))
	return out.String()
}

// TestGolden compares every form of small rollouts with the files in testdata. UPDATE_GOLDEN=1 writes them anew.
func TestGolden(t *testing.T) {
	for name, r := range map[string]*report.Report{"none": none(t), "one": one(t).report(options()), "twelve": twelve(t).report(options())} {
		for _, f := range forms() {
			path := filepath.Join("testdata", name+"."+f.name)
			got := written(t, r, f)
			if os.Getenv("UPDATE_GOLDEN") != "" {
				noError(t, os.WriteFile(path, []byte(got), 0o644))
				continue
			}
			want, err := os.ReadFile(path)
			noError(t, err)
			if got != strings.ReplaceAll(string(want), "\r\n", "\n") {
				t.Errorf("%s is not what is written now: UPDATE_GOLDEN=1 writes it anew", path)
			}
		}
	}
}

// TestErrors makes every write fail in turn: the form must return the error.
func TestErrors(t *testing.T) {
	r := twelve(t).report(options())
	for _, f := range forms() {
		for _, room := range []int{0, 100, 1500} {
			if err := f.write(r, &fullWriter{room}); !errors.Is(err, errFull) && len(written(t, r, f)) > room {
				t.Errorf("%s with %d bytes of room: %v", f.name, room, err)
			}
		}
	}
	saved := &rollout.Saved{Name: "x"}
	broken := func(yield func(journal.Record, error) bool) { yield(journal.Record{}, errFull) }
	if _, err := report.New(saved, broken, options()); !errors.Is(err, errFull) {
		t.Errorf("a journal that cannot be read: %v", err)
	}
}

var errFull = errors.New("no room")

type fullWriter struct{ room int }

func (w *fullWriter) Write(p []byte) (int, error) {
	if w.room -= len(p); w.room < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestStates(t *testing.T) {
	by := journal.Origin{User: "anna"}
	for _, test := range []struct {
		want   report.State
		bodies []journal.Body // of the rollout
		phone  []journal.Body
	}{
		{report.Unbegun, nil, nil},
		{report.Unbegun, []journal.Body{journal.RunBegun{Run: "r1"}}, nil},
		{report.Unfinished, nil, installs(oldVersion, newVersion)[:1]},
		{report.Unfinished, nil, installs(oldVersion, newVersion)[:5]},
		{report.Complete, nil, installs(oldVersion, newVersion)},
		{report.Complete, []journal.Body{journal.Stopped{By: by}}, installs(oldVersion, newVersion)},
		{report.Stopped, []journal.Body{journal.Stopped{By: by}}, installs(oldVersion, newVersion)[:5]},
		{report.Paused, []journal.Body{journal.Paused{By: by}}, nil},
		{report.Unfinished, []journal.Body{journal.Paused{By: by}, journal.Resumed{By: by}}, installs(oldVersion, newVersion)[:5]},
		{report.Limited, []journal.Body{journal.LimitReached{Wave: 1, Cause: "rejected", Limit: "1", Count: 1}}, installs(oldVersion, newVersion)[:5]},
		{report.Unfinished, []journal.Body{journal.LimitReached{Wave: 1}, journal.Resumed{By: by}}, installs(oldVersion, newVersion)[:5]},
	} {
		s := newSample(t, "state")
		s.phone(0, rollout.Phone{Address: address(1)})
		s.save()
		if test.bodies != nil {
			s.happens("", 0, test.bodies...)
		}
		if test.phone != nil {
			s.happens(address(1), 0, test.phone...)
		}
		if got := s.report(options()); got.State != test.want {
			t.Errorf("%v, %d events of the phone: %s, want %s", test.bodies, len(test.phone), got.State, test.want)
		}
	}
}

func TestTwelve(t *testing.T) {
	r := twelve(t).report(options())
	if want := (report.Counts{Phones: 12, Updated: 4, NothingToDo: 1, Failed: 3, NotKnown: 1, NotDone: 1, NotBegun: 1, LeftAlone: 1}); r.Counts != want {
		t.Errorf("%+v, want %+v", r.Counts, want)
	}
	two := r.Phones[7]
	if two.Outcome != report.Updated || two.Before != oldVersion || two.After != newVersion || two.Installed != 2 || len(two.Images) != 2 || two.Took.Minutes() != 8 {
		t.Errorf("two images: %+v", two)
	}
	if again := r.Phones[6]; again.Outcome != report.Updated || again.Retries != 1 {
		t.Errorf("a retry: %+v", again)
	}
	if back := r.Phones[5]; !strings.Contains(back.Next, "cpupdate phone 192.0.2.6") {
		t.Errorf("the next step: %q", back.Next)
	}
	if o := r.Overrides; len(o) != 1 || o[0].Reason != "tested in the laboratory" || o[0].Phones != 1 || fmt.Sprint(o[0].Rules) != "[hardware-level]" {
		t.Errorf("overrides: %+v", o)
	}
	if r.Slowest[0] != address(6) {
		t.Errorf("slowest: %v", r.Slowest)
	}
}

// TestHeld has phones that a run took up, and that the rollout did not let begin: they are not begun, and need nobody.
func TestHeld(t *testing.T) {
	held := []journal.Body{journal.Begun{Run: "r1", Attempt: 1}, journal.LetGo{Run: "r1", Failure: "not-begun", Text: "it was left alone: the rollout begins no phone now"}}
	s := newSample(t, "held")
	s.phone(0, rollout.Phone{Address: address(1)})
	s.phone(0, rollout.Phone{Address: address(2)})
	s.save()
	s.happens(address(1), time.Hour, held...)
	s.happens(address(2), time.Hour, journal.Begun{Run: "r1", Attempt: 1}, journal.LetGo{Run: "r1", Failure: "unreachable", Again: true})
	s.happens(address(2), 2*time.Hour, held...)
	r := s.report(options())
	if p := r.Phones[0]; p.Outcome != report.NotBegun || p.Cause != "" || !p.Begun.IsZero() || p.Attempts != 0 {
		t.Errorf("held: %+v", p)
	}
	if p := r.Phones[1]; p.Outcome != report.NotDone || p.Cause != "not-begun" || p.Begun.IsZero() {
		t.Errorf("held after an attempt: %+v", p)
	}
}
