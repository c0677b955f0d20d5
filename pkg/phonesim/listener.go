package phonesim

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	contactPath    = "/contact_dls.html/ContactDLS"
	maxContact     = 64 << 10 // bytes of one request
	overload       = time.Second
	fetchBuffer    = 64 << 10              // bytes that the system takes of a fetched image before the phone does: phones have little memory (assumed)
	uploadBuffer   = 256 << 10             // the same of an upload to its web page
	bindPause      = 50 * time.Millisecond // between two attempts to have the own port again
	defaultService = "18443"
)

// addresses are where a phone listens: HOST:PORT, "" for nowhere.
type addresses struct{ contact, secure, web string }

// A listener is a port for contact requests, or for the web page.
type listener struct {
	listener net.Listener
	address  string
	config   *tls.Config // nil for the contact port
	web      bool        // the web page
}

// listen listens on all ports of the phone.
func (p *Phone) listen(ctx context.Context, at addresses) ([]*listener, error) {
	config, err := p.pageTLS(at)
	if err != nil {
		return nil, err
	}
	contact := at.contact
	if p.traits.noContactPort {
		if contact, err = p.holdPort(ctx, contact); err != nil {
			return nil, err
		}
		at.contact = ""
	}
	var listeners []*listener
	for _, d := range []*listener{{address: at.contact}, {address: at.secure, config: config}, {address: at.web, config: config, web: true}} {
		if d.address == "" {
			continue
		}
		again, err := p.listenOn(ctx, d)
		if err != nil {
			closeAll(listeners)
			return nil, err
		}
		listeners = append(listeners, again)
	}
	if at.contact != "" {
		contact = listeners[0].address
	}
	p.set(func(s *State) {
		s.Address = contact
		if at.web != "" {
			s.WebAddress = listeners[len(listeners)-1].address
		}
	})
	return listeners, nil
}

// holdPort takes the contact port of a phone on which nobody listens, so that no other phone gets it, and returns its address.
// A connection of the phone to itself has the port as long as the phone exists. A port that was named is taken if that is
// possible, and anybody's otherwise.
func (p *Phone) holdPort(ctx context.Context, address string) (string, error) {
	if address == "" {
		return "", nil
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("the phone's contact port: %w", err)
	}
	if len(p.holding) > 0 && port != "0" { // since before a restart
		return address, nil
	}
	defer releasePort(p.holding)
	dial := p.dialSelf
	if port != "0" {
		dial = p.dialFrom(address)
	}
	holding, err := p.connectItself(ctx, host, dial)
	if err != nil && port != "0" {
		return address, nil
	}
	if err != nil {
		return "", fmt.Errorf("the phone's contact port: %w", err)
	}
	p.holding = holding
	_, port, _ = net.SplitHostPort(holding[0].LocalAddr().String())
	return net.JoinHostPort(host, port), nil
}

// holdWhileDown takes the port of a listener that is closed, so that no other program on this machine gets it before the phone
// is back, and returns what gives it up. Who connects to it is refused, as if nobody had it. Connections that have just ended may still have
// the port: then it is tried again.
func (p *Phone) holdWhileDown(ctx context.Context, address string) (release func()) {
	if _, ok := p.c.Network.(systemNetwork); !ok {
		return func() {}
	}
	ctx, stop := context.WithCancel(ctx)
	held := make(chan []net.Conn, 1)
	go func() {
		host, _, _ := net.SplitHostPort(address)
		for {
			holding, err := p.connectItself(ctx, host, p.dialFrom(address))
			if err == nil || !pause(ctx, bindPause) {
				held <- holding
				return
			}
		}
	}()
	return func() {
		stop()
		releasePort(<-held)
	}
}

// connectItself connects the phone to itself, and returns both ends: the first one has the port from which dial connects.
func (p *Phone) connectItself(ctx context.Context, host string, dial func(ctx context.Context, to net.Addr) (net.Conn, error)) ([]net.Conn, error) {
	here, err := p.c.Network.Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, err
	}
	defer here.Close()
	from, err := dial(ctx, here.Addr())
	if err != nil {
		return nil, err
	}
	to, err := here.Accept()
	if err != nil {
		return nil, errors.Join(err, from.Close())
	}
	return []net.Conn{from, to}, nil
}

// releasePort closes the connections that have a port with a reset, so that the port is free at once.
func releasePort(holding []net.Conn) {
	for _, conn := range holding {
		if tcp, ok := conn.(interface{ SetLinger(seconds int) error }); ok {
			_ = tcp.SetLinger(0)
		}
		_ = conn.Close()
	}
}

// dialSelf connects to an address of the phone from a port that is free.
func (p *Phone) dialSelf(ctx context.Context, to net.Addr) (net.Conn, error) {
	at, _ := netip.ParseAddrPort(to.String())
	return p.c.Network.DialFrom(ctx, at.Addr(), "tcp", to.String())
}

// dialFrom returns what connects from an address with its port, on the system's network.
func (p *Phone) dialFrom(from string) func(ctx context.Context, to net.Addr) (net.Conn, error) {
	return func(ctx context.Context, to net.Addr) (net.Conn, error) {
		if _, ok := p.c.Network.(systemNetwork); !ok {
			return nil, errors.ErrUnsupported
		}
		local, err := net.ResolveTCPAddr("tcp", from)
		if err != nil {
			return nil, err
		}
		return (&net.Dialer{LocalAddr: local}).DialContext(ctx, "tcp", to.String())
	}
}

// closeAll closes listeners that have no connections yet.
func closeAll(listeners []*listener) {
	for _, d := range listeners {
		_ = d.listener.Close()
	}
}

// current returns the addresses with the ports that the phone has now.
func (p *Phone) current(at addresses, listeners []*listener) addresses {
	at.contact = p.Address()
	for _, d := range listeners {
		switch {
		case d.web:
			at.web = d.address
		case d.config != nil:
			at.secure = d.address
		}
	}
	return at
}

// listenAgain listens again where the phone listened before. Somebody else may have the port for a moment.
func (p *Phone) listenAgain(ctx context.Context, at addresses) ([]*listener, error) {
	for {
		listeners, err := p.listen(ctx, at)
		if err == nil {
			return listeners, nil
		}
		if !pause(ctx, bindPause) {
			return nil, context.Cause(ctx)
		}
	}
}

// listenOn listens where a listener has to be, or was before.
func (p *Phone) listenOn(ctx context.Context, d *listener) (*listener, error) {
	l, err := p.c.Network.Listen(ctx, "tcp", d.address)
	if err != nil {
		name := "contact port"
		if d.web {
			name = "web page"
		}
		return nil, fmt.Errorf("the phone's %s: %w", name, err)
	}
	return &listener{l, l.Addr().String(), d.config, d.web}, nil
}

// serve serves a listener as long as the phone is up. Too much load closes it for a while.
func (r *boot) serve(ctx context.Context, d *listener) {
	for {
		open, crash := context.WithCancel(ctx)
		r.accept(open, crash, d)
		crash()
		release := r.p.holdWhileDown(ctx, d.address)
		down := pause(ctx, max(r.p.c.RestartTime, bindPause))
		release()
		if !down {
			return
		}
		again, err := r.p.listenOn(ctx, d)
		for err != nil {
			if !pause(ctx, bindPause) {
				return
			}
			again, err = r.p.listenOn(ctx, d)
		}
		d = again
	}
}

// accept takes connections until the context ends, and returns when the last one is closed.
func (r *boot) accept(ctx context.Context, crash func(), d *listener) {
	stop := context.AfterFunc(ctx, func() { _ = d.listener.Close() })
	defer stop()
	var visitors sync.WaitGroup
	defer visitors.Wait()
	for {
		conn, err := d.listener.Accept()
		if err != nil {
			_ = d.listener.Close()
			crash()
			return
		}
		if d.web {
			limitBuffer(conn, uploadBuffer)
		}
		visitors.Go(func() {
			l := newIdleConn(ctx, conn, r.p.c.Timeout)
			defer l.end()
			var stream net.Conn = l
			if d.config != nil {
				stream = tls.Server(l, d.config)
			}
			if d.web {
				r.servePage(ctx, l, stream, crash)
				return
			}
			r.serveContacts(crash, stream)
		})
	}
}

// serveContacts answers the requests on a connection.
func (r *boot) serveContacts(crash func(), conn net.Conn) {
	limited := &io.LimitedReader{R: conn, N: maxContact}
	reader := bufio.NewReader(limited)
	for {
		limited.N = maxContact
		request, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		if !r.answerContact(crash, conn, request) || request.Close {
			return
		}
	}
}

// answerContact answers one request, and reports whether the connection may be used for another.
func (r *boot) answerContact(crash func(), conn net.Conn, request *http.Request) bool {
	form, err := contactForm(request)
	status := r.contactStatus(request, form, err)
	switch r.p.traits.contact {
	case contactSilent:
		_, _ = io.Copy(io.Discard, conn)
		return false
	case contactGarbage:
		_, _ = io.WriteString(conn, "\x15\x03\x01\x00\x02\x02\x46 this is not HTTP\r\n\r\n")
		return false
	}
	// The headers are the guide's, p. 15.
	_, err = fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nContent-Length: 0\r\nContent-type: text/html\r\nServer: DlsClient\r\n\r\n", status, http.StatusText(status))
	if status == http.StatusNoContent {
		r.noteContact(crash, form)
	}
	return err == nil
}

// contactForm returns what the request says, whether it stands in the body or behind the path.
func contactForm(request *http.Request) (url.Values, error) {
	body, err := io.ReadAll(io.LimitReader(request.Body, maxContact))
	if err != nil {
		return nil, err
	}
	if request.Method == http.MethodPost {
		return url.ParseQuery(string(body))
	}
	return request.URL.Query(), nil
}

// contactStatus returns the status of the answer to a request. 204 is the guide's (p. 15), the others are assumed.
func (r *boot) contactStatus(request *http.Request, form url.Values, err error) int {
	switch {
	case request.URL.Path != contactPath || r.p.traits.contact == contactMissing:
		return http.StatusNotFound
	case request.Method != http.MethodPost && request.Method != http.MethodGet,
		request.Method == http.MethodPost && r.p.traits.contact == contactGetOnly:
		return http.StatusMethodNotAllowed
	case err != nil || form.Get("ContactMe") != "true":
		return http.StatusBadRequest
	}
	return http.StatusNoContent
}

// noteContact takes over a contact request, or ignores it. The answer has been given: it does not depend on this.
func (r *boot) noteContact(crash func(), form url.Values) {
	target := r.p.c.Service
	if host := strings.Trim(form.Get("dls_ip_addr"), "[] "); host != "" {
		port := form.Get("dls_ip_port")
		if port == "" {
			port = defaultService
		}
		target = net.JoinHostPort(host, port)
	}
	now := time.Now()
	r.p.mu.Lock()
	since := now.Sub(r.lastContact)
	gap := now.Sub(r.lastCounted)
	r.lastContact = now
	r.p.state.Contacts++
	status := r.p.state.Status
	ignored := ""
	switch {
	case r.p.traits.contact == contactIgnored:
		ignored = "it ignores every contact request"
	case target == "":
		ignored = "it has no service to call"
	case status != StatusIdle:
		ignored = "it is " + string(status) // assumed: what a phone does then is not published
	case gap < r.p.c.ContactGap:
		ignored = "the contact gap"
	default:
		r.lastCounted = now
	}
	r.p.mu.Unlock()
	if r.p.traits.overload && since < overload {
		r.p.report(Event{Kind: Overloaded})
		crash()
		return
	}
	if ignored != "" {
		r.p.report(Event{Kind: Ignored, Detail: ignored})
		return
	}
	r.p.report(Event{Kind: Contacted, Detail: target})
	r.call(target)
}
