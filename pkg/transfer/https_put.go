package transfer

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// Put sends a file.
func (s *httpsStore) Put(ctx context.Context, u Upload) (Location, error) {
	if err := u.validate(); err != nil {
		return Location{}, err
	}
	p := &httpsPut{}
	err := s.o.again(ctx, func(n int) error {
		s.limitSilence(0)
		p = &httpsPut{httpsStore: s, u: u, there: p.there, kept: p.kept}
		p.location = Location{Size: u.Content.Size(), Attempts: n, URL: s.access.FileURL(u.Name)}
		return p.run(ctx)
	})
	switch {
	case err == nil:
		return p.location, nil
	case p.there:
		return Location{}, p.leftBehind(err)
	}
	return Location{}, err
}

// An httpsPut is one attempt to send a file.
type httpsPut struct {
	*httpsStore
	u           Upload
	body        *body
	there       bool       // the file is there, or may be, and was not proven
	kept        bool       // the server refused to remove it
	before      httpsState // what the server told of the file that was there before
	tellsDigest bool       // the server told the digest of that file, and will tell that of ours
	requested   bool       // a request has begun to send the file, and the server to write it perhaps
	touched     int64      // the most bytes that any request has sent
	start       []byte     // the first of these bytes
	location    Location
}

func (p *httpsPut) run(ctx context.Context) error {
	if err := p.queryExisting(ctx); err != nil {
		return err
	}
	p.tell(StepSend, p.u.Name)
	start := time.Now()
	defer func() { p.body.stop() }()
	err := p.send(ctx, true)
	if e := (*Error)(nil); errors.As(err, &e) && e.Code == http.StatusExpectationFailed {
		err = p.send(ctx, false)
	}
	if err == nil {
		err = p.prove(ctx)
	} else {
		err = p.resolve(ctx, err)
	}
	p.location.Duration = time.Since(start)
	return err
}

// send sends the file. With expect the server is asked first, so that a refusal costs no bytes and is always heard.
func (p *httpsPut) send(ctx context.Context, expect bool) error {
	answer, err := p.do(ctx, "sending", func() (*http.Request, error) {
		p.renew(ctx)
		if err := p.body.fill(); err != nil {
			return nil, err
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPut, p.access.FileURL(p.u.Name), p.body)
		if err != nil {
			return nil, err
		}
		r.ContentLength = p.u.Content.Size()
		r.GetBody = func() (io.ReadCloser, error) {
			p.renew(ctx)
			return p.body, nil
		}
		r.Header.Set("Content-Type", "application/octet-stream")
		if expect {
			r.Header.Set("Expect", "100-continue")
		}
		if p.u.NoOverwrite {
			r.Header.Set("If-None-Match", "*")
		}
		return r, nil
	})
	if err != nil {
		return err
	}
	switch answer.StatusCode {
	case http.StatusOK, http.StatusCreated, http.StatusNoContent:
	default:
		return p.refuse("sending", answer)
	}
	p.there = true
	if !p.body.complete() {
		return p.remove(ctx, p.unproven(nil, errors.New("the server said that it has the file before it had all of it")))
	}
	// Some servers never say 201. But with NoOverwrite a file that has appeared meanwhile has to be told.
	unsure := !p.before.gone() || p.u.NoOverwrite
	p.location.Replaced = p.before.there() || unsure && answer.StatusCode != http.StatusCreated
	p.location.SHA256 = p.body.sum()
	return nil
}

// renew sends the file from its start again.
func (p *httpsPut) renew(ctx context.Context) {
	p.noteTouched()
	p.body.stop()
	p.body = newBody(ctx, p.u, p.o, p.tellsDigest, &p.start)
}

// noteTouched notes how much the server may have written.
func (p *httpsPut) noteTouched() {
	n, requested := p.body.sent()
	p.touched, p.requested = max(p.touched, n), p.requested || requested
}

// Try writes a small file as Put would, and removes it again.
func (s *httpsStore) Try(ctx context.Context) error {
	u := tryUpload()
	p := &httpsPut{httpsStore: s, u: u, location: Location{URL: s.access.FileURL(u.Name), Attempts: 1}}
	s.limitSilence(0)
	err := p.run(ctx)
	switch {
	case err == nil, p.there && !p.kept: // nobody else has a file of this name
		return p.remove(ctx, err)
	case p.there:
		return p.leftBehind(err)
	}
	return err
}
