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
	"sync/atomic"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// One phone under two names, or under two addresses with one MAC, is told once.
func TestTwice(t *testing.T) {
	t.Parallel()
	patient := func(c *phonesim.Config) { c.InstallTime = 3 * time.Second } // both are asked before one of them goes down
	p := phone(t, 1, patient)
	s := set(t, quick())
	_, port, _ := net.SplitHostPort(p.Address())
	results := s.run(t, p.Address(), "localhost:"+port)
	if ends := ending(results[0]) + ending(results[1]); ends != "updatedtwice" && ends != "twiceupdated" || p.State().Told != 1 {
		t.Error(ends, p.State().Told)
	}
	one, other := phone(t, 2, patient), phone(t, 2, patient)
	s = set(t, quick())
	results = s.run(t, one.Address(), other.Address())
	ends := ending(results[0]) + ending(results[1])
	if ends != "updatedtwice" && ends != "twiceupdated" || one.State().Told+other.State().Told != 1 {
		t.Error(ends)
	}
	if err := s.agree(results); err != nil {
		t.Error(err)
	}
}

// Phones that share an address and do not say where they take contacts are known by the list's MAC addresses.
func TestSharedAddress(t *testing.T) {
	t.Parallel()
	a, b := phone(t, 1, nil, "no-contact-uri"), phone(t, 2, nil, "no-contact-uri")
	s := set(t, quick())
	s.plan.Phones = []fleet.Target{targetOf(a.Address()), targetOf(b.Address())}
	s.plan.Phones[0].MAC, s.plan.Phones[1].MAC = macOf(1), macOf(2)
	results := s.run(t)
	if ending(results[0]) != "updated" || ending(results[1]) != "updated" {
		t.Error(results[0].Failure, results[1].Failure)
	}
}

// The second door serves for a phone whose contact port cannot be reached, and its restart is seen there.
func TestSecondDoor(t *testing.T) {
	t.Parallel()
	closed, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.4.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	free, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.4.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(free.Addr().String())
	_ = free.Close()
	p := phone(t, 1, func(c *phonesim.Config) {
		c.Listen, c.ListenSecure = "127.0.4.1:0", "127.0.4.1:"+port
	}, "no-contact-uri")
	o := quick()
	o.SecondDoor = port
	fleet.AnyDoor(&o)
	s := set(t, o)
	results := s.run(t, closed.Addr().String())
	if ending(results[0]) != "updated" || p.State().Told != 1 || results[0].Down.IsZero() {
		t.Errorf("%s %+v", ending(results[0]), p.State())
	}
}

// A run that is stopped ends at once, at whatever step, and says whether the phone was told.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	for _, step := range []fleet.Step{
		fleet.StepContacted, fleet.StepCalled, fleet.StepChecked, fleet.StepTold, fleet.StepFetching, fleet.StepFetched, fleet.StepRestarting, fleet.StepBack,
	} {
		t.Run(string(step), func(t *testing.T) {
			t.Parallel()
			p := phone(t, 1, func(c *phonesim.Config) { c.CallDelay = 50 * time.Millisecond }, "accepts")
			s := set(t, quick())
			ctx, stop := context.WithCancelCause(t.Context())
			defer stop(nil)
			told := false
			s.hear = func(e fleet.Event) {
				told = told || e.Step == fleet.StepTold
				if e.Step == step {
					stop(&fleet.Failure{Kind: fleet.KindCut, Msg: "another phone's"})
				}
			}
			s.plan.Phones = []fleet.Target{targetOf(p.Address())}
			results, err := s.runner.Run(ctx, s.plan)
			if err != nil || ending(results[0]) != "interrupted" {
				t.Fatal(err, ending(results[0]))
			}
			if told != results[0].Told {
				t.Error("told or not?")
			}
			if err := s.agree(results); err != nil {
				t.Error(err)
			}
			_ = p.Close()
		})
	}
}

// After a run nothing of it is left.
func TestLeavesNothing(t *testing.T) { //nolint:paralleltest // counts goroutines
	p := phone(t, 1, nil, "never-fetches")
	s := set(t, quick())
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	s.hear = func(e fleet.Event) {
		if e.Step == fleet.StepTold {
			stop()
		}
	}
	s.plan.Phones = []fleet.Target{targetOf(p.Address())}
	s.plan.Image.Source = unwatched{s.plan.Image.Source}
	if _, err := s.runner.Run(ctx, s.plan); err != nil {
		t.Fatal(err)
	}
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for stack := range strings.SplitSeq(string(stacks), "\n\n") {
		if strings.Contains(stack, "fleet.(*phone)") || strings.Contains(stack, "fleet.(*following)") {
			t.Error(stack)
		}
	}
}

// say posts a message as a phone does, from an address, and returns the action that is the answer, or the status.
func (s *stage) say(t *testing.T, from string, m wpi.PhoneMessage) string {
	t.Helper()
	dialer := &net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 0))}
	transport := &http.Transport{DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	m.Nonce, m.MaxItems = "00112233445566778899AABBCCDDEEFF", -1
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+s.https.Addr().String()+wpi.ServicePath, bytes.NewReader(m.Marshal()))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := (&http.Client{Transport: transport, Timeout: long}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Sprint(answer.StatusCode)
	}
	told, err := wpi.ParseServiceMessage(text)
	if err != nil {
		t.Fatal(err)
	}
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

// Who says from a phone's address that it runs the new version makes no success of one that fetched nothing; what comes from
// elsewhere, or states another port and MAC address, is not answered.
func TestLiar(t *testing.T) {
	t.Parallel()
	p := phone(t, 1, nil, "never-fetches")
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
	other := introduction(wpi.StartUp, "127.0.0.1:1")
	other.Items[4].Value = macOf(7)
	for _, c := range []struct {
		from    string
		message wpi.PhoneMessage
		answer  string
	}{
		{"127.0.0.9", introduction(wpi.StartUp, p.Address()), "403"},
		{"127.0.0.1", other, "403"},
		{"127.0.0.1", introduction(wpi.StartUp, p.Address()), wpi.ActionCleanUp},
		{"127.0.0.1", introduction(wpi.Solicited, p.Address()), wpi.ActionCleanUp},
	} {
		if got := s.say(t, c.from, c.message); got != c.answer {
			t.Errorf("%s %s: %s, want %s", c.from, c.message.Reason, got, c.answer)
		}
	}
	results := <-ended
	if ending(results[0]) != "unproven" || p.State().Told != 1 {
		t.Error(ending(results[0]), p.State().Told)
	}
	if got := s.say(t, "127.0.0.1", introduction(wpi.Solicited, p.Address())); got != wpi.ActionCleanUp {
		t.Errorf("after the end: %s", got)
	}
	if err := s.agree(results); err != nil {
		t.Error(err)
	}
}

// A phone that says for ever that it accepts, or that all is well, is given up as one that is silent.
func TestMarksTime(t *testing.T) {
	t.Parallel()
	p := phone(t, 1, nil, "never-fetches")
	s := set(t, impatient())
	told, over := make(chan struct{}), atomic.Bool{}
	s.hear = func(e fleet.Event) {
		if e.Step == fleet.StepTold {
			close(told)
		}
	}
	ended := make(chan struct{})
	var results []fleet.Result
	go func() {
		defer close(ended)
		results = s.run(t, p.Address())
		over.Store(true)
	}()
	await(t, "told", told)
	status := introduction(wpi.FileStatus, p.Address())
	status.Items = append(status.Items, wpi.Item{Name: wpi.ItemFileStatus, Value: "ok"})
	for !over.Load() {
		_ = s.say(t, "127.0.0.1", status)
		_ = s.say(t, "127.0.0.1", wpi.PhoneMessage{Reason: wpi.ReplyTo, Action: wpi.ActionSoftwareDeployment, Status: wpi.Accepted})
	}
	await(t, "the end", ended)
	if ending(results[0]) != "never-fetched" {
		t.Error(ending(results[0]))
	}
}

// Many phones at once: each is told once, no more than allowed are under way, and the results are in order.
func TestMany(t *testing.T) {
	t.Parallel()
	const most, parallel = 200, 20
	o := quick()
	o.Parallel, o.Patience = parallel, 2*long
	s := set(t, o)
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
		phones = append(phones, phone(t, n, func(c *phonesim.Config) { c.Listen = fmt.Sprintf("127.0.5.%d:0", n+1) }))
		addresses = append(addresses, phones[n].Address())
	}
	results := s.run(t, addresses...)
	for n, r := range results {
		if ending(r) != "updated" || r.After.MAC != macOf(n) || phones[n].State().Told != 1 {
			t.Errorf("%d: %s %v", n, ending(r), r.Failure)
		}
	}
	if worst > parallel {
		t.Errorf("%d at once", worst)
	}
	if err := s.agree(results); err != nil {
		t.Error(err)
	}
}

// A fetch that is cut by an interrupt leaves the phone what it was.
func TestInterruptCutsFetch(t *testing.T) {
	t.Parallel()
	p := phone(t, 1, nil, "stalls-mid-download")
	s, err := newStage(t.TempDir(), 24<<20, nil, false, quick())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	s.hear = func(e fleet.Event) {
		if e.Step == fleet.StepFetching && e.Fetch.Sent > 0 {
			stop()
		}
	}
	s.plan.Phones = []fleet.Target{targetOf(p.Address())}
	results, err := s.runner.Run(ctx, s.plan)
	if err != nil || ending(results[0]) != "interrupted" || !results[0].Told {
		t.Fatal(err, ending(results[0]))
	}
	if state := p.State(); state.Version != oldVersion || state.Fetches != 0 || state.Restarts != 0 {
		t.Errorf("%+v", state)
	}
}

// A phone that the image cannot suit, by what is stated of it, is not asked; the others are updated.
func TestStated(t *testing.T) {
	t.Parallel()
	hopeless, good := phone(t, 1, nil), phone(t, 2, nil)
	s := set(t, quick())
	s.plan.Phones = []fleet.Target{targetOf(hopeless.Address()), targetOf(good.Address())}
	s.plan.Phones[0].Known.Level = []hwcheck.Claim[uint16]{{Value: 9, Origin: hwcheck.List}}
	results := s.run(t)
	if ending(results[0]) != "refused" || ending(results[1]) != "updated" || hopeless.State().Contacts != 0 || results[0].Verdict == nil {
		t.Error(results[0].Failure, results[1].Failure, hopeless.State())
	}
	if err := s.agree(results); err != nil {
		t.Error(err)
	}
}
