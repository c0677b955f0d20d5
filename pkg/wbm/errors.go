package wbm

import "fmt"

// A Kind is a way in which a visit fails.
type Kind string

// The kinds.
const (
	KindUnreachable Kind = "unreachable" // nobody answers there
	KindTimeout     Kind = "timeout"     // the phone is silent, or a page takes too long
	KindBroken      Kind = "broken"      // the connection broke
	KindTLS         Kind = "tls"         // there is no TLS between us
	KindTrust       Kind = "trust"       // its certificate is not to be trusted; Err says why
	KindProtocol    Kind = "protocol"    // what answers is no web page of a phone, or more than a page may be
	KindNoLogin     Kind = "no-login"    // none of the known forms of login
	KindPassword    Kind = "password"    // the password is wrong
	KindLocked      Kind = "locked-out"  // the password is suspended after too many wrong ones
	KindChange      Kind = "change"      // it demands a new password first
	KindSession     Kind = "session"     // it logged us out
	KindNoForm      Kind = "no-form"     // no form takes a file for the phone application
	KindManyForms   Kind = "many-forms"  // several might be meant
	KindForeign     Kind = "foreign"     // a form or a redirect leads elsewhere
	KindRefused     Kind = "refused"     // it refuses the image
	KindSource      Kind = "source"      // the file could not be read, or is not the image any more; Err says why
)

// An Error is a visit that failed. Its text may hold what the page says: bounded, not escaped. It never holds a password.
type Error struct {
	Kind  Kind
	Msg   string // one sentence, without the phone's name
	Err   error  // the cause, if there is one
	Whole bool   // the phone was sent the whole image before it failed: it may install it all the same

	status int // of HTTP, if the page was refused
}

func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %v", e.Msg, e.Err)
	}
	return e.Msg
}

func (e *Error) Unwrap() error { return e.Err }
