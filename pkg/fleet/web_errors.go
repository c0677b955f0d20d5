package fleet

import (
	"context"
	"errors"

	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
	"github.com/cpupdate/cpupdate/pkg/wbm"
)

// pageFailure returns what went wrong with the page, or errStopped.
func (v *visit) pageFailure(ctx context.Context, err error) error {
	e := (*wbm.Error)(nil)
	if errors.Is(context.Cause(ctx), errLongWay) {
		return failf(KindPageBroken, "its web page did not lead to %s within %s", v.web.formName(), display.Span(v.options.Patience))
	}
	if failure := (*Failure)(nil); errors.As(err, &failure) {
		return failure
	}
	if ctx.Err() != nil || !errors.As(err, &e) {
		return errStopped
	}
	if e.Kind == wbm.KindLocked {
		v.lockOut()
	}
	if e.Kind == wbm.KindSource {
		v.noImage(e)
	}
	failure := PageFailure(e)
	switch {
	case !v.web.Transfer:
	case e.Kind == wbm.KindNoForm:
		failure.Msg = "its web page has no transfer form for an image"
	case e.Kind == wbm.KindManyForms:
		failure.Msg = "its web page has several transfer forms that might be for an image"
	}
	return failure
}

// formName returns what the form is called that is looked for.
func (w *Web) formName() string {
	if w.Transfer {
		return "a transfer form"
	}
	return "an image upload form"
}

// PageFailure returns what a visit that failed means for the phone.
func PageFailure(e *wbm.Error) *Failure {
	failure, known := pageFailures()[e.Kind]
	if !known {
		failure = failf(KindPageOdd, "its web page cannot be parsed")
	}
	failure.Err = e
	switch e.Kind { //nolint:exhaustive // of the others the page's own words say more than ours
	case wbm.KindUnreachable:
		if netconn.AsMachine(e.Err) != nil {
			return machineFailure(e.Err)
		}
		failure.Err = e.Err
	case wbm.KindTimeout, wbm.KindBroken, wbm.KindTLS, wbm.KindTrust:
		failure.Err = e.Err
	}
	return failure
}

// pageFailures is the table of how a visit fails for the phone. Where there is no text, visit.failed says it.
func pageFailures() map[wbm.Kind]*Failure {
	return map[wbm.Kind]*Failure{
		wbm.KindUnreachable: failf(KindPageUnreachable, "its web page cannot be reached"),
		wbm.KindTimeout:     failf(KindPageBroken, "its web page does not answer in time"),
		wbm.KindBroken:      failf(KindPageBroken, "the connection to its web page broke"),
		wbm.KindSession:     failf(KindPageBroken, "its web page ended the session"),
		wbm.KindTLS:         failf(KindPageTLS, "no TLS connection to its web page can be established"),
		wbm.KindTrust:       failf(KindPageTrust, "its web page's certificate is not trusted"),
		wbm.KindPassword:    failf(KindPassword, "its web page rejects the password, which is not sent a second time"),
		wbm.KindLocked:      failf(KindLocked, "its web page accepts no password for now, after too many wrong ones"),
		wbm.KindChange:      failf(KindNewPassword, "its web page requires a password change first"),
		wbm.KindNoBanner:    failf(KindNoBanner, "its web page does not say what the phone is without a login"),
		wbm.KindNoLogin:     failf(KindNoLogin, "its web page has no known login form"),
		wbm.KindNoForm:      failf(KindNoForm, "its web page has no image upload form"),
		wbm.KindManyForms:   failf(KindManyForms, "its web page has several forms that might be for an image upload"),
		wbm.KindForeign:     failf(KindPageForeign, "its web page leads to another host"),
		wbm.KindTooLong:     failf(KindTooLong, "its transfer form does not take a value"),
		wbm.KindLacks:       failf(KindFormLacks, "its transfer form cannot be filled in"),
		wbm.KindSource:      failf(KindImage, ""),
		wbm.KindRefused:     failf(KindPageRefused, ""),
	}
}
