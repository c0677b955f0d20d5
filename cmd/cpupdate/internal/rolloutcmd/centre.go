package rolloutcmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/journal/jetstream"
	"github.com/cpupdate/cpupdate/pkg/rollout"
	"github.com/cpupdate/cpupdate/pkg/site"
)

// queueOf returns the queue of sites of the server that has a journal.
func queueOf(env Env, ledger journal.Ledger) site.Queue {
	server, _ := ledger.(*jetstream.Ledger)
	return site.Queue{Ledger: server, AckWait: env.Journal.AckWait}
}

// checkSites refuses a plan of phones that no worker would take on.
func (p *planner) checkSites(plan rollout.Plan) error {
	if !p.env.Journal.OnServer() {
		return nil
	}
	n, first := 0, ""
	for _, phone := range plan.Phones {
		if phone.GetsImage() && phone.Site == "" {
			if n++; n == 1 {
				first = label(phone)
			}
		}
	}
	if n > 0 {
		return exit.Errorf(exit.CodeSettings, "add a column site to the phone list: the name that the worker there has with --site", "%s without a site, such as %s: no worker would update them", display.Plural(n, "phone"), first)
	}
	return nil
}

// store puts the images of a plan on the server that has the journal, for the workers.
func (p *planner) store(ctx context.Context, ledger journal.Ledger, plan rollout.Plan) error {
	server, on := ledger.(*jetstream.Ledger)
	if !on {
		return nil
	}
	for _, image := range plan.Images {
		if err := p.storeOne(ctx, site.Images{Ledger: server}, image); err != nil {
			return failure(p.env, p.o.Name, err)
		}
	}
	return nil
}

// storeOne puts one image on the server.
func (p *planner) storeOne(ctx context.Context, server site.Images, image rollout.Image) error {
	file, err := os.Open(image.Path)
	if err != nil {
		return exit.New(exit.CodeImage, err)
	}
	defer file.Close()
	err = server.Put(ctx, image.SHA256, io.NewSectionReader(file, 0, image.Size))
	if errors.Is(err, site.ErrDamaged) {
		return exit.Errorf(exit.CodeImage, "leave the file alone, and try again", "%s: it was changed while it was stored on the server", images.DisplayName(image.Path))
	}
	return err
}

// offer lets workers carry out a rollout at the sites with phones that are not updated.
func offer(ctx context.Context, env Env, ledger journal.Ledger, name string) error {
	saved, err := rollout.Load(ctx, ledger, name)
	if err != nil {
		return err
	}
	return queueOf(env, ledger).Offer(ctx, name, sitesToOffer(saved)...)
}

// sitesToOffer returns the sites with phones that are not updated.
func sitesToOffer(s *rollout.Saved) []string {
	var sites []string
	for i, at := range s.State(causes).Phones {
		if p := s.Plan.Phones[i]; p.GetsImage() && !at.Updated && p.Site != "" {
			sites = append(sites, p.Site)
		}
	}
	slices.Sort(sites)
	return slices.Compact(sites)
}

// runCentre lets the workers of the sites carry out a rollout, and shows it until it ends. It drives no phone.
func runCentre(ctx context.Context, env Env, o RunOptions, name string) error {
	if len(o.Given) > 0 {
		return exit.Errorf(exit.CodeUsage, "give the flag to the workers: cpupdate help rollout work", "%s is a flag of the workers: with --nats, they update the phones", keptName(o.Given[0]))
	}
	ledger, f, err := openFollowed(ctx, env, name)
	if err != nil {
		return err
	}
	defer ledger.Close()
	if len(f.Saved.Sites) == 0 {
		return exit.Errorf(exit.CodeSettings, "make the plan again, with another name and a phone list that has a column site", "rollout %s has no sites: no worker would carry it out", exit.ShownArgument(name))
	}
	c := &centre{env: env, ledger: ledger, f: f, view: newView(env.Console, f)}
	c.view.watch, c.view.asks = true, env.Console.CanPrompt()
	if !over(f.Saved, time.Now()) {
		if err := checkFile(ctx, env, f.Saved); err != nil {
			return failure(env, name, err)
		}
		if err := queueOf(env, ledger).Offer(ctx, name, sitesToOffer(f.Saved)...); err != nil {
			return failure(env, name, err)
		}
		env.Console.NoteAbout("note", name, "offered to the workers of "+display.Plural(len(sitesToOffer(f.Saved)), "site"))
		noteOthers(ctx, env, ledger, f.Saved)
	}
	env.Console.KeepPipes()
	return c.run(ctx)
}

// noteOthers says which other rollouts keep the workers of the sites that a rollout waits for.
func noteOthers(ctx context.Context, env Env, ledger journal.Ledger, s *rollout.Saved) {
	doc := statusOf(s)
	doc.findOthers(ctx, ledger)
	const named = 3
	sites := map[string][]string{}
	for _, one := range doc.Sites {
		if one.Other != "" {
			sites[one.Other] = append(sites[one.Other], one.Site)
		}
	}
	for _, other := range slices.Sorted(maps.Keys(sites)) {
		where := sites[other]
		if more := len(where) - named; more > 0 {
			where = append(where[:named:named], fmt.Sprintf("%d more", more))
		}
		env.Console.NoteAbout("note", s.Name, fmt.Sprintf("the newest run at %s is of rollout %s, which is not complete: this one begins there when that one has ended or is stopped, or with another worker", strings.Join(where, ", "), other))
	}
}

// A centre shows a rollout that workers carry out.
type centre struct {
	env    Env
	ledger journal.Ledger
	f      *rollout.Follower
	view   *view
}

// run shows the rollout until it ends, and returns the error that ends the command.
func (c *centre) run(ctx context.Context) error {
	name := c.f.Saved.Name
	reading, cancel := context.WithCancel(ctx)
	defer cancel()
	read, ended := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(ended)
		read <- c.view.read(reading, c.ledger)
	}()
	refused, err := c.follow(ctx, read)
	cancel()
	<-ended // it draws nothing from here on
	c.view.mu.Lock()
	c.view.endBar()
	c.view.mu.Unlock()
	saved, loadErr := rollout.Load(context.WithoutCancel(ctx), c.ledger, name)
	if loadErr == nil {
		doc := statusOf(saved)
		doc.findOthers(context.WithoutCancel(ctx), c.ledger)
		if printErr := c.env.Console.Emit(doc, textOf(doc, c.env.Console, saved, "")); err == nil {
			err = printErr
		}
	}
	switch {
	case ctx.Err() != nil && (loadErr != nil || !isDone(saved)):
		return exit.Errorf(exit.CodeInterrupted, "to show it again: cpupdate rollout run "+exit.Word(name)+"; to end it: cpupdate rollout stop "+exit.Word(name), "interrupted: the workers go on with the rollout")
	case ctx.Err() != nil && errors.Is(err, context.Cause(ctx)):
	case err != nil:
		return failure(c.env, name, err)
	case loadErr != nil:
		return failure(c.env, name, loadErr)
	}
	d := saved.Plan.Decide(saved.State(causes), time.Now())
	if refused {
		d.Verb = rollout.Ask
	}
	return outcome(typed(c.env, name), saved, d)
}

// follow shows what happens until the rollout is over. refused says that a person did not open a wave.
func (c *centre) follow(ctx context.Context, read <-chan error) (refused bool, err error) {
	ticker := time.NewTicker(watchTime)
	defer ticker.Stop()
	for asked := -1; ; { // the answer takes a moment to come back from the journal
		if c.view.look(time.Now()) {
			return false, nil
		}
		if d, asks := c.view.question(); asks && d.Wave != asked {
			asked = d.Wave
			switch opened, err := c.ask(ctx, d); {
			case err != nil:
				return false, err
			case opened == refusedWave:
				return true, nil
			case opened == noWave:
				asked = -1
			}
		}
		select {
		case err := <-read:
			return false, err
		case <-ctx.Done():
			return false, <-read
		case <-ticker.C:
		}
	}
}

// An answered says what became of a question about a wave.
type answered int

const (
	openedWave  answered = iota
	refusedWave          // and it still waits
	noWave               // it does not wait any more: somebody decided before the answer came
)

// ask asks a person whether a wave may begin, and opens it if so.
func (c *centre) ask(ctx context.Context, d rollout.Decision) (answered, error) {
	r := &runner{env: c.env}
	open, err := r.ask(ctx, c.f.Saved, d)
	if err != nil {
		return noWave, err
	}
	name := c.f.Saved.Name
	if open {
		err := rollout.Open(ctx, c.ledger, name, d.Wave, c.env.Journal.Origin(), causes)
		if errors.Is(err, rollout.ErrNothing) {
			return noWave, nil
		}
		return openedWave, err
	}
	saved, err := rollout.Load(ctx, c.ledger, name)
	if err != nil {
		return noWave, err
	}
	if now := saved.Plan.Decide(saved.State(causes), time.Now()); now.Verb == rollout.Ask && now.Wave == d.Wave {
		return refusedWave, nil
	}
	return openedWave, nil
}

// question reports whether a person is to be asked now.
func (v *view) question() (rollout.Decision, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.f.Saved
	d := s.Plan.Decide(s.State(causes), time.Now())
	return d, v.asks && d.Verb == rollout.Ask
}

// keptName returns the name of a flag as the journal keeps it.
func keptName(kept string) string {
	for i, r := range kept {
		if r == '=' {
			return kept[:i]
		}
	}
	return kept
}
