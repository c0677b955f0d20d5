package bind

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"slices"
)

// A KeyID is the first 8 bytes of the SHA-256 of a public key (SubjectPublicKeyInfo, DER). The zero KeyID is none.
type KeyID [8]byte

// String returns the id as 4f1d22c09a3b77e1.
func (id KeyID) String() string { return hex.EncodeToString(id[:]) }

// A PublicKey is a trusted Ed25519 key, with a name such as that of its file.
type PublicKey struct {
	Name string
	Key  ed25519.PublicKey
}

// ID returns the key's id.
func (k PublicKey) ID() (KeyID, error) {
	der, err := x509.MarshalPKIXPublicKey(k.Key)
	if err != nil {
		return KeyID{}, err
	}
	sum := sha256.Sum256(der)
	return KeyID(sum[:8]), nil
}

// ParsePublicKey parses an Ed25519 public key in PEM (SubjectPublicKeyInfo), as openssl writes it. Errors contain no
// part of the text.
func ParsePublicKey(text []byte) (ed25519.PublicKey, error) {
	block, err := onlyPEM(text, "PUBLIC KEY")
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKIXPublicKey(block)
	if err != nil {
		return nil, errors.New("is not a public key in PEM (SubjectPublicKeyInfo)")
	}
	key, ok := parsed.(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("is not an Ed25519 public key")
	}
	return key, nil
}

// ParsePrivateKey parses an Ed25519 private key in PEM (PKCS#8, not encrypted), as openssl writes it. Errors contain no
// part of the text.
func ParsePrivateKey(text []byte) (ed25519.PrivateKey, error) {
	block, err := onlyPEM(text, "PRIVATE KEY")
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block)
	if err != nil {
		return nil, errors.New("is not a private key in PEM (PKCS#8)")
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, errors.New("is not an Ed25519 private key")
	}
	return key, nil
}

// onlyPEM returns the content of the one PEM block in text, which must be of the given type.
func onlyPEM(text []byte, kind string) ([]byte, error) {
	block, rest := pem.Decode(text)
	if block == nil {
		return nil, errors.New("contains no PEM block")
	}
	if more, _ := pem.Decode(rest); more != nil {
		return nil, errors.New("contains more than one PEM block")
	}
	switch block.Type {
	case kind:
		return block.Bytes, nil
	case "ENCRYPTED PRIVATE KEY":
		return nil, errors.New("is encrypted: decrypt the key first")
	case "PRIVATE KEY":
		return nil, errors.New("contains a private key, but a public key is needed")
	case "PUBLIC KEY":
		return nil, errors.New("contains a public key, but a private key is needed")
	}
	return nil, errors.New("contains a PEM block of another type than " + kind)
}

// A SignatureState is one of the four results of checking a signature.
type SignatureState string

// The four results.
const (
	Unsigned       SignatureState = "none"
	NoKey          SignatureState = "no key" // signed, but there is no key to check it with
	SignatureWrong SignatureState = "wrong"  // no trusted key made it, or the signed data was changed
	SignatureRight SignatureState = "right"
)

// A Signature is what is known about an image's signature. KeyID is the one that the image names; KeyName is the name
// of the trusted key that made the signature.
type Signature struct {
	State   SignatureState
	KeyID   KeyID
	KeyName string
}

// CheckSignature checks the image's signature against the trusted keys. It returns the result, which Facts then has
// too. It reads no payload: a CPB signature covers the header, which contains the payload's digest; a descriptor's
// covers the descriptor, which contains the image's. If both are signed the worse result counts.
func (f *File) CheckSignature(trusted []PublicKey) Signature {
	answer := f.facts.Integrity.Signature
	answer.State, answer.KeyName = Unsigned, ""
	if message, signature := f.signedCPB(); signature != nil {
		answer = check(message, signature, answer.KeyID, trusted)
	}
	if f.sealed != nil && f.sealed.signature != nil {
		beside := check(f.sealed.text, f.sealed.signature, KeyID{}, trusted)
		if badness(beside.State) >= badness(answer.State) {
			answer = beside
		}
	}
	f.facts.Integrity.Signature = answer
	return answer
}

// badness orders the results; unsigned is the best, because another part of the image may be signed.
func badness(s SignatureState) int {
	return slices.Index([]SignatureState{Unsigned, SignatureRight, NoKey, SignatureWrong}, s)
}

// signedCPB returns what a CPB signature covers, the header with signature and checksum set to zero, and the signature.
// It returns nil if the image is not CPB or not signed.
func (f *File) signedCPB() (message, signature []byte) {
	for _, field := range f.fields {
		if f.facts.Format == CPB && len(field.Head) > 0 && cpbFieldType(field.Head) == cpbSignature {
			return cpbSigned(f.header, field.Offset), field.Raw
		}
	}
	return nil, nil
}

// cpbSigned returns the header with the checksum and the signature at the offset set to zero.
func cpbSigned(header []byte, at int64) []byte {
	message := slices.Clone(header)
	clear(message[at:][:ed25519.SignatureSize])
	clear(cpbHeader(message).checksum())
	return message
}

func cpbFieldType(head []byte) uint16 { return uint16(head[0])<<8 | uint16(head[1]) }

// check searches for the trusted key that made the signature. An id limits the search to the key that has it.
func check(message, signature []byte, id KeyID, trusted []PublicKey) Signature {
	answer := Signature{State: NoKey, KeyID: id}
	for _, key := range trusted {
		keyID, err := key.ID()
		if err != nil || id != (KeyID{}) && id != keyID {
			continue
		}
		answer.State = SignatureWrong
		if ed25519.Verify(key.Key, message, signature) {
			return Signature{SignatureRight, keyID, key.Name}
		}
	}
	return answer
}
