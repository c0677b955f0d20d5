package push

import (
	"context"
	"errors"
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
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/runview"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// A rollout is an image on its way into phones.
type rollout struct {
	con     *console.Console
	store   *settings.Store
	pass    *credentials.Store
	hosts   *knownhosts.Store
	dial    option.DialFunc
	o       Options
	d       *option.Destination // nil if this machine serves
	file    *bind.File
	im      *images.Image
	targets []fleet.Target
	table   *hwcheck.Table
	policy  hwcheck.Policy
	options transfer.Options
	deploy  wpi.Deployment // what phones are told, if this machine does not serve
}

// pushToPhones takes the image into the phones: by a server that it is put on, or with this machine as the server.
func pushToPhones(ctx context.Context, env Env, o Options, name string, addresses []string) error {
	r := &rollout{con: env.Con, store: env.Store, pass: env.Pass, hosts: env.Hosts, dial: env.Dial, o: o}
	if err := r.settle(name, addresses); err != nil {
		return err
	}
	l, err := images.NewLoader(env.Con, env.Store, env.Open, o.Image)
	if err != nil {
		return err
	}
	l.HeaderOnly = !o.DryRun && !o.Route.Serve && !o.Route.Web.On // else its digest is right before a phone is told anything
	if r.file, r.im, err = openToSend(ctx, l, name); err != nil {
		return err
	}
	defer r.file.Close()
	r.policy = o.Phones.Permit.Policy(l.Policy)
	env.Con.KeepPipes()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	return r.run(ctx, stop)
}

// settle reads everything that is said about server and phones, before anything is opened.
func (r *rollout) settle(name string, addresses []string) (err error) {
	o := &r.o
	if r.options, err = o.Upload.Options(); err != nil {
		return err
	}
	var stored hwcheck.Phone
	if o.Route.Serve || o.Route.Web.On {
		if o.Upload.Filename == "" {
			o.Upload.Filename = filepath.Base(name)
		}
		err = settings.UsageError("push", transfer.CheckName(o.Upload.Filename))
	} else if r.d, err = o.Route.Destination(r.con, r.store, r.pass); err == nil {
		stored = r.d.Phone
		err = o.Upload.Validate(r.d, name)
	}
	if err != nil {
		return orServe(err)
	}
	if r.targets, err = o.Phones.Targets("push", addresses, stored); err != nil {
		return err
	}
	if r.table, err = r.store.HardwareTable(o.Hardware); err != nil {
		return err
	}
	return r.tellable()
}

// orServe adds to an error that there is no server what goes without one.
func orServe(err error) error {
	if own := (*exit.Error)(nil); errors.Is(err, option.ErrNoServer) && errors.As(err, &own) {
		own.Hints[0] = "or " + own.Hints[0]
		own.Hints = append([]string{"to have the phone fetch it from this machine: --serve"}, own.Hints...)
	}
	return err
}

// tellable finds out before anything is sent whether a phone can be told where the image will lie.
func (r *rollout) tellable() error {
	if r.o.Route.Web.On {
		return nil // its page is not told where anything lies
	}
	if r.o.Route.Serve {
		probe := wpi.Deployment{Server: "phone", Name: r.o.Upload.Filename, Priority: wpi.Normal}
		_, err := probe.Message()
		return settings.UsageError("push", valueSetting(err))
	}
	deploy, err := r.o.Fetch.Deployment(r.d, r.o.Upload.Filename)
	if err != nil {
		return err
	}
	r.deploy = deploy
	return nil
}

// hopeless reports whether the image suits none of the phones, as far as is known without asking them: then nothing has
// to be sent anywhere.
func (r *rollout) hopeless() bool {
	return !slices.ContainsFunc(r.targets, func(t fleet.Target) bool {
		policy := r.policy
		policy.Override, policy.Reason = t.Override, t.Reason
		return hwcheck.Check(r.im.Facts, r.table.Complete(t.Known), policy).Answer != hwcheck.NotCompatible
	})
}

// run opens the way for phones, puts the image on the server if there is one, and takes the phones through.
func (r *rollout) run(ctx context.Context, stop context.CancelCauseFunc) error {
	size := int64(0)
	if (r.o.Route.Serve || r.o.Route.Web.On) && !r.o.DryRun {
		size = r.file.Image().Size()
	}
	show := runview.NewReport(r.con, r.targets, r.im, size, stop)
	show.Context, show.Interval, show.Watch.Web = r.failureContext(), r.o.Talk.Interval, r.o.Route.Web.On
	image := &fleet.Image{Facts: r.file.Facts(), Policy: r.policy, Priority: r.o.priority()}
	var err error
	if r.o.Route.Web.On {
		if image.Web, err = r.web(ctx); err != nil {
			return err
		}
	}
	station, err := callback.Listen(&r.o.Talk, r.con, r.targets, min(r.options.Timeout, option.ContactTimeout), r.options, show.Event)
	if err != nil {
		return err
	}
	defer station.Close()
	if image.Source, err = r.source(ctx, station); err != nil {
		return err
	}
	plan := fleet.Plan{
		Phones: r.targets, Table: r.table, Back: station.Back, Image: image,
	}
	end := show.Watch.Begin(station)
	results, err := station.Runner.Run(ctx, plan)
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

// failureContext is what hints need to know of this run.
func (r *rollout) failureContext() advice.Context {
	in := advice.Context{Image: r.im.Name, List: r.o.Phones.List}
	if r.o.Route.Web.On {
		in.Page = r.o.Route.Web.Peer
	}
	return in
}

// source is where the phones fetch: nil if they are told nothing.
func (r *rollout) source(ctx context.Context, s *callback.Server) (fleet.Source, error) {
	name, content := r.o.Upload.Filename, r.file.Image()
	switch {
	case r.o.DryRun || r.o.Route.Web.On:
		return nil, nil //nolint:nilnil // no source is what a dry run has, and the way by the page
	case r.o.Route.Serve && r.o.Route.Access.Method == string(transfer.FTP):
		if err := s.ServeFTP(); err != nil {
			return nil, err
		}
		return fleet.ServedByFTP(s.FTP, name, content, s.BackFTP), nil
	case r.o.Route.Serve:
		return fleet.Served(s.Server, name, content, s.Back), nil
	}
	if r.hopeless() {
		return fleet.Elsewhere(r.deploy), nil // nobody will be told of it
	}
	return r.uploaded(ctx)
}

// uploaded puts the image on the server.
func (r *rollout) uploaded(ctx context.Context) (fleet.Source, error) {
	p := &upload{con: r.con, pass: r.pass, hosts: r.hosts, dial: r.dial, o: r.o, d: r.d, file: r.file, sheet: &ruleSheet{im: r.im}, options: r.options}
	if err := r.o.Route.Login(ctx, r.con, r.pass, r.hosts, r.d, r.options); err != nil {
		return nil, err
	}
	deploy, err := r.o.Fetch.Login(r.d, r.deploy) // before anything is sent
	if err != nil {
		return nil, err
	}
	ctx, p.cancel = context.WithCancelCause(ctx)
	defer p.cancel(nil)
	location, err := p.send(ctx)
	if err != nil {
		return nil, p.failure(ctx, err)
	}
	p.left = location.Left
	if err := p.say("sent", r.d.Access.FileURL(r.o.Upload.Filename), location); err != nil {
		return nil, err
	}
	if r.o.Fetch.Writes(r.d) {
		r.con.Remark("warning", r.d.Access.Username, "phones are told the login that may write on the server, and who poses as a phone learns it: give them one of their own with --fetch-username")
	}
	return fleet.Elsewhere(deploy), nil
}

// valueSetting makes a setting of ours out of what a phone would not understand.
func valueSetting(err error) error {
	e := (*wpi.ValueError)(nil)
	if !errors.As(err, &e) {
		return err
	}
	return &transfer.SettingError{Setting: e.Setting, Problem: e.Problem}
}

// priority is how urgent phones take it.
func (o *Options) priority() wpi.Priority { return wpi.Priority(o.Urgency) }

// checkUrgency refuses a priority that nobody knows.
func (o *Options) checkUrgency() error {
	if o.Urgency != string(wpi.Normal) && o.Urgency != string(wpi.Immediate) {
		return exit.Usage("push", "--priority %s: normal or immediate", o.Urgency)
	}
	return nil
}

// checkRoute keeps apart what goes with phones and what goes without.
func (o *Options) checkRoute(withPhones bool) error {
	switch {
	case o.Route.Web.On:
		return o.checkWeb(withPhones)
	case o.Route.Serve && !withPhones:
		return exit.Usage("push", "--serve: name the phones that shall fetch the image, as PHONE or with --phones")
	case !withPhones && o.Fetch.Given() != "":
		return exit.Usage("push", "--%s says what phones are told: name them, as PHONE or with --phones", o.Fetch.Given())
	case withPhones && !o.Route.Serve && !o.DryRun && o.Phones.Permit.Reinstall:
		return exit.Errorf(exit.CodeUsage, "the version before and after is the same: that the phone gets the image is seen with --serve and --web only",
			"--reinstall with phones can only be proven with --serve or --web")
	case o.Route.Serve && o.Upload.OnlySent() != "":
		return exit.Usage("push", "--%s does not go with --serve: nothing is sent to another server", o.Upload.OnlySent())
	case o.Route.Serve && o.Fetch.Given() != "":
		return exit.Usage("push", "--%s does not go with --serve: phones fetch from this machine", o.Fetch.Given())
	}
	return nil
}
