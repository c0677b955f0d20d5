package trust

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"strings"
)

// A Pin is the SHA-256 of a public key (SubjectPublicKeyInfo, DER).
type Pin [32]byte

// pinPrefix is the beginning of a pin's text.
const pinPrefix = "sha256:"

// ParsePin parses sha256:HEX. It accepts colons between the digits and capital letters, as other programs write them.
func ParsePin(s string) (Pin, error) {
	digits, ok := strings.CutPrefix(strings.ToLower(s), pinPrefix)
	raw, err := hex.DecodeString(strings.ReplaceAll(digits, ":", ""))
	if !ok || err != nil || len(raw) != sha256.Size {
		return Pin{}, errors.New("a pin must be sha256: and 64 hexadecimal digits")
	}
	return Pin(raw), nil
}

// String returns the pin in the form that [ParsePin] accepts.
func (p Pin) String() string { return pinPrefix + hex.EncodeToString(p[:]) }

// PinOf returns the pin of a certificate's key.
func PinOf(certificate *x509.Certificate) Pin {
	return sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
}
