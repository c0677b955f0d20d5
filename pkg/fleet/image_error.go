package fleet

import (
	"context"
	"errors"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

// imageFailed ends the run: the image on this machine cannot be read, or is not what was verified any more. No further
// phone is instructed, and what is sent to phones is cut off.
func (r *Runner) imageFailed(err error) {
	if changed := (*bind.FormatError)(nil); errors.As(err, &changed) {
		err = changed // it says where: the sentence of whoever was reading adds nothing
	}
	r.mu.Lock()
	if r.image == nil {
		r.image = err
	}
	r.mu.Unlock()
	r.stop()
}

// checkImage ends the run if the image changed. It returns errStopped if the run has ended.
func (r *Runner) checkImage(ctx context.Context, image *Image) error {
	if check := image.Unchanged; check != nil && r.imageError() == nil {
		if err := check(ctx); err != nil && ctx.Err() == nil {
			r.imageFailed(err)
		}
	}
	if r.imageError() != nil || ctx.Err() != nil {
		return errStopped
	}
	return nil
}

// imageError returns why the image cannot be sent any more, or nil.
func (r *Runner) imageError() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.image
}

// becauseOfImage returns how a phone's way ended: a failure of its own if the image, and not the phone, ended it.
func (p *phone) becauseOfImage(f *Failure) *Failure {
	cause := p.runner.imageError()
	ours := f.Kind == KindInterrupted || f.Kind == KindImage || p.result.Instructed && (f.Kind == KindCut || f.Kind == KindSaysFailed)
	if cause == nil || !ours {
		return f
	}
	fetch := p.fetches.state()
	switch {
	case p.web() != nil && !p.web().Transfer:
		f.Kind = KindImage // the sentence says how much was sent, and what the phone runs
	case !p.result.Instructed && p.web() != nil:
		f = failf(KindImage, "the transfer form was not submitted")
	case !p.result.Instructed:
		f = failf(KindImage, "the update command was not sent")
	case fetch.Complete || fetch.Perhaps || !p.result.Down.IsZero():
		f = failf(KindImage, "it fetched the whole image as it was verified, and may still update; the run was stopped")
	default:
		f = &Failure{Kind: KindImage, Msg: "its fetch was cut off, and it keeps its old software", Keeps: true}
	}
	f.Err = cause
	return f
}
