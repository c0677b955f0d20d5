package bind

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// A Builder writes CPB images. Family, SoftwareType and Version are required; a zero value of any other field leaves it
// out.
type Builder struct {
	Family       string
	Models       []string
	SoftwareType string
	Version      Version
	Levels       Levels
	Built        time.Time // to the second
	Note         string
	UpdateFrom   Version            // lowest version to update from
	Key          ed25519.PrivateKey // signs the header, nil for none
}

// Build writes the image with the given payload. It reads the payload twice: for the digest, which comes before the
// payload, and to write it. If the two readings differ, Build returns an error, and what was written is not an image.
func (b *Builder) Build(ctx context.Context, w io.Writer, payload *io.SectionReader) error {
	digest, err := copyHashed(ctx, io.Discard, payload)
	if err != nil {
		return err
	}
	header, err := b.Header(uint64(payload.Size()), digest)
	if err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	again, err := copyHashed(ctx, w, payload)
	if err != nil {
		return err
	}
	if again != digest {
		return errors.New("the payload changed while it was read")
	}
	return nil
}

// copyHashed copies the payload to w and returns its digest.
func copyHashed(ctx context.Context, w io.Writer, payload *io.SectionReader) ([32]byte, error) {
	sum := sha256.New()
	buffer := newBuffer(payload.Size())
	for at := int64(0); at < payload.Size(); {
		if err := checkContext(ctx); err != nil {
			return [32]byte{}, err
		}
		n, err := payload.ReadAt(buffer[:min(int64(len(buffer)), payload.Size()-at)], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return [32]byte{}, fmt.Errorf("reading the payload at byte %d: %w", at, withoutPath(err))
		}
		if n == 0 {
			return [32]byte{}, fmt.Errorf("the payload ends at byte %d of %d: it changed while it was read", at, payload.Size())
		}
		sum.Write(buffer[:n])
		if _, err := w.Write(buffer[:n]); err != nil {
			return [32]byte{}, err
		}
		at += int64(n)
	}
	return [32]byte(sum.Sum(nil)), nil
}

// Header returns the header for a payload of the given length in bytes and SHA-256. The error names the field that
// the format does not allow.
func (b *Builder) Header(payloadLength uint64, payloadSHA256 [32]byte) ([]byte, error) {
	h := &CPBHeader{PayloadLength: payloadLength, PayloadSHA256: payloadSHA256}
	add := func(kind uint16, value []byte) { h.Fields = append(h.Fields, CPBField{kind, value}) }
	add(cpbFamily, []byte(b.Family))
	for _, model := range b.Models {
		add(cpbModel, []byte(model))
	}
	add(cpbSoftwareType, []byte(b.SoftwareType))
	add(cpbSoftware, encodeVersion(b.Version))
	for _, r := range b.Levels.Ranges() {
		add(cpbLevels, encodeLevelRange(r))
	}
	if !b.Built.IsZero() {
		add(cpbBuilt, binary.BigEndian.AppendUint64(nil, uint64(b.Built.Unix())))
	}
	if b.Note != "" {
		add(cpbNote, []byte(b.Note))
	}
	if !b.UpdateFrom.IsZero() {
		add(cpbUpdateFrom, encodeVersion(b.UpdateFrom))
	}
	if b.Key == nil {
		return h.Marshal()
	}
	return b.signed(h)
}

// signed adds key id and signature and returns the header.
func (b *Builder) signed(h *CPBHeader) ([]byte, error) {
	id, err := PublicKey{Key: b.Key.Public().(ed25519.PublicKey)}.ID()
	if err != nil {
		return nil, err
	}
	h.Fields = append(h.Fields, CPBField{cpbKeyID, id[:]}, CPBField{cpbSignature, make([]byte, ed25519.SignatureSize)})
	header, err := h.Marshal()
	if err != nil {
		return nil, err
	}
	at := len(header) - ed25519.SignatureSize
	copy(header[at:], ed25519.Sign(b.Key, cpbSigned(header, int64(at))))
	cpbHeader(header).seal()
	return header, nil
}
