package fleet_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// One phone under two names, or under two addresses with one MAC, is told once.
func TestTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := set(t, fleet.Options{})
		p := s.phone(1, nil)
		s.net.Name("phone.example", netip.MustParseAddr(hostOf(1)))
		results := s.run(p.Address(), "phone.example:8085")
		if ends := ending(results[0]) + ending(results[1]); ends != "updatedtwice" && ends != "twiceupdated" || p.State().Instructed != 1 {
			t.Error(ends, p.State().Instructed)
		}
		s = set(t, fleet.Options{})
		one, other := s.phone(2, nil), s.phone(3, func(c *phonesim.Config) { c.MAC = macOf(2) })
		results = s.run(one.Address(), other.Address())
		ends := ending(results[0]) + ending(results[1])
		if ends != "updatedtwice" && ends != "twiceupdated" || one.State().Instructed+other.State().Instructed != 1 {
			t.Error(ends)
		}
		if err := s.agree(results); err != nil {
			t.Error(err)
		}
	})
}

// Phones that share an address and do not say where they take contacts are known by the list's MAC addresses.
func TestSharedAddress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := set(t, fleet.Options{})
		at := func(port string) func(*phonesim.Config) {
			return func(c *phonesim.Config) { c.Listen = hostOf(9) + port }
		}
		a, b := s.phone(1, at(":8085"), "no-contact-uri"), s.phone(2, at(":8086"), "no-contact-uri")
		s.plan.Phones = []fleet.Target{targetOf(a.Address()), targetOf(b.Address())}
		s.plan.Phones[0].MAC, s.plan.Phones[1].MAC = macOf(1), macOf(2)
		results := s.run()
		if ending(results[0]) != "updated" || ending(results[1]) != "updated" {
			t.Error(results[0].Failure, results[1].Failure)
		}
	})
}

// The alternative port serves for a phone whose contact port cannot be reached, and its restart is seen there.
func TestAltPort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := set(t, fleet.Options{})
		p := s.phone(1, func(c *phonesim.Config) {
			c.Listen, c.ListenSecure = hostOf(1)+":1", hostOf(1)+":443"
		}, "no-contact-uri")
		results := s.run(hostOf(1) + ":8085")
		if ending(results[0]) != "updated" || p.State().Instructed != 1 || results[0].Down.IsZero() {
			t.Errorf("%s %+v", ending(results[0]), p.State())
		}
	})
}

// A run that is stopped ends at once, at whatever step, and says whether the phone was told.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	for _, step := range []fleet.Step{
		fleet.StepContacted, fleet.StepCalled, fleet.StepChecked, fleet.StepInstructed, fleet.StepFetching, fleet.StepFetched, fleet.StepRestarting, fleet.StepBack,
	} {
		t.Run(string(step), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := set(t, fleet.Options{})
				p := s.phone(1, nil, "accepts")
				ctx, stop := context.WithCancelCause(t.Context())
				defer stop(nil)
				told, stopped := false, time.Time{}
				s.hear = func(e fleet.Event) {
					told = told || e.Step == fleet.StepInstructed
					if e.Step == step {
						stopped = time.Now()
						stop(&fleet.Failure{Kind: fleet.KindCut, Msg: "another phone's"})
					}
				}
				results := s.runUntil(ctx, p.Address())
				if ending(results[0]) != "interrupted" {
					t.Fatal(ending(results[0]))
				}
				if told != results[0].Instructed {
					t.Error("told or not?")
				}
				if after := time.Since(stopped); after > 0 {
					t.Errorf("it ends after %s", after)
				}
				if err := s.agree(results); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// After a run nothing of it is left.
func TestLeavesNothing(t *testing.T) { //nolint:paralleltest // counts goroutines
	synctest.Test(t, func(t *testing.T) {
		s := set(t, fleet.Options{})
		p := s.phone(1, nil, "never-fetches")
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		s.hear = func(e fleet.Event) {
			if e.Step == fleet.StepInstructed {
				stop()
			}
		}
		s.plan.Image.Source = unwatched{s.plan.Image.Source}
		_ = s.runUntil(ctx, p.Address())
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		for stack := range strings.SplitSeq(string(stacks), "\n\n") {
			if strings.Contains(stack, "fleet.(*phone)") || strings.Contains(stack, "fleet.(*follower)") {
				t.Error(stack)
			}
		}
	})
}

// say posts a message as a phone does, from an address, and returns the action that is the answer, or the status.
func (s *stage) say(from string, m wpi.PhoneMessage) string {
	s.t.Helper()
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return s.net.DialFrom(ctx, netip.MustParseAddr(from), network, address)
		},
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}
	defer transport.CloseIdleConnections()
	m.Nonce, m.MaxItems = "00112233445566778899AABBCCDDEEFF", -1
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, "https://"+s.https.Addr().String()+wpi.ServicePath, bytes.NewReader(m.Marshal()))
	fatal(s.t, err)
	answer, err := (&http.Client{Transport: transport}).Do(request)
	fatal(s.t, err)
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	fatal(s.t, err)
	if answer.StatusCode != http.StatusOK {
		return fmt.Sprint(answer.StatusCode)
	}
	told, err := wpi.ParseServiceMessage(text)
	fatal(s.t, err)
	return told.Action
}

// introduction is what a phone says that has the new version.
func introduction(reason, address string) wpi.PhoneMessage {
	items := []wpi.Item{
		{Name: wpi.ItemDeviceType, Value: "OpenScape Desk Phone CP600"},
		{Name: wpi.ItemSoftwareType, Value: hfa},
		{Name: wpi.ItemSoftwareVersion, Value: newVersion.String()},
		{Name: wpi.ItemPartNumber, Value: "S30817-S7720-A101-4"},
		{Name: wpi.ItemMAC, Value: macOf(1)},
		{Name: wpi.ItemContactURI, Value: "http://" + address + wpi.ContactPath},
	}
	return wpi.PhoneMessage{Reason: reason, Items: items}
}

// start runs the plan with one phone, and returns when that is told. The results come when the run has ended.
func (s *stage) start(address string) <-chan []fleet.Result {
	told, ended := make(chan struct{}), make(chan []fleet.Result, 1)
	s.hear = func(e fleet.Event) {
		if e.Step == fleet.StepInstructed {
			close(told)
		}
	}
	go func() { ended <- s.run(address) }()
	<-told
	return ended
}

// Who says from a phone's address that it runs the new version makes no success of one that fetched nothing; what comes from
// elsewhere, or states another port and MAC address, is not answered.
func TestLiar(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := set(t, fleet.Options{})
		p := s.phone(1, nil, "never-fetches")
		ended := s.start(p.Address())
		other := introduction(wpi.StartUp, hostOf(1)+":1")
		other.Items[4].Value = macOf(7)
		for _, c := range []struct {
			from    string
			message wpi.PhoneMessage
			answer  string
		}{
			{hostOf(9), introduction(wpi.StartUp, p.Address()), "403"},
			{hostOf(1), other, "403"},
			{hostOf(1), introduction(wpi.StartUp, p.Address()), wpi.ActionCleanUp},
			{hostOf(1), introduction(wpi.Solicited, p.Address()), wpi.ActionCleanUp},
		} {
			if got := s.say(c.from, c.message); got != c.answer {
				t.Errorf("%s %s: %s, want %s", c.from, c.message.Reason, got, c.answer)
			}
		}
		results := <-ended
		if ending(results[0]) != "unproven" || p.State().Instructed != 1 {
			t.Error(ending(results[0]), p.State().Instructed)
		}
		if got := s.say(hostOf(1), introduction(wpi.Solicited, p.Address())); got != wpi.ActionCleanUp {
			t.Errorf("after the end: %s", got)
		}
		if err := s.agree(results); err != nil {
			t.Error(err)
		}
	})
}

// A phone that says for ever that it accepts, or that all is well, is given up as one that is silent.
func TestMarksTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := set(t, fleet.Options{})
		p := s.phone(1, nil, "never-fetches")
		ended := s.start(p.Address())
		begun := time.Now()
		status := introduction(wpi.FileStatus, p.Address())
		status.Items = append(status.Items, wpi.Item{Name: wpi.ItemFileStatus, Value: "ok"})
		var results []fleet.Result
		for results == nil {
			_ = s.say(hostOf(1), status)
			_ = s.say(hostOf(1), wpi.PhoneMessage{Reason: wpi.ReplyTo, Action: wpi.ActionSoftwareDeployment, Status: wpi.Accepted})
			select {
			case results = <-ended:
			case <-time.After(17 * time.Second):
			}
		}
		if took := time.Since(begun); ending(results[0]) != "never-fetched" || took > 11*time.Minute {
			t.Error(ending(results[0]), took)
		}
	})
}

// Many phones at once: each is told once, no more than allowed are under way, and the results are in order.
func TestMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const most, parallel = 200, 20
		s := set(t, fleet.Options{Parallel: parallel})
		under, worst := map[int]bool{}, 0
		s.hear = func(e fleet.Event) {
			switch e.Step {
			case fleet.StepContacted:
				under[e.Phone] = e.Attempt == 1 || under[e.Phone]
			case fleet.StepFetched, fleet.StepDone, fleet.StepFailed:
				delete(under, e.Phone)
			}
			n := 0
			for _, is := range under {
				if is {
					n++
				}
			}
			worst = max(worst, n)
		}
		var addresses []string
		var phones []*phonesim.Phone
		for n := range most {
			phones = append(phones, s.phone(n, nil))
			addresses = append(addresses, phones[n].Address())
		}
		results := s.run(addresses...)
		for n, r := range results {
			if ending(r) != "updated" || r.After.MAC != macOf(n) || phones[n].State().Instructed != 1 {
				t.Errorf("%d: %s %v", n, ending(r), r.Failure)
			}
		}
		if worst > parallel {
			t.Errorf("%d at once", worst)
		}
		if err := s.agree(results); err != nil {
			t.Error(err)
		}
	})
}

// A fetch that is cut by an interrupt leaves the phone what it was.
func TestInterruptCutsFetch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := set(t, fleet.Options{})
		p := s.phone(1, nil, "stalls-mid-download")
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		s.hear = func(e fleet.Event) {
			if e.Step == fleet.StepFetching && e.Fetch.Sent > 0 {
				stop()
			}
		}
		results := s.runUntil(ctx, p.Address())
		if ending(results[0]) != "interrupted" || !results[0].Instructed {
			t.Fatal(ending(results[0]))
		}
		if state := p.State(); state.Version != oldVersion || state.Fetches != 0 || state.Restarts != 0 {
			t.Errorf("%+v", state)
		}
	})
}

// A phone that the image cannot suit, by what is stated of it, is not asked; the others are updated.
func TestStated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := set(t, fleet.Options{})
		unfit, good := s.phone(1, nil), s.phone(2, nil)
		s.plan.Phones = []fleet.Target{targetOf(unfit.Address()), targetOf(good.Address())}
		s.plan.Phones[0].Known.Level = []hwcheck.Claim[uint16]{{Value: 9, Origin: hwcheck.List}}
		results := s.run()
		if ending(results[0]) != "refused" || ending(results[1]) != "updated" || unfit.State().Contacts != 0 || results[0].Verdict == nil {
			t.Error(results[0].Failure, results[1].Failure, unfit.State())
		}
		if err := s.agree(results); err != nil {
			t.Error(err)
		}
	})
}
