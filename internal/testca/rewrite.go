package testca

import (
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"
)

// A TBS is the part of a certificate that is signed (RFC 5280, 4.1), with what crypto/x509 does not make.
type TBS struct {
	Version    int `asn1:"optional,explicit,default:0,tag:0"` // 0 is v1
	Serial     *big.Int
	Algorithm  pkix.AlgorithmIdentifier
	Issuer     asn1.RawValue
	Validity   struct{ NotBefore, NotAfter time.Time }
	Subject    asn1.RawValue
	PublicKey  asn1.RawValue
	Extensions []pkix.Extension `asn1:"omitempty,optional,explicit,tag:3"`
}

// Rewrite returns a certificate with changes that crypto/x509 refuses to make, signed again by its parent, or by itself if
// there is none. hash must fit TBS.Algorithm; 0 leaves both as they are.
func Rewrite(t testing.TB, c, parent *tls.Certificate, hash crypto.Hash, change func(*TBS)) *tls.Certificate {
	t.Helper()
	var whole struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	var content TBS
	fatal := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	_, err := asn1.Unmarshal(c.Certificate[0], &whole)
	fatal(err)
	_, err = asn1.Unmarshal(whole.TBS.FullBytes, &content)
	fatal(err)
	change(&content)
	whole.Algorithm = content.Algorithm
	raw, err := asn1.Marshal(content)
	fatal(err)
	whole.TBS = asn1.RawValue{FullBytes: raw}
	if hash == 0 {
		hash = crypto.SHA256
	}
	if parent == nil {
		parent = c
	}
	digest := hash.New()
	_, _ = digest.Write(raw)
	signature, err := parent.PrivateKey.(crypto.Signer).Sign(rand.Reader, digest.Sum(nil), hash) //nolint:forcetypeassert // of our own making
	fatal(err)
	whole.Signature = asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	der, err := asn1.Marshal(whole)
	fatal(err)
	leaf, err := x509.ParseCertificate(der)
	fatal(err)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: c.PrivateKey, Leaf: leaf}
}

// Pair returns the authority's certificate with its key.
func (a *Authority) Pair() *tls.Certificate { return a.certificate }

// NewRSAAuthority returns a new authority with an RSA key.
func NewRSAAuthority(t testing.TB) *Authority {
	t.Helper()
	return &Authority{t, New(t, Options{RSA: 2048, Change: SigningOthers})}
}
