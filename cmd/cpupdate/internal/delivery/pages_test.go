package delivery

import (
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest/machine"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/internal/ports"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// pagesAtOnce starts pages at one port, none of which continues its handshake before all have begun one.
func pagesAtOnce(t *testing.T, n int) (addresses []string, port int) {
	t.Helper()
	var begun sync.WaitGroup
	begun.Add(n)
	for i := range n {
		addresses = append(addresses, "127.0.12."+strconv.Itoa(i+1))
	}
	port = ports.Reserve(t, addresses...)
	for _, host := range addresses {
		certificate, err := serve.MakeCertificate([]string{"127.0.0.1"}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			conn, err := l.Accept()
			begun.Done()
			begun.Wait()
			if err == nil {
				_ = tls.Server(conn, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}}).HandshakeContext(t.Context())
				_ = conn.Close()
			}
		}()
	}
	return addresses, port
}

// TestPagesAtOnce checks that the handshakes with all pages run at once, that all keys are shown, that one answer counts for
// all pages, and that with "each" the prompts follow one after another in the order of the phones, and a no counts for one
// page only.
func TestPagesAtOnce(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		typed string
		known []int
		asked int // one after another
		said  string
	}{
		"each": {"each\nyes\nno\nyes\n", []int{1, 0, 1}, 3, "Trust it from now on? (3 of 3) Type yes: "},
		"all":  {"yes\n", []int{1, 1, 1}, 0, "now has the keys of 3 web pages\n"},
		"none": {"n\n", []int{0, 0, 0}, 0, "is not trusted"},
		"end":  {"", []int{0, 0, 0}, 0, "is not trusted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			askedForPages(t, test.typed, test.known, test.asked, test.said)
		})
	}
}

func askedForPages(t *testing.T, typed string, known []int, asked int, said string) {
	t.Helper()
	addresses, port := pagesAtOnce(t, 3)
	m := machine.New(t)
	m.Console.In, m.Console.InTerminal = strings.NewReader(typed), true
	d := &Delivery{Env: envOf(m), options: transfer.Options{Timeout: 10 * time.Second}}
	d.o.Route.Web.Port, d.o.Listen.Parallel = port, 3
	for _, address := range addresses {
		d.Phones = append(d.Phones, fleet.Target{Address: address})
	}
	policies, err := d.trustPages(t.Context(), trust.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	for i, known := range known {
		if len(policies[i].Known) != known {
			t.Errorf("%s: %d keys are known", addresses[i], len(policies[i].Known))
		}
	}
	text := m.Out.String() + m.Err.String()
	if !strings.HasPrefix(text, "note: this machine: reads the keys of 3 web pages first\n") {
		t.Errorf("it begins %q", text)
	}
	if !strings.Contains(text, said) || strings.Count(text, " is unknown") != asked || strings.Count(text, "Trust all 3 from now on?") != 1 {
		t.Errorf("not %q, or not %d prompts:\n%s", said, asked, text)
	}
	for _, form := range []string{"\n  %s:%d\n    sha256:", "%s:%d is unknown"} {
		for _, address := range addresses[:min(len(addresses), max(asked, strings.Count(form, "sha256")*len(addresses)))] {
			_, after, found := strings.Cut(text, fmt.Sprintf(form, address, port))
			if text = after; !found {
				t.Errorf("%s is not asked about, or not in its turn", address)
			}
		}
	}
}

// newDelivery delivers to phones that are not spoken to, as the flags say.
func newDelivery(t *testing.T, addresses []string, args ...string) (*Delivery, *machine.Machine) {
	t.Helper()
	m := machine.New(t)
	o := newOptions(t, args...)
	d := &Delivery{Env: envOf(m), o: o}
	for _, address := range addresses {
		d.Phones = append(d.Phones, fleet.Target{Address: address})
	}
	return d, m
}

// TestOnePageEach checks that two phones with one web page are refused.
func TestOnePageEach(t *testing.T) {
	for _, test := range []struct {
		addresses []string
		bad       bool
	}{
		{[]string{"127.0.0.1:1", "127.0.0.2:1"}, false},
		{[]string{"127.0.0.1:1", "127.0.0.2:1", "127.0.0.1:2"}, true},
		{[]string{"[::1]:1", "[::1]:2"}, true},
	} {
		d, _ := newDelivery(t, test.addresses, "--web")
		err := d.onePageEach()
		if (err != nil) != test.bad || test.bad && (exit.Classify(err).Code != exit.CodeSettings || !strings.Contains(err.Error(), test.addresses[0])) {
			t.Errorf("%q: %v", test.addresses, err)
		}
	}
}

// TestWebPassword checks which password is used for the web pages, and whose it is called in a prompt.
func TestWebPassword(t *testing.T) {
	d, _ := newDelivery(t, []string{"192.0.2.50"}, "--web")
	if _, err := d.webPassword(t.Context()); exit.Classify(err).Code != exit.CodeSettings || len(exit.Classify(err).Hints) != 1 {
		t.Errorf("%v", err)
	}
	if !strings.Contains(d.o.Route.Password.Whose, "192.0.2.50") {
		t.Error(d.o.Route.Password.Whose)
	}
	d, m := newDelivery(t, []string{"192.0.2.50", "192.0.2.51"}, "--web")
	m.Passwords.Variable = secret.New("canary")
	if secret, err := d.webPassword(t.Context()); err != nil || secret.Reveal() != "canary" || strings.Contains(d.o.Route.Password.Whose, "192.0.2") {
		t.Errorf("%v, %s", err, d.o.Route.Password.Whose)
	}
}

// TestContext checks that the page is part of the context on the web route only.
func TestContext(t *testing.T) {
	for _, way := range []string{"--web", "--serve"} {
		d, err := Resolve(t.Context(), envOf(machine.New(t)), newOptions(t, way), "cp600.bind")
		if err != nil {
			t.Fatal(err)
		}
		in := d.Context
		if (in.Page != nil) != (way == "--web") || in.Page != nil && in.Page("192.0.2.50:8085") != "192.0.2.50:443" {
			t.Errorf("%s: %+v", way, in)
		}
	}
}

// TestImageFor checks that a phone's page is verified as that of the phone, also if the plan of a run gives it another number.
func TestImageFor(t *testing.T) {
	d, m := newDelivery(t, []string{"192.0.2.50", "192.0.2.51:8085"}, "--web")
	m.Passwords.Variable = secret.New("canary")
	l, err := images.NewLoader(t.Context(), m.Console, m.Settings, bind.Open, images.Options{})
	if err != nil {
		t.Fatal(err)
	}
	file, im := l.LoadOpen(t.Context(), clitest.Image(t, "cp600.bind", nil))
	if im.Err != nil {
		t.Fatal(im.Err)
	}
	defer file.Close()
	d.Images = []*Image{{File: file, Read: im, Name: "cp600.bind"}}
	if err := d.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	for phone, host := range []string{"192.0.2.50", "192.0.2.51"} {
		image := d.ImageFor(phone, 0)
		if got := image.Web.TLS(0).ServerName; got != host || d.Image(0).Web.TLS(phone).ServerName != host || image.Unchanged == nil || image.Web.Transfer {
			t.Errorf("phone %d: the page of %s", phone, got)
		}
	}
}
