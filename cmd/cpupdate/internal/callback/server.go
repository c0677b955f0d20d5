// Package callback runs the servers of this machine that phones call, and fetch images from.
package callback

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
)

// A Server holds the servers of this machine that phones call, and fetch the image from with --serve.
type Server struct {
	Options *option.Listen
	Runner  *fleet.Runner
	line    transfer.Options
	near    bool // all phones run on this machine
	Server  *serve.Server
	FTP     *serve.FTPServer // only when phones fetch by FTP

	Certificate tls.Certificate // presented to phones, or one of the same key

	con         *console.Console
	authorities *x509.CertPool // of the phones; nil without --phone-ca
	named       sync.Map       // hosts that phones are told to call: their names were looked for in the certificate
}

// Listen starts to listen for calls of phones. timeout is how long a phone may take to accept a contact request; event
// receives every event of the run.
func Listen(ctx context.Context, o *option.Listen, con *console.Console, targets []fleet.Target, timeout time.Duration, line transfer.Options, event func(fleet.Event)) (*Server, error) {
	certificate, forLocal, err := o.Certificate(ctx)
	if err != nil {
		return nil, err
	}
	authorities, err := o.PhoneAuthorities(ctx)
	if err != nil {
		return nil, err
	}
	connections := o.Fit(con)
	s := &Server{Options: o, line: line, near: onlyHere(targets), Certificate: certificate, authorities: authorities, con: con, Runner: fleet.New(fleet.Options{
		ContactInterval: o.Interval, Patience: o.Patience, Probe: o.Probe, Parallel: o.Parallel, Connections: connections,
		Timeout: timeout, SkipUnreachable: o.SkipUnreachable, Event: event, Dial: o.Network.Dial, Lookup: o.Network.Lookup,
	})}
	con.WarnLegacy(o.Legacy)
	s.warnCertificate()
	err = s.tryPorts(o.Listen, o.Port(), func(address string) (err error) {
		options, err := s.serving(address)
		if err != nil {
			return err
		}
		options.Certificate, options.CertificateFor = certificate, forLocal
		options.Legacy, options.Handler, options.ClientAuthorities = o.Legacy, s.Runner.Calls(), authorities
		s.Server, err = serve.New(options)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.tellPort(con, len(targets))
	return s, nil
}

// tellPort prints the port that a firewall or router has to open. With several phones, the first note of the run says
// it.
func (s *Server) tellPort(con *console.Console, phones int) {
	host, port, _ := s.Options.Advertised() // checked by validate
	listening := int(s.Server.Addr().Port())
	switch {
	case host != "" && port != 0 && port != listening:
		con.NoteAbout("note", "this machine", fmt.Sprintf("listening on port %d; phones call back to %s", listening, net.JoinHostPort(host, strconv.Itoa(port))))
	case con.Verbose || listening != s.Options.Port() && !s.near && (phones == 1 || con.JSON):
		con.NoteAbout("note", "this machine", fmt.Sprintf("phones call back on port %d", listening))
	}
}

// ServeFTP starts a server from which phones fetch by FTP, on the host of --listen.
func (s *Server) ServeFTP() error {
	const port = 2121
	host, _, _ := net.SplitHostPort(s.Options.Listen) // checked by validate
	return s.tryPorts("", port, func(address string) (err error) {
		if defaultHost, port, _ := net.SplitHostPort(address); s.Options.Listen != "" {
			address = net.JoinHostPort(cmp.Or(host, defaultHost), port)
		}
		options, err := s.serving(address)
		if err == nil {
			s.FTP, err = serve.NewFTP(options)
		}
		return err
	})
}

// serving returns the options that both servers have in common.
func (s *Server) serving(address string) (o serve.Options, err error) {
	o = serve.Options{Address: address, Known: s.Runner.Known, OnError: s.Runner.OnError, Stall: s.Options.Patience, Rate: s.line.Rate}
	if listen := s.Options.Network.Listen; listen != nil {
		o.DataListener = func() (net.Listener, error) { return listen(":0") }
		o.Listener, err = listen(address)
	}
	return o, err
}

// onlyHere reports whether all phones are simulated ones on this machine, so that no other machine has to reach it.
func onlyHere(targets []fleet.Target) bool {
	return len(targets) > 0 && !slices.ContainsFunc(targets, func(t fleet.Target) bool {
		address, _ := hwcheck.ContactAddress(t.Address) // checked by targets
		at, err := netip.ParseAddrPort(address)
		return err != nil || !at.Addr().Is4() || !at.Addr().IsLoopback()
	})
}

// tryPorts listens on the requested address, or else on the default port, or on a free port if the default is in use.
func (s *Server) tryPorts(requested string, defaultPort int, listen func(address string) error) error {
	host := ""
	if s.near && s.Options.Advertise == "" {
		host = "127.0.0.1"
	}
	address := cmp.Or(requested, net.JoinHostPort(host, strconv.Itoa(defaultPort)))
	err := listen(address)
	if err != nil && requested == "" { // in use, or not permitted: the error differs between systems
		err = listen(net.JoinHostPort(host, "0"))
	}
	if err != nil {
		return exit.New(exit.CodeSettings, fmt.Errorf("listening on %s: %w", address, exit.WithoutPath(err)), "choose another address or port with --listen")
	}
	return nil
}

// Close closes the servers and all connections.
func (s *Server) Close() error {
	err := s.Server.Close()
	if s.FTP != nil {
		err = errors.Join(err, s.FTP.Close())
	}
	return err
}

// Back returns where a phone can call back, given the local address on the route to the phone.
func (s *Server) Back(local netip.Addr) (string, int) { return s.at(local, s.Server.Addr()) }

// BackFTP returns the same for the FTP server. The port of --advertise is for calls only.
func (s *Server) BackFTP(local netip.Addr) (string, int) {
	host, _ := s.Back(local)
	return host, int(s.FTP.Addr().Port())
}

func (s *Server) at(local netip.Addr, listening netip.AddrPort) (string, int) {
	host, port, _ := s.Options.Advertised() // checked by validate
	if ip := listening.Addr(); host == "" && !ip.IsUnspecified() {
		host = ip.WithZone("").String()
	}
	host = cmp.Or(host, local.WithZone("").String())
	s.warnName(host)
	return host, cmp.Or(port, int(listening.Port()))
}
