package bind

import "fmt"

// A Pass does what [File.Verify] does while other code reads the image: that code writes every byte of [File.Image] to
// the Pass, in order, and then calls Check. A Pass is used once.
type Pass struct {
	file *File
	sums *sums
	at   int64
}

// NewPass returns a Pass over the file, which must not be a stream.
func (f *File) NewPass() *Pass {
	p := &Pass{file: f, sums: f.newSums()}
	p.sums.whole = nil // Check gets it from its caller
	return p
}

// Write processes the next bytes of the image. It never fails.
func (p *Pass) Write(b []byte) (int, error) {
	p.sums.add(p.at, b)
	p.at += int64(len(b))
	return len(b), nil
}

// Check compares the digests with those that header and descriptor state, as Verify does; whole is the SHA-256 of the
// bytes that were written. Facts then has the result. The error is a [*FormatError].
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
