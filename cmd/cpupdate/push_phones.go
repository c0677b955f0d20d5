package main

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"time"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// A rollout is an image on its way into phones.
type rollout struct {
	con     *console
	store   *settingsStore
	pass    *passwordStore
	hosts   *hostStore
	dial    dialFunc
	o       pushOptions
	d       *destination // nil if this machine serves
	file    *bind.File
	im      *image
	targets []fleet.Target
	table   *hwcheck.Table
	policy  hwcheck.Policy
	options transfer.Options
	deploy  wpi.Deployment // what phones are told, if this machine does not serve
}

// pushToPhones takes the image into the phones: by a server that it is put on, or with this machine as the server.
func pushToPhones(ctx context.Context, env pushEnv, o pushOptions, name string, addresses []string) error {
	r := &rollout{con: env.con, store: env.store, pass: env.pass, hosts: env.hosts, dial: env.dial, o: o}
	if err := r.settle(name, addresses); err != nil {
		return err
	}
	l, err := newLoader(env.con, env.store, env.open, o.image)
	if err != nil {
		return err
	}
	l.headerOnly = !o.dryRun && !o.route.serve && !o.route.web.on // else its digest is right before a phone is told anything
	if r.file, r.im, err = openToSend(ctx, l, name); err != nil {
		return err
	}
	defer r.file.Close()
	r.policy = o.phones.permit.policy(l.policy)
	env.con.keepPipes()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	return r.run(ctx, stop)
}

// settle reads everything that is said about server and phones, before anything is opened.
func (r *rollout) settle(name string, addresses []string) (err error) {
	o := &r.o
	if r.options, err = o.upload.options(); err != nil {
		return err
	}
	var stored hwcheck.Phone
	if o.route.serve || o.route.web.on {
		if o.upload.filename == "" {
			o.upload.filename = filepath.Base(name)
		}
		err = settingUsage("push", transfer.CheckName(o.upload.filename))
	} else if r.d, err = o.route.destination(r.con, r.store, r.pass); err == nil {
		stored = r.d.phone
		err = o.upload.validate(r.d, name)
	}
	if err != nil {
		return orServe(err)
	}
	if r.targets, err = o.phones.targets("push", addresses, stored); err != nil {
		return err
	}
	if r.table, err = r.store.hardwareTable(o.hardware); err != nil {
		return err
	}
	return r.tellable()
}

// orServe adds to an error that there is no server what goes without one.
func orServe(err error) error {
	if own := (*failure)(nil); errors.Is(err, errNoServer) && errors.As(err, &own) {
		own.hints[0] = "or " + own.hints[0]
		own.hints = append([]string{"to have the phone fetch it from this machine: --serve"}, own.hints...)
	}
	return err
}

// tellable finds out before anything is sent whether a phone can be told where the image will lie.
func (r *rollout) tellable() error {
	if r.o.route.web.on {
		return nil // its page is not told where anything lies
	}
	if r.o.route.serve {
		probe := wpi.Deployment{Server: "phone", Name: r.o.upload.filename, Priority: wpi.Normal}
		_, err := probe.Message()
		return settingUsage("push", valueSetting(err))
	}
	deploy, err := r.o.fetch.deployment(r.d, r.o.upload.filename)
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
		return hwcheck.Check(r.im.facts, r.table.Complete(t.Known), policy).Answer != hwcheck.NotCompatible
	})
}

// run opens the way for phones, puts the image on the server if there is one, and takes the phones through.
func (r *rollout) run(ctx context.Context, stop context.CancelCauseFunc) error {
	size := int64(0)
	if (r.o.route.serve || r.o.route.web.on) && !r.o.dryRun {
		size = r.file.Image().Size()
	}
	show := newReport(r.con, r.targets, r.im, size, stop)
	show.context, show.interval, show.watch.web = r.failureContext(), r.o.talk.interval, r.o.route.web.on
	image := &fleet.Image{Facts: r.file.Facts(), Policy: r.policy, Priority: r.o.priority()}
	var err error
	if r.o.route.web.on {
		if image.Web, err = r.web(ctx); err != nil {
			return err
		}
	}
	station, err := r.o.talk.open(r.con, r.targets, min(r.options.Timeout, contactTimeout), r.options, show.event)
	if err != nil {
		return err
	}
	defer station.Close()
	if image.Source, err = r.source(ctx, station); err != nil {
		return err
	}
	plan := fleet.Plan{
		Phones: r.targets, Table: r.table, Back: station.back, Image: image,
	}
	end := show.watch.begin(station)
	results, err := station.runner.Run(ctx, plan)
	end()
	if err != nil {
		return err
	}
	if own := (*failure)(nil); errors.As(context.Cause(ctx), &own) {
		err = own
	} else {
		err = runFailure(plan, show.context, results)
	}
	show.summary(results, err)
	return err
}

// contactTimeout is how long a phone has to take a request, whatever time a server has.
const contactTimeout = 10 * time.Second

// failureContext is what hints need to know of this run.
func (r *rollout) failureContext() failureContext {
	in := failureContext{image: r.im.name, list: r.o.phones.list}
	if r.o.route.web.on {
		in.page = r.o.route.web.peer
	}
	return in
}

// source is where the phones fetch: nil if they are told nothing.
func (r *rollout) source(ctx context.Context, s *station) (fleet.Source, error) {
	name, content := r.o.upload.filename, r.file.Image()
	switch {
	case r.o.dryRun || r.o.route.web.on:
		return nil, nil //nolint:nilnil // no source is what a dry run has, and the way by the page
	case r.o.route.serve && r.o.route.access.method == string(transfer.FTP):
		if err := s.serveFTP(); err != nil {
			return nil, err
		}
		return fleet.ServedByFTP(s.ftp, name, content, s.backFTP), nil
	case r.o.route.serve:
		return fleet.Served(s.server, name, content, s.back), nil
	}
	if r.hopeless() {
		return fleet.Elsewhere(r.deploy), nil // nobody will be told of it
	}
	return r.uploaded(ctx)
}

// uploaded puts the image on the server.
func (r *rollout) uploaded(ctx context.Context) (fleet.Source, error) {
	p := &pushing{con: r.con, pass: r.pass, hosts: r.hosts, dial: r.dial, o: r.o, d: r.d, file: r.file, sheet: &sheet{im: r.im}, options: r.options}
	if err := r.o.route.login(ctx, r.con, r.pass, r.hosts, r.d, r.options); err != nil {
		return nil, err
	}
	deploy, err := r.o.fetch.login(r.d, r.deploy) // before anything is sent
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
	if err := p.say("sent", r.d.access.FileURL(r.o.upload.filename), location); err != nil {
		return nil, err
	}
	if r.o.fetch.writes(r.d) {
		r.con.remark("warning", r.d.access.Username, "phones are told the login that may write on the server, and who poses as a phone learns it: give them one of their own with --fetch-username")
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
func (o *pushOptions) priority() wpi.Priority { return wpi.Priority(o.urgency) }

// checkUrgency refuses a priority that nobody knows.
func (o *pushOptions) checkUrgency() error {
	if o.urgency != string(wpi.Normal) && o.urgency != string(wpi.Immediate) {
		return usage("push", "--priority %s: normal or immediate", o.urgency)
	}
	return nil
}

// checkRoute keeps apart what goes with phones and what goes without.
func (o *pushOptions) checkRoute(withPhones bool) error {
	switch {
	case o.route.web.on:
		return o.checkWeb(withPhones)
	case o.route.serve && !withPhones:
		return usage("push", "--serve: name the phones that shall fetch the image, as PHONE or with --phones")
	case !withPhones && o.fetch.given() != "":
		return usage("push", "--%s says what phones are told: name them, as PHONE or with --phones", o.fetch.given())
	case withPhones && !o.route.serve && !o.dryRun && o.phones.permit.reinstall:
		return failf(codeUsage, "the version before and after is the same: that the phone gets the image is seen with --serve and --web only",
			"--reinstall with phones can only be proven with --serve or --web")
	case o.route.serve && o.upload.onlySent() != "":
		return usage("push", "--%s does not go with --serve: nothing is sent to another server", o.upload.onlySent())
	case o.route.serve && o.fetch.given() != "":
		return usage("push", "--%s does not go with --serve: phones fetch from this machine", o.fetch.given())
	}
	return nil
}
