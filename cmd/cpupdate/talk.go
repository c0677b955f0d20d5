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

// callPort is the port where phones expect a provisioning service (developer's guide A31003-S2000-R102-16, p. 12).
const callPort = 18443

// talkOptions say where phones call back, and how long to wait for them.
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
	end := group(flags, "This machine")
	flags.StringVar(&o.listen, "listen", "", "listen for phones at `[ADDR]:PORT` of this machine (default port 18443, or a free port if that is in use)")
	flags.StringVar(&o.advertise, "advertise", "", "instruct phones to call `HOST[:PORT]` (default: the address of this machine on the route to the phone)")
	flags.StringVar(&o.cert, "service-cert", "", "present the certificate in `FILE` (PEM) to phones (default: a new one for each run)")
	flags.StringVar(&o.key, "service-key", "", "the private key of --service-cert, a `FILE` in PEM")
	end()
	end = group(flags, "Trust")
	flags.BoolVar(&o.legacy, "legacy-tls", false, "accept old phones and servers: TLS 1.0 and 1.1, and insecure ciphers and keys")
	end()
	defer group(flags, "Timing")()
	flags.DurationVar(&o.patience, "patience", 10*time.Minute, "how long to wait for a phone's next step (`DURATION`, such as 10m)")
	flags.DurationVar(&o.interval, "contact-interval", time.Minute, "the minimum time between two contact requests to one phone (`DURATION`, such as 60s)")
	flags.DurationVar(&o.probe, "probe-interval", 2*time.Second, "how often to check whether a phone restarts (`DURATION`, such as 2s)")
	flags.IntVar(&o.parallel, "parallel", 16, "how many phones are queried, and fetch the image, at the same time: a `NUMBER` up to 10000")
}

// validate rejects invalid values.
func (o *talkOptions) validate(command string) error {
	switch {
	case o.patience <= 0 || o.interval <= 0 || o.probe <= 0:
		return usage(command, "--patience, --contact-interval and --probe-interval must be greater than zero")
	case o.parallel < 1 || o.parallel > 10_000:
		return usage(command, "--parallel: must be from 1 to 10000")
	case (o.cert == "") != (o.key == ""):
		return usage(command, "--service-cert and --service-key: give both or neither")
	}
	if o.listen != "" {
		_, port, err := net.SplitHostPort(o.listen)
		if _, portErr := strconv.ParseUint(port, 10, 16); err != nil || portErr != nil {
			return usage(command, "--listen %s: must be [ADDR]:PORT, such as :18443 or 192.0.2.10:18443", o.listen)
		}
	}
	if _, _, err := o.advertised(); err != nil {
		return usage(command, "--advertise %s: must be HOST or HOST:PORT", o.advertise)
	}
	return nil
}

// advertised returns the host that phones are instructed to call, and the port or 0.
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

// A station holds the servers of this machine that phones call, and fetch the image from with --serve.
type station struct {
	o      *talkOptions
	runner *fleet.Runner
	line   transfer.Options
	near   bool // all phones run on this machine
	server *transfer.Server
	ftp    *transfer.FTPServer // only when phones fetch by FTP

	certificate tls.Certificate // presented to phones
}

// open starts to listen for calls of phones. timeout is how long a phone may take to accept a contact request; event
// receives every event of the run.
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

// tellPort prints the port that a firewall or router has to open. With several phones, the first note of the run says
// it.
func (s *station) tellPort(con *console, phones int) {
	host, port, _ := s.o.advertised() // checked by validate
	listening := int(s.server.Addr().Port())
	switch {
	case host != "" && port != 0 && port != listening:
		con.remark("note", "this machine", fmt.Sprintf("listening on port %d; phones call back to %s", listening, net.JoinHostPort(host, strconv.Itoa(port))))
	case con.verbose || listening != callPort && !s.near && (phones == 1 || con.json):
		con.remark("note", "this machine", fmt.Sprintf("phones call back on port %d", listening))
	}
}

// serveFTP starts a server from which phones fetch by FTP, on the host of --listen.
func (s *station) serveFTP() error {
	const port = 2121
	host, _, _ := net.SplitHostPort(s.o.listen) // checked by validate
	return s.tryPorts("", port, func(address string) (err error) {
		if usualHost, port, _ := net.SplitHostPort(address); s.o.listen != "" {
			address = net.JoinHostPort(cmp.Or(host, usualHost), port)
		}
		s.ftp, err = transfer.ServeFTP(s.serving(address))
		return err
	})
}

// serving returns the options that both servers have in common.
func (s *station) serving(address string) transfer.ServeOptions {
	return transfer.ServeOptions{Listen: address, Known: s.runner.Known, Troubled: s.runner.Troubled, Stall: s.o.patience, Rate: s.line.Rate}
}

// onlyHere reports whether all phones are simulated ones on this machine, so that no other machine has to reach it.
func onlyHere(targets []fleet.Target) bool {
	return len(targets) > 0 && !slices.ContainsFunc(targets, func(t fleet.Target) bool {
		address, _ := hwcheck.ContactAddress(t.Address) // checked by targets
		at, err := netip.ParseAddrPort(address)
		return err != nil || !at.Addr().Is4() || !at.Addr().IsLoopback()
	})
}

// tryPorts listens on the address told, or else on the default port, or on a free port if the default is in use.
func (s *station) tryPorts(told string, usual int, listen func(address string) error) error {
	host := ""
	if s.near && s.o.advertise == "" {
		host = "127.0.0.1"
	}
	address := cmp.Or(told, net.JoinHostPort(host, strconv.Itoa(usual)))
	err := listen(address)
	if err != nil && told == "" { // in use, or not permitted: the error differs between systems
		err = listen(net.JoinHostPort(host, "0"))
	}
	if err != nil {
		return fail(codeSettings, fmt.Errorf("listening on %s: %w", address, withoutPath(err)), "choose another address or port with --listen")
	}
	return nil
}

// Close closes the servers and all connections.
func (s *station) Close() error {
	err := s.server.Close()
	if s.ftp != nil {
		err = errors.Join(err, s.ftp.Close())
	}
	return err
}

// back returns where a phone can call back, given the local address on the route to the phone.
func (s *station) back(local netip.Addr) (string, int) { return s.at(local, s.server.Addr()) }

// backFTP returns the same for the FTP server. The port of --advertise is for calls only.
func (s *station) backFTP(local netip.Addr) (string, int) {
	host, _ := s.back(local)
	return host, int(s.ftp.Addr().Port())
}

func (s *station) at(local netip.Addr, listening netip.AddrPort) (string, int) {
	host, port, _ := s.o.advertised() // checked by validate
	if ip := listening.Addr(); host == "" && !ip.IsUnspecified() {
		host = ip.WithZone("").String()
	}
	return cmp.Or(host, local.WithZone("").String()), cmp.Or(port, int(listening.Port()))
}

// certificate reads the certificate of --service-cert, or makes one for this run.
func (o *talkOptions) certificate() (tls.Certificate, error) {
	if o.cert == "" {
		return transfer.MakeCertificate(o.names(), time.Now())
	}
	certificate, err := tls.LoadX509KeyPair(o.cert, o.key)
	if err != nil {
		return certificate, fail(codeSettings, fmt.Errorf("certificate %s: %w", o.cert, withoutPath(err)),
			"name a certificate and its key in two PEM files, as openssl writes them")
	}
	return certificate, nil
}

// names returns the names and addresses under which phones may call this machine.
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
