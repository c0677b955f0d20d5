package fleet

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cpupdate/cpupdate/pkg/wbm"
)

// An upload is how much of the image is sent.
type upload struct {
	changed  chan struct{} // holds a value when there is news in sent
	sent     atomic.Int64  // bytes
	size     int64
	begun    bool
	reported Upload // last
	whole    bool   // every byte was sent

	giveUp    context.CancelCauseFunc
	part      int64 // of fetchSteps
	partBegun time.Time
	limit     time.Time // when all of it has to be sent
}

// begin begins an upload. giveUp ends it.
func (u *upload) begin(size int64, patience time.Duration, giveUp context.CancelCauseFunc) {
	now := time.Now()
	u.size, u.begun, u.giveUp, u.partBegun, u.limit = size, true, giveUp, now, now.Add(longest(patience, size))
}

// note takes over how many bytes are sent.
func (u *upload) note(sent int64) {
	u.sent.Store(sent)
	select {
	case u.changed <- struct{}{}:
	default:
	}
}

func (u *upload) state() Upload {
	sent := u.sent.Load()
	return Upload{Sent: sent, Size: u.size, Complete: sent == u.size}
}

// errSlow reports an upload of byte after byte, which would hold the run for ever: be it that the phone takes no more, or
// that the caller gives no more.
var errSlow = errors.New("the image is sent too slowly")

// checkPace gives up an upload of which a step takes longer than a phone may be silent, or all of it longer than all steps
// of a fetch may. The steps are those of a fetch.
func (u *upload) checkPace(patience time.Duration) {
	switch part := u.reported.Sent * fetchSteps / u.size; {
	case time.Now().After(u.limit):
		u.giveUp(errSlow)
	case part > u.part:
		u.part, u.partBegun = part, time.Now()
	case time.Since(u.partBegun) > patience:
		u.giveUp(errSlow)
	}
}

// forgive takes the time for which this machine stood still from the limits.
func (u *upload) forgive(still time.Duration) {
	u.partBegun, u.limit = u.partBegun.Add(still), u.limit.Add(still)
}

// portion returns how much was sent, as "3.1 of 8.0 MiB".
func (u *upload) portion() string {
	sent, size := float64(u.sent.Load()), float64(u.size)
	switch {
	case u.size >= 1<<20:
		return fmt.Sprintf("%.1f of %.1f MiB", sent/(1<<20), size/(1<<20))
	case u.size >= 1<<10:
		return fmt.Sprintf("%.1f of %.1f KiB", sent/(1<<10), size/(1<<10))
	}
	return fmt.Sprintf("%.0f of %.0f bytes", sent, size)
}

// noteSent reports how much is sent.
func (v *visit) noteSent() {
	now := v.upload.state()
	if !v.upload.begun || v.upload.whole || now.Sent == v.upload.reported.Sent {
		return
	}
	v.upload.reported, v.upload.whole = now, now.Complete
	if now.Complete {
		v.reporter.report(Event{Step: StepSent, Upload: now, Limit: v.options.Patience})
		return
	}
	v.reporter.report(Event{Step: StepSending, Upload: now, Limit: v.timeout()})
	v.upload.checkPace(v.options.Patience)
}

// send sends the image. nil is a phone that has every byte, and whose page did not refuse: it is to be followed. The
// error is not complete yet: the phone is not queried yet.
func (v *visit) send(ctx context.Context) error {
	within, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	image := v.web.Image(within)
	image.Sent = v.upload.note
	v.upload.begin(image.Content.Size(), v.options.Patience, cancel)
	v.reporter.report(Event{Step: StepSending, Upload: v.upload.state(), Limit: v.timeout()})
	var answer wbm.Answer
	var err error
	v.while(func() {
		answer, err = v.session.Upload(within, v.form, image)
		slow := context.Cause(within)
		cancel(nil) // whoever still waits for a turn to send may stop
		if err != nil && slow != nil && ctx.Err() == nil {
			err = slow
		}
	})
	v.noteSent()
	v.slot.free()
	v.answered = err == nil
	if ctx.Err() != nil {
		return errStopped
	}
	return v.sent(ctx, answer, err)
}

// sent decides what the page's answer to the image means, and reports it.
func (v *visit) sent(ctx context.Context, answer wbm.Answer, err error) error {
	e := (*wbm.Error)(nil)
	switch {
	case errors.Is(err, errSlow):
		return &Failure{Kind: KindPageBroken, Err: errSlow}
	case err == nil && !answer.Refusal:
		v.reporter.report(Event{Step: StepAnswered, Text: answer.Words, Limit: v.options.Patience})
		return nil
	case err == nil:
		v.reporter.report(Event{Step: StepAnswered, Text: answer.Words, Limit: v.options.RefusalWatch})
		return &Failure{Kind: KindPageRefused, Err: errors.New(answer.Words)}
	case errors.As(err, &e) && e.Whole && (e.Kind == wbm.KindRefused || e.Kind == wbm.KindSession):
		v.reporter.report(Event{Step: StepAnswered, Err: e, Limit: v.options.RefusalWatch})
	case errors.As(err, &e) && e.Whole && e.Kind != wbm.KindSource:
		// A phone that restarts takes its page with it in the middle of an answer (observed: UnifyConfigurator, of Restart).
		// Whatever else is wrong with the answer, the phone has the image, and may install it.
		v.reporter.report(Event{Step: StepAnswered, Err: e, Limit: v.options.Patience})
		return nil
	}
	failure := (*Failure)(nil)
	if err = v.pageFailure(ctx, err); errors.As(err, &failure) {
		failure.Err = e // how far it came decides what that means
	}
	return err
}
