// Package doctor checks the route to the server and the phones, and shows what to fix.
package doctor

import (
	"cmp"
	"context"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/callback"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/credentials"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/knownhosts"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// Options select the route to check, with the same flags as push.
type Options struct {
	Route   option.Route
	Listen  option.Listen
	List    string
	Columns hwcheck.Columns // of the list
	Timeout time.Duration
	InPlace bool // test uploads as push --in-place makes them
}

// Run looks at everything on the route, and returns the error of the first thing that hinders it.
func Run(ctx context.Context, env Env, o Options, addresses []string) error {
	x := &diagnosis{con: env.Console, store: env.Settings, pass: env.Passwords, hosts: env.KnownHosts, dial: env.Dial, around: env.Around, o: &o, clock: env.Clock, now: env.Clock()}
	if err := x.resolve(ctx, addresses); err != nil {
		return err
	}
	env.Console.KeepPipes()
	defer x.close()
	if err := x.run(ctx, checks()); err != nil {
		return err
	}
	return x.verdict()
}

// A route is how the image gets to the phones.
type route string

// The routes.
const (
	routeServer route = "server" // the image is uploaded to a server
	routeServe  route = "serve"  // this machine is the server
	routeWeb    route = "web"    // the image is uploaded to the phones' own web pages
)

// A diagnosis collects the results of a run. What takes time is done once, when it is first needed.
type diagnosis struct {
	con     *console.Console
	store   *settings.Store
	pass    *credentials.Store
	hosts   *knownhosts.Store
	dial    option.DialFunc
	around  Surroundings
	o       *Options
	clock   func() time.Time
	now     time.Time
	route   route
	origin  string // "flags", "defaults", "profile berlin", "nothing" if no route was named
	targets []fleet.Target
	found   []finding
	shown   string // the group whose heading was printed last

	d              *option.Destination // nil if the route has no server, or its settings are invalid
	uploadTest     *uploadResult
	callbackServer *callback.Server
	locals         []localAddress
	probes         []probe
	asked          []fleet.Result // of the phones that are reachable, nil before they were contacted
	seen           []seenCertificate

	pagePassword  secret.Secret // of the phones' web pages
	passwordLater bool          // prompt for it after a page has presented a trusted key
	noMoreLogins  string        // why the password is sent to no further page
	visits        map[int]*pageVisit
	macs          map[string]int // of the phones that reported one
}

// resolve validates the flags and resolves the route, before any connection is opened.
func (x *diagnosis) resolve(ctx context.Context, addresses []string) error {
	const command = "doctor"
	o := x.o
	if o.Timeout <= 0 {
		return exit.Usage(command, "--timeout must be greater than zero")
	}
	if err := cmp.Or(o.Route.Validate(), o.Listen.Validate(command)); err != nil {
		return err
	}
	o.Route.Legacy = o.Listen.Legacy
	x.con.WarnLegacy(o.Listen.Legacy)
	if err := x.choose(ctx); err != nil {
		return err
	}
	switch {
	case o.InPlace && x.route != routeServer:
		return exit.Usage(command, "--in-place needs a server: nothing is sent to one by this route")
	case len(addresses) == 0 && o.List == "" && x.route == routeWeb:
		return exit.Usage(command, "--web: name a phone, as PHONE or with --phones")
	case len(addresses) == 0 && o.List == "":
		return nil
	}
	phones := option.Phones{List: o.List, Columns: o.Columns}
	var err error
	x.targets, err = phones.Targets(ctx, command, addresses, hwcheck.Phone{})
	return err
}

// choose selects the route. Invalid stored settings are a finding, and the other checks still run.
func (x *diagnosis) choose(ctx context.Context) error {
	o := &x.o.Route
	x.route, x.origin = routeServer, "flags"
	switch {
	case o.Web.On:
		x.route = routeWeb
		return nil
	case o.Serve:
		x.route = routeServe
		return nil
	case len(o.Access.Given()) > 0:
		_, err := o.Destination(ctx, x.con, x.store, x.pass) // invalid flags are reported at once
		return err
	case o.Profile != "":
		x.origin = settings.ProfileTitle(o.Profile)
		return nil
	}
	x.origin = settings.ProfileTitle("")
	stored, err := x.store.Profile("")
	if err != nil || !stored.Empty() || o.UseDefaults {
		o.UseDefaults = true
		return nil //nolint:nilerr // the settings check reports it
	}
	x.route, x.origin, o.Serve = routeServe, "nothing", true
	return o.Validate()
}

// usesStored reports whether the route comes from stored settings.
func (x *diagnosis) usesStored() bool { return x.route == routeServer && x.origin != "flags" }

func (x *diagnosis) logsIn() bool { return x.route != routeServe }

func (x *diagnosis) toServer() bool { return x.route == routeServer }

func (x *diagnosis) safe() bool { return x.d != nil && !settings.PlainFTP(x.d.Access) }

func (x *diagnosis) byFTP() bool { return x.d != nil && x.d.Access.Method != transfer.HTTPS }

// toPhones reports whether phones call back, and perhaps fetch from, this machine.
func (x *diagnosis) toPhones() bool {
	return x.route == routeServe || x.route == routeServer && len(x.targets) > 0
}

func (x *diagnosis) byPage() bool { return x.route == routeWeb }

func (x *diagnosis) notByPage() bool { return x.route != routeWeb }

// servesFTP reports whether phones fetch from this machine by FTP.
func (x *diagnosis) servesFTP() bool {
	return x.route == routeServe && x.o.Route.Access.Method == string(transfer.FTP)
}

func (x *diagnosis) line() transfer.Options {
	return transfer.Options{Timeout: x.o.Timeout, InPlace: x.o.InPlace}
}
