package push

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/callback"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/credentials"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/knownhosts"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/record"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/runview"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// A rollout installs one image on phones.
type rollout struct {
	con     *console.Console
	store   *settings.Store
	pass    *credentials.Store
	hosts   *knownhosts.Store
	journal *record.Store
	dial    option.DialFunc
	version string // of cpupdate
	o       Options
	d       *option.Destination // nil if this machine serves
	file    *bind.File
	im      *images.Image
	targets []fleet.Target
	table   *hwcheck.Table
	policy  hwcheck.Policy
	options transfer.Options
	deploy  wpi.Deployment // what phones are instructed to fetch, if this machine does not serve
}

// pushToPhones installs the image on phones by one of the three routes: this machine, the phones' web pages, a server.
func pushToPhones(ctx context.Context, env Env, o Options, name string, addresses []string) error {
	r := &rollout{con: env.Console, store: env.Settings, pass: env.Passwords, hosts: env.KnownHosts, journal: env.Journal, dial: env.Dial, version: env.Version, o: o}
	if err := r.resolve(ctx, name, addresses); err != nil {
		return err
	}
	l, err := images.NewLoader(ctx, env.Console, env.Settings, env.Open, o.Image)
	if err != nil {
		return err
	}
	l.HeaderOnly = !o.DryRun && o.Route.ToServer() // else its digest is verified before a phone gets a command
	l.Seal = !o.DryRun
	if r.file, r.im, err = openToSend(ctx, l, name); err != nil {
		return err
	}
	defer r.file.Close()
	r.policy = o.Phones.Permit.Policy(l.Policy)
	env.Console.KeepPipes()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	return r.run(ctx, stop)
}

// resolve reads all settings of server and phones before anything is opened.
func (r *rollout) resolve(ctx context.Context, name string, addresses []string) (err error) {
	o := &r.o
	if r.options, err = o.Upload.Options(); err != nil {
		return err
	}
	var stored hwcheck.Phone
	if !o.Route.ToServer() {
		if o.Upload.Filename == "" {
			o.Upload.Filename = filepath.Base(name)
		}
		err = settings.UsageError("push", transfer.CheckName(o.Upload.Filename))
	} else if r.d, err = o.Route.OfServer().Destination(ctx, r.con, r.store, r.pass); err == nil {
		stored = r.d.Phone
		err = o.Upload.Validate(r.d, name)
	}
	if err != nil {
		return orServe(err)
	}
	if r.targets, err = o.Phones.Targets(ctx, "push", addresses, stored); err != nil {
		return err
	}
	if r.table, err = r.store.HardwareTable(ctx, o.Hardware); err != nil {
		return err
	}
	return r.checkDeployment()
}

// orServe adds to the error that no server is named the hint that --serve needs none.
func orServe(err error) error {
	if own := (*exit.Error)(nil); errors.Is(err, option.ErrNoServer) && errors.As(err, &own) {
		own.Hints[0] = "or " + own.Hints[0]
		own.Hints = append([]string{"to let phones fetch the image from this machine, add --serve"}, own.Hints...)
	}
	return err
}

// checkDeployment checks, before anything is sent, that phones can be given the address of the image.
func (r *rollout) checkDeployment() error {
	if r.o.Route.ToPage() {
		return nil // its page is given no address
	}
	if r.o.Route.Serve || r.o.Route.Web.PhoneDefaults {
		r.deploy = wpi.Deployment{Server: "phone", Name: r.o.Upload.Filename, Priority: wpi.Normal}
		_, err := r.deploy.Message()
		return settings.UsageError("push", valueSetting(err))
	}
	deploy, err := r.o.Fetch.Deployment(r.d, r.o.Upload.Filename)
	if err != nil {
		return err
	}
	r.deploy = deploy
	return nil
}

// noneFits reports whether the image is incompatible with all phones, as far as is known without querying them. Then
// nothing has to be sent.
func (r *rollout) noneFits() bool {
	return !slices.ContainsFunc(r.targets, func(t fleet.Target) bool {
		policy := r.policy
		policy.Override, policy.Reason = t.Override, t.Reason
		return hwcheck.Check(r.im.Facts, r.table.Complete(t.Known), policy).Answer != hwcheck.NotCompatible
	})
}

// run starts to listen for phones, uploads the image if there is a server, and updates the phones.
func (r *rollout) run(ctx context.Context, stop context.CancelCauseFunc) error {
	rec, err := r.openJournal(ctx)
	if err != nil {
		return err
	}
	err = r.drive(ctx, stop, rec)
	if failure := rec.Close(ctx); failure != nil {
		if err == nil {
			return failure
		}
		r.con.NoteAbout("warning", "the journal", failure.Error())
	}
	return err
}

// drive runs the update with everything that it needs on this machine.
func (r *rollout) drive(ctx context.Context, stop context.CancelCauseFunc, rec *record.Run) error {
	size := int64(0)
	if (r.o.Route.Serve || r.o.Route.ToPage()) && !r.o.DryRun {
		size = r.file.Image().Size()
	}
	show := runview.NewReport(r.con, r.targets, r.im, size, stop)
	show.Tool = r.version
	show.Context, show.Interval, show.Watch.Web = r.failureContext(), r.o.Listen.Interval, r.o.Route.Web.On
	event := func(e fleet.Event) {
		rec.Event(e)
		show.Event(e)
	}
	image := &fleet.Image{Facts: r.file.Facts(), Policy: r.policy, Priority: r.o.priority()}
	var err error
	if r.o.Route.Web.On {
		if image.Web, err = r.web(ctx); err != nil {
			return err
		}
	}
	if !r.o.Route.ToServer() {
		image.Unchanged = r.file.CheckUnchanged
	}
	callbackServer, err := callback.Listen(ctx, &r.o.Listen, r.con, r.targets, min(r.options.Timeout, option.ContactTimeout), r.options, event)
	if err != nil {
		return err
	}
	defer callbackServer.Close()
	if image.Source, err = r.source(ctx, callbackServer); err != nil {
		return err
	}
	if r.o.Route.ToServer() {
		image.Secret = r.d.Access.Password
	}
	if err := r.record(ctx, rec); err != nil {
		return err
	}
	show.NoteEarlier(r.targets)
	plan := fleet.Plan{
		Phones: r.targets, Table: r.table, Back: callbackServer.Back, Image: image, Commit: rec.Commit, Settle: r.o.Settle,
	}
	end := show.Watch.Begin(callbackServer)
	results, err := callbackServer.Runner.Run(ctx, plan)
	end()
	if err != nil {
		return err
	}
	if own := (*exit.Error)(nil); errors.As(context.Cause(ctx), &own) {
		err = own
	} else {
		err = advice.RunFailure(plan, show.Context, results)
	}
	show.Summary(results, err)
	return err
}

// openJournal opens the journal before anything is sent, so that a problem with a file that was named costs nothing. It returns
// nil for a run that is not recorded: a dry run does nothing to phones, and without a usable journal of its own place a push goes on.
func (r *rollout) openJournal(ctx context.Context) (*record.Run, error) {
	if r.o.DryRun {
		return nil, nil //nolint:nilnil // a nil run records nothing
	}
	rec, err := r.journal.Begin(ctx)
	return rec, r.unrecorded(ctx, err)
}

// unrecorded returns an error of the journal that ends the run, and shows another one.
func (r *rollout) unrecorded(ctx context.Context, err error) error {
	if err != nil && r.journal.Named() == "" && ctx.Err() == nil {
		r.con.NoteAbout("warning", "the journal", "this push is not recorded: "+err.Error())
		return nil
	}
	return err
}

// record records what the run does and its phones, and takes over what earlier runs did with them. Nothing was done to a phone so far.
func (r *rollout) record(ctx context.Context, rec *record.Run) error {
	used := r.im.Used(r.version).Image
	image := journal.Image{
		Name: filepath.Base(used.File), Version: used.Version, SoftwareType: used.SoftwareType, SHA256: used.SHA256, PayloadSHA256: used.PayloadSHA256,
		Size: r.file.Image().Size(),
	}
	targets, err := rec.List(ctx, record.Push{Image: image, Route: r.way(), Settle: r.o.Settle}, r.targets)
	if err != nil {
		return r.unrecorded(ctx, err)
	}
	r.targets = targets
	if n := record.Earlier(targets); n > 0 {
		r.con.NoteAbout("note", "the journal", fmt.Sprintf("an earlier run instructed %d of %d phones, and how that ended is not recorded: they are queried for up to %s (--settle) since then, and not instructed again", n, len(targets), console.Span(r.o.Settle)))
	}
	return nil
}

// way returns how the image gets to the phones, for the journal.
func (r *rollout) way() journal.Route {
	switch {
	case r.o.Route.Web.On:
		return journal.Route{Way: "web"}
	case r.o.Route.Serve:
		return journal.Route{Way: "serve", Listen: r.o.Listen.Listen}
	}
	return journal.Route{Way: "server", Server: r.d.Access.FileURL(r.o.Upload.Filename), Profile: r.d.Origin}
}

// failureContext returns what hints need to know of this run.
func (r *rollout) failureContext() advice.Context {
	in := advice.Context{Image: r.im.Name, List: r.o.Phones.List, Columns: r.o.Phones.Columns, Flags: r.con.Flags, Again: r.o.Listen.Again()}
	if r.o.Route.Web.On {
		in.Page, in.Transfer = r.o.Route.Web.Peer, r.o.Route.ByTransfer()
	}
	return in
}

// source returns where the phones fetch the image, or nil if they fetch nothing.
func (r *rollout) source(ctx context.Context, s *callback.Server) (fleet.Source, error) {
	name, content := r.o.Upload.Filename, r.file.Image()
	switch {
	case r.o.DryRun && r.o.Route.ByTransfer():
		return r.wouldBe(name) // so that the transfer form can be checked
	case r.o.DryRun || r.o.Route.ToPage():
		return nil, nil //nolint:nilnil // a dry run has no source, and an upload to pages has none
	case r.o.Route.Serve && r.o.Route.Access.Method == string(transfer.FTP):
		if err := s.ServeFTP(); err != nil {
			return nil, err
		}
		return fleet.ServedByFTP(s.FTP, name, content, s.BackFTP), nil
	case r.o.Route.Serve:
		return fleet.Served(s.Server, name, content, s.Back), nil
	case !r.o.Route.ToServer():
		return fleet.Elsewhere(r.deploy), nil
	}
	if r.noneFits() {
		return fleet.Elsewhere(r.deploy), nil // no phone will be instructed to fetch it
	}
	return r.uploaded(ctx)
}

// uploaded uploads the image to the server.
func (r *rollout) uploaded(ctx context.Context) (fleet.Source, error) {
	p := &upload{con: r.con, pass: r.pass, hosts: r.hosts, dial: r.dial, version: r.version, o: r.o, d: r.d, file: r.file, sheet: &ruleSheet{im: r.im}, options: r.options}
	if err := r.o.Route.OfServer().Login(ctx, r.con, r.pass, r.hosts, r.d, r.options); err != nil {
		return nil, r.d.Hinted(err)
	}
	deploy := r.deploy
	if !r.o.Route.Web.PhoneDefaults {
		var err error
		if deploy, err = r.o.Fetch.Login(ctx, r.d, r.deploy); err != nil { // before anything is sent
			return nil, err
		}
	}
	ctx, p.cancel = context.WithCancelCause(ctx)
	defer p.cancel(nil)
	location, err := p.send(ctx)
	if err != nil {
		return nil, p.failure(ctx, err)
	}
	p.left = location.Left
	r.im.Facts.Integrity = r.file.Facts().Integrity // with the digest that was computed on the way
	if err := p.say("sent", r.d.Access.FileURL(r.o.Upload.Filename), location); err != nil {
		return nil, err
	}
	if !r.o.Route.Web.PhoneDefaults && r.o.Fetch.Writes(r.d) {
		r.con.NoteAbout("warning", r.d.Access.Username, "phones get the login of the upload, which may write on the server; anyone who impersonates a phone learns it: give phones another login with --fetch-username")
	}
	return fleet.Elsewhere(deploy), nil
}

// valueSetting turns the error for a value that a phone would not understand into one for our setting.
func valueSetting(err error) error {
	e := (*wpi.ValueError)(nil)
	if !errors.As(err, &e) {
		return err
	}
	return &transfer.SettingError{Setting: e.Setting, Problem: e.Problem}
}

// priority returns the priority that phones are given.
func (o *Options) priority() wpi.Priority { return wpi.Priority(o.Urgency) }

// checkSettle rejects a time that is not greater than zero.
func (o *Options) checkSettle() error {
	if o.Settle <= 0 {
		return exit.Usage("push", "--settle %s: must be greater than zero", o.Settle)
	}
	return nil
}

// checkUrgency rejects an unknown priority.
func (o *Options) checkUrgency() error {
	if o.Urgency != string(wpi.Normal) && o.Urgency != string(wpi.Immediate) {
		return exit.Usage("push", "--priority %s: must be normal or immediate", o.Urgency)
	}
	return nil
}

// checkRoute rejects flags that do not fit the route of the image.
func (o *Options) checkRoute(withPhones bool) error {
	switch {
	case o.Route.Web.On:
		return o.checkWeb(withPhones)
	case o.Route.Serve && !withPhones:
		return exit.Usage("push", "--serve: name the phones that fetch the image, as PHONE or with --phones")
	case !withPhones && o.Fetch.Given() != "":
		return exit.Usage("push", "--%s is for phones: name them, as PHONE or with --phones", o.Fetch.Given())
	}
	return o.checkFetching(withPhones)
}

// checkFetching rejects flags that do not fit phones that fetch.
func (o *Options) checkFetching(withPhones bool) error {
	switch {
	case withPhones && !o.Route.Serve && !o.DryRun && o.Phones.Permit.Reinstall:
		return exit.Errorf(exit.CodeUsage, "add --serve, or use --web without a server: the version does not change, so only the transfer shows that the phone got the image",
			"--reinstall with phones can only be verified with --serve, or with --web without a server")
	case o.Route.Serve && o.Upload.OnlySent() != "":
		return exit.Usage("push", "--%s cannot be used with --serve: nothing is sent to another server", o.Upload.OnlySent())
	case o.Route.Serve && o.Fetch.Given() != "":
		return exit.Usage("push", "--%s cannot be used with --serve: phones fetch from this machine", o.Fetch.Given())
	}
	return nil
}
