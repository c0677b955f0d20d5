package wpi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
)

const (
	// ServicePath is the path that phones call; it is fixed in them (observed: OpenStage, CP210).
	ServicePath = servicePrefix + "/LoginService"
	// ServicePort is the port of a service in default mode, to which phones are set from the start (the guide, p. 12).
	ServicePort = 18443

	servicePrefix = "/DeploymentService"
)

// ErrNotAnswered is what an answerer may return to say nothing to a phone.
var ErrNotAnswered = errors.New("the phone is not answered")

// ErrFull is why a message is not taken for lack of room in the service, and not because of the phone. The phone gets the
// end of the conversation with the reason [Overload], if it can be answered.
var ErrFull = errors.New("this machine has no room for a phone's message")

// A Call is one message of a phone.
type Call struct {
	Remote  netip.Addr    // the phone, or what translates addresses before it
	Session *Session      // the same for all messages of one conversation
	Message *PhoneMessage // whole: fragments are joined
}

// ServiceOptions say who answers phones, and set limits.
type ServiceOptions struct {
	// Admit says whether anything that comes from an address is read. Who is not admitted gets status 403 and nothing else,
	// whatever was asked for; Trouble is told [ErrNotAnswered]. Nil admits everybody. It must not wait, and is called from
	// several goroutines.
	Admit func(remote netip.Addr) bool
	// Answer says what a phone is told. The nonce is added. An error, such as ErrNotAnswered, closes the connection with
	// status 403 and an empty body; one that is [ErrFull] ends the conversation with the reason [Overload]. The calls of one
	// session come one after the other, those of several at once.
	Answer func(ctx context.Context, c Call) (ServiceMessage, error)
	// Written is told that an answer was written, which is not that it was read, or why it was not. It may be nil. The next
	// message of the session waits for it.
	Written func(c Call, m ServiceMessage, err error)
	// Trouble is told of a request that could not be understood; the error is a [*CallError]. It may be nil, must not
	// wait, and is called from several goroutines.
	Trouble func(remote netip.Addr, err error)

	Timeout  time.Duration // the longest wait for a message, for Answer, and for writing, each; 30 s if 0
	Forget   time.Duration // the silence after which a session is over; 2 min if 0
	Sessions int           // how many there are at most: of the address with the most, the one that is silent for longest makes room; 10,000 if 0
	Held     int           // bytes of fragments that wait for more, of all sessions together; 64 MiB if 0
}

// A CallError is a request that could not be understood, or came from no phone.
type CallError struct {
	Status int // with which it was answered; 200 if it got the end of the conversation, for lack of room
	Err    error

	nonce string // of the message, if Status is 200
}

func (e *CallError) Error() string { return e.Err.Error() }
func (e *CallError) Unwrap() error { return e.Err }

// full returns the error of a message for which there is no room, but which is answered.
func full(nonce string, err error) *CallError {
	return &CallError{Status: http.StatusOK, Err: err, nonce: nonce}
}

// Why a request is refused, apart from what is wrong with a message.
var (
	errPath      = errors.New("it asks for another path than phones do")
	errMethod    = errors.New("it does not use POST as phones do")
	errLong      = errors.New("the message is too long")
	errBusy      = fmt.Errorf("%w: too many messages come at a time", ErrFull)
	errCutOff    = errors.New("the message ends before its end, or comes too slowly")
	errFragments = errors.New("more fragments than are taken")
	errWaiting   = fmt.Errorf("%w: too many fragments wait for more", ErrFull)
)

// A Service is what phones call. It is an [http.Handler] for a server that speaks HTTP/1.1 over TLS and no HTTP/2 (the
// guide, p. 12), keeps idle connections for 45 to 60 s (observed), and limits the head of a request and the memory for what
// is not read yet. What a server counts for a connection, as the one of this module does, grows by what the message takes,
// and fragments that wait for more count too.
type Service struct {
	o        ServiceOptions
	sessions sessions
	long     chan struct{} // holds one for each long message that is being understood
	short    chan struct{} // and this one for the others
}

// What a message takes while it is understood may be 50 times its length, so that few are at a time: a long one, beside
// which short ones need not wait, and so many of those as processors may have work with.
const (
	maxShort     = 64 << 10 // bytes; phones send 50 kB at most (the guide, p. 69)
	maxLong      = 1
	maxShortOnes = 8
)

// NewService returns a service without sessions.
func NewService(o ServiceOptions) *Service {
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Forget == 0 {
		o.Forget = 2 * time.Minute
	}
	if o.Sessions == 0 {
		o.Sessions = 10_000
	}
	if o.Held == 0 {
		o.Held = 64 << 20
	}
	return &Service{o: o, sessions: newSessions(o), long: make(chan struct{}, maxLong), short: make(chan struct{}, maxShortOnes)}
}

// ServeHTTP answers one message.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header()["Date"] = nil // nothing that phones do not need
	s.limitWriting(w)        // net/http may ask for the body with a 100
	remote := remoteOf(r)
	if s.o.Admit != nil && !s.o.Admit(remote) {
		s.turnAway(w, remote)
		return
	}
	message, size, failure := s.read(w, r)
	if failure != nil {
		s.refuse(w, remote, failure)
		return
	}
	if hold := netconn.HoldOf(r.Context()); hold == nil || hold.Add(message.memory()) { // else the connection had to make room
		s.take(w, r, message, size)
	}
}

// take answers one message that was read, or takes it as a fragment.
func (s *Service) take(w http.ResponseWriter, r *http.Request, message *PhoneMessage, size int) {
	remote := remoteOf(r)
	session, fresh := s.sessions.find(remote, cookieIDs(r.Header["Cookie"]), message.Reason == ReplyTo)
	ctx, cancel := context.WithTimeout(r.Context(), s.o.Timeout)
	defer cancel()
	switch {
	case session.enter(ctx):
	case r.Context().Err() != nil: // the phone has left
		s.say(w, http.StatusForbidden)
		return
	default:
		s.refuse(w, remote, full(message.Nonce, errBusy))
		return
	}
	defer session.leave()
	defer s.sessions.touch(session)
	if fresh {
		w.Header().Set("Set-Cookie", cookieName+"="+session.ID+"; Path="+servicePrefix+"/; Secure")
	}
	nonce := message.Nonce
	memory := message.memory()
	message, whole, err := s.sessions.join(session, message, size)
	if err == nil && !whole {
		err = s.sessions.hold(session, netconn.HoldOf(r.Context()).Budget(), memory)
	}
	switch {
	case errors.Is(err, ErrFull):
		s.refuse(w, remote, full(nonce, err))
		return
	case err != nil:
		s.refuse(w, remote, &CallError{Status: http.StatusBadRequest, Err: err})
		return
	}
	if !whole {
		_ = s.write(w, ServiceMessage{Nonce: nonce, Action: ActionGetNextFragment})
		return
	}
	s.answer(ctx, w, Call{remote, session, message})
}

func (s *Service) answer(ctx context.Context, w http.ResponseWriter, c Call) {
	m, err := s.o.Answer(ctx, c)
	if errors.Is(err, ErrFull) {
		s.sessions.remove(c.Session)
		s.refuse(w, c.Remote, full(c.Message.Nonce, err))
		return
	}
	if err != nil {
		s.sessions.remove(c.Session)
		s.say(w, http.StatusForbidden)
		return
	}
	m.Nonce = c.Message.Nonce // every message is answered with its own: all services do that, and the guide is not clear
	if m.Action == ActionCleanUp {
		s.sessions.remove(c.Session)
	}
	err = s.write(w, m)
	if s.o.Written != nil {
		s.o.Written(c, m, err)
	}
}

func remoteOf(r *http.Request) netip.Addr {
	from, _ := netip.ParseAddrPort(r.RemoteAddr)
	return from.Addr().Unmap()
}

// isService reports whether a path is one of the service. Phones are given a host and a port only (the guide, p. 14). Capitals
// and empty parts of the path mean nothing.
func isService(path string) bool {
	path = "/" + strings.TrimLeft(path, "/")
	if len(path) < len(servicePrefix) || !strings.EqualFold(path[:len(servicePrefix)], servicePrefix) {
		return false
	}
	rest := path[len(servicePrefix):]
	return rest == "" || rest[0] == '/'
}

// otherwise adds to an error what was requested: bounded, and quoted.
func otherwise(err error, r *http.Request) error {
	const most = 200
	line := r.Method + " " + r.RequestURI
	return fmt.Errorf("%w; it sent %q", err, line[:min(len(line), most)])
}
