package fleet

import (
	"cmp"
	"context"
	"crypto/x509"
	"net"
	"net/netip"
	"time"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// A Plan says what to do with which phones.
type Plan struct {
	Phones []Target
	Table  *hwcheck.Table // completes what is known of the phones; may be nil
	Image  *Image         // nil: the phones are only queried
	Pages  *Web           // without an image: the phones are not contacted, and their web pages are examined up to the form

	// Settle is how long a phone that an earlier run instructed may take from then until it runs the new version; 15 min if 0.
	Settle time.Duration
	// Begin, if not nil, is called before a phone waits for its turn among [Options.Parallel], and may wait long. Ready, if not nil,
	// is called when it has its turn, before it is contacted. Their errors leave the phone alone.
	Begin func(ctx context.Context, number int) error
	Ready func(ctx context.Context, number int) error
	// Commit, if not nil, is called before the step that cannot be undone: StepInstructed before a phone is sent the update command,
	// and StepSending before the first byte of the image is sent to its web page. Its error leaves the phone alone.
	Commit func(ctx context.Context, number int, step Step) error

	// Back returns where a phone has to call back, given the local address that reaches it.
	Back func(local netip.Addr) (host string, port int)
}

// A Target is one phone, and what is stated of it. Only targets are ever contacted.
type Target struct {
	Address  string        // of the contact port: HOST, HOST:PORT or [IPv6]:PORT
	MAC      string        // as 00:1A:E8:12:34:56; a phone with another one is left alone; "" accepts any
	Known    hwcheck.Phone // stated by flag or list
	Override bool          // the manual's Override, for this phone
	Reason   string        // why
	Note     string        // of the list, such as the room; only shown
	Site     string        // of the list; only kept
	Called   Device        // with Plan.Pages: what it said when it called back before; zero if it did not
	Image    *Image        // the software for it; nil: that of the plan
	Earlier  *Earlier      // what an earlier run did with it; nil if that was nothing
}

// An Earlier says that a phone got the update command, or the image, from an earlier run whose end is not known. Such a phone is
// only queried: it is never instructed again.
type Earlier struct {
	At     time.Time // when it got it
	Before Device    // what it said before that
}

// Label returns the address with the beginning of the note, such as "192.0.2.1 (reception)", for people.
func (t Target) Label() string {
	const longest = 40 // characters
	note := []rune(t.Note)
	switch {
	case len(note) == 0:
		return t.Address
	case len(note) > longest:
		note = append(note[:longest-3:longest-3], []rune("...")...)
	}
	return t.Address + " (" + string(note) + ")"
}

// imageOf returns the software for a phone, nil if it gets none.
func (p *Plan) imageOf(t Target) *Image {
	if t.Image != nil {
		return t.Image
	}
	return p.Image
}

// webOf returns how the web page of a phone is visited, nil if it is not.
func (p *Plan) webOf(t Target) *Web {
	if image := p.imageOf(t); image != nil {
		return image.Web
	}
	return p.Pages
}

// secrets returns the passwords for the server of the image that phones may know before they are given one.
func (i *Image) secrets() []secret.Secret {
	if i == nil {
		return nil
	}
	all := []secret.Secret{i.Secret}
	if fixed, known := i.Source.(elsewhere); known {
		all = append(all, secret.New(fixed.deployment.Password))
	}
	return all
}

// An Image is the software to install.
type Image struct {
	Facts    bind.Facts
	Policy   hwcheck.Policy // for all phones; Override and Reason are those of the target
	Priority wpi.Priority
	Source   Source // nil: the phones are checked, and get no update command
	// Secret is the password with which the image was put where it is. Phones may know it, and it is kept out of what they say. It is
	// not sent.
	Secret secret.Secret
	Web    *Web // the phones' web pages: the image is uploaded to them, or they are told to fetch it from the source

	// Unchanged, if not nil, reports before each update command or upload whether the image is still what was verified. Its
	// error ends the run.
	Unchanged func(context.Context) error
}

// OnlyChecks reports whether phones are checked, and get nothing.
func (i *Image) OnlyChecks() bool {
	return i.Source == nil && i.Web == nil || i.Web != nil && i.Web.DryRun
}

// A Source is a server from which phones fetch the image.
type Source interface {
	// Grant gives one phone access.
	Grant(Request) (*Grant, error)
}

// A Request asks a source for access for one phone.
type Request struct {
	Phone netip.Addr // the address that will fetch
	Local netip.Addr // the address of this machine that the phone reaches
	// Accepts reports whether a certificate that comes with a fetch, and is verified, is that of the phone. It does not wait.
	Accepts func(*x509.Certificate) bool
	Watch   func(serve.Fetch) // to be told how far the phone got, if the source can see it; does not wait

	// Failed is told that the image cannot be read, or is not what was verified any more: that ends the run. It does not wait.
	Failed func(error)
}

// A Grant is one phone's access to the image.
type Grant struct {
	Deployment wpi.Deployment // where, and with which login; the rest is added
	Watched    bool           // the source sees the phone fetch
	Withdraw   func()         // ends the access; may be nil
}

// Options say how long a run waits for what, and how it reaches phones. The zero value means the defaults.
type Options struct {
	ContactInterval time.Duration // shortest time between two contact requests to one phone (default 60 s)
	Patience        time.Duration // longest silence of a phone (default 10 min); the package comment says what ends it
	Probe           time.Duration // interval of the connects that detect a restart (default 2 s)
	Timeout         time.Duration // of one contact request (default 10 s)
	Parallel        int           // how many phones are contacted and fetch at a time (default 16)
	Connections     int           // how many connections contact requests and probes may hold at a time (default: any number)
	ConfirmFirst    time.Duration // how long to wait for a call-back before the web page is visited (default 20 s, at most Patience)
	FinalStatus     time.Duration // how long a phone is queried after a failed upload or an interrupt (default 8 s)
	RefusalWatch    time.Duration // how long a phone that has the image, but whose page refuses it, is watched for a restart (default 15 Probes, at most Patience)
	SkipUnreachable bool          // a phone is given up at once if its first contact request fails; else it is tried for Patience, since it may be restarting
	AltPort         string        // HTTPS port that accepts contact requests too (default 443)

	// Dial connects to phones, and Lookup finds the addresses of a name; nil means [net.Dialer.DialContext] and
	// [net.Resolver.LookupNetIP]. The networks are "tcp" and "ip".
	Dial   func(ctx context.Context, network, address string) (net.Conn, error)
	Lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)

	// Event, if not nil, is called with everything that happens, one event at a time. The run waits for it.
	Event func(Event)

	connect dialFunc // for contact requests and probes
}

// The defaults. A phone may ignore contact requests within its contact gap, 300 s as delivered (OpenStage SIP
// administration manual A31003-O1010-M100-17, p. 3-26); more than one a minute was seen to crash phones.
const (
	defaultInterval     = time.Minute
	defaultPatience     = 10 * time.Minute
	defaultProbe        = 2 * time.Second
	defaultTimeout      = 10 * time.Second
	defaultParallel     = 16
	defaultAltPort      = "443"
	DefaultConfirmFirst = 20 * time.Second
	defaultFinalStatus  = 8 * time.Second
	defaultSettle       = 15 * time.Minute
	defaultRefusalWatch = 15 // probes
)

// complete sets the defaults for what is not given.
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
	o.connect = limited(o.Dial, o.Connections)
	if o.Event == nil {
		o.Event = func(Event) {}
	}
	return o
}

func setDefault[T cmp.Ordered](field *T, value T) {
	var zero T
	if *field <= zero {
		*field = value
	}
}
