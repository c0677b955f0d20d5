package fleet

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/wbm"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// deliver sends the image. nil is a phone that has every byte, and whose page did not refuse: it is to be followed. The
// error is not complete yet: nobody asked the phone what it runs.
func (v *visit) deliver(ctx context.Context) error {
	within, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	image := v.web.Image(within)
	v.size, v.begun = image.Content.Size(), true
	v.giveUp, v.partBegun, v.sentBy = cancel, time.Now(), time.Now().Add(longestRun*v.r.options.Patience)
	image.Sent = func(n int64) {
		v.out.Store(n)
		select {
		case v.sending <- struct{}{}:
		default:
		}
	}
	v.tell(Event{Step: StepSending, Upload: v.upload(), Limit: v.timeout()})
	var answer wbm.Answer
	var err error
	v.while(func() {
		answer, err = v.session.Upload(within, v.form, image)
		slow := context.Cause(within)
		cancel(nil) // whoever still waits for his turn to send may stop
		if err != nil && slow != nil && ctx.Err() == nil {
			err = slow
		}
	})
	v.progress()
	v.freeSlot()
	e := (*wbm.Error)(nil)
	v.answered = err == nil
	switch {
	case ctx.Err() != nil:
		return errStopped
	case errors.Is(err, errSlow):
		return &Failure{Kind: KindPageBroken, Err: errSlow}
	case err == nil && !answer.Refusal:
		v.tell(Event{Step: StepAnswered, Text: answer.Words, Limit: v.r.options.Patience})
		return nil
	case err == nil:
		v.tell(Event{Step: StepAnswered, Text: answer.Words, Limit: v.r.options.Doubt})
		return &Failure{Kind: KindPageRefused, Err: errors.New(answer.Words)}
	case errors.As(err, &e) && e.Whole && (e.Kind == wbm.KindRefused || e.Kind == wbm.KindSession):
		v.tell(Event{Step: StepAnswered, Err: e, Limit: v.r.options.Doubt})
	case errors.As(err, &e) && e.Whole && e.Kind != wbm.KindSource:
		// A phone that restarts takes its page with it in the middle of an answer (observed: UnifyConfigurator, of Restart).
		// Whatever else is wrong with the answer, the phone has the image, and may install it.
		v.tell(Event{Step: StepAnswered, Err: e, Limit: v.r.options.Patience})
		return nil
	}
	failure := (*Failure)(nil)
	if err = v.pageFailure(ctx, err); errors.As(err, &failure) {
		failure.Err = e // how far it came decides what that means
	}
	return err
}

// progress tells how much is sent.
func (v *visit) progress() {
	u := v.upload()
	switch {
	case !v.begun || v.result.Told || u.Sent == v.result.Upload.Sent:
		return
	case u.Complete:
		v.result.Told = true
		v.result.Upload = u
		v.tell(Event{Step: StepSent, Upload: u, Limit: v.r.options.Patience})
	default:
		v.result.Upload = u
		v.tell(Event{Step: StepSending, Upload: u, Limit: v.timeout()})
		v.inTime(u)
	}
}

// errSlow is an upload of byte after byte, which would hold the run for ever: be it that the phone takes no more, or that the
// caller gives no more.
var errSlow = errors.New("the image goes out too slowly")

// inTime gives up an upload of which a step takes longer than a phone may be silent, or all of it longer than all steps of a
// fetch may. The steps are those of a fetch.
func (v *visit) inTime(u Upload) {
	switch part := u.Sent * fetchSteps / u.Size; {
	case time.Now().After(v.sentBy):
		v.giveUp(errSlow)
	case part > v.part:
		v.part, v.partBegun = part, time.Now()
	case time.Since(v.partBegun) > v.r.options.Patience:
		v.giveUp(errSlow)
	}
}

func (v *visit) upload() Upload {
	out := v.out.Load()
	return Upload{Sent: out, Size: v.size, Complete: out == v.size}
}

// finish takes a phone whose upload was begun to its end. One that did not get the image, or whose run was stopped, is
// asked what it runs: that is what somebody has to know of it now.
func (v *visit) finish(ctx context.Context, err error) error {
	refusal := err
	if err == nil || v.result.Told && ctx.Err() == nil {
		v.leave()
		err = v.followPage(ctx, refusal)
		if err == nil || !errors.Is(err, errStopped) && err != refusal { //nolint:errorlint // the very refusal, not another of its kind
			return err
		}
	}
	return v.lost(ctx, err)
}

// lost is an upload that ended badly, or a run that was stopped.
func (v *visit) lost(ctx context.Context, err error) error {
	v.leave()
	word := v.partingWord(ctx)
	failure := (*Failure)(nil)
	switch {
	case !errors.As(err, &failure) && v.result.Told:
		return failf(KindInterrupted, "interrupted after the whole image was sent: %s; it has the image, and may install it now: leave it on power", word)
	case !errors.As(err, &failure):
		return failf(KindInterrupted, "interrupted after %s: %s", portion(v.out.Load(), v.size), word)
	case failure.Kind == KindPageRefused && failure.Err != nil && failure.Err.Error() != "":
		return failf(KindPageRefused, "it refuses the image: %s; %s", strings.TrimRight(bounded(words(failure.Err)), ". "), word)
	case failure.Kind == KindPageRefused:
		return failf(KindPageRefused, "it refuses the image, and does not say why; %s", word)
	case failure.Kind == KindImage:
		whole := failf(KindImage, "the image was not sent as a whole, and %s", word)
		whole.Err = failure.Err
		return whole
	case failure.Kind == KindPageBroken && v.result.Told:
		return failf(KindUploadCut, "every byte was sent, and its page did not take them: %s (%s)", word, failure.Err.Error())
	case failure.Kind == KindPageBroken, failure.Kind == KindPageUnreachable:
		return failf(KindUploadCut, "the upload was cut after %s: %s (%s)", portion(v.out.Load(), v.size), word, failure.Err.Error())
	}
	return &Failure{Kind: failure.Kind, Msg: fmt.Sprintf("%s; %s", failure.Msg, word), Err: failure.Err}
}

// words is what a page says, without our own words around it.
func words(err error) string {
	if e := (*wbm.Error)(nil); errors.As(err, &e) {
		return e.Msg
	}
	return err.Error()
}

// partingWord asks the phone what it runs, for a short time and even if the run was stopped: by its page, which waits for
// nothing, and if that does not answer by the interface, if a contact is due.
func (v *visit) partingWord(ctx context.Context) string {
	limit := time.Now().Add(v.r.options.Parting)
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), limit)
	defer cancel()
	d, err := v.lookParting(ctx)
	if (err != nil || d.Version == "") && v.called && v.nextContact.Before(limit) {
		if called, silent := v.askParting(ctx, limit); silent == nil || !isOther(err) {
			d, err = called, silent
		}
	}
	v.result.After = v.result.Before // so far it is not known to be another
	failure := (*Failure)(nil)
	switch {
	case isOther(err) && errors.As(err, &failure):
		return failure.Msg
	case err != nil || d.Version == "":
		return "it did not answer when it was asked what it runs"
	}
	v.result.After = d.or(v.result.Before)
	switch c, before := v.change(); c {
	case unchanged:
		return "the phone still runs " + bounded(d.Version)
	case changed:
		return "the phone runs " + bounded(d.Version) + " now"
	default:
		return fmt.Sprintf("it says %s now, and said %s before; which software that is cannot be told", bounded(d.Version), before)
	}
}

// lookParting asks by the page. One that never said its MAC address is known by its key.
func (v *visit) lookParting(ctx context.Context) (Device, error) {
	knownByKey := v.pageSays.MAC == ""
	d, err := v.look(ctx, func(d Device) bool { return d.Version != "" && (d.MAC != "" || knownByKey) })
	v.result.After, v.byPage = d, true
	if err == nil && d.Version != "" && (d.MAC != "" || !knownByKey) {
		err = v.rightPhone()
	}
	return d, err
}

// isOther reports whether another phone answers than the one that is meant.
func isOther(err error) bool {
	failure := (*Failure)(nil)
	return errors.As(err, &failure) && (failure.Kind == KindOther || failure.Kind == KindTwice)
}

// askParting asks by the interface.
func (v *visit) askParting(ctx context.Context, limit time.Time) (Device, error) {
	c, err := v.ask(ctx, limit)
	if err == nil {
		c, err = v.identify(ctx, c)
	}
	if err != nil {
		return Device{}, err
	}
	v.reply(c, wpi.CleanUp())
	return v.result.After, nil
}

// portion is "3.1 of 8.0 MiB".
func portion(sent, size int64) string {
	unit, name := 1.0, "bytes"
	switch {
	case size >= 1<<20:
		unit, name = 1<<20, "MiB"
	case size >= 1<<10:
		unit, name = 1<<10, "KiB"
	}
	if name == "bytes" {
		return fmt.Sprintf("%d of %d bytes", sent, size)
	}
	return fmt.Sprintf("%.1f of %.1f %s", float64(sent)/unit, float64(size)/unit, name)
}
