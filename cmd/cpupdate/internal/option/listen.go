package option

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/atomicfile"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/address"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
)

// CallPort is the port where phones expect a provisioning service (developer's guide A31003-S2000-R102-16, p. 12).
const CallPort = 18443

// SecurePort is the port where phones in secure mode expect one (the same guide, pp. 12 and 64).
const SecurePort = 18444

// Listen say where phones call back, and how long to wait for them.
type Listen struct {
	Listen, Advertise string
	Cert, key         string
	PhoneCA           string
	Legacy            bool
	Interval          time.Duration
	Patience          time.Duration
	Probe             time.Duration
	Parallel          int
	SkipUnreachable   bool
	Network           Network

	patience *pflag.Flag // nil if there are no flags
}

// A Network connects to phones, and opens the ports that they call. A field that is nil means the network of the system.
type Network struct {
	Dial   func(ctx context.Context, network, address string) (net.Conn, error)
	Lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)
	Listen func(address string) (net.Listener, error)
}

// AddFlags declares the flags.
func (o *Listen) AddFlags(flags *pflag.FlagSet) {
	end := console.Group(flags, "This machine")
	flags.StringVar(&o.Listen, "listen", "", "listen for phones at `[ADDR]:PORT` of this machine (default port 18443, with --phone-ca 18444, or a free port if that is in use)")
	flags.StringVar(&o.Advertise, "advertise", "", "instruct phones to call `HOST[:PORT]` (default: the address of this machine on the route to the phone)")
	flags.StringVar(&o.Cert, "service-cert", "", "present the certificate in `FILE` (PEM) to phones (default: a new one for each run)")
	flags.StringVar(&o.key, "service-key", "", "the private key of --service-cert, a `FILE` in PEM")
	flags.StringVar(&o.PhoneCA, "phone-ca", "", "require phones that call to present a certificate that an authority in `FILE` (PEM) has signed, as phones in secure mode do (default: phones present none)")
	end()
	end = console.Group(flags, "Trust")
	flags.BoolVar(&o.Legacy, "legacy-tls", false, "accept old phones and servers: TLS 1.0 and 1.1, and insecure ciphers and keys")
	end()
	defer console.Group(flags, "Timing")()
	flags.DurationVar(&o.Patience, "patience", 10*time.Minute, "how long to wait for a phone's next step (`DURATION`, such as 10m)")
	o.patience = flags.Lookup("patience")
	flags.DurationVar(&o.Interval, "contact-interval", time.Minute, "the minimum time between two contact requests to one phone (`DURATION`, such as 60s)")
	flags.DurationVar(&o.Probe, "probe-interval", 2*time.Second, "how often to check whether a phone restarts (`DURATION`, such as 2s)")
	flags.BoolVar(&o.SkipUnreachable, "skip-unreachable", false, "give up a phone at once if its first contact request fails (default: try again until --patience ends, because the phone may be restarting)")
	flags.IntVar(&o.Parallel, "parallel", 16, "how many phones are queried, and fetch the image, at the same time: a `NUMBER` up to 10000")
}

// longest is more time than anybody waits for a phone: several times of it can be counted.
const longest = 365 * 24 * time.Hour

// CheckSettle rejects a value of --settle that is not greater than zero, or longer than a year.
func CheckSettle(command string, settle time.Duration) error {
	switch {
	case settle <= 0:
		return exit.Usage(command, "--settle %s: must be greater than zero", settle)
	case settle > longest:
		return exit.Usage(command, "--settle %s: must be at most %dh, a year", settle, longest/time.Hour)
	}
	return nil
}

// Validate rejects invalid values.
func (o *Listen) Validate(command string) error {
	switch {
	case o.Patience <= 0 || o.Interval <= 0 || o.Probe <= 0:
		return exit.Usage(command, "--patience, --contact-interval and --probe-interval must be greater than zero")
	case max(o.Patience, o.Interval, o.Probe) > longest:
		return exit.Usage(command, "--patience, --contact-interval and --probe-interval: must be at most %dh, a year", longest/time.Hour)
	case o.Parallel < 1 || o.Parallel > 10_000:
		return exit.Usage(command, "--parallel: must be from 1 to 10000")
	case (o.Cert == "") != (o.key == ""):
		return exit.Usage(command, "--service-cert and --service-key: give both or neither")
	}
	if o.Listen != "" {
		host, port, err := net.SplitHostPort(o.Listen)
		if host != "" && err == nil {
			if _, err := address.Host(host); err != nil {
				return exit.Usage(command, "--listen: %w", err)
			}
		}
		if _, portErr := strconv.ParseUint(port, 10, 16); err != nil || portErr != nil {
			return exit.Usage(command, "--listen %s: must be [ADDR]:PORT, such as :18443 or 192.0.2.10:18443", o.Listen)
		}
	}
	if _, _, err := o.Advertised(); err != nil {
		return exit.Usage(command, "--advertise: %w", err)
	}
	return nil
}

// ForQuery returns the options of a command that only queries phones. Somebody waits for its answer: without --patience, a
// phone that cannot be reached is given up at once.
func (o *Listen) ForQuery() *Listen {
	q := *o
	q.SkipUnreachable = o.SkipUnreachable || o.patience != nil && !o.patience.Changed
	return &q
}

// Hurry lowers the patience, unless it is given.
func (o *Listen) Hurry(patience time.Duration) {
	if o.patience == nil || !o.patience.Changed {
		o.Patience = min(o.Patience, patience)
	}
}

// The file descriptors that a run needs: for itself, and for each phone that is queried or fetches at a time. A phone has one
// connection that it made, and one that it fetches by or that it was contacted by; servers keep ended ones for a moment.
const (
	ownDescriptors   = 24
	phoneDescriptors = 3
)

// Again returns the flags without which another command cannot query the phones of this run: "", or with a space before each.
func (o *Listen) Again() string {
	text := ""
	for _, flag := range [][2]string{{"--phone-ca", o.PhoneCA}, {"--service-cert", o.Cert}, {"--service-key", o.key}} {
		if flag[1] != "" {
			text += " " + flag[0] + " " + exit.Word(flag[1])
		}
	}
	if o.Legacy {
		text += " --legacy-tls"
	}
	return text
}

// Fit lowers --parallel to what this machine lets one process open, and says so. It returns how many connections to phones may
// be open besides at a time, 0 for any number.
func (o *Listen) Fit(con *console.Console) (connections int) {
	limit := maxDescriptors()
	if limit <= 0 {
		return 0
	}
	fits := max((limit-ownDescriptors)/phoneDescriptors, 1)
	if o.Parallel > fits {
		con.NoteAbout("note", "--parallel", fmt.Sprintf("lowered from %d to %d: this machine lets a process open %d files and connections (ulimit -n)", o.Parallel, fits, limit))
		o.Parallel = fits
	}
	return fits
}

// Advertised returns the host that phones are instructed to call, and the port or 0.
func (o *Listen) Advertised() (host string, port int, err error) {
	if o.Advertise == "" {
		return "", 0, nil
	}
	host, port, err = address.Split(o.Advertise)
	if err == nil {
		err = address.CheckOne(host)
	}
	if err != nil {
		return "", 0, err
	}
	return host, port, nil
}

// Port returns the port that phones call if no other is set.
func (o *Listen) Port() int {
	if o.PhoneCA != "" {
		return SecurePort
	}
	return CallPort
}

// PhoneAuthorities reads the authorities of --phone-ca, nil without it.
func (o *Listen) PhoneAuthorities(ctx context.Context) (*x509.CertPool, error) {
	if o.PhoneCA == "" {
		return nil, nil //nolint:nilnil // none were given
	}
	return settings.ReadAuthorities(ctx, o.PhoneCA, "the phones' certificates")
}

// Certificate reads the certificate of --service-cert, or makes one for this run. One that is made names only what phones
// are told to call: if that is the address of this machine on the route to the phone, forLocal returns the certificate for
// it; otherwise forLocal is nil.
func (o *Listen) Certificate(ctx context.Context) (certificate tls.Certificate, forLocal func(netip.Addr) (*tls.Certificate, error), err error) {
	if o.Cert != "" {
		certificate, err = atomicfile.ReadKeyPair(ctx, o.Cert, o.key)
		if err != nil {
			err = exit.New(exit.CodeSettings, fmt.Errorf("certificate %s: %w", o.Cert, exit.WithoutPath(err)),
				atomicfile.KeyPairHint(err))
		}
		return certificate, nil, err
	}
	if host, _, _ := o.Advertised(); host != "" {
		certificate, err = serve.MakeCertificate([]string{host}, time.Now())
		return certificate, nil, err
	}
	all, err := serve.NewCertificates(time.Now())
	if err != nil {
		return certificate, nil, err
	}
	first, err := all.For(netip.IPv6Loopback())
	if err != nil {
		return certificate, nil, err
	}
	return *first, all.For, nil
}
