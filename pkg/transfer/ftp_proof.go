package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/jlaffaye/ftp"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
)

// prove compares what lies on the server with what was sent, under the name that it was sent to.
func (p *ftpPut) prove(ctx context.Context) error {
	p.tell(StepCheck, string(ProofSize))
	file, err := p.lookUpSent(ctx, p.target)
	if err != nil {
		return err
	}
	want := p.u.Content.Size()
	switch {
	case file.presence == present && file.bytes == want:
		p.location.proof(ProofSize)
	case file.presence == present && file.bytes >= 0:
		return p.unproven(fmt.Errorf("%s, and %d bytes were sent", file, want))
	default:
		p.u.ReadBack = true // the server cannot tell, or says that it has no such file: look for ourselves
	}
	if err := p.proveDigest(ctx); err != nil {
		return err
	}
	if p.u.ReadBack {
		return p.readBack(ctx)
	}
	return nil
}

// lookUpSent looks for what was just sent, also in the folder's listing if the server says that it is not there.
func (p *ftpPut) lookUpSent(ctx context.Context, name string) (fileState, error) {
	file, err := p.lookUp(ctx, name)
	if err != nil || file.presence != absent {
		return file, err
	}
	l, err := p.list(ctx)
	if bytes, ok := l.find(name); err == nil && ok {
		return thereWith(bytes), nil
	}
	return file, err
}

// unproven returns the error of a file that is not what was sent.
func (p *ftpPut) unproven(err error) error {
	return &Error{Op: "checking the file", Server: p.address, Kind: KindUnproven, Err: err}
}

// proveName looks once more, under the file's own name. The server has said that it renamed the file, which was right:
// no answer now does not make that untrue. Looking has the limit of ctx, and reading the file the one of whole.
func (p *ftpPut) proveName(ctx, whole context.Context) error {
	p.begun = false
	file, err := p.lookUpSent(ctx, p.u.Name)
	if err != nil || file.presence == unknown {
		return nil //nolint:nilerr // see above
	}
	size := p.u.Content.Size()
	same := file.presence == present && (file.bytes < 0 || file.bytes == size)
	if same && p.existing.bytes != size {
		return nil
	}
	if p.notMoved(ctx) {
		p.begun = true // the temporary file is ours, what has the name is not
		return p.unproven(errors.New("the server said that it renamed the file, and still has the temporary one"))
	}
	wrong := p.unproven(fmt.Errorf("after renaming %s, and %d bytes were sent", file, size))
	switch {
	case same:
		return nil
	case file.presence == present:
		return p.leftBehind(wrong, p.u.Name, false)
	}
	// A server may say so of every file.
	p.target = p.u.Name
	if p.control != nil { // it is lost if asking for the temporary file took another connection, which failed
		p.control.ctx = whole
		if p.readBack(whole) == nil {
			return nil
		}
	}
	return p.leftBehind(wrong, p.u.Name, true)
}

// notMoved reports whether the temporary file is still there after the server said that it renamed it.
func (p *ftpPut) notMoved(ctx context.Context) bool {
	if p.target == p.u.Name {
		return false
	}
	file, err := p.lookUp(ctx, p.target)
	return err == nil && file.presence == present
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
		if answer, err := p.control.ask("OPTS HASH SHA-256"); err != nil || answer.code >= 300 {
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
	var response *ftp.Response
	err := p.withData(ctx, func() (err error) {
		response, err = p.client.Retr(p.target)
		return err
	})
	if err != nil {
		return p.notRead(ctx, err)
	}
	got := sha256.New()
	n, err := io.Copy(p.o.counted(got), io.LimitReader(netconn.PacedReader(response, p.o.Timeout), p.u.Content.Size()+1))
	err = errors.Join(err, response.Close())
	if n > p.u.Content.Size() {
		return p.unproven(fmt.Errorf("read back, it is longer than the %d bytes that were sent", p.u.Content.Size()))
	}
	switch equal := [32]byte(got.Sum(nil)) == *p.location.SHA256; {
	case equal: // whatever the server complains of after the last byte
		p.location.proof(ProofReadBack)
		return context.Cause(ctx)
	case err != nil:
		return p.notRead(ctx, err)
	}
	return p.unproven(fmt.Errorf("read back, %d bytes have SHA-256 %x, what was sent has %x", n, got.Sum(nil), *p.location.SHA256))
}

// notRead returns the error of a file that cannot be read again: if the server refuses that, nothing is proven.
func (p *ftpPut) notRead(ctx context.Context, err error) error {
	err = p.fail(ctx, "reading back", err)
	if e := (*Error)(nil); errors.As(err, &e) && !e.Temporary() {
		e.Kind = KindUnproven
	}
	return err
}
