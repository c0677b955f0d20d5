package jetstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"github.com/cpupdate/cpupdate/pkg/journal"
)

// intent says what an error of the server kept from being done.
type intent string

const (
	reading intent = "read"
	writing intent = "write"
)

// Codes of the server that nats.go has no name for.
const (
	codeNoResources      js.ErrorCode = 10023
	codeAccountExceeded  js.ErrorCode = 10002
	codeNoMemory         js.ErrorCode = 10028
	codeNoStorage        js.ErrorCode = 10047
	codeUnavailable      js.ErrorCode = 10008
	codeNoQuorum         js.ErrorCode = 10009
	codeSubjectsOverlap  js.ErrorCode = 10065
	codeStoreFailed      js.ErrorCode = 10077
	codeStreamOffline    js.ErrorCode = 10118
	codeStorageTooLarge  js.ErrorCode = 10053
	codeTooManyStreams   js.ErrorCode = 10027
	codeMaxBytesRequired js.ErrorCode = 10113
)

// Causes of a [*journal.Error] that say what is wrong with the server's configuration, for errors.Is.
var (
	ErrNoTLS    = nats.ErrSecureConnWanted
	ErrNoLogins = nats.ErrNkeysNotSupported
	ErrNoAnswer = nats.ErrNoResponders   // there is no JetStream, or not for this account
	ErrNoStream = js.ErrNoStreamResponse // or the stream was removed
)

// failure returns an error about a server.
func failure(place string, kind error, text string, cause error) error {
	return &journal.Error{Place: place, Kind: kind, Text: text, Err: cause}
}

// conflict reports whether the server refused a message because of its fence.
func conflict(err error) bool {
	var api *js.APIError
	return errors.As(err, &api) && (api.ErrorCode == js.JSErrCodeStreamWrongLastSequence || api.ErrorCode == js.JSErrCodeStreamWrongLastSequenceConstant)
}

// passing reports whether an error may pass by itself: the server cannot be reached, or does not answer.
func passing(err error) bool {
	var api *js.APIError
	if errors.As(err, &api) {
		return api.ErrorCode == codeUnavailable || api.ErrorCode == codeNoQuorum || api.ErrorCode == codeStreamOffline || api.ErrorCode == js.JSErrCodeConsumerNotFound
	}
	var network net.Error // of a write, when the connection is lost at this moment
	if errors.As(err, &network) || errors.Is(err, io.EOF) {
		return true
	}
	for _, kind := range []error{
		nats.ErrTimeout, nats.ErrDisconnected, nats.ErrConnectionReconnecting, nats.ErrReconnectBufExceeded, nats.ErrNoServers, nats.ErrStaleConnection,
		context.DeadlineExceeded, js.ErrNoHeartbeat, js.ErrConsumerDeleted, js.ErrConsumerNotFound, js.ErrMsgIteratorClosed, errGap,
	} {
		if errors.Is(err, kind) {
			return !errors.Is(err, nats.ErrConnectionClosed)
		}
	}
	return false
}

// explain returns an error of NATS as a [*journal.Error].
func (l *Ledger) explain(ctx context.Context, doing intent, err error) error {
	var known *journal.Error
	var api *js.APIError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known), errors.Is(err, journal.ErrConflict), errors.Is(err, journal.ErrInvalid):
		return err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, nats.ErrConnectionClosed):
		return failure(l.place, journal.ErrIO, "is closed", nil)
	case errors.Is(err, nats.ErrPermissionViolation):
		return l.refused(doing, err)
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked), errors.Is(err, nats.ErrAccountAuthExpired):
		return failure(l.place, journal.ErrDenied, "refuses the login", err)
	case errors.Is(err, nats.ErrNoResponders), errors.Is(err, js.ErrNoStreamResponse):
		return failure(l.place, journal.ErrGone, "does not answer there: it was removed, the server has no JetStream, or this account may not "+string(doing)+" it", err)
	case errors.Is(err, nats.ErrMaxPayload):
		return failure(l.place, journal.ErrInvalid, "takes no message of this size (max_payload)", err)
	case errors.As(err, &api):
		text, kind := explained(api.ErrorCode)
		return failure(l.place, kind, text, err)
	case passing(err):
		return l.unreachable(err)
	}
	return l.unknown(err)
}

// unknown returns the error about what has no code: mostly a connection that could not be made.
func (l *Ledger) unknown(err error) error {
	if l.conn == nil {
		return l.unreachable(err)
	}
	return failure(l.place, journal.ErrIO, "cannot be used", err)
}

// explained returns what a code of the server means for a person.
func explained(code js.ErrorCode) (text string, kind error) {
	switch code {
	case js.JSErrCodeStreamNotFound:
		return "was removed while it was in use", journal.ErrGone
	case codeStoreFailed, codeNoResources, codeNoMemory, codeNoStorage, codeAccountExceeded, codeStorageTooLarge, codeTooManyStreams, codeMaxBytesRequired, js.JSErrCodeMaximumConsumersLimit:
		return "cannot be extended: the server has no space left for it, or the limits of the stream or account do not allow more", journal.ErrFull
	case js.JSErrCodeJetStreamNotEnabled, js.JSErrCodeJetStreamNotEnabledForAccount:
		return "needs JetStream, which is not enabled for this account", journal.ErrDenied
	case codeSubjectsOverlap:
		return "cannot be made: another stream has subjects that begin with cpupdate", journal.ErrForeign
	case codeUnavailable, codeNoQuorum, codeStreamOffline:
		return "cannot be reached: too few servers of the cluster are running", journal.ErrUnreachable
	}
	return "cannot be used", journal.ErrIO
}

// refused returns the error about a subject that the account may not use.
func (l *Ledger) refused(doing intent, err error) error {
	subject := subjectIn(err)
	what := fmt.Sprintf("%q", subject)
	if key, ok := keyOf(subject); ok {
		what = key.String()
	}
	text := "refuses access: the account of this worker may not " + string(doing) + " " + what
	if ofAnswers(err) {
		text = "refuses access: the account of this worker is not the one of the centre"
		if l.site != "" {
			text = fmt.Sprintf("refuses access: the account of this worker is not the one of the site %q", l.site)
		}
	}
	return failure(l.place, journal.ErrDenied, text, nil)
}

// ofAnswers reports whether the server refuses to send answers: it knows the account under another name.
func ofAnswers(err error) bool {
	return strings.Contains(err.Error(), "for Subscription to")
}

// subjectIn returns the subject that an error of the server quotes.
func subjectIn(err error) string {
	_, rest, _ := strings.Cut(err.Error(), `"`)
	subject, _, _ := strings.Cut(rest, `"`)
	if filter := strings.Index(subject, eventsPrefix); filter > 0 {
		return subject[filter:]
	}
	return subject
}

// expect calls a function with the error if the server refuses access to one of some subjects. The caller calls the function
// that it returns when it does not wait any more.
func (l *Ledger) expect(cancel context.CancelCauseFunc, subjects ...string) (forget func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiters++
	id := l.waiters
	l.waiting[id] = waiter{subjects, cancel}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.waiting, id)
	}
}

// waiter waits for an answer to a message on one of its subjects.
type waiter struct {
	subjects []string
	cancel   context.CancelCauseFunc
}

// denied tells everybody who waits for an answer to a message on a subject that the server refuses access to it.
func (l *Ledger) denied(err error) {
	if !errors.Is(err, nats.ErrPermissionViolation) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, one := range l.waiting {
		for _, subject := range one.subjects {
			if ofAnswers(err) || strings.Contains(err.Error(), `"`+subject+`"`) {
				one.cancel(err)
			}
		}
	}
}
