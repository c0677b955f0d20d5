package fleet

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/wbm"
)

// failed describes an upload that ended badly, or a run that was stopped. The phone is queried: what it runs is what
// somebody has to know of it now.
func (v *visit) failed(ctx context.Context, err error) error {
	v.leave()
	status, sent := v.finalStatus(ctx), v.upload.portion()
	failure := (*Failure)(nil)
	switch {
	case !errors.As(err, &failure) && v.upload.whole:
		return failf(KindInterrupted, "interrupted after the whole image was sent: %s; it has the image and may still install it: keep it on power", status)
	case !errors.As(err, &failure):
		return failf(KindInterrupted, "interrupted after %s: %s", sent, status)
	case failure.Kind == KindPageRefused && failure.Err != nil && failure.Err.Error() != "":
		return failf(KindPageRefused, "it refused the image: %s; %s", strings.TrimRight(bounded(words(failure.Err)), ". "), status)
	case failure.Kind == KindPageRefused:
		return failf(KindPageRefused, "it refused the image without a reason; %s", status)
	case failure.Kind == KindImage:
		whole := failf(KindImage, "the image was not sent completely, and %s", status)
		whole.Err = failure.Err
		return whole
	case failure.Kind == KindPageBroken && v.upload.whole:
		return failf(KindUploadCut, "every byte was sent, but its web page did not accept the image: %s (%s)", status, failure.Err.Error())
	case failure.Kind == KindPageBroken, failure.Kind == KindPageUnreachable:
		return failf(KindUploadCut, "the upload was cut off after %s: %s (%s)", sent, status, failure.Err.Error())
	}
	return &Failure{Kind: failure.Kind, Msg: fmt.Sprintf("%s; %s", failure.Msg, status), Err: failure.Err}
}

// words returns what a page says, without our own words around it.
func words(err error) string {
	if e := (*wbm.Error)(nil); errors.As(err, &e) {
		return e.Msg
	}
	return err.Error()
}

// finalStatus asks the phone what it runs, for a short time and even if the run was stopped: by its page, which waits for
// nothing, and if that does not answer by the interface, if a contact is due.
func (v *visit) finalStatus(ctx context.Context) string {
	limit := time.Now().Add(v.options.FinalStatus)
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), limit)
	defer cancel()
	d, err := v.statusByPage(ctx)
	if (err != nil || d.Version == "") && v.called && v.dialog.nextContact.Before(limit) {
		silent := v.dialog.query(ctx, &wait{patience: left(limit), limit: limit})
		if silent == nil || !isOther(err) {
			d, err = v.facts.after, silent
		}
	}
	v.facts.after = v.facts.before // so far it is not known to be another
	failure := (*Failure)(nil)
	switch {
	case isOther(err) && errors.As(err, &failure):
		return failure.Msg
	case err != nil || d.Version == "":
		return "it did not answer when its version was queried"
	}
	v.facts.after = d.or(v.facts.before)
	switch c, before := v.facts.change(); c {
	case unchanged:
		return "the phone still runs " + bounded(d.Version)
	case changed:
		return "the phone runs " + bounded(d.Version) + " now"
	default:
		return fmt.Sprintf("it reports %s now and reported %s before; which software that is cannot be determined", bounded(d.Version), before)
	}
}

// statusByPage asks by the page. One that never said its MAC address is known by its key.
func (v *visit) statusByPage(ctx context.Context) (Device, error) {
	knownByKey := v.facts.onPage.MAC == ""
	d, err := v.query(ctx, func(d Device) bool { return d.Version != "" && (d.MAC != "" || knownByKey) })
	v.facts.after, v.facts.fromPage = d, true
	if err == nil && d.Version != "" && (d.MAC != "" || !knownByKey) {
		err = v.facts.rightPhone()
	}
	return d, err
}

// isOther reports whether another phone answers than the one that is meant.
func isOther(err error) bool {
	failure := (*Failure)(nil)
	return errors.As(err, &failure) && failure.anotherPhone()
}
