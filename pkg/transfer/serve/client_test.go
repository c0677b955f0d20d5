package serve_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/testca"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// openSecure starts a server that demands certificates of an authority. Its handler answers with what the client's is for.
func openSecure(t *testing.T, a *testca.Authority, change func(*serve.Options)) *desk {
	t.Helper()
	return open(t, func(o *serve.Options) {
		o.ClientAuthorities = a.Pool()
		o.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, r.TLS.PeerCertificates[0].Subject.CommonName)
		})
		if change != nil {
			change(o)
		}
	})
}

// forClient changes a certificate to that of a phone.
func forClient(name string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.Subject.CommonName, c.DNSNames, c.IPAddresses = name, nil, nil
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
}

// says sends a request with a certificate, nil for none, by one version of TLS, and returns the answer.
func (d *desk) says(path string, shown *tls.Certificate, version uint16) (status int, body string, err error) {
	d.t.Helper()
	config := &tls.Config{RootCAs: d.pool, MinVersion: version, MaxVersion: version}
	if shown != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return shown, nil }
	}
	transport := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}
	request, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, d.url(path), http.NoBody)
	if err != nil {
		d.t.Fatal(err)
	}
	answer, err := (&http.Client{Transport: transport, Timeout: patience}).Do(request)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text), err
}

// versions are those of TLS in which a client's certificate is shown at different times.
func versions() map[string]uint16 {
	return map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13}
}

// TestClientCertificates checks which certificates of clients are accepted, and what is said of the others.
func TestClientCertificates(t *testing.T) {
	t.Parallel()
	a, other := testca.NewAuthority(t), testca.NewAuthority(t)
	issued := func(by *testca.Authority, change func(*x509.Certificate)) *tls.Certificate {
		c := by.Issue(func(c *x509.Certificate) {
			forClient("phone")(c)
			if change != nil {
				change(c)
			}
		})
		return &c
	}
	between := testca.New(t, testca.Options{Parent: a.Pair(), Change: func(c *x509.Certificate) {
		testca.SigningOthers(c)
		c.Subject.CommonName, c.NotAfter = "between", time.Now().Add(48*time.Hour)
		c.NotBefore = time.Now().Add(-48 * time.Hour)
	}})
	below := testca.New(t, testca.Options{Parent: between, Change: forClient("below")})
	chained := &tls.Certificate{Certificate: [][]byte{below.Certificate[0], between.Certificate[0]}, PrivateKey: below.PrivateKey}
	weak := testca.New(t, testca.Options{Parent: a.Pair(), RSA: 1024, Change: forClient("weak")})
	weaklySigned := issued(a, func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 })
	weakBetween := testca.New(t, testca.Options{Parent: a.Pair(), Change: func(c *x509.Certificate) {
		testca.SigningOthers(c)
		c.Subject.CommonName, c.SignatureAlgorithm = "between", x509.ECDSAWithSHA1
	}})
	expired := issued(a, testca.Expired)
	negative := testca.Rewrite(t, issued(a, nil), a.Pair(), 0, func(c *testca.TBS) { c.Serial = big.NewInt(-5) })
	for name, row := range map[string]struct {
		shown *tls.Certificate
		says  string // what the handler answers, or a part of the error
		ok    bool
	}{
		"of the authority":     {issued(a, nil), "phone", true},
		"for servers":          {issued(a, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), "phone", true},
		"for nothing stated":   {issued(a, func(c *x509.Certificate) { c.ExtKeyUsage, c.KeyUsage = nil, 0 }), "phone", true},
		"through another":      {chained, "below", true},
		"a negative number":    {negative, "phone", true},
		"without the other":    {below, `"below", is not accepted: it is not signed by an authority for clients; it names "between" as its issuer`, false},
		"of another authority": {issued(other, nil), `"phone", is not accepted: it is not signed by an authority for clients`, false},
		"signed by itself":     {testca.New(t, testca.Options{Change: forClient("self")}), `"self", is not accepted: it is not signed by an authority for clients, but by itself`, false},
		"a weak signature":     {weaklySigned, `"phone", is not accepted: it is signed with ECDSA-SHA1, which is too weak`, false},
		"a weak one between": {
			&tls.Certificate{Certificate: [][]byte{below.Certificate[0], weakBetween.Certificate[0]}, PrivateKey: below.PrivateKey},
			`the certificate of an authority in between, "between", is signed with ECDSA-SHA1, which is too weak`, false,
		},
		"expired": {expired, "it expired on " + expired.Leaf.NotAfter.UTC().Format(time.DateOnly), false},
		"not valid yet": {issued(a, func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(48*time.Hour), time.Now().Add(72*time.Hour)
		}), "it is valid from ", false},
		"a short key":            {weak, "its RSA key has 1024 bits", false},
		"a name with characters": {issued(other, forClient("\x1b[31mred\n"+strings.Repeat("x", 5000))), `for "\x1b[31mred\nxxx`, false},
		"no name":                {issued(other, forClient("")), "its certificate is not accepted", false},
	} {
		for version, number := range versions() {
			t.Run(name+", "+version, func(t *testing.T) {
				t.Parallel()
				d := openSecure(t, a, nil)
				status, text, err := d.says("/", row.shown, number)
				if row.ok {
					if status != http.StatusOK || text != row.says || err != nil || len(d.trouble) > 0 {
						t.Errorf("%d %q, %v", status, text, err)
					}
					return
				}
				if err == nil {
					t.Errorf("it is answered %d %q", status, text)
				}
				d.troubled(func(err error) bool {
					own := (*serve.CertificateError)(nil)
					return noHandshake(err) && errors.As(err, &own) && strings.Contains(err.Error(), row.says) && len(err.Error()) < 600
				})
			})
		}
	}
}

// TestClientOfExpiredAuthority says that the authority is the cause.
func TestClientOfExpiredAuthority(t *testing.T) {
	t.Parallel()
	old := testca.New(t, testca.Options{Change: func(c *x509.Certificate) {
		testca.SigningOthers(c)
		testca.Expired(c)
	}})
	shown := testca.New(t, testca.Options{Parent: old, Change: forClient("phone")})
	d := openSecure(t, testca.NewAuthority(t), func(o *serve.Options) { o.ClientAuthorities.AddCert(old.Leaf) })
	if _, _, err := d.says("/", shown, tls.VersionTLS13); err == nil {
		t.Error("it is answered")
	}
	d.troubled(func(err error) bool {
		return strings.Contains(err.Error(), `"phone", is not accepted: an authority that signed it has expired`)
	})
}

// TestClientWithoutCertificate gives nothing to a client without a certificate but its file, and says so.
func TestClientWithoutCertificate(t *testing.T) {
	t.Parallel()
	a := testca.NewAuthority(t)
	for version, number := range versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			d := openSecure(t, a, nil)
			for _, shown := range []*tls.Certificate{nil, {}} {
				status, text, err := d.says("/DeploymentService/LoginService", shown, number)
				if status != http.StatusForbidden || err != nil {
					t.Errorf("%d %q, %v", status, text, err)
				}
				d.troubled(func(err error) bool { return errors.Is(err, serve.ErrNoCertificate) })
			}
			o, w := d.offer(content(5000))
			status, text, err := d.says(o.Path(), nil, number)
			if status != http.StatusOK || text != string(content(5000)) || err != nil {
				t.Errorf("the file: %d, %d bytes, %v", status, len(text), err)
			}
			w.complete()
			if status, _, _ = d.says("/"+strings.Repeat("0", 32)+"/"+name, nil, number); status != http.StatusNotFound {
				t.Errorf("no file: %d", status)
			}
			d.troubled(notOffered)
		})
	}
}

// TestClientOfUnknownAddress passes no request without a certificate on, from wherever it comes, also from an address that was
// unknown when the connection came, and says nothing of a client there that requests nothing.
func TestClientOfUnknownAddress(t *testing.T) {
	t.Parallel()
	known := atomic.Bool{}
	d := openSecure(t, testca.NewAuthority(t), func(o *serve.Options) {
		o.Known = func(netip.Addr) bool { return known.Load() }
		o.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the request is passed on") })
	})
	_ = d.dial().Close()
	c := d.dial()
	known.Store(true)
	if _, err := fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(c); !strings.HasPrefix(string(text), "HTTP/1.1 403 ") || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	d.troubled(func(err error) bool { return errors.Is(err, serve.ErrNoCertificate) })
	if len(d.trouble) > 0 {
		t.Errorf("told %v", <-d.trouble)
	}
}

// TestClientAccepts lets the offer decide about the certificate of a client that fetches.
func TestClientAccepts(t *testing.T) {
	t.Parallel()
	a := testca.NewAuthority(t)
	d := openSecure(t, a, nil)
	mine, others := a.Issue(forClient("mine")), a.Issue(forClient("others"))
	file := content(100)
	o := d.handing.Offer(serve.Offering{
		Name: name, Content: section(file), Clients: []netip.Addr{loopback},
		Accepts: func(c *x509.Certificate) bool { return c.Subject.CommonName == "mine" },
	})
	for shown, want := range map[*tls.Certificate]int{&mine: http.StatusOK, &others: http.StatusNotFound, nil: http.StatusOK} {
		if status, _, err := d.says(o.Path(), shown, tls.VersionTLS13); status != want || err != nil {
			t.Errorf("%d, want %d, %v", status, want, err)
		}
	}
}

// TestClientResumes verifies the certificate of a session that is resumed, too.
func TestClientResumes(t *testing.T) {
	t.Parallel()
	a := testca.NewAuthority(t)
	shown := a.Issue(forClient("phone"))
	for version, number := range versions() {
		d := openSecure(t, a, nil)
		config := &tls.Config{
			RootCAs: d.pool, ServerName: "127.0.0.1", MinVersion: number, MaxVersion: number,
			Certificates: []tls.Certificate{shown}, ClientSessionCache: tls.NewLRUClientSessionCache(1),
		}
		for i := range 2 {
			c := tls.Client(d.connect(), config)
			if _, err := fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(c)
			if !strings.HasSuffix(string(text), "phone") || err != nil || c.ConnectionState().DidResume != (i == 1) {
				t.Errorf("%s: connection %d: %q, %v, resumed %v", version, i+1, text, err, c.ConnectionState().DidResume)
			}
			_ = c.Close()
		}
		if len(d.trouble) > 0 {
			t.Errorf("%s: told %v", version, <-d.trouble)
		}
	}
}

// TestClientLegacy accepts a short key where old phones are let in.
func TestClientLegacy(t *testing.T) {
	t.Parallel()
	a := testca.NewAuthority(t)
	d := openSecure(t, a, func(o *serve.Options) { o.Legacy = true })
	weak := testca.New(t, testca.Options{Parent: a.Pair(), RSA: 1024, Change: forClient("weak")})
	if status, text, err := d.says("/", weak, tls.VersionTLS12); status != http.StatusOK || text != "weak" || err != nil {
		t.Errorf("%d %q, %v", status, text, err)
	}
	if err := trust.CheckStrength(weak.Leaf); err == nil {
		t.Error("1024 bits are enough")
	}
}

// TestClientRejects tells a client that rejects this machine's certificate from one that cannot agree on TLS.
func TestClientRejects(t *testing.T) {
	t.Parallel()
	for _, authority := range []*testca.Authority{nil, testca.NewAuthority(t)} {
		for version, number := range versions() {
			t.Run(fmt.Sprintf("%s, demanding %v", version, authority != nil), func(t *testing.T) {
				t.Parallel()
				d := open(t, func(o *serve.Options) {
					if authority != nil {
						o.ClientAuthorities = authority.Pool()
					}
				})
				c := tls.Client(d.connect(), &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "127.0.0.1", MinVersion: number, MaxVersion: number})
				if err := c.HandshakeContext(t.Context()); err == nil {
					t.Fatal("the client trusts it")
				}
				d.troubled(rejected("bad certificate"))
				if number == tls.VersionTLS13 {
					return
				}
				c = tls.Client(d.connect(), &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}) //nolint:gosec // it is to fail
				_ = c.HandshakeContext(t.Context())
				d.troubled(func(err error) bool { return noHandshake(err) && !errors.As(err, new(*serve.AlertError)) })
			})
		}
	}
}

// rejected reports whether an error says that the client rejects this machine's certificate, with an alert.
func rejected(alert string) func(error) bool {
	return func(err error) bool {
		e := (*serve.AlertError)(nil)
		return noHandshake(err) && errors.As(err, &e) && e.Name() == alert &&
			strings.Contains(err.Error(), "it does not trust the certificate of this machine (TLS alert: "+alert+")")
	}
}

// TestClientSaysNothing tells why a client may end the connection after the handshake.
func TestClientSaysNothing(t *testing.T) {
	t.Parallel()
	a := testca.NewAuthority(t)
	shown := a.Issue(forClient("phone"))
	for version, number := range versions() {
		d := openSecure(t, a, nil)
		for _, certificates := range [][]tls.Certificate{nil, {shown}} {
			c := tls.Client(d.connect(), &tls.Config{RootCAs: d.pool, ServerName: "127.0.0.1", MinVersion: number, MaxVersion: number, Certificates: certificates})
			if err := c.HandshakeContext(t.Context()); err != nil {
				t.Fatal(version, err)
			}
			_ = c.Close()
			want := serve.ErrNoRequest
			if certificates == nil {
				want = serve.ErrNoCertificate
			}
			d.troubled(func(err error) bool { return errors.Is(err, want) })
		}
		plain := open(t, nil)
		_ = plain.dial().Close()
		_, _, _ = plain.says("/", nil, number)
		if len(plain.trouble) > 0 {
			t.Errorf("%s: told %v where no certificates are demanded", version, <-plain.trouble)
		}
	}
}

// TestClientHostile ends what no phone sends: certificates that cannot be read, and long chains.
func TestClientHostile(t *testing.T) {
	t.Parallel()
	a := testca.NewAuthority(t)
	good := a.Issue(forClient("phone"))
	long := &tls.Certificate{PrivateKey: good.PrivateKey}
	for range 2000 {
		long.Certificate = append(long.Certificate, good.Certificate[0])
	}
	names := a.Issue(func(c *x509.Certificate) {
		forClient("names")(c)
		for i := range 4000 {
			c.Subject.ExtraNames = append(c.Subject.ExtraNames, pkix.AttributeTypeAndValue{Type: []int{2, 5, 4, 3}, Value: fmt.Sprint("x", i)})
		}
	})
	broken := &tls.Certificate{Certificate: [][]byte{append([]byte{}, good.Certificate[0][:100]...)}, PrivateKey: good.PrivateKey}
	for name, row := range map[string]struct {
		shown *tls.Certificate
		says  string
	}{
		"chain":  {long, "it sends more than 32 KiB before the handshake ends"},
		"names":  {&names, "it sends more than 32 KiB before the handshake ends"},
		"broken": {broken, "its certificate is not accepted: x509: "},
	} {
		for version, number := range versions() {
			t.Run(name+", "+version, func(t *testing.T) {
				t.Parallel()
				d := openSecure(t, a, nil)
				if _, _, err := d.says("/", row.shown, number); err == nil {
					t.Error("it is answered")
				}
				d.troubled(func(err error) bool {
					return errors.As(err, new(*serve.CertificateError)) && strings.Contains(err.Error(), row.says)
				})
			})
		}
	}
}

// TestClientOpenSSL lets a foreign client show a certificate, show none, and reject ours: by TLS 1.3 it sends the alert without
// encryption.
func TestClientOpenSSL(t *testing.T) {
	t.Parallel()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("openssl is not installed")
	}
	a := testca.NewAuthority(t)
	shown, self := a.Issue(forClient("openssl")), testca.New(t, testca.Options{Change: forClient("self")})
	folder := t.TempDir()
	file := func(name string, text []byte) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pair := func(name string, c *tls.Certificate) []string {
		return []string{"-cert", file(name+".crt", testca.CertificatePEM(c)), "-key", file(name+".key", testca.KeyPEM(t, c))}
	}
	signed, own, wrong := pair("signed", &shown), pair("own", self), file("wrong.pem", a.PEM())
	for _, version := range []string{"-tls1_2", "-tls1_3"} {
		for name, row := range map[string]struct {
			args  []string
			says  string // in the answer
			about func(error) bool
		}{
			"signed":      {signed, "HTTP/1.1 200 OK", nil},
			"none":        {nil, "403 it shows no certificate", func(err error) bool { return errors.Is(err, serve.ErrNoCertificate) }},
			"self-signed": {own, "", func(err error) bool { return strings.Contains(err.Error(), `"self", is not accepted`) }},
			"rejects":     {append([]string{"-verify_return_error", "-CAfile", wrong, "-no-CApath"}, signed...), "", rejected("unknown certificate authority")},
		} {
			t.Run(version+" "+name, func(t *testing.T) {
				t.Parallel()
				d := openSecure(t, a, nil)
				args := append([]string{"s_client", "-connect", d.handing.Addr().String(), version, "-quiet", "-ign_eof"}, row.args...)
				cmd := exec.CommandContext(t.Context(), openssl, args...)
				cmd.Stdin = strings.NewReader("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
				out, _ := cmd.Output() // its exit code says little
				if !strings.Contains(string(out), row.says) || row.says == "" && strings.Contains(string(out), "HTTP/") {
					t.Errorf("answered %q", out)
				}
				if row.about != nil {
					d.troubled(row.about)
				} else if len(d.trouble) > 0 {
					t.Errorf("told %v", <-d.trouble)
				}
			})
		}
	}
}
