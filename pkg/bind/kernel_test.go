package bind_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/internal/forge"
	"github.com/cpupdate/cpupdate/pkg/bind"
)

// TestKernelForgeries checks that each damage of the kernel part is refused, for a file, a stream, a sealed file, and a
// file that is verified while it is sent.
func TestKernelForgeries(t *testing.T) {
	for _, forgery := range forge.KernelForgeries() {
		t.Run(forgery.Name, func(t *testing.T) {
			f, err := bind.NewFile(bytes.NewReader(forgery.Image), int64(len(forgery.Image)))
			if (err == nil) != forgery.Payload {
				t.Fatalf("opening it: got the error %v", err)
			}
			if err == nil {
				if got := f.Facts().Integrity.Kernel; got != bind.NotRead {
					t.Errorf("before it was read, the kernel part is %q", got)
				}
				checkForgery(t, forgery, f.Verify(t.Context()))
				in := f.Facts().Integrity
				if in.Kernel != bind.Wrong || in.Damage == nil || in.Digest != bind.Absent {
					t.Errorf("got %+v", in)
				}
				f, _ = bind.NewFile(bytes.NewReader(forgery.Image), int64(len(forgery.Image)))
				checkForgery(t, forgery, f.Seal(t.Context()))
				f, _ = bind.NewFile(bytes.NewReader(forgery.Image), int64(len(forgery.Image)))
				checkForgery(t, forgery, sendAll(f, 1000))
			} else {
				checkForgery(t, forgery, err)
			}
			stream, err := bind.NewStream(bytes.NewReader(forgery.Image))
			if err == nil {
				err = stream.Verify(t.Context())
			}
			checkForgery(t, forgery, err)
		})
	}
}

// TestLargeKernel checks that the CRC covers all bytes of a kernel that is read in several pieces.
func TestLargeKernel(t *testing.T) {
	kernel := forge.ValidKernel()
	kernel.Data = bytes.Repeat([]byte("0123456"), 1<<18)
	image := forge.ValidOpenStage().WithKernel(kernel).Image()
	for name, at := range map[string]int{"intact": -1, "first byte": 0x80, "in the middle": 0x80 + len(kernel.Data)/2, "last byte": 0x80 + len(kernel.Data) - 1} {
		changed, want := slices.Clone(image), bind.Right
		if at >= 0 {
			changed[at] ^= 1
			want = bind.Wrong
		}
		f, err := bind.NewFile(bytes.NewReader(changed), int64(len(changed)))
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Verify(t.Context()); (err == nil) != (want == bind.Right) || f.Facts().Integrity.Kernel != want {
			t.Errorf("%s: got %v, %s", name, err, f.Facts().Integrity.Kernel)
		}
	}
}

// sendAll reads an image in chunks through a Pass, as an upload does.
func sendAll(f *bind.File, size int) error {
	pass := f.NewPass(false)
	if _, err := io.CopyBuffer(struct{ io.Writer }{pass}, struct{ io.Reader }{f.Image()}, make([]byte, size)); err != nil {
		return err
	}
	return pass.Check()
}

// TestKernelIntact checks what is read of a valid kernel part, in chunks of any size.
func TestKernelIntact(t *testing.T) {
	image := forge.ValidOpenStage().Image()
	for _, read := range map[string]func(f *bind.File) error{
		"verify": func(f *bind.File) error { return f.Verify(t.Context()) },
		"seal":   func(f *bind.File) error { return f.Seal(t.Context()) },
		"pass 1": func(f *bind.File) error { return sendAll(f, 1) },
		"pass":   func(f *bind.File) error { return sendAll(f, 1<<20) },
	} {
		f, err := bind.NewFile(bytes.NewReader(image), int64(len(image)))
		if err == nil {
			err = read(f)
		}
		if err != nil {
			t.Fatal(err)
		}
		facts := f.Facts()
		k := facts.Kernel
		if facts.Integrity.Kernel != bind.Right || facts.Integrity.Digest != bind.Absent || k.Source != bind.KernelHeader || k.Confidence != bind.Observed {
			t.Errorf("got %+v, %+v", facts.Integrity, k)
		}
		if k.Value.Name != "uImage-3.5.12.0" || k.Value.Version != mustVersion(t, "V3 R5.12.0") || k.Value.Length != 20_000 {
			t.Errorf("got %+v", k.Value)
		}
		if warnings := facts.Warnings(); len(warnings) != 0 {
			t.Errorf("got the warnings %q", warnings)
		}
		if facts.HeaderLength != 64 || facts.PayloadLength != int64(len(image)-64-0x128) {
			t.Errorf("header %d, payload %d", facts.HeaderLength, facts.PayloadLength)
		}
		for _, field := range f.Fields() {
			if field.Confidence != bind.Observed || !bytes.Equal(image[field.Offset:][:field.Length], field.Raw) {
				t.Errorf("%+v", field)
			}
		}
	}
}

// TestNoKernel checks images without a U-Boot header at its place: that is no fault.
func TestNoKernel(t *testing.T) {
	v := forge.ValidOpenStage()
	kernel := forge.ValidKernel().Bytes()
	for name, payload := range map[string][]byte{
		"nothing":                       nil,
		"three bytes of the magic":      kernel[:3],
		"another magic":                 append([]byte{0x27, 0x05, 0x19, 0x57}, kernel[4:]...),
		"magic of the other byte order": append([]byte{0x56, 0x19, 0x05, 0x27}, kernel[4:]...),
		"magic one byte later":          append([]byte{0}, kernel...),
		"magic at another offset":       append(make([]byte, 4096), kernel...),
		"a damaged kernel elsewhere":    append(make([]byte, 64), append(bytes.Clone(kernel[:80]), 'x')...),
	} {
		v.Payload = payload
		for _, device := range []string{"", "OpenStage 40"} {
			v.Device = device
			f, err := open(t, v.Image())
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if facts := f.Facts(); facts.Kernel.Known() || facts.Integrity.Kernel != bind.Absent || facts.Development {
				t.Errorf("%s: got %+v", name, facts)
			}
		}
	}
	magic := forge.Relength(append(v.Image()[:64], kernel[:4]...)) // the whole magic, and then nothing
	if _, err := open(t, magic); err == nil {
		t.Error("an image that ends behind the magic was accepted")
	}
}

// TestKernelNames checks what the kernel's name says, and which warnings follow.
func TestKernelNames(t *testing.T) {
	const development = "development"
	tests := []struct{ text, name, version, warning string }{
		{"V3 R5.12.0", "uImage-3.5.12.0", "V3 R5.12.0", ""},
		{"V3 R5.12.0", "uImage-03.05.12.000", "V3 R5.12.0", ""},
		{"V3 R5.12.0", "uImage-3.5.21.0", "V3 R5.21.0", `the kernel is called "uImage-3.5.21.0", which is assumed to mean V3 R5.21.0, but the image's version is V3 R5.12.0`},
		{"V3.1 R5.12.0", "uImage-3.5.12.0", "V3 R5.12.0", "but the image's version is V3.1 R5.12.0"},
		{"V0 R7.3.0", "uImage-0.7.3.0", "V0 R7.3.0", development},
		{"V0 R7.3.0", "uImage", "unknown", development},
		{"V1 R3.0.3", "uImage-00.07.3.0", "V0 R7.3.0", development},
		{"V3 R5.12.0", "", "unknown", ""},
		{"V3 R5.12.0", "Linux-2.6.18", "unknown", ""},
		{"V3 R5.12.0", "uimage-3.5.21.0", "unknown", ""},
		{"V3 R5.12.0", "uImage-", "unknown", ""},
		{"V3 R5.12.0", "uImage-3.5.21", "unknown", ""},
		{"V3 R5.12.0", "uImage-3.5.21.0.1", "unknown", ""},
		{"V3 R5.12.0", "uImage-3.5.21.0 ", "unknown", ""},
		{"V3 R5.12.0", "uImage--3.5.21.0", "unknown", ""},
		{"V3 R5.12.0", "uImage-0.0.0.0", "unknown", ""},
		{"V3 R5.12.0", "uImage-70000.5.21.0", "unknown", ""},
		{"V3 R5.12.0", "uImage-V3 R5.21.0", "unknown", ""},
		{"V3 R5.12.0", "x uImage-3.5.21.0", "unknown", ""},
		{"V3 R5.12.0", "\x1b[2J\x1b]0;title\a\n\r\x7f\xff\xc3", "unknown", ""},
		{"V3 R5.12.0", "uImage-3.5.21.0\x00uImage-3.5.99.0", "V3 R5.21.0", "V3 R5.21.0"},
		{"V3 R5.12.0", "\u202euImage-3.5.21.0", "unknown", ""},
		{"V3 R5.12.0", strings.Repeat("9", 32), "unknown", ""},
		{"V3 R5.12.0", "uImage-3.5.000000000000000000021", "unknown", ""},
		{"V3 R5.12.0", "uImage-0000000003.00005.000012.0", "V3 R5.12.0", ""},
	}
	for _, test := range tests {
		k := forge.ValidKernel()
		k.Name = test.name
		v := forge.ValidOpenStage().WithKernel(k)
		v.Version = test.text
		f, err := open(t, v.Image())
		if err != nil {
			t.Errorf("%q: %v", test.name, err)
			continue
		}
		facts := f.Facts()
		name, _, _ := strings.Cut(test.name, "\x00")
		if facts.Kernel.Value.Name != name || facts.Kernel.Value.Version.String() != test.version {
			t.Errorf("%q: got %+v", test.name, facts.Kernel.Value)
		}
		warnings := strings.Join(facts.Warnings(), "; ")
		if test.warning == "" && warnings != "" || !strings.Contains(warnings, test.warning) || facts.Development != strings.Contains(warnings, development) {
			t.Errorf("%q, %q: got the warnings %q, development %t", test.text, test.name, warnings, facts.Development)
		}
		if strings.ContainsFunc(warnings, func(r rune) bool { return !bind.Prints(r) }) {
			t.Errorf("%q: raw text in %q", test.name, warnings)
		}
	}
}

// TestDevelopmentBuild checks that only the OpenStage layout has the rule about the major version 0, and that a
// descriptor does not hide it.
func TestDevelopmentBuild(t *testing.T) {
	b := minimal(t)
	b.Version = bind.Version{Release: 7}
	f, err := open(t, build(t, b, "payload"))
	if err != nil || f.Facts().Development {
		t.Errorf("CPB: got %v", err)
	}
	v := forge.ValidOpenStage()
	v.Version = "V0 R7.3.0"
	image := v.Image()
	path := write(t, "x.img", image)
	description, err := bind.Describe(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	description.Version = mustVersion(t, "V3 R5.12.0")
	text, err := description.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+bind.DescriptorSuffix, text, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err = bind.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	facts := f.Facts()
	if warnings := facts.Warnings(); !facts.Development || len(warnings) != 1 || !facts.Kernel.Known() {
		t.Errorf("got %q, %+v", warnings, facts)
	}
}

// TestDescribedKernel checks a damaged kernel part under a descriptor: damage counts more than another digest, and a
// descriptor of the damaged image hides nothing.
func TestDescribedKernel(t *testing.T) {
	image := forge.ValidOpenStage().Image()
	damaged := bytes.Clone(image)
	damaged[0x90] ^= 1
	for name, test := range map[string]struct {
		described []byte
		digest    bind.Check
	}{"of the whole image": {image, bind.Wrong}, "of the damaged image": {damaged, bind.Right}} {
		d := bind.Description{Size: int64(len(image)), SHA256: sha256.Sum256(test.described), Models: []string{"20", "40"}}
		text, err := d.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		path := write(t, "x.img", damaged)
		if err := os.WriteFile(path+bind.DescriptorSuffix, text, 0o600); err != nil {
			t.Fatal(err)
		}
		for how, read := range map[string]func(f *bind.File) error{
			"verify": func(f *bind.File) error { return f.Verify(t.Context()) },
			"seal":   func(f *bind.File) error { return f.Seal(t.Context()) },
			"pass":   func(f *bind.File) error { return sendAll(f, 16<<10) },
		} {
			f, err := bind.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			if !f.StatesDigest() {
				t.Error("the descriptor's digest does not count")
			}
			err = read(f)
			var format *bind.FormatError
			if !errors.As(err, &format) || format.Field != "kernel CRC-32" || format.Problem != bind.Damaged {
				t.Errorf("descriptor %s, %s: got %v", name, how, err)
			}
			if in := f.Facts().Integrity; how == "verify" && (in.Kernel != bind.Wrong || in.Digest != test.digest || in.Damage != format) {
				t.Errorf("descriptor %s: got %+v", name, in)
			}
			f.Close()
		}
		if _, err := bind.Describe(t.Context(), path); err == nil {
			t.Error("describe accepts a damaged kernel part")
		}
	}
}

// TestKernelDamageEndsSending checks that a Pass fails at the end of the kernel, and not only at the end of the image.
func TestKernelDamageEndsSending(t *testing.T) {
	v := forge.ValidOpenStage()
	v.Payload = append(v.Payload, make([]byte, 1<<20)...)
	image := v.Image()
	image[0x80] ^= 1
	f, err := bind.NewFile(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		t.Fatal(err)
	}
	pass := f.NewPass(false)
	end := 0x80 + len(forge.ValidKernel().Data)
	if n, err := pass.Write(image[:end-1]); n != end-1 || err != nil {
		t.Fatalf("before the end: %d, %v", n, err)
	}
	if n, err := pass.Write(image[end-1 : end]); n != 0 || err == nil {
		t.Errorf("at the end: %d, %v", n, err)
	}
}

// TestKernelHeaderChanges checks that another kernel header than the one that was parsed is not sent.
func TestKernelHeaderChanges(t *testing.T) {
	image := forge.ValidOpenStage().Image()
	for at := 0x40; at < 0x80; at++ {
		f, err := bind.NewFile(bytes.NewReader(image), int64(len(image)))
		if err != nil {
			t.Fatal(err)
		}
		bent := bytes.Clone(image)
		bent[at] ^= 1
		_, err = f.NewPass(false).Write(bent)
		var format *bind.FormatError
		if !errors.As(err, &format) || format.Problem != bind.Changed || format.Offset != int64(at) {
			t.Errorf("0x%X: got %v", at, err)
		}
	}
}

// TestKernelCRCIsIndependent computes both checksums bit by bit, as U-Boot documents them.
func TestKernelCRCIsIndependent(t *testing.T) {
	sum := func(b []byte) uint32 {
		crc := ^uint32(0)
		for _, c := range b {
			crc ^= uint32(c)
			for range 8 {
				crc = crc>>1 ^ -(crc&1)&0xEDB88320
			}
		}
		return ^crc
	}
	part := forge.ValidKernel().Bytes()
	bare := slices.Clone(part[:64])
	clear(bare[4:8])
	if got := binary.BigEndian.Uint32(part[4:]); got != sum(bare) || got != crc32.ChecksumIEEE(bare) {
		t.Errorf("header: got %08x", got)
	}
	if got := binary.BigEndian.Uint32(part[24:]); got != sum(part[64:]) {
		t.Errorf("data: got %08x", got)
	}
}

// FuzzKernel checks that no bytes in the kernel part make the reader panic, hang or allocate much, and that only an
// image whose checksums hold is accepted.
func FuzzKernel(f *testing.F) {
	for _, forgery := range forge.KernelForgeries() {
		f.Add(forgery.Image[0x40:min(len(forgery.Image), 0x200)], uint16(len(forgery.Image)))
	}
	valid := forge.ValidKernel()
	valid.Data = []byte("kernel")
	f.Add(valid.Bytes(), uint16(0))
	f.Fuzz(func(t *testing.T, part []byte, more uint16) {
		v := forge.OpenStageParts{Name: "OpenStage Hi", Version: "V3 R5.12.0", Payload: append(bytes.Clone(part), make([]byte, more)...)}
		image := v.Image()
		var file *bind.File
		var err error
		limitAllocation(t, func() {
			if file, err = bind.NewFile(bytes.NewReader(image), int64(len(image))); err == nil {
				err = file.Verify(context.Background())
			}
		})
		want := secondKernel(image)
		if got := kernelState(file, err); got != want {
			t.Errorf("got %s, want %s (%v)", got, want, err)
		}
	})
}

// kernelState returns what package bind says of a kernel part, in the words of secondKernel.
func kernelState(f *bind.File, err error) string {
	switch {
	case err != nil:
		return "damaged"
	case f.Facts().Integrity.Kernel == bind.Right:
		return "intact"
	}
	return string(f.Facts().Integrity.Kernel)
}
