package main

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/internal/testca"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// A secureSite is a site with an authority of its own, whose phones are in secure mode.
type secureSite struct {
	*site
	authority *testca.Authority
	args      []string // what a command needs for these phones
}

// secure makes the authority, and a certificate for this machine. change, if not nil, changes the latter.
func (s *site) secure(change func(*x509.Certificate)) *secureSite {
	s.t.Helper()
	a := testca.NewAuthority(s.t)
	own := a.Issue(func(c *x509.Certificate) {
		c.IPAddresses = []net.IP{machineHost.AsSlice()}
		if change != nil {
			change(c)
		}
	})
	return &secureSite{s, a, []string{
		"--phone-ca", clitest.File(s.t, "ca.pem", a.PEM()), "--service-cert", clitest.File(s.t, "own.crt", testca.CertificatePEM(&own)),
		"--service-key", clitest.File(s.t, "own.key", testca.KeyPEM(s.t, &own)),
	}}
}

// phone starts a phone with a certificate of the authority.
func (s *secureSite) phone(faults string) *phonesim.Phone {
	s.t.Helper()
	return s.site.phone(faults, func(c *phonesim.Config) {
		issue := func(name string) *tls.Certificate {
			made := s.authority.Issue(func(c *x509.Certificate) { c.Subject.CommonName, c.DNSNames, c.IPAddresses = name, nil, nil })
			return &made
		}
		c.Authorities, c.Certificate, c.OtherCertificate = s.authority.Pool(), issue("CP600 "+c.MAC), issue("CP600 00:1A:E8:00:00:FE")
	})
}

// run runs a command with the files of the site.
func (s *secureSite) run(args ...string) ran {
	s.t.Helper()
	a, out, errOut := s.app()
	return ran{run(s.t.Context(), a, append(args, s.args...)), out.String(), errOut.String()}
}

// TestSecurePush updates phones in secure mode, and says of each other one what is wrong.
func TestSecurePush(t *testing.T) {
	t.Parallel()
	image := phoneImage(t)
	for name, row := range map[string]struct {
		faults string
		args   []string
		code   exit.Code
		kind   string
		says   string
		hint   string
	}{
		"updated":          {faults: "secure-mode", kind: "updated"},
		"updated, TLS 1.3": {faults: "secure-mode tls-1.3", kind: "updated"},
		"updated by FTP":   {faults: "secure-mode", args: []string{"--method", "ftp"}, kind: "updated"},
		"in default mode":  {faults: "", code: exit.CodeSettings, kind: "no-certificate", says: "it calls back, but shows no certificate", hint: "for phones that are not in secure mode, omit --phone-ca"},
		"shows none":       {faults: "secure-no-certificate", code: exit.CodeSettings, kind: "no-certificate", says: "it calls back, but shows no certificate", hint: "check that the phone is in secure mode"},
		"signed by itself": {faults: "secure-own-certificate tls-1.3", code: exit.CodeSettings, kind: "bad-certificate", says: "it is not signed by an authority for clients", hint: "check that --phone-ca names the authority"},
		"of another phone": {faults: "secure-other-certificate", code: exit.CodeSettings, kind: "certificate-mac", says: "holds the MAC address 00:1A:E8:00:00:FE, and not 00:1A:E8:00:00:01", hint: "find out which phone has this address now"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inMemory(t, func(s *site) {
				secure := s.secure(nil)
				phone := secure.phone(row.faults)
				r := secure.run(append([]string{"push", image, phone.Address(), "--serve", "--json", "--hw-level", "3"}, row.args...)...)
				last := lastLine(t, pushLines(t, r.out))
				checkPlain(t, r.errOut)
				if row.code == exit.CodeOK {
					if r.code != exit.CodeOK || last.Outcome != row.kind || phone.State().Version.String() != versionNew || strings.Contains(r.errOut, "warning") {
						t.Errorf("code %d, %+v, %s", r.code, last, r.errOut)
					}
					return
				}
				e := r.failure(t)
				if r.code != row.code || e.Kind != row.kind || !strings.Contains(e.Message, row.says) || !strings.Contains(strings.Join(e.Hints, "\n"), row.hint) || phone.State().Instructed != 0 {
					t.Errorf("code %d, %+v", r.code, e)
				}
				if !strings.Contains(r.out, `"event":"trouble"`) {
					t.Error("it was not said at once")
				}
			})
		})
	}
}

// TestSecureQuery queries phones in secure mode, notes at once what is wrong with a call, and waits for the phone anyway.
func TestSecureQuery(t *testing.T) {
	t.Parallel()
	inMemory(t, func(s *site) {
		secure := s.secure(nil)
		well, bad := secure.phone("secure-mode"), secure.phone("secure-no-certificate")
		if r := secure.run("phone", well.Address()); r.code != exit.CodeOK || !strings.Contains(r.out, "Unify HFA "+versionOld) {
			t.Errorf("code %d, %s %s", r.code, r.out, r.errOut)
		}
		r := secure.run("phone", well.Address(), bad.Address())
		host, _, _ := net.SplitHostPort(bad.Address())
		if r.code != exit.CodePartial || strings.Count(r.errOut, bad.Address()+": "+host+": it shows no certificate") != 1 {
			t.Errorf("code %d, %s", r.code, r.errOut)
		}
	})
}

// TestSecureOwnCertificate warns before a phone is contacted if phones may reject the certificate of this machine.
func TestSecureOwnCertificate(t *testing.T) {
	t.Parallel()
	const assumed = "; a phone that verifies this certificate may reject it (assumed)"
	for name, row := range map[string]struct {
		change func(*x509.Certificate)
		args   []string
		says   string // "" for no warning
	}{
		"well":       {nil, nil, ""},
		"expired":    {testca.Expired, nil, "it expired on 19"},
		"other name": {testca.OtherName, nil, "it does not name 10.1.0.1, which phones are told to call"},
		"advertised": {nil, []string{"--advertise", "here.example"}, "it does not name here.example, which phones are told to call"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inMemory(t, func(s *site) {
				secure := s.secure(row.change)
				phone := secure.phone("secure-mode")
				r := secure.run(append([]string{"phone", phone.Address(), "--patience", "90s"}, row.args...)...)
				before, _, _ := strings.Cut(r.errOut, "contact request sent")
				if row.says == "" && strings.Contains(r.errOut, "warning") || !strings.Contains(before, row.says) || row.says != "" && strings.Count(r.errOut, assumed) != 1 {
					t.Errorf("%s", r.errOut)
				}
			})
		})
	}
}

// TestSecureFiles refuses what is no file of authorities, before anything is sent.
func TestSecureFiles(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]string{
		"missing":  filepath.Join(t.TempDir(), "ca.pem"),
		"empty":    clitest.File(t, "ca.pem", nil),
		"no PEM":   clitest.File(t, "ca.pem", []byte("x")),
		"too long": clitest.File(t, "ca.pem", make([]byte, 1<<20+1)),
		"a folder": t.TempDir(),
	} {
		a, _, errOut := testApp(t, nil)
		if code := run(t.Context(), a, []string{"phone", "127.0.0.1:1", "--phone-ca", file, "--listen", "127.0.0.1:0"}); code != exit.CodeSettings || !strings.Contains(errOut.String(), "ca.pem") && name != "a folder" {
			t.Errorf("%s: code %d, %s", name, code, errOut)
		}
	}
}
