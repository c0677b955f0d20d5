package wbm

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
	"github.com/cpupdate/cpupdate/pkg/trust"
	"github.com/cpupdate/cpupdate/pkg/wbm/internal/htmlform"
)

// A Kind is a way in which a visit fails.
type Kind string

// The kinds.
const (
	KindUnreachable Kind = "unreachable" // nothing answers there
	KindTimeout     Kind = "timeout"     // the phone is silent, or a page takes too long
	KindBroken      Kind = "broken"      // the connection broke
	KindTLS         Kind = "tls"         // no TLS, or none that both speak
	KindTrust       Kind = "trust"       // its certificate is not trusted; Err says why
	KindProtocol    Kind = "protocol"    // what answers is no web page of a phone, or more than a page may be
	KindNoBanner    Kind = "no-banner"   // it does not say what it is without a login
	KindNoLogin     Kind = "no-login"    // none of the known login forms
	KindPassword    Kind = "password"    // the password is wrong
	KindLocked      Kind = "locked-out"  // the password is suspended after too many wrong ones
	KindChange      Kind = "change"      // it demands a new password first
	KindSession     Kind = "session"     // it logged us out
	KindNoForm      Kind = "no-form"     // no form for the phone application
	KindManyForms   Kind = "many-forms"  // several might be meant
	KindForeign     Kind = "foreign"     // a form or a redirect leads elsewhere
	KindTooLong     Kind = "too-long"    // a value is longer than a field of the form takes
	KindLacks       Kind = "form-lacks"  // the form has no field or option for a value
	KindRefused     Kind = "refused"     // it refuses the image, or the form
	KindSource      Kind = "source"      // the file could not be read, or is not the image any more; Err says why
)

// An Error is a visit that failed. Its text may hold what the page says: bounded, not escaped. It never holds a password.
type Error struct {
	Kind  Kind
	Msg   string // one sentence, without the phone's name
	Err   error  // the cause, if there is one
	Whole bool   // the phone was sent the whole image, or the form that makes it fetch one: it may install it anyway

	status int // of HTTP, if the page was refused
}

// Error returns the sentence and the cause.
func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %v", e.Msg, e.Err)
	}
	return e.Msg
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// errSilent returns the error of a phone that is silent, or that takes too long for a page.
func errSilent() *Error { return &Error{Kind: KindTimeout, Msg: "it does not answer in time"} }

// dialError returns the error of a connection that did not come about. Silence counts, too: a filter on the way drops what a
// port that is closed refuses.
func dialError(ctx context.Context, err error) error {
	mine := (*Error)(nil)
	if cause := context.Cause(ctx); cause != nil && !errors.As(cause, &mine) {
		return cause
	}
	return &Error{Kind: KindUnreachable, Msg: "it is not reachable", Err: netconn.Cause(err)}
}

// handshakeError returns the error of a TLS handshake. An error of no class comes from a check of the caller's.
func (s *Session) handshakeError(ctx context.Context, err error) error {
	weak := (*trust.WeakKeyError)(nil)
	switch class := netconn.Classify(err); {
	case context.Cause(ctx) != nil, class == netconn.Timeout, class == netconn.Broken:
		return s.fail(ctx, err)
	case class == netconn.Trust, class == netconn.Other, errors.As(err, &weak):
		return &Error{Kind: KindTrust, Msg: "its certificate is not trusted", Err: err}
	}
	return &Error{Kind: KindTLS, Msg: "there is no safe connection", Err: err}
}

// fail returns the error of an exchange that failed.
func (s *Session) fail(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	mine, op := (*Error)(nil), (*net.OpError)(nil)
	class := netconn.Classify(err)
	switch {
	case errors.As(err, &mine):
		return mine
	case errors.Is(err, htmlform.ErrTooLarge):
		return &Error{Kind: KindProtocol, Msg: "it sends more than a page may be"}
	case class == netconn.Timeout:
		return errSilent()
	case class == netconn.Broken:
		return &Error{Kind: KindBroken, Msg: "the connection was cut"}
	case errors.As(err, &op):
		return &Error{Kind: KindBroken, Msg: "the connection was cut", Err: netconn.Cause(err)}
	}
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		err = inner // without what net/http says of its own connection
	}
	return s.errorf(KindProtocol, "its answer is not valid HTTP: %s", s.redact(err.Error())) // what HTTP says of it holds the phone's words
}
