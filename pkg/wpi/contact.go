package wpi

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/internal/netconn"
)

const (
	// ContactPort is the port on which phones take contact requests, by plain HTTP (the guide, pp. 12, 14).
	ContactPort = 8085
	// ContactPath is the path of a contact request (the guide, p. 14).
	ContactPath = "/contact_dls.html/ContactDLS"
)

// A Contact sends one phone a contact request: to call back. It needs no login (observed: OpenStage, CP).
type Contact struct {
	// Address is the phone's contact port as HOST:PORT.
	Address string
	// AltAddress is HOST:443 of the phone's web page, which takes the same request (observed: OpenStage, CP), by HTTPS without
	// verification. It is tried if Address cannot be reached at all: refused, no route, no answer. "" means none.
	AltAddress string
	// Back returns where the phone shall call back, given the local address that reaches it. With a host of "", or without
	// Back, the phone calls the service that it is set to; with a port of 0 it chooses the port (assumed from the guide, p. 14).
	Back func(local netip.Addr) (host string, port int)
	// Reached is called when the phone is reached, before the request is sent: the phone may call back while its answer is
	// still on the way. An error ends the attempt. It may be nil.
	Reached func(Contacted) error
	// Method is the form of the request, if it is known: "POST" or "GET". If it is "", Send finds out.
	Method string
	// Timeout is the longest wait for connecting and for the answer, each; 10 s if 0.
	Timeout time.Duration
	// Pause is the time between the request and its second form; 2 s if 0. Two requests within a second were seen to stop
	// a phone's web server.
	Pause time.Duration
	// Dial connects to the phone; nil means [net.Dialer.DialContext]. The network is "tcp", the address HOST:PORT.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Contacted says how a phone was reached that took the request.
type Contacted struct {
	Local  netip.Addr     // our address as the phone sees it, if nothing between translates it
	Remote netip.AddrPort // the phone's
	Scheme string         // "http" or "https"
	Method string         // "POST" or "GET"
	Status int            // of the answer: 204 is what phones are known to answer (the guide, p. 15)
}

// Send sends the contact request, and returns when the phone has taken it. The phone need not call back (the guide, p. 41), and
// ignores requests for some minutes after the last one (OpenStage administration manual of 09/2010, p. 3-26: 300 s). If no
// Method is set the form of the guide goes first; a phone that does not know the method is sent the form that was seen to work
// as well. The error is a [*ContactError], or the cause of the context.
func (c Contact) Send(ctx context.Context) (Contacted, error) {
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	if c.Pause == 0 {
		c.Pause = 2 * time.Second
	}
	if c.Dial == nil {
		c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			return netconn.DialContext(ctx, net.Dialer{KeepAlive: -1}, network, address)
		}
	}
	if c.Method != "" {
		done, only := c.try(ctx, c.Method)
		return done, c.result(ctx, only)
	}
	done, first := c.try(ctx, http.MethodPost)
	if first == nil || ctx.Err() != nil || !first.otherMethod() {
		return done, c.result(ctx, first)
	}
	timer := time.NewTimer(c.Pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return Contacted{}, context.Cause(ctx)
	case <-timer.C:
	}
	done, second := c.try(ctx, http.MethodGet)
	if second != nil && second.Status == 0 {
		second = first // it was there a moment ago, and what it said then is of more use
	}
	return done, c.result(ctx, second)
}

// result returns the error of Send.
func (c Contact) result(ctx context.Context, e *ContactError) error {
	switch {
	case e == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return e
}

// try sends one request, to the alternative address if the first cannot be reached.
func (c Contact) try(ctx context.Context, method string) (Contacted, *ContactError) {
	conn, err := c.dial(ctx, c.Address)
	if err == nil {
		return c.sendOver(ctx, conn, c.Address, contacted(conn, "http", method))
	}
	first := failed(c.Address, err, ContactUnreachable)
	if c.AltAddress == "" {
		return Contacted{}, first
	}
	if conn, err = c.dial(ctx, c.AltAddress); err != nil {
		return Contacted{}, first
	}
	done := contacted(conn, "https", method)
	secure, err := c.handshake(ctx, conn)
	if err != nil {
		return Contacted{}, failed(c.AltAddress, err, ContactNoPhone)
	}
	return c.sendOver(ctx, secure, c.AltAddress, done)
}

// sendOver sends the request over a connection, and closes that.
func (c Contact) sendOver(ctx context.Context, conn net.Conn, address string, done Contacted) (Contacted, *ContactError) {
	if c.Reached != nil {
		if err := c.Reached(done); err != nil {
			_ = conn.Close()
			return Contacted{}, &ContactError{Kind: ContactRefused, Address: address, Err: err}
		}
	}
	status, failure := c.exchange(ctx, conn, address, done)
	done.Status = status
	return done.orNothing(failure)
}

// dial connects within the time limit.
func (c Contact) dial(ctx context.Context, address string) (net.Conn, error) {
	limited, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	raw, err := c.Dial(limited, "tcp", address)
	if err != nil {
		return nil, err
	}
	conn := netconn.New(raw, c.Timeout)
	conn.WaitForReads()              // as long as the context lasts
	conn.HoldFailedWrites(c.Timeout) // one that refuses early has closed, and its answer is there to be read
	return conn, nil
}

// contacted says what the two ends of a connection are.
func contacted(conn net.Conn, scheme, method string) Contacted {
	local, _ := netip.ParseAddrPort(conn.LocalAddr().String())
	remote, _ := netip.ParseAddrPort(conn.RemoteAddr().String())
	return Contacted{
		Local:  local.Addr().Unmap(),
		Remote: netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port()),
		Scheme: scheme, Method: method,
	}
}

// orNothing returns no value beside an error.
func (done Contacted) orNothing(e *ContactError) (Contacted, *ContactError) {
	if e != nil {
		return Contacted{}, e
	}
	return done, nil
}

// form returns the fields of the request: the address without brackets and zone, which mean nothing to the phone.
func (c Contact) form(local netip.Addr) string {
	form := "ContactMe=true"
	if c.Back == nil {
		return form
	}
	host, port := c.Back(local)
	if host == "" {
		return form
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.Unmap().WithZone("").String()
	}
	// A colon needs no escaping here, and a phone that does not undo it takes the address as it is.
	host = strings.ReplaceAll(url.QueryEscape(host), "%3A", ":")
	form += "&dls_ip_addr=" + host
	if port > 0 {
		form += "&dls_ip_port=" + strconv.Itoa(port)
	}
	return form
}
