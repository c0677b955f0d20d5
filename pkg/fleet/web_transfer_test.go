package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// transferStage is a stage with a phone that is updated by the transfer form of its page.
func transferStage(t *testing.T) *stage {
	t.Helper()
	s := newStage(t, setting{size: 4 << 20})
	s.byPage(s.pagePhone(1), false, func(w *fleet.Web) { w.Transfer = true })
	servedByHTTPS(s)
	s.plan.Phones = []fleet.Target{targetOf(hostOf(1) + ":8085")}
	return s
}

// TestTransferInterrupted: the run is stopped at each step. The failure says what the phone got, and what it runs.
func TestTransferInterrupted(t *testing.T) {
	t.Parallel()
	const still = "; the phone still runs V1 R4.9.0"
	for name, c := range map[string]struct {
		at     fleet.Step
		plan   func(*stage)
		told   bool
		keeps  bool
		begins string
		ends   string
	}{
		"before":    {fleet.StepFound, servedByHTTPS, false, false, "interrupted before the transfer form was submitted", ""},
		"told":      {fleet.StepInstructed, servedByHTTPS, true, true, "interrupted after the transfer form was submitted; it keeps its old software, since it had not requested the image", still},
		"fetching":  {fleet.StepFetching, servedByHTTPS, true, true, "interrupted after the transfer form was submitted; its fetch was cut after ", "and it keeps its old software" + still},
		"fetched":   {fleet.StepFetched, servedByHTTPS, true, false, "interrupted after the transfer form was submitted; the phone may still update, since it has the image: keep it on power", still},
		"elsewhere": {fleet.StepInstructed, unseen, true, false, "interrupted after the transfer form was submitted; the phone may still update", still},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := transferStage(t)
				c.plan(s)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				s.hear = func(e fleet.Event) {
					if e.Step == c.at {
						cancel()
					}
				}
				results, err := s.runner.Run(ctx, s.plan)
				fatal(t, err)
				f := results[0].Failure
				if f == nil || f.Kind != fleet.KindInterrupted || f.Instructed != c.told || f.Keeps != c.keeps || !strings.HasPrefix(f.Msg, c.begins) || !strings.HasSuffix(f.Msg, c.ends) {
					t.Errorf("%+v", f)
				}
			})
		})
	}
}

// TestTransferImageChanges: when the image changes while the phone fetches, the fetch is cut and the run ends.
func TestTransferImageChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := transferStage(t)
		image := &spoilable{content: s.image.content}
		s.plan.Image.Source = fleet.Served(s.https, name, io.NewSectionReader(image, 0, image.content.Size()), s.back)
		s.hear = func(e fleet.Event) {
			if e.Step == fleet.StepFetching {
				image.spoil()
			}
		}
		results, err := s.runner.Run(t.Context(), s.plan)
		fatal(t, err)
		if f := results[0].Failure; f == nil || f.Kind != fleet.KindImage || !errors.Is(f, errChanged) || !f.Instructed || !f.Keeps || f.Msg != "its fetch was cut off, and it keeps its old software" {
			t.Errorf("%+v", f)
		}
	})
}

// TestTransferServerPassword checks that a phone does not make a password of the server known that it knows before it is given one:
// from another phone, or from its own defaults.
func TestTransferServerPassword(t *testing.T) {
	t.Parallel()
	const given, stored = "server-canary-5e20", "upload-canary-77f1"
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, setting{size: 4 << 20})
		s.byPage(s.phone(1, func(c *phonesim.Config) {
			c.Web, c.Password, c.DeviceType = hostOf(1)+":443", pagePassword, "OpenScape Desk Phone CP600 "+given+" "+stored
		}, noInterface), false, func(w *fleet.Web) { w.Transfer = true })
		s.plan.Image.Source = fleet.Elsewhere(wpi.Deployment{URL: "https://files.example/cp.bind", Name: "cp.bind", Password: given})
		s.plan.Image.Secret = secret.New(stored)
		s.plan.Phones = []fleet.Target{targetOf(hostOf(1) + ":8085")}
		said := 0
		s.hear = func(e fleet.Event) {
			if text := fmt.Sprintf("%+v", e); strings.Contains(text, given) || strings.Contains(text, stored) {
				t.Errorf("%s", text)
			} else if strings.Contains(text, "[redacted]") {
				said++
			}
		}
		results, err := s.runner.Run(t.Context(), s.plan)
		fatal(t, err)
		if text := fmt.Sprintf("%+v", results); strings.Contains(text, given) || strings.Contains(text, stored) || said == 0 {
			t.Errorf("redacted %d times: %s", said, text)
		}
	})
}
