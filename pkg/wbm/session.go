package wbm

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/wbm/internal/htmlform"
)

// Options say how a page is spoken to.
type Options struct {
	TLS     *tls.Config   // which certificates are trusted, with the ServerName; nil trusts the system's authorities
	Timeout time.Duration // the longest silence, and the longest time for one page; 30 s if 0
	// Patience is how long the phone may take to answer when it has the whole image; 10 min if 0. To fetch one, it may take six
	// times that.
	Patience time.Duration
	// Secrets are passwords that the phone will be sent. They are kept out of events and errors from the first page on: a page may
	// know them already. They are not sent. Login and Prepare add their own.
	Secrets []secret.Secret
	Event   func(Event) // called for every step, one at a time; may be nil
	// Dial connects to the phone; nil means [net.Dialer.DialContext]. The network is "tcp", the address HOST:PORT.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// An Event is a step. Its Text comes from the phone: bounded, not escaped.
type Event struct {
	Step Step
	Text string
}

// A Step is a kind of event.
type Step string

// The steps, in their order.
const (
	StepPage   Step = "page"   // Text is the path of a page that was read
	StepLogin  Step = "login"  // Text is the form that the phone takes the password with
	StepFound  Step = "found"  // Text is the form for the image: its page, its fields, how long hidden values are
	StepSend   Step = "send"   // Text is how many bytes go where
	StepSubmit Step = "submit" // Text is where the form goes that makes the phone fetch the image
	StepAnswer Step = "answer" // Text is what the page answers to the image
	StepLogout Step = "logout"
)

// Limits of what a phone may send, and of what is kept of it.
const (
	maxRedirects = 5
	maxFrames    = 8   // of one page
	maxPages     = 64  // of one walk through the menu
	maxText      = 200 // bytes of a phone's text in an error or an event
)

// A Session is one visit to the page of one phone. One goroutine uses it at a time.
type Session struct {
	o        Options
	config   *tls.Config
	host     string
	port     string
	origin   *url.URL
	jar      *cookiejar.Jar
	conn     *conn // kept between pages, or nil
	redactor secret.Redactor
	facts    factList
	start    []*htmlform.Page // the start page with its frames; after the login, what answered it
	login    loginState
	loggedIn bool        // possibly
	ends     [2]net.Addr // of the last connection: this machine's, and the phone's
}

// Open reads the start page at HOST:PORT. The error is an [*Error], or the context's cause.
func Open(ctx context.Context, address string, o Options) (*Session, error) {
	s, err := newSession(address, o)
	if err != nil {
		return nil, err
	}
	if err := s.open(ctx); err != nil {
		s.disconnect()
		return nil, err
	}
	return s, nil
}

// newSession returns a session with the page at HOST:PORT, which is not connected yet.
func newSession(address string, o Options) (*Session, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" || port == "" {
		return nil, &Error{Kind: KindUnreachable, Msg: "the address is not HOST:PORT"}
	}
	o.Timeout = cmp.Or(max(o.Timeout, 0), 30*time.Second)
	o.Patience = cmp.Or(max(o.Patience, 0), 10*time.Minute)
	if o.Dial == nil {
		o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			return netconn.DialContext(ctx, net.Dialer{KeepAlive: 15 * time.Second}, network, address)
		}
	}
	s := &Session{o: o, host: host, port: port, config: &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}}
	if o.TLS != nil {
		s.config = o.TLS.Clone()
	}
	s.config.NextProtos = []string{"http/1.1"}
	s.redactor = secret.NewRedactor(o.Secrets...)
	s.origin = &url.URL{Scheme: "https", Host: address, Path: "/"}
	if port == "443" { // as browsers write it
		s.origin.Host = strings.TrimSuffix(address, ":443")
	}
	s.jar, _ = cookiejar.New(nil) // without a list of public suffixes this does not fail
	return s, nil
}

// open reads index.cmd with user=Admin (observed: an OpenVAS check for the OpenStage default password), or / if there is none.
func (s *Session) open(ctx context.Context) error {
	pages, err := s.readFrames(ctx, request{url: s.at("/index.cmd", "user=Admin")}, nil)
	if e := (*Error)(nil); errors.As(err, &e) && e.status == http.StatusNotFound {
		pages, err = s.readFrames(ctx, request{url: s.at("/", "")}, nil)
	}
	if err != nil {
		return err
	}
	s.start = pages
	return nil
}

// at returns an address on the phone.
func (s *Session) at(path, query string) *url.URL {
	u := *s.origin
	u.Path, u.RawQuery = path, query
	return &u
}

// Facts returns what the pages that were read so far say of the phone, as they say it: to compare, and bounded. To show it,
// take the password out first, which a page may repeat anywhere.
func (s *Session) Facts() Facts { return s.facts.facts(s.redactor) }

// Close logs out, if somebody may be logged in, and closes the connection. Logging out takes at most Timeout, also when the
// context of the visit has ended. Whether it succeeded does not matter to the visit, so the error is always nil.
func (s *Session) Close() error {
	defer s.disconnect()
	if !s.loggedIn {
		return nil
	}
	s.loggedIn = false
	s.emit(StepLogout, "")
	// Observed: a public program that sets up SSH on OpenStage phones.
	ctx, cancel := s.limit(context.Background())
	defer cancel()
	_, _ = s.exchange(ctx, request{url: s.at("/page.cmd", "user=none"), referer: s.referer()})
	return nil
}

// Ends returns the addresses of this machine and of the phone, as the last connection had them.
func (s *Session) Ends() (local, remote netip.Addr) {
	at := func(a net.Addr) netip.Addr {
		if a == nil {
			return netip.Addr{}
		}
		end, _ := netip.ParseAddrPort(a.String())
		return end.Addr().Unmap()
	}
	return at(s.ends[0]), at(s.ends[1])
}

// referer returns the page that a person would be on between one step and the next.
func (s *Session) referer() *url.URL {
	if len(s.start) == 0 {
		return nil
	}
	return s.start[0].URL
}

// emit reports a step. The text may hold what the phone said.
func (s *Session) emit(step Step, text string) {
	if s.o.Event != nil {
		s.o.Event(Event{Step: step, Text: s.redactor.Scrub(text)})
	}
}

// redact returns a phone's text for an error or an event: without the password, bounded, not escaped.
func (s *Session) redact(text string) string { return s.redactTo(maxText, text) }

// redactTo does what redact does, with another bound. It holds for the text as the phone sent it.
func (s *Session) redactTo(limit int, text string) string {
	return strings.ToValidUTF8(s.redactor.Scrub(s.redactor.Cut(text, limit)), "?")
}

// errorf makes an error. Arguments that come from the phone go through redact.
func (s *Session) errorf(kind Kind, format string, a ...any) *Error {
	return &Error{Kind: kind, Msg: s.redactor.Scrub(fmt.Sprintf(format, a...))}
}
