package rollout_test

import (
	"context"
	"crypto/tls"
	"errors"
	"testing"

	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/rollout"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/trust"
	"github.com/cpupdate/cpupdate/pkg/wbm"
)

// TestLockedOut uploads to the web pages of phones, one of which takes no password any more: the run ends, and the password is sent to no
// other phone. The next run goes on with the others.
func TestLockedOut(t *testing.T) {
	const password = "web-password-1"
	for name, parallel := range map[string]int{"one at a time": 1, "all at once": 3} {
		t.Run(name, func(t *testing.T) {
			inTime(t, 0, func(t *testing.T, w *world) {
				for n := range 5 {
					fault := map[int][]string{1: {"web-password-suspended"}}[n]
					w.phoneOf(func(c *phonesim.Config) { c.Web, c.Password = hostOf(n)+":443", password }, fault...)
				}
				w.plan(rollout.Rules{Parallel: parallel}, []int{direct}, 2, 3)
				byPage := w.byPage(password)
				_, err := w.process(byPage).start().wait()
				if f := (*fleet.Failure)(nil); !errors.As(err, &f) || f.Kind != fleet.KindLocked {
					t.Errorf("the run ends with %v", err)
				}
				begun := w.ends()
				if begun != "updated locked-out - - -" && begun != "- locked-out - - -" {
					t.Error(begun)
				}
				for n, p := range w.phones[2:] {
					if s := p.State(); s.Contacts > 0 || s.Logins > 0 {
						t.Errorf("phone %d of the next wave: %+v", n+2, s)
					}
				}
				if d, err := w.process(byPage).start().wait(); err != nil || d.Verb != rollout.Done || w.ends() != "updated locked-out updated updated updated" {
					t.Errorf("the next run: %s, %v, %s", d.Verb, err, w.ends())
				}
				if n := w.load().Failed(causes); len(n) != 1 || n[0] != 1 {
					t.Errorf("failed: %v", n)
				}
				for _, event := range w.stream(hostOf(1)) {
					if event.Body.Kind() == journal.KindSending {
						t.Error("the image was announced to the page that is locked")
					}
				}
			})
		})
	}
}

// TestLockedOutUnrecorded cannot record that a phone takes no password any more: the run ends with that anyway, and says what is not recorded.
func TestLockedOutUnrecorded(t *testing.T) {
	const password = "web-password-1"
	inTime(t, 0, func(t *testing.T, w *world) {
		w.phoneOf(func(c *phonesim.Config) { c.Web, c.Password = hostOf(0)+":443", password }, "web-password-suspended")
		w.plan(rollout.Rules{}, []int{direct}, 1)
		w.place.Fail(func(batches []journal.Batch) (f journaltest.Fault) {
			for _, batch := range batches {
				for _, event := range batch.Events {
					if event.Body.Kind() == journal.KindOutcome {
						f.Err = journal.ErrFull
					}
				}
			}
			return f
		})
		_, err := w.process(w.byPage(password)).start().wait()
		f, loss := (*fleet.Failure)(nil), (*rollout.LossError)(nil)
		if !errors.As(err, &f) || f.Kind != fleet.KindLocked || !errors.As(err, &loss) || !errors.Is(err, journal.ErrFull) {
			t.Errorf("the run ends with %v", err)
		}
	})
}

// byPage has runs upload to the web pages of phones.
func (w *world) byPage(password string) func(e *rollout.Engine) {
	return func(e *rollout.Engine) {
		target := e.Target
		e.Target = func(phone, image int) fleet.Target {
			t := target(phone, image)
			policy := trust.Policy{Pins: []trust.Pin{w.pinOf(phone)}}
			copied := *t.Image
			copied.Source, copied.Web = nil, &fleet.Web{
				TLS: func(int) *tls.Config { return policy.TLS(hostOf(phone)) }, Password: secret.New(password),
				Image: func(context.Context) wbm.Image {
					return wbm.Image{Name: "image0.bind", Content: w.images[direct].content}
				},
			}
			t.Image = &copied
			return t
		}
	}
}

// pinOf returns the key of the web page of a phone.
func (w *world) pinOf(phone int) (pin trust.Pin) {
	w.t.Helper()
	conn, err := w.net.Dial(w.t.Context(), "tcp", w.phones[phone].State().WebAddress)
	fatal(w.t, err)
	defer conn.Close()
	c := trust.Policy{Legacy: true}.TLS("phone")
	c.VerifyConnection = func(s tls.ConnectionState) error {
		pin = trust.PinOf(s.PeerCertificates[0])
		return nil
	}
	fatal(w.t, tls.Client(conn, c).HandshakeContext(w.t.Context()))
	return pin
}
