package bind

import (
	"cmp"
	"crypto/sha256"
	"fmt"
)

// A Pass does what [File.Verify] does while other code reads the image: that code writes every byte of [File.Image] to
// the Pass, in order, and then calls Check. A Pass is used once.
//
// It compares the header, and the trailer of a format that has one, byte by byte with what was read when the file was
// opened, and the payload with the digest that the header or the descriptor states.
type Pass struct {
	file *File
	sums *sums
	at   int64
}

// NewPass returns a Pass over the file, which must not be a stream. With whole it computes the SHA-256 of the whole file
// even if nothing is compared with it.
func (f *File) NewPass(whole bool) *Pass {
	if f.seal != nil { // what is read was compared already
		s := &sums{file: f}
		if whole && f.facts.Integrity.SHA256 == nil {
			s.whole = sha256.New()
		}
		return &Pass{file: f, sums: s}
	}
	return &Pass{file: f, sums: f.newSums(whole)}
}

// Write processes the next bytes of the image. It fails at the first byte of header or trailer that is not what it was,
// and at the end of a damaged kernel part.
// The error is a [*FormatError].
func (p *Pass) Write(b []byte) (int, error) {
	p.sums.add(p.at, b)
	if damage := cmp.Or(p.sums.changed, p.sums.kernel.damage()); damage != nil {
		return 0, damage
	}
	p.at += int64(len(b))
	return len(b), nil
}

// Check checks that the bytes that were written are the image that was opened. Facts then has the result, as after
// Verify. The error is a [*FormatError].
func (p *Pass) Check() error {
	if size := p.file.image.Size(); p.at != size {
		return p.file.changed("payload", p.at, fmt.Sprintf("%d bytes were read, but the file had %d when it was opened", p.at, size))
	}
	if p.file.seal != nil {
		return nil
	}
	if damage := p.file.compare(p.sums); damage != nil {
		return damage
	}
	return nil
}

// SHA256 returns the digest of the bytes that were written, or nil if it was not computed.
func (p *Pass) SHA256() *[32]byte {
	if p.file.seal != nil && p.sums.whole == nil {
		return p.file.facts.Integrity.SHA256
	}
	return p.sums.sha256()
}
