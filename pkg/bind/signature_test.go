package bind_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"os"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/internal/forge"
	"github.com/cpupdate/cpupdate/pkg/bind"
)

func TestSignatureStates(t *testing.T) {
	signed := minimal(t)
	signed.Key = testKey(1)
	image := build(t, signed, "payload")
	unsigned := build(t, minimal(t), "payload")

	forged := bytes.Clone(image)
	forged[bytes.Index(forged, []byte("Unify HFA"))+8] = 'B'
	forge.Seal(forged)
	anonymous := withoutKeyID(t, image)

	right, other := publicKey(1, "site.pub"), publicKey(2, "other.pub")
	tests := []struct {
		name    string
		image   []byte
		trusted []bind.PublicKey
		want    bind.SignatureState
		key     string
	}{
		{"unsigned, nothing trusted", unsigned, nil, bind.Unsigned, ""},
		{"unsigned, a key trusted", unsigned, []bind.PublicKey{right}, bind.Unsigned, ""},
		{"signed, nothing trusted", image, nil, bind.NoKey, ""},
		{"signed, another key trusted", image, []bind.PublicKey{other}, bind.NoKey, ""},
		{"signed, the key trusted", image, []bind.PublicKey{right}, bind.SignatureRight, "site.pub"},
		{"signed, both trusted", image, []bind.PublicKey{other, right}, bind.SignatureRight, "site.pub"},
		{"header changed, checksum mended", forged, []bind.PublicKey{right}, bind.SignatureWrong, ""},
		{"header changed, nothing trusted", forged, nil, bind.NoKey, ""},
		{"without key id, the key trusted", anonymous, []bind.PublicKey{other, right}, bind.SignatureRight, "site.pub"},
		{"without key id, another trusted", anonymous, []bind.PublicKey{other}, bind.SignatureWrong, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, err := open(t, test.image)
			if err != nil {
				t.Fatal(err)
			}
			got := f.CheckSignature(test.trusted)
			if got.State != test.want || got.KeyName != test.key || f.Facts().Integrity.Signature != got {
				t.Errorf("got %+v, want %s by %q", got, test.want, test.key)
			}
		})
	}
}

// withoutKeyID signs the image again without a key id.
func withoutKeyID(t *testing.T, image []byte) []byte {
	t.Helper()
	f, err := open(t, image)
	if err != nil {
		t.Fatal(err)
	}
	header, err := bind.ParseCPBHeader(image[:f.Facts().HeaderLength])
	if err != nil {
		t.Fatal(err)
	}
	last := len(header.Fields) - 1
	header.Fields = append(header.Fields[:last-1], bind.CPBField{Type: forge.Signature, Value: make([]byte, 64)})
	raw, err := header.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	message := bytes.Clone(raw)
	clear(message[0x38:0x3C])
	copy(raw[len(raw)-64:], ed25519.Sign(testKey(1), message))
	forge.Seal(raw)
	return append(raw, image[f.Facts().HeaderLength:]...)
}

// TestEveryHeaderByteIsSigned checks that the signature covers each byte of a signed header: after any change, the
// signature is wrong or the image cannot be read.
func TestEveryHeaderByteIsSigned(t *testing.T) {
	signed := minimal(t)
	signed.Key, signed.Levels, signed.Note = testKey(1), mustLevels(t, "1-3"), "note"
	image := build(t, signed, "payload")
	whole, err := open(t, image)
	if err != nil {
		t.Fatal(err)
	}
	for i := range int(whole.Facts().HeaderLength) {
		if i >= 0x38 && i < 0x3C {
			continue // the checksum is computed again
		}
		bent := bytes.Clone(image)
		bent[i] ^= 0x01
		forge.Seal(bent)
		f, err := bind.NewFile(bytes.NewReader(bent), int64(len(bent)))
		if err != nil {
			continue
		}
		if got := f.CheckSignature([]bind.PublicKey{publicKey(1, "k")}); got.State == bind.SignatureRight {
			t.Errorf("byte 0x%X changed: the signature is %s", i, got.State)
		}
	}
}

func TestSignedDescriptor(t *testing.T) {
	image := []byte("an unknown image")
	d := &bind.Description{SHA256: sha256.Sum256(image), Size: int64(len(image))}
	text, err := d.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	signature := ed25519.Sign(testKey(1), text)
	tests := []struct {
		name      string
		signature []byte
		trusted   []bind.PublicKey
		want      bind.SignatureState
	}{
		{"right", signature, []bind.PublicKey{publicKey(2, "other"), publicKey(1, "site")}, bind.SignatureRight},
		{"nothing trusted", signature, nil, bind.NoKey},
		{"another key", signature, []bind.PublicKey{publicKey(2, "other")}, bind.SignatureWrong},
		{"of another text", ed25519.Sign(testKey(1), append(text, '\n')), []bind.PublicKey{publicKey(1, "site")}, bind.SignatureWrong},
		{"none", nil, []bind.PublicKey{publicKey(1, "site")}, bind.Unsigned},
	}
	for _, test := range tests {
		name := write(t, "x.img", image)
		writeBeside(t, name+bind.DescriptorSuffix, text)
		if test.signature != nil {
			writeBeside(t, name+bind.DescriptorSuffix+bind.SignatureSuffix, test.signature)
		}
		f, err := bind.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.CheckSignature(test.trusted); got.State != test.want {
			t.Errorf("%s: got %+v, want %s", test.name, got, test.want)
		}
		f.Close()
	}

	name := write(t, "x.img", image)
	writeBeside(t, name+bind.DescriptorSuffix, text)
	writeBeside(t, name+bind.DescriptorSuffix+bind.SignatureSuffix, signature[:63])
	if _, err := bind.Open(name); err == nil || !strings.Contains(err.Error(), "63 bytes") {
		t.Errorf("a short signature: got the error %v", err)
	}
}

// TestLargeNeighbours checks that the size of a file beside an image is limited before it is read.
func TestLargeNeighbours(t *testing.T) {
	image := []byte("an unknown image")
	d := &bind.Description{SHA256: sha256.Sum256(image), Size: int64(len(image))}
	text, err := d.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	name := write(t, "x.img", image)
	writeBeside(t, name+bind.DescriptorSuffix, append(text, bytes.Repeat([]byte("#\n"), 5000)...))
	if _, err := bind.Open(name); err == nil || !strings.Contains(err.Error(), "at most 8192 are allowed") {
		t.Errorf("a large descriptor: got the error %v", err)
	}
	writeBeside(t, name+bind.DescriptorSuffix, text)
	writeBeside(t, name+bind.DescriptorSuffix+bind.SignatureSuffix, make([]byte, 65))
	if _, err := bind.Open(name); err == nil || !strings.Contains(err.Error(), "at most 64 are allowed") {
		t.Errorf("a large signature: got the error %v", err)
	}
}

// TestWorseSignatureCounts checks that a signed descriptor does not hide a wrong signature in the image, or the other
// way round.
func TestWorseSignatureCounts(t *testing.T) {
	signed := minimal(t)
	signed.Key = testKey(2)
	image := build(t, signed, "payload")
	d := &bind.Description{SHA256: sha256.Sum256(image), Size: int64(len(image))}
	text, err := d.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	name := write(t, "x.bind", image)
	writeBeside(t, name+bind.DescriptorSuffix, text)
	writeBeside(t, name+bind.DescriptorSuffix+bind.SignatureSuffix, ed25519.Sign(testKey(1), text))
	f, err := bind.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, test := range []struct {
		trusted []bind.PublicKey
		want    bind.SignatureState
	}{
		{[]bind.PublicKey{publicKey(1, "site")}, bind.NoKey},
		{[]bind.PublicKey{publicKey(2, "maker")}, bind.SignatureWrong},
		{[]bind.PublicKey{publicKey(1, "site"), publicKey(2, "maker")}, bind.SignatureRight},
	} {
		if got := f.CheckSignature(test.trusted); got.State != test.want {
			t.Errorf("trusted %v: got %+v, want %s", test.trusted, got, test.want)
		}
	}
}

func writeBeside(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestKeys(t *testing.T) {
	private, err := x509.MarshalPKCS8PrivateKey(testKey(1))
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(testKey(1).Public())
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rsaPrivate, err := x509.MarshalPKCS8PrivateKey(rsaKey)
	if err != nil {
		t.Fatal(err)
	}
	rsaPublic, err := x509.MarshalPKIXPublicKey(&rsaKey.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	text := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	tests := []struct{ name, text, private, public string }{
		{"private key", text("PRIVATE KEY", private), "", "but a public key is needed"},
		{"public key", text("PUBLIC KEY", public), "but a private key is needed", ""},
		{"RSA private key", text("PRIVATE KEY", rsaPrivate), "not an Ed25519 private key", "but a public key is needed"},
		{"RSA public key", text("PUBLIC KEY", rsaPublic), "but a private key is needed", "not an Ed25519 public key"},
		{"encrypted", text("ENCRYPTED PRIVATE KEY", private), "is encrypted", "is encrypted"},
		{"certificate", text("CERTIFICATE", public), "another type", "another type"},
		{"garbage inside", text("PRIVATE KEY", []byte("secret")), "is not a private key", "but a public key is needed"},
		{"no PEM", "secret", "no PEM block", "no PEM block"},
		{"two keys", text("PRIVATE KEY", private) + text("PRIVATE KEY", private), "more than one", "more than one"},
		{"empty", "", "no PEM block", "no PEM block"},
	}
	for _, test := range tests {
		_, err := bind.ParsePrivateKey([]byte(test.text))
		checkKeyError(t, test.name+" as private key", err, test.private)
		_, err = bind.ParsePublicKey([]byte(test.text))
		checkKeyError(t, test.name+" as public key", err, test.public)
	}
}

func checkKeyError(t *testing.T, name string, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("%s: %v", name, err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("%s: got the error %v, want %q", name, err, want)
	case err != nil && strings.Contains(err.Error(), "secret"):
		t.Errorf("%s: the error holds the secret: %v", name, err)
	}
}
