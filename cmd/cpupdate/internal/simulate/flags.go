package simulate

import (
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
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// maxAuthorities is the size of the largest file with authorities in bytes.
const maxAuthorities = 1 << 20

// addPhoneFlags adds the flags that say what the phones are. They have usual values, since a phone has to be something.
func (o *Options) addPhoneFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.phone.Model, "model", "CP600", "their `MODEL`, such as CP400, or a whole device type, such as \"OpenStage 40\"")
	flags.StringVar(&o.mac, "mac", "00:1A:E8:00:00:01", "the `MAC` address of the first; the others count up from it")
	flags.StringVar(&o.phone.Part, "part-number", "", "their part `NUMBER`, such as S30817-S7720-A101-4 (usual: they say none)")
	flags.StringVar(&o.phone.Level, "hw-level", "3", "their hardware level, a `NUMBER` from 1, or none: they do not know their own")
	flags.StringVar(&o.phone.Minimum, "minimum-version", "", "the lowest `VERSION` for their hardware (usual: any will do)")
	flags.StringVar(&o.phone.Kind, "software-type", "Unify HFA", "the `TYPE` that they run")
	flags.StringVar(&o.phone.Running, "running", "V1 R4.9.0", "the `VERSION` that they run")
	flags.StringVar(&o.number, "e164", "", "the phone number, `DIGITS`, of the first; the others count up from it (usual: none)")
	flags.BoolVar(&o.override, "phone-override", false, "the manual's Override is set in them: they install what their level or lowest version speaks against")
}

// placeOptions are where phones are, and whom they know.
type placeOptions struct {
	listen, secure, Web, service string
	ListenGiven                  bool
}

func (o *placeOptions) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.listen, "listen", "127.0.0.1", "where they take requests to call: `HOST[:PORT]`; with a port they take it and those after it, else free ones")
	flags.StringVar(&o.secure, "secure-listen", "", "where they take them by TLS too: `HOST:PORT`, and the ports after it (usual: nowhere)")
	flags.StringVar(&o.Web, "web", "", "where they have their web pages, by TLS: `HOST[:PORT]`; with a port they take it and those after it, else free ones; :PORT is that port of each phone's own address (usual: nowhere)")
	flags.StringVar(&o.service, "service", "", "the provisioning service that is set in them, `HOST:PORT`: it is told when they start (usual: none)")
}

// webAtHome reports whether the web pages are at the phones' own addresses, at the same port of each.
func (o *placeOptions) webAtHome() bool { return strings.HasPrefix(o.Web, ":") }

// homePage is where a phone has its web page that listens at an address; "" if that is not for its own address to say.
func (o *placeOptions) homePage(listen string) (string, error) {
	if !o.webAtHome() {
		return "", nil
	}
	host, _, err := net.SplitHostPort(listen)
	if n, numErr := strconv.ParseUint(o.Web[1:], 10, 16); err != nil || numErr != nil || n == 0 {
		return "", exit.Usage("simulate", "--web %s: HOST, HOST:PORT or :PORT", o.Web)
	}
	return net.JoinHostPort(host, o.Web[1:]), nil
}

// A portRange is where phones listen: the first at port, the next at the port after it; 0 is a free port for each.
type portRange struct {
	host string
	port int
}

// at is where the phone listens that is i phones after the first; "" if there is no range.
func (r portRange) at(i int) string {
	switch {
	case r.host == "":
		return ""
	case r.port == 0:
		i = 0
	}
	return net.JoinHostPort(r.host, strconv.Itoa(r.port+i))
}

// parseRange reads HOST or HOST:PORT as the range of count phones.
func parseRange(flag, text string, count int) (portRange, error) {
	r := portRange{host: strings.Trim(text, "[]")}
	if _, err := netip.ParseAddr(r.host); err != nil && strings.Contains(text, ":") {
		host, port, err := net.SplitHostPort(text)
		n, numErr := strconv.ParseUint(port, 10, 16)
		if err != nil || numErr != nil {
			return r, exit.Usage("simulate", "--%s %s: HOST or HOST:PORT", flag, text)
		}
		r = portRange{host, int(n)}
	}
	ip, err := netip.ParseAddr(r.host)
	switch {
	case r.host == "" || err != nil && strings.ContainsAny(r.host, " /\\@?#\"'<>&:"):
		return r, exit.Usage("simulate", "--%s %s: HOST or HOST:PORT", flag, text)
	case err == nil && ip.IsUnspecified():
		return r, exit.Usage("simulate", "--%s %s: name one address, at which the phones can be reached", flag, text)
	case r.port > 0 && r.port+count-1 > 65535:
		return r, exit.Usage("simulate", "--%s %s: from port %d on there are no ports for %d phones", flag, text, r.port, count)
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
			err = exit.Usage("simulate", "--secure-listen %s: HOST:PORT, since nobody could know a free one", o.secure)
		}
	}
	if o.service != "" && err == nil {
		host, port, splitErr := net.SplitHostPort(o.service)
		n, numErr := strconv.ParseUint(port, 10, 16)
		if splitErr != nil || numErr != nil || n == 0 || host == "" {
			err = exit.Usage("simulate", "--service %s: HOST:PORT", o.service)
		}
	}
	return listen, secure, web, err
}

// waitOptions are how long phones take for what.
type waitOptions struct {
	call, install, restart, gap, talk, timeout time.Duration
}

func (o *waitOptions) addFlags(flags *pflag.FlagSet) {
	flags.DurationVar(&o.call, "call-delay", 0, "from a request to the call: `DURATION` as in 5s")
	flags.DurationVar(&o.install, "install-time", Seconds(1), "from the whole image to the restart: `DURATION`")
	flags.DurationVar(&o.restart, "restart-time", Seconds(5), "how long a restart takes: `DURATION`; real phones take minutes")
	flags.DurationVar(&o.gap, "contact-gap", 0, "how long they ignore further requests to call: `DURATION`; real phones do for up to 5m")
	flags.DurationVar(&o.talk, "call-length", 0, "how long the call with somebody lasts that the faults busy and busy-no-solicited put them into: `DURATION` (usual: 1m)")
	flags.DurationVar(&o.timeout, "timeout", phonesim.DefaultTimeout, "the longest wait for an answer, or for the next bytes of a file: `DURATION`")
}

func (o *waitOptions) validate() error {
	for _, wait := range []struct {
		flag string
		d    time.Duration
	}{
		{"call-delay", o.call}, {"install-time", o.install}, {"restart-time", o.restart}, {"contact-gap", o.gap}, {"call-length", o.talk},
	} {
		if wait.d < 0 {
			return exit.Usage("simulate", "--%s %v: is no time to wait", wait.flag, wait.d)
		}
	}
	if o.timeout <= 0 {
		return exit.Usage("simulate", "--timeout must be longer than nothing")
	}
	return nil
}

// simulatedTrust is what phones have for secure mode.
type simulatedTrust struct{ ca, cert, key string }

func (o *simulatedTrust) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.ca, "ca", "", "in secure mode (--fault secure-mode): the authorities that they trust, a `FILE` in PEM (usual: none)")
	flags.StringVar(&o.cert, "phone-cert", "", "in secure mode: the certificate that they show, a `FILE` in PEM")
	flags.StringVar(&o.key, "phone-key", "", "its key, a `FILE` in PEM")
}

// read reads the files. What a key's file holds never reaches an error.
func (o *simulatedTrust) read() (pool *x509.CertPool, certificate *tls.Certificate, err error) {
	if (o.cert == "") != (o.key == "") {
		return nil, nil, exit.Usage("simulate", "--phone-cert and --phone-key go together")
	}
	if o.ca != "" {
		text, err := atomicfile.ReadLimited(o.ca, maxAuthorities)
		pool = x509.NewCertPool()
		if err == nil && !pool.AppendCertsFromPEM(text) {
			err = errors.New("holds no certificate")
		}
		if err != nil {
			return nil, nil, exit.New(exit.CodeSettings, fmt.Errorf("authorities %s: %w", o.ca, exit.WithoutPath(err)), "certificates in PEM")
		}
	}
	if o.cert != "" {
		pair, err := tls.LoadX509KeyPair(o.cert, o.key)
		if err != nil {
			return nil, nil, exit.New(exit.CodeSettings, fmt.Errorf("certificate %s: %w", o.cert, exit.WithoutPath(err)),
				"a certificate and its key in two files in PEM, as openssl makes them")
		}
		certificate = &pair
	}
	return pool, certificate, nil
}

// stated reads the flags that say what the phones are. known is what a list may say, config what only phones know.
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
		return known, 0, exit.Usage("simulate", "--software-type %q holds what does not print, or too much", o.phone.Kind)
	case strings.Trim(o.number, "0123456789") != "" || len(o.number) > maxNumber:
		return known, 0, exit.Usage("simulate", "--e164 %s: at most %d digits, without +", o.number, maxNumber)
	}
	known.Device[0].Value = device
	if len(known.Level) > 0 {
		level = known.Level[0].Value
	}
	return known, level, nil
}

// unknownPart is what phones say that do not know their part number.
const unknownPart = "Unknown"

// maxNumber is how many digits a phone number has at most (ITU-T E.164).
const maxNumber = 15

// deviceType makes a whole device type of a model: CP600 is an OpenScape Desk Phone CP600. The error begins with the model.
func deviceType(model string) (string, error) {
	model = strings.Join(strings.Fields(model), " ")
	if !printable(model) {
		return "", fmt.Errorf("%.64q holds what does not print, or too much", model)
	}
	short := strings.ToUpper(model)
	if digits, found := strings.CutPrefix(short, "CP"); found && digits != "" && strings.Trim(digits, "0123456789") == "" {
		return "OpenScape Desk Phone " + short, nil
	}
	if !strings.Contains(model, " ") {
		return "", fmt.Errorf("%s: neither a model such as CP600 nor a whole device type such as \"OpenStage 40\"", model)
	}
	return model, nil
}

// printable reports whether a phone list would hold the text, and a terminal would show it as it is.
func printable(text string) bool {
	const most = 512 // bytes of a cell
	return len(text) <= most && utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !bind.Prints(r) })
}
