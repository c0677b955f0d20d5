package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/callback"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// A localAddress is an address of this machine, and the phones that it reaches.
type localAddress struct {
	addr   netip.Addr
	phones []string
}

// somewhere is an address that nobody has (RFC 5737): packets to it take the default route.
const somewhere = "192.0.2.1:9"

// machineAddress finds the addresses that reach the phones. Nothing is sent for that.
func machineAddress(ctx context.Context, x *diagnosis, _ int) finding {
	targets := map[string]string{} // the contact address, by the phone's name
	names := []string{}
	for _, t := range x.targets {
		targets[t.Address], _ = hwcheck.ContactAddress(t.Address) // targets has checked it
		names = append(names, t.Address)
	}
	if len(names) == 0 {
		targets[""], names = somewhere, []string{""}
	}
	var lost error
	for _, name := range names {
		local, err := x.reaches(ctx, targets[name])
		if err != nil {
			lost = errors.Join(lost, err)
			continue
		}
		i := slices.IndexFunc(x.locals, func(l localAddress) bool { return l.addr == local })
		if i < 0 {
			x.locals = append(x.locals, localAddress{addr: local})
			i = len(x.locals) - 1
		}
		x.locals[i].phones = append(x.locals[i].phones, name)
	}
	switch {
	case len(x.locals) == 0 && len(x.targets) == 0:
		return warn("this machine has no route to other networks", "check this machine's network")
	case len(x.locals) == 0:
		return failed(exit.New(exit.CodeUnreachable, fmt.Errorf("this machine has no route to the phones: %w", innerError(lost)),
			"check this machine's network and the phones' addresses; or set the address that phones reach with --advertise"))
	}
	return passed(x.addressText())
}

// addressText returns text such as "192.0.2.10 reaches 192.0.2.50".
func (x *diagnosis) addressText() string {
	var parts []string
	for _, l := range x.locals {
		switch {
		case l.phones[0] == "":
			parts = append(parts, l.addr.String()+" is used for other networks")
		case len(x.locals) == 1 && len(l.phones) > 1:
			parts = append(parts, fmt.Sprintf("%s reaches all %d phones", l.addr, len(l.phones)))
		default:
			parts = append(parts, l.addr.String()+" reaches "+advice.ShortList(l.phones))
		}
	}
	text := advice.ShortList(parts)
	if x.o.Listen.Advertise != "" {
		text += "; phones are told to use " + x.o.Listen.Advertise
	}
	return text
}

// reaches returns the local address of packets to an address.
func (x *diagnosis) reaches(ctx context.Context, address string) (netip.Addr, error) {
	dialer := net.Dialer{Timeout: x.o.Timeout}
	conn, err := dialer.DialContext(ctx, "udp", address)
	if err != nil {
		return netip.Addr{}, err
	}
	defer conn.Close()
	local, err := netip.ParseAddrPort(conn.LocalAddr().String())
	return local.Addr().Unmap().WithZone(""), err
}

// machineCalls opens the port that phones call back to.
func machineCalls(ctx context.Context, x *diagnosis, _ int) finding {
	listenOptions := &x.o.Listen
	once := *listenOptions
	once.Interval = listenOptions.Patience + listenOptions.Patience // one contact request only
	once.SkipUnreachable = true                                     // what does not work now is the answer
	callbackServer, err := callback.Listen(ctx, &once, x.con.Silent(), x.targets, min(x.o.Timeout, option.ContactTimeout), x.line(), x.heard)
	if err != nil {
		return failed(err)
	}
	x.callbackServer = callbackServer
	port := int(callbackServer.Server.Addr().Port())
	if listenOptions.Listen == "" && port != listenOptions.Port() {
		return warn(fmt.Sprintf("port %d is in use, so a free port is used: %d now, another one next time", listenOptions.Port(), port),
			"stop the program that uses the port, perhaps a second cpupdate; or set a port that the firewall allows with --listen")
	}
	return passed(fmt.Sprintf("port %d is free to listen on", port))
}

// heard prints which other callers connect, with --verbose.
func (x *diagnosis) heard(e fleet.Event) {
	if e.Err != nil && x.con.Verbose {
		x.con.NoteAbout("note", "a caller", e.Err.Error())
	}
}

// machineFetches opens the port that phones fetch from by FTP.
func machineFetches(ctx context.Context, x *diagnosis, _ int) finding {
	if err := x.callbackServer.ServeFTP(); err != nil {
		return failed(err)
	}
	port := x.callbackServer.FTP.Addr().Port()
	local := netip.IPv4Unspecified()
	if len(x.locals) > 0 {
		local = x.locals[0].addr
	}
	host, _ := x.callbackServer.BackFTP(local)
	f := x.knock(ctx, net.JoinHostPort(host, strconv.Itoa(int(port))), "allow this port in the firewall of this machine, and the ports from 1024 on for the data")
	if f.State == stateFailed && x.o.Listen.Advertise != "" {
		return warn(f.Text + "; the address of --advertise may work only from other machines")
	}
	if f.State == stateOK {
		f.Text = fmt.Sprintf("port %d, by ftp, and another port for each fetch", port)
	}
	return f
}

// machineReached connects to itself, as phones do.
func machineReached(ctx context.Context, x *diagnosis, _ int) finding {
	locals := x.locals
	if len(locals) == 0 {
		return skipped("skipped: no address of this machine is known")
	}
	var reached []string
	for _, l := range locals {
		host, port := x.callbackServer.Back(l.addr)
		address := net.JoinHostPort(host, strconv.Itoa(port))
		if slices.Contains(reached, address) {
			continue
		}
		if err := x.callOurselves(ctx, address); err != nil {
			if x.o.Listen.Advertise != "" {
				return warn(fmt.Sprintf("%s does not lead to this machine, tried from here: %v", address, innerError(err)),
					"this is normal behind NAT; only a phone's call-back shows whether phones reach this machine")
			}
			return failed(exit.New(exit.CodeUnreachable, fmt.Errorf("%s: this machine cannot reach itself: %w", address, innerError(err)),
				"allow connections to that port in the firewall of this machine", "or set another address with --listen or --advertise"))
		}
		reached = append(reached, address)
	}
	return passed(advice.ShortList(reached) + ", from here; only a phone's call-back shows whether phones reach it")
}

// callOurselves connects to an address, and checks by TLS that this process answers.
func (x *diagnosis) callOurselves(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, x.o.Timeout)
	defer cancel()
	dialer := net.Dialer{}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	ours, err := leafOf(x.callbackServer.Certificate)
	if err != nil {
		return err
	}
	return handshake(ctx, conn, trust.Policy{Pins: []trust.Pin{trust.PinOf(ours)}}, address)
}
