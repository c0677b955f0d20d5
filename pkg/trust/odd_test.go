package trust_test

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/testca"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// An oddCertificate is one as devices and small servers have it.
type oddCertificate struct {
	name   string
	create func(*testing.T, *testca.Authority) *tls.Certificate // nil: an authority signs it, with change
	change func(*x509.Certificate)
	fault  trust.Fault // with the authority stated
	signed bool        // an authority has signed it, all the same
	says   string      // in the error
}

// noNames takes the names out.
func noNames(common string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.Subject, c.DNSNames, c.IPAddresses = pkix.Name{CommonName: common}, nil, nil
	}
}

func oddCertificates() []oddCertificate {
	rewritten := func(change func(*testca.TBS)) func(*testing.T, *testca.Authority) *tls.Certificate {
		return func(t *testing.T, a *testca.Authority) *tls.Certificate {
			t.Helper()
			issued := a.Issue(nil)
			return testca.Rewrite(t, &issued, a.Pair(), 0, change)
		}
	}
	self := func(change func(*x509.Certificate)) func(*testing.T, *testca.Authority) *tls.Certificate {
		return func(t *testing.T, _ *testca.Authority) *tls.Certificate {
			t.Helper()
			return testca.New(t, testca.Options{Change: change})
		}
	}
	signedWith := func(hash crypto.Hash, arc ...int) func(*testing.T, *testca.Authority) *tls.Certificate {
		return func(t *testing.T, a *testca.Authority) *tls.Certificate {
			t.Helper()
			issued := a.Issue(nil)
			return testca.Rewrite(t, &issued, a.Pair(), hash, func(c *testca.TBS) {
				c.Algorithm = pkix.AlgorithmIdentifier{Algorithm: append(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1}, arc...), Parameters: asn1.NullRawValue}
			})
		}
	}
	return []oddCertificate{
		{name: "well-behaved"},
		{name: "negative serial number", create: rewritten(func(c *testca.TBS) { c.Serial = big.NewInt(-4711) })},
		{name: "serial number 0", create: rewritten(func(c *testca.TBS) { c.Serial = new(big.Int) })},
		{name: "long serial number", create: rewritten(func(c *testca.TBS) { c.Serial = new(big.Int).Lsh(big.NewInt(1), 300) })},
		{
			name: "version 1", fault: trust.FaultNoName, signed: true, says: `common name "Test Server" does not count`,
			create: rewritten(func(c *testca.TBS) { c.Version, c.Extensions = 0, nil }),
		},
		{
			name: "common name only", change: noNames("files.example"), fault: trust.FaultNoName, signed: true,
			says: `its certificate has no name in it, so it is not for "127.0.0.1": its common name "files.example" does not count`,
		},
		{name: "address as common name only", change: noNames("127.0.0.1"), fault: trust.FaultNoName, signed: true, says: `its common name "127.0.0.1" does not count`},
		{
			name: "address as a name only", change: func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"127.0.0.1"}, nil },
			fault: trust.FaultNoAddress, signed: true, says: `has "127.0.0.1" as a name, and not as an address`,
		},
		{name: "empty subject", change: func(c *x509.Certificate) { c.Subject = pkix.Name{} }},
		{name: "empty subject and no name", change: noNames(""), fault: trust.FaultNoName, signed: true, says: `has no name in it, so it is not for "127.0.0.1"`},
		{name: "another name", change: testca.OtherName, fault: trust.FaultOtherName, signed: true, says: `is for "elsewhere.example", and not for "127.0.0.1"`},
		{
			name: "another address", change: func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = nil, []net.IP{net.IPv4(192, 0, 2, 1)} },
			fault: trust.FaultOtherName, signed: true, says: `is for 192.0.2.1, and not for "127.0.0.1"`,
		},
		{name: "expired", change: testca.Expired, fault: trust.FaultExpired, signed: true, says: "expired"},
		{name: "not yet valid", change: func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(24*time.Hour), time.Now().Add(48*time.Hour)
		}, fault: trust.FaultEarly, signed: true, says: "not yet valid"},
		{name: "expired, and another name", change: func(c *x509.Certificate) { testca.Expired(c); testca.OtherName(c) }, fault: trust.FaultExpired, signed: true},
		{name: "no use stated", change: func(c *x509.Certificate) { c.ExtKeyUsage = nil }},
		{
			name: "for clients only", change: func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} },
			fault: trust.FaultUsage, signed: true, says: "is not for servers",
		},
		{name: "signs others", change: func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }},
		{name: "SHA-1", create: signedWith(crypto.SHA1, 5), fault: trust.FaultWeakSign, says: "is signed with SHA1-RSA, which is broken"},
		{name: "MD5", create: signedWith(crypto.MD5, 4), fault: trust.FaultWeakSign, says: "is signed with MD5-RSA, which is broken"},
		{name: "self-signed", create: self(nil), fault: trust.FaultNotSigned, says: "unknown authority"},
		{name: "self-signed, common name only", create: self(noNames("phone")), fault: trust.FaultNoName, says: `common name "phone" does not count`},
		{name: "self-signed, negative serial number", fault: trust.FaultNotSigned, create: func(t *testing.T, _ *testca.Authority) *tls.Certificate {
			t.Helper()
			return testca.Rewrite(t, testca.New(t, testca.Options{}), nil, 0, func(c *testca.TBS) { c.Serial = big.NewInt(-1) })
		}},
	}
}

// TestOddCertificates checks that a stated or known key is enough, whatever the certificate is like, and that the error of
// one that an authority has to vouch for says what is wrong with it.
func TestOddCertificates(t *testing.T) {
	t.Parallel()
	authority := testca.NewRSAAuthority(t)
	for _, c := range oddCertificates() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.create == nil {
				c.create = func(_ *testing.T, a *testca.Authority) *tls.Certificate {
					issued := a.Issue(c.change)
					return &issued
				}
			}
			certificate := c.create(t, authority)
			address := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{*certificate}, MinVersion: tls.VersionTLS12})
			pin := trust.PinOf(certificate.Leaf)
			for name, p := range map[string]trust.Policy{
				"pinned": {Pins: []trust.Pin{pin}}, "known": {Known: []trust.Known{{Pin: pin}}},
			} {
				if err := handshake(t, address, p); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			err := handshake(t, address, trust.Policy{Authorities: authority.Pool()})
			if c.fault == trust.FaultOther {
				if err != nil {
					t.Errorf("%v", err)
				}
				return
			}
			e := trust.AsError(err)
			if e == nil || e.Fault() != c.fault || e.Signed != c.signed || !e.Authorities || e.KeyStated || !strings.Contains(e.Reason(), c.says) {
				t.Fatalf("%v, %+v: want %d, %t, %q", err, e, c.fault, c.signed, c.says)
			}
			if e.Presented != pin || strings.Contains(e.Error(), "no name, and") {
				t.Errorf("%v", e)
			}
			if both := trust.AsError(handshake(t, address, trust.Policy{Authorities: authority.Pool(), Pins: []trust.Pin{pin}})); both == nil || !both.KeyStated {
				t.Errorf("with its pin too: %+v", both)
			}
		})
	}
}

// TestReasonOfSameName checks that an authority with the right name and another key adds no text of the library.
func TestReasonOfSameName(t *testing.T) {
	t.Parallel()
	e := &trust.Error{Err: fmt.Errorf("%w (possibly because of \"x509: invalid signature\" while trying to verify \"site\")", x509.UnknownAuthorityError{})}
	if got := e.Reason(); e.Fault() != trust.FaultNotSigned || got != "x509: certificate signed by unknown authority" {
		t.Errorf("got %v, %q", e.Fault(), got)
	}
}
