package rolloutcmd

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/callback"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// RunOptions are the flags of rollout run.
type RunOptions struct {
	Image    images.Options
	Hardware string
	Listen   option.Listen
}

// runner carries out one rollout.
type runner struct {
	env    Env
	o      RunOptions
	ledger journal.Ledger
	saved  *rollout.Saved
	known  *rollout.Follower // of the same rollout
	loader *images.Loader
	table  *hwcheck.Table
	files  []*bind.File
	view   *view
}

// Run carries out a rollout, or goes on with it. Phones fetch the images from this machine.
func Run(ctx context.Context, env Env, o RunOptions, name string) error {
	if err := o.Listen.Validate("rollout run"); err != nil {
		return err
	}
	r := &runner{env: env, o: o}
	var err error
	if r.ledger, r.known, err = openFollowed(ctx, env, name); err != nil {
		return err
	}
	defer r.ledger.Close()
	r.saved = r.known.Saved
	r.o.Listen.Parallel = r.saved.Plan.Rules.Parallel
	if r.table, err = env.Settings.HardwareTable(ctx, o.Hardware); err != nil {
		return err
	}
	if r.loader, err = images.NewLoader(ctx, env.Console, env.Settings, env.Open, o.Image); err != nil {
		return err
	}
	defer r.close()
	for _, image := range r.saved.Plan.Images {
		if err := r.open(ctx, image); err != nil {
			return err
		}
	}
	env.Console.KeepPipes()
	return r.run(ctx)
}

// close closes the images.
func (r *runner) close() {
	for _, f := range r.files {
		_ = f.Close() // nothing was written
	}
}

// open opens an image of the plan, and refuses another file than the plan names.
func (r *runner) open(ctx context.Context, image rollout.Image) error {
	r.loader.Seal, r.loader.SHA256 = true, true
	f, im := r.loader.LoadOpen(ctx, image.Path)
	if f != nil {
		r.files = append(r.files, f)
	}
	if im.Err != nil {
		return im.Err
	}
	if im.Used("").Image.SHA256 != image.SHA256 {
		return exit.Errorf(exit.CodeImage, "put back the file that the plan was made with, or make a new plan", "%s: it is not the file that the plan was made with", images.DisplayName(image.Path))
	}
	return nil
}

// run carries the rollout out with everything that it needs on this machine.
func (r *runner) run(ctx context.Context) error {
	engine := &rollout.Engine{
		Ledger: r.ledger, Name: r.saved.Name, Causes: causes, Gap: r.o.Listen.Interval,
		Begun: journal.RunBegun{Run: token(), By: r.env.Journal.Origin(), Route: journal.Route{Way: "serve", Listen: r.o.Listen.Listen}},
	}
	targets := make([]fleet.Target, len(r.saved.Plan.Phones))
	for i := range targets {
		targets[i] = r.target(i)
	}
	server, err := callback.Listen(ctx, &r.o.Listen, r.env.Console, targets, option.ContactTimeout, transfer.Options{}, engine.Handle)
	if err != nil {
		return err
	}
	defer server.Close()
	offered := r.offered(server)
	r.view = newView(r.env.Console, r.known)
	engine.Crew, engine.Base = server.Runner, fleet.Plan{Table: r.table, Back: server.Back}
	engine.Target = func(phone, image int) fleet.Target {
		t := targets[phone]
		t.Image = offered[image]
		return t
	}
	engine.Event, engine.Decided = r.view.event, r.view.decided
	if r.env.Console.CanPrompt() {
		engine.Open = r.ask
	}
	stop := r.view.follow(ctx, r.ledger)
	d, err := engine.Run(ctx)
	stop()
	return r.ended(ctx, d, err)
}

// token returns a name that no other run has.
func token() string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// target returns what is known of a phone of the plan.
func (r *runner) target(i int) fleet.Target {
	p := r.saved.Plan.Phones[i]
	return fleet.Target{Address: p.Address, MAC: p.MAC, Known: p.Stated, Note: p.Note, Override: p.Override != "", Reason: p.Override}
}

// offered returns the images as phones get them from a server.
func (r *runner) offered(server *callback.Server) []*fleet.Image {
	all := make([]*fleet.Image, len(r.files))
	for i, f := range r.files {
		all[i] = &fleet.Image{
			Facts: f.Facts(), Policy: r.loader.Policy, Priority: wpi.Normal, Unchanged: f.CheckUnchanged,
			Source: fleet.Served(server.Server, r.saved.Plan.Images[i].Name, f.Image(), server.Back),
		}
	}
	return all
}

// ask asks the person at the terminal whether the next wave may begin.
func (r *runner) ask(ctx context.Context, s *rollout.Saved, d rollout.Decision) (bool, error) {
	wave := s.Plan.Waves[d.Wave]
	text := fmt.Sprintf("Begin wave %d of %d (%s, %s)? [yes/no] ", d.Wave+1, len(s.Plan.Waves), wave.Name, console.Plural(len(wave.Phones), "phone"))
	answer, err := r.env.Console.Question(ctx, text, "yes", "no")
	return answer == "yes", err
}

// ended shows how the rollout stands, and returns the error that ends the command.
func (r *runner) ended(ctx context.Context, d rollout.Decision, err error) error {
	name := exit.Word(r.saved.Name)
	again := "to go on: cpupdate rollout run " + name
	late := context.WithoutCancel(ctx)
	saved, loadErr := rollout.Load(late, r.ledger, r.saved.Name)
	if loadErr == nil {
		if printErr := r.env.Console.Emit(statusOf(saved), statusText(r.env.Console, saved, "")); err == nil {
			err = printErr
		}
	}
	if ctx.Err() != nil && !isLoss(err) {
		return exit.Errorf(exit.CodeInterrupted, again, "interrupted: the rollout is not complete")
	}
	if failure := (*fleet.Failure)(nil); errors.As(err, &failure) {
		return exit.New(codeOf(failure), failure, again)
	}
	switch {
	case err != nil:
		return failure(name, err)
	case loadErr != nil:
		return failure(name, loadErr)
	}
	return outcome(saved, d)
}

// isLoss reports whether an error says that something was not recorded.
func isLoss(err error) bool {
	loss := (*rollout.LossError)(nil)
	return errors.As(err, &loss)
}

func codeOf(f *fleet.Failure) exit.Code {
	if f.Kind == fleet.KindImage {
		return exit.CodeImage
	}
	return exit.CodeStopped // a phone is locked out
}

// outcome returns the error of a rollout that ended with a decision, nil if every phone is as it should be.
func outcome(saved *rollout.Saved, d rollout.Decision) error {
	name := exit.Word(saved.Name)
	resume := "to go on in spite of it: cpupdate rollout resume " + name + ", then cpupdate rollout run " + name
	switch d.Verb {
	case rollout.Over:
		return exit.Errorf(exit.CodeStopped, "see which phones failed: cpupdate rollout status "+name+"; "+resume, "stopped: wave %d has reached the limit %s", d.Wave+1, d.Reached)
	case rollout.Stop:
		return exit.Errorf(exit.CodeStopped, resume, "stopped by a person%s", reason(saved))
	case rollout.Ask:
		return exit.Errorf(exit.CodeStopped, "to go on: cpupdate rollout run "+name, "wave %d was not begun", d.Wave+1)
	}
	if failed := saved.Failed(causes); len(failed) > 0 {
		return exit.Errorf(exit.CodePartial, "see the output for each of them; to try them again: cpupdate rollout retry "+name+", then cpupdate rollout run "+name, "%d of %d phones failed", len(failed), len(saved.Plan.Phones))
	}
	return nil
}

// reason returns why a person stopped or paused, as a part of a sentence.
func reason(saved *rollout.Saved) string {
	if saved.Reason == "" {
		return ""
	}
	return ": " + saved.Reason
}
