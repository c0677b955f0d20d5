package bind_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/internal/forge"
	"github.com/cpupdate/cpupdate/pkg/bind"
)

// A countingReader counts the requested bytes.
type countingReader struct {
	r    io.ReaderAt
	read int64
}

func (c *countingReader) ReadAt(b []byte, at int64) (int, error) {
	n, err := c.r.ReadAt(b, at)
	c.read += int64(n)
	return n, err
}

// sparse returns a file of the given size that starts with front, ends with tail, and has a hole in between.
func sparse(t *testing.T, front, tail []byte, size int64) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "image"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(front, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(tail, size-int64(len(tail))); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestHeaderOf4GiBImage checks that a header is read without the payload: at most 64 KiB and a trailer, for any size of
// image. Of an OpenStage image, these are 1 byte, twice 64 bytes for the two formats, 64 bytes of the kernel's header, and
// the trailer, also if the kernel has 4 GiB.
func TestHeaderOf4GiBImage(t *testing.T) {
	const size = 4 << 30
	largest := minimal(t)
	largest.Note = strings.Repeat("n", 512)
	small, err := largest.Header(0, [32]byte{})
	if err != nil {
		t.Fatal(err)
	}
	cpb, err := largest.Header(size-uint64(len(small)), [32]byte{})
	if err != nil {
		t.Fatal(err)
	}
	openStage := buildOpenStage(t, &bind.OpenStageBuilder{
		Name: "OpenStage Hi", Version: mustVersion(t, "V3 R5.12.0"), DeviceType: "OpenStage 60", SoftwareType: "Siemens SIP",
	}, "")
	front, trailer := bytes.Clone(openStage[:64]), openStage[64:]
	binary.BigEndian.PutUint32(front, size-64-4096)
	kernel := forge.ValidKernel()
	kernel.Bend = func(header []byte) { binary.BigEndian.PutUint32(header[12:], size-4096-128) }
	withKernel := append(bytes.Clone(front), kernel.Bytes()[:64]...)
	tests := []struct {
		name        string
		front, tail []byte
		size        int64
		format      bind.Format
		most        int64
	}{
		{"CPB", cpb, nil, size, bind.CPB, 64<<10 + 0x128},
		{"OpenStage", front, trailer, size - 4096, bind.OpenStage, 1 + 3*64 + 0x128},
		{"OpenStage with a kernel", withKernel, trailer, size - 4096, bind.OpenStage, 1 + 3*64 + 0x128},
		{"neither", []byte("firmware"), nil, size, "", 64 << 10},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			counter := &countingReader{r: sparse(t, test.front, test.tail, test.size)}
			f, err := bind.NewFile(counter, test.size)
			if test.format == "" {
				if !errors.Is(err, bind.ErrNotBind) {
					t.Fatalf("got %v, want ErrNotBind", err)
				}
			} else if err != nil || f.Facts().Format != test.format {
				t.Fatalf("got %v, %v", f, err)
			}
			if counter.read > test.most || counter.read == 0 {
				t.Errorf("read %d bytes, at most %d are allowed", counter.read, test.most)
			}
		})
	}
}

// TestLargestHeader checks that the largest header is read completely, and no byte more.
func TestLargestHeader(t *testing.T) {
	parts := forge.Valid()
	for parts.HeaderLength() < 65536-4 {
		room := 65536 - 4 - parts.HeaderLength()
		parts.Fields = append(parts.Fields, forge.Field{Type: 0x0100, Value: make([]byte, min(room-4, 60000))})
		if room < 4 {
			break
		}
	}
	parts.Fields = append(parts.Fields, forge.Field{Type: 0x0101})
	if parts.HeaderLength() != 65536 {
		t.Fatalf("the header has %d bytes", parts.HeaderLength())
	}
	image := parts.Image()
	if _, err := open(t, image); err != nil {
		t.Error(err)
	}
	stream, err := bind.NewStream(bytes.NewReader(image))
	if err == nil {
		err = stream.Verify(t.Context())
	}
	if err != nil {
		t.Error("as a stream:", err)
	}
}

// TestShrinkingFile checks that a file that shrinks while it is read is an error, at any point.
func TestShrinkingFile(t *testing.T) {
	image := build(t, minimal(t), strings.Repeat("payload ", 1<<17))
	for _, left := range []int{len(image) - 1, len(image) / 2, 300, 64, 0} {
		f, err := bind.NewFile(bytes.NewReader(image), int64(len(image)))
		if err != nil {
			t.Fatal(err)
		}
		shrunk, err := bind.NewFile(&shrinking{whole: image, left: left}, int64(len(image)))
		if err != nil {
			t.Fatal(err)
		}
		var format *bind.FormatError
		if err := shrunk.Verify(t.Context()); !errors.As(err, &format) || format.Problem != bind.Changed {
			t.Errorf("%d bytes left: got the error %v", left, err)
		}
		if got := shrunk.Facts().Integrity.Digest; got != bind.NotRead {
			t.Errorf("%d bytes left: the digest is %s", left, got)
		}
		if err := f.Verify(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// shrinking is complete for the header and the trailer, and has only left bytes afterwards.
type shrinking struct {
	whole []byte
	left  int
	reads int
}

func (s *shrinking) ReadAt(b []byte, at int64) (int, error) {
	s.reads++
	content := s.whole
	if s.reads > 4 { // one byte, prologue, header, tail
		content = s.whole[:s.left]
	}
	return bytes.NewReader(content).ReadAt(b, at)
}

// TestEndlessStream checks that an endless stream is an error at the first byte too many.
func TestEndlessStream(t *testing.T) {
	image := build(t, minimal(t), "payload")
	stream, err := bind.NewStream(io.MultiReader(bytes.NewReader(image), endless{}))
	if err != nil {
		t.Fatal(err)
	}
	var format *bind.FormatError
	if err := stream.Verify(t.Context()); !errors.As(err, &format) || format.Field != "payload length" {
		t.Errorf("got the error %v", err)
	}
}

// TestStreamWithTrailingByte checks that one byte too many is found even if it arrives alone.
func TestStreamWithTrailingByte(t *testing.T) {
	image := append(build(t, minimal(t), "payload"), 'x')
	stream, err := bind.NewStream(&oneByte{bytes.NewReader(image)})
	if err != nil {
		t.Fatal(err)
	}
	var format *bind.FormatError
	if err := stream.Verify(t.Context()); !errors.As(err, &format) || format.Field != "payload length" {
		t.Errorf("got the error %v", err)
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

// TestFailingReader checks that a read error is reported, and is not treated as the end.
func TestFailingReader(t *testing.T) {
	image := build(t, minimal(t), strings.Repeat("payload ", 1<<15))
	broken := errors.New("the medium is broken")
	stream, err := bind.NewStream(io.MultiReader(bytes.NewReader(image[:200000]), failing{broken}))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Verify(t.Context()); !errors.Is(err, broken) {
		t.Errorf("got the error %v", err)
	}
	if _, err := bind.NewStream(failing{broken}); !errors.Is(err, broken) {
		t.Errorf("got the error %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestVerifyStopsWithItsContext(t *testing.T) {
	image := build(t, minimal(t), "payload")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f, err := bind.NewFile(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Verify(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got the error %v", err)
	}
	stream, err := bind.NewStream(bytes.NewReader(image))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Verify(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("stream: got the error %v", err)
	}
}

// TestStreamEqualsFile checks that a file and a stream with the same bytes give the same facts.
func TestStreamEqualsFile(t *testing.T) {
	images := map[string][]byte{
		"CPB":       forge.Valid().Image(),
		"large CPB": build(t, minimal(t), strings.Repeat("p", 300000)), // its payload passes through the header's buffer
		"OpenStage": buildOpenStage(t, &bind.OpenStageBuilder{Name: "OpenStage Hi", Version: mustVersion(t, "V3 R5.12.0"), DeviceType: "OpenStage 60", SoftwareType: "Siemens SIP"}, strings.Repeat("p", 300000)),
	}
	for name, image := range images {
		file, err := open(t, image)
		if err != nil {
			t.Fatal(name, err)
		}
		// One byte at a time: the result must not depend on how a stream is split.
		stream, err := bind.NewStream(&oneByte{bytes.NewReader(image)})
		if err != nil {
			t.Fatal(name, err)
		}
		if got := stream.Facts().Size; got != -1 {
			t.Errorf("%s: size %d before the stream was read", name, got)
		}
		if err := stream.Verify(t.Context()); err != nil {
			t.Fatal(name, err)
		}
		if got, want := len(stream.Fields()), len(file.Fields()); got != want {
			t.Errorf("%s: the stream has %d fields, the file %d", name, got, want)
		}
		for i, field := range file.Fields() {
			if got := stream.Fields()[i]; got.Offset != field.Offset || !bytes.Equal(got.Raw, field.Raw) || got.Value != field.Value {
				t.Errorf("%s: the stream says %v, the file %v", name, got, field)
			}
		}
		if got, want := stream.Facts().Integrity.Digest, file.Facts().Integrity.Digest; got != want {
			t.Errorf("%s: digest %s, want %s", name, got, want)
		}
	}
}

type oneByte struct{ r io.Reader }

func (o *oneByte) Read(b []byte) (int, error) { return o.r.Read(b[:min(1, len(b))]) }

func TestOpenWhatIsNoFile(t *testing.T) {
	var notRegular *bind.NotRegularError
	if _, err := bind.Open(t.TempDir()); !errors.As(err, &notRegular) || notRegular.Kind != "a folder" {
		t.Errorf("a folder: got the error %v", err)
	}
	if _, err := bind.Open(os.DevNull); err == nil {
		t.Error("the null device was opened")
	}
	if _, err := bind.Open(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: got the error %v", err)
	}
	if _, err := bind.Open(write(t, "empty.bind", nil)); !errors.Is(err, bind.ErrEmpty) {
		t.Errorf("an empty file: got the error %v", err)
	}
	if _, err := bind.Open(write(t, "text.bind", []byte("no bind"))); !errors.Is(err, bind.ErrNotBind) {
		t.Errorf("a text file: got the error %v", err)
	}
}

func TestImageIsTheWholeFile(t *testing.T) {
	image := forge.Valid().Image()
	f, err := bind.Open(write(t, "cp600.bind", image))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := io.ReadAll(f.Image())
	if err != nil || !bytes.Equal(got, image) {
		t.Errorf("Image gives %d bytes, %v, want %d", len(got), err, len(image))
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if _, err := f.Image().ReadAt(make([]byte, 1), 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close, reading gives the error %v", err)
	}
}
