package main

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// callPort is where phones expect a provisioning service (developer's guide A31003-S2000-R102-16, p. 12).
const callPort = 18443

// talkOptions are how phones are spoken to: where they call, and how patient we are.
type talkOptions struct {
	listen, advertise string
	cert, key         string
	legacy            bool
	interval          time.Duration
	patience          time.Duration
	probe             time.Duration
	parallel          int
}

func (o *talkOptions) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.listen, "listen", "", "where phones call: `[ADDR]:PORT` of this machine (usual: port 18443, or a free one if it is taken)")
	flags.StringVar(&o.advertise, "advertise", "", "what phones are told to call: `HOST[:PORT]` (usual: the address of this machine that reaches the phone)")
	flags.StringVar(&o.cert, "service-cert", "", "the certificate that phones are shown, a `FILE` in PEM (usual: one made for this run)")
	flags.StringVar(&o.key, "service-key", "", "its key, a `FILE` in PEM")
	flags.BoolVar(&o.legacy, "legacy-tls", false, "speak to old phones and servers too: TLS 1.0 and 1.1, and ciphers and keys that are broken")
	flags.DurationVar(&o.patience, "patience", 10*time.Minute, "the longest silence of a phone, `DURATION` as in 10m")
	flags.DurationVar(&o.interval, "contact-interval", time.Minute, "the shortest time between two requests to one phone to call, `DURATION` as in 60s")
	flags.DurationVar(&o.probe, "probe-interval", 2*time.Second, "how often a look is taken whether a phone restarts, `DURATION` as in 2s")
	flags.IntVar(&o.parallel, "parallel", 16, "how many phones are asked, and fetch, at once: a `NUMBER` up to 10000")
}

// validate keeps what cannot be meant from being tried.
func (o *talkOptions) validate(command string) error {
	switch {
	case o.patience <= 0 || o.interval <= 0 || o.probe <= 0:
		return usage(command, "--patience, --contact-interval and --probe-interval must be longer than nothing")
	case o.parallel < 1 || o.parallel > 10_000:
		return usage(command, "--parallel: from 1 to 10000")
	case (o.cert == "") != (o.key == ""):
		return usage(command, "--service-cert and --service-key go together")
	}
	if o.listen != "" {
		_, port, err := net.SplitHostPort(o.listen)
		if _, portErr := strconv.ParseUint(port, 10, 16); err != nil || portErr != nil {
			return usage(command, "--listen %s: [ADDR]:PORT, such as :18443 or 192.0.2.10:18443", o.listen)
		}
	}
	if _, _, err := o.advertised(); err != nil {
		return usage(command, "--advertise %s: HOST or HOST:PORT", o.advertise)
	}
	return nil
}

// advertised is what phones are told to call: a host, and a port or 0.
func (o *talkOptions) advertised() (host string, port int, err error) {
	if o.advertise == "" {
		return "", 0, nil
	}
	if ip, err := netip.ParseAddr(strings.Trim(o.advertise, "[]")); err == nil {
		return ip.String(), 0, nil
	}
	host, text, found := strings.Cut(o.advertise, ":")
	if strings.HasPrefix(o.advertise, "[") {
		if host, text, err = net.SplitHostPort(o.advertise); err != nil {
			return "", 0, err
		}
		found = true
	}
	if found {
		if port, err = strconv.Atoi(text); err != nil || port < 1 || port > 65535 {
			return "", 0, errors.New("no port")
		}
	}
	if host == "" || strings.ContainsAny(host, " /\\@?#\"'<>&:") && !strings.HasPrefix(o.advertise, "[") {
		return "", 0, errors.New("no host")
	}
	return host, port, nil
}

// A station is this machine as phones see it: where they call, and fetch if we serve.
type station struct {
	o      *talkOptions
	runner *fleet.Runner
	line   transfer.Options
	near   bool // all phones are on this machine
	server *transfer.Server
	ftp    *transfer.FTPServer // only when phones fetch by FTP

	certificate tls.Certificate // that phones are shown
}

// open begins to listen for calls of the phones, which have the timeout to take a request. Every event of the run goes to
// event.
func (o *talkOptions) open(con *console, targets []fleet.Target, timeout time.Duration, line transfer.Options, event func(fleet.Event)) (*station, error) {
	certificate, err := o.certificate()
	if err != nil {
		return nil, err
	}
	s := &station{o: o, line: line, near: onlyHere(targets), certificate: certificate, runner: fleet.New(fleet.Options{
		ContactInterval: o.interval, Patience: o.patience, Probe: o.probe, Parallel: o.parallel,
		Timeout: timeout, Event: event,
	})}
	con.warnLegacy(o.legacy)
	err = s.tryPorts(o.listen, callPort, func(address string) (err error) {
		options := s.serving(address)
		options.Certificate, options.Legacy, options.Calls = certificate, o.legacy, s.runner.Calls()
		s.server, err = transfer.Serve(options)
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
func (s *station) tellPort(con *console, phones int) {
	host, port, _ := s.o.advertised() // validate has seen it
	listening := int(s.server.Addr().Port())
	switch {
	case host != "" && port != 0 && port != listening:
		con.remark("note", "this machine", fmt.Sprintf("listens on port %d; phones call %s", listening, net.JoinHostPort(host, strconv.Itoa(port))))
	case con.verbose || listening != callPort && !s.near && (phones == 1 || con.json):
		con.remark("note", "this machine", fmt.Sprintf("phones call port %d", listening))
	}
}

// serveFTP adds a server that phones fetch from by FTP, on the host of --listen.
func (s *station) serveFTP() error {
	const port = 2121
	host, _, _ := net.SplitHostPort(s.o.listen) // validate has seen it
	return s.tryPorts("", port, func(address string) (err error) {
		if usualHost, port, _ := net.SplitHostPort(address); s.o.listen != "" {
			address = net.JoinHostPort(cmp.Or(host, usualHost), port)
		}
		s.ftp, err = transfer.ServeFTP(s.serving(address))
		return err
	})
}

// serving is what our servers have in common.
func (s *station) serving(address string) transfer.ServeOptions {
	return transfer.ServeOptions{Listen: address, Known: s.runner.Known, Troubled: s.runner.Troubled, Stall: s.o.patience, Rate: s.line.Rate}
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
func (s *station) tryPorts(told string, usual int, listen func(address string) error) error {
	host := ""
	if s.near && s.o.advertise == "" {
		host = "127.0.0.1"
	}
	address := cmp.Or(told, net.JoinHostPort(host, strconv.Itoa(usual)))
	err := listen(address)
	if err != nil && told == "" { // taken, or not for us: each system says that in its own way
		err = listen(net.JoinHostPort(host, "0"))
	}
	if err != nil {
		return fail(codeSettings, fmt.Errorf("listening on %s: %w", address, withoutPath(err)), "choose another address or port with --listen")
	}
	return nil
}

// Close ends all connections.
func (s *station) Close() error {
	err := s.server.Close()
	if s.ftp != nil {
		err = errors.Join(err, s.ftp.Close())
	}
	return err
}

// back is where a phone reaches the port for calls, given the local address that reaches the phone.
func (s *station) back(local netip.Addr) (string, int) { return s.at(local, s.server.Addr()) }

// backFTP is the same for the FTP server. A port of --advertise is that for calls.
func (s *station) backFTP(local netip.Addr) (string, int) {
	host, _ := s.back(local)
	return host, int(s.ftp.Addr().Port())
}

func (s *station) at(local netip.Addr, listening netip.AddrPort) (string, int) {
	host, port, _ := s.o.advertised() // validate has seen it
	if ip := listening.Addr(); host == "" && !ip.IsUnspecified() {
		host = ip.WithZone("").String()
	}
	return cmp.Or(host, local.WithZone("").String()), cmp.Or(port, int(listening.Port()))
}

// certificate reads the one that is given, or makes one for this run.
func (o *talkOptions) certificate() (tls.Certificate, error) {
	if o.cert == "" {
		return transfer.MakeCertificate(o.names(), time.Now())
	}
	certificate, err := tls.LoadX509KeyPair(o.cert, o.key)
	if err != nil {
		return certificate, fail(codeSettings, fmt.Errorf("certificate %s: %w", o.cert, withoutPath(err)),
			"a certificate and its key in two files in PEM, as openssl makes them")
	}
	return certificate, nil
}

// names are what this machine may be called by phones.
func (o *talkOptions) names() []string {
	var names []string
	if host, _, _ := o.advertised(); host != "" {
		names = append(names, host)
	}
	if name, err := os.Hostname(); err == nil {
		names = append(names, name)
	}
	addresses, _ := net.InterfaceAddrs() // without them the certificate names less
	for _, address := range addresses {
		if network, ok := address.(*net.IPNet); ok {
			names = append(names, network.IP.String())
		}
	}
	return names
}
