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

// A rollout installs one image on phones.
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
	deploy  wpi.Deployment // what phones are instructed to fetch, if this machine does not serve
}

// pushToPhones installs the image on phones by one of the three routes: this machine, the phones' web pages, a server.
func pushToPhones(ctx context.Context, env pushEnv, o pushOptions, name string, addresses []string) error {
	r := &rollout{con: env.con, store: env.store, pass: env.pass, hosts: env.hosts, dial: env.dial, o: o}
	if err := r.settle(name, addresses); err != nil {
		return err
	}
	l, err := newLoader(env.con, env.store, env.open, o.image)
	if err != nil {
		return err
	}
	l.headerOnly = !o.dryRun && !o.route.serve && !o.route.web.on // else its digest is verified before a phone gets a command
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

// settle reads all settings of server and phones before anything is opened.
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

// orServe adds to the error that no server is named the hint that --serve needs none.
func orServe(err error) error {
	if own := (*failure)(nil); errors.Is(err, errNoServer) && errors.As(err, &own) {
		own.hints[0] = "or " + own.hints[0]
		own.hints = append([]string{"to let phones fetch the image from this machine, add --serve"}, own.hints...)
	}
	return err
}

// tellable checks, before anything is sent, that phones can be given the address of the image.
func (r *rollout) tellable() error {
	if r.o.route.web.on {
		return nil // its page is given no address
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

// hopeless reports whether the image is incompatible with all phones, as far as is known without querying them. Then
// nothing has to be sent.
func (r *rollout) hopeless() bool {
	return !slices.ContainsFunc(r.targets, func(t fleet.Target) bool {
		policy := r.policy
		policy.Override, policy.Reason = t.Override, t.Reason
		return hwcheck.Check(r.im.facts, r.table.Complete(t.Known), policy).Answer != hwcheck.NotCompatible
	})
}

// run starts to listen for phones, uploads the image if there is a server, and updates the phones.
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

// contactTimeout is the maximum time for a phone to accept a contact request; --timeout may be longer.
const contactTimeout = 10 * time.Second

// failureContext returns what hints need to know of this run.
func (r *rollout) failureContext() failureContext {
	in := failureContext{image: r.im.name, list: r.o.phones.list}
	if r.o.route.web.on {
		in.page = r.o.route.web.peer
	}
	return in
}

// source returns where the phones fetch the image, or nil if they fetch nothing.
func (r *rollout) source(ctx context.Context, s *station) (fleet.Source, error) {
	name, content := r.o.upload.filename, r.file.Image()
	switch {
	case r.o.dryRun || r.o.route.web.on:
		return nil, nil //nolint:nilnil // a dry run has no source, and --web has none
	case r.o.route.serve && r.o.route.access.method == string(transfer.FTP):
		if err := s.serveFTP(); err != nil {
			return nil, err
		}
		return fleet.ServedByFTP(s.ftp, name, content, s.backFTP), nil
	case r.o.route.serve:
		return fleet.Served(s.server, name, content, s.back), nil
	}
	if r.hopeless() {
		return fleet.Elsewhere(r.deploy), nil // no phone will be instructed to fetch it
	}
	return r.uploaded(ctx)
}

// uploaded uploads the image to the server.
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
		r.con.remark("warning", r.d.access.Username, "phones get the login of the upload, which may write on the server; anyone who impersonates a phone learns it: give phones another login with --fetch-username")
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
func (o *pushOptions) priority() wpi.Priority { return wpi.Priority(o.urgency) }

// checkUrgency rejects an unknown priority.
func (o *pushOptions) checkUrgency() error {
	if o.urgency != string(wpi.Normal) && o.urgency != string(wpi.Immediate) {
		return usage("push", "--priority %s: must be normal or immediate", o.urgency)
	}
	return nil
}

// checkRoute rejects flags that do not fit the route of the image.
func (o *pushOptions) checkRoute(withPhones bool) error {
	switch {
	case o.route.web.on:
		return o.checkWeb(withPhones)
	case o.route.serve && !withPhones:
		return usage("push", "--serve: name the phones that fetch the image, as PHONE or with --phones")
	case !withPhones && o.fetch.given() != "":
		return usage("push", "--%s is for phones: name them, as PHONE or with --phones", o.fetch.given())
	case withPhones && !o.route.serve && !o.dryRun && o.phones.permit.reinstall:
		return failf(codeUsage, "add --serve or --web: the version does not change, so only the transfer shows that the phone got the image",
			"--reinstall with phones can only be verified with --serve or --web")
	case o.route.serve && o.upload.onlySent() != "":
		return usage("push", "--%s cannot be used with --serve: nothing is sent to another server", o.upload.onlySent())
	case o.route.serve && o.fetch.given() != "":
		return usage("push", "--%s cannot be used with --serve: phones fetch from this machine", o.fetch.given())
	}
	return nil
}
