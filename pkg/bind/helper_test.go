package bind_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

// maxAllocation is how many bytes reading any input of ordinary size may allocate.
const maxAllocation = 1 << 20

// limitAllocation fails if f allocates more than a reader of untrusted input may.
func limitAllocation(t *testing.T, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > maxAllocation {
		t.Errorf("allocated %d bytes, at most %d are allowed", used, maxAllocation)
	}
}

// testKey returns a key that is the same in every run.
func testKey(seed byte) ed25519.PrivateKey {
	sum := sha256.Sum256([]byte{seed})
	return ed25519.NewKeyFromSeed(sum[:])
}

func publicKey(seed byte, name string) bind.PublicKey {
	return bind.PublicKey{Name: name, Key: testKey(seed).Public().(ed25519.PublicKey)}
}

func mustVersion(t testing.TB, text string) bind.Version {
	t.Helper()
	v, err := bind.ParseVersion(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func mustLevels(t testing.TB, text string) bind.Levels {
	t.Helper()
	l, err := bind.ParseLevels(text)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// minimal returns a builder of the smallest image.
func minimal(t testing.TB) *bind.Builder {
	t.Helper()
	return &bind.Builder{Family: "OpenScape Desk Phone CP", SoftwareType: "Unify HFA", Version: mustVersion(t, "V1 R9.2.0")}
}

// build returns a whole image.
func build(t testing.TB, b *bind.Builder, payload string) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := b.Build(context.Background(), &out, section([]byte(payload))); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// buildOpenStage returns a whole image in the observed layout.
func buildOpenStage(t testing.TB, b *bind.OpenStageBuilder, payload string) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := b.Build(context.Background(), &out, section([]byte(payload))); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func section(b []byte) *io.SectionReader {
	return io.NewSectionReader(bytes.NewReader(b), 0, int64(len(b)))
}

// open reads an image from memory and verifies it.
func open(t *testing.T, image []byte) (*bind.File, error) {
	t.Helper()
	f, err := bind.NewFile(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		if f != nil {
			t.Errorf("NewFile returned a file with the error %v", err)
		}
		return nil, err
	}
	return f, f.Verify(t.Context())
}

// write writes a file to a new folder and returns its name.
func write(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
