package fleet

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// A Plan is what is to be done with which phones.
type Plan struct {
	Phones []Target
	Table  *hwcheck.Table // completes what is known of the phones; may be nil
	Image  *Image         // nil: the phones are only looked at

	// Back is where a phone shall call, given the local address that reaches it.
	Back func(local netip.Addr) (host string, port int)
}

// A Target is one phone, and what is stated of it. Only phones that are targets are ever spoken to.
type Target struct {
	Address  string        // HOST, HOST:PORT or [IPv6]:PORT of the contact port
	MAC      string        // as 00:1A:E8:12:34:56; another phone at the address is not touched; "" is any
	Known    hwcheck.Phone // stated by flag or list
	Override bool          // the manual's Override, for this phone
	Reason   string        // why
}

// An Image is what the phones shall run.
type Image struct {
	Facts    bind.Facts
	Policy   hwcheck.Policy // for all phones; Override and Reason are those of the target
	Priority wpi.Priority
	Source   Source // nil: the phones are checked, and told nothing
	Web      *Web   // instead of a source: it is sent into their web pages
}

// A Source is where phones fetch the image.
type Source interface {
	// Grant opens it to one phone.
	Grant(Request) (*Grant, error)
}

// A Request asks a source for one phone's access.
type Request struct {
	Phone netip.Addr        // who will fetch
	Local netip.Addr        // the address of this machine that the phone reaches
	Watch func(serve.Fetch) // to be told how far the phone got, if the source can see it; does not wait
}

// A Grant is one phone's access to the image.
type Grant struct {
	Deployment wpi.Deployment // where, and with which login; the rest is added
	Watched    bool           // the source sees the phone fetch
	Withdraw   func()         // ends the access; may be nil
}

// Options are how patient the run is. The zero value is the usual.
type Options struct {
	ContactInterval time.Duration // the shortest time between two contacts of one phone; 60 s if 0
	Patience        time.Duration // the longest silence of a phone; 10 min if 0. See the package's text on what ends it
	Probe           time.Duration // how often a bare connect looks whether a phone restarts; 2 s if 0
	Timeout         time.Duration // of one contact; 10 s if 0
	Parallel        int           // how many phones are asked and fetch at once; 16 if 0
	ConfirmFirst         time.Duration // how long a phone is asked to call before its web page is visited; 20 s if 0, never longer than Patience
	FinalStatus         time.Duration // how long a phone is asked what it runs after an upload that ended badly, or a stop; 8 s if 0
	RefusalWatch           time.Duration // how long a phone is watched for a restart that has the whole image and whose page speaks against it; 15 Probes if 0, never longer than Patience
	AltPort      string        // port of the other door for contacts, by HTTPS; 443 if ""

	// Dial connects to phones, and Lookup finds the addresses of a name; nil means [net.Dialer.DialContext] and
	// [net.Resolver.LookupNetIP]. The networks are "tcp" and "ip".
	Dial   func(ctx context.Context, network, address string) (net.Conn, error)
	Lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)

	// Event, if not nil, is told everything that happens, one event at a time. It holds up the run while it works.
	Event func(Event)
}

// The usual patience. A phone may ignore contacts that come within its contact gap, 300 s as delivered (OpenStage SIP
// administration manual A31003-O1010-M100-17, p. 3-26); more than one a minute was seen to crash phones.
const (
	defaultInterval = time.Minute
	defaultPatience = 10 * time.Minute
	defaultProbe    = 2 * time.Second
	defaultTimeout  = 10 * time.Second
	defaultParallel = 16
	defaultAltPort     = "443"
	DefaultConfirmFirst  = 20 * time.Second
	defaultFinalStatus  = 8 * time.Second
	defaultRefusalWatch    = 15 // probes
)

// complete puts the usual in the place of what is not given.
func (o Options) complete() Options {
	setDefault(&o.ContactInterval, defaultInterval)
	setDefault(&o.Patience, defaultPatience)
	setDefault(&o.Probe, defaultProbe)
	setDefault(&o.Timeout, defaultTimeout)
	setDefault(&o.Parallel, defaultParallel)
	setDefault(&o.AltPort, defaultAltPort)
	setDefault(&o.ConfirmFirst, DefaultConfirmFirst)
	setDefault(&o.FinalStatus, defaultFinalStatus)
	setDefault(&o.RefusalWatch, defaultRefusalWatch*o.Probe)
	o.RefusalWatch = min(o.RefusalWatch, o.Patience)
	if o.Lookup == nil {
		o.Lookup = net.DefaultResolver.LookupNetIP
	}
	if o.Event == nil {
		o.Event = func(Event) {}
	}
	return o
}

// dial returns what connects to phones.
func (o Options) dial() func(ctx context.Context, network, address string) (net.Conn, error) {
	if o.Dial == nil {
		return (&net.Dialer{}).DialContext
	}
	return o.Dial
}

func setDefault[T cmp.Ordered](field *T, usual T) {
	var zero T
	if *field <= zero {
		*field = usual
	}
}
