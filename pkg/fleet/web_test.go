package fleet_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/wbm"
)

// A gate is content of which the second half can be read only when it is opened, or when the reading is given up.
type gate struct {
	content *io.SectionReader
	open    <-chan struct{}
	ctx     context.Context //nolint:containedctx // as long as one upload
}

func (g *gate) ReadAt(b []byte, at int64) (int, error) {
	if at+int64(len(b)) > g.content.Size()/2 {
		select {
		case <-g.open:
		case <-g.ctx.Done():
			return 0, g.ctx.Err()
		}
	}
	return g.content.ReadAt(b, at)
}

// gated is an image behind a gate.
func (s *stage) gated(open <-chan struct{}) func(context.Context) wbm.Image {
	return func(ctx context.Context) wbm.Image {
		g := &gate{s.image.content, open, ctx}
		return wbm.Image{Name: name, Content: io.NewSectionReader(g, 0, g.content.Size())}
	}
}

// pagePhone starts a phone with a page.
func (s *stage) pagePhone(n int, faults ...string) *phonesim.Phone {
	s.t.Helper()
	return s.phone(n, func(c *phonesim.Config) {
		c.Web, c.Password = hostOf(n)+":443", pagePassword
	}, faults...)
}

// TestInterruptedUpload: the run is stopped in the middle of an upload. The phone drops what it got, is asked what it runs,
// and the failure says it.
func TestInterruptedUpload(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		faults, says string
		gone         bool // the phone, at the same time
	}{
		{"", "the phone still runs V1 R4.9.0", false},
		{"no-contact-port", "the phone still runs V1 R4.9.0", false},
		{"web-no-version", "the phone still runs V1 R4.9.0", false}, // by the interface
		{"", "it did not answer when its version was queried", true},
	} {
		t.Run(fmt.Sprint(c.faults, c.gone), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := set(t, fleet.Options{ContactInterval: 5 * time.Second}) // else it is not due before all is over
				sim := s.pagePhone(1, strings.Fields(c.faults)...)
				s.byPage(sim, false, func(w *fleet.Web) { w.Image = s.gated(nil) })
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				s.hear = func(e fleet.Event) {
					if e.Step == fleet.StepSending && e.Upload.Sent > 0 {
						cancel()
						if c.gone {
							_ = sim.Close()
						}
					}
				}
				results := s.runUntil(ctx, sim.Address())
				r := results[0]
				if ending(r) != "interrupted" || r.Instructed || !strings.Contains(fmt.Sprint(r.Failure), c.says) || !strings.Contains(r.Failure.Msg, " of 512.") {
					t.Errorf("%s: %v", ending(r), r.Failure)
				}
				if err := s.agree(results); err != nil {
					t.Error(err)
				}
				if state := sim.State(); state.Version != oldVersion || state.Restarts != 0 {
					t.Errorf("the phone: %+v", state)
				}
			})
		})
	}
}

// TestLockedOut: one phone takes no password for now. The one that is being sent the image gets it, the one that is not yet
// is left alone.
func TestLockedOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := set(t, fleet.Options{})
		first, locked, third := s.pagePhone(1), s.pagePhone(2, "web-password-suspended"), s.pagePhone(3)
		begun, over := make(chan struct{}), make(chan struct{})
		s.byPage(first, false, func(w *fleet.Web) {
			w.Image = s.gated(over)
			w.TLS = func(number int) *tls.Config {
				switch number {
				case 1:
					<-begun
				case 2:
					<-over
				}
				return &tls.Config{InsecureSkipVerify: true} //nolint:gosec // three phones of this test
			}
		})
		var once sync.Once
		s.hear = func(e fleet.Event) {
			switch {
			case e.Phone == 0 && e.Step == fleet.StepSending:
				once.Do(func() { close(begun) })
			case e.Phone == 1 && e.Step == fleet.StepFailed:
				close(over)
			}
		}
		results := s.run(first.Address(), locked.Address(), third.Address())
		if got := fmt.Sprint(ending(results[0]), " ", ending(results[1]), " ", ending(results[2])); got != "updated locked-out stopped" {
			t.Errorf("%s: %v, %v, %v", got, results[0].Failure, results[1].Failure, results[2].Failure)
		}
		if err := s.agree(results); err != nil {
			t.Error(err)
		}
		if state := third.State(); state.Logins != 0 || state.UploadBytes != 0 {
			t.Errorf("the third phone was not left alone: %+v", state)
		}
	})
}

// TestRefusedPassword: a password that a phone refuses is sent once.
func TestRefusedPassword(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := set(t, fleet.Options{})
		var logins []string
		sim := s.phone(1, func(c *phonesim.Config) {
			c.Web = hostOf(1) + ":443"
			c.Event = func(e phonesim.Event) {
				if e.Kind == phonesim.NoLogin {
					logins = append(logins, e.Detail)
				}
			}
		})
		s.byPage(sim, false, func(*fleet.Web) {})
		results := s.run(sim.Address())
		_ = sim.Close()
		if ending(results[0]) != "wrong-password" || len(logins) != 1 {
			t.Errorf("%s after %d logins", ending(results[0]), len(logins))
		}
	})
}
