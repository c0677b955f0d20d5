package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/internal/forge"
	"github.com/cpupdate/cpupdate/pkg/bind"
)

// Each forgery ends inspect and check with exit code 3, from a file, from standard input, in a folder, as text and as
// JSON, and the error names field, offset and the next step.
func TestForgeries(t *testing.T) {
	t.Parallel()
	for _, forgery := range forge.Forgeries() {
		t.Run(forgery.Name, func(t *testing.T) {
			image := clitest.File(t, "x.bind", forgery.Image)
			for _, args := range [][]string{
				{"inspect", image, "--json"},
				{"inspect", "-", "--json"},
				{"inspect", "--header-only", image, "--json"},
				{"inspect", filepath.Dir(image), "--json"},
				{"check", image, "--json", "--hw-level", "3"},
				{"check", "-", "--json", "--hw-level", "3"},
				{"check", image, "--json", "--hw-level", "3", "--header-only"},
				{"check", image, "--json", "--hw-level", "3", "--override", "--reason", "r"},
				{"check", filepath.Dir(image), "--json", "--hw-level", "3"},
			} {
				if forgery.Payload && strings.Contains(strings.Join(args, " "), "--header-only") {
					continue // only who reads the payload can see it
				}
				r := runHere(t, bytes.NewReader(forgery.Image), args...)
				e := r.failure(t)
				if r.code != exit.CodeImage || e.Code != exit.CodeImage || e.Name != "image" {
					t.Fatalf("%q: exit code %d\n%s%s", args, r.code, r.out, r.errOut)
				}
				if e.Field != forgery.Field || e.Offset == nil || *e.Offset != forgery.Offset || e.Problem != string(forgery.Problem) {
					t.Errorf("%q: got %s", args, r.errOut)
				}
				if len(e.Hints) == 0 || e.Hints[0] == "" {
					t.Errorf("%q: no next step in %s", args, r.errOut)
				}
				if strings.Contains(r.out, `"verdict": "compatible"`) {
					t.Errorf("%q: a forgery is called compatible", args)
				}
			}
		})
	}
}

// A file that shrinks between opening and reading is exit code 3, not a wrong digest and not success.
func TestShrinkingFile(t *testing.T) {
	for _, args := range [][]string{{"inspect"}, {"check", "--hw-level", "3"}} {
		image := clitest.File(t, "x.bind", forge.Valid().Image())
		a, out, errOut := testApp(t, nil)
		a.open = func(name string) (*bind.File, error) {
			f, err := bind.Open(name)
			if err == nil {
				err = os.Truncate(name, 100)
			}
			return f, err
		}
		args = append(args, "--json", image)
		r := ran{run(t.Context(), a, args), out.String(), errOut.String()}
		r.check(t, args)
		if e := r.failure(t); r.code != exit.CodeImage || e.Problem != string(bind.Changed) || len(e.Hints) == 0 {
			t.Errorf("%q: exit code %d\n%s%s", args, r.code, r.out, r.errOut)
		}
	}
}

// With --header-only, inspect and check read at most 64 KiB and a trailer of a 4 GiB image.
func TestHeaderOnlyReadsTheHeader(t *testing.T) {
	const size = 4 << 30
	b := &bind.Builder{Family: "F", SoftwareType: "SIP", Version: bind.Version{Major: 1}}
	short, err := b.Header(0, [32]byte{})
	if err != nil {
		t.Fatal(err)
	}
	header, err := b.Header(size-uint64(len(short)), [32]byte{})
	if err != nil {
		t.Fatal(err)
	}
	image := clitest.File(t, "x.bind", header)
	if err := os.Truncate(image, size); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"inspect", "--header-only", image},
		{"check", "--header-only", "--minimum-version", "V1 R0.0.0", "--json", image},
	} {
		a, out, errOut := testApp(t, nil)
		counter := &countingReaderAt{}
		a.open = func(name string) (*bind.File, error) {
			f, err := os.Open(name)
			if err != nil {
				return nil, err
			}
			t.Cleanup(func() { f.Close() })
			counter.r = f
			return bind.NewFile(counter, size)
		}
		if c := run(t.Context(), a, args); c != exit.CodeOK {
			t.Fatalf("%q: exit code %d\n%s%s", args, c, out, errOut)
		}
		if counter.n == 0 || counter.n > 64<<10+0x128 {
			t.Errorf("%q read %d bytes", args, counter.n)
		}
	}
}

type countingReaderAt struct {
	r io.ReaderAt
	n int64
}

func (c *countingReaderAt) ReadAt(b []byte, at int64) (int, error) {
	n, err := c.r.ReadAt(b, at)
	c.n += int64(n)
	return n, err
}

// A stream is not read past the first byte too many, even if it never ends.
func TestEndlessInput(t *testing.T) {
	image := forge.Valid().Image()
	r := runHere(t, io.MultiReader(bytes.NewReader(image), endless{}), "inspect", "-", "--json")
	if r.code != exit.CodeImage || r.failure(t).Field != "payload length" {
		t.Errorf("exit code %d\n%s", r.code, r.errOut)
	}
	r = runHere(t, endless{}, "inspect", "-", "--json")
	if r.code != exit.CodeImage {
		t.Errorf("exit code %d\n%s", r.code, r.errOut)
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }
