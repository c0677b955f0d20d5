package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
)

// head requests what the server says of the file.
func (p *httpsPut) head(ctx context.Context) (*httpAnswer, error) {
	return p.do(ctx, "asking for the file", func() (*http.Request, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodHead, p.access.FileURL(p.u.Name), nil)
		if err == nil {
			r.Header.Set("Want-Repr-Digest", "sha-256=10") // RFC 9530
			r.Header.Set("Want-Digest", "sha-256")         // RFC 3230
		}
		return r, err
	})
}

// prove shows that the file is there. One that is wrong is removed.
func (p *httpsPut) prove(ctx context.Context) error {
	if err := p.compare(ctx); err != nil {
		return err
	}
	p.there = false // it is, and is right
	return nil
}

// compare compares what the server tells of the file with what was sent.
func (p *httpsPut) compare(ctx context.Context) error {
	p.tell(StepCheck, string(ProofSize))
	answer, err := p.head(ctx)
	if err != nil {
		return err
	}
	now := stateOf(answer)
	if p.before.there() && now == p.before {
		p.u.ReadBack = true // it may be the file that was there before
	}
	want := p.u.Content.Size()
	reported := answer.StatusCode == http.StatusOK && answer.ContentLength >= 0
	switch {
	case reported && answer.ContentLength != want:
		return p.wrong(ctx, now, fmt.Errorf("the server has %d bytes, and %d were sent", answer.ContentLength, want))
	case reported:
		p.location.proof(ProofSize)
	case isGone(answer.StatusCode):
		return p.unproven(answer, errors.New("the server took the file, and says that it does not exist when asked for it"))
	default:
		p.u.ReadBack = true // the server cannot tell: look for ourselves
	}
	if sum, ok := digestOf(answer.Header); ok && answer.StatusCode == http.StatusOK {
		p.tell(StepCheck, string(ProofDigest))
		if err := p.u.needSHA256(ctx, &p.location); err != nil {
			return err
		}
		if sum != *p.location.SHA256 {
			return p.wrong(ctx, now, fmt.Errorf("the server's file has SHA-256 %x, what was sent has %x", sum, *p.location.SHA256))
		}
		p.location.proof(ProofDigest)
	}
	if !p.u.ReadBack {
		return nil
	}
	err = p.readBack(ctx)
	if differs := (*differsError)(nil); errors.As(err, &differs) {
		return p.wrong(ctx, now, differs)
	}
	return err
}

// digestOf returns the SHA-256 that the server tells of the file's content: Repr-Digest (RFC 9530), or Digest (RFC
// 3230). An ETag is no digest.
func digestOf(h http.Header) (sum [32]byte, ok bool) {
	for _, field := range []string{"Repr-Digest", "Digest"} {
		for part := range strings.SplitSeq(strings.Join(h.Values(field), ","), ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
			if !strings.EqualFold(name, "sha-256") {
				continue
			}
			value, _, _ = strings.Cut(value, ";") // parameters of RFC 8941
			raw, err := base64.StdEncoding.DecodeString(strings.Trim(strings.TrimSpace(value), ":"))
			if err == nil && len(raw) == sha256.Size {
				return [32]byte(raw), true
			}
		}
	}
	return sum, false
}

// unproven returns the error of a file that is not proven; answer may be nil.
func (p *httpsPut) unproven(answer *httpAnswer, err error) *Error {
	e := &Error{Op: "checking the file", Server: p.address, Kind: KindUnproven, Err: err}
	if answer != nil {
		e.Code, e.Reply = answer.StatusCode, answer.words
	}
	return e
}

// wrong removes a file that is not what was sent, and returns the error of Put. A file that is, or may be, the one that was
// there before stays: the server has not replaced it.
func (p *httpsPut) wrong(ctx context.Context, now httpsState, err error) error {
	failure := p.unproven(nil, err)
	if !p.before.there() || now != p.before {
		return p.remove(ctx, failure)
	}
	if old, _ := p.isOld(now); old {
		p.there = false
	}
	return failure
}

// A differsError says that a file that was read back differs.
type differsError struct{ text string }

func (e *differsError) Error() string { return e.text }

// readBack reads the whole file again and compares its digest.
func (p *httpsPut) readBack(ctx context.Context) error {
	p.tell(StepCheck, string(ProofReadBack))
	if err := p.u.needSHA256(ctx, &p.location); err != nil {
		return err
	}
	answer, err := p.do(ctx, "reading back", func() (*http.Request, error) {
		return http.NewRequestWithContext(ctx, http.MethodGet, p.access.FileURL(p.u.Name), nil)
	})
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return p.unproven(answer, errors.New("the server does not let the file be read"))
	}
	defer answer.Body.Close()
	got := sha256.New()
	size := p.u.Content.Size()
	n, err := io.Copy(p.o.counted(got), io.LimitReader(netconn.PacedReader(answer.Body, p.o.Timeout), size+1))
	switch {
	case err != nil:
		return p.fail(ctx, "reading back", err)
	case n != size || [32]byte(got.Sum(nil)) != *p.location.SHA256:
		return &differsError{fmt.Sprintf("read back, %d bytes have SHA-256 %x; %d with %x were sent", n, got.Sum(nil), size, *p.location.SHA256)}
	}
	p.location.proof(ProofReadBack)
	return nil
}
