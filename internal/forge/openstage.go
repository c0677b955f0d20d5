package forge

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

// A Kernel is a kernel with U-Boot's legacy header, in pieces that can be bent.
type Kernel struct {
	Name string // up to 32 bytes
	Data []byte
	Bend func(header []byte) // changes the header before its checksum is computed; nil for none
}

// ValidKernel returns a kernel part in which nothing is wrong, of the version V3 R5.12.0.
func ValidKernel() Kernel {
	return Kernel{Name: "uImage-3.5.12.0", Data: []byte(strings.Repeat("a kernel\r\n", 2000))}
}

// Bytes puts header and data together: the checksum of the data, then the bending, then that of the header.
func (k Kernel) Bytes() []byte {
	header := make([]byte, 64)
	binary.BigEndian.PutUint32(header[0:], 0x27051956)
	binary.BigEndian.PutUint32(header[8:], 1_600_000_000)
	binary.BigEndian.PutUint32(header[12:], uint32(len(k.Data)))
	binary.BigEndian.PutUint32(header[16:], 0x80100000)
	binary.BigEndian.PutUint32(header[20:], 0x80104000)
	binary.BigEndian.PutUint32(header[24:], crc32.ChecksumIEEE(k.Data))
	copy(header[28:], []byte{5, 5, 2, 1}) // Linux, MIPS, kernel, gzip
	copy(header[32:], k.Name)
	if k.Bend != nil {
		k.Bend(header)
	}
	clear(header[4:8])
	binary.BigEndian.PutUint32(header[4:], crc32.ChecksumIEEE(header))
	return append(header, k.Data...)
}

// OpenStageParts is an image in the OpenStage layout. Version is the text in the header, such as "V3 R5.12.0". Without
// Device it has no trailer.
type OpenStageParts struct {
	Name, Version    string
	Payload          []byte
	Device, Software string
}

// ValidOpenStage returns an image of OpenStage 40 with a valid kernel part and a root file system behind it.
func ValidOpenStage() OpenStageParts {
	return OpenStageParts{
		Name: "OpenStage 40", Version: "V3 R5.12.0", Device: "OpenStage 40", Software: "Siemens SIP",
		Payload: append(ValidKernel().Bytes(), []byte(strings.Repeat("root file system\n", 1000))...),
	}
}

// WithKernel returns the parts with another kernel part.
func (p OpenStageParts) WithKernel(k Kernel) OpenStageParts {
	p.Payload = append(k.Bytes(), []byte(strings.Repeat("root file system\n", 1000))...)
	return p
}

// Image puts the parts together.
func (p OpenStageParts) Image() []byte {
	image := make([]byte, 64)
	copy(image[0x20:], p.Name)
	copy(image[0x20+len(p.Name)+1:0x40], p.Version)
	image = append(image, p.Payload...)
	if p.Device != "" {
		trailer := make([]byte, 0x128)
		copy(trailer, p.Device)
		copy(trailer[len(p.Device)+3:], p.Software)
		image = append(image, trailer...)
	}
	return Relength(image)
}

// Relength writes the length of an OpenStage image into its header.
func Relength(image []byte) []byte {
	binary.BigEndian.PutUint32(image, uint32(len(image)-64))
	return image
}

// KernelForgeries returns OpenStage images with one thing wrong in the kernel part. The length in the image's header is
// that of the file.
func KernelForgeries() []Forgery {
	v := ValidOpenStage()
	size := func(n uint32) []byte {
		k := ValidKernel()
		k.Bend = func(header []byte) { binary.BigEndian.PutUint32(header[12:], n) }
		return v.WithKernel(k).Image()
	}
	room := uint32(len(v.Image()) - 0x80)
	kernel := uint32(len(ValidKernel().Data))
	forgery := func(name string, image []byte, field string, offset int64, payload bool) Forgery {
		return Forgery{"kernel part: " + name, image, bind.Damaged, field, offset, payload}
	}
	all := []Forgery{
		forgery("header CRC wrong", changed(v.Image(), 0x44), "kernel header CRC-32", 0x44, false),
		forgery("name changed", changed(v.Image(), 0x60), "kernel header CRC-32", 0x44, false),
		forgery("size changed", changed(v.Image(), 0x4C), "kernel header CRC-32", 0x44, false),
		forgery("data CRC changed", changed(v.Image(), 0x58), "kernel header CRC-32", 0x44, false),
		forgery("last byte of the name changed", changed(v.Image(), 0x7F), "kernel header CRC-32", 0x44, false),
		forgery("first byte of the kernel changed", changed(v.Image(), 0x80), "kernel CRC-32", 0x58, true),
		forgery("last byte of the kernel changed", changed(v.Image(), 0x80+int(kernel)-1), "kernel CRC-32", 0x58, true),
		forgery("size 0", size(0), "kernel size", 0x4C, false),
		forgery("size 1", size(1), "kernel CRC-32", 0x58, true),
		forgery("size one too small", size(kernel-1), "kernel CRC-32", 0x58, true),
		forgery("size one too large", size(kernel+1), "kernel CRC-32", 0x58, true),
		forgery("size up to the end of the file", size(room), "kernel CRC-32", 0x58, true),
		forgery("size one past the end of the file", size(room+1), "kernel size", 0x4C, false),
		forgery("size 2^31", size(1<<31), "kernel size", 0x4C, false),
		forgery("size 2^32-1", size(1<<32-1), "kernel size", 0x4C, false),
		forgery("size 2^32-128", size(1<<32-128), "kernel size", 0x4C, false),
	}
	for _, cut := range []struct {
		at     int
		field  string
		offset int64
	}{
		{0x44, "kernel header", 0x44},
		{0x60, "kernel header", 0x60},
		{0x7F, "kernel header", 0x7F},
		{0x80, "kernel size", 0x4C},
		{0x81, "kernel size", 0x4C},
		{0x80 + int(kernel) - 1, "kernel size", 0x4C},
	} {
		all = append(all, forgery(fmt.Sprintf("cut after 0x%X bytes, the length mended", cut.at), Relength(v.Image()[:cut.at]), cut.field, cut.offset, false))
	}
	wrong := ValidKernel()
	wrong.Bend = func(header []byte) { header[24] ^= 1 }
	return append(all, forgery("data CRC of another kernel", v.WithKernel(wrong).Image(), "kernel CRC-32", 0x58, true))
}
