package option

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// CallPort is where phones expect a provisioning service (developer's guide A31003-S2000-R102-16, p. 12).
const CallPort = 18443

// Listen are how phones are spoken to: where they call, and how patient we are.
type Listen struct {
	Listen, Advertise string
	Cert, key         string
	Legacy            bool
	Interval          time.Duration
	Patience          time.Duration
	Probe             time.Duration
	Parallel          int
}

// AddFlags declares the flags.
func (o *Listen) AddFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.Listen, "listen", "", "where phones call: `[ADDR]:PORT` of this machine (usual: port 18443, or a free one if it is taken)")
	flags.StringVar(&o.Advertise, "advertise", "", "what phones are told to call: `HOST[:PORT]` (usual: the address of this machine that reaches the phone)")
	flags.StringVar(&o.Cert, "service-cert", "", "the certificate that phones are shown, a `FILE` in PEM (usual: one made for this run)")
	flags.StringVar(&o.key, "service-key", "", "its key, a `FILE` in PEM")
	flags.BoolVar(&o.Legacy, "legacy-tls", false, "speak to old phones and servers too: TLS 1.0 and 1.1, and ciphers and keys that are broken")
	flags.DurationVar(&o.Patience, "patience", 10*time.Minute, "the longest silence of a phone, `DURATION` as in 10m")
	flags.DurationVar(&o.Interval, "contact-interval", time.Minute, "the shortest time between two requests to one phone to call, `DURATION` as in 60s")
	flags.DurationVar(&o.Probe, "probe-interval", 2*time.Second, "how often a look is taken whether a phone restarts, `DURATION` as in 2s")
	flags.IntVar(&o.Parallel, "parallel", 16, "how many phones are asked, and fetch, at once: a `NUMBER` up to 10000")
}

// Validate keeps what cannot be meant from being tried.
func (o *Listen) Validate(command string) error {
	switch {
	case o.Patience <= 0 || o.Interval <= 0 || o.Probe <= 0:
		return exit.Usage(command, "--patience, --contact-interval and --probe-interval must be longer than nothing")
	case o.Parallel < 1 || o.Parallel > 10_000:
		return exit.Usage(command, "--parallel: from 1 to 10000")
	case (o.Cert == "") != (o.key == ""):
		return exit.Usage(command, "--service-cert and --service-key go together")
	}
	if o.Listen != "" {
		_, port, err := net.SplitHostPort(o.Listen)
		if _, portErr := strconv.ParseUint(port, 10, 16); err != nil || portErr != nil {
			return exit.Usage(command, "--listen %s: [ADDR]:PORT, such as :18443 or 192.0.2.10:18443", o.Listen)
		}
	}
	if _, _, err := o.Advertised(); err != nil {
		return exit.Usage(command, "--advertise %s: HOST or HOST:PORT", o.Advertise)
	}
	return nil
}

// Advertised is what phones are told to call: a host, and a port or 0.
func (o *Listen) Advertised() (host string, port int, err error) {
	if o.Advertise == "" {
		return "", 0, nil
	}
	if ip, err := netip.ParseAddr(strings.Trim(o.Advertise, "[]")); err == nil {
		return ip.String(), 0, nil
	}
	host, text, found := strings.Cut(o.Advertise, ":")
	if strings.HasPrefix(o.Advertise, "[") {
		if host, text, err = net.SplitHostPort(o.Advertise); err != nil {
			return "", 0, err
		}
		found = true
	}
	if found {
		if port, err = strconv.Atoi(text); err != nil || port < 1 || port > 65535 {
			return "", 0, errors.New("no port")
		}
	}
	if host == "" || strings.ContainsAny(host, " /\\@?#\"'<>&:") && !strings.HasPrefix(o.Advertise, "[") {
		return "", 0, errors.New("no host")
	}
	return host, port, nil
}

// Certificate reads the one that is given, or makes one for this run.
func (o *Listen) Certificate() (tls.Certificate, error) {
	if o.Cert == "" {
		return transfer.MakeCertificate(o.names(), time.Now())
	}
	certificate, err := tls.LoadX509KeyPair(o.Cert, o.key)
	if err != nil {
		return certificate, exit.New(exit.CodeSettings, fmt.Errorf("certificate %s: %w", o.Cert, exit.WithoutPath(err)),
			"a certificate and its key in two files in PEM, as openssl makes them")
	}
	return certificate, nil
}

// names are what this machine may be called by phones.
func (o *Listen) names() []string {
	var names []string
	if host, _, _ := o.Advertised(); host != "" {
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
