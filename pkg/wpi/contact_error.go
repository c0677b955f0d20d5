package wpi

import (
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
)

// A ContactKind says why a contact request failed.
type ContactKind string

// The kinds.
const (
	ContactUnreachable ContactKind = "unreachable" // no route, refused, name unknown
	ContactTimeout     ContactKind = "timeout"     // silent for longer than the limit, connected or not
	ContactRefused     ContactKind = "refused"     // answered, but with no status of success
	ContactNoPhone     ContactKind = "no-phone"    // something else listens there
)

// A ContactError is a contact request that failed. It holds none of the phone's own words.
type ContactError struct {
	Kind    ContactKind
	Address string // HOST:PORT that was tried last
	Status  int    // of the answer, 0 if there was none
	Err     error  // the cause, if there is one besides the status
}

func (e *ContactError) Error() string {
	text := e.Address + ": "
	switch e.Kind {
	case ContactUnreachable:
		text += "not reachable"
	case ContactTimeout:
		text += "no answer in time"
	case ContactRefused:
		text += fmt.Sprintf("refused with status %d, phones answer 204", e.Status)
	case ContactNoPhone:
		text += "this is not a phone"
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *ContactError) Unwrap() error { return e.Err }

// Passing reports whether the same request may succeed later: the phone could not be reached, did not answer in time, closed
// the connection without an answer, or answered that it cannot serve at the moment. A phone that restarts does so.
func (e *ContactError) Passing() bool {
	name := (*net.DNSError)(nil)
	switch e.Status {
	case 0:
		lasts := e.Kind == ContactRefused || errors.Is(e.Err, errNotHTTP) || errors.Is(e.Err, errNoTLS) || errors.As(e.Err, &name) && name.IsNotFound
		return !lasts
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// otherMethod reports whether the answer may mean that the method was not understood.
func (e *ContactError) otherMethod() bool {
	switch e.Status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusLengthRequired, http.StatusNotImplemented:
		return true
	}
	return false
}

// failed returns the error of a connection. It names the address itself, so the cause comes without.
func failed(address string, err error, kind ContactKind) *ContactError {
	if netconn.Classify(err) == netconn.Timeout {
		kind = ContactTimeout
	}
	return &ContactError{Kind: kind, Address: address, Err: netconn.Cause(err)}
}
