package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// A fileSize is what a server says of a file.
type fileSize struct {
	known bool // the server tells whether there is such a file
	there bool // there is, and it has so many
	bytes int64
}

// size asks for a file's size: SIZE (RFC 3659, 4), else MLST, else a listing.
func (s *ftpStore) size(ctx context.Context, name string) (fileSize, error) {
	answer, err := s.control.ask("SIZE " + name)
	if err != nil {
		return fileSize{}, s.fail(ctx, "asking for the size", err)
	}
	switch answer.code {
	case 213:
		if n, err := strconv.ParseInt(strings.TrimSpace(answer.text()), 10, 64); err == nil && n >= 0 {
			return fileSize{true, true, n}, nil
		}
	case 550:
		return fileSize{known: true}, nil
	case 421:
		return fileSize{}, s.refuse("asking for the size", KindBusy, answer)
	}
	return s.listedSize(ctx, name)
}

// listedSize looks for a file where SIZE does not help.
func (s *ftpStore) listedSize(ctx context.Context, name string) (fileSize, error) {
	if _, ok := s.control.feature("MLST"); ok {
		if entry, err := s.client.GetEntry(name); err == nil {
			return fileSize{true, true, int64(min(entry.Size, 1<<62))}, nil //nolint:gosec // bounded
		}
	}
	if s.control.broken {
		return fileSize{}, &Error{Op: "asking for the size", Server: s.address, Kind: KindBroken}
	}
	sending := s.sending
	s.sending, s.control.listing, s.control.endless = nil, true, false // the listing's data connection is no upload
	defer func() { s.sending, s.control.listing = sending, false }()
	entries, err := s.client.List("")
	if err != nil && s.control.broken {
		return fileSize{}, s.fail(ctx, "listing the folder", err)
	}
	for _, entry := range entries {
		if entry.Name == name {
			return fileSize{true, true, int64(min(entry.Size, 1<<62))}, nil //nolint:gosec // bounded
		}
	}
	return fileSize{known: err == nil && len(entries) > 0 && !s.control.endless}, nil
}

// prove compares what lies on the server with what was sent, under the name that it was sent to.
func (p *ftpPut) prove(ctx context.Context) error {
	p.tell(StepCheck, string(ProofSize))
	size, err := p.size(ctx, p.target)
	if err != nil {
		return err
	}
	want := p.u.Content.Size()
	switch {
	case size.there && size.bytes == want:
		p.location.proof(ProofSize)
	case size.known:
		return p.unproven(fmt.Errorf("%s, and %d bytes were sent", size, want))
	default:
		p.u.ReadBack = true // the server cannot tell: look for ourselves
	}
	if err := p.proveDigest(ctx); err != nil {
		return err
	}
	if p.u.ReadBack {
		return p.readBack(ctx)
	}
	return nil
}

func (s fileSize) String() string {
	if !s.there {
		return "the server has no such file"
	}
	return fmt.Sprintf("the server has %d bytes", s.bytes)
}

// unproven returns the error of a file that is not what was sent.
func (p *ftpPut) unproven(err error) error {
	return &Error{Op: "checking the file", Server: p.address, Kind: KindUnproven, Err: err}
}

// proveName looks once more, under the file's own name. The server has said that it renamed the file, which was right:
// no answer now does not make that untrue.
func (p *ftpPut) proveName(ctx context.Context) error {
	p.begun = false
	size, err := p.size(ctx, p.u.Name)
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	if size.known && (!size.there || size.bytes != p.u.Content.Size()) {
		err := p.unproven(fmt.Errorf("after renaming %s, and %d bytes were sent", size, p.u.Content.Size()))
		return p.leftBehind(err, p.u.Name)
	}
	return nil
}

// digestCommand is the command that has the server tell a file's SHA-256: HASH (draft-bryan-ftpext-hash), or XSHA256; ""
// if it knows neither.
func (c *control) digestCommand() string {
	if algorithms, ok := c.feature("HASH"); ok && strings.Contains(strings.ToUpper(algorithms), "SHA-256") {
		return "HASH"
	}
	if _, ok := c.feature("XSHA256"); ok {
		return "XSHA256"
	}
	return ""
}

// proveDigest asks for the file's SHA-256, where the server can tell it.
func (p *ftpPut) proveDigest(ctx context.Context) error {
	command := p.control.digestCommand()
	if command == "HASH" {
		if answer, err := p.control.ask("OPTS HASH SHA-256"); err != nil || answer.code != 200 {
			return p.noDigest(ctx, err)
		}
	}
	if command == "" {
		return nil
	}
	p.tell(StepCheck, string(ProofDigest))
	answer, err := p.control.ask(command + " " + p.target)
	if err != nil {
		return p.noDigest(ctx, err)
	}
	sum, ok := digestIn(answer, p.target)
	if !ok {
		return nil
	}
	if err := p.u.needSHA256(ctx, &p.location); err != nil {
		return err
	}
	if sum != *p.location.SHA256 {
		return p.unproven(fmt.Errorf("the server's file has SHA-256 %x, what was sent has %x", sum, *p.location.SHA256))
	}
	p.location.proof(ProofDigest)
	return nil
}

// noDigest returns the error of a server that tells no digest: none, unless the connection was lost.
func (p *ftpPut) noDigest(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	return p.fail(ctx, "asking for the digest", err)
}

// digestIn returns the one SHA-256 in a reply about the file called name; false if there is none, or more than one.
func digestIn(r reply, name string) (sum [32]byte, ok bool) {
	if r.code < 200 || r.code > 299 {
		return sum, false
	}
	found := regexp.MustCompile(`\b[0-9A-Fa-f]{64}\b`).FindAllString(strings.ReplaceAll(r.text(), name, " "), 2)
	if len(found) != 1 {
		return sum, false
	}
	if _, err := hex.Decode(sum[:], []byte(found[0])); err != nil {
		return sum, false
	}
	return sum, true
}

// readBack reads the whole file again and compares its digest.
func (p *ftpPut) readBack(ctx context.Context) error {
	p.tell(StepCheck, string(ProofReadBack))
	if err := p.u.needSHA256(ctx, &p.location); err != nil {
		return err
	}
	sending := p.sending
	p.sending = nil // the data connection is no upload
	defer func() { p.sending = sending }()
	response, err := p.client.Retr(p.target)
	if err != nil {
		return p.notRead(ctx, err)
	}
	got := sha256.New()
	n, err := io.Copy(p.o.counted(got), io.LimitReader(response, p.u.Content.Size()+1))
	err = errors.Join(err, response.Close())
	if n > p.u.Content.Size() {
		return p.unproven(fmt.Errorf("read back, it is longer than the %d bytes that were sent", p.u.Content.Size()))
	}
	if err != nil {
		return p.notRead(ctx, err)
	}
	if [32]byte(got.Sum(nil)) != *p.location.SHA256 {
		return p.unproven(fmt.Errorf("read back, %d bytes have SHA-256 %x, what was sent has %x", n, got.Sum(nil), *p.location.SHA256))
	}
	p.location.proof(ProofReadBack)
	return nil
}

// notRead returns the error of a file that cannot be read again: if the server refuses that, nothing is proven.
func (p *ftpPut) notRead(ctx context.Context, err error) error {
	err = p.fail(ctx, "reading back", err)
	if e := (*Error)(nil); errors.As(err, &e) && !e.Temporary() {
		e.Kind = KindUnproven
	}
	return err
}
