package transfer

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// An httpsState is what the server says of the file: whether there is one, and what distinguishes its states
// (RFC 9110, 8.8).
type httpsState struct {
	status        int
	tag, modified string
	length        int64 // -1 if it is not told
}

// stateOf returns the state in an answer to HEAD.
func stateOf(answer *httpAnswer) httpsState {
	return httpsState{answer.StatusCode, answer.Header.Get("ETag"), answer.Header.Get("Last-Modified"), answer.ContentLength}
}

func (s httpsState) there() bool { return s.status == http.StatusOK }
func (s httpsState) gone() bool  { return isGone(s.status) }

func isGone(status int) bool { return status == http.StatusNotFound || status == http.StatusGone }

// isOld reports whether the file is the one that was there before. Without ETag and date the length alone tells it,
// unless it is that of the new file too; sure is false if it cannot be told.
func (p *httpsPut) isOld(now httpsState) (old, sure bool) {
	before := p.before
	switch {
	case !now.there(), !before.there() && !before.gone():
		return false, false
	case before.gone():
		return false, now.length <= p.touched // more than was sent is another client's
	case now != before:
		return false, now.length <= p.touched
	}
	known := now.tag != "" || now.modified != "" || now.length >= 0 && now.length != p.u.Content.Size()
	return known, known
}

// resolve finds out what became of a file that was not sent to its end, was refused, or has no answer: some servers write
// to the name itself as the bytes come. It removes what is ours, and returns the error of Put.
func (p *httpsPut) resolve(ctx context.Context, failure error) error {
	e := (*Error)(nil)
	replied := errors.As(failure, &e) && e.Code >= 300 && e.Code < 600
	redirected := p.before.status != 0 && statusKind(p.before.status) == KindRedirect && replied && e.Kind == KindRedirect
	if p.noteTouched(); !p.requested || redirected || replied && e.Kind == KindExists {
		return failure // nothing is written where everything is redirected
	}
	earlier := p.there // what an earlier attempt left
	p.there = true
	p.tell(StepQuery, failure.Error())
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
	ctx, cancel := p.cleanupContext(ctx, failure)
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
	case sure && wrong && (!p.before.gone() || p.beginsAsOurs(ctx)):
		_ = p.erase(ctx)
	}
	return failure
}

// beginsAsOurs reports whether the file that the server has begins as the one that was sent. That there was none before is
// the server's word, which may have been wrong for a moment.
func (p *httpsPut) beginsAsOurs(ctx context.Context) bool {
	answer, err := p.do(ctx, "reading back", func() (*http.Request, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.access.FileURL(p.u.Name), nil)
		if err == nil {
			r.Header.Set("Range", fmt.Sprintf("bytes=0-%d", comparedStart-1))
		}
		return r, err
	})
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusRequestedRangeNotSatisfiable: // it is empty
		return true
	case http.StatusOK, http.StatusPartialContent:
	default:
		return false
	}
	theirs, err := io.ReadAll(io.LimitReader(answer.Body, comparedStart))
	if err != nil {
		return false
	}
	// The bytes that were sent are compared, not the file of this machine, which may have changed.
	p.body.stop() // net/http may still read, and the start would grow
	return bytes.HasPrefix(p.start, theirs)
}

// comparedStart is how many bytes are compared to see whose a file is.
const comparedStart = 64 << 10

// readAnyway reads the file back, as long as that makes progress; after an interrupt, for a short time only.
func (p *httpsPut) readAnyway(ctx context.Context, failure error) error {
	p.location.SHA256 = p.body.sum()
	after, cancel := p.cleanupContext(ctx, failure)
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
	graceAfterSilence = 400 * time.Millisecond // for a server that was silent for longer than the limit
	graceAfterwards   = 5 * time.Second        // for looking and removing together
)

// cleanupContext returns a context for looking and cleaning up, which an interrupt does not end, and which is short. After
// an interrupt or a silence it shortens the idle limit too.
func (p *httpsPut) cleanupContext(ctx context.Context, failure error) (context.Context, context.CancelFunc) {
	longest := graceAfterwards
	if ctx.Err() != nil {
		longest = interruptLimit
	}
	limit := min(cmp.Or(p.o.CleanUp, longest), p.o.Timeout)
	switch {
	case isSilence(failure):
		p.limitSilence(cmp.Or(p.o.CleanUp, graceAfterSilence))
	case ctx.Err() != nil:
		p.limitSilence(limit)
	}
	return context.WithTimeoutCause(context.WithoutCancel(ctx), limit, os.ErrDeadlineExceeded)
}

// limitSilence sets the idle limit of connections from now on; 0 is Timeout. An idle connection, which has the old limit,
// is closed.
func (s *httpsStore) limitSilence(limit time.Duration) {
	if s.grace.Swap(int64(limit)) != int64(limit) {
		s.transport.CloseIdleConnections()
	}
}

// leftBehind returns the error with the file that is, or may be, there.
func (p *httpsPut) leftBehind(err error) error {
	e := (*Error)(nil)
	if !errors.As(err, &e) {
		e = &Error{Op: "cleaning up", Server: p.address, Kind: KindUnproven, Err: err} // none that is tried again
	}
	left := *e
	left.Left, left.Unsure = p.location.URL, !p.kept
	return &left
}

// remove removes a file that is wrong or not wanted, and returns why, or that it could not.
func (p *httpsPut) remove(ctx context.Context, why error) error {
	last := p.o.finish // of a trial: removing is a step like the others
	if why != nil {
		last = func(ctx context.Context) (context.Context, context.CancelFunc) { return p.cleanupContext(ctx, why) }
	}
	after, cancel := last(ctx)
	defer cancel()
	err := p.erase(after)
	switch {
	case err == nil:
		return why
	case why == nil:
		why = err
	}
	return p.leftBehind(why)
}

// erase sends the request that removes the file.
func (p *httpsPut) erase(ctx context.Context) error {
	p.tell(StepRemove, p.u.Name)
	answer, err := p.do(ctx, "removing", func() (*http.Request, error) {
		return http.NewRequestWithContext(ctx, http.MethodDelete, p.access.FileURL(p.u.Name), nil)
	})
	switch {
	case err != nil:
		return err
	case answer.StatusCode/100 == 2 || isGone(answer.StatusCode):
		p.there, p.kept = false, false
		return nil
	}
	p.kept = true
	return p.refuse("removing", answer)
}
