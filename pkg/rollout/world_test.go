package rollout_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/internal/memnet"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/rollout"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

const (
	machine = "10.1.0.1" // on which runs of the tests are
	name    = "spring"   // of the rollout
	hfa     = "Unify HFA"
)

var (
	oldVersion = bind.Version{Major: 1, Release: 4, Fix: 9}
	midVersion = bind.Version{Major: 1, Release: 6}
	newVersion = bind.Version{Major: 1, Release: 9, Fix: 2}
)

// identity is the certificate of all runs: making one takes a while. It is valid when the time of synctest begins.
var identity = sync.OnceValues(func() (tls.Certificate, error) {
	return serve.MakeCertificate([]string{machine}, time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))
})

// An imageFile is an image that runs serve.
type imageFile struct {
	facts   bind.Facts
	content *io.SectionReader
}

// build makes an image of a version that can be installed on phones that run at least minimum.
func build(version, minimum bind.Version) (imageFile, error) {
	const size = 64 << 10
	b := &bind.Builder{Family: "OpenScape Desk Phone CP", SoftwareType: hfa, Version: version, UpdateFrom: minimum}
	b.Levels, _ = bind.ParseLevels("1-3")
	var text bytes.Buffer
	if err := b.Build(context.Background(), &text, io.NewSectionReader(bytes.NewReader(make([]byte, size)), 0, size)); err != nil {
		return imageFile{}, err
	}
	content := bytes.NewReader(text.Bytes())
	f, err := bind.NewFile(content, content.Size())
	if err != nil {
		return imageFile{}, err
	}
	return imageFile{f.Facts(), io.NewSectionReader(content, 0, content.Size())}, f.Verify(context.Background())
}

// images are the images of all tests: they are made once.
var images = sync.OnceValues(func() ([]imageFile, error) {
	direct, err := build(newVersion, bind.Version{})
	if err != nil {
		return nil, err
	}
	stone, err := build(midVersion, bind.Version{})
	if err != nil {
		return nil, err
	}
	last, err := build(newVersion, midVersion)
	return []imageFile{direct, stone, last}, err
})

// The images by their number.
const (
	direct = iota // the new version
	stone         // the version between
	last          // the new version, for phones that run the version between
)

// hostOf and macOf are the addresses of a phone.
func hostOf(n int) string { return fmt.Sprintf("10.0.%d.%d", n>>3, n&7+1) }
func macOf(n int) string  { return fmt.Sprintf("00:1A:E8:00:%02X:%02X", n>>8, n&255) }

// A world is phones, a network and a journal. It belongs to a test in virtual time.
type world struct {
	t      *testing.T
	net    *memnet.Network
	place  *journaltest.Memory
	ledger journal.Ledger // of the test
	phones []*phonesim.Phone
	port   int // of the last run
	images []imageFile
	sites  []string // of each phone; nil if none has one

	mu    sync.Mutex
	heard []phonesim.Event
}

func newWorld(t *testing.T) *world {
	t.Helper()
	t.Cleanup(func() { time.Sleep(time.Hour) }) // whatever sleeps comes to its end
	all, err := images()
	fatal(t, err)
	w := &world{t: t, net: memnet.New(), place: journaltest.NewMemory(), port: 18443, images: all}
	w.ledger = w.place.Open()
	return w
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// phone starts the next phone.
func (w *world) phone(faults ...string) {
	w.t.Helper()
	w.phoneOf(func(*phonesim.Config) {}, faults...)
}

// phoneOf starts the next phone, which is special in some way.
func (w *world) phoneOf(change func(*phonesim.Config), faults ...string) {
	w.t.Helper()
	n := len(w.phones)
	c := phonesim.Config{
		Listen: hostOf(n) + ":8085", DeviceType: "OpenScape Desk Phone CP600", MAC: macOf(n), PartNumber: "S30817-S7720-A101-4",
		SoftwareType: hfa, Version: oldVersion, Level: 3, Network: w.net,
		CallDelay: 2300 * time.Millisecond, InstallTime: 90300 * time.Millisecond, RestartTime: 180700 * time.Millisecond,
		Event: w.hear,
	}
	for _, fault := range faults {
		fatal(w.t, c.AddFault(fault))
	}
	change(&c)
	p, err := phonesim.Start(c)
	fatal(w.t, err)
	w.t.Cleanup(func() { _ = p.Close() })
	w.phones = append(w.phones, p)
}

// stream returns the events of a phone, or of the rollout itself.
func (w *world) stream(phone string) []journal.Event {
	w.t.Helper()
	for n, site := range w.sites {
		if phone == hostOf(n) {
			phone = site + "/" + phone
		}
	}
	return journaltest.List(w.t, w.ledger.Read(w.t.Context(), journal.Key{Rollout: name, Phone: phone}))
}

// at returns the phones of a site, in the order in which its worker knows them.
func (w *world) at(site string) (phones []int) {
	for n, of := range w.sites {
		if of == site {
			phones = append(phones, n)
		}
	}
	return phones
}

func (w *world) hear(e phonesim.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard = append(w.heard, e)
}

// events returns what happened to phones so far.
func (w *world) events() []phonesim.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]phonesim.Event(nil), w.heard...)
}

// plan saves a plan in which the phones get images one after the other, in waves of so many phones; a first wave of the name canary
// is opened without asking.
func (w *world) plan(rules rollout.Rules, images []int, sizes ...int) {
	w.t.Helper()
	if rules.Attempts == 0 {
		rules.Attempts = 3
	}
	if rules.Pause == "" {
		rules.Pause = rollout.PauseNone
	}
	if rules.Parallel == 0 {
		rules.Parallel = 8
	}
	plan := rollout.Plan{Rules: rules}
	for i, image := range w.images {
		facts := image.facts
		plan.Images = append(plan.Images, rollout.Image{
			Name: fmt.Sprintf("image%d.bind", i), SHA256: fmt.Sprintf("%064x", i), Size: image.content.Size(), Version: facts.Version.Value, SoftwareType: hfa,
		})
	}
	for n := range w.phones {
		phone := rollout.Phone{Address: hostOf(n), MAC: macOf(n), Images: images, Class: "a"}
		if w.sites != nil {
			phone.Site = w.sites[n]
		}
		plan.Phones = append(plan.Phones, phone)
	}
	next := 0
	for i, size := range sizes {
		wave := rollout.Wave{Name: fmt.Sprint(size)}
		if i == 0 {
			wave.Name = "canary"
		}
		for ; size > 0; size-- {
			wave.Phones = append(wave.Phones, next)
			next++
		}
		plan.Waves = append(plan.Waves, wave)
	}
	fatal(w.t, rollout.Save(w.t.Context(), w.ledger, name, time.Now(), journal.Planned{}, plan))
}

// load reads the rollout.
func (w *world) load() *rollout.Saved {
	w.t.Helper()
	s, err := rollout.Load(w.t.Context(), w.ledger, name)
	fatal(w.t, err)
	return s
}

// causes is the table of causes of the tests.
func causes(kind fleet.Kind, instructed bool) (rollout.Cause, bool) {
	switch kind {
	case fleet.KindUnreachable, fleet.KindNoPhone, fleet.KindNoCall, fleet.KindBusy:
		return rollout.Unreachable, true
	case fleet.KindRejected, fleet.KindNotTaken:
		return rollout.Rejected, false
	case fleet.KindRefused:
		return rollout.Refused, false
	case fleet.KindUnknown:
		return rollout.Unknown, false
	}
	if instructed {
		return rollout.Unverified, false
	}
	return rollout.Settings, false
}

// A process is one run of the rollout, with everything that it has on the machine.
type process struct {
	*rollout.Engine
	w      *world
	server *serve.Server
	cancel context.CancelFunc
	ctx    context.Context
	done   chan struct{}

	decision rollout.Decision
	err      error
}

// process makes a run that has not begun. change may set what is special about it.
func (w *world) process(change func(*rollout.Engine)) *process {
	w.t.Helper()
	w.port++
	p := &process{w: w, done: make(chan struct{})}
	rules := w.load().Plan.Rules
	p.Engine = &rollout.Engine{
		Ledger: w.place.Open(), Name: name, Causes: causes,
		Begun: journal.RunBegun{Run: fmt.Sprint("run", w.port), By: journal.Origin{User: "tech"}},
	}
	runner := fleet.New(fleet.Options{
		Parallel: rules.Parallel, Event: func(e fleet.Event) { p.Handle(e) }, Lookup: w.net.LookupNetIP,
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			return w.net.DialFrom(ctx, netip.MustParseAddr(machine), network, address)
		},
	})
	certificate, err := identity()
	fatal(w.t, err)
	l, err := w.net.Listen(w.t.Context(), "tcp", fmt.Sprintf("%s:%d", machine, w.port))
	fatal(w.t, err)
	p.server, err = serve.New(serve.Options{Listener: l, Certificate: certificate, Handler: runner.Calls(), OnError: runner.OnError, Rate: 70_000})
	fatal(w.t, err)
	back := func(local netip.Addr) (string, int) { return local.String(), int(p.server.Addr().Port()) }
	var offers []*fleet.Image
	for i, image := range w.images {
		offers = append(offers, &fleet.Image{
			Facts: image.facts, Priority: wpi.Normal, Source: fleet.Served(p.server, fmt.Sprintf("image%d.bind", i), image.content, back),
		})
	}
	p.Crew, p.Base = runner, fleet.Plan{Back: back}
	p.Target = func(phone, image int) fleet.Target {
		return fleet.Target{
			Address: hostOf(phone), MAC: macOf(phone), Image: offers[image],
			Known: hwcheck.Phone{Level: []hwcheck.Claim[uint16]{{Value: 3, Origin: hwcheck.Flag}}},
		}
	}
	if change != nil {
		change(p.Engine)
	}
	if target, phones := p.Target, w.at(p.Site); p.Site != "" {
		p.Target = func(phone, image int) fleet.Target { return target(phones[phone], image) }
	}
	p.ctx, p.cancel = context.WithCancel(w.t.Context())
	w.t.Cleanup(func() {
		p.cancel()
		_ = p.server.Close()
	})
	return p
}

// start begins the run; wait returns when it has ended.
func (p *process) start() *process {
	go func() {
		defer close(p.done)
		p.decision, p.err = p.Run(p.ctx)
	}()
	return p
}

func (p *process) wait() (rollout.Decision, error) {
	<-p.done
	p.cancel()
	_ = p.server.Close()
	return p.decision, p.err
}

// run carries the rollout out until it ends.
func (w *world) run(change func(*rollout.Engine)) rollout.Decision {
	w.t.Helper()
	d, err := w.process(change).start().wait()
	if err != nil {
		w.t.Errorf("run: %v", err)
	}
	return d
}

// ends returns how it ended with each phone, in a word; "-" where it has not.
func (w *world) ends() string {
	w.t.Helper()
	text := ""
	for _, steps := range w.load().Steps {
		word := "-"
		for _, st := range steps {
			switch {
			case st.Outcome == nil:
				word = "-"
			case st.Outcome.Result == journal.Failed:
				word = st.Outcome.Failure
			default:
				word = st.Outcome.Result
			}
			if word != journal.Updated {
				break
			}
		}
		text += " " + word
	}
	return text[min(1, len(text)):]
}
