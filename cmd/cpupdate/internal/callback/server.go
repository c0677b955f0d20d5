// Package callback runs the servers of this machine that phones call, and fetch images from.
package callback

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// A Server is this machine as phones see it: where they call, and fetch if we serve.
type Server struct {
	Options *option.Listen
	Runner  *fleet.Runner
	line    transfer.Options
	near    bool // all phones are on this machine
	Server  *transfer.Server
	FTP     *transfer.FTPServer // only when phones fetch by FTP

	Certificate tls.Certificate // that phones are shown
}

// Listen begins to listen for calls of the phones, which have the timeout to take a request. Every event of the run goes to
// event.
func Listen(o *option.Listen, con *console.Console, targets []fleet.Target, timeout time.Duration, line transfer.Options, event func(fleet.Event)) (*Server, error) {
	certificate, err := o.Certificate()
	if err != nil {
		return nil, err
	}
	s := &Server{Options: o, line: line, near: onlyHere(targets), Certificate: certificate, Runner: fleet.New(fleet.Options{
		ContactInterval: o.Interval, Patience: o.Patience, Probe: o.Probe, Parallel: o.Parallel,
		Timeout: timeout, Event: event,
	})}
	con.WarnLegacy(o.Legacy)
	err = s.tryPorts(o.Listen, option.CallPort, func(address string) (err error) {
		options := s.serving(address)
		options.Certificate, options.Legacy, options.Calls = certificate, o.Legacy, s.Runner.Calls()
		s.Server, err = transfer.Serve(options)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.tellPort(con, len(targets))
	return s, nil
}

// tellPort says what a firewall has to let in, and where a router has to lead. With several phones the run itself begins
// with the port.
func (s *Server) tellPort(con *console.Console, phones int) {
	host, port, _ := s.Options.Advertised() // validate has seen it
	listening := int(s.Server.Addr().Port())
	switch {
	case host != "" && port != 0 && port != listening:
		con.Remark("note", "this machine", fmt.Sprintf("listens on port %d; phones call %s", listening, net.JoinHostPort(host, strconv.Itoa(port))))
	case con.Verbose || listening != option.CallPort && !s.near && (phones == 1 || con.JSON):
		con.Remark("note", "this machine", fmt.Sprintf("phones call port %d", listening))
	}
}

// ServeFTP adds a server that phones fetch from by FTP, on the host of --listen.
func (s *Server) ServeFTP() error {
	const port = 2121
	host, _, _ := net.SplitHostPort(s.Options.Listen) // validate has seen it
	return s.tryPorts("", port, func(address string) (err error) {
		if usualHost, port, _ := net.SplitHostPort(address); s.Options.Listen != "" {
			address = net.JoinHostPort(cmp.Or(host, usualHost), port)
		}
		s.FTP, err = transfer.ServeFTP(s.serving(address))
		return err
	})
}

// serving is what our servers have in common.
func (s *Server) serving(address string) transfer.ServeOptions {
	return transfer.ServeOptions{Listen: address, Known: s.Runner.Known, Troubled: s.Runner.Troubled, Stall: s.Options.Patience, Rate: s.line.Rate}
}

// onlyHere reports whether all phones are on this machine, simulated ones: then nobody else has to reach it.
func onlyHere(targets []fleet.Target) bool {
	return len(targets) > 0 && !slices.ContainsFunc(targets, func(t fleet.Target) bool {
		address, _ := hwcheck.ContactAddress(t.Address) // targets has seen it
		at, err := netip.ParseAddrPort(address)
		return err != nil || !at.Addr().Is4() || !at.Addr().IsLoopback()
	})
}

// tryPorts listens where it is told to, or else on the usual port, or on a free one if that is taken.
func (s *Server) tryPorts(told string, usual int, listen func(address string) error) error {
	host := ""
	if s.near && s.Options.Advertise == "" {
		host = "127.0.0.1"
	}
	address := cmp.Or(told, net.JoinHostPort(host, strconv.Itoa(usual)))
	err := listen(address)
	if err != nil && told == "" { // taken, or not for us: each system says that in its own way
		err = listen(net.JoinHostPort(host, "0"))
	}
	if err != nil {
		return exit.New(exit.CodeSettings, fmt.Errorf("listening on %s: %w", address, exit.WithoutPath(err)), "choose another address or port with --listen")
	}
	return nil
}

// Close ends all connections.
func (s *Server) Close() error {
	err := s.Server.Close()
	if s.FTP != nil {
		err = errors.Join(err, s.FTP.Close())
	}
	return err
}

// Back is where a phone reaches the port for calls, given the local address that reaches the phone.
func (s *Server) Back(local netip.Addr) (string, int) { return s.at(local, s.Server.Addr()) }

// BackFTP is the same for the FTP server. A port of --advertise is that for calls.
func (s *Server) BackFTP(local netip.Addr) (string, int) {
	host, _ := s.Back(local)
	return host, int(s.FTP.Addr().Port())
}

func (s *Server) at(local netip.Addr, listening netip.AddrPort) (string, int) {
	host, port, _ := s.Options.Advertised() // validate has seen it
	if ip := listening.Addr(); host == "" && !ip.IsUnspecified() {
		host = ip.WithZone("").String()
	}
	return cmp.Or(host, local.WithZone("").String()), cmp.Or(port, int(listening.Port()))
}
