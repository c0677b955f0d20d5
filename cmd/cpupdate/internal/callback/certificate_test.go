package callback

import (
	"crypto/tls"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/testca"
)

// TestDoubts finds what speaks against a certificate of this machine, and nothing else.
func TestDoubts(t *testing.T) {
	t.Parallel()
	a, other := testca.NewAuthority(t), testca.NewAuthority(t)
	between := testca.New(t, testca.Options{Parent: a.Pair(), Change: func(c *x509.Certificate) {
		testca.SigningOthers(c)
		c.Subject.CommonName, c.NotBefore, c.NotAfter = "between", time.Now().Add(-48*time.Hour), time.Now().Add(48*time.Hour)
	}})
	below := testca.New(t, testca.Options{Parent: between})
	chain := func(all ...*tls.Certificate) tls.Certificate {
		var c tls.Certificate
		for _, one := range all {
			c.Certificate = append(c.Certificate, one.Certificate[0])
		}
		return c
	}
	signed, late, client := a.Issue(nil), a.Issue(testca.Expired), a.Issue(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
	future := a.Issue(func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)
	})
	const missing, order = "no authority of --phone-ca signed it, or one in between is missing in the file", "certificate 2 in the file did not sign the one before it"
	for name, row := range map[string]struct {
		shown tls.Certificate
		by    *testca.Authority // of --phone-ca
		want  []string          // how the doubts begin
	}{
		"of the authority":               {signed, a, nil},
		"without --phone-ca":             {signed, nil, nil},
		"with the authority":             {chain(&signed, a.Pair()), a, nil},
		"of another authority":           {signed, other, []string{missing}},
		"through another":                {chain(below, between), a, nil},
		"without the other":              {chain(below), a, []string{missing}},
		"without, and without the flag":  {chain(below), nil, nil},
		"in the wrong order":             {chain(below, a.Pair(), between), a, []string{order}},
		"with another authority's":       {chain(&signed, other.Pair()), nil, []string{order}},
		"expired":                        {late, a, []string{"it expired on "}},
		"expired, of another authority":  {late, other, []string{"it expired on ", missing}},
		"not valid yet":                  {future, a, []string{"it is valid from "}},
		"for clients":                    {client, a, []string{"its extended key usage does not allow a TLS server"}},
		"one that cannot be read":        {tls.Certificate{Certificate: [][]byte{{1}}}, a, nil},
		"one that signs itself, no flag": {*testca.New(t, testca.Options{}), nil, nil},
	} {
		var by *x509.CertPool
		if row.by != nil {
			by = row.by.Pool()
		}
		doubts := Doubts(row.shown, by, time.Now())
		var texts []string
		for _, d := range doubts {
			texts = append(texts, d.Text)
			if d.Hint == "" {
				t.Errorf("%s: no hint for %s", name, d.Text)
			}
		}
		if len(texts) != len(row.want) {
			t.Errorf("%s: %q, want %q", name, texts, row.want)
			continue
		}
		for i := range texts {
			if !strings.HasPrefix(texts[i], row.want[i]) {
				t.Errorf("%s: %q, want %q", name, texts, row.want)
			}
		}
	}
}

// TestNameDoubt compares the host that phones are told to call with the names in a certificate.
func TestNameDoubt(t *testing.T) {
	t.Parallel()
	named, other := testca.New(t, testca.Options{}), testca.New(t, testca.Options{Change: testca.OtherName})
	common := func(name string) *tls.Certificate {
		return testca.New(t, testca.Options{Change: func(c *x509.Certificate) { c.Subject.CommonName, c.DNSNames, c.IPAddresses = name, nil, nil }})
	}
	for name, row := range map[string]struct {
		shown *tls.Certificate
		host  string
		found bool
	}{
		"address":                   {named, "127.0.0.1", false},
		"name":                      {named, "LOCALHOST", false},
		"another address":           {named, "127.0.0.2", true},
		"another name":              {other, "here.example", true},
		"address, as a common name": {common("192.0.2.10"), "192.0.2.10", false},
		"IPv6, as a common name":    {common("2001:DB8::1"), "2001:db8:0::1", false},
		"name, as a common name":    {common("Here.Example"), "here.example", false},
		"another common name":       {common("192.0.2.1"), "192.0.2.10", true},
	} {
		d, found := NameDoubt(*row.shown, row.host)
		if found != row.found || found && (!strings.Contains(d.Text, row.host) || !strings.Contains(d.Hint, "--advertise")) {
			t.Errorf("%s: %v, %v", name, found, d)
		}
	}
}
