package wbm

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/wbm/internal/htmlform"
)

// Options are how a page is spoken to.
type Options struct {
	TLS     *tls.Config   // whom to believe that it is the phone, with its ServerName
	Timeout time.Duration // the longest silence, and the longest time for one page; 30 s if 0
	// Patience is how long the phone may take to answer when it has the whole image; 10 min if 0.
	Patience time.Duration
	// Secret is the password that Login will send. It is kept out of events and errors from the first page on: a page may
	// know it already. It is not sent. Login adds its own.
	Secret secret.Secret
	Event  func(Event) // told every step, one at a time; may be nil
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
	StepAnswer Step = "answer" // Text is what the page says to the image
	StepLogout Step = "logout"
)

// What a phone may send, and what is kept of it.
const (
	maxRedirects = 5
	maxFrames    = 8   // of one page
	maxPages     = 64  // of one walk through the menu
	maxShown     = 200 // bytes of a phone's word in an error or an event
)

// A Session is one visit to the page of one phone. It is used by one goroutine at a time.
type Session struct {
	o        Options
	config   *tls.Config
	host     string
	port     string
	origin   *url.URL
	jar      *cookiejar.Jar
	conn     *conn // kept between pages; nil if there is none
	redactor secret.Redactor
	facts    factList
	start    []*htmlform.Page // the start page with its frames; after the login, what answered it
	in       bool             // somebody may be logged in
	login    attempt
}

// Open reads the start page at HOST:PORT. The error is an [*Error], or the context's cause.
func Open(ctx context.Context, address string, o Options) (*Session, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" || port == "" {
		return nil, &Error{Kind: KindUnreachable, Msg: "the address is not HOST:PORT"}
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Patience <= 0 {
		o.Patience = 10 * time.Minute
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{KeepAlive: 15 * time.Second}).DialContext
	}
	s := &Session{o: o, host: host, port: port, config: tlsConfig(o.TLS, host), redactor: secret.NewRedactor(o.Secret)}
	s.origin = &url.URL{Scheme: "https", Host: address, Path: "/"}
	if port == "443" { // as browsers say it
		s.origin.Host = strings.TrimSuffix(address, ":443")
	}
	if s.jar, err = cookiejar.New(nil); err != nil {
		return nil, &Error{Kind: KindProtocol, Msg: "no room for cookies", Err: err}
	}
	if err := s.open(ctx); err != nil {
		s.disconnect()
		return nil, err
	}
	return s, nil
}

// tlsConfig returns the TLS that the caller wants, for HTTP/1.1.
func tlsConfig(c *tls.Config, host string) *tls.Config {
	if c == nil {
		c = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	}
	c = c.Clone()
	c.NextProtos = []string{"http/1.1"}
	return c
}

// open reads index.cmd with user=Admin (observed: an OpenVAS check for the OpenStage default password), or / if there is none.
func (s *Session) open(ctx context.Context) error {
	pages, err := s.view(ctx, request{url: s.at("/index.cmd", "user=Admin")}, nil)
	if e := (*Error)(nil); errors.As(err, &e) && e.status == http.StatusNotFound {
		pages, err = s.view(ctx, request{url: s.at("/", "")}, nil)
	}
	if err != nil {
		return err
	}
	s.start = pages
	return nil
}

// at is an address on the phone.
func (s *Session) at(path, query string) *url.URL {
	u := *s.origin
	u.Path, u.RawQuery = path, query
	return &u
}

// Facts returns what the pages say of the phone that were read so far, as they say it: to compare, and bounded. Whoever
// shows it has to take the password out first, which a page may repeat anywhere.
func (s *Session) Facts() Facts { return s.facts.facts(s.redactor) }

// Close logs out, if somebody is logged in, and ends the connections. Logging out takes at most Timeout, also when the
// context of the visit is over; whether it worked is of no account to the visit, so the error is always nil.
func (s *Session) Close() error {
	defer s.disconnect()
	if !s.in {
		return nil
	}
	s.in = false
	s.tell(StepLogout, "")
	// Observed: a public program that sets up SSH on OpenStage phones.
	ctx, done := s.limit(context.Background())
	defer done()
	_, _ = s.exchange(ctx, request{url: s.at("/page.cmd", "user=none"), referer: s.referer()})
	return nil
}

// referer is the page that somebody would be on between one step and the next.
func (s *Session) referer() *url.URL {
	if len(s.start) == 0 {
		return nil
	}
	return s.start[0].URL
}

// tell tells a step. The text may hold what the phone said.
func (s *Session) tell(step Step, text string) {
	if s.o.Event != nil {
		s.o.Event(Event{Step: step, Text: s.redactor.Scrub(text)})
	}
}

// shown makes a phone's word fit for an error or an event: without the password, bounded, not escaped.
func (s *Session) shown(text string) string { return s.clean(text, maxShown) }

// clean does what shown does, with another bound. It holds for the text as the phone sent it.
func (s *Session) clean(text string, limit int) string {
	return strings.ToValidUTF8(s.redactor.Scrub(s.redactor.Cut(text, limit)), "?")
}

// errorf makes an error. Arguments that come from the phone go through shown.
func (s *Session) errorf(kind Kind, format string, a ...any) *Error {
	return &Error{Kind: kind, Msg: s.redactor.Scrub(fmt.Sprintf(format, a...))}
}
