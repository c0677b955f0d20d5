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
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	contactPath    = "/contact_dls.html/ContactDLS"
	maxContact     = 64 << 10 // bytes of one request
	overload       = time.Second
	bindPause      = 50 * time.Millisecond // between two attempts to have the own port again
	defaultService = "18443"
)

// A door is a port on which the phone is asked to call.
type door struct {
	listener net.Listener
	address  string
	config   *tls.Config // nil for the contact port
}

// open listens on all ports of the phone.
func (p *Phone) open(ctx context.Context, listen, secure string) ([]*door, error) {
	contact, err := listenOn(ctx, listen, nil)
	if err != nil {
		return nil, err
	}
	doors := []*door{contact}
	if secure != "" {
		config, err := ownTLS(p.c.MAC)
		if err != nil {
			return nil, errors.Join(err, contact.listener.Close())
		}
		door, err := listenOn(ctx, secure, config)
		if err != nil {
			return nil, errors.Join(err, contact.listener.Close())
		}
		doors = append(doors, door)
	}
	p.set(func(s *State) { s.Address = contact.address })
	return doors, nil
}

// reopen listens again where the phone listened before. Somebody else may have the port for a moment.
func (p *Phone) reopen(ctx context.Context, listen, secure string) ([]*door, error) {
	for {
		doors, err := p.open(ctx, listen, secure)
		if err == nil {
			return doors, nil
		}
		if !pause(ctx, bindPause) {
			return nil, context.Cause(ctx)
		}
	}
}

func listenOn(ctx context.Context, address string, config *tls.Config) (*door, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("the phone's contact port: %w", err)
	}
	return &door{l, l.Addr().String(), config}, nil
}

// tend serves a door as long as the phone is up. Too much load closes it for a while.
func (r *run) tend(ctx context.Context, d *door) {
	for {
		open, crash := context.WithCancel(ctx)
		r.accept(open, crash, d)
		crash()
		if !pause(ctx, max(r.p.c.RestartTime, bindPause)) {
			return
		}
		again, err := listenOn(ctx, d.address, d.config)
		for err != nil {
			if !pause(ctx, bindPause) {
				return
			}
			again, err = listenOn(ctx, d.address, d.config)
		}
		d = again
	}
}

// accept takes connections until the context ends, and returns when the last one is closed.
func (r *run) accept(ctx context.Context, crash func(), d *door) {
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
		visitors.Go(func() {
			l := hold(ctx, conn, r.p.c.Timeout)
			defer l.hangUp()
			var stream net.Conn = l
			if d.config != nil {
				stream = tls.Server(l, d.config)
			}
			r.receive(crash, stream)
		})
	}
}

// receive answers the requests on a connection.
func (r *run) receive(crash func(), conn net.Conn) {
	limited := &io.LimitedReader{R: conn, N: maxContact}
	reader := bufio.NewReader(limited)
	for {
		limited.N = maxContact
		request, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		form, err := contactForm(request)
		status := r.contactStatus(request, form, err)
		switch r.p.traits.contact {
		case contactSilent:
			_, _ = io.Copy(io.Discard, conn)
			return
		case contactGarbage:
			_, _ = io.WriteString(conn, "\x15\x03\x01\x00\x02\x02\x46 this is not HTTP\r\n\r\n")
			return
		}
		// The headers are the guide's, p. 15.
		_, err = fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nContent-Length: 0\r\nContent-type: text/html\r\nServer: DlsClient\r\n\r\n", status, http.StatusText(status))
		if status == http.StatusNoContent {
			r.contact(crash, form)
		}
		if err != nil || request.Close {
			return
		}
	}
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

// contactStatus says how a request is answered. 204 is the guide's (p. 15), the others are assumed.
func (r *run) contactStatus(request *http.Request, form url.Values, err error) int {
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

// contact is what the phone makes of having been asked to call. The answer has been given: it does not depend on this.
func (r *run) contact(crash func(), form url.Values) {
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
		ignored = "it ignores them all"
	case target == "":
		ignored = "it has nobody to call"
	case status != StatusIdle:
		ignored = "it is " + string(status) // assumed: what a phone does then is not published
	case gap < r.p.c.ContactGap:
		ignored = "the contact gap"
	default:
		r.lastCounted = now
	}
	r.p.mu.Unlock()
	if r.p.traits.overload && since < overload {
		r.p.tell(Event{Kind: Overloaded})
		crash()
		return
	}
	if ignored != "" {
		r.p.tell(Event{Kind: Ignored, Detail: ignored})
		return
	}
	r.p.tell(Event{Kind: Contacted, Detail: target})
	r.call(target)
}
