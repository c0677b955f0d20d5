package transfer

import (
	"context"
	"errors"
	"net/http"
	"os"
	"time"
)

// An httpsState is what the server tells of the file: whether there is one, and what tells one state of it from another
// (RFC 9110, 8.8).
type httpsState struct {
	status        int
	tag, modified string
	length        int64 // -1 if it is not told
}

func stateOf(answer *httpAnswer) httpsState {
	return httpsState{answer.StatusCode, answer.Header.Get("ETag"), answer.Header.Get("Last-Modified"), answer.ContentLength}
}

func (s httpsState) there() bool { return s.status == http.StatusOK }
func (s httpsState) gone() bool  { return isGone(s.status) }

func isGone(status int) bool { return status == http.StatusNotFound || status == http.StatusGone }

// isOld reports whether the file is the one that was there before. Without ETag and date the length alone tells it,
// unless it is that of the new file too; sure is false if nobody can tell.
func (p *httpsPut) isOld(now httpsState) (old, sure bool) {
	before := p.before
	switch {
	case !now.there(), !before.there() && !before.gone():
		return false, false
	case before.gone():
		return false, now.length <= p.touched // more than was sent is somebody else's
	case now != before:
		return false, now.length <= p.touched
	}
	known := now.tag != "" || now.modified != "" || now.length >= 0 && now.length != p.u.Content.Size()
	return known, known
}

// settle looks what became of a file that was not sent to its end, or refused, or has no answer: some servers write to
// the name itself as the bytes come. What is ours is removed.
func (p *httpsPut) settle(ctx context.Context, failure error) error {
	e := (*Error)(nil)
	replied := errors.As(failure, &e) && e.Code >= 300 && e.Code < 600
	if p.noteTouched(); !p.asked || replied && e.Kind == KindExists {
		return failure
	}
	earlier := p.there // what an earlier attempt left
	p.there = true
	p.tell(StepLook, failure.Error())
	wrong := !p.body.complete() || replied && !e.Temporary()
	if !wrong {
		err := p.readAnyway(ctx, failure)
		if err == nil {
			p.there = false
			return nil
		}
		if isSilence(err) {
			return failure
		}
		wrong = isDifference(err)
	}
	ctx, cancel := p.afterwards(ctx, failure)
	defer cancel()
	answer, err := p.head(ctx)
	if err != nil {
		return failure
	}
	now := stateOf(answer)
	old, sure := p.isOld(now)
	switch {
	case now.gone():
		p.there = false
	case old:
		p.there = earlier
	case sure && wrong:
		_ = p.erase(ctx)
	}
	return failure
}

// readAnyway reads the file back, as long as it makes progress; not long if somebody wants to leave.
func (p *httpsPut) readAnyway(ctx context.Context, failure error) error {
	p.location.SHA256 = p.body.sum()
	after, cancel := p.afterwards(ctx, failure)
	defer cancel()
	if ctx.Err() == nil {
		after = ctx
	}
	return p.readBack(after)
}

func isDifference(err error) bool {
	differs := (*differsError)(nil)
	return errors.As(err, &differs)
}

func isSilence(err error) bool {
	e := (*Error)(nil)
	return errors.As(err, &e) && e.Kind == KindTimeout
}

const (
	graceAfterSilence = 400 * time.Millisecond // for a server that has been silent for longer than the limit
	graceAfterCancel  = 900 * time.Millisecond // for one that somebody does not want to wait for
	graceAfterwards   = 5 * time.Second        // for looking and removing in all
)

// afterwards returns a context for looking and cleaning up: what was interrupted must not keep it from happening, and it
// must not keep anybody waiting. From now on silence counts as such sooner if anybody has waited long enough.
func (p *httpsPut) afterwards(ctx context.Context, failure error) (context.Context, context.CancelFunc) {
	switch {
	case ctx.Err() != nil:
		p.hurry(graceAfterCancel)
	case isSilence(failure):
		p.hurry(graceAfterSilence)
	}
	limit := min(graceAfterwards, p.o.Timeout)
	return context.WithTimeoutCause(context.WithoutCancel(ctx), limit, os.ErrDeadlineExceeded)
}

// hurry has connections from now on fail when they are silent for so long; 0 is the usual limit. One that waits to be
// used again knows the old limit only.
func (s *httpsStore) hurry(limit time.Duration) {
	if s.grace.Swap(int64(limit)) != int64(limit) {
		s.transport.CloseIdleConnections()
	}
}

// leave returns the error with the name of the file that is, or may be, there.
func (p *httpsPut) leave(err error) error {
	e := (*Error)(nil)
	if !errors.As(err, &e) {
		e = &Error{Op: "cleaning up", Server: p.address, Kind: KindUnproven, Err: err} // none that is tried again
	}
	left := *e
	left.Left = p.location.URL
	return &left
}

// remove removes the file, which is known to be wrong, or not wanted.
func (p *httpsPut) remove(ctx context.Context, why error) error {
	after, cancel := p.afterwards(ctx, why)
	defer cancel()
	err := p.erase(after)
	switch {
	case err == nil:
		return why
	case why == nil:
		why = err
	}
	return p.leave(why)
}

// erase removes the file.
func (p *httpsPut) erase(ctx context.Context) error {
	p.tell(StepRemove, p.u.Name)
	answer, err := p.do(ctx, "removing", func() (*http.Request, error) {
		return http.NewRequestWithContext(ctx, http.MethodDelete, p.access.FileURL(p.u.Name), nil)
	})
	switch {
	case err != nil:
		return err
	case answer.StatusCode/100 == 2 || isGone(answer.StatusCode):
		p.there = false
		return nil
	}
	return p.refuse("removing", answer)
}
