package fleet_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// A name that needs escaping in a URL is fetched as it is.
func TestNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"cp 600.bind", "cp%20.bind", "cp#1.bind"} {
		p := phone(t, 1, nil)
		s := set(t, quick())
		s.plan.Image.Source = fleet.Served(s.https, name, s.image.content, s.back)
		if results := s.run(t, p.Address()); ending(results[0]) != "updated" {
			t.Error(name, results[0].Failure)
		}
	}
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

// get is the status of the beginning of what lies at a URL.
func get(t *testing.T, where string) int {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, where, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Range", "bytes=0-9")
	answer, err := (&http.Client{Transport: transport, Timeout: long}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

// What a phone was granted is gone when it is busy, and at its end.
func TestWithdrawn(t *testing.T) {
	t.Parallel()
	p := phone(t, 1, func(c *phonesim.Config) { c.CallLength = time.Second }, "busy")
	s := set(t, quick())
	source := &granted{Source: s.plan.Image.Source}
	s.plan.Image.Source = source
	after := 0
	s.hear = func(e fleet.Event) {
		if e.Step == fleet.StepBusy && after == 0 {
			after = get(t, source.given[0].URL)
		}
	}
	results := s.run(t, p.Address())
	if ending(results[0]) != "updated" || len(source.given) < 2 {
		t.Fatal(results[0].Failure, len(source.given))
	}
	if last := get(t, source.given[len(source.given)-1].URL); after != http.StatusNotFound || last != http.StatusNotFound {
		t.Errorf("after busy %d, at the end %d", after, last)
	}
}

// What a phone says in another conversation than that in which it was told is not about this.
func TestOtherConversation(t *testing.T) {
	t.Parallel()
	p := phone(t, 1, nil, "never-fetches", "no-version")
	s := set(t, impatient())
	told := make(chan struct{})
	s.hear = func(e fleet.Event) {
		if e.Step == fleet.StepTold {
			close(told)
		}
	}
	ended := make(chan []fleet.Result, 1)
	go func() { ended <- s.run(t, p.Address()) }()
	await(t, "told", told)
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
		if got := s.say(t, "127.0.0.1", m); got != wpi.ActionCleanUp {
			t.Errorf("%s: %s", m.Reason, got)
		}
	}
	results := <-ended
	if ending(results[0]) != "never-fetched" || strings.Contains(s.steps(), "busy") || p.State().Told != 1 {
		t.Error(ending(results[0]), s.steps(), p.State().Told)
	}
}

// A phone's own status of the image counts.
func TestOwnStatus(t *testing.T) {
	t.Parallel()
	p := phone(t, 1, nil, "never-fetches")
	s := set(t, quick())
	heard := make(chan struct{})
	s.hear = func(e fleet.Event) {
		if e.Step != fleet.StepTold {
			return
		}
		go func() {
			defer close(heard)
			m := introduction(wpi.FileStatus, p.Address())
			m.Items = append(m.Items, wpi.Item{Name: wpi.ItemFileName, Value: name}, wpi.Item{Name: wpi.ItemFileType, Value: "APP"},
				wpi.Item{Name: wpi.ItemFileStatus, Value: wpi.Failed})
			_ = s.say(t, "127.0.0.1", m)
		}()
	}
	if results := s.run(t, p.Address()); ending(results[0]) != "never-fetched" || results[0].Took > long/2 {
		t.Error(ending(results[0]), results[0].Took)
	}
	await(t, "the answer", heard)
}

// A list's MAC address is not that of a phone that says none.
func TestSaysNoMAC(t *testing.T) {
	t.Parallel()
	relay := newDoor(t, func(s *stage, address string) {
		m := introduction(wpi.Solicited, address)
		m.Items[4].Value = ""
		_ = s.say(t, "127.0.0.1", m)
		_ = s.say(t, "127.0.0.1", wpi.PhoneMessage{Reason: wpi.ReplyTo, Action: wpi.ActionReadItems, Status: wpi.Accepted})
	})
	s := set(t, quick())
	relay.stage <- s
	s.plan.Phones = []fleet.Target{targetOf(relay.address)}
	s.plan.Phones[0].MAC = macOf(1)
	if results := s.run(t); ending(results[0]) != "another-phone" || !strings.Contains(results[0].Failure.Msg, "does not say") {
		t.Error(results[0].Failure)
	}
	await(t, "the conversation", relay.done)
}

// A phone that answers a contact when its call is over is heard, whatever port it states.
func TestCallBeforeAnswer(t *testing.T) {
	t.Parallel()
	door := newDoor(t, func(s *stage, _ string) { _ = s.say(t, "127.0.0.1", introduction(wpi.Solicited, "192.0.2.1:8085")) })
	s := set(t, quick())
	s.plan.Image = nil
	door.stage <- s
	if results := s.run(t, door.address); ending(results[0]) != "looked" || results[0].Took > long/2 {
		t.Error(ending(results[0]), results[0].Failure, results[0].Took)
	}
	await(t, "the conversation", door.done)
}

// A phone that was not seen to fetch the whole image is asked what it runs, and its word counts.
func TestHalfway(t *testing.T) {
	t.Parallel()
	for running, want := range map[bind.Version]string{newVersion: "updated", oldVersion: "cut"} {
		s := set(t, impatient())
		source := &granted{Source: s.plan.Image.Source}
		s.plan.Image.Source = source
		calls := 0
		door := newDoor(t, func(s *stage, address string) {
			m := introduction(wpi.Solicited, address)
			m.Items[2].Value = oldVersion.String()
			if calls++; calls > 1 {
				m.Items[2].Value = running.String()
			}
			if s.say(t, "127.0.0.1", m) == wpi.ActionSoftwareDeployment {
				get(t, source.given[0].URL)
			}
		})
		s.hear = func(e fleet.Event) {
			if e.Step == fleet.StepSilent {
				door.stage <- s
			}
		}
		door.stage <- s
		if results := s.run(t, door.address); ending(results[0]) != want || results[0].Fetch.Complete {
			t.Error(running, ending(results[0]), results[0].Failure, s.steps())
		}
		await(t, "a conversation", door.done)
		await(t, "another", door.done)
	}
}

// Patience ends a contact that is under way.
func TestPatienceEndsContact(t *testing.T) {
	t.Parallel()
	p := phone(t, 1, nil, "contact-silent")
	o := quick()
	o.Patience, o.Timeout = 300*time.Millisecond, time.Minute
	s := set(t, o)
	if results := s.run(t, p.Address()); ending(results[0]) != "unreachable" || results[0].Took > long {
		t.Error(ending(results[0]), results[0].Took)
	}
}

// Who reads the events slowly does not hold up strangers.
func TestStrangersDoNotWait(t *testing.T) {
	t.Parallel()
	p := phone(t, 1, nil, "ignores-contact")
	s := set(t, quick())
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
	await(t, "an event", held)
	for range 100 {
		if got := s.say(t, "127.0.0.9", introduction(wpi.Solicited, p.Address())); got != "403" {
			t.Error(got)
		}
	}
	stop()
	close(free)
	await(t, "the end", ended)
}

// A door takes contacts, and has something done before it answers them.
type door struct {
	address string
	stage   chan *stage
	done    chan struct{} // told when that was done
}

func newDoor(t *testing.T, before func(s *stage, address string)) *door {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &door{l.Addr().String(), make(chan *stage, 1), make(chan struct{}, 2)}
	server := &http.Server{ReadHeaderTimeout: long, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
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
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	return d
}
