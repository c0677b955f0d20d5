package phone

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/wbm"
)

// A Page is what the web page of a phone says of it, or why it was not read.
type Page struct {
	Banner  wbm.Banner
	Failure *fleet.Failure // nil if it was read
}

// validateWeb rejects flags about web pages that are not read.
func (o *Options) validateWeb() error {
	if given := o.Trust.Given(); len(given) > 0 && !o.Web.On {
		return exit.Usage("phone", "--%s needs --web: a phone's call is not verified by it", given[0].Name)
	}
	return o.Web.ValidatePort("phone")
}

// readPages reads the pages of all phones at once, after it has verified their keys. No password is sent.
func (o *Options) readPages(ctx context.Context, con *console.Console, in advice.Context, targets []fleet.Target) ([]Page, error) {
	base, err := o.Trust.Trust(ctx, "phone")
	if err != nil {
		return nil, err
	}
	con.WarnLegacy(o.Listen.Legacy)
	base.Legacy = o.Listen.Legacy
	known := option.Pages{Command: "phone", Web: &o.Web, Listen: &o.Listen, Phones: targets, Timeout: o.Timeout, Context: in}
	policies, err := known.Trust(ctx, con, o.Hosts, base)
	if err != nil {
		return nil, err
	}
	pages := make([]Page, len(targets))
	o.Listen.Fit(con)
	slots := make(chan struct{}, o.Listen.Parallel)
	var all sync.WaitGroup
	for i, t := range targets {
		all.Go(func() {
			slots <- struct{}{}
			address := o.Web.Peer(t.Address)
			host, _, _ := net.SplitHostPort(address)
			pages[i] = ReadPage(ctx, address, wbm.Options{TLS: policies[i].TLS(host), Timeout: o.Timeout, Dial: o.Listen.Network.Dial})
			<-slots
		})
	}
	all.Wait()
	return pages, ctx.Err()
}

// ReadPage reads what the page at HOST:PORT says without a login.
func ReadPage(ctx context.Context, address string, o wbm.Options) Page {
	b, err := wbm.ReadBanner(ctx, address, o)
	e := (*wbm.Error)(nil)
	switch {
	case err == nil:
		return Page{Banner: b}
	case errors.As(err, &e):
		return Page{Failure: fleet.PageFailure(e)}
	}
	return Page{Failure: &fleet.Failure{Kind: fleet.KindInterrupted, Msg: "interrupted before its web page answered", Err: err}}
}

// A pageDoc is what the web page of a phone says without a login.
type pageDoc struct {
	Model    string   `json:"model"`
	Number   string   `json:"number"`
	IPv4     string   `json:"ipv4"`
	IPv6     string   `json:"ipv6"`
	Name     string   `json:"dns_name"`
	Observed bool     `json:"observed"` // no document of the vendor describes it
	Differs  []string `json:"differs"`  // "model" from the phone's call, "address" from the one that was named
}

func newPageDoc(a answer) *pageDoc {
	if !a.hasPage() {
		return nil
	}
	b := a.page.Banner
	doc := &pageDoc{b.Model, b.Number, b.IPv4, b.IPv6, b.Name, true, []string{}}
	for _, d := range a.differences() {
		doc.Differs = append(doc.Differs, d.Name)
	}
	return doc
}

// hasPage reports whether the page was read.
func (a answer) hasPage() bool { return a.page != nil && a.page.Failure == nil }

// pageText returns what the page says, or why it was not read.
func (a answer) pageText() string {
	switch {
	case a.page == nil:
		return ""
	case a.page.Failure != nil:
		return "not read: " + a.page.Failure.Error()
	}
	return a.page.Text()
}

// Text returns what a page that was read says, for people.
func (p Page) Text() string {
	b := p.Banner
	parts := []string{b.Model}
	if b.Number != "" {
		parts = append(parts, "number "+b.Number)
	}
	for _, text := range []string{b.IPv4, b.IPv6, b.Name} {
		if text != "" {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, ", ") + " (observed)"
}

// failure returns what went wrong with a phone: with its page, if that was to be read, or with its call. That it did not call is
// no failure if its page says what it is.
func (a answer) failure() *fleet.Failure {
	call := a.result.Failure
	switch {
	case call != nil && !saysNothing(call.Kind):
		return call
	case a.page == nil:
		return call
	case a.page.Failure != nil:
		return a.page.Failure
	}
	return nil
}

// saysNothing reports whether a phone that failed so may be any phone: it only did not call, or not in a way that is understood.
func saysNothing(kind fleet.Kind) bool {
	switch kind { //nolint:exhaustive // of the others none stands for a phone that does not call
	case fleet.KindUnreachable, fleet.KindNoPhone, fleet.KindNoCall, fleet.KindNoReply, fleet.KindTLS, fleet.KindGarbled, fleet.KindOtherwise,
		fleet.KindBrokeOff, fleet.KindBusy:
		return true
	}
	return false
}

// A Difference is something that a page says otherwise: its name is "model" or "address".
type Difference struct{ Name, Text string }

// differences returns what the page says otherwise.
func (a answer) differences() []Difference {
	if !a.hasPage() {
		return nil
	}
	return a.page.Differences(a.target.Address, a.result.After)
}

// Differences returns what a page that was read says otherwise than the phone's call, which counts, or than the address by which
// the phone was named. A phone that did not call is the zero device.
func (p Page) Differences(address string, called fleet.Device) []Difference {
	var all []Difference
	b := p.Banner
	if device := called.Type; device != "" && !sameModel(device, b.Model) {
		all = append(all, Difference{"model", fmt.Sprintf("its web page says that it is %s, and the phone itself %s: what the phone reports counts; check that the web page is that of this phone", quoted(b.Model), quoted(device))})
	}
	if other := otherAddress(address, b); other != "" {
		all = append(all, Difference{"address", fmt.Sprintf("its web page says that its address is %s: check whether it is behind NAT, or the page of another phone", quoted(other))})
	}
	return all
}

// quoted returns a text of a phone for a sentence. Who shows it escapes it.
func quoted(text string) string { return `"` + text + `"` }

// sameModel reports whether a device type and the model of a banner may mean the same phone. The banner may leave out how the
// device type begins, and add a G for Gigabit (observed: OpenStage 60G; assumed for others).
func sameModel(device, model string) bool {
	plain := func(text string) string {
		text = strings.Join(strings.Fields(strings.ToLower(text)), " ")
		short := strings.TrimSpace(strings.TrimSuffix(text, "g"))
		if strings.TrimRight(short, "0123456789") != short { // it follows a number
			return short
		}
		return text
	}
	d, m := plain(device), plain(model)
	return d == m || strings.HasSuffix(d, " "+m)
}

// otherAddress returns the address that a banner says, if it cannot be the one that was named; "" if it may be.
func otherAddress(named string, b wbm.Banner) string {
	contact, _ := hwcheck.ContactAddress(named) // targets has checked it
	host, _, _ := net.SplitHostPort(contact)
	own, err := netip.ParseAddr(host)
	if err != nil {
		return "" // a name
	}
	text := b.IPv6
	if own.Unmap().Is4() {
		text = b.IPv4
	}
	said, err := netip.ParseAddr(text)
	if text == "" || err == nil && said.Unmap().WithZone("") == own.Unmap().WithZone("") {
		return ""
	}
	return text
}
