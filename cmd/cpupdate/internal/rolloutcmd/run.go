package rolloutcmd

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/callback"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/delivery"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/runview"
	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// RunOptions are the flags of rollout run.
type RunOptions struct {
	delivery.Options
	Image    images.Options
	Hardware string
	Settle   time.Duration // 0: as the plan says

	Given []string                   // the flags of the command line, as the journal keeps them
	Again AgainFunc                  // parses flags that the journal kept; own says that this user kept them
	Line  func(kept []string) string // shows such flags
}

// An AgainFunc parses flags that the journal kept; own says that this user kept them.
type AgainFunc func(kept []string, own bool) (RunOptions, console.Flags, error)

// runner carries out one rollout.
type runner struct {
	env      Env
	o        RunOptions
	ledger   journal.Ledger
	saved    *rollout.Saved
	known    *rollout.Follower // of the same rollout
	private  bool              // nobody else can write the journal
	fetch    fetchFunc         // returns the file of an image; nil: where the plan says
	delivery *delivery.Delivery
	table    *hwcheck.Table
	view     *view
	failed   failures
}

// Run carries out a rollout, or goes on with it.
func Run(ctx context.Context, env Env, o RunOptions, name string) error {
	if env.Journal.OnServer() {
		return runCentre(ctx, env, o, name)
	}
	if err := o.validate(); err != nil {
		return err
	}
	r := &runner{env: env, o: o}
	r.private = isPrivate(env) // before it is opened: that may mend its mode
	var err error
	if r.ledger, r.known, err = openFollowed(ctx, env, name); err != nil {
		return err
	}
	defer r.ledger.Close()
	r.saved = r.known.Saved
	if err := r.goOn(); err != nil {
		return err
	}
	if err := r.resolve(ctx); err != nil {
		return err
	}
	defer r.close()
	if err := r.load(ctx); err != nil {
		return err
	}
	env.Console.KeepPipes()
	return r.run(ctx)
}

// validate rejects flags that cannot be used together. Without a route, this machine is the server.
func (o *RunOptions) validate() error {
	if err := cmp.Or(o.ServeUnlessNamed(), o.Validate(true)); err != nil {
		return err
	}
	if _, err := o.Upload.Options(o.Route.Command); err != nil {
		return err
	}
	if o.Settle != 0 {
		return option.CheckSettle(o.Route.Command, o.Settle)
	}
	return nil
}

// resolve reads the settings of the route, before an image is opened.
func (r *runner) resolve(ctx context.Context) (err error) {
	plan := r.saved.Plan
	r.o.Listen.Parallel, r.o.Reinstall = plan.Rules.Parallel, plan.Permits.Reinstall
	if err := r.o.Validate(true); err != nil {
		return err
	}
	var names []string
	for _, image := range plan.Images {
		names = append(names, image.Name)
	}
	if r.delivery, err = delivery.Resolve(ctx, r.env, r.o.Options, names...); err != nil {
		return err
	}
	if route := r.delivery.Route(); r.saved.Route == route {
		r.delivery.ReplaceOwn()
	}
	r.delivery.Context.Rollout = typed(r.env, r.saved.Name)
	if r.table, err = r.env.Settings.HardwareTable(ctx, r.o.Hardware); err != nil {
		return err
	}
	return r.delivery.CheckDeployment()
}

// close closes the images.
func (r *runner) close() {
	for _, image := range r.delivery.Images {
		if image.File != nil {
			_ = image.File.Close() // nothing was written
		}
	}
}

const putBack = "put back the file that the plan was made with, or make a new plan"

// load opens the images of the plan, and refuses another file than the plan names.
func (r *runner) load(ctx context.Context) error {
	l, err := images.NewLoader(ctx, r.env.Console, r.env.Settings, r.env.Open, r.o.Image)
	if err != nil {
		return err
	}
	l.Seal, l.SHA256 = true, true
	for i, planned := range r.saved.Plan.Images {
		if r.fetch != nil {
			if planned.Path, err = r.fetch(ctx, planned); err != nil {
				return err
			}
		}
		if err := r.loadImage(ctx, l, i, planned); err != nil {
			return &delivery.InputError{Err: err}
		}
	}
	return nil
}

// loadImage opens an image of the plan.
func (r *runner) loadImage(ctx context.Context, l *images.Loader, number int, planned rollout.Image) error {
	image := r.delivery.Images[number]
	image.File, image.Read = l.LoadOpen(ctx, planned.Path)
	switch {
	case errors.Is(image.Read.Err, fs.ErrNotExist):
		return exit.New(exit.CodeImage, image.Read.Err, putBack)
	case image.Read.Err != nil:
		return image.Read.Err
	case image.Read.Used("").Image.SHA256 != planned.SHA256:
		return exit.Errorf(exit.CodeImage, putBack, "%s: it is not the file that the plan was made with", images.DisplayName(planned.Path))
	}
	image.Policy = r.saved.Plan.Permits.Policy(l.Policy)
	return nil
}

// run carries the rollout out.
func (r *runner) run(ctx context.Context) error {
	engine, server, err := r.begin(ctx)
	if err != nil {
		return err
	}
	defer server.Close()
	r.known.Detach()
	r.view = newView(r.env.Console, r.known)
	r.view.typed = typed(r.env, r.saved.Name)
	engine.Event, engine.Decided, engine.Others = r.event, r.view.decided, r.view.others
	if r.env.Console.CanPrompt() {
		engine.Open = r.ask
	}
	r.noteEarlier()
	stop := r.view.follow(ctx, r.ledger)
	decision, err := engine.Run(ctx)
	stop()
	return r.ended(ctx, decision, err)
}

// begin returns an engine with everything that it needs on this machine. The caller closes the server.
func (r *runner) begin(ctx context.Context) (*rollout.Engine, *callback.Server, error) {
	d := r.delivery
	r.need(time.Now())
	for i := range r.saved.Plan.Phones {
		d.Phones = append(d.Phones, r.target(i))
	}
	if err := d.Prepare(ctx); err != nil {
		return nil, nil, err
	}
	if err := r.keep(ctx); err != nil {
		return nil, nil, err
	}
	engine := &rollout.Engine{
		Ledger: r.ledger, Name: r.saved.Name, Site: r.saved.Site, Causes: causes, Gap: r.o.Listen.Interval, Others: r.others,
		Begun: journal.RunBegun{Run: token(), By: r.env.Journal.Origin(), Route: d.Route()},
	}
	server, err := d.Listen(ctx, engine.Handle)
	if err != nil {
		return nil, nil, err
	}
	if err := d.Begin(ctx, server); err != nil {
		server.Close()
		return nil, nil, err
	}
	engine.Crew, engine.Base = server.Runner, fleet.Plan{Table: r.table, Back: server.Back, Settle: r.o.Settle}
	engine.Target = func(phone, image int) fleet.Target {
		t := d.Phones[phone]
		t.Image = d.ImageFor(phone, image)
		return t
	}
	return engine, server, nil
}

// need notes which images and phones this run may need: none, if nothing is left to do.
func (r *runner) need(now time.Time) {
	state := r.saved.State(causes)
	r.delivery.Ended = make([]bool, len(r.saved.Plan.Phones))
	decision := r.saved.Plan.Decide(state, now)
	over := (decision.Verb == rollout.Done || decision.Verb == rollout.Over || decision.Verb == rollout.Stop) && len(decision.Phones) == 0
	for i, phone := range r.saved.Plan.Phones {
		at := state.Phones[i]
		if r.delivery.Ended[i] = over || !phone.GetsImage() || at.Ended && !at.MayPass; over || at.Updated || !phone.GetsImage() {
			continue
		}
		for _, image := range phone.Images[r.saved.Step(i):] {
			r.delivery.Images[image].Needed = true
		}
	}
}

// noteEarlier says how many phones this run only queries, since a run of this rollout that did not end instructed them.
func (r *runner) noteEarlier() {
	n := 0
	for _, p := range r.saved.State(causes).Phones {
		if p.Instructed && !p.Ended {
			n++
		}
	}
	if n > 0 {
		runview.NoteEarlier(r.env.Console, n, len(r.saved.Plan.Phones), cmp.Or(r.o.Settle, r.saved.Plan.Rules.Settle))
	}
}

// event takes an event of a phone of the plan.
func (r *runner) event(phone int, e fleet.Event) {
	r.failed.event(phone, e)
	r.view.event(phone, e)
}

// others says which phones other runs have to do with.
func (r *runner) others(took, left int) {
	for _, text := range othersTexts(took, left) {
		r.env.Console.NoteAbout("note", "the journal", text)
	}
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

// ask asks the person at the terminal whether the next wave may begin.
func (r *runner) ask(ctx context.Context, s *rollout.Saved, d rollout.Decision) (bool, error) {
	wave := s.Plan.Waves[d.Wave]
	text := fmt.Sprintf("Begin wave %d of %d (%s, %s)? [yes/no] ", d.Wave+1, len(s.Plan.Waves), wave.Name, display.Plural(len(wave.Phones), "phone"))
	for {
		answer, err := r.env.Console.Question(ctx, text, "yes", "no")
		if err != nil || answer == "yes" || answer == "no" || answer == "" {
			return answer == "yes", err
		}
		text = "Type yes or no: "
	}
}

// ended shows how the rollout stands, and returns the error that ends the command.
func (r *runner) ended(ctx context.Context, d rollout.Decision, err error) error {
	again := "to go on: cpupdate rollout run " + typed(r.env, r.saved.Name)
	late := context.WithoutCancel(ctx)
	saved, loadErr := rollout.Load(late, r.ledger, r.saved.Name)
	if loadErr == nil {
		if printErr := r.env.Console.Emit(statusOf(saved), statusText(r.env.Console, saved, "")); err == nil {
			err = printErr
		}
	}
	// An interrupt hides neither why the run had ended before, nor that nothing was left to do.
	if failure := (*fleet.Failure)(nil); errors.As(err, &failure) {
		return exit.New(codeOf(failure), withLoss(failure, err), again)
	}
	if ctx.Err() != nil && !isLoss(err) {
		if loadErr != nil || !isDone(saved) {
			return exit.Errorf(exit.CodeInterrupted, again, "interrupted: the rollout is not complete%s", r.failed.cutText(r.delivery.Context))
		}
		if d.Verb = rollout.Done; errors.Is(err, context.Cause(ctx)) {
			err = nil
		}
	}
	switch {
	case errors.Is(err, journal.ErrFull):
		return exit.New(exit.CodeSettings, err, "make room on that disk; "+again) // the plan is in this journal: no other one would do
	case err != nil:
		return failure(r.env, r.saved.Name, err)
	case loadErr != nil:
		return failure(r.env, r.saved.Name, loadErr)
	}
	return r.withHints(outcome(typed(r.env, saved.Name), saved, d))
}

// isDone reports whether there is nothing left to do.
func isDone(s *rollout.Saved) bool {
	return s.Plan.Decide(s.State(causes), time.Now()).Verb == rollout.Done
}

// isLoss reports whether an error says that something was not recorded.
func isLoss(err error) bool {
	loss := (*rollout.LossError)(nil)
	return errors.As(err, &loss)
}

// withLoss returns the failure that ended a run, with what could not be recorded besides.
func withLoss(f *fleet.Failure, err error) error {
	if isLoss(err) {
		return err
	}
	return f
}

func codeOf(f *fleet.Failure) exit.Code {
	if f.Kind == fleet.KindImage {
		return exit.CodeImage
	}
	return exit.CodeStopped // a phone is locked out
}

// outcome returns the error of a rollout that ended with a decision, nil if every phone is as it should be. name is as a person types it.
func outcome(name string, saved *rollout.Saved, d rollout.Decision) error {
	resume := "to go on in spite of it: cpupdate rollout resume " + name + ", then cpupdate rollout run " + name
	switch d.Verb {
	case rollout.Over:
		return exit.New(exit.CodeStopped, fmt.Errorf("stopped: wave %d has reached the limit %s", d.Wave+1, d.Reached), "see which phones failed: cpupdate rollout status "+name, resume)
	case rollout.Stop:
		return exit.Errorf(exit.CodeStopped, resume, "stopped by a person%s", reason(saved))
	case rollout.Ask:
		return exit.Errorf(exit.CodeStopped, "to go on: cpupdate rollout run "+name, "wave %d was not begun", d.Wave+1)
	case rollout.Run, rollout.Wait, rollout.Paused: // it had ended a moment before
		return exit.Errorf(exit.CodeStopped, "to see it to its end: cpupdate rollout run "+name, "the rollout is not complete: another person has let it go on")
	case rollout.Done:
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
