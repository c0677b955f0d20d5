package serve

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"sync"
	"time"

	"github.com/cpupdate/cpupdate/pkg/address"
	"github.com/cpupdate/cpupdate/pkg/secret"
)

// certificateLife is how long a certificate is valid: longer than any run, and no more.
const certificateLife = 30 * 24 * time.Hour

// MakeCertificate makes a key and a certificate that it signs itself, for the given host names and addresses: RSA with
// 2048 bits and SHA-256, since that is what phones of all ages can read. It is valid from a day before now, because
// phones' clocks are not to be relied on, for 30 days. It fails without a host.
func MakeCertificate(hosts []string, now time.Time) (tls.Certificate, error) {
	if len(hosts) == 0 {
		return tls.Certificate{}, errors.New("a certificate needs a host")
	}
	key, err := makeKey()
	if err != nil {
		return tls.Certificate{}, err
	}
	return issue(key, hosts, now)
}

func makeKey() (*rsa.PrivateKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	return key, nil
}

// Certificates makes certificates as [MakeCertificate] does, all with one key. Each is for one address of this machine: who
// connects to it learns no other.
type Certificates struct {
	key  *rsa.PrivateKey
	from time.Time
	mu   sync.Mutex
	made map[netip.Addr]*tls.Certificate
}

// maxMade is how many certificates are kept: a machine has few addresses.
const maxMade = 64

// NewCertificates makes the key.
func NewCertificates(now time.Time) (*Certificates, error) {
	key, err := makeKey()
	return &Certificates{key: key, from: now, made: map[netip.Addr]*tls.Certificate{}}, err
}

// For returns the certificate for an address of this machine.
func (c *Certificates) For(local netip.Addr) (*tls.Certificate, error) {
	local = local.Unmap().WithZone("")
	c.mu.Lock()
	defer c.mu.Unlock()
	if made := c.made[local]; made != nil {
		return made, nil
	}
	made, err := issue(c.key, []string{local.String()}, c.from)
	if err != nil {
		return nil, err
	}
	if len(c.made) >= maxMade {
		clear(c.made)
	}
	c.made[local] = &made
	return &made, nil
}

// issue makes a certificate of a key.
func issue(key *rsa.PrivateKey, hosts []string, now time.Time) (tls.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126))
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("making a serial number: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          serial.Add(serial, big.NewInt(1)),
		Subject:               pkix.Name{CommonName: hosts[0]},
		NotBefore:             now.Add(-24 * time.Hour),
		NotAfter:              now.Add(certificateLife),
		SignatureAlgorithm:    x509.SHA256WithRSA,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, // the latter for RSA key exchange
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	for _, host := range hosts {
		if ip, err := netip.ParseAddr(host); err == nil {
			template.IPAddresses = append(template.IPAddresses, ip.Unmap().WithZone("").AsSlice())
			continue
		}
		name, err := address.ASCII(host)
		if err != nil {
			return tls.Certificate{}, fmt.Errorf("%q is neither a host name nor an address", secret.Cut(host, 64))
		}
		template.DNSNames = append(template.DNSNames, name)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("making a certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("reading the certificate again: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}
