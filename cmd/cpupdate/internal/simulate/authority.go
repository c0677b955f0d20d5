package simulate

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/atomicfile"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// certificateLife is how long the certificates of a simulated site are valid.
const certificateLife = 365 * 24 * time.Hour

// A siteAuthority is the authority of a simulated site: it signs a certificate for the service, and one for each phone. Its key
// stays in memory.
type siteAuthority struct {
	certificate *x509.Certificate
	key         crypto.Signer
	serial      int64
}

func newSiteAuthority() (*siteAuthority, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	a := &siteAuthority{key: key}
	a.certificate, err = a.sign("Simulated site authority", key.Public(), func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	})
	return a, err
}

// sign returns a certificate for a key; the first one is that of the authority itself.
func (a *siteAuthority) sign(name string, key crypto.PublicKey, change func(*x509.Certificate)) (*x509.Certificate, error) {
	a.serial++
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.serial), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(certificateLife),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
	}
	change(template)
	parent := a.certificate
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key, a.key)
	if err != nil {
		return nil, fmt.Errorf("making a certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}

// phone returns a certificate for the phone with a MAC address.
func (a *siteAuthority) phone(mac string) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	c, err := a.sign(mac, key.Public(), func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: key, Leaf: c}, nil
}

// service returns the certificate and the key for the service in PEM. Its RSA key is one that old phones accept.
func (a *siteAuthority) service(hosts []netip.Addr) (certificate, key []byte, err error) {
	own, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, nil, fmt.Errorf("making a key: %w", err)
	}
	c, err := a.sign("Simulated site service", own.Public(), func(c *x509.Certificate) {
		c.DNSNames, c.ExtKeyUsage = []string{"localhost"}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		for _, host := range hosts {
			c.IPAddresses = append(c.IPAddresses, host.AsSlice())
		}
	})
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		return nil, nil, err
	}
	return pemOf("CERTIFICATE", c.Raw), pemOf("PRIVATE KEY", der), nil
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// secureSite puts all phones into secure mode, with certificates of an authority that is made for this run, and writes the files
// that cpupdate needs for these phones into the folder.
func (o *Options) secureSite(plan []simulated) error {
	folder := o.trust.folder
	if folder == "" {
		return nil
	}
	a, err := newSiteAuthority()
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	hosts := []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
	for i := range plan {
		c := &plan[i].config
		c.Authorities = pool
		if c.Certificate, err = a.phone(c.MAC); err != nil {
			return err
		}
		if c.OtherCertificate, err = a.phone(macText((macNumber(c.MAC) + 1) % (1 << 48))); err != nil {
			return err
		}
		_ = c.AddFault("secure-mode") // it fails if another fault says so already, or when it begins
		host, _, _ := net.SplitHostPort(c.Listen)
		if ip, err := netip.ParseAddr(host); err == nil && !slices.Contains(hosts, ip.Unmap().WithZone("")) {
			hosts = append(hosts, ip.Unmap().WithZone(""))
		}
	}
	certificate, key, err := a.service(hosts)
	if err != nil {
		return err
	}
	return o.writeSite(map[string][]byte{"ca.pem": pemOf("CERTIFICATE", a.certificate.Raw), "service.crt": certificate, "service.key": key})
}

// writeSite writes the files of the site. Without --force no existing file is replaced.
func (o *Options) writeSite(files map[string][]byte) error {
	folder := o.trust.folder
	if err := os.Mkdir(folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return atomicfile.CannotWrite(folder, err)
	}
	names := []string{"ca.pem", "service.crt", "service.key"}
	for _, name := range names {
		if err := atomicfile.CheckOutput(filepath.Join(folder, name), o.force); err != nil {
			return err
		}
	}
	for _, name := range names {
		path := filepath.Join(folder, name)
		draft, err := atomicfile.NewDraft(path, 0o600, atomicfile.Bytes(files[name]))
		if err == nil {
			if err = draft.Place(o.force); err != nil {
				draft.Discard(&err)
			}
		}
		if err != nil {
			return atomicfile.CannotWrite(path, err)
		}
	}
	return nil
}

// checkFolder rejects what cannot be used with --secure-folder.
func (o *simulatedTrust) checkFolder() error {
	if o.folder != "" && (o.ca != "" || o.cert != "") {
		return exit.Usage("simulate", "--secure-folder cannot be used with --ca and --phone-cert: it makes the authority and the certificates")
	}
	return nil
}
