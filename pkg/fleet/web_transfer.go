package fleet

import (
	"context"
	"errors"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
	"github.com/cpupdate/cpupdate/pkg/wbm"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// updateByTransfer has the phone fetch the image, by the transfer form of its page, and follows it.
func (p *phone) updateByTransfer(ctx context.Context, v *visit) error {
	prepared, err := p.prepareTransfer(ctx, v)
	if err == nil {
		err = p.commit(ctx, StepInstructed)
	}
	if err != nil {
		p.withdraw()
		v.leave()
		return err
	}
	p.problems.clear()
	p.result.Instructed = true
	p.report(Event{Step: StepInstructed, Limit: v.options.Patience})
	within, cancel := context.WithCancel(ctx)
	f := p.newFollower()
	f.visit, f.update, f.fetch.watched = v, p.grant.Deployment, p.grant.Watched
	f.answers, f.endSubmission = v.submit(within, prepared), cancel
	err = f.watch(ctx)
	cancel()
	if f.notSent {
		p.result.Instructed = false
	}
	if err = p.followed(f, err); err == nil {
		return nil
	}
	return p.transferFailed(ctx, v, err)
}

// prepareTransfer opens the source to the phone, and has the form filled in. Nothing is sent yet.
func (p *phone) prepareTransfer(ctx context.Context, v *visit) (*wbm.Submission, error) {
	local, remote := v.session.Ends()
	p.runner.registry.visited(p, remote)
	d, err := p.openSource(Request{Phone: remote, Local: local, Accepts: p.accepts, Watch: p.fetches.watch(), Failed: p.runner.imageFailed})
	if err != nil {
		return nil, err
	}
	access, err := v.access(d)
	if err != nil {
		return nil, err
	}
	v.secrets = append(v.secrets, access.Password)
	p.runner.events.hideOf(p.index, access.Password)
	var prepared *wbm.Submission
	v.while(func() { prepared, err = v.session.Prepare(ctx, v.form, access) })
	if err != nil {
		return nil, v.pageFailure(ctx, err)
	}
	if ctx.Err() != nil {
		return nil, errStopped
	}
	return prepared, nil
}

// decideOnPage decides as decide does. In a dry run it also checks what the transfer form takes.
func (p *phone) decideOnPage(ctx context.Context, v *visit) (ended bool, err error) {
	ended, err = p.decide()
	if p.result.Outcome == Checked {
		err = v.fits(ctx)
	}
	return ended, err
}

// fits returns an error if the transfer form is known not to take what it will be given. It is for a dry run, which prepares nothing.
func (v *visit) fits(ctx context.Context) error {
	fixed, known := v.source.(elsewhere)
	if !v.web.Transfer || !known {
		return nil
	}
	access, err := v.access(fixed.deployment)
	if err == nil {
		if err = v.session.Fit(v.form, access); err != nil {
			err = v.pageFailure(ctx, err)
		}
	}
	return err
}

// access returns what the form is given of a deployment. That base URL and file name are joined to the file's URL is assumed; how
// a phone joins what is escaped in a URL, or a query, is not known.
func (v *visit) access(d wpi.Deployment) (wbm.Access, error) {
	a := wbm.Access{
		Defaults: v.web.Defaults, Name: d.Name, Server: d.Server, Port: d.Port, Account: d.Account, Path: d.Path,
		Username: d.Username, Password: secret.New(d.Password),
	}
	if d.URL == "" {
		return a, nil
	}
	u, err := url.Parse(d.URL)
	if err != nil || u.RawQuery != "" || u.ForceQuery || path.Base(u.Path) != path.Base(u.EscapedPath()) {
		return a, &Failure{Kind: KindSource, Msg: "its transfer form cannot be given the URL", Err: errors.New("the file name has to be escaped in it, or a query follows")}
	}
	a.BaseURL, a.Name = d.URL[:strings.LastIndex(d.URL, "/")+1], path.Base(u.Path)
	return a, nil
}

// A submitted is what came of a form that was submitted.
type submitted struct {
	answer wbm.Answer
	err    error
}

// submit submits the form. The page answers when the phone has fetched the image; after that, nobody is logged in.
func (v *visit) submit(ctx context.Context, prepared *wbm.Submission) <-chan submitted {
	answers, session := make(chan submitted, 1), v.session
	v.session = nil
	v.leaving.Go(func() {
		answer, err := prepared.Send(ctx)
		answers <- submitted{answer, err}
		_ = session.Close()
	})
	return answers
}

// noteAnswer takes over what the page says when the transfer has ended. None of it is believed: a phone that restarts may break off
// its answer, or report a failure.
func (f *follower) noteAnswer(ctx context.Context, a submitted) {
	f.answers = nil
	e := (*wbm.Error)(nil)
	isPages := errors.As(a.err, &e)
	refused := isPages && (e.Kind == wbm.KindRefused || e.Kind == wbm.KindSession)
	switch {
	case a.err != nil && (!isPages || ctx.Err() != nil):
		return // it was interrupted
	case isPages && !e.Whole:
		f.notSent = true
		f.ending.end(f.visit.pageFailure(ctx, e))
	case refused, a.err == nil && a.answer.Refusal:
		f.refuse(a, refused)
	case isPages:
		f.reporter.report(Event{Step: StepAnswered, Err: e, Limit: f.silence.left()})
	default:
		if f.visit.answered = a.answer.Completed; f.visit.answered { // what the phone did comes before what it says of it
			f.fetches.settle(lateCount)
			f.noteFetch()
		}
		if !f.saysFailed {
			f.silence.restart()
		}
		f.reporter.report(Event{Step: StepAnswered, Text: a.answer.Words, Limit: f.silence.left()})
	}
}

// refuse takes over that the page reports a failure. A phone that never asks for the image, or did not get all of it, has nothing to
// install; any other one is watched for a restart first.
func (f *follower) refuse(a submitted, refused bool) {
	f.noteFetch()
	event := Event{Step: StepAnswered, Text: a.answer.Words, Limit: f.options.RefusalWatch}
	f.visit.said = "without a reason"
	switch f.visit.refused = refused; {
	case refused:
		f.visit.said, event.Text, event.Err = bounded(words(a.err)), "", a.err
	case a.answer.Words != "":
		f.visit.said = strconv.Quote(bounded(a.answer.Words))
	}
	f.reporter.report(event)
	if !f.restart.down.IsZero() {
		return
	}
	f.noteFailed()
}

// transferFailed describes a phone whose way by its transfer form ended badly, or a run that was stopped. Where nobody has queried
// what the phone runs, that is done now.
func (p *phone) transferFailed(ctx context.Context, v *visit, err error) error {
	failure := (*Failure)(nil)
	if !errors.As(err, &failure) {
		p.withdraw()
		p.fetches.settle(lateCount)
		p.result.Fetch = p.fetches.state()
		failure = p.interrupted(ctx)
	}
	switch failure.Kind { //nolint:exhaustive // the others are known by a query, or nothing was sent
	case KindInterrupted, KindNeverFetch, KindCut, KindSaysFailed, KindPageRefused:
		p.withdraw()
		shown := *failure
		shown.Msg += "; " + v.finalStatus(ctx)
		return &shown
	}
	return failure
}

// failedByPage describes a phone whose page says that the transfer failed, and how far it came.
func (f *follower) failedByPage(state serve.Fetch) error {
	said := f.visit.said
	switch {
	case f.fetch.watched && state.Requests == 0 && !f.visit.refused:
		return f.because(failf(KindNeverFetch, "its web page reports a failed transfer (%s), and it never requested the image", said))
	case f.visit.refused:
		return failf(KindPageRefused, "its web page refused the transfer form: %s", said)
	case f.fetch.watched && !state.Complete && (state.Cut || !f.fetch.complete):
		return failf(KindCut, "its web page reports a failed transfer (%s), after %d of %d bytes", said, state.Sent, state.Size)
	}
	return failf(KindSaysFailed, "its web page reports a failed transfer (%s)", said)
}
