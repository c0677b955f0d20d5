package fleet

import (
	"context"
	"errors"

	"github.com/cpupdate/cpupdate/pkg/wbm"
)

// pageFailure is what went wrong with the page, or errStopped.
func (v *visit) pageFailure(ctx context.Context, err error) error {
	e := (*wbm.Error)(nil)
	if errors.Is(context.Cause(ctx), errLongWay) {
		return failf(KindPageBroken, "its web page did not lead to a form for an image within %s", span(v.r.options.Patience))
	}
	if failure := (*Failure)(nil); errors.As(err, &failure) {
		return failure
	}
	if ctx.Err() != nil || !errors.As(err, &e) {
		return errStopped
	}
	if e.Kind == wbm.KindLocked {
		v.r.stopUploads()
	}
	return PageFailure(e)
}

// PageFailure is what a visit that failed means for the phone.
func PageFailure(e *wbm.Error) *Failure {
	kind, msg := pageTrouble(e.Kind)
	failure := &Failure{Kind: kind, Msg: msg, Err: e}
	switch e.Kind { //nolint:exhaustive // of the others the page's own words say more than ours
	case wbm.KindUnreachable, wbm.KindTimeout, wbm.KindBroken, wbm.KindTLS, wbm.KindTrust:
		failure.Err = e.Err
	}
	return failure
}

// pageTrouble says how a visit ends badly for the phone.
func pageTrouble(k wbm.Kind) (kind Kind, msg string) {
	switch k {
	case wbm.KindUnreachable:
		kind, msg = KindPageUnreachable, "its web page cannot be reached"
	case wbm.KindTimeout:
		kind, msg = KindPageBroken, "its web page does not answer in time"
	case wbm.KindBroken:
		kind, msg = KindPageBroken, "the connection to its web page broke"
	case wbm.KindSession:
		kind, msg = KindPageBroken, "its web page logged us out"
	case wbm.KindTLS:
		kind, msg = KindPageTLS, "there is no TLS between its web page and this machine"
	case wbm.KindTrust:
		kind, msg = KindPageTrust, "its web page is not one to trust"
	case wbm.KindPassword:
		kind, msg = KindPassword, "its web page refuses the password, which is not tried a second time"
	case wbm.KindLocked:
		kind, msg = KindLocked, "its web page takes no password for now, after too many wrong ones"
	case wbm.KindChange:
		kind, msg = KindNewPassword, "its web page demands a new password first"
	default:
		return formTrouble(k)
	}
	return kind, msg
}

// formTrouble is the rest of pageTrouble: what the page holds.
func formTrouble(k wbm.Kind) (kind Kind, msg string) {
	switch k { //nolint:exhaustive // the rest of pageTrouble
	case wbm.KindNoLogin:
		kind, msg = KindNoLogin, "its web page has no login that is known"
	case wbm.KindNoForm:
		kind, msg = KindNoForm, "its web page has no form for an image"
	case wbm.KindManyForms:
		kind, msg = KindManyForms, "its web page has several forms that might be for an image"
	case wbm.KindForeign:
		kind, msg = KindPageForeign, "its web page leads elsewhere"
	case wbm.KindSource:
		kind, msg = KindImage, "" // lost says it
	case wbm.KindRefused:
		kind, msg = KindPageRefused, "" // the same
	default:
		kind, msg = KindPageOdd, "what its web page says cannot be understood"
	}
	return kind, msg
}
