package phonesim

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

// DefaultTimeout is how long a phone waits for an answer, or for the next bytes of a file, if its Config says nothing.
const DefaultTimeout = 30 * time.Second

// DefaultPassword opens the web page if a Config says nothing: so phones come from the factory (OpenStage administration
// manuals).
const DefaultPassword = "123456"

// DefaultSuspension is how long no password is taken if a Config says nothing (assumed).
const DefaultSuspension = 5 * time.Minute

// overloadPause is how long a phone waits that a service turned away with the reason overload, before it calls again. That a
// phone calls again by itself is assumed, and so is the time.
const overloadPause = time.Minute

// A Config says what a phone is, where, and how it behaves.
type Config struct {
	// Listen is HOST:PORT of the contact port, the guide's 8085; port 0 takes a free one. A phone with an address of its
	// own, such as 127.0.0.5, calls from that address.
	Listen string
	// ListenSecure is HOST:PORT where the contact path is also served by TLS, as on the phones' web page (observed: port
	// 443 with a certificate of the phone's own). "" for none.
	ListenSecure string
	// Web is HOST:PORT of the phone's web page, by TLS; port 0 takes a free one, "" is none: the page can be switched off in
	// phones (the vendor's security checklist).
	Web string
	// Password opens the web page; "" is [DefaultPassword].
	Password string
	// Defaults are the phone's stored defaults for files on a server: a transfer form with Use defaults set uses them. They can
	// be changed on the web page, and are kept over restarts and updates.
	Defaults Access
	// WebCertificate is what the web page shows, and the contact path where it is served by TLS; nil is one of the phone's
	// own, with its MAC address for a name and for the hosts where it listens. It stays the same over restarts and updates.
	WebCertificate *tls.Certificate
	// Service is HOST:PORT of the provisioning service that the phone is set to, "" for none. It gets what the phone says
	// when it has started, and the calls for which no other address was named.
	Service string

	DeviceType   string // such as "OpenScape Desk Phone CP600", "OpenStage 40"
	MAC          string // as 00:1A:E8:00:00:01
	PartNumber   string // such as S30817-S7720-A101-4, or "Unknown"; "" leaves the item out
	SoftwareType string // such as "Unify HFA"
	Version      bind.Version
	E164         string // "" leaves the item out

	// Level is the phone's hardware level. 0 is a phone that does not know its own: it takes no image that states levels
	// (assumed).
	Level uint16
	// Minimum is the lowest version known to run on the phone's hardware; the zero Version is none, and any will do.
	Minimum bind.Version
	// Override makes the phone install what its hardware level or minimum version speaks against (the manual, p. 95).
	Override bool

	CallDelay   time.Duration             // from a contact to the call
	InstallTime time.Duration             // from the whole image to going down
	RestartTime time.Duration             // how long it is gone, and its contact port after too much load
	Down        func(ctx context.Context) // called when RestartTime is over; the phone stays down until it returns. nil for none
	ContactGap  time.Duration             // from one contact that counts to the next; others are acknowledged and forgotten
	CallLength  time.Duration             // how long the call of the fault busy lasts
	Suspension  time.Duration             // how long the page takes no password after three wrong ones; 0 is DefaultSuspension
	Timeout     time.Duration             // for an answer, or for the next bytes; 0 is DefaultTimeout

	// Authorities and Certificate are of secure mode: who may have signed the service's certificate (nil: nobody), and
	// what the phone shows of itself, whichever authorities a service names. That the certificate must also name the host that
	// the phone calls is assumed, and that the phone shows its own where it fetches.
	Authorities *x509.CertPool
	Certificate *tls.Certificate
	// OtherCertificate is what the fault secure-other-certificate shows; nil is one that the phone signs itself.
	OtherCertificate *tls.Certificate

	Faults []Fault

	// Network is what the phone listens and calls on; nil is the system's network.
	Network Network

	// Event is called with everything that happens to the phone, one event at a time; it must return soon, and must not call
	// [Phone.Close]. With several phones it is called by several at a time.
	Event func(Event)
}

// A Network opens the ports and connections of a phone.
type Network interface {
	// Listen takes connections, as [net.ListenConfig.Listen] does.
	Listen(ctx context.Context, network, address string) (net.Listener, error)
	// DialFrom connects, as [net.Dialer.DialContext] does. The zero local address leaves the choice to the network.
	DialFrom(ctx context.Context, local netip.Addr, network, address string) (net.Conn, error)
}

// AddFault adds a fault by its name. The error says that there is none of that name, or which other one it does not go
// with.
func (c *Config) AddFault(name string) error {
	faults := append(c.Faults[:len(c.Faults):len(c.Faults)], Fault(name))
	if _, err := chosen(faults); err != nil {
		return err
	}
	c.Faults = faults
	return nil
}

// apply returns the config with its faults, and the traits that they give.
func (c Config) apply() (Config, traits, error) {
	t := traits{}
	rows, err := chosen(c.Faults)
	if err != nil {
		return c, t, err
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Suspension == 0 {
		c.Suspension = DefaultSuspension
	}
	if c.Password == "" {
		c.Password = DefaultPassword
	}
	if c.Network == nil {
		c.Network = systemNetwork{}
	}
	for _, row := range rows {
		row.set(&c, &t)
	}
	return c, t, c.check()
}

func (c *Config) check() error {
	if c.DeviceType == "" || c.MAC == "" {
		return errors.New("a phone needs a device type and a MAC address")
	}
	if _, err := net.ParseMAC(c.MAC); err != nil {
		return fmt.Errorf("%q is not a MAC address", c.MAC)
	}
	for _, d := range []time.Duration{c.CallDelay, c.InstallTime, c.RestartTime, c.ContactGap, c.CallLength, c.Suspension, c.Timeout} {
		if d < 0 {
			return fmt.Errorf("%v is not a valid duration", d)
		}
	}
	if c.Service == "" {
		return nil
	}
	if _, _, err := net.SplitHostPort(c.Service); err != nil {
		return fmt.Errorf("the service: %w", err)
	}
	return nil
}
