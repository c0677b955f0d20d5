package fleet_test

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/internal/testca"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// The steps of ways that end well.
const (
	asked     = "contacted called-back checked told "
	fetched   = asked + fetch
	fetch     = "fetching fetched "
	restarted = fetched + "restarting back "
	vain      = "contacted trouble contacted trouble failed"
	happy     = restarted + "contacted called-back done"
)

// A play is a phone with faults, and how it has to end.
type play struct {
	faults string // names, with blanks between them
	also   string // what else is special

	config  func(*phonesim.Config)
	target  func(*fleet.Target)
	options func(*fleet.Options)
	image   func(*bind.Builder)
	plan    func(*stage)
	legacy  bool
	secure  bool             // the site has an authority of its own
	web     func(*fleet.Web) // by the phone's page; nil: it fetches
	size    int              // of the image, if it is not to be in the buffers of the network as a whole

	end      string // an outcome or a kind
	steps    string // in their order
	told     bool
	updated  bool // the phone runs the new version
	tolds    int  // how often the phone was told
	restarts int
}

func updated(faults string) play {
	return play{faults: faults, end: "updated", steps: happy, told: true, updated: true, tolds: 1, restarts: 1}
}

func untouched(faults, end, steps string) play {
	return play{faults: faults, end: end, steps: steps}
}

func toldOnly(faults, end, steps string) play {
	return play{faults: faults, end: end, steps: steps, told: true, tolds: 1}
}

func (p play) with(also string, change func(*play)) play {
	p.also = also
	change(&p)
	return p
}

func plays() []play {
	var all []play
	for _, part := range [][]play{contactPlays(), callPlays(), busyPlays(), fetchPlays(), restartPlays(), otherPlays(), reinstallPlays(), ftpPlays(), webPlays(), transferPlays()} {
		all = append(all, part...)
	}
	return all
}

func contactPlays() []play {
	return []play{
		updated(""),
		untouched("ignores-contact", "no-call-back", "contacted failed"),
		untouched("contact-404", "not-a-phone", "failed"),
		untouched("no-contact-port", "unreachable", "silent failed"),
		untouched("no-contact-port", "unreachable", "failed").with("in a hurry", func(p *play) {
			p.options = func(o *fleet.Options) { o.SkipUnreachable = true }
		}),
		untouched("contact-garbage", "not-a-phone", "failed"),
		untouched("contact-silent", "unreachable", "silent failed"),
		updated("get-only"),
		updated("contact-gap"),
		updated("overload"),
		updated("calls-late").with("", func(p *play) {
			p.config = func(c *phonesim.Config) { c.CallDelay = 0 } // the fault has its own
		}),
		updated("calls-twice"),
		updated("close-connections"),
	}
}

func callPlays() []play {
	legacy, secure := func(p *play) { p.legacy = true }, func(p *play) { p.secure = true }
	return []play{
		untouched("secure-mode", "not-trusted", vain),
		updated("secure-mode").with("its authority", secure),
		updated("secure-mode tls-1.3").with("its authority", secure),
		updated("secure-mode resumes-tls").with("its authority", secure),
		untouched("secure-no-certificate", "no-certificate", vain).with("", secure),
		untouched("secure-no-certificate tls-1.3", "no-certificate", vain).with("", secure),
		untouched("secure-own-certificate", "bad-certificate", vain).with("", secure),
		untouched("secure-own-certificate tls-1.3", "bad-certificate", vain).with("", secure),
		untouched("secure-other-certificate", "certificate-mac", vain).with("", secure),
		untouched("", "no-certificate", vain).with("in default mode, at a secure site", secure),
		untouched("secure-mode", "not-trusted", vain).with("another authority", func(p *play) {
			secure(p)
			p.config = func(c *phonesim.Config) { c.Authorities = nil }
		}),
		untouched("secure-mode tls-1.3", "not-trusted", vain),
		untouched("tls-1.0-only", "tls", vain),
		updated("tls-1.0-only").with("legacy", legacy),
		untouched("rsa-kex-only", "tls", vain),
		updated("rsa-kex-only").with("legacy", legacy),
		updated("tls-1.3"),
		updated("resumes-tls"),
		updated("no-version").with("", func(p *play) {
			p.steps = "contacted reading called-back checked told " + fetch + "restarting back contacted reading called-back done"
		}),
		untouched("never-version", "unknown", "contacted reading called-back checked failed"),
		updated("part-number-unknown"),
		updated("failed-items").with("", func(p *play) {
			p.steps = "contacted reading called-back checked told " + fetch + "restarting back contacted reading called-back done"
		}),
		updated("no-contact-uri"),
		updated("user-pwd"),
		untouched("hostile-text", "refused", "contacted called-back checked failed"),
		updated("padded"),
		updated("attributes-reversed"),
		updated("constant-nonce"),
		updated("fragments"),
		updated("spaces-in-version"),
		updated("spaces-in-version fragments padded signed"),
		untouched("spaces-in-version", "nothing-to-do", "contacted called-back checked done").with("has it", func(p *play) {
			p.config = func(c *phonesim.Config) { c.Version = newVersion }
			p.updated = true
		}),
		toldOnly("spaces-in-version reject-image", "rejected", fetched+"silent contacted called-back failed"),
		updated("signed"),
		updated("signed other-xml attributes-reversed old-xml"),
		updated("signature-inside"),
		untouched("signed bad-xml", "garbled", "contacted trouble failed"),
		updated("other-xml"),
		updated("overload-gives-up"),
		updated("old-xml"),
		untouched("bad-xml", "garbled", "contacted trouble failed"),
		untouched("huge-message", "garbled", "contacted trouble failed"),
		toldOnly("other-mac", "another-phone", restarted+"contacted failed").with("", func(p *play) { p.updated, p.restarts = true, 1 }),
	}
}

func busyPlays() []play {
	again := func(call time.Duration) func(*play) {
		return func(p *play) {
			p.config = func(c *phonesim.Config) { c.CallLength = call }
			p.tolds = 2
		}
	}
	forever := play{faults: "busy-forever", end: "busy", steps: strings.Repeat(asked+"busy ", 10) + "failed", tolds: 10}
	forever.options = func(o *fleet.Options) { o.ContactInterval = 61 * time.Second } // it does not call in the moment in which patience ends
	return []play{
		updated("busy").with("", func(p *play) {
			again(30 * time.Second)(p)
			p.steps = asked + "busy called-back checked told " + fetch + "restarting back contacted called-back done"
		}),
		updated("busy-no-solicited").with("", func(p *play) {
			again(30 * time.Second)(p)
			p.steps = asked + "busy " + happy
		}),
		forever,
		updated("busy-forever").with("immediate", func(p *play) {
			p.plan = func(s *stage) { s.plan.Image.Priority = wpi.Immediate }
		}),
	}
}

func fetchPlays() []play {
	return []play{
		toldOnly("refuse-deployment", "not-taken", asked+"failed"),
		updated("accepts").with("", func(p *play) {
			p.steps = asked + "accepted " + fetch + "restarting back contacted called-back done"
		}),
		updated("silent-deployment"),
		updated("status-same-call"),
		toldOnly("never-fetches", "never-fetched", asked+"failed"),
		toldOnly("stalls-mid-download", "cut", asked+"fetching silent contacted failed"),
		toldOnly("cut-mid-download", "cut", asked+"fetching silent contacted called-back failed"),
		updated("cut-and-resumes"),
		updated("fetches-twice"),
		toldOnly("fetch-no-tls", "asks-otherwise", asked+"trouble failed"),
		toldOnly("reject-image", "rejected", fetched+"silent contacted called-back failed"),
		toldOnly("wrong-device", "rejected", fetched+"silent contacted called-back failed"),
		toldOnly("level-unsuitable", "rejected", fetched+"silent contacted called-back failed"),
		toldOnly("truncated", "rejected", fetched+"silent contacted called-back failed"),
		updated("takes-any-image"),
		toldOnly("status-failed", "says-failed", fetched+"failed"),
		toldOnly("status-failed cut-mid-download", "cut", asked+"fetching failed"),
		toldOnly("status-failed fetch-no-tls", "asks-otherwise", asked+"trouble failed"),
		updated("status-ok"),
		updated("status-other-word"),
		toldOnly("status-other-word reject-image", "rejected", fetched+"silent contacted called-back failed"),
		updated("status-several"),
		updated("status-several status-other-word signed"),
		toldOnly("status-several status-failed", "says-failed", fetched+"failed"),
		toldOnly("status-several reject-image", "says-failed", fetched+"failed"),
	}
}

func restartPlays() []play {
	back := func(faults, end, steps string, isNew bool) play {
		return play{faults: faults, end: end, steps: steps, told: true, tolds: 1, updated: isNew, restarts: 1}
	}
	return []play{
		back("reboots-with-old-version", "old-version", restarted+"contacted called-back failed", false),
		back("restarts-with-other-version", "old-version", restarted+"contacted called-back failed", false),
		toldOnly("never-comes-back", "never-back", fetched+"restarting failed"),
		back("comes-back-elsewhere", "never-back", fetched+"restarting failed", true),
		back("comes-back-elsewhere start-up-to-last", "updated", fetched+"restarting back done", true),
		back("comes-back-secure", "no-answer", restarted+vain, true),
		back("comes-back-other-mac", "another-phone", restarted+"contacted failed", true),
		back("start-up-to-last", "updated", fetched+"restarting back done", true),
		back("start-up-to-last reboots-with-old-version", "old-version", fetched+"restarting back failed", false),
		back("start-up-to-last no-version", "updated", "contacted reading called-back checked told "+fetch+"restarting back contacted reading called-back done", true),
	}
}

func otherPlays() []play {
	return []play{
		untouched("", "looked", "contacted called-back done").with("looked at", func(p *play) { p.plan = func(s *stage) { s.plan.Image = nil } }),
		untouched("", "checked", "contacted called-back checked done").with("checked", func(p *play) { p.plan = func(s *stage) { s.plan.Image.Source = nil } }),
		untouched("", "nothing-to-do", "contacted called-back checked done").with("has it", func(p *play) {
			p.config = func(c *phonesim.Config) { c.Version = newVersion }
			p.updated = true
		}),
		untouched("", "refused", "contacted called-back checked failed").with("wrong model", func(p *play) {
			p.image = func(b *bind.Builder) { b.Models = []string{"CP200"} }
		}),
		untouched("", "unknown", "contacted called-back checked failed").with("level not known", func(p *play) {
			p.target = func(t *fleet.Target) { t.Known.Level = nil }
		}),
		updated("").with("override", func(p *play) {
			p.target = func(t *fleet.Target) { t.Known.Level, t.Override, t.Reason = nil, true, "tried" }
		}),
		updated("").with("the list's MAC", func(p *play) {
			p.target = func(t *fleet.Target) { t.MAC = "00-1a-e8-00-00-01" }
		}),
		untouched("", "another-phone", "contacted failed").with("not the list's MAC", func(p *play) {
			p.target = func(t *fleet.Target) { t.MAC = macOf(99) }
		}),
		untouched("", "source", "contacted called-back checked failed").with("a URL that phones cannot read", func(p *play) {
			p.plan = func(s *stage) { s.plan.Image.Source = fleet.Elsewhere(wpi.Deployment{URL: "https://10.1.0.1/a?b&c"}) }
		}),
		updated("").with("other type", func(p *play) {
			p.image = func(b *bind.Builder) { b.SoftwareType = sip }
			p.plan = func(s *stage) { s.plan.Image.Policy.AllowTypeChange = true }
		}),
		untouched("", "refused", "contacted called-back checked failed").with("other type, not allowed", func(p *play) {
			p.image = func(b *bind.Builder) { b.SoftwareType = sip }
		}),
		updated("").with("old vendor's type", func(p *play) {
			p.config = func(c *phonesim.Config) { c.SoftwareType = "Siemens HFA" }
		}),
		updated("").with("sub-major", func(p *play) {
			p.image = func(b *bind.Builder) { b.Version.SubMajor = 2 }
		}),
		updated("").with("image without a type", func(p *play) {
			p.plan = func(s *stage) { s.plan.Image.Facts.SoftwareType = bind.Facts{}.SoftwareType }
			p.target = func(t *fleet.Target) { t.Override = true }
		}),
		updated("").with("elsewhere", func(p *play) {
			p.plan = elsewhere
			p.steps = asked + "restarting back contacted called-back done"
		}),
		toldOnly("reject-image", "rejected", asked+"silent contacted called-back failed").with("elsewhere", func(p *play) { p.plan = elsewhere }),
		toldOnly("never-fetches", "rejected", asked+"silent contacted called-back failed").with("elsewhere", func(p *play) { p.plan = elsewhere }),
	}
}

// elsewhere has the image on a server that nobody watches.
func elsewhere(s *stage) {
	s.plan.Image.Source = unwatched{s.plan.Image.Source}
}

type unwatched struct{ fleet.Source }

func (u unwatched) Grant(r fleet.Request) (*fleet.Grant, error) {
	r.Watch = nil
	g, err := u.Source.Grant(r)
	if err != nil {
		return nil, err
	}
	return &fleet.Grant{Deployment: g.Deployment}, nil
}

func reinstallPlays() []play {
	again := func(p *play) {
		p.config = func(c *phonesim.Config) { c.Version = newVersion }
		p.plan = func(s *stage) { s.plan.Image.Policy.Reinstall = true }
		p.updated = true
	}
	return []play{
		updated("").with("reinstalled", again),
		updated("start-up-to-last").with("reinstalled", func(p *play) {
			again(p)
			p.steps = fetched + "restarting back done"
		}),
		toldOnly("reject-image", "unproven", fetched+"silent contacted called-back failed").with("reinstalled", again),
		toldOnly("never-fetches", "never-fetched", asked+"failed").with("reinstalled", again),
		toldOnly("", "unproven", asked+"restarting back contacted called-back failed").with("reinstalled from elsewhere", func(p *play) {
			again(p)
			p.plan = func(s *stage) { s.plan.Image.Policy.Reinstall = true; elsewhere(s) }
			p.restarts = 1
		}),
	}
}

func ftpPlays() []play {
	ftp := func(p *play) {
		p.plan = func(s *stage) {
			s.plan.Image.Source = ftpSource(s)
		}
	}
	return []play{
		updated("").with("ftp", ftp),
		updated("cut-and-resumes").with("ftp", ftp),
		toldOnly("cut-mid-download", "cut", asked+"fetching silent contacted called-back failed").with("ftp", ftp),
		toldOnly("never-fetches", "never-fetched", asked+"failed").with("ftp", ftp),
		toldOnly("", "never-fetched", asked+"failed").with("ftp, wrong login", func(p *play) {
			p.plan = func(s *stage) { s.plan.Image.Source = wrongLogin{ftpSource(s)} }
		}),
	}
}

type wrongLogin struct{ fleet.Source }

func (w wrongLogin) Grant(r fleet.Request) (*fleet.Grant, error) {
	g, err := w.Source.Grant(r)
	if err == nil {
		g.Deployment.Password = "wrong"
	}
	return g, err
}

// TestPlays plays them all, in virtual time.
func TestPlays(t *testing.T) {
	t.Parallel()
	for _, p := range plays() {
		t.Run(strings.TrimSpace(p.faults+" "+p.also), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, p.perform)
		})
	}
}

// TestEveryFaultIsPlayed fails if a fault is in no play.
func TestEveryFaultIsPlayed(t *testing.T) {
	t.Parallel()
	played := map[string]bool{}
	for _, p := range plays() {
		for fault := range strings.FieldsSeq(p.faults) {
			played[fault] = played[fault] || !strings.Contains(p.also, besideTransfer)
		}
	}
	for _, f := range phonesim.Faults() {
		if !played[string(f.Name)] {
			t.Errorf("%s is not played", f.Name)
		}
	}
}

// perform plays.
func (p play) perform(t *testing.T) {
	o := fleet.Options{}
	if p.options != nil {
		p.options(&o)
	}
	world := setting{size: p.size, image: p.image, legacy: p.legacy, options: o}
	if p.secure {
		world.secure = testca.NewAuthority(t)
	}
	s := newStage(t, world)
	crashed := false
	sim := s.phone(1, func(c *phonesim.Config) {
		if p.web != nil {
			c.Web = hostOf(1) + ":443"
		}
		if p.config != nil {
			p.config(c)
		}
		c.Event = func(e phonesim.Event) { crashed = crashed || e.Kind == phonesim.Overloaded }
	}, strings.Fields(p.faults)...)
	if p.web != nil {
		s.byPage(sim, p.legacy, p.web)
	}
	target := targetOf(sim.Address())
	if p.target != nil {
		p.target(&target)
	}
	s.plan.Phones = []fleet.Target{target}
	if p.plan != nil {
		p.plan(s)
	}
	results := s.run()
	_ = sim.Close()
	if crashed {
		t.Error("the phone was asked too often")
	}
	p.compare(s, results, sim.State())
}

func (p play) compare(s *stage, results []fleet.Result, state phonesim.State) {
	r, steps := results[0], s.steps()
	differ := func(what string, got, want any) {
		s.t.Helper()
		if got != want {
			s.t.Errorf("%s: %v, want %v (%v)", what, got, want, r.Failure)
		}
	}
	differ("end", ending(r), p.end)
	differ("told", r.Instructed, p.told)
	differ("agreement", s.agree(results), error(nil))
	differ("steps", steps, p.steps)
	differ("how often told", state.Instructed, p.tolds)
	differ("restarts", state.Restarts, p.restarts)
	if p.end == "old-version" {
		differ("updated", state.Version == s.image.facts.Version.Value, false)
	} else {
		differ("updated", state.Version == s.image.facts.Version.Value, p.updated)
	}
	for _, e := range s.told() {
		if text := fmt.Sprintf("%+v", e); strings.Contains(text, phonesim.CanaryPassword) || p.web != nil && strings.Contains(text, pagePassword) {
			s.t.Errorf("%s tells a password", e.Step)
		}
	}
}

// ftpSource serves the image by FTP.
func ftpSource(s *stage) fleet.Source {
	listen := func(port string) (net.Listener, error) { return s.net.Listen(s.t.Context(), "tcp", machine+port) }
	l, err := listen(":2121")
	fatal(s.t, err)
	server, err := serve.NewFTP(serve.Options{
		Listener: l, DataListener: func() (net.Listener, error) { return listen(":0") }, Rate: rate, OnError: s.runner.OnError,
	})
	fatal(s.t, err)
	s.t.Cleanup(func() { fatal(s.t, server.Close()) })
	return fleet.ServedByFTP(server, name, s.image.content, func(local netip.Addr) (string, int) { return local.String(), int(server.Addr().Port()) })
}
