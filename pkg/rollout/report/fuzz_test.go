package report_test

import (
	"encoding/csv"
	"encoding/json"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
	"github.com/cpupdate/cpupdate/pkg/rollout/report"
)

// FuzzForms has one text wherever a text may be: each form is valid and bounded, and contains nothing that is not visible. The plan
// is damaged as well: it names an image and a wave that are not there.
func FuzzForms(f *testing.F) {
	for _, text := range []string{"", evil, "=1+1", "a; +1", "\u202e\x00\xff", "]]>", "</script>", strings.Repeat("\u202e", 1000), "{{.}}", "PHONE", "\r\n\t\"", ";=\uff1d", "00:00:00:00:00:0\x01", "::::: 00 \x01 \x02 00"} {
		f.Add(text, uint8(0))
		f.Add(text, uint8(1))
	}
	f.Fuzz(func(t *testing.T, text string, n uint8) {
		phone := rollout.Phone{Address: text, MAC: text, Note: text, Site: text, Running: text, Device: text, Override: text, LeftWhy: text, Images: []int{int(n)%3 - 1}}
		phone.Stated.Device = []hwcheck.Claim[string]{{Value: text, Origin: hwcheck.List}}
		state := journal.Fold([]journal.Event{
			{At: night, Body: journal.Listed{Room: text}},
			{At: night, Body: journal.Reported{Device: journal.Device{Type: text, MAC: text, Version: text}}},
			{At: night, Body: journal.Checked{Verdict: text, Overrides: []journal.Override{{Rule: text, Reason: text}}}},
		})
		failed := state.Apply(journal.Event{At: night, Body: journal.Outcome{Result: journal.Failed, Failure: text, Text: text, Version: text, Took: time.Duration(n)}})
		alone := phone
		alone.Images = nil
		saved := &rollout.Saved{Name: text, At: night, Reason: text, Steps: [][]journal.State{{state}, {failed}, {state}}}
		saved.Plan = rollout.Plan{
			Images: []rollout.Image{{Name: text, SHA256: text, SoftwareType: text}}, Phones: []rollout.Phone{phone, phone, alone}, Waves: []rollout.Wave{{Name: text, Phones: []int{1}}},
		}
		saved.Planned.By = journal.Origin{User: text, Host: text, Tool: text}
		records := func(yield func(journal.Record, error) bool) {
			for _, phone := range []string{"", text, "elsewhere"} {
				for _, body := range []journal.Body{journal.RunBegun{Run: text, By: saved.Planned.By, Route: journal.Route{Way: text, Server: text}}, journal.Note{Text: text}, journal.Begun{Run: text}} {
					if !yield(journal.Record{Key: journal.Key{Rollout: text, Phone: phone}, Event: journal.Event{At: night, Body: body}}, nil) {
						return
					}
				}
			}
		}
		o := options()
		o.Advice = func(string) string { return "cpupdate phone PHONE " + text }
		r, err := report.New(saved, records, o)
		noError(t, err)
		for _, form := range forms() {
			if form.name == "html" && n%8 != 0 {
				continue // it takes longer than the others together
			}
			out := written(t, r, form)
			if len(out) > 1<<20 {
				t.Errorf("%s has %d bytes", form.name, len(out))
			}
			for _, c := range out {
				if c != '\n' && !bind.Prints(c) && form.name != "json" {
					t.Fatalf("%s contains %U", form.name, c)
				}
			}
			checkForm(t, form.name, out)
		}
		if n%32 == 0 { // it takes longer still
			fuzzLive(t, saved, records, o)
		}
	})
}

// fuzzLive checks the live page of a rollout, and what changes of it.
func fuzzLive(t *testing.T, saved *rollout.Saved, records iter.Seq2[journal.Record, error], o report.Options) {
	t.Helper()
	l, err := report.NewLive(&rollout.Follower{Saved: saved}, records, o)
	noError(t, err)
	for r, err := range records {
		noError(t, err)
		r.Event.Seq = 1 << 30
		l.Add(r)
	}
	m := made(t, l)
	page := whole(t, m)
	checkForm(t, "html", page)
	parts, rows, _ := m.Changes(report.Position{}, 1<<30)
	for _, text := range append(append(parts, rows...), page) {
		for _, c := range text {
			if c != '\n' && !bind.Prints(c) {
				t.Fatalf("the live page contains %U", c)
			}
		}
	}
	if changes := strings.Join(append(parts, rows...), ""); strings.Contains(changes, "<script") || strings.Contains(changes, "<img") {
		t.Error("a text became an element")
	}
}

// checkForm fails if a form is not what its name says.
func checkForm(t *testing.T, name, out string) {
	t.Helper()
	switch name {
	case "json":
		if !json.Valid([]byte(out)) {
			t.Error("the JSON is not valid")
		}
	case "csv", "phones.csv":
		if _, err := csv.NewReader(strings.NewReader(out)).ReadAll(); err != nil {
			t.Error(err)
		}
	case "xml":
		checkJUnit(t, out)
	case "html":
		if strings.Count(out, "<script") != 1 || strings.Count(out, "</script") != 1 || strings.Count(out, "<style") != 1 {
			t.Error("a text became an element of the page")
		}
	}
}
