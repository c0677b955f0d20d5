package transfer

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
)

// Kind classes what can go wrong with a server.
type Kind string

// The kinds.
const (
	KindUnreachable Kind = "unreachable"  // no such host, no answer, no route, refused
	KindMachine     Kind = "this-machine" // this machine cannot connect: no descriptors, ports, memory, route or name service
	KindTimeout     Kind = "timeout"      // silent for longer than the limit
	KindBroken      Kind = "broken"       // the connection was cut
	KindBusy        Kind = "busy"         // the server asks to come again later
	KindTrust       Kind = "trust"        // the certificate or key is not trusted
	KindTLS         Kind = "tls"          // no TLS, no version that both speak, or a key that is too weak
	KindLogin       Kind = "login"        // user name, password or account refused
	KindMissing     Kind = "missing"      // the folder does not exist
	KindDenied      Kind = "denied"       // the server does not let this user do it
	KindExists      Kind = "exists"       // a file of the name is there and must not, or may not, be replaced
	KindFull        Kind = "full"         // no space, or more than the quota
	KindName        Kind = "name"         // the server does not accept this file name
	KindRedirect    Kind = "redirect"     // the server sends us elsewhere
	KindRefused     Kind = "refused"      // the server says no, and not why
	KindProtocol    Kind = "protocol"     // an answer that cannot be understood
	KindUnproven    Kind = "unproven"     // sent, but what lies there is wrong, or the server cannot tell
)

// Steps by FTP whose errors have hints of their own: [Error.Op].
const (
	OpList      = "listing the folder"
	OpRename    = "renaming"
	OpRemove    = "removing"
	OpTemporary = "sending under a temporary name" // the server accepts none
)

// Error says what went wrong with a server.
type Error struct {
	Op     string // the step that failed: "connecting", "logging in", "sending", ...
	Server string // host:port
	Kind   Kind
	Code   int    // the server's reply code or HTTP status, 0 if it did not answer
	Reply  string // the server's own words without the code, at most 2 KiB, hostile, without secrets
	Err    error  // the cause, if there is one besides the reply
	Left   string // a file that is left behind, or may be; "" if nothing was
	Unsure bool   // whether Left is there is not known: the server does not tell, or removing it was not tried or not answered
	Data   bool   // by FTP: the login worked, and what failed is to open the data connection
	Untold bool   // of KindExists: the server does not tell whether there is such a file; it may be

	after time.Duration // the server asks not to retry before
	final bool          // is not retried, whatever it is
}

// Error returns what happened, to what, and the server's words. They are not escaped.
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
	switch {
	case e.Left != "" && e.Unsure:
		text += "; may be there: " + e.Left
	case e.Left != "":
		text += "; left behind: " + e.Left
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// sentence returns in a few words what happened.
func (e *Error) sentence() string {
	switch {
	case e.Kind == KindUnreachable && e.Data:
		return "the data connection cannot be opened"
	case e.IsSlow():
		return "the server is too slow"
	case e.Kind == KindExists && e.Untold:
		return "a file of this name may be there already: the server does not tell"
	case e.Kind == KindFull && e.Code == http.StatusRequestEntityTooLarge:
		return "the file is larger than the server accepts"
	}
	if sentence, ok := sentences()[e.Kind]; ok {
		return sentence
	}
	return string(e.Kind)
}

// sentences returns what each kind is in a few words.
func sentences() map[Kind]string {
	return map[Kind]string{
		KindUnreachable: "not reachable",
		KindMachine:     "not connected",
		KindTimeout:     "no answer in time",
		KindBroken:      "the connection was cut",
		KindBusy:        "the server is busy",
		KindTrust:       "the server is not trusted",
		KindTLS:         "no secure connection",
		KindLogin:       "the login was refused",
		KindMissing:     "no such folder",
		KindDenied:      "not permitted",
		KindExists:      "a file of this name is there already",
		KindFull:        "no space, or over the quota",
		KindName:        "the server does not accept this file name",
		KindRedirect:    "the server redirects elsewhere",
		KindRefused:     "the server refuses",
		KindProtocol:    "the server's answer is not understood",
		KindUnproven:    "not proven",
	}
}

// Temporary reports whether the same may succeed later.
func (e *Error) Temporary() bool {
	switch e.Kind {
	case KindUnreachable, KindMachine, KindTimeout, KindBroken, KindBusy:
		return true
	case KindTrust, KindTLS, KindLogin, KindMissing, KindDenied, KindExists, KindFull, KindName, KindRedirect, KindRefused, KindProtocol, KindUnproven:
	}
	return false
}

// IsSlow reports whether the server took, or gave, so little of the file that it would have taken days.
func (e *Error) IsSlow() bool { return errors.Is(e.Err, netconn.ErrSlow) }

// SourceError says why a file cannot be sent: it cannot be read, changed while it was read, or its Watcher refuses it.
type SourceError struct {
	Err     error
	Changed bool // the file is shorter than when it was opened
}

func (e *SourceError) Error() string { return e.Err.Error() }
func (e *SourceError) Unwrap() error { return e.Err }

// temporary reports whether the same may succeed later, and may be retried.
func temporary(err error) bool {
	e := (*Error)(nil)
	return errors.As(err, &e) && e.Temporary() && !e.final
}
