package bind

import "fmt"

// A Pass does what [File.Verify] does while somebody else reads the image: whoever sends it writes every byte of
// [File.Image] to the Pass, in order, and then asks Check. A Pass is used once.
type Pass struct {
	file *File
	sums *sums
	at   int64
}

// NewPass returns a Pass over the file, which must not be a stream.
func (f *File) NewPass() *Pass {
	p := &Pass{file: f, sums: f.newSums()}
	p.sums.whole = nil // Check is given it
	return p
}

// Write takes the next bytes of the image. It never fails.
func (p *Pass) Write(b []byte) (int, error) {
	p.sums.add(p.at, b)
	p.at += int64(len(b))
	return len(b), nil
}

// Check compares the digests with what header and descriptor state, as Verify does; whole is the SHA-256 of the bytes
// that were written. The result then stands in Facts. The error is a [*FormatError].
func (p *Pass) Check(whole [32]byte) error {
	if size := p.file.image.Size(); p.at != size {
		return &FormatError{p.file.facts.Format, Changed, "payload", p.at, fmt.Sprintf("%d bytes were read, but the file had %d when it was opened", p.at, size)}
	}
	p.sums.given = &whole
	if damage := p.file.compare(p.sums); damage != nil {
		return damage
	}
	return nil
}
