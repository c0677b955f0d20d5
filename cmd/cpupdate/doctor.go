package main

import (
	"cmp"
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// doctorOptions select the route to check, with the same flags as push.
type doctorOptions struct {
	route   routeOptions
	talk    talkOptions
	list    string
	timeout time.Duration
}

func newDoctor(a *app) *cobra.Command {
	o := doctorOptions{route: routeOptions{command: "doctor"}}
	cmd := &cobra.Command{
		Use:   "doctor [PHONE...]",
		Short: "Check the route to server and phones, and show what to fix",
		Long: `Check everything between an image and the phones: stored settings, the server,
this machine, the phones, the clock, certificates, and the environment. Each check
prints a line: ok, FAIL with the next step, warn for a problem that does not block
this route, and - for a check that was skipped, with the reason.

Choose the route as for push: a server, --use-defaults, --profile, --serve or
--web. Without any of them, doctor checks the route of the stored defaults, or
--serve if no defaults are stored.

On the server, doctor writes a small file and removes it again, nothing else. It
sends one contact request to each PHONE, as cpupdate phone does. With --web it
opens the phone's web page up to the upload form. It changes nothing on the phone.

The exit code is 0 if all checks that this route requires pass, otherwise that of
the first FAIL.`,
		Example: `  cpupdate doctor
  cpupdate doctor 192.0.2.50 --serve
  cpupdate doctor --use-defaults --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return doctor(cmd.Context(), doctorEnv{a.env(), a.around, a.clock}, o, args)
		},
	}
	flags := cmd.Flags()
	end := group(flags, "Phones")
	flags.StringVar(&o.list, "phones", "", "read phones from the list in `FILE` (CSV)")
	end()
	end = group(flags, "Server")
	o.route.addFlags(flags)
	addProfileFlag(a, cmd, &o.route.profile)
	end()
	o.talk.addFlags(flags)
	defer group(flags, "Timing")()
	flags.DurationVar(&o.timeout, "timeout", 10*time.Second, "how long to wait for a server or phone (`DURATION`, such as 10s)")
	// doctor waits less long than an update does, and sends one contact request only.
	o.talk.patience = time.Minute
	flags.Lookup("patience").DefValue = o.talk.patience.String()
	for _, name := range []string{"contact-interval", "probe-interval"} {
		flags.Lookup(name).Hidden = true
	}
	return cmd
}

func doctor(ctx context.Context, env doctorEnv, o doctorOptions, addresses []string) error {
	x := &examination{con: env.con, store: env.store, pass: env.pass, hosts: env.hosts, dial: env.dial, around: env.around, o: &o, clock: env.clock, now: env.clock()}
	if err := x.settle(addresses); err != nil {
		return err
	}
	env.con.keepPipes()
	defer x.close()
	if err := x.run(ctx, doctorTable()); err != nil {
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

// An examination collects the results of a run. What takes time is done once, when it is first needed.
type examination struct {
	con     *console
	store   *settingsStore
	pass    *passwordStore
	hosts   *hostStore
	dial    dialFunc
	around  surroundings
	o       *doctorOptions
	clock   func() time.Time
	now     time.Time
	route   route
	origin  string // "flags", "defaults", "profile berlin", "nothing" if no route was named
	targets []fleet.Target
	found   []finding
	shown   string // the group whose heading was printed last

	d       *destination // nil if the route has no server, or its settings are invalid
	trial   *serverTrial
	station *station
	locals  []localAddress
	probes  []probe
	asked   []fleet.Result // of the phones that are reachable, nil before they were contacted
	seen    []seenCertificate

	pagePassword  transfer.Secret // of the phones' web pages
	passwordLater bool            // prompt for it after a page has presented a trusted key
	noMoreLogins  string          // why the password is sent to no further page
	visits        map[int]*pageVisit
	macs          map[string]int // of the phones that reported one
}

// settle validates the flags and resolves the route, before any connection is opened.
func (x *examination) settle(addresses []string) error {
	const command = "doctor"
	o := x.o
	if o.timeout <= 0 {
		return usage(command, "--timeout must be greater than zero")
	}
	if err := cmp.Or(o.route.validate(), o.talk.validate(command)); err != nil {
		return err
	}
	o.route.legacy = o.talk.legacy
	x.con.warnLegacy(o.talk.legacy)
	if err := x.choose(); err != nil {
		return err
	}
	switch {
	case len(addresses) == 0 && o.list == "" && x.route == routeWeb:
		return usage(command, "--web: name a phone, as PHONE or with --phones")
	case len(addresses) == 0 && o.list == "":
		return nil
	}
	phones := phonesOptions{list: o.list}
	var err error
	x.targets, err = phones.targets(command, addresses, hwcheck.Phone{})
	return err
}

// choose selects the route. Invalid stored settings are a finding, and the other checks still run.
func (x *examination) choose() error {
	o := &x.o.route
	x.route, x.origin = routeServer, "flags"
	switch {
	case o.web.on:
		x.route = routeWeb
		return nil
	case o.serve:
		x.route = routeServe
		return nil
	case len(o.access.given()) > 0:
		_, err := o.destination(x.con, x.store, x.pass) // invalid flags are reported at once
		return err
	case o.profile != "":
		x.origin = profileTitle(o.profile)
		return nil
	}
	x.origin = profileTitle("")
	stored, err := x.store.stored("")
	if err != nil || !stored.empty() || o.useDefaults {
		o.useDefaults = true
		return nil //nolint:nilerr // the settings check reports it
	}
	x.route, x.origin, o.serve = routeServe, "nothing", true
	return o.validate()
}

// usesStored reports whether the route comes from stored settings.
func (x *examination) usesStored() bool { return x.route == routeServer && x.origin != "flags" }

func (x *examination) logsIn() bool   { return x.route != routeServe }
func (x *examination) toServer() bool { return x.route == routeServer }
func (x *examination) safe() bool     { return x.d != nil && !plainFTP(x.d.access) }
func (x *examination) byFTP() bool    { return x.d != nil && x.d.access.Method != transfer.HTTPS }

// toPhones reports whether phones call back, and perhaps fetch from, this machine.
func (x *examination) toPhones() bool {
	return x.route == routeServe || x.route == routeServer && len(x.targets) > 0
}

func (x *examination) byPage() bool    { return x.route == routeWeb }
func (x *examination) notByPage() bool { return x.route != routeWeb }

// servesFTP reports whether phones fetch from this machine by FTP.
func (x *examination) servesFTP() bool {
	return x.route == routeServe && x.o.route.access.method == string(transfer.FTP)
}

func (x *examination) line() transfer.Options { return transfer.Options{Timeout: x.o.timeout} }
