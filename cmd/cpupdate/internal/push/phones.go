package push

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
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
	"github.com/cpupdate/cpupdate/pkg/rollout"
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
	by       journal.Origin
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
	r.delivery.Phones, r.delivery.Context.Image, r.delivery.Context.List, r.delivery.Context.Columns = r.targets, name, r.o.Phones.List, r.o.Phones.Columns
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
	ledger, err := r.openJournal(ctx)
	if err != nil {
		return err
	}
	err = r.drive(ctx, stop, ledger)
	return r.also(err, ledger.Close())
}

// also returns the error that ends the run. If there is one already, that of the journal is only shown.
func (r *run) also(err, ofJournal error) error {
	if err == nil || ofJournal == nil {
		return cmp.Or(err, record.Error(ofJournal))
	}
	r.Console.NoteAbout("warning", "the journal", ofJournal.Error())
	return err
}

// drive runs the update with everything that it needs on this machine.
func (r *run) drive(ctx context.Context, stop context.CancelCauseFunc, ledger journal.Ledger) error {
	d := r.delivery
	image := d.Images[0]
	image.File, image.Read, image.Policy, image.Needed = r.file, r.im, r.policy, !r.noneFits()
	show := runview.NewReport(r.Console, r.targets, r.im, d.Size(0), stop)
	show.Tool = r.Version
	show.Context, show.Interval, show.Watch.Web = d.Context, r.o.Listen.Interval, r.o.Route.Web.On
	engine := &rollout.Engine{Ledger: ledger, Begun: journal.RunBegun{Run: record.Token()}}
	engine.Name = "push-" + time.Now().UTC().Format("20060102-150405") + "-" + engine.Begun.Run
	event := func(e fleet.Event) {
		engine.Handle(e)
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
	engine.Crew, engine.Base = callbackServer.Runner, fleet.Plan{Table: r.table, Back: callbackServer.Back, Image: d.Image(0)}
	engine.Target = func(phone, _ int) fleet.Target { return r.targets[phone] }
	push, err := r.list(ctx, engine)
	if err != nil {
		return err
	}
	show.NoteEarlier(push.Targets())
	end := show.Watch.Begin(callbackServer)
	results, err := push.Run(ctx)
	end()
	if loss := (*rollout.LossError)(nil); err != nil && !errors.As(err, &loss) {
		return err
	}
	failure := r.failure(ctx, engine.Base, show.Context, results)
	show.Summary(results, failure)
	return r.also(failure, err)
}

// failure returns the error that the results amount to.
func (r *run) failure(ctx context.Context, plan fleet.Plan, in advice.Context, results []fleet.Result) error {
	if own := (*exit.Error)(nil); errors.As(context.Cause(ctx), &own) {
		return own
	}
	plan.Phones = r.targets
	return advice.RunFailure(plan, in, results)
}

// openJournal opens the journal before anything is sent, so that a problem with a file that was named costs nothing. A dry run is not
// recorded, since it does nothing to phones; and without a usable journal of its own place a push goes on.
func (r *run) openJournal(ctx context.Context) (journal.Ledger, error) {
	if r.o.DryRun {
		return journal.Discard{}, nil
	}
	ledger, err := r.Journal.Open(ctx)
	if err == nil {
		r.by = r.Journal.Origin()
		return ledger, nil
	}
	return journal.Discard{}, r.unrecorded(ctx, err)
}

// unrecorded returns an error of the journal that ends the run, and shows another one.
func (r *run) unrecorded(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, journal.ErrConflict): // the journal is usable
		return exit.New(exit.CodeUnreachable, fmt.Errorf("another run of cpupdate is updating these phones: %w", err), "wait until the other run has finished, then try again")
	case r.Journal.Named() != "" || ctx.Err() != nil:
		return record.Error(err)
	}
	r.Console.NoteAbout("warning", "the journal", "this push is not recorded: "+err.Error())
	return nil
}

// list records what the run does and its phones, and takes over what earlier runs did with them. Nothing was done to a phone so far.
func (r *run) list(ctx context.Context, engine *rollout.Engine) (*rollout.Push, error) {
	used := r.im.Used(r.Version).Image
	image := rollout.Image{
		Name: filepath.Base(used.File), Version: r.file.Facts().Version.Value, SoftwareType: used.SoftwareType, SHA256: used.SHA256, Size: r.file.Image().Size(),
	}
	planned := journal.Planned{Route: r.delivery.Route(), By: r.by, Images: []journal.Image{{
		Name: image.Name, Version: used.Version, SoftwareType: image.SoftwareType, SHA256: image.SHA256, PayloadSHA256: used.PayloadSHA256, Size: image.Size,
	}}}
	plan := rollout.Plan{Images: []rollout.Image{image}, Rules: rollout.Rules{Settle: r.o.Settle}}
	for _, t := range r.targets {
		plan.Phones = append(plan.Phones, rollout.Phone{Address: t.Address, MAC: t.MAC, Note: t.Note})
	}
	push, err := engine.Push(ctx, planned, plan)
	if err != nil {
		if err := r.unrecorded(ctx, err); err != nil {
			return nil, err
		}
		engine.Ledger = journal.Discard{}
		return engine.Push(ctx, planned, plan)
	}
	if n := push.Earlier(); n > 0 {
		runview.NoteEarlier(r.Console, n, len(r.targets), r.o.Settle)
	}
	return push, nil
}
