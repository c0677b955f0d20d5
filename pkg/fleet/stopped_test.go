package fleet_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// TestStoppedFetch stops a run at several times: what is said of a phone's software is what was observed of its fetch, and is
// true.
func TestStoppedFetch(t *testing.T) {
	t.Parallel()
	const keeps, may = "it keeps its old software", "the phone may still update"
	ftp := func(s *stage) { s.plan.Image.Source = ftpSource(s) }
	for name, row := range map[string]struct {
		faults string
		stop   func(fleet.Event) bool
		plan   func(*stage)
		says   []string
		new    bool // it runs the new version in the end
	}{
		"half":                      {stop: fetchedHalf, says: []string{keeps, "its fetch was cut after ", " of 5243"}},
		"half by FTP":               {stop: fetchedHalf, plan: ftp, says: []string{keeps, "its fetch was cut after "}},
		"before the fetch":          {faults: "never-fetches", stop: at(fleet.StepInstructed), says: []string{keeps, "had not requested the image"}},
		"at the command":            {stop: at(fleet.StepInstructed), says: []string{keeps}},
		"it stalls":                 {faults: "stalls-mid-download", stop: fetchedHalf, says: []string{keeps, "its fetch was cut after "}},
		"between two connections":   {faults: "cut-mid-download", stop: func(e fleet.Event) bool { return e.Fetch.Cut }, says: []string{keeps, "its fetch was cut after "}},
		"the whole image":           {stop: at(fleet.StepFetched), says: []string{may, "keep it on power"}, new: true},
		"it restarts":               {stop: at(fleet.StepRestarting), says: []string{may, "keep it on power"}, new: true},
		"a second time":             {faults: "fetches-twice", stop: func(e fleet.Event) bool { return e.Fetch.Complete }, says: []string{may, "keep it on power"}, new: true},
		"from elsewhere":            {stop: at(fleet.StepInstructed), plan: elsewhere, says: []string{may}, new: true},
		"elsewhere, never observed": {faults: "never-fetches", stop: at(fleet.StepInstructed), plan: elsewhere, says: []string{may}},
		"before the command":        {stop: at(fleet.StepChecked), says: []string{"before the update command was sent"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, setting{size: 5 << 20})
				if row.plan != nil {
					row.plan(s)
				}
				p := s.phone(1, nil, strings.Fields(row.faults)...)
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				s.hear = func(e fleet.Event) {
					if row.stop(e) {
						stop()
					}
				}
				results := s.runUntil(ctx, p.Address())
				f := results[0].Failure
				if ending(results[0]) != "interrupted" || f.Keeps != strings.Contains(f.Msg, keeps) {
					t.Fatalf("%s %+v", ending(results[0]), f)
				}
				for _, text := range row.says {
					if !strings.Contains(f.Msg, text) {
						t.Errorf("%q is not in %q", text, f.Msg)
					}
				}
				time.Sleep(20 * time.Minute) // the source of another server stays
				if isNew := p.State().Version == newVersion; isNew != row.new && row.faults != "fetches-twice" || isNew && f.Keeps {
					t.Errorf("it runs %s; it was said: %s", p.State().Version, f.Msg)
				}
			})
		})
	}
}

func at(step fleet.Step) func(fleet.Event) bool {
	return func(e fleet.Event) bool { return e.Step == step }
}

func fetchedHalf(e fleet.Event) bool {
	return e.Fetch.Size > 0 && e.Fetch.Sent >= e.Fetch.Size*54/100-100_000 && !e.Fetch.Complete
}

// TestRefusesAfterFetch counts what was seen of the fetch when a phone answers "failed" to the update command after it began
// to fetch.
func TestRefusesAfterFetch(t *testing.T) {
	t.Parallel()
	for _, cut := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, setting{size: 5 << 20})
			source := &granted{Source: s.plan.Image.Source}
			s.plan.Image.Source = source
			address := s.contactServer(func(w http.ResponseWriter, _ int) {
				w.WriteHeader(http.StatusNoContent)
				s.others.Go(func() {
					m := introduction(wpi.Solicited, hostOf(1)+":8085")
					m.Items[2].Value = oldVersion.String()
					if s.say(hostOf(1), m) != wpi.ActionSoftwareDeployment {
						return
					}
					if cut {
						s.get(source.given[0].URL)
					}
					_ = s.say(hostOf(1), wpi.PhoneMessage{Reason: wpi.ReplyTo, Action: wpi.ActionSoftwareDeployment, Status: wpi.Failed})
				})
			})
			want := "not-taken"
			if cut {
				want = "cut"
			}
			if results := s.run(address); ending(results[0]) != want {
				t.Error(cut, ending(results[0]), results[0].Failure)
			}
		})
	}
}

// TestSaysFailedEarly waits for what the source sees of a phone that says "failed" before that is counted.
func TestSaysFailedEarly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, setting{size: 5 << 20})
		p := s.phone(1, nil, "stalls-mid-download")
		s.hear = func(e fleet.Event) {
			if e.Step == fleet.StepFetching && e.Fetch.Sent > 1<<20 {
				s.hear = nil
				s.others.Go(func() {
					m := introduction(wpi.FileStatus, p.Address())
					m.Items = append(m.Items, wpi.Item{Name: wpi.ItemFileStatus, Value: wpi.Failed})
					_ = s.say(hostOf(1), m)
				})
			}
		}
		if results := s.run(p.Address()); ending(results[0]) != "cut" {
			t.Error(ending(results[0]), results[0].Failure)
		}
	})
}
