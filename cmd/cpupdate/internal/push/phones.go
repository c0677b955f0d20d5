package push

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/delivery"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/record"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/runview"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/journal"
)

// A run installs one image on phones.
type run struct {
	delivery.Env
	o        Options
	delivery *delivery.Delivery
	file     *bind.File
	im       *images.Image
	targets  []fleet.Target
	table    *hwcheck.Table
	policy   hwcheck.Policy
}

// pushToPhones installs the image on phones by one of the three routes: this machine, the phones' web pages, a server.
func pushToPhones(ctx context.Context, env delivery.Env, o Options, name string, addresses []string) error {
	r := &run{Env: env, o: o}
	if err := r.resolve(ctx, name, addresses); err != nil {
		return err
	}
	l, err := images.NewLoader(ctx, env.Console, env.Settings, env.Open, o.Image)
	if err != nil {
		return err
	}
	l.HeaderOnly = r.delivery.HeaderOnly() // else its digest is verified before a phone gets a command
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
func (r *run) resolve(ctx context.Context, name string, addresses []string) (err error) {
	if r.delivery, err = delivery.Resolve(ctx, r.Env, r.o.Options, name); err != nil {
		return orServe(err)
	}
	if r.targets, err = r.o.Phones.Targets(ctx, "push", addresses, r.delivery.Stored()); err != nil {
		return err
	}
	if r.table, err = r.Settings.HardwareTable(ctx, r.o.Hardware); err != nil {
		return err
	}
	r.delivery.Phones, r.delivery.Context.Image, r.delivery.Context.List = r.targets, name, r.o.Phones.List
	return r.delivery.CheckDeployment()
}

// orServe adds to the error that no server is named the hint that --serve needs none.
func orServe(err error) error {
	if own := (*exit.Error)(nil); errors.Is(err, option.ErrNoServer) && errors.As(err, &own) {
		own.Hints[0] = "or " + own.Hints[0]
		own.Hints = append([]string{"to let phones fetch the image from this machine, add --serve"}, own.Hints...)
	}
	return err
}

// noneFits reports whether the image is incompatible with all phones, as far as is known without querying them. Then
// nothing has to be sent.
func (r *run) noneFits() bool {
	return !slices.ContainsFunc(r.targets, func(t fleet.Target) bool {
		policy := r.policy
		policy.Override, policy.Reason = t.Override, t.Reason
		return hwcheck.Check(r.im.Facts, r.table.Complete(t.Known), policy).Answer != hwcheck.NotCompatible
	})
}

// run starts to listen for phones, uploads the image if there is a server, and updates the phones.
func (r *run) run(ctx context.Context, stop context.CancelCauseFunc) error {
	rec, err := r.openJournal(ctx)
	if err != nil {
		return err
	}
	err = r.drive(ctx, stop, rec)
	if failure := rec.Close(ctx); failure != nil {
		if err == nil {
			return failure
		}
		r.Console.NoteAbout("warning", "the journal", failure.Error())
	}
	return err
}

// drive runs the update with everything that it needs on this machine.
func (r *run) drive(ctx context.Context, stop context.CancelCauseFunc, rec *record.Run) error {
	d := r.delivery
	image := d.Images[0]
	image.File, image.Read, image.Policy, image.Needed = r.file, r.im, r.policy, !r.noneFits()
	show := runview.NewReport(r.Console, r.targets, r.im, d.Size(0), stop)
	show.Tool = r.Version
	show.Context, show.Interval, show.Watch.Web = d.Context, r.o.Listen.Interval, r.o.Route.Web.On
	event := func(e fleet.Event) {
		rec.Event(e)
		show.Event(e)
	}
	if err := d.Prepare(ctx); err != nil {
		return err
	}
	callbackServer, err := d.Listen(ctx, event)
	if err != nil {
		return err
	}
	defer callbackServer.Close()
	if err := d.Begin(ctx, callbackServer); err != nil {
		return err
	}
	if err := r.record(ctx, rec); err != nil {
		return err
	}
	show.NoteEarlier(r.targets)
	plan := fleet.Plan{
		Phones: r.targets, Table: r.table, Back: callbackServer.Back, Image: d.Image(0), Commit: rec.Commit, Settle: r.o.Settle,
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
func (r *run) openJournal(ctx context.Context) (*record.Run, error) {
	if r.o.DryRun {
		return nil, nil //nolint:nilnil // a nil run records nothing
	}
	rec, err := r.Journal.Begin(ctx)
	return rec, r.unrecorded(ctx, err)
}

// unrecorded returns an error of the journal that ends the run, and shows another one.
func (r *run) unrecorded(ctx context.Context, err error) error {
	if err != nil && r.Journal.Named() == "" && ctx.Err() == nil {
		r.Console.NoteAbout("warning", "the journal", "this push is not recorded: "+err.Error())
		return nil
	}
	return err
}

// record records what the run does and its phones, and takes over what earlier runs did with them. Nothing was done to a phone so far.
func (r *run) record(ctx context.Context, rec *record.Run) error {
	used := r.im.Used(r.Version).Image
	image := journal.Image{
		Name: filepath.Base(used.File), Version: used.Version, SoftwareType: used.SoftwareType, SHA256: used.SHA256, PayloadSHA256: used.PayloadSHA256,
		Size: r.file.Image().Size(),
	}
	targets, err := rec.List(ctx, record.Push{Image: image, Route: r.delivery.Route(), Settle: r.o.Settle}, r.targets)
	if err != nil {
		return r.unrecorded(ctx, err)
	}
	r.targets = targets
	if n := record.Earlier(targets); n > 0 {
		r.Console.NoteAbout("note", "the journal", fmt.Sprintf("an earlier run instructed %d of %d phones, and how that ended is not recorded: they are queried for up to %s (--settle) since then, and not instructed again", n, len(targets), console.Span(r.o.Settle)))
	}
	return nil
}

// checkSettle rejects a time that is not greater than zero.
func (o *Options) checkSettle() error {
	if o.Settle <= 0 {
		return exit.Usage("push", "--settle %s: must be greater than zero", o.Settle)
	}
	return nil
}
