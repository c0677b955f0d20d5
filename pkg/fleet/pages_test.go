package fleet_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/secret"
)

// TestPages checks a plan that examines pages only: the phone gets no contact request, and the password only if it is
// admitted. How long that takes does not count.
func TestPages(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		faults string
		called fleet.Device
		refuse bool // Admit does
		end    string
		steps  string
		asked  int // Admit was
		logins int
	}{
		"well":               {"", fleet.Device{MAC: macOf(1)}, false, "looked", seen + "done", 1, 1},
		"by the page alone":  {"", fleet.Device{}, false, "looked", seen + "done", 1, 1},
		"not admitted":       {"", fleet.Device{}, true, "stopped", "page failed", 1, 0},
		"another one called": {"", fleet.Device{MAC: macOf(2)}, false, "another-phone", "page logged-in failed", 1, 1},
		"no form":            {"web-no-form", fleet.Device{}, false, "no-form", "page logged-in failed", 1, 1},
		"leads away":         {"web-redirect-http", fleet.Device{}, false, "page-foreign", "failed", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := set(t, fleet.Options{Patience: time.Minute})
				out := 0
				sim := s.phone(1, func(config *phonesim.Config) {
					config.Web, config.Password = hostOf(1)+":443", pagePassword
					config.Event = func(e phonesim.Event) {
						if e.Kind == phonesim.LoggedOut {
							out++
						}
					}
				}, strings.Fields(c.faults)...)
				asked := 0
				s.byPage(sim, false, func(w *fleet.Web) {
					w.Password, w.Image = secret.Secret{}, nil
					w.Admit = func(context.Context, fleet.Device) (secret.Secret, *fleet.Failure) {
						asked++
						time.Sleep(time.Hour)
						if c.refuse {
							return secret.Secret{}, &fleet.Failure{Kind: fleet.KindStopped, Msg: "not now"}
						}
						return secret.New(pagePassword), nil
					}
				})
				s.plan.Pages, s.plan.Image = s.plan.Image.Web, nil
				target := targetOf(sim.Address())
				target.Called = c.called
				s.plan.Phones = []fleet.Target{target}
				results := s.run()
				_ = sim.Close()
				if end, steps := ending(results[0]), s.steps(); end != c.end || steps != c.steps || asked != c.asked {
					t.Errorf("%s, %s, asked %d times: %v", end, steps, asked, results[0].Failure)
				}
				if err := s.agree(results); err != nil {
					t.Error(err)
				}
				if state := sim.State(); state.Logins != c.logins || out != c.logins || state.UploadBytes != 0 {
					t.Errorf("the phone, logged out %d times: %+v", out, state)
				}
				for _, e := range s.told() {
					if e.Step == fleet.StepFound && (e.Form.Field == "" || e.Form.Page == "") {
						t.Errorf("the form: %+v", e.Form)
					}
				}
			})
		})
	}
}
