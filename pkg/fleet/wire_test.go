package fleet_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// A name that needs escaping in a URL is fetched as it is.
func TestNames(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, name := range []string{"cp 600.bind", "cp%20.bind", "cp#1.bind"} {
			s := set(t, fleet.Options{})
			p := s.phone(1, nil)
			s.plan.Image.Source = fleet.Served(s.https, name, s.image.content, s.back)
			if results := s.run(p.Address()); ending(results[0]) != "updated" {
				t.Error(name, results[0].Failure)
			}
		}
	})
}

// granted tells which deployments a source granted.
type granted struct {
	fleet.Source
	given []wpi.Deployment
}

func (g *granted) Grant(r fleet.Request) (*fleet.Grant, error) {
	grant, err := g.Source.Grant(r)
	if err == nil {
		g.given = append(g.given, grant.Deployment)
	}
	return grant, err
}

// get is the status of the beginning of what lies at a URL, for a phone's host.
func (s *stage) get(where string) int {
	s.t.Helper()
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return s.net.DialFrom(ctx, netip.MustParseAddr(hostOf(1)), network, address)
		},
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, where, nil)
	fatal(s.t, err)
	request.Header.Set("Range", "bytes=0-9")
	answer, err := (&http.Client{Transport: transport}).Do(request)
	fatal(s.t, err)
	_ = answer.Body.Close()
	return answer.StatusCode
}

// What a phone was granted is gone when it is busy, and at its end.
func TestWithdrawn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := set(t, fleet.Options{})
		p := s.phone(1, func(c *phonesim.Config) { c.CallLength = 5 * time.Minute }, "busy")
		source := &granted{Source: s.plan.Image.Source}
		s.plan.Image.Source = source
		after := 0
		s.hear = func(e fleet.Event) {
			if e.Step == fleet.StepBusy && after == 0 {
				after = s.get(source.given[0].URL)
			}
		}
		results := s.run(p.Address())
		if ending(results[0]) != "updated" || len(source.given) < 2 {
			t.Fatal(results[0].Failure, len(source.given))
		}
		if last := s.get(source.given[len(source.given)-1].URL); after != http.StatusNotFound || last != http.StatusNotFound {
			t.Errorf("after busy %d, at the end %d", after, last)
		}
	})
}

// What a phone says in another conversation than that in which it was told is not about this.
func TestOtherConversation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := set(t, fleet.Options{})
		p := s.phone(1, nil, "never-fetches", "no-version")
		ended := s.start(p.Address())
		status := func(name, kind string) wpi.PhoneMessage {
			m := introduction(wpi.FileStatus, p.Address())
			m.Items = append(m.Items, wpi.Item{Name: wpi.ItemFileName, Value: name}, wpi.Item{Name: wpi.ItemFileType, Value: kind},
				wpi.Item{Name: wpi.ItemFileStatus, Value: wpi.Failed})
			return m
		}
		for _, m := range []wpi.PhoneMessage{
			{Reason: wpi.ReplyTo, Action: wpi.ActionSoftwareDeployment, Status: wpi.Busy},
			{Reason: wpi.PhoneCleanUp},
			status("logo.png", "APP"),
			status(name, "LOGO"),
		} {
			m.Items = append(m.Items, wpi.Item{Name: wpi.ItemContactURI, Value: "http://" + p.Address() + wpi.ContactPath})
			if got := s.say(hostOf(1), m); got != wpi.ActionCleanUp {
				t.Errorf("%s: %s", m.Reason, got)
			}
		}
		results := <-ended
		if ending(results[0]) != "never-fetched" || strings.Contains(s.steps(), "busy") || p.State().Instructed != 1 {
			t.Error(ending(results[0]), s.steps(), p.State().Instructed)
		}
	})
}

// A phone's own status of the image counts.
func TestOwnStatus(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := set(t, fleet.Options{})
		p := s.phone(1, nil, "never-fetches")
		heard := make(chan struct{})
		s.hear = func(e fleet.Event) {
			if e.Step != fleet.StepInstructed {
				return
			}
			go func() {
				defer close(heard)
				m := introduction(wpi.FileStatus, p.Address())
				m.Items = append(m.Items, wpi.Item{Name: wpi.ItemFileName, Value: name}, wpi.Item{Name: wpi.ItemFileType, Value: "APP"},
					wpi.Item{Name: wpi.ItemFileStatus, Value: wpi.Failed})
				_ = s.say(hostOf(1), m)
			}()
		}
		if results := s.run(p.Address()); ending(results[0]) != "never-fetched" || results[0].Took > time.Minute {
			t.Error(ending(results[0]), results[0].Took)
		}
		<-heard
	})
}

// A list's MAC address is not that of a phone that says none.
func TestSaysNoMAC(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := set(t, fleet.Options{})
		relay := s.newContactServer(func(s *stage, address string) {
			m := introduction(wpi.Solicited, address)
			m.Items[4].Value = ""
			_ = s.say(hostOf(1), m)
			_ = s.say(hostOf(1), wpi.PhoneMessage{Reason: wpi.ReplyTo, Action: wpi.ActionReadItems, Status: wpi.Accepted})
		})
		relay.stage <- s
		s.plan.Phones = []fleet.Target{targetOf(relay.address)}
		s.plan.Phones[0].MAC = macOf(1)
		if results := s.run(); ending(results[0]) != "another-phone" || !strings.Contains(results[0].Failure.Msg, "does not report its MAC address") {
			t.Error(results[0].Failure)
		}
		<-relay.done
	})
}

// A phone that answers a contact when its call is over is heard, whatever port it states.
func TestCallBeforeAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := set(t, fleet.Options{})
		server := s.newContactServer(func(s *stage, _ string) { _ = s.say(hostOf(1), introduction(wpi.Solicited, "192.0.2.1:8085")) })
		s.plan.Image = nil
		server.stage <- s
		if results := s.run(server.address); ending(results[0]) != "looked" || results[0].Took > time.Minute {
			t.Error(ending(results[0]), results[0].Failure, results[0].Took)
		}
		<-server.done
	})
}

// A phone that was not seen to fetch the whole image is asked what it runs, and its word counts.
func TestHalfway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for running, want := range map[bind.Version]string{newVersion: "updated", oldVersion: "cut"} {
			s := set(t, fleet.Options{})
			source := &granted{Source: s.plan.Image.Source}
			s.plan.Image.Source = source
			calls := 0
			server := s.newContactServer(func(s *stage, address string) {
				m := introduction(wpi.Solicited, address)
				m.Items[2].Value = oldVersion.String()
				if calls++; calls > 1 {
					m.Items[2].Value = running.String()
				}
				if s.say(hostOf(1), m) == wpi.ActionSoftwareDeployment {
					s.get(source.given[0].URL)
				}
			})
			s.hear = func(e fleet.Event) {
				if e.Step == fleet.StepSilent {
					server.stage <- s
				}
			}
			server.stage <- s
			if results := s.run(server.address); ending(results[0]) != want || results[0].Fetch.Complete {
				t.Error(running, ending(results[0]), results[0].Failure, s.steps())
			}
			<-server.done
			<-server.done
		}
	})
}

// Patience ends a contact that is under way.
func TestPatienceEndsContact(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := set(t, fleet.Options{Patience: 10 * time.Second, Timeout: time.Minute})
		p := s.phone(1, nil, "contact-silent")
		if results := s.run(p.Address()); ending(results[0]) != "unreachable" || results[0].Took != 10*time.Second {
			t.Error(ending(results[0]), results[0].Took)
		}
	})
}

// A caller that reads the events slowly does not hold up calls from elsewhere.
func TestUnknownCallersDoNotWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := set(t, fleet.Options{})
		p := s.phone(1, nil, "ignores-contact")
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		held, free := make(chan struct{}), make(chan struct{})
		first := true
		s.hear = func(e fleet.Event) {
			if first {
				first = false
				close(held)
				<-free
			}
		}
		s.plan.Phones = []fleet.Target{targetOf(p.Address())}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, _ = s.runner.Run(ctx, s.plan)
		}()
		<-held
		for range 100 {
			if got := s.say(hostOf(9), introduction(wpi.Solicited, p.Address())); got != "403" {
				t.Error(got)
			}
		}
		stop()
		close(free)
		<-ended
	})
}

// A contactServer takes contact requests, and has something done before it answers them.
type contactServer struct {
	address string
	stage   chan *stage
	done    chan struct{} // told when that was done
}

func (s *stage) newContactServer(before func(s *stage, address string)) *contactServer {
	s.t.Helper()
	l, err := s.net.Listen(s.t.Context(), "tcp", hostOf(1)+":8085")
	fatal(s.t, err)
	d := &contactServer{l.Addr().String(), make(chan *stage, 1), make(chan struct{}, 2)}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		select {
		case s := <-d.stage:
			before(s, d.address)
			d.done <- struct{}{}
		default:
		}
		w.WriteHeader(http.StatusNoContent)
	})}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l)
	}()
	s.t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	return d
}
