package fleet_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
	"github.com/cpupdate/cpupdate/pkg/wbm"
)

// pagePassword opens the pages of phones in these tests.
const pagePassword = "page-canary-81d3"

// The steps of ways by the phone's page.
const (
	byCall    = "contacted called-back "
	byPage    = "page-only "
	seen      = "page logged-in found "
	sent      = "checked sending sent answered "
	back      = "restarting back "
	happyPage = byPage + seen + sent + back + "done"
	happyCall = byCall + seen + sent + back + byCall + "done"
)

// noInterface is a phone whose provisioning interface is switched off.
const noInterface = "no-contact-port"

// byPage sends the image into the page of a phone instead of having it fetched. Its key is pinned.
func (s *stage) byPage(sim *phonesim.Phone, legacy bool, change func(*fleet.Web)) {
	host, _, _ := net.SplitHostPort(sim.State().WebAddress)
	policy := trust.Policy{Pins: []trust.Pin{s.keyOf(sim.State().WebAddress)}, Legacy: legacy}
	web := &fleet.Web{
		TLS:      func(int) *tls.Config { return policy.TLS(host) },
		Password: secret.New(pagePassword),
		Image:    func(context.Context) wbm.Image { return wbm.Image{Name: name, Content: s.image.content} },
	}
	change(web)
	s.plan.Image.Source, s.plan.Image.Web = nil, web
}

// keyOf is the key of a page, as far as it can be had.
func (s *stage) keyOf(address string) trust.Pin {
	c := trust.Policy{Legacy: true}.TLS("phone")
	var pin trust.Pin
	c.VerifyConnection = func(state tls.ConnectionState) error {
		pin = trust.PinOf(state.PeerCertificates[0])
		return nil
	}
	raw, err := s.dial(s.t.Context(), "tcp", address)
	if err != nil {
		return pin
	}
	defer func() { _ = raw.Close() }()
	_ = tls.Client(raw, c).HandshakeContext(s.t.Context())
	return pin
}

// page is a play by the phone's page. Its password is ours.
func page(faults, end, steps string, change func(*play)) play {
	p := play{faults: faults, also: "by page", end: end, steps: steps, web: func(*fleet.Web) {}}
	p.config = func(c *phonesim.Config) { c.Password = pagePassword }
	if change != nil {
		change(&p)
	}
	return p
}

// pageDone is one that ends well.
func pageDone(faults, steps string, change func(*play)) play {
	return page(faults, "updated", steps, func(p *play) {
		p.told, p.updated, p.restarts = true, true, 1
		if change != nil {
			change(p)
		}
	})
}

// twice is a play with and without the provisioning interface.
func twice(faults string, make func(faults, first string) play) []play {
	return []play{make(faults, byCall), make(strings.TrimSpace(faults+" "+noInterface), byPage)}
}

func webPlays() []play {
	all := []play{pageDone("", happyCall, nil), pageDone(noInterface, happyPage, nil)}
	for _, part := range [][]play{webReachPlays(), webFormPlays(), webSendPlays(), webAfterPlays(), webOtherPlays(), besidePlays()} {
		all = append(all, part...)
	}
	return all
}

// besideTransfer marks uploads to a page with a transfer form that has a fault: in such a play the fault does nothing.
const besideTransfer = "beside a transfer form"

// besidePlays are uploads to pages that have a transfer form and a banner too: whatever these are like, the upload is the same.
func besidePlays() []play {
	all := []play{pageDone("web-no-banner", happyCall, nil), pageDone("web-banner-other-model", happyCall, nil)}
	for _, f := range phonesim.Faults() {
		if strings.HasPrefix(string(f.Name), "web-transfer-") {
			all = append(all, pageDone(string(f.Name), happyCall, func(p *play) { p.also += ", " + besideTransfer }))
		}
	}
	return all
}

func withLegacy(p *play) { p.also, p.legacy = p.also+", legacy", true }

func webReachPlays() []play {
	var all []play
	for _, row := range []struct {
		faults, end, steps string
		change             func(*play)
	}{
		{"web-tls-1.0", "page-tls", "failed", nil},
		{"web-rsa-kex", "page-tls", "failed", nil},
		{"web-redirect-http", "page-foreign", "failed", nil},
		{"web-slow-page", "page-broken", "failed", nil},
		{"web-password-suspended", "locked-out", "page failed", nil},
		{"web-change-password", "password-change", "page failed", nil},
	} {
		all = append(all, twice(row.faults, func(faults, first string) play { return page(faults, row.end, first+row.steps, row.change) })...)
	}
	return append(
		all,
		pageDone("web-tls-1.0", happyCall, withLegacy),
		pageDone("web-rsa-kex "+noInterface, happyPage, withLegacy),
		pageDone("web-login-older", happyCall, nil),
		pageDone("web-login-old "+noInterface, happyPage, nil),
		page("", "wrong-password", byCall+"page failed", func(p *play) {
			p.also, p.config = "wrong password", nil
		}),
		page("", "page-unreachable", byCall+"failed", func(p *play) {
			p.also = "no page"
			p.web = func(w *fleet.Web) { w.Port = "1" }
		}),
		page("", "page-trust", byCall+"failed", func(p *play) {
			p.also = "another key"
			p.web = func(w *fleet.Web) {
				w.TLS = func(int) *tls.Config { return trust.Policy{Pins: []trust.Pin{{1}}}.TLS(hostOf(1)) }
			}
		}),
		page("", "page-trust", byCall+"failed", func(p *play) {
			p.also = "nobody vouches"
			p.web = func(w *fleet.Web) {
				w.TLS = func(int) *tls.Config { return trust.Policy{Authorities: x509.NewCertPool()}.TLS(hostOf(1)) }
			}
		}),
	)
}

func webFormPlays() []play {
	var all []play
	for _, row := range []struct{ faults, end string }{
		{"web-menu-loop", "no-form"},
		{"web-no-form", "no-form"},
		{"web-logo-only", "no-form"},
		{"web-two-forms", "many-forms"},
		{"web-foreign-form", "page-foreign"},
	} {
		all = append(all, twice(row.faults, func(faults, first string) play { return page(faults, row.end, first+"page logged-in failed", nil) })...)
	}
	return append(
		all,
		pageDone("web-menu-thousand", happyCall, nil),
		pageDone("web-no-version", happyCall, nil),
		page("web-no-version "+noInterface, "unknown", byPage+seen+"checked failed", nil),
		page("web-other-mac", "another-phone", byCall+"page logged-in failed", nil),
		page("web-hostile-text", "unknown", byCall+seen+"checked failed", nil),
		page("web-hostile-text "+noInterface, "refused", byPage+seen+"checked failed", nil),
	)
}

func webSendPlays() []play {
	large := func(p *play) { p.size = 4 << 20 } // a phone that refuses early still reads 1 MiB
	var all []play
	for _, row := range []struct {
		faults, end, steps string
		told               bool
		change             func(*play)
	}{
		{"web-logs-out", "upload-cut", "checked sending sent answered failed", true, nil},
		{"web-refuses", "page-refused", "checked sending sent answered failed", true, nil},
		{"reject-image", "page-refused", "checked sending sent answered failed", true, nil},
		{"web-refuses-early", "page-refused", "checked sending failed", false, large},
		{"web-cuts", "upload-cut", "checked sending failed", false, large},
		{"web-stalls", "upload-cut", "checked sending failed", false, large},
	} {
		all = append(all, twice(row.faults, func(faults, first string) play {
			p := page(faults, row.end, first+seen+row.steps, row.change)
			p.told = row.told
			return p
		})...)
	}
	return append(
		all,
		pageDone("web-huge-answer", happyCall, nil),
		page("web-says-ok-stays", "rejected", byCall+seen+sent+"silent "+byCall+"failed", func(p *play) {
			p.told = true
		}),
		page("web-says-ok-stays "+noInterface, "rejected", byPage+seen+sent+"silent failed", func(p *play) {
			p.told = true
		}),
		page(noInterface, "upload-cut", byPage+seen+"checked sending failed", func(p *play) {
			p.also = "piece after piece"
			p.web = func(w *fleet.Web) {
				w.Image = func(ctx context.Context) wbm.Image {
					return wbm.Image{Name: name, Content: transfer.NewRate(2<<10).Reader(ctx, io.NewSectionReader(zeros{}, 0, 512<<20))}
				}
			}
		}),
		page("", "image", byCall+seen+"checked sending failed", func(p *play) {
			p.also = "the file changes"
			p.web = func(w *fleet.Web) {
				whole := w.Image
				w.Image = func(ctx context.Context) wbm.Image {
					i := whole(ctx)
					i.Content = io.NewSectionReader(changing{i.Content}, 0, i.Content.Size())
					return i
				}
			}
		}),
	)
}

// zeros is content that takes no memory.
type zeros struct{}

func (zeros) ReadAt(b []byte, _ int64) (int, error) {
	clear(b)
	return len(b), nil
}

// changing is an image of which the last byte has changed.
type changing struct{ content *io.SectionReader }

func (c changing) ReadAt(b []byte, at int64) (int, error) {
	if at+int64(len(b)) >= c.content.Size() {
		return 0, errors.New("the file is not what it was")
	}
	return c.content.ReadAt(b, at)
}

func webAfterPlays() []play {
	after := func(faults, end, steps string, updated bool, restarts int, change func(*play)) play {
		return page(faults, end, steps, func(p *play) {
			p.told, p.updated, p.restarts = true, updated, restarts
			if change != nil {
				change(p)
			}
		})
	}
	viaCall, viaPage := byCall+seen+sent, byPage+seen+sent
	return []play{
		after("reboots-with-old-version", "old-version", viaCall+back+byCall+"failed", false, 1, nil),
		after("reboots-with-old-version "+noInterface, "old-version", viaPage+back+"failed", false, 1, nil),
		after("restarts-with-other-version "+noInterface, "old-version", viaPage+back+"failed", false, 1, nil),
		after("never-comes-back", "never-back", viaCall+"restarting failed", false, 0, nil),
		after("never-comes-back "+noInterface, "never-back", viaPage+"restarting failed", false, 0, nil),
		after("comes-back-elsewhere "+noInterface, "never-back", viaPage+"restarting failed", true, 1, nil),
		after("comes-back-other-mac "+noInterface, "another-phone", viaPage+back+"failed", true, 1, nil),
		after("comes-back-secure", "no-answer", viaCall+back+vain, true, 1, func(p *play) {
			p.config = func(c *phonesim.Config) { c.Password = pagePassword }
		}),
		after("start-up-to-last", "updated", viaCall+back+"done", true, 1, nil),
		after("web-other-key-after", "updated", viaCall+back+byCall+"done", true, 1, nil),
		after("web-other-key-after "+noInterface, "no-answer", viaPage+back+"failed", true, 1, nil),
	}
}

func webOtherPlays() []play {
	reinstall := func(p *play) {
		p.also += ", reinstalled"
		p.config = func(c *phonesim.Config) { c.Password, c.Version = pagePassword, newVersion }
		p.plan = func(s *stage) { s.plan.Image.Policy.Reinstall = true }
	}
	return []play{
		page("", "checked", byCall+seen+"checked done", func(p *play) {
			p.also = "dry run by page"
			p.web = func(w *fleet.Web) { w.DryRun = true }
		}),
		page("", "nothing-to-do", byCall+"checked done", func(p *play) { // before the password goes out
			p.config = func(c *phonesim.Config) { c.Password, c.Version = pagePassword, newVersion }
			p.updated = true
			p.web = func(w *fleet.Web) { w.Port = "1" }
		}),
		page("", "refused", byCall+"checked failed", func(p *play) {
			p.also = "wrong model, by call"
			p.image = func(b *bind.Builder) { b.Models = []string{"CP200"} }
		}),
		page(noInterface, "nothing-to-do", byPage+seen+"checked done", func(p *play) {
			p.config = func(c *phonesim.Config) { c.Password, c.Version = pagePassword, newVersion }
			p.updated = true
		}),
		page(noInterface, "refused", byPage+seen+"checked failed", func(p *play) {
			p.also = "wrong model, by page"
			p.image = func(b *bind.Builder) { b.Models = []string{"CP200"} }
		}),
		page(noInterface, "another-phone", byPage+"page logged-in failed", func(p *play) {
			p.also = "not the list's MAC, by page"
			p.target = func(t *fleet.Target) { t.MAC = macOf(99) }
		}),
		page("ignores-contact", "updated", "contacted "+happyPage, func(p *play) {
			p.told, p.updated, p.restarts = true, true, 1
		}),
		pageDone("", happyCall, reinstall),
		pageDone(noInterface, happyPage, reinstall),
		page("web-says-ok-stays "+noInterface, "unproven", byPage+seen+sent+"silent failed", func(p *play) {
			reinstall(p)
			p.told, p.updated = true, true
		}),
	}
}
