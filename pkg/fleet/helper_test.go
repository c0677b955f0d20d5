package fleet_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/memnet"
	"github.com/cpupdate/cpupdate/internal/testca"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// identity is the certificate of all servers in these tests: making one takes a while. It is valid when the time of
// [synctest] begins.
var identity = sync.OnceValues(func() (tls.Certificate, error) {
	return serve.MakeCertificate([]string{machine}, time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))
})

const (
	hfa  = "Unify HFA"
	sip  = "Unify SIP"
	name = "cp.bind"

	machine = "10.1.0.1" // the machine that the runner runs on

	// How long phones take: no multiples of any interval, so that nothing else happens at the same time.
	callDelay   = 2300 * time.Millisecond
	installTime = 90300 * time.Millisecond
	restartTime = 180700 * time.Millisecond

	rate = 70_000 // bytes a second that phones fetch
)

var (
	oldVersion = bind.Version{Major: 1, Release: 4, Fix: 9}
	newVersion = bind.Version{Major: 1, Release: 9, Fix: 2}
)

// macOf is the MAC address of a phone.
func macOf(n int) string { return fmt.Sprintf("00:1A:E8:00:%02X:%02X", n>>8, n&255) }

// hostOf is the IP address of a phone.
func hostOf(n int) string { return fmt.Sprintf("10.0.%d.%d", n>>8, n&255) }

// An imageFile is an image that is there to be handed out.
type imageFile struct {
	facts   bind.Facts
	content *io.SectionReader
}

// build makes an image. nil changes nothing.
func build(t *testing.T, size int, change func(*bind.Builder)) imageFile {
	t.Helper()
	b := &bind.Builder{Family: "OpenScape Desk Phone CP", SoftwareType: hfa, Version: newVersion}
	b.Levels, _ = bind.ParseLevels("1-3")
	if change != nil {
		change(b)
	}
	var text bytes.Buffer
	payload := bytes.NewReader(make([]byte, size))
	fatal(t, b.Build(t.Context(), &text, io.NewSectionReader(payload, 0, int64(size))))
	content := bytes.NewReader(text.Bytes())
	f, err := bind.NewFile(content, content.Size())
	fatal(t, err)
	fatal(t, f.Verify(t.Context()))
	return imageFile{f.Facts(), io.NewSectionReader(content, 0, content.Size())}
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A stage is a network in memory with a runner, what phones call and fetch from, and what was told. It belongs to a test
// in virtual time.
type stage struct {
	t      *testing.T
	net    *memnet.Network
	runner *fleet.Runner
	https  *serve.Server
	image  imageFile
	plan   fleet.Plan
	secure *testca.Authority // of the site, nil if its phones are in default mode

	others sync.WaitGroup // what phones do besides

	mu     sync.Mutex
	events []fleet.Event
	hear   func(fleet.Event)
	dialed []string // to whom the runner has connected, or tried to
}

// A setting is what is special about a stage.
type setting struct {
	size    int // of the image
	image   func(*bind.Builder)
	legacy  bool
	secure  *testca.Authority
	options fleet.Options
	dial    func(ctx context.Context, network, address string) (net.Conn, error) // nil: by the network in memory
}

// set opens a stage as others have it, with options of its own.
func set(t *testing.T, o fleet.Options) *stage {
	t.Helper()
	return newStage(t, setting{options: o})
}

func newStage(t *testing.T, w setting) *stage {
	t.Helper()
	t.Cleanup(func() { time.Sleep(time.Minute) }) // handlers that sleep, and servers that hold on to a connection, come to their end
	s := &stage{t: t, net: memnet.New(), secure: w.secure, image: build(t, max(w.size, 512<<10), w.image)}
	o := w.options
	o.Event, o.Dial, o.Lookup = s.note, s.dial, s.net.LookupNetIP
	if w.dial != nil {
		o.Dial = w.dial
	}
	s.runner = fleet.New(o)
	certificate, err := identity()
	fatal(t, err)
	var authorities *x509.CertPool
	if w.secure != nil {
		authorities = w.secure.Pool()
		certificate = w.secure.Issue(func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.ParseIP(machine)} })
	}
	l, err := s.net.Listen(t.Context(), "tcp", machine+":18443")
	fatal(t, err)
	s.https, err = serve.New(serve.Options{
		Listener: l, Certificate: certificate, Legacy: w.legacy, Rate: rate, Handler: s.runner.Calls(), OnError: s.runner.OnError,
		ClientAuthorities: authorities, Known: s.runner.Known,
	})
	fatal(t, err)
	t.Cleanup(func() { fatal(t, s.https.Close()) })
	s.plan = fleet.Plan{Back: s.back, Image: &fleet.Image{Facts: s.image.facts, Priority: wpi.Normal}}
	s.plan.Image.Source = fleet.Served(s.https, name, s.image.content, s.back)
	return s
}

// note notes an event.
func (s *stage) note(e fleet.Event) {
	s.mu.Lock()
	s.events = append(s.events, e)
	hear := s.hear
	s.mu.Unlock()
	if hear != nil {
		hear(e)
	}
}

// dial connects from the machine that the runner runs on.
func (s *stage) dial(ctx context.Context, network, address string) (net.Conn, error) {
	s.mu.Lock()
	s.dialed = append(s.dialed, address)
	s.mu.Unlock()
	return s.net.DialFrom(ctx, netip.MustParseAddr(machine), network, address)
}

// back is where phones call and fetch: at the address by which they are reached.
func (s *stage) back(local netip.Addr) (string, int) {
	return local.String(), int(s.https.Addr().Port())
}

// phoneConfig is a phone that can be updated.
func (s *stage) phoneConfig(n int) phonesim.Config {
	c := phonesim.Config{
		Listen: hostOf(n) + ":8085", DeviceType: "OpenScape Desk Phone CP600", MAC: macOf(n), PartNumber: "S30817-S7720-A101-4",
		SoftwareType: hfa, Version: oldVersion, Level: 3, CallDelay: callDelay, InstallTime: installTime, RestartTime: restartTime, Network: s.net,
	}
	if s.secure != nil {
		c.Authorities = s.secure.Pool()
		c.Certificate, c.OtherCertificate = s.certificateFor(macOf(n)), s.certificateFor(macOf(n+1))
	}
	return c
}

// certificateFor returns a certificate of the site's authority for a phone.
func (s *stage) certificateFor(name string) *tls.Certificate {
	c := s.secure.Issue(func(c *x509.Certificate) {
		c.Subject.CommonName, c.DNSNames, c.IPAddresses = name, nil, nil
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	})
	return &c
}

// phone starts a phone.
func (s *stage) phone(n int, change func(*phonesim.Config), faults ...string) *phonesim.Phone {
	s.t.Helper()
	c := s.phoneConfig(n)
	if change != nil {
		change(&c)
	}
	for _, fault := range faults {
		fatal(s.t, c.AddFault(fault))
	}
	p, err := phonesim.Start(c)
	fatal(s.t, err)
	s.t.Cleanup(func() { _ = p.Close() })
	return p
}

// targetOf is what is known of a phone that was started by phone.
func targetOf(address string) fleet.Target {
	return fleet.Target{Address: address, Known: hwcheck.Phone{Level: []hwcheck.Claim[uint16]{{Value: 3, Origin: hwcheck.Flag}}}}
}

// run runs the plan with targets at these addresses.
func (s *stage) run(addresses ...string) []fleet.Result {
	s.t.Helper()
	return s.runUntil(s.t.Context(), addresses...)
}

// runUntil is run with a context of its own.
func (s *stage) runUntil(ctx context.Context, addresses ...string) []fleet.Result {
	s.t.Helper()
	for _, a := range addresses {
		s.plan.Phones = append(s.plan.Phones, targetOf(a))
	}
	results, err := s.runner.Run(ctx, s.plan)
	s.others.Wait() // while the test's context lasts
	if err != nil {
		s.t.Error(err)
		return make([]fleet.Result, len(s.plan.Phones))
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

// waits are the steps that begin a wait, and must say how long it is.
var waits = map[fleet.Step]bool{
	fleet.StepContacted: true, fleet.StepReading: true, fleet.StepInstructed: true, fleet.StepAccepted: true, fleet.StepBusy: true, fleet.StepFetching: true,
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
		if r.Failure != nil && r.Failure.Instructed != r.Instructed {
			return fmt.Errorf("phone %d: told or not?", i)
		}
	}
	return nil
}
