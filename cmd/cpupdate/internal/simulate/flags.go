package simulate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/atomicfile"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/address"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// maxAuthorities is the maximum size of a file with authorities in bytes.
const maxAuthorities = 1 << 20

// addPhoneFlags adds the flags that describe the phones. They have defaults, because every phone needs a description.
func (o *Options) addPhoneFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.phone.Model, "model", "CP600", "device `MODEL`, such as CP400, or a whole device type, such as \"OpenStage 40\"")
	flags.StringVar(&o.mac, "mac", "00:1A:E8:00:00:01", "`MAC` address of the first phone; the others count up from it")
	flags.StringVar(&o.phone.Part, "part-number", "", "part `NUMBER`, such as S30817-S7720-A101-4 (default none: they do not report one)")
	flags.StringVar(&o.phone.Level, "hw-level", "3", "hardware level, a `NUMBER` from 1, or none: they do not know their own")
	flags.StringVar(&o.phone.Minimum, "minimum-version", "", "lowest `VERSION` that the hardware needs (default none)")
	flags.StringVar(&o.phone.Kind, "software-type", "Unify HFA", "software `TYPE` that they run")
	flags.StringVar(&o.phone.Running, "running", "V1 R4.9.0", "`VERSION` that they run")
	flags.StringVar(&o.number, "e164", "", "phone number, `DIGITS`, of the first phone; the others count up from it (default none)")
	flags.BoolVar(&o.override, "phone-override", false, "set the manual's Override in the phones: they install images that their level or lowest version excludes")
}

// placeOptions say where phones listen, and which service they contact.
type placeOptions struct {
	listen, secure, Web, service string
	ListenGiven                  bool
}

func (o *placeOptions) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.listen, "listen", "127.0.0.1", "accept contact requests at `HOST[:PORT]`; with a port, the phones use it and the ports after it, otherwise free ones")
	flags.StringVar(&o.secure, "secure-listen", "", "accept contact requests by TLS too, at `HOST:PORT` and the ports after it (default none)")
	flags.StringVar(&o.Web, "web", "", "serve web pages by TLS at `HOST[:PORT]`; with a port, the phones use it and the ports after it, otherwise free ones; :PORT is that port of each phone's own address (default none)")
	flags.StringVar(&o.service, "service", "", "contact the provisioning service `HOST:PORT` when they start (default none)")
}

// webAtHome reports whether the web pages are at the phones' own addresses, at the same port of each.
func (o *placeOptions) webAtHome() bool { return strings.HasPrefix(o.Web, ":") }

// homePage returns the address of a phone's web page for the address that the phone listens at; "" if --web does not
// use the phone's own address.
func (o *placeOptions) homePage(listen string) (string, error) {
	if !o.webAtHome() {
		return "", nil
	}
	host, _, err := net.SplitHostPort(listen)
	if n, numErr := strconv.ParseUint(o.Web[1:], 10, 16); err != nil || numErr != nil || n == 0 {
		return "", exit.Usage("simulate", "--web %s: use HOST, HOST:PORT or :PORT", o.Web)
	}
	return net.JoinHostPort(host, o.Web[1:]), nil
}

// A portRange says where phones listen: the first at port, the next at the port after it; 0 is a free port for each.
type portRange struct {
	host string
	port int
}

// at returns the address of the phone that is i phones after the first; "" if there is no range.
func (r portRange) at(i int) string {
	switch {
	case r.host == "":
		return ""
	case r.port == 0:
		i = 0
	}
	return net.JoinHostPort(r.host, strconv.Itoa(r.port+i))
}

// parseRange parses HOST or HOST:PORT as the range of count phones. Port 0 is no port.
func parseRange(flag, text string, count int) (portRange, error) {
	if host, port, err := net.SplitHostPort(text); err == nil && port == "0" {
		text = host
	}
	host, port, err := address.Split(text)
	r := portRange{host, port}
	ip, noIP := netip.ParseAddr(r.host)
	switch {
	case err != nil:
		return r, exit.Usage("simulate", "--%s: %w", flag, err)
	case noIP == nil && ip.IsUnspecified():
		return r, exit.Usage("simulate", "--%s %s: use one address, at which the phones can be reached", flag, text)
	case r.port > 0 && r.port+count-1 > 65535:
		return r, exit.Usage("simulate", "--%s %s: there are no ports from %d on for %d phones", flag, text, r.port, count)
	}
	return r, nil
}

func (o *placeOptions) ranges(count int) (listen, secure, web portRange, err error) {
	if listen, err = parseRange("listen", o.listen, count); err != nil {
		return listen, secure, web, err
	}
	if o.Web != "" && !o.webAtHome() {
		if web, err = parseRange("web", o.Web, count); err != nil {
			return listen, secure, web, err
		}
	}
	if o.secure != "" {
		if secure, err = parseRange("secure-listen", o.secure, count); err == nil && secure.port == 0 {
			err = exit.Usage("simulate", "--secure-listen %s: use HOST:PORT, because a free port could not be known in advance", o.secure)
		}
	}
	if o.service != "" && err == nil {
		switch _, port, hostErr := address.Split(o.service); {
		case hostErr != nil:
			err = exit.Usage("simulate", "--service: %w", hostErr)
		case port == 0:
			err = exit.Usage("simulate", "--service %s: use HOST:PORT", o.service)
		}
	}
	return listen, secure, web, err
}

// waitOptions say how long phones take for each step.
type waitOptions struct {
	call, install, restart, gap, callLength, timeout time.Duration
}

func (o *waitOptions) addFlags(flags *pflag.FlagSet) {
	flags.DurationVar(&o.call, "call-delay", 0, "time from a contact request to the call-back: `DURATION`, such as 5s")
	flags.DurationVar(&o.install, "install-time", Seconds(1), "time from the complete image to the restart: `DURATION`")
	flags.DurationVar(&o.restart, "restart-time", Seconds(5), "time that a restart takes: `DURATION`; real phones take minutes")
	flags.DurationVar(&o.gap, "contact-gap", 0, "time during which further contact requests are ignored: `DURATION`; real phones ignore them for up to 5m")
	flags.DurationVar(&o.callLength, "call-length", 0, "length of the telephone call that the faults busy and busy-no-solicited simulate: `DURATION` (default 1m)")
	flags.DurationVar(&o.timeout, "timeout", phonesim.DefaultTimeout, "how long to wait for an answer, or for the next bytes of a file: `DURATION`")
}

func (o *waitOptions) validate() error {
	for _, wait := range []struct {
		flag string
		d    time.Duration
	}{
		{"call-delay", o.call}, {"install-time", o.install}, {"restart-time", o.restart}, {"contact-gap", o.gap}, {"call-length", o.callLength},
	} {
		if wait.d < 0 {
			return exit.Usage("simulate", "--%s %v must not be negative", wait.flag, wait.d)
		}
	}
	if o.timeout <= 0 {
		return exit.Usage("simulate", "--timeout must be greater than zero")
	}
	return nil
}

// simulatedTrust names the files that phones use in secure mode.
type simulatedTrust struct{ ca, cert, key, folder string }

func (o *simulatedTrust) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.folder, "secure-folder", "", "put all phones into secure mode, with an authority made for this run, and write ca.pem, service.crt and service.key for push into `FOLDER`")
	flags.StringVar(&o.ca, "ca", "", "in secure mode (--fault secure-mode): the authorities that they trust, a `FILE` in PEM (default none)")
	flags.StringVar(&o.cert, "phone-cert", "", "in secure mode: the certificate that they present, a `FILE` in PEM")
	flags.StringVar(&o.key, "phone-key", "", "in secure mode: the key of that certificate, a `FILE` in PEM")
}

// read reads the files. The content of a key file never appears in an error.
func (o *simulatedTrust) read(ctx context.Context) (pool *x509.CertPool, certificate *tls.Certificate, err error) {
	if err := o.checkFolder(); err != nil {
		return nil, nil, err
	}
	if (o.cert == "") != (o.key == "") {
		return nil, nil, exit.Usage("simulate", "--phone-cert and --phone-key: use both or none")
	}
	if o.ca != "" {
		text, err := atomicfile.ReadLimited(ctx, o.ca, maxAuthorities)
		pool = x509.NewCertPool()
		if err == nil && !pool.AppendCertsFromPEM(text) {
			err = errors.New("contains no certificate")
		}
		if err != nil {
			return nil, nil, exit.New(exit.CodeSettings, fmt.Errorf("CA file %s: %w", o.ca, exit.WithoutPath(err)), "use certificates in PEM")
		}
	}
	if o.cert != "" {
		pair, err := atomicfile.ReadKeyPair(ctx, o.cert, o.key)
		if err != nil {
			return nil, nil, exit.New(exit.CodeSettings, fmt.Errorf("certificate %s: %w", o.cert, exit.WithoutPath(err)),
				atomicfile.KeyPairHint(err))
		}
		certificate = &pair
	}
	return pool, certificate, nil
}

// stated reads the flags that describe the phones. known is what a list may say, config what only phones know.
func (o *Options) stated() (known hwcheck.Phone, level uint16, err error) {
	described := o.phone
	if described.Level == "none" {
		described.Level = ""
	}
	if described.Part == unknownPart {
		described.Part = ""
	}
	if known, err = described.Phone("simulate"); err != nil {
		return known, 0, err
	}
	device, err := deviceType(o.phone.Model)
	switch {
	case err != nil:
		return known, 0, exit.Usage("simulate", "--model %v", err)
	case !printable(o.phone.Kind):
		return known, 0, exit.Usage("simulate", "--software-type %q contains characters that cannot be printed, or is too long", o.phone.Kind)
	case strings.Trim(o.number, "0123456789") != "" || len(o.number) > maxNumber:
		return known, 0, exit.Usage("simulate", "--e164 %s: at most %d digits, without +", o.number, maxNumber)
	}
	known.Device[0].Value = device
	if len(known.Level) > 0 {
		level = known.Level[0].Value
	}
	return known, level, nil
}

// unknownPart is what phones report if they do not know their part number.
const unknownPart = "Unknown"

// maxNumber is the maximum number of digits of a phone number (ITU-T E.164).
const maxNumber = 15

// deviceType returns the whole device type of a model: CP600 is an OpenScape Desk Phone CP600. The error begins with
// the model.
func deviceType(model string) (string, error) {
	model = strings.Join(strings.Fields(model), " ")
	if !printable(model) {
		return "", fmt.Errorf("%.64q contains characters that cannot be printed, or is too long", model)
	}
	short := strings.ToUpper(model)
	if digits, found := strings.CutPrefix(short, "CP"); found && digits != "" && strings.Trim(digits, "0123456789") == "" {
		return "OpenScape Desk Phone " + short, nil
	}
	if !strings.Contains(model, " ") {
		return "", fmt.Errorf("%s is neither a model such as CP600 nor a whole device type such as \"OpenStage 40\"", model)
	}
	return model, nil
}

// printable reports whether a phone list can hold the text, and a terminal shows it unchanged.
func printable(text string) bool {
	const most = 512 // bytes of a cell
	return len(text) <= most && utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !bind.Prints(r) })
}
