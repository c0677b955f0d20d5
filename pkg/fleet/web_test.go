package fleet_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

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

// pagePhone starts a phone with a page. Several have the same port of it, as real ones do.
func pagePhone(t *testing.T, n int, host, port string, faults ...string) *phonesim.Phone {
	t.Helper()
	return phone(t, n, func(c *phonesim.Config) {
		c.Listen, c.Web, c.Password = host+":0", net.JoinHostPort(host, port), pagePassword
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
		{"", "it did not answer when it was asked what it runs", true},
	} {
		t.Run(fmt.Sprint(c.faults, c.gone), func(t *testing.T) {
			t.Parallel()
			s := set(t, quick())
			sim := pagePhone(t, 1, "127.0.0.1", "0", strings.Fields(c.faults)...)
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
			s.plan.Phones = []fleet.Target{targetOf(sim.Address())}
			results, err := s.runner.Run(ctx, s.plan)
			if err != nil {
				t.Fatal(err)
			}
			r := results[0]
			if ending(r) != "interrupted" || r.Told || !strings.Contains(fmt.Sprint(r.Failure), c.says) || !strings.Contains(r.Failure.Msg, " of 512.") {
				t.Errorf("%s: %v", ending(r), r.Failure)
			}
			if err := s.agree(results); err != nil {
				t.Error(err)
			}
			if state := sim.State(); state.Version != oldVersion || state.Restarts != 0 {
				t.Errorf("the phone: %+v", state)
			}
		})
	}
}

// TestLockedOut: one phone takes no password for now. The one that is being sent the image gets it, the one that is not yet
// is left alone.
func TestLockedOut(t *testing.T) {
	t.Parallel()
	s := set(t, quick())
	first := pagePhone(t, 1, "127.0.7.1", "0")
	_, port, _ := net.SplitHostPort(first.State().WebAddress)
	locked := pagePhone(t, 2, "127.0.7.2", port, "web-password-suspended")
	third := pagePhone(t, 3, "127.0.7.3", port)
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
			return &tls.Config{InsecureSkipVerify: true} //nolint:gosec // three phones on this machine
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
	results := s.run(t, first.Address(), locked.Address(), third.Address())
	if got := fmt.Sprint(ending(results[0]), " ", ending(results[1]), " ", ending(results[2])); got != "updated locked-out stopped" {
		t.Errorf("%s: %v, %v, %v", got, results[0].Failure, results[1].Failure, results[2].Failure)
	}
	if err := s.agree(results); err != nil {
		t.Error(err)
	}
	if state := third.State(); state.Logins != 0 || state.UploadBytes != 0 {
		t.Errorf("the third phone was not left alone: %+v", state)
	}
}

// TestRefusedPassword: a password that a phone refuses is sent once.
func TestRefusedPassword(t *testing.T) {
	t.Parallel()
	s := set(t, quick())
	var logins []string
	sim := phone(t, 1, func(c *phonesim.Config) {
		c.Web = "127.0.0.1:0"
		c.Event = func(e phonesim.Event) {
			if e.Kind == phonesim.NoLogin {
				logins = append(logins, e.Detail)
			}
		}
	})
	s.byPage(sim, false, func(*fleet.Web) {})
	results := s.run(t, sim.Address())
	_ = sim.Close()
	if ending(results[0]) != "wrong-password" || len(logins) != 1 {
		t.Errorf("%s after %d logins", ending(results[0]), len(logins))
	}
}
