package push

import (
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest/machine"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/internal/ports"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
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
	r := &rollout{con: m.Console, hosts: m.KnownHosts, im: &images.Image{}, options: transfer.Options{Timeout: 10 * time.Second}}
	r.o.Route.Web.Port, r.o.Listen.Parallel = port, 3
	for _, address := range addresses {
		r.targets = append(r.targets, fleet.Target{Address: address})
	}
	policies, err := r.trustPages(t.Context(), trust.Policy{})
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

// newRollout is a push to phones that are not spoken to, as the flags say.
func newRollout(t *testing.T, addresses []string, args ...string) (*rollout, *machine.Machine) {
	t.Helper()
	m := machine.New(t)
	r := &rollout{con: m.Console, store: m.Settings, pass: m.Passwords, hosts: m.KnownHosts, o: newOptions(t, args...), im: &images.Image{Name: "cp600.bind"}}
	for _, address := range addresses {
		r.targets = append(r.targets, fleet.Target{Address: address})
	}
	return r, m
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
		r, _ := newRollout(t, test.addresses, "--web")
		err := r.onePageEach()
		if (err != nil) != test.bad || test.bad && (exit.Classify(err).Code != exit.CodeSettings || !strings.Contains(err.Error(), test.addresses[0])) {
			t.Errorf("%q: %v", test.addresses, err)
		}
	}
}

// TestWebPassword checks which password is used for the web pages, and whose it is called in a prompt.
func TestWebPassword(t *testing.T) {
	r, _ := newRollout(t, []string{"192.0.2.50"}, "--web")
	if _, err := r.webPassword(t.Context()); exit.Classify(err).Code != exit.CodeSettings || len(exit.Classify(err).Hints) != 1 {
		t.Errorf("%v", err)
	}
	if !strings.Contains(r.o.Route.Password.Whose, "192.0.2.50") {
		t.Error(r.o.Route.Password.Whose)
	}
	r, m := newRollout(t, []string{"192.0.2.50", "192.0.2.51"}, "--web")
	m.Passwords.Variable = secret.New("canary")
	if secret, err := r.webPassword(t.Context()); err != nil || secret.Reveal() != "canary" || strings.Contains(r.o.Route.Password.Whose, "192.0.2") {
		t.Errorf("%v, %s", err, r.o.Route.Password.Whose)
	}
}

// TestHopeless checks that an image that cannot suit any phone is found before phones are contacted.
func TestHopeless(t *testing.T) {
	levels, err := bind.ParseLevels("1-3")
	if err != nil {
		t.Fatal(err)
	}
	level := func(n uint16) hwcheck.Phone { return hwcheck.Phone{Level: []hwcheck.Claim[uint16]{{Value: n}}} }
	for _, test := range []struct {
		targets []fleet.Target
		want    bool
	}{
		{[]fleet.Target{{Known: level(4)}, {Known: level(5)}}, true},
		{[]fleet.Target{{Known: level(4)}, {Known: level(3)}}, false},
		{[]fleet.Target{{Known: level(4)}, {}}, false},
		{[]fleet.Target{{Known: level(4), Override: true}}, false},
	} {
		r, m := newRollout(t, nil, "--serve")
		if r.table, err = m.Settings.HardwareTable(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		r.targets = test.targets
		r.im.Facts = bind.Facts{Levels: bind.Fact[bind.Levels]{Value: levels, Origin: bind.Origin{Source: bind.Header}}, Integrity: bind.Integrity{Digest: bind.Right}}
		if got := r.noneFits(); got != test.want {
			t.Errorf("%+v: %v", test.targets, got)
		}
	}
}

// TestSettle checks that flags and settings are validated before the image is opened.
func TestSettle(t *testing.T) {
	for _, test := range []struct {
		args []string
		code exit.Code
		says string
	}{
		{[]string{"--serve"}, exit.CodeOK, ""},
		{[]string{"--web"}, exit.CodeOK, ""},
		{[]string{"--server", "h", "--username", "x"}, exit.CodeOK, ""},
		{[]string{"--serve", "--limit-rate", "x"}, exit.CodeUsage, "--limit-rate"},
		{[]string{"--serve", "--filename", "a/b"}, exit.CodeUsage, "--filename"},
		{[]string{"--serve", "--filename", "a\x01b"}, exit.CodeUsage, "--filename"},
		{[]string{"--serve", "--hw-level", "x"}, exit.CodeUsage, "--hw-level"},
		{[]string{"--serve", "--hardware", "missing"}, exit.CodeSettings, "missing"},
		{[]string{"--server", "h", "--username", "x", "--filename", "a/b"}, exit.CodeUsage, "--filename"},
		{[]string{"--method", "ftps", "--server", "h", "--username", "x"}, exit.CodeUsage, "--fetch-url"},
		{nil, exit.CodeUsage, option.ErrNoServer.Error()},
	} {
		r, _ := newRollout(t, nil, test.args...)
		err := r.resolve(t.Context(), "folder/cp600.bind", []string{"192.0.2.50"})
		switch {
		case test.code == exit.CodeOK && (err != nil || r.o.Upload.Filename != "cp600.bind" || len(r.targets) != 1):
			t.Errorf("%q: %v", test.args, err)
		case test.code != exit.CodeOK && (exit.Classify(err).Code != test.code || !strings.Contains(err.Error(), test.says)):
			t.Errorf("%q: %v", test.args, err)
		}
	}
}

// TestFailureContext checks that the page is part of the context on the web route only.
func TestFailureContext(t *testing.T) {
	for _, way := range []string{"--web", "--serve"} {
		r, _ := newRollout(t, []string{"192.0.2.50:8085"}, way)
		in := r.failureContext()
		if in.Image != "cp600.bind" || (in.Page != nil) != (way == "--web") || in.Page != nil && in.Page("192.0.2.50:8085") != "192.0.2.50:443" {
			t.Errorf("%s: %+v", way, in)
		}
	}
}
