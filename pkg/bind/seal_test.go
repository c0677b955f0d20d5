package bind_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/forge"
	"github.com/cpupdate/cpupdate/pkg/bind"
)

// part is how many bytes have one fingerprint.
const part = 16 << 10

// randomImage returns a CPB image with a payload of that size, in which no part is like another.
func randomImage(t testing.TB, size int) []byte {
	t.Helper()
	parts := forge.Valid()
	parts.Payload = make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(parts.Payload)
	return parts.Image()
}

// sealed returns a sealed image, and the bytes that its file has now.
func sealed(t testing.TB, image []byte) (*bind.File, *fileOf) {
	t.Helper()
	now := &fileOf{bytes.Clone(image), nil}
	f, err := bind.NewFile(now, int64(len(image)))
	if err == nil {
		err = f.Seal(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return f, now
}

// A fileOf is a file that changes as tests want.
type fileOf struct {
	bytes []byte
	err   error
}

func (f *fileOf) ReadAt(b []byte, at int64) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return bytes.NewReader(f.bytes).ReadAt(b, at)
}

// TestSealedReads: a sealed file reads as any other, wherever a reader begins and however much it takes.
func TestSealedReads(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, part - 700, part, part + 1, 5*part + 77} {
		image := randomImage(t, size)
		f, _ := sealed(t, image)
		ends := []int64{0, 1, 63, part - 1, part, part + 1, 2 * part, 3*part + 5, int64(len(image)) - 1, int64(len(image)), int64(len(image)) + 9}
		for _, from := range ends {
			for _, to := range ends {
				if from > to {
					continue
				}
				got, want := make([]byte, to-from), make([]byte, to-from)
				n, err := f.Image().ReadAt(got, from)
				m, wantErr := io.NewSectionReader(bytes.NewReader(image), 0, int64(len(image))).ReadAt(want, from)
				if n != m || !errors.Is(err, wantErr) || !bytes.Equal(got[:n], want[:m]) {
					t.Fatalf("%d bytes, from %d to %d: %d, %v, want %d, %v", len(image), from, to, n, err, m, wantErr)
				}
			}
		}
	}
}

// TestSealedChanges: no byte of a part that has changed is handed out, nor left in the reader's buffer.
func TestSealedChanges(t *testing.T) {
	t.Parallel()
	image := randomImage(t, 4*part)
	size := len(image)
	swap := func(b []byte, i, j int) {
		first := bytes.Clone(b[i*part:][:part])
		copy(b[i*part:], b[j*part:][:part])
		copy(b[j*part:], first)
	}
	for _, c := range []struct {
		name   string
		change func(b []byte) []byte
		at     int64 // the first byte that cannot be read any more
	}{
		{"first byte", func(b []byte) []byte { b[0] ^= 1; return b }, 0},
		{"a byte of the header", func(b []byte) []byte { b[70] ^= 1; return b }, 0},
		{"last byte of a part", func(b []byte) []byte { b[2*part-1] ^= 0x80; return b }, part},
		{"last byte", func(b []byte) []byte { b[size-1] ^= 1; return b }, 4 * part},
		{"two parts exchanged", func(b []byte) []byte { swap(b, 1, 3); return b }, part},
		{"a part repeated", func(b []byte) []byte { copy(b[2*part:], b[part:][:part]); return b }, 2 * part},
		{"moved by a byte", func(b []byte) []byte { return append([]byte{b[0]}, b[:size-1]...) }, 0},
		{"truncated", func(b []byte) []byte { return b[:2*part+9] }, 2 * part},
		{"truncated between two parts", func(b []byte) []byte { return b[:2*part] }, 2 * part},
		{"a byte short", func(b []byte) []byte { return b[:size-1] }, 4 * part},
		{"emptied", func([]byte) []byte { return nil }, 0},
	} {
		for _, piece := range []int{1, 100, part / 2, part, 2 * part, 16 * part} {
			t.Run(fmt.Sprintf("%s, read by %d", c.name, piece), func(t *testing.T) {
				t.Parallel()
				f, now := sealed(t, image)
				now.bytes = c.change(now.bytes)
				for at := max(c.at-100, 0); ; {
					buffer := make([]byte, piece)
					n, err := f.Image().ReadAt(buffer, at)
					if !bytes.Equal(buffer[:n], image[at:][:n]) || len(bytes.Trim(buffer[n:], "\x00")) > 0 {
						t.Fatalf("at %d it reads bytes that were not verified", at)
					}
					if at += int64(n); err == nil {
						continue
					}
					e := (*bind.FormatError)(nil)
					if !errors.As(err, &e) || e.Problem != bind.Changed || e.Field != "content" || e.Offset < c.at || e.Offset >= c.at+part {
						t.Errorf("at %d: %v", at, err)
					}
					return
				}
			})
		}
	}
}

// TestSealedNotReadable: a medium that is gone is an error of reading, not a change.
func TestSealedNotReadable(t *testing.T) {
	t.Parallel()
	f, now := sealed(t, randomImage(t, part))
	now.err = os.ErrPermission
	format := (*bind.FormatError)(nil)
	if n, err := f.Image().ReadAt(make([]byte, 99), 5); n != 0 || !errors.Is(err, os.ErrPermission) || errors.As(err, &format) {
		t.Errorf("%d, %v", n, err)
	}
}

// TestSealDamaged: what is damaged is not sealed, and neither is a file of which the header changed after it was opened.
func TestSealDamaged(t *testing.T) {
	t.Parallel()
	image := randomImage(t, 3*part)
	for at, field := range map[int]string{70: "header", len(image) - 1: "payload SHA-256"} {
		now := &fileOf{bytes.Clone(image), nil}
		f, err := bind.NewFile(now, int64(len(image)))
		if err != nil {
			t.Fatal(err)
		}
		now.bytes[at] ^= 1
		e := (*bind.FormatError)(nil)
		if err := f.Seal(t.Context()); !errors.As(err, &e) || e.Field != field {
			t.Errorf("byte %d: %v", at, err)
		}
	}
}

// TestSealedPass: a pass over a sealed file compares nothing a second time, and knows the digest of the whole file.
func TestSealedPass(t *testing.T) {
	t.Parallel()
	image := randomImage(t, 3*part)
	f, _ := sealed(t, image)
	for _, whole := range []bool{false, true} {
		p := f.NewPass(whole)
		if _, err := p.Write(image); err != nil {
			t.Fatal(err)
		}
		if err := p.Check(); err != nil || (p.SHA256() != nil) != whole {
			t.Errorf("%v, %x", err, p.SHA256())
		}
		short := f.NewPass(whole)
		_, _ = short.Write(image[:part])
		if short.Check() == nil {
			t.Error("a pass over a part of the file is complete")
		}
	}
}

// TestCheckUnchanged: a file is read again only when its size or its time say that it may have changed.
func TestCheckUnchanged(t *testing.T) {
	t.Parallel()
	image := randomImage(t, 3*part)
	long := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	flip := func(name string) error {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		if _, err := f.WriteAt([]byte{image[part] ^ 1}, part); err != nil {
			return err
		}
		return f.Close()
	}
	remove := func(name string) error {
		if err := os.Remove(name); runtime.GOOS != "windows" { // which removes no file that is open
			return err
		}
		return nil
	}
	for name, c := range map[string]struct {
		change func(name string) error
		ok     bool
	}{
		"unchanged":              {func(string) error { return nil }, true},
		"touched":                {func(name string) error { return os.Chtimes(name, long, long) }, true},
		"written anew, the same": {func(name string) error { return os.WriteFile(name, image, 0o600) }, true},
		"grown":                  {func(name string) error { return os.WriteFile(name, append(bytes.Clone(image), 1), 0o600) }, true},
		"removed":                {remove, true},
		"a byte":                 {flip, false},
		"truncated":              {func(name string) error { return os.Truncate(name, 2*part) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "x.bind")
			err := os.WriteFile(path, image, 0o600)
			if err == nil {
				err = os.Chtimes(path, long.Add(time.Hour), long.Add(time.Hour))
			}
			if err != nil {
				t.Fatal(err)
			}
			f, err := bind.Open(path)
			if err == nil {
				t.Cleanup(func() { _ = f.Close() })
				err = f.Seal(t.Context())
			}
			if err == nil {
				err = c.change(path)
			}
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := f.CheckUnchanged(t.Context()); (err == nil) != c.ok {
					t.Errorf("%v", err)
				}
			}
		})
	}
}
