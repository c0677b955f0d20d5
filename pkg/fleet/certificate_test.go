package fleet_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/cpupdate/cpupdate/internal/testca"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// secureStage opens a stage at a site with an authority of its own.
func secureStage(t *testing.T) *stage {
	t.Helper()
	return newStage(t, setting{secure: testca.NewAuthority(t)})
}

// TestCertificateNames compares what a certificate is for with the MAC address of the phone that shows it.
func TestCertificateNames(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		change func(*x509.Certificate) // of the certificate of phone 1
		end    string
		says   string
	}{
		"no MAC address":     {func(c *x509.Certificate) { c.Subject.CommonName = "lobby" }, "updated", ""},
		"with text around":   {func(c *x509.Certificate) { c.Subject.CommonName = "CP600 001ae8000001, lobby" }, "updated", ""},
		"in a name":          {func(c *x509.Certificate) { c.DNSNames = []string{"cp-00-1a-e8-00-00-01.example"} }, "updated", ""},
		"another in a name":  {func(c *x509.Certificate) { c.DNSNames = []string{"cp-00-1a-e8-00-00-77.example"} }, "certificate-mac", "holds several MAC addresses: 00:1A:E8:00:00:77, 00:1A:E8:00:00:01"},
		"only another":       {func(c *x509.Certificate) { c.Subject.CommonName = "001AE8000077" }, "certificate-mac", "holds the MAC address 00:1A:E8:00:00:77, and not 00:1A:E8:00:00:01"},
		"of two phones":      {func(c *x509.Certificate) { c.Subject.CommonName = "00:1A:E8:00:00:01 00:1A:E8:00:00:02" }, "certificate-mac", "holds several MAC addresses"},
		"control characters": {func(c *x509.Certificate) { c.Subject.CommonName = "\x1b[31m001AE8000077" }, "certificate-mac", `for "\x1b[31m001AE8000077", holds`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := secureStage(t)
				p := s.phone(1, func(c *phonesim.Config) {
					shown := s.secure.Issue(func(c *x509.Certificate) {
						c.Subject.CommonName, c.DNSNames = macOf(1), nil
						row.change(c)
					})
					c.Certificate = &shown
				}, "secure-mode")
				results := s.run(p.Address())
				if ending(results[0]) != row.end || row.says != "" && !strings.Contains(results[0].Failure.Error(), row.says) {
					t.Error(ending(results[0]), results[0].Failure)
				}
				if row.end != "updated" && p.State().Instructed != 0 {
					t.Error("it got the update command")
				}
				if err := s.agree(results); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestCertificateOfAnother refuses a phone that shows the certificate of another phone of the plan, and updates that one.
func TestCertificateOfAnother(t *testing.T) {
	t.Parallel()
	for _, listed := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s := secureStage(t)
			liar, other := s.phone(1, func(c *phonesim.Config) { c.MAC = macOf(2) }, "secure-other-certificate"), s.phone(2, nil, "secure-mode")
			s.plan.Phones = []fleet.Target{targetOf(liar.Address()), targetOf(other.Address())}
			if listed {
				s.plan.Phones[0].MAC, s.plan.Phones[1].MAC = macOf(1), macOf(2)
			}
			results := s.run()
			end := ending(results[0])
			if listed && end != "certificate-mac" || end == "updated" && ending(results[1]) == "updated" || liar.State().Instructed+other.State().Instructed != 1 {
				t.Errorf("listed %v: %s, %s", listed, end, ending(results[1]))
			}
			if listed && (ending(results[1]) != "updated" || liar.State().Instructed != 0) {
				t.Error(ending(results[1]), results[1].Failure)
			}
		})
	}
}

// TestCertificateStrangers shows that no phone fails because of what comes from other addresses, or of what others at its address
// do while it calls as it should.
func TestCertificateStrangers(t *testing.T) {
	t.Parallel()
	for _, from := range []string{"10.9.9.9", hostOf(1)} {
		synctest.Test(t, func(t *testing.T) {
			s := secureStage(t)
			p := s.phone(1, nil, "secure-mode")
			s.hear = func(e fleet.Event) {
				if e.Step == fleet.StepContacted && e.Attempt == 1 {
					s.others.Go(func() { badClients(s, from) })
				}
			}
			results := s.run(p.Address())
			if ending(results[0]) != "updated" {
				t.Error(from, ending(results[0]), results[0].Failure)
			}
			said := false
			for _, e := range s.told() {
				said = said || e.Step == fleet.StepCallError && e.Phone == 0
			}
			if said != (from == hostOf(1)) {
				t.Errorf("%s: said of the phone: %v", from, said)
			}
		})
	}
}

// badClients connects with every fault of certificates from an address.
func badClients(s *stage, from string) {
	self := testca.New(s.t, testca.Options{})
	for _, config := range []*tls.Config{
		{InsecureSkipVerify: true},
		{InsecureSkipVerify: true, Certificates: []tls.Certificate{*self}},
		{RootCAs: x509.NewCertPool(), ServerName: machine},
		{InsecureSkipVerify: true, Certificates: []tls.Certificate{*s.certificateFor(macOf(9))}},
	} {
		raw, err := s.net.DialFrom(s.t.Context(), netip.MustParseAddr(from), "tcp", machine+":18443")
		if err != nil {
			s.t.Error(err)
			return
		}
		c := tls.Client(raw, config)
		body := `<WorkpointMessage><Message nonce="1"><ReasonForContact>solicited</ReasonForContact><ItemList><Item name="mac-addr">` + macOf(1) + `</Item></ItemList></Message></WorkpointMessage>`
		_, _ = fmt.Fprintf(c, "POST /DeploymentService/LoginService HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		answer := make([]byte, 12)
		_, _ = c.Read(answer)
		if got := string(answer); got != "HTTP/1.1 403" && strings.HasPrefix(got, "HTTP/") {
			s.t.Errorf("%s is answered %q", from, got)
		}
		_ = c.Close()
	}
}

// TestCertificateShared says of phones that share an address only what is known to be about one of them.
func TestCertificateShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := secureStage(t)
		at := func(port string) func(*phonesim.Config) {
			return func(c *phonesim.Config) { c.Listen = hostOf(9) + port }
		}
		a, b := s.phone(1, at(":8085"), "secure-no-certificate"), s.phone(2, at(":8086"), "secure-mode")
		c := s.phone(4, at(":8087"), "secure-other-certificate")
		results := s.run(a.Address(), b.Address(), c.Address())
		if got := ending(results[0]) + " " + ending(results[1]) + " " + ending(results[2]); got != "no-call-back updated certificate-mac" {
			t.Error(got)
		}
		if text := results[0].Failure.Error(); !strings.HasSuffix(text, "calls from its address, which several phones have, failed: it shows no certificate") {
			t.Error(text)
		}
	})
}

// TestCertificateByPage sends no image to the page of a phone that calls with the certificate of another one, and goes on to the page
// of one that shows none: its page is another witness.
func TestCertificateByPage(t *testing.T) {
	t.Parallel()
	for fault, end := range map[string]string{"secure-mode": "updated", "secure-other-certificate": "certificate-mac", "secure-no-certificate": "updated"} {
		synctest.Test(t, func(t *testing.T) {
			s := secureStage(t)
			p := s.phone(1, func(c *phonesim.Config) { c.Web, c.Password = hostOf(1)+":443", pagePassword }, fault)
			s.byPage(p, false, func(*fleet.Web) {})
			results := s.run(p.Address())
			if ending(results[0]) != end || (p.State().Uploads > 0) != (end == "updated") {
				t.Errorf("%s: %s, %d uploads, %v", fault, ending(results[0]), p.State().Uploads, results[0].Failure)
			}
		})
	}
}

// TestCertificateAfterRestart reports a phone that comes back with the certificate of another one as such.
func TestCertificateAfterRestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := secureStage(t)
		p := s.phone(1, nil, "secure-mode", "comes-back-other-mac")
		results := s.run(p.Address())
		if ending(results[0]) != "certificate-mac" || !results[0].Failure.Instructed {
			t.Error(ending(results[0]), results[0].Failure)
		}
	})
}
