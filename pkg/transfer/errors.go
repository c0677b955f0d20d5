package transfer

import (
	"errors"
	"fmt"
	"time"
)

// A Kind is a class of what can go wrong with a server.
type Kind string

// The kinds.
const (
	KindUnreachable Kind = "unreachable" // no such host, no answer, no route, refused
	KindTimeout     Kind = "timeout"     // silent for longer than the limit
	KindBroken      Kind = "broken"      // the connection was cut
	KindBusy        Kind = "busy"        // the server asks to come again later
	KindTrust       Kind = "trust"       // the certificate or key is not the one to trust
	KindTLS         Kind = "tls"         // no TLS, or none that both speak
	KindLogin       Kind = "login"       // user name, password or account refused
	KindMissing     Kind = "missing"     // the folder does not exist
	KindDenied      Kind = "denied"      // the server does not let this user do it
	KindExists      Kind = "exists"      // a file of the name is there and must not, or may not, be replaced
	KindFull        Kind = "full"        // no space, or more than the quota
	KindName        Kind = "name"        // the server does not take this file name
	KindRedirect    Kind = "redirect"    // the server sends us elsewhere
	KindRefused     Kind = "refused"     // the server says no, and not why
	KindProtocol    Kind = "protocol"    // an answer that nobody can understand
	KindUnproven    Kind = "unproven"    // sent, but what lies there is wrong, or the server cannot tell
)

// An Error is what went wrong with a server.
type Error struct {
	Op     string // what was being done: "connecting", "logging in", "sending", ...
	Server string // host:port
	Kind   Kind
	Code   int    // the server's reply code, 0 if it said nothing
	Reply  string // the server's own words without the code, at most 2 KiB, hostile, without secrets
	Err    error  // the cause, if there is one besides the reply
	Left   string // a file that is left behind, or may be; "" if nothing was
	Data   bool   // by FTP: the login worked, and what failed is to open the data connection

	after time.Duration // the server asks not to come again before
	final bool          // not to be tried again without being asked, whatever it is
}

// Error says what happened, to what, and the server's words. They are not escaped.
func (e *Error) Error() string {
	text := e.Op + ": " + e.sentence()
	if e.Server != "" {
		text = e.Server + ": " + text
	}
	if e.Code != 0 {
		text += fmt.Sprintf(": %d %s", e.Code, e.Reply)
	} else if e.Reply != "" {
		text += ": " + e.Reply
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	if e.Left != "" {
		text += "; left behind: " + e.Left
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// sentence says in a few words what the kind is.
func (e *Error) sentence() string {
	switch e.Kind {
	case KindUnreachable:
		return "not reachable"
	case KindTimeout:
		return "no answer in time"
	case KindBroken:
		return "the connection was cut"
	case KindBusy:
		return "the server is busy"
	case KindTrust:
		return "this is not a server to trust"
	case KindTLS:
		return "no safe connection"
	case KindLogin:
		return "the login was refused"
	case KindMissing:
		return "there is no such folder"
	case KindDenied:
		return "not permitted"
	case KindExists:
		return "a file of this name is there already"
	case KindFull:
		return "no space, or over the quota"
	case KindName:
		return "the server does not take this file name"
	case KindRedirect:
		return "the server points elsewhere"
	case KindRefused:
		return "the server refuses"
	case KindProtocol:
		return "the server's answer makes no sense"
	case KindUnproven:
		return "not proven"
	}
	return string(e.Kind)
}

// Temporary reports whether the same may succeed later.
func (e *Error) Temporary() bool {
	switch e.Kind {
	case KindUnreachable, KindTimeout, KindBroken, KindBusy:
		return true
	case KindTrust, KindTLS, KindLogin, KindMissing, KindDenied, KindExists, KindFull, KindName, KindRedirect, KindRefused, KindProtocol, KindUnproven:
	}
	return false
}

// A SourceError is a file that cannot be sent: it cannot be read, changed under the reader, or its Watcher objects.
type SourceError struct{ Err error }

func (e *SourceError) Error() string { return e.Err.Error() }
func (e *SourceError) Unwrap() error { return e.Err }

// temporary reports whether what went wrong may go right later.
func temporary(err error) bool {
	e := (*Error)(nil)
	return errors.As(err, &e) && e.Temporary() && !e.final
}
