package fleet_test

import (
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// The steps of ways by the transfer form of the phone's page.
const (
	submitted    = "checked told "
	transferred  = submitted + fetch + "answered "
	transferCall = byCall + seen + transferred + back + byCall + "done"
	transferPage = byPage + seen + transferred + back + "done"
)

// transferPlay is a play by the transfer form of the phone's page.
func transferPlay(faults, end, steps string, change func(*play)) play {
	return page(faults, end, steps, func(p *play) {
		p.also = "by transfer form"
		p.web = func(w *fleet.Web) { w.Transfer = true }
		p.plan = servedByHTTPS
		if change != nil {
			change(p)
		}
	})
}

// servedByHTTPS has the phone fetch from the stage.
func servedByHTTPS(s *stage) {
	s.plan.Image.Source = fleet.Served(s.https, name, s.image.content, s.back)
}

// transferDone is one that ends well.
func transferDone(faults, steps string, change func(*play)) play {
	return transferPlay(faults, "updated", steps, func(p *play) {
		p.told, p.tolds, p.updated, p.restarts = true, 1, true, 1
		if change != nil {
			change(p)
		}
	})
}

// installsSoon has the phone restart while it is watched.
func installsSoon(p *play) {
	p.config = func(c *phonesim.Config) { c.Password, c.InstallTime = pagePassword, 10*time.Second }
}

func transferPlays() []play {
	byFTP := func(p *play) {
		p.also += " and ftp"
		p.plan = func(s *stage) { s.plan.Image.Source = ftpSource(s) }
	}
	all := []play{
		transferDone("", transferCall, nil),
		transferDone(noInterface, transferPage, nil),
		transferDone("", transferCall, byFTP),
		transferDone(noInterface, transferPage, byFTP),
		transferDone("web-transfer-other-shape", transferCall, nil),
		transferDone("web-transfer-other-shape "+noInterface, transferPage, byFTP),
		transferDone("web-transfer-one-form", transferCall, nil),
		transferDone("web-no-form", transferCall, nil), // for an upload
		transferDone("web-menu-thousand", transferCall, nil),
		transferDone("web-login-old", transferCall, nil),
		transferDone("web-transfer-other-language", transferCall, nil),
		transferDone("web-transfer-failed-installs", transferCall, installsSoon),
		transferDone("web-transfer-no-answer", transferCall, nil),
		transferDone("web-transfer-no-answer "+noInterface, transferPage, nil),
		transferDone("cut-and-resumes", transferCall, nil),
		transferDone("fetches-twice", transferCall, nil),
		transferDone("start-up-to-last", byCall+seen+transferred+back+"done", nil),
	}
	for _, part := range [][]play{transferFormPlays(), transferFaultPlays(), transferElsewherePlays(), transferAfterPlays()} {
		all = append(all, part...)
	}
	return all
}

// transferFormPlays are pages without the one form that can be filled in.
func transferFormPlays() []play {
	var all []play
	for _, row := range []struct{ faults, end string }{
		{"web-transfer-no-form", "no-form"},
		{"web-transfer-two-forms", "many-forms"},
		{"web-transfer-foreign", "page-foreign"},
		{"web-transfer-logo", "no-form"},
		{"web-transfer-no-start", "no-form"},
		{"web-menu-loop", "no-form"},
	} {
		all = append(all, twice(row.faults, func(faults, first string) play {
			return transferPlay(faults, row.end, first+"page logged-in failed", nil)
		})...)
	}
	return append(
		all,
		transferPlay("", "checked", byCall+seen+"checked done", func(p *play) {
			p.also += ", dry run"
			p.web = func(w *fleet.Web) { w.Transfer, w.DryRun = true, true }
		}),
		transferPlay("", "too-long", byCall+seen+"checked failed", func(p *play) {
			p.also += ", dry run, long name"
			p.web = func(w *fleet.Web) { w.Transfer, w.DryRun = true, true }
			p.plan = anywhere(wpi.Deployment{Server: "10.9.9.9", Name: strings.Repeat("n", 51)})
		}),
		transferPlay("", "too-long", byCall+seen+"checked failed", func(p *play) {
			p.also += ", long address"
			p.plan = anywhere(wpi.Deployment{URL: "https://" + strings.Repeat("n", 92) + "/image"})
		}),
		transferPlay("", "source", byCall+seen+"checked failed", func(p *play) {
			p.also += ", query"
			p.plan = anywhere(wpi.Deployment{URL: "https://10.9.9.9/image?version=2"})
		}),
		transferPlay("", "refused", byCall+"checked failed", func(p *play) {
			p.also += ", wrong model"
			p.image = func(b *bind.Builder) { b.Models = []string{"CP200"} }
		}),
	)
}

// transferFaultPlays are transfers that fail.
func transferFaultPlays() []play {
	told := func(p *play) { p.told, p.tolds = true, 1 }
	notTaken := func(p *play) { p.told = true }
	var all []play
	for _, row := range []struct {
		faults, end, steps string
		change             func(*play)
	}{
		{"web-transfer-fails", "never-fetched", "answered failed", told},
		{"web-transfer-logs-out", "page-refused", "answered failed", notTaken},
		{"web-transfer-bad-token", "never-fetched", "answered failed", notTaken},
		{"web-transfer-says-failed", "says-failed", fetch + "answered failed", told},
		{"cut-mid-download", "cut", "fetching answered fetching failed", told},
		{"never-fetches", "never-fetched", "answered failed", told},
		{"reject-image", "says-failed", fetch + "answered failed", told},
	} {
		all = append(all, twice(row.faults, func(faults, first string) play {
			return transferPlay(faults, row.end, first+seen+submitted+row.steps, row.change)
		})...)
	}
	return append(
		all,
		transferPlay("fetch-no-tls", "asks-otherwise", byCall+seen+submitted+"trouble answered failed", told),
		transferPlay("stalls-mid-download", "cut", byCall+seen+submitted+"fetching silent contacted failed", told),
		transferPlay("web-transfer-ok-stays", "rejected", byCall+seen+transferred+"silent "+byCall+"failed", told),
		transferPlay("web-transfer-ok-stays "+noInterface, "rejected", byPage+seen+transferred+"silent failed", told),
		transferPlay("web-transfer-silent", "rejected", byCall+seen+submitted+fetch+"silent "+byCall+"failed", told),
		transferPlay("web-transfer-silent "+noInterface, "rejected", byPage+seen+submitted+fetch+"silent failed", told),
		transferPlay("web-transfer-drips", "rejected", byCall+seen+submitted+fetch+"silent "+byCall+"failed", told),
		transferPlay("web-transfer-drips "+noInterface, "rejected", byPage+seen+submitted+fetch+"silent failed", told),
	)
}

// anywhere has phones fetch from somewhere else.
func anywhere(d wpi.Deployment) func(*stage) {
	return func(s *stage) { s.plan.Image.Source = fleet.Elsewhere(d) }
}

// unseen has phones fetch from the stage, which does not see it.
func unseen(s *stage) {
	servedByHTTPS(s)
	elsewhere(s)
}

// transferElsewherePlays are transfers that nobody sees.
func transferElsewherePlays() []play {
	steps := submitted + "answered "
	told := func(p *play) {
		p.also += ", elsewhere"
		p.told, p.tolds, p.plan = true, 1, unseen
	}
	defaults := func(p *play) {
		p.also += ", phone's defaults"
		p.web = func(w *fleet.Web) { w.Transfer, w.Defaults = true, true }
		p.plan = anywhere(wpi.Deployment{Name: name})
	}
	return []play{
		transferDone("", byCall+seen+steps+back+byCall+"done", told),
		transferDone(noInterface, byPage+seen+steps+back+"done", told),
		transferDone("web-transfer-failed-installs", byCall+seen+steps+back+byCall+"done", func(p *play) {
			told(p)
			installsSoon(p)
		}),
		transferPlay("web-transfer-fails", "says-failed", byCall+seen+steps+"failed", told),
		transferPlay("web-transfer-says-failed "+noInterface, "says-failed", byPage+seen+steps+"failed", told),
		transferPlay("web-transfer-ok-stays", "rejected", byCall+seen+steps+"silent "+byCall+"failed", told),
		transferPlay("web-transfer-drips", "rejected", byCall+seen+submitted+"silent "+byCall+"failed", told),
		transferPlay("", "says-failed", byCall+seen+steps+"failed", func(p *play) { // that point nowhere
			defaults(p)
			p.told = true
		}),
	}
}

// transferAfterPlays are phones that have the image.
func transferAfterPlays() []play {
	after := func(faults, end, steps string, updated bool, restarts int) play {
		return transferPlay(faults, end, steps, func(p *play) {
			p.told, p.tolds, p.updated, p.restarts = true, 1, updated, restarts
		})
	}
	viaCall, viaPage := byCall+seen+transferred, byPage+seen+transferred
	all := []play{
		after("reboots-with-old-version", "old-version", viaCall+back+byCall+"failed", false, 1),
		after("reboots-with-old-version "+noInterface, "old-version", viaPage+back+"failed", false, 1),
		after("never-comes-back", "never-back", viaCall+"restarting failed", false, 0),
		after("comes-back-other-mac "+noInterface, "another-phone", viaPage+back+"failed", true, 1),
	}
	return append(all, transferDone("", transferCall, func(p *play) {
		p.also += ", reinstalled"
		p.config = func(c *phonesim.Config) { c.Password, c.Version = pagePassword, newVersion }
		plan := p.plan
		p.plan = func(s *stage) {
			plan(s)
			s.plan.Image.Policy.Reinstall = true
		}
	}))
}
