package bind

import (
	"encoding/binary"
	"hash/crc32"
)

// The layout of a CPB header, docs/bind-format.md. All integers are big endian.
const (
	cpbMagic      = "\x89CPB\r\n\x1a\n"
	cpbVersion    = 1
	cpbPrologue   = 64      // bytes before the first field
	cpbMaxHeader  = 1 << 16 // prologue and fields together
	cpbMaxFields  = 1024    // more than any image needs; limits what a reader must keep
	cpbFieldHead  = 4       // type u16, length u16
	cpbCritical   = 0x8000  // a reader that does not know the type must refuse the image
	cpbDigestAt   = 0x18
	cpbChecksumAt = 0x38
)

// cpbHeader is a whole header, or at least its prologue; its methods define the layout, for reading and writing.
type cpbHeader []byte

func (h cpbHeader) magic() []byte         { return h[0x00:][:8] }
func (h cpbHeader) version() []byte       { return h[0x08:][:2] }
func (h cpbHeader) flags() []byte         { return h[0x0A:][:2] }
func (h cpbHeader) headerLength() []byte  { return h[0x0C:][:4] }
func (h cpbHeader) payloadLength() []byte { return h[0x10:][:8] }
func (h cpbHeader) payloadSHA256() []byte { return h[cpbDigestAt:][:32] }
func (h cpbHeader) checksum() []byte      { return h[cpbChecksumAt:][:4] }
func (h cpbHeader) reserved() []byte      { return h[0x3C:][:4] }

// computeChecksum returns the CRC-32 (IEEE) of the header, with the checksum's own bytes set to zero.
func (h cpbHeader) computeChecksum() uint32 {
	sum := crc32.ChecksumIEEE(h[:cpbChecksumAt])
	sum = crc32.Update(sum, crc32.IEEETable, make([]byte, 4))
	return crc32.Update(sum, crc32.IEEETable, h[cpbChecksumAt+4:])
}

// seal writes the checksum.
func (h cpbHeader) seal() { binary.BigEndian.PutUint32(h.checksum(), h.computeChecksum()) }

// The types of CPB fields.
const (
	cpbFamily       = 0x0001
	cpbModel        = 0x0002
	cpbSoftwareType = 0x0003
	cpbSoftware     = 0x0004
	cpbLevels       = 0x8005
	cpbBuilt        = 0x0006
	cpbNote         = 0x0007
	cpbUpdateFrom   = 0x0008
	cpbKeyID        = 0x0009
	cpbSignature    = 0x800A
)

// A cpbRule is the format's rule for one field type.
type cpbRule struct {
	kind     uint16
	name     string
	min, max int // how often it may occur in a header
	low      int // minimum length of its value in bytes
	high     int // maximum length of its value in bytes
	text     bool
}

// cpbRules returns the table of known field types, in the order of docs/bind-format.md.
func cpbRules() []cpbRule {
	return []cpbRule{
		{kind: cpbFamily, name: "family", min: 1, max: 1, low: 1, high: 64, text: true},
		{kind: cpbModel, name: "model", max: 64, low: 1, high: 32, text: true},
		{kind: cpbSoftwareType, name: "software type", min: 1, max: 1, low: 1, high: 32, text: true},
		{kind: cpbSoftware, name: "software version", min: 1, max: 1, low: 10, high: 10},
		{kind: cpbLevels, name: "supported hardware levels", max: maxLevelRanges, low: 4, high: 4},
		{kind: cpbBuilt, name: "built", max: 1, low: 8, high: 8},
		{kind: cpbNote, name: "note", max: 1, high: 512, text: true},
		{kind: cpbUpdateFrom, name: "lowest version to update from", max: 1, low: 10, high: 10},
		{kind: cpbKeyID, name: "signing key id", max: 1, low: 8, high: 8},
		{kind: cpbSignature, name: "signature", max: 1, low: 64, high: 64},
	}
}
