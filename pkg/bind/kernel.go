package bind

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"time"
)

// The kernel part of an OpenStage image: U-Boot's legacy header, and the kernel behind it. U-Boot documents the header.
// That an image has one at this place is observed, not documented: the unpack script of fffilimonov/siemen_op_firm skips
// compressed data at 0x40 and 0x80, and amooma/GS3 (os-firmware-identify, 2009) finds the text uImage-a.b.c.d.
const (
	kernelAt         = openStageHeader
	kernelHeaderSize = 64
	kernelData       = kernelAt + kernelHeaderSize
	kernelMagic      = 0x27051956
)

// A Kernel is the kernel part of an OpenStage image, as its U-Boot header describes it. Name is not escaped: it may
// contain whatever the image contains.
type Kernel struct {
	Name    string
	Version Version // of a name such as uImage-3.5.12.0, zero for any other name
	Length  int64   // of the kernel in bytes
	crc     uint32
}

// end returns the offset of the first byte behind the kernel.
func (k *Kernel) end() int64 { return kernelData + k.Length }

// isDevelopment reports whether the name states a version with the major version 0.
func (k *Kernel) isDevelopment() bool { return !k.Version.IsZero() && k.Version.Major == 0 }

// kernelError returns the error for a damaged kernel part.
func kernelError(field string, offset int64, format string, args ...any) *FormatError {
	return &FormatError{OpenStage, Damaged, field, offset, fmt.Sprintf(format, args...) + ": the kernel part is damaged"}
}

// readKernelHeader reads the U-Boot header, if there is one. An image without it is valid. The header's own CRC-32 is
// verified here, that of the kernel by sums.
func readKernelHeader(f *File, r io.ReaderAt) error {
	h := make([]byte, kernelHeaderSize)
	n, err := r.ReadAt(h, kernelAt)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading the kernel's header: %w", err)
	}
	if n < 4 || binary.BigEndian.Uint32(h) != kernelMagic {
		return nil
	}
	if n < kernelHeaderSize {
		return kernelError("kernel header", kernelAt+int64(n), "the file ends here, but the header has %d bytes", kernelHeaderSize)
	}
	bare := slices.Clone(h)
	clear(bare[4:8])
	if stated, got := binary.BigEndian.Uint32(h[4:]), crc32.ChecksumIEEE(bare); stated != got {
		return kernelError("kernel header CRC-32", kernelAt+4, "says %08x, the header's bytes give %08x", stated, got)
	}
	k := Kernel{Length: int64(binary.BigEndian.Uint32(h[12:])), crc: binary.BigEndian.Uint32(h[24:])}
	if k.Length == 0 {
		return kernelError("kernel size", kernelAt+12, "says that there is no kernel")
	}
	k.Name, _, _ = strings.Cut(string(h[32:]), "\x00")
	k.Version = uImageVersion(k.Name)
	f.header = append(f.header[:openStageHeader:openStageHeader], h...)
	f.facts.Kernel = Fact[Kernel]{k, f.addKernelFields(h, k)}
	f.facts.Integrity.Kernel = NotRead
	return nil
}

// uImageVersion returns the version of a name such as uImage-3.5.12.0, or the zero version. That a.b.c.d means
// Va Rb.c.d is assumed: it is so in the guide's file-sw-version, and amooma/GS3 (os-firmware-identify) compares the two.
func uImageVersion(name string) Version {
	text, found := strings.CutPrefix(name, "uImage-")
	if !found {
		return Version{}
	}
	v, _ := parseDotted(text)
	return v
}

// addKernelFields lists the parts of the U-Boot header, and returns the origin of all of it.
func (f *File) addKernelFields(h []byte, k Kernel) Origin {
	built := time.Unix(int64(binary.BigEndian.Uint32(h[8:])), 0).UTC()
	for _, field := range []struct {
		name     string
		from, to int
		value    string
	}{
		{"U-Boot magic", 0, 4, hex.EncodeToString(h[0:4])},
		{"kernel header CRC-32", 4, 8, hex.EncodeToString(h[4:8])},
		{"kernel built", 8, 12, built.Format(time.RFC3339)},
		{"kernel size", 12, 16, fmt.Sprint(k.Length)},
		{"kernel addresses", 16, 24, hex.EncodeToString(h[16:24])},
		{"kernel CRC-32", 24, 28, hex.EncodeToString(h[24:28])},
		{"kernel kind", 28, 32, hex.EncodeToString(h[28:32])},
		{"kernel name", 32, 64, k.Name},
	} {
		f.add(field.name, KernelHeader, Observed, kernelAt+int64(field.from), h[field.from:field.to], field.value)
	}
	return Origin{KernelHeader, Observed, kernelAt, kernelHeaderSize}
}

// finishKernel checks that a file of this size contains the whole kernel.
func finishKernel(f *File, size int64) error {
	k := f.facts.Kernel
	if missing := k.Value.end() - size; k.Known() && missing > 0 {
		return kernelError("kernel size", kernelAt+12, "says %d bytes from 0x%X on, of which the file lacks %d", k.Value.Length, kernelData, missing)
	}
	return nil
}

// A kernelSum computes the CRC-32 of the kernel while the image is read.
type kernelSum struct {
	kernel Kernel
	crc    uint32
	at     int64 // how far the kernel was read
}

// newKernelSum returns nil for an image without a kernel part.
func newKernelSum(k Fact[Kernel]) *kernelSum {
	if !k.Known() {
		return nil
	}
	return &kernelSum{kernel: k.Value}
}

// add adds those of the bytes at the given offset of the file that belong to the kernel.
func (s *kernelSum) add(at int64, b []byte) {
	if s == nil {
		return
	}
	from, to := max(kernelData, at), min(s.kernel.end(), at+int64(len(b)))
	if from < to {
		s.crc, s.at = crc32.Update(s.crc, crc32.IEEETable, b[from-at:to-at]), to
	}
}

// damage returns an error if the whole kernel was read and is not what its header says.
func (s *kernelSum) damage() *FormatError {
	if s == nil || s.at < s.kernel.end() || s.crc == s.kernel.crc {
		return nil
	}
	return kernelError("kernel CRC-32", kernelAt+24, "says %08x, the kernel's bytes give %08x", s.kernel.crc, s.crc)
}

// Warnings returns a sentence for each contradiction within the image, and for a development build.
func (facts *Facts) Warnings() []string {
	var warnings []string
	if k := facts.Kernel.Value; !k.Version.IsZero() && facts.Version.Known() && k.Version != facts.Version.Value {
		warnings = append(warnings, fmt.Sprintf("the kernel is called %s, which is assumed to mean %s, but the image's version is %s", quote(k.Name), k.Version, facts.Version.Value))
	}
	if facts.Development {
		warnings = append(warnings, "a development build: its major version is 0 (observed: amooma/GS3)")
	}
	return warnings
}
