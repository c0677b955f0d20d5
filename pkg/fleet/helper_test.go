package fleet_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// identity is the certificate of all servers in these tests: making one takes a while.
var identity = sync.OnceValues(func() (tls.Certificate, error) {
	return serve.MakeCertificate([]string{"127.0.0.1", "localhost"}, time.Now())
})

const (
	hfa  = "Unify HFA"
	sip  = "Unify SIP"
	name = "cp.bind"

	short = 2500 * time.Millisecond // the patience of runs that are to end by it
	long  = 20 * time.Second        // of those that are not
)

var (
	oldVersion = bind.Version{Major: 1, Release: 4, Fix: 9}
	newVersion = bind.Version{Major: 1, Release: 9, Fix: 2}
)

// macOf is the MAC address of a phone.
func macOf(n int) string { return fmt.Sprintf("00:1A:E8:00:%02X:%02X", n>>8, n&255) }

// An imageFile is an image that is there to be handed out.
type imageFile struct {
	facts   bind.Facts
	content *io.SectionReader
}

// build makes an image. nil changes nothing.
func build(dir string, size int, change func(*bind.Builder)) (imageFile, error) {
	b := &bind.Builder{Family: "OpenScape Desk Phone CP", SoftwareType: hfa, Version: newVersion}
	b.Levels, _ = bind.ParseLevels("1-3")
	if change != nil {
		change(b)
	}
	var text bytes.Buffer
	payload := bytes.NewReader(make([]byte, size))
	if err := b.Build(context.Background(), &text, io.NewSectionReader(payload, 0, int64(size))); err != nil {
		return imageFile{}, err
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		return imageFile{}, err
	}
	f, err := bind.Open(path)
	if err != nil {
		return imageFile{}, err
	}
	defer func() { _ = f.Close() }()
	if err := f.Verify(context.Background()); err != nil {
		return imageFile{}, err
	}
	return imageFile{f.Facts(), io.NewSectionReader(bytes.NewReader(text.Bytes()), 0, int64(text.Len()))}, nil
}

// A stage is a runner, what phones call and fetch from, and what was told.
type stage struct {
	runner *fleet.Runner
	https  *serve.Server
	ftp    *serve.FTPServer
	image  imageFile
	plan   fleet.Plan

	mu     sync.Mutex
	events []fleet.Event
	hear   func(fleet.Event)
	seen   chan struct{} // closed when a phone is seen to restart
}

// newStage opens a stage. Options are changed as wanted.
func newStage(dir string, size int, image func(*bind.Builder), legacy bool, o fleet.Options) (*stage, error) {
	s := &stage{seen: make(chan struct{})}
	var (
		err  error
		once sync.Once
	)
	if s.image, err = build(dir, size, image); err != nil {
		return nil, err
	}
	o.Event = func(e fleet.Event) {
		s.mu.Lock()
		s.events = append(s.events, e)
		hear := s.hear
		s.mu.Unlock()
		if e.Step == fleet.StepRestarting {
			once.Do(func() { close(s.seen) })
		}
		if hear != nil {
			hear(e)
		}
	}
	s.runner = fleet.New(o)
	certificate, err := identity()
	if err != nil {
		return nil, err
	}
	listening := serve.Options{
		Address: "127.0.0.1:0", Certificate: certificate, Legacy: legacy, Handler: s.runner.Calls(), OnError: s.runner.Troubled,
	}
	if s.https, err = serve.New(listening); err != nil {
		return nil, err
	}
	if s.ftp, err = serve.NewFTP(listening); err != nil {
		return nil, errors.Join(err, s.https.Close())
	}
	s.plan = fleet.Plan{Back: s.back, Image: &fleet.Image{Facts: s.image.facts, Priority: wpi.Normal}}
	s.plan.Image.Source = fleet.Served(s.https, name, s.image.content, s.back)
	return s, nil
}

func (s *stage) back(netip.Addr) (string, int) { return "127.0.0.1", int(s.https.Addr().Port()) }

func (s *stage) ftpBack(netip.Addr) (string, int) { return "127.0.0.1", int(s.ftp.Addr().Port()) }

func (s *stage) close() {
	_ = s.https.Close()
	_ = s.ftp.Close()
}

// set opens a stage for one test.
func set(t *testing.T, o fleet.Options) *stage {
	t.Helper()
	s, err := newStage(t.TempDir(), 512<<10, nil, false, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return s
}

// quick are options for runs that end well.
func quick() fleet.Options {
	return fleet.Options{ContactInterval: 300 * time.Millisecond, Patience: long, Probe: 150 * time.Millisecond, Timeout: 10 * time.Second, Doubt: time.Second}
}

// impatient are options for runs that end by patience.
func impatient() fleet.Options {
	o := quick()
	o.Patience = short
	return o
}

// phoneConfig is a phone that can be updated.
func phoneConfig(n int) phonesim.Config {
	return phonesim.Config{
		Listen: "127.0.0.1:0", DeviceType: "OpenScape Desk Phone CP600", MAC: macOf(n), PartNumber: "S30817-S7720-A101-4",
		SoftwareType: hfa, Version: oldVersion, Level: 3, InstallTime: 10 * time.Millisecond, RestartTime: 500 * time.Millisecond,
	}
}

// phone starts a phone.
func phone(t *testing.T, n int, change func(*phonesim.Config), faults ...string) *phonesim.Phone {
	t.Helper()
	c := phoneConfig(n)
	if change != nil {
		change(&c)
	}
	for _, fault := range faults {
		if err := c.AddFault(fault); err != nil {
			t.Fatal(err)
		}
	}
	p, err := phonesim.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// targetOf is what is known of a phone that was started by phone.
func targetOf(address string) fleet.Target {
	return fleet.Target{Address: address, Known: hwcheck.Phone{Level: []hwcheck.Claim[uint16]{{Value: 3, Origin: hwcheck.Flag}}}}
}

// run runs the plan with targets at these addresses.
func (s *stage) run(t *testing.T, addresses ...string) []fleet.Result {
	t.Helper()
	for _, a := range addresses {
		s.plan.Phones = append(s.plan.Phones, targetOf(a))
	}
	results, err := s.runner.Run(t.Context(), s.plan)
	if err != nil {
		t.Fatal(err)
	}
	return results
}

// told returns the events so far.
func (s *stage) told() []fleet.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]fleet.Event(nil), s.events...)
}

// steps are the first phone's steps in their order; of the same one several times in a row one is left, and what was done
// at its page step by step is left out.
func (s *stage) steps() string {
	var steps []string
	for _, e := range s.told() {
		if e.Phone == 0 && e.Step != fleet.StepVisited && (len(steps) == 0 || steps[len(steps)-1] != string(e.Step)) {
			steps = append(steps, string(e.Step))
		}
	}
	return strings.Join(steps, " ")
}

// ending is how it ended with a phone, in a word.
func ending(r fleet.Result) string {
	if r.Failure != nil {
		return string(r.Failure.Kind)
	}
	return string(r.Outcome)
}

// await waits for something, and fails the test if it does not come.
func await(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(long):
		t.Fatalf("%s: nothing after %s", what, long)
	}
}

// waits are the steps that begin a wait, and must say how long it is.
var waits = map[fleet.Step]bool{
	fleet.StepContacted: true, fleet.StepReading: true, fleet.StepTold: true, fleet.StepAccepted: true, fleet.StepBusy: true, fleet.StepFetching: true,
	fleet.StepFetched: true, fleet.StepRestarting: true, fleet.StepBack: true, fleet.StepSilent: true,
	fleet.StepSending: true, fleet.StepSent: true, fleet.StepAnswered: true,
}

// agree fails unless events and results fit together: the last event of each phone, and no other, is its end.
func (s *stage) agree(results []fleet.Result) error {
	ends := map[int]fleet.Event{}
	for _, e := range s.told() {
		if _, over := ends[e.Phone]; over {
			return fmt.Errorf("phone %d: %s after its end", e.Phone, e.Step)
		}
		if waits[e.Step] && e.Limit <= 0 {
			return fmt.Errorf("%s has no limit", e.Step)
		}
		if e.Step == fleet.StepDone || e.Step == fleet.StepFailed {
			ends[e.Phone] = e
		}
	}
	if len(ends) != len(results) {
		return fmt.Errorf("%d phones, %d of them ended", len(results), len(ends))
	}
	for i, r := range results {
		e := ends[i]
		if e.Failure != r.Failure || e.Outcome != r.Outcome || (r.Failure == nil) != (e.Step == fleet.StepDone) || e.Device != r.After {
			return fmt.Errorf("phone %d: the event says %s %v %v, the result %s", i, e.Outcome, e.Step, e.Device, ending(r))
		}
		if r.Failure != nil && r.Failure.Told != r.Told {
			return fmt.Errorf("phone %d: told or not?", i)
		}
	}
	return nil
}
