package main

import (
	"cmp"
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// doctorOptions say which way is looked at, in the words of push.
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
		Short: "Is the way to server and phones clear? A line for each thing, and the next step",
		Long: `Look at everything that stands between an image and the phones: stored settings,
the server, this machine, the phones, the clock, certificates, and what else
there is around. Each thing is a line: ok, FAIL with the next step, warn for
what does not hinder this way, and - for what was not looked at, with the reason.

The way is named as for push: a server, --use-defaults, --profile, --serve or
--web. Without any it is that of the stored defaults, or --serve if there are
none.

On the server a small file is written and removed again, nothing else. Each
PHONE is asked once to call, as by cpupdate phone, and by --web its page is
visited as far as the form for an image; nothing is changed on it.

It ends with exit code 0 if all that this way needs is clear, else with that of
the first FAIL.`,
		Example: `  cpupdate doctor
  cpupdate doctor 192.0.2.50 --serve
  cpupdate doctor --use-defaults --json`,
		RunE: func(cmd *cobra.Command, args []string) error { return doctor(cmd.Context(), a, o, args) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.list, "phones", "", "a phone list in `FILE` (CSV)")
	o.route.addFlags(flags)
	addProfileFlag(a, cmd, &o.route.profile)
	o.talk.addFlags(flags)
	flags.DurationVar(&o.timeout, "timeout", 10*time.Second, "the longest silence of server and phone, connecting included, `DURATION` as in 10s")
	// Who asks whether the way is clear does not wait as long as for an update, and one contact has to do.
	o.talk.patience = time.Minute
	flags.Lookup("patience").DefValue = o.talk.patience.String()
	for _, name := range []string{"contact-interval", "probe-interval"} {
		flags.Lookup(name).Hidden = true
	}
	return cmd
}

func doctor(ctx context.Context, a *app, o doctorOptions, addresses []string) error {
	x := &examination{app: a, o: &o, now: a.now()}
	if err := x.settle(addresses); err != nil {
		return err
	}
	a.keepPipes()
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
	routeServer route = "server" // it is put on a server
	routeServe  route = "serve"  // this machine is the server
	routeWeb    route = "web"    // it is sent into the phones' own web pages
)

// An examination is what is known so far. What takes time is done once, when it is first asked for.
type examination struct {
	app     *app
	o       *doctorOptions
	now     time.Time
	route   route
	origin  string // "flags", "defaults", "profile berlin", "nothing" if the route is only assumed
	targets []fleet.Target
	found   []finding
	shown   string // the group whose heading was written

	d       *destination // nil if the route has no server, or its settings are wrong
	trial   *serverTrial
	station *station
	locals  []localAddress
	probes  []probe
	asked   []fleet.Result // of the phones that answer, nil before they were asked
	seen    []seenCertificate

	pagePassword  secret.Secret // of the phones' web pages
	passwordLater bool          // somebody has to be asked for it, once a page was found to be one to trust
	noMoreLogins  string        // why no further page is told the password
	visits        map[int]*pageVisit
	macs          map[string]int // of the phones that said theirs
}

// settle reads everything that is said about the way, before anything is opened.
func (x *examination) settle(addresses []string) error {
	const command = "doctor"
	o := x.o
	if o.timeout <= 0 {
		return usage(command, "--timeout must be longer than nothing")
	}
	if err := cmp.Or(o.route.validate(), o.talk.validate(command)); err != nil {
		return err
	}
	o.route.legacy = o.talk.legacy
	x.app.warnLegacy(o.talk.legacy)
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

// choose finds the route. What is wrong with stored settings is a finding, and no reason not to look at the rest.
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
		_, err := o.destination(x.app) // what is wrong on the command line is said at once
		return err
	case o.profile != "":
		x.origin = profileTitle(o.profile)
		return nil
	}
	x.origin = profileTitle("")
	stored, err := x.app.stored("")
	if err != nil || !stored.empty() || o.useDefaults {
		o.useDefaults = true
		return nil //nolint:nilerr // it is told as the line of the settings
	}
	x.route, x.origin, o.serve = routeServe, "nothing", true
	return o.validate()
}

// usesStored reports whether the route is that of stored settings.
func (x *examination) usesStored() bool { return x.route == routeServer && x.origin != "flags" }

func (x *examination) logsIn() bool   { return x.route != routeServe }
func (x *examination) toServer() bool { return x.route == routeServer }
func (x *examination) safe() bool     { return x.d != nil && !plainFTP(x.d.access) }
func (x *examination) byFTP() bool    { return x.d != nil && x.d.access.Method != transfer.HTTPS }

// toPhones reports whether phones call, and perhaps fetch from, this machine.
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
