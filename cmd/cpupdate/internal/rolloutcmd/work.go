package rolloutcmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/delivery"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/record"
	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/journal/jetstream"
	"github.com/cpupdate/cpupdate/pkg/rollout"
	"github.com/cpupdate/cpupdate/pkg/site"
)

// fetchFunc returns the file of an image of a plan.
type fetchFunc func(context.Context, rollout.Image) (path string, err error)

// WorkOptions are the flags of rollout work.
type WorkOptions struct {
	RunOptions
	Site string

	Cache    string // folder of the images
	CacheErr error  // why there is no such folder
}

// Times of a worker.
const (
	laterTime = time.Minute // before a rollout is tried again that could not be carried out
	clockOff  = time.Minute // that a clock may be wrong without a warning
)

// A worker carries out rollouts at a site, one after the other.
type worker struct {
	env    Env
	o      WorkOptions
	ledger *jetstream.Ledger
	queue  site.Queue

	mu   sync.Mutex
	said string            // the last reason to wait
	told map[string]string // the last problem with each rollout
}

// Work carries out the rollouts of a site as they come, until it is interrupted, which is its normal end: the phones that are on
// their way then are followed first.
func Work(ctx context.Context, env Env, o WorkOptions) error {
	if err := o.check(env); err != nil {
		return err
	}
	env.Journal.Server.Site = o.Site
	env.Console.Flags.Server = env.Journal.ServerFlags()
	ledger, err := env.Journal.OpenServer(ctx)
	if err != nil {
		return err
	}
	defer ledger.Close()
	env.Console.KeepPipes()
	w := &worker{env: env, o: o, ledger: ledger, queue: site.Queue{Ledger: ledger}, told: map[string]string{}}
	w.tell("", "ready", "waits for a rollout; press Ctrl-C to end")
	for {
		lease, err := w.queue.Take(ctx, o.Site, w.waits)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return record.Error(err)
		}
		if err := w.work(ctx, lease); err != nil || ctx.Err() != nil {
			return err
		}
	}
}

// check rejects flags that cannot be used.
func (o *WorkOptions) check(env Env) error {
	if !env.Journal.OnServer() {
		return exit.Usage("rollout work", "--nats URL is missing: the server that has the journal")
	}
	if _, err := hwcheck.ParseSite(o.Site); err != nil {
		return exit.Usage("rollout work", "--site: %w", err)
	}
	if o.Cache == "" {
		return exit.New(exit.CodeSettings, fmt.Errorf("the folder for images cannot be found: %w", o.CacheErr), "name one with --image-cache FOLDER")
	}
	return o.validate()
}

// waits says why there is nothing to ask for now, once for each reason, and with nil that there is again.
func (w *worker) waits(err error) {
	if err == nil {
		w.mu.Lock()
		w.said = ""
		w.mu.Unlock()
		w.tell("", "ready", "waits for a rollout")
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if text := err.Error(); text != w.said {
		w.said = text
		w.env.Console.NoteAbout("note", "site "+w.o.Site, text+"; it is tried again")
	}
}

// work carries out a rollout at the site, and gives the lease back. The error ends the worker.
func (w *worker) work(ctx context.Context, lease *site.Lease) error {
	late := context.WithoutCancel(ctx)
	name := lease.Rollout()
	w.mu.Lock()
	w.said = ""
	w.mu.Unlock()
	w.warnClock(name, lease.Ahead())
	noted := context.AfterFunc(ctx, func() {
		w.env.Console.NoteAbout("note", name, "interrupted: no phone is begun any more, and those that are on their way are followed; press Ctrl-C again to end at once")
	})
	decision, err := w.carry(ctx, lease)
	noted()
	return w.ended(late, lease, decision, err, ctx.Err() != nil)
}

// A held is what a worker does with a [site.Lease] after the rollout.
type held interface {
	Rollout() string
	Alive() bool
	Done(ctx context.Context) error
	GiveBack(ctx context.Context, after time.Duration) error
}

// ended gives a lease back after the rollout was carried out as far as it goes. stopped says that the worker was interrupted. The error ends the
// worker.
func (w *worker) ended(ctx context.Context, lease held, decision rollout.Decision, err error, stopped bool) error {
	name := lease.Rollout()
	switch {
	case isLocked(err): // whatever else happened: this worker must not try the password again
		return w.locked(name, err, lease.Done(ctx))
	case !lease.Alive() && stopped && isLoss(err):
		return w.explained(name, err)
	case !lease.Alive():
		if err == nil || errors.Is(err, rollout.ErrLease) {
			err = site.ErrLost
		}
		w.problem(name, err)
		return nil
	case stopped && !isLoss(err) && (err == nil || errors.Is(err, rollout.ErrLease) || errors.Is(err, context.Canceled)):
		w.tell(name, "given-back", "given back: another worker of the site may go on")
		return w.unheard(name, lease.GiveBack(ctx, 0))
	case err == nil || errors.Is(err, rollout.ErrNoRollout) || errors.Is(err, rollout.ErrNoSite):
		if err != nil {
			w.problem(name, err)
		}
		return w.done(ctx, lease, decision)
	case w.ends(err):
		_ = lease.GiveBack(ctx, 0) // the server finds out by itself
		return w.explained(name, err)
	case stopped: // nobody tries again here
		_ = lease.GiveBack(ctx, laterTime)
		return w.explained(name, err)
	}
	w.problem(name, err)
	return w.unheard(name, lease.GiveBack(ctx, laterTime))
}

// locked returns the error that ends a worker because a phone accepts no password. The server must not give the rollout to another worker of the
// site, which would try the password again; kept is why it may do so anyway.
func (w *worker) locked(name string, err, kept error) error {
	own := (*exit.Error)(nil)
	if err = w.explained(name, err); kept != nil && errors.As(err, &own) {
		own.Hints = append(own.Hints, "end the other workers of the site first, if there are any: one of them may go on with the rollout and send the password, since the server did not confirm that nothing is left to do ("+kept.Error()+")")
	}
	return err
}

// ends reports whether an error of a rollout ends the worker: it is about this machine, not about the rollout or the server.
func (w *worker) ends(err error) bool {
	own, failure, taken := (*exit.Error)(nil), (*fleet.Failure)(nil), (*rollout.TakenError)(nil)
	ofJournal, ofInput := (*journal.Error)(nil), (*delivery.InputError)(nil)
	switch {
	case isLocked(err):
		return true
	case errors.As(err, &taken), errors.As(err, &ofJournal), errors.As(err, &ofInput), isLoss(err), errors.Is(err, site.ErrMissing), errors.Is(err, site.ErrDamaged), errors.Is(err, rollout.ErrIncomplete):
		return false
	case errors.As(err, &failure):
		return false
	}
	return errors.As(err, &own)
}

func isLocked(err error) bool {
	f := (*fleet.Failure)(nil)
	return errors.As(err, &f) && f.Kind == fleet.KindLocked
}

// carry carries out a rollout with everything that it needs on this machine. Once the command is interrupted or the lease is lost,
// it begins no phone, and follows those that are on their way.
func (w *worker) carry(ctx context.Context, lease *site.Lease) (rollout.Decision, error) {
	none := rollout.Decision{}
	saved, err := rollout.LoadSite(ctx, w.ledger, lease.Rollout(), w.o.Site)
	if err == nil {
		err = saved.Check()
	}
	if err == nil && !over(saved, time.Now()) {
		err = checkFile(ctx, w.env, saved)
	}
	if err != nil {
		return none, err
	}
	if d := saved.Plan.Decide(saved.State(causes), time.Now()); d.Verb == rollout.Stop && len(d.Phones) == 0 {
		return w.stopped(ctx, lease, saved)
	}
	w.tell(saved.Name, "begun", "begins: "+display.Plural(len(saved.Plan.Phones), "phone")+" here")
	store := site.Images{Ledger: w.ledger, Folder: w.o.Cache}
	r := &runner{env: w.env, o: w.o.RunOptions, ledger: w.ledger, saved: saved, fetch: func(ctx context.Context, image rollout.Image) (string, error) {
		path, err := store.Fetch(ctx, image.SHA256, image.Size)
		if err != nil {
			return "", fmt.Errorf("image %s: %w", image.Name, err)
		}
		return path, nil
	}}
	if err := r.resolve(ctx); err != nil {
		return none, w.unfit(ctx, err)
	}
	defer r.close()
	if err := r.load(ctx); err != nil {
		return none, err
	}
	engine, server, err := r.begin(ctx)
	if err != nil {
		return none, err
	}
	defer server.Close()
	engine.Leave = ctx.Done()
	engine.Alive = func() bool { return ctx.Err() == nil && lease.Alive() }
	engine.Event = func(phone int, e fleet.Event) {
		r.failed.event(phone, e)
		w.phone(saved.Plan.Phones[phone], phone, e)
	}
	engine.Decided = w.decided
	defer w.watchServer(saved.Name)()
	return engine.Run(context.WithoutCancel(ctx))
}

// unfit returns why the settings of the route cannot be used for a rollout. If they can be used without its plan, this is about the rollout.
func (w *worker) unfit(ctx context.Context, err error) error {
	alone := &runner{env: w.env, o: w.o.RunOptions, saved: &rollout.Saved{Plan: rollout.Plan{Rules: rollout.Rules{Parallel: 1}}}}
	if alone.resolve(ctx) != nil {
		return err
	}
	own := (*exit.Error)(nil)
	if errors.As(err, &own) {
		fault := *own
		fault.Err = fmt.Errorf("the plan does not fit the flags of this worker, and is tried again every minute: %w", own.Err)
		err = &fault
	}
	return &delivery.InputError{Err: err}
}

// watchServer says when the server cannot be reached, and that it can be again, until the caller calls stop.
func (w *worker) watchServer(name string) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		away := false
		w.ledger.Reached(ctx, func(reached bool) {
			switch {
			case away != reached: // it was said, or there is nothing to say
				return
			case reached:
				w.env.Console.NoteAbout("note", name, "the server of the journal can be reached again")
			default:
				w.env.Console.NoteAbout("warning", name, "the server of the journal cannot be reached: no phone is begun until it can, and those that are on their way are followed; it is tried again")
			}
			away = !reached
		})
	})
	return func() {
		cancel()
		done.Wait()
	}
}

// stopped ends a rollout at the site that a person stopped, and no phone of which is on its way. It needs nothing of this machine: the rollout may
// have been stopped because it does not fit the flags of this worker.
func (w *worker) stopped(ctx context.Context, lease *site.Lease, saved *rollout.Saved) (rollout.Decision, error) {
	engine := &rollout.Engine{
		Ledger: w.ledger, Name: saved.Name, Site: saved.Site, Causes: causes, Crew: noCrew{}, Alive: func() bool { return ctx.Err() == nil && lease.Alive() },
		Begun: journal.RunBegun{Run: token(), By: w.env.Journal.Origin(), Route: saved.Route},
	}
	return engine.Run(context.WithoutCancel(ctx))
}

// A noCrew takes no phone on.
type noCrew struct{}

// errResumed is why a rollout is looked at again.
var errResumed = errors.New("a person let it go on meanwhile")

func (noCrew) Run(context.Context, fleet.Plan) ([]fleet.Result, error) { return nil, errResumed }

// done gives a lease back because nothing is left to do at the site. A person may have let the rollout go on a moment before.
func (w *worker) done(ctx context.Context, lease held, d rollout.Decision) error {
	name := lease.Rollout()
	w.tell(name, "done", map[rollout.Verb]string{
		rollout.Over: "stopped by a limit", rollout.Stop: "stopped by a person", rollout.Done: "nothing is left to do here",
	}[d.Verb])
	if err := lease.Done(ctx); err != nil {
		return w.unheard(name, err)
	}
	saved, err := rollout.LoadSite(ctx, w.ledger, name, w.o.Site)
	if err != nil {
		return nil //nolint:nilerr // it was said before, or there is nothing to offer
	}
	switch saved.Plan.Decide(saved.State(causes), time.Now()).Verb {
	case rollout.Run, rollout.Wait, rollout.Ask, rollout.Paused:
		return w.unheard(name, w.queue.Again(ctx, name, w.o.Site))
	case rollout.Over, rollout.Stop, rollout.Done:
	}
	return nil
}

// unheard says that the server does not know that a lease was given back: it finds out by itself.
func (w *worker) unheard(name string, err error) error {
	if err != nil {
		w.problem(name, err)
	}
	return nil
}

// warnClock says what a wrong clock of this machine means.
func (w *worker) warnClock(name string, ahead time.Duration) {
	how := "ahead of"
	if ahead < 0 {
		ahead, how = -ahead, "behind"
	}
	if ahead > clockOff {
		w.env.Console.NoteAbout("warning", name, fmt.Sprintf("the clock of this machine is %s %s the server's: windows and the time that phones may take (--settle) go by it; set it right", display.Span(ahead.Round(time.Second)), how))
	}
}

// explained returns the error of a rollout with exit code and hint.
func (w *worker) explained(name string, err error) error {
	if f := (*fleet.Failure)(nil); errors.As(err, &f) {
		return exit.New(codeOf(f), withLoss(f, err), "to go on: cpupdate rollout run "+exit.Word(name)+", at the centre")
	}
	busy := (*busyError)(nil)
	switch {
	case errors.As(err, &busy):
		return exit.New(exit.CodeUnreachable, err, "it is tried again every minute: "+whyBusy)
	case errors.Is(err, site.ErrMissing), errors.Is(err, site.ErrDamaged):
		return exit.New(exit.CodeImage, err, "store it again: make another plan with the same image at the centre")
	case errors.Is(err, rollout.ErrNoSite):
		return exit.New(exit.CodeSettings, err, "use the name of the site that the phone list has")
	}
	return failure(w.env, name, err)
}

// problem says why a rollout is not carried out here now, and that the worker goes on.
func (w *worker) problem(name string, err error) {
	own := (*exit.Error)(nil)
	text := err.Error()
	if errors.As(w.explained(name, err), &own) && len(own.Hints) > 0 {
		text += "; " + w.env.Console.Flags.Whole(own.Hints[0])
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.told[name] == text {
		return // it was tried again
	}
	w.told[name] = text
	w.env.Console.NoteAbout("warning", cmp.Or(name, "site "+w.o.Site), text)
}
