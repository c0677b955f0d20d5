package callback

import (
	"bytes"
	"crypto/tls"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/internal/ports"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// TestStationPatience: our servers wait for a phone as long as its patience says, and send at the rate that is asked.
func TestStationPatience(t *testing.T) {
	s := &Server{Options: &option.Listen{Patience: 7 * time.Minute}, line: transfer.Options{Rate: 99}, Runner: fleet.New(fleet.Options{})}
	if o, err := s.serving("127.0.0.1:0"); err != nil || o.Stall != 7*time.Minute || o.Rate != 99 || o.Address != "127.0.0.1:0" || o.OnError == nil {
		t.Errorf("%+v", o)
	}
}

// listen begins to listen for phones, and returns what it says on standard error.
func listen(t *testing.T, given *option.Listen, change func(con *console.Console), phones ...string) (*Server, string, error) {
	t.Helper()
	o := &option.Listen{}
	flags := pflag.NewFlagSet("push", pflag.ContinueOnError)
	o.AddFlags(flags)
	certificate, key := clitest.ServiceFiles(t)
	if err := flags.Parse([]string{"--service-cert", certificate, "--service-key", key}); err != nil {
		t.Fatal(err)
	}
	o.Listen, o.Advertise = given.Listen, given.Advertise
	o.PhoneCA = given.PhoneCA
	if given.Cert != "" {
		o.Cert = given.Cert
	}
	var errOut bytes.Buffer
	con := &console.Console{Err: &errOut, Width: 80}
	if change != nil {
		change(con)
	}
	var targets []fleet.Target
	for _, phone := range phones {
		targets = append(targets, fleet.Target{Address: phone})
	}
	s, err := Listen(t.Context(), o, con, targets, 10*time.Second, transfer.Options{}, func(fleet.Event) {})
	if err == nil {
		t.Cleanup(func() { _ = s.Close() })
	}
	return s, errOut.String(), err
}

// TestListen checks that the server listens on the given address, or returns an error that names it.
func TestListen(t *testing.T) {
	address := ports.Address(t)
	s, said, err := listen(t, &option.Listen{Listen: address}, nil, "192.0.2.50")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(address)
	if s.Server.Addr().String() != address || !strings.Contains(said, "port "+port) {
		t.Errorf("it listens on %s, and says %s", s.Server.Addr(), said)
	}
	if _, _, err := listen(t, &option.Listen{Listen: address}, nil, "192.0.2.50"); exit.Classify(err).Code != exit.CodeSettings || !strings.Contains(err.Error(), address) {
		t.Errorf("a port that is taken: %v", err)
	}
	if _, _, err := listen(t, &option.Listen{Listen: "127.0.0.1:0", Cert: "missing"}, nil); exit.Classify(err).Code != exit.CodeSettings {
		t.Errorf("a certificate that is missing: %v", err)
	}
}

// TestDefaultPort checks the default port, which is another one with --phone-ca: on loopback if all phones are on this machine, and
// a free one if it is taken.
func TestDefaultPort(t *testing.T) {
	for file, port := range map[string]uint16{"": option.CallPort, clitest.File(t, "ca.pem", []byte(clitest.Authority)): option.SecurePort} {
		testDefaultPort(t, &option.Listen{PhoneCA: file}, port)
	}
}

func testDefaultPort(t *testing.T, o *option.Listen, port uint16) {
	t.Helper()
	for {
		first, _, err := listen(t, o, nil, "127.0.0.1:8085", "127.0.0.2")
		if err != nil {
			t.Fatal(err)
		}
		second, said, err := listen(t, o, nil, "127.0.0.1:8085")
		if err != nil {
			t.Fatal(err)
		}
		if first.Server.Addr().Port() != port && second.Server.Addr().Port() == port {
			_, _ = first.Close(), second.Close() // another program had the port, and left it meanwhile
			continue
		}
		if !first.Server.Addr().Addr().IsLoopback() || !second.Server.Addr().Addr().IsLoopback() || second.Server.Addr().Port() == port {
			t.Errorf("%s and %s", first.Server.Addr(), second.Server.Addr())
		}
		if strings.Contains(said, "on port") {
			t.Errorf("it says %s", said)
		}
		return
	}
}

// TestTellPort checks when the port is shown that a firewall has to open.
func TestTellPort(t *testing.T) {
	for name, test := range map[string]struct {
		advertise string
		change    func(con *console.Console)
		phones    []string
		want      bool
	}{
		"a phone elsewhere":   {"", nil, []string{"192.0.2.50"}, true},
		"phones elsewhere":    {"", nil, []string{"192.0.2.50", "192.0.2.51"}, false},
		"phones and programs": {"", func(con *console.Console) { con.JSON = true }, []string{"192.0.2.50", "192.0.2.51"}, true},
		"a phone here":        {"", nil, []string{"127.0.0.1"}, false},
		"a phone by IPv6":     {"", nil, []string{"[::1]:8085"}, true},
		"a phone by its name": {"", nil, []string{"phone.example"}, true},
		"with --verbose":      {"", func(con *console.Console) { con.Verbose = true }, []string{"127.0.0.1"}, true},
		"behind a router":     {"192.0.2.1:1", nil, []string{"127.0.0.1"}, true},
		"a host alone":        {"192.0.2.1", nil, []string{"127.0.0.1"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s, said, err := listen(t, &option.Listen{Listen: "127.0.0.1:0", Advertise: test.advertise}, test.change, test.phones...)
			if err != nil {
				t.Fatal(err)
			}
			port := strconv.Itoa(int(s.Server.Addr().Port()))
			if strings.Contains(said, port) != test.want || strings.Contains(said, "192.0.2.1:1") != (name == "behind a router") {
				t.Errorf("it says %q", said)
			}
		})
	}
}

// TestBack checks the address that phones are told to call.
func TestBack(t *testing.T) {
	local := netip.MustParseAddr("192.0.2.1")
	for _, test := range []struct {
		listen, advertise, host string
		port                    int // 0: where it listens
	}{
		{":0", "", "192.0.2.1", 0},
		{"127.0.0.1:0", "", "127.0.0.1", 0},
		{"127.0.0.1:0", "update.example", "update.example", 0},
		{":0", "update.example:443", "update.example", 443},
	} {
		s, _, err := listen(t, &option.Listen{Listen: test.listen, Advertise: test.advertise}, nil, "192.0.2.50")
		if err != nil {
			t.Fatal(err)
		}
		port := test.port
		if port == 0 {
			port = int(s.Server.Addr().Port())
		}
		if host, got := s.Back(local); host != test.host || got != port {
			t.Errorf("%+v: %s:%d", test, host, got)
		}
	}
	zoned := netip.MustParseAddr("fe80::1%eth0")
	s, _, err := listen(t, &option.Listen{Listen: ":0"}, nil, "192.0.2.50")
	if err != nil {
		t.Fatal(err)
	}
	if host, _ := s.Back(zoned); host != "fe80::1" {
		t.Errorf("a phone is told %s", host)
	}
}

// TestServeFTP checks that the FTP server has the host of the HTTPS server and a port of its own.
func TestServeFTP(t *testing.T) {
	for _, o := range []*option.Listen{{Listen: "127.0.0.1:0"}, {}} {
		s, _, err := listen(t, o, nil, "127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.ServeFTP(); err != nil {
			t.Fatal(err)
		}
		host, port := s.BackFTP(netip.MustParseAddr("127.0.0.1"))
		if host != "127.0.0.1" || port != int(s.FTP.Addr().Port()) || port == int(s.Server.Addr().Port()) {
			t.Errorf("%s:%d", host, port)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestCertificate checks that the server presents its certificate.
func TestCertificate(t *testing.T) {
	s, _, err := listen(t, &option.Listen{Listen: "127.0.0.1:0"}, nil, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // it is looked at here
	conn, err := dialer.DialContext(t.Context(), "tcp", s.Server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	secure, ok := conn.(*tls.Conn)
	if !ok || !bytes.Equal(secure.ConnectionState().PeerCertificates[0].Raw, s.Certificate.Certificate[0]) {
		t.Error("another certificate is shown")
	}
}
