package rolloutcmd

import (
	"context"
	"slices"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/atomicfile"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
	"github.com/cpupdate/cpupdate/pkg/secret"
)

// goOn takes over the flags of the run before, if none are given. With flags of its own a run uses these alone.
func (r *runner) goOn() error {
	kept := r.saved.Kept
	con := r.env.Console
	switch {
	case len(kept.Flags) == 0 || slices.Equal(kept.Flags, r.o.Given):
		return nil
	case len(r.o.Given) > 0:
		con.NoteAbout("note", r.saved.Name, "the flags of the run before do not count, since this one has flags: "+r.o.Line(kept.Flags))
		return nil
	}
	line := r.o.Line(kept.Flags)
	o, flags, err := r.o.Again(kept.Flags, r.private && r.isOwn(kept.By))
	if err == nil {
		err = o.validate()
	}
	if err != nil {
		return exit.Errorf(exit.CodeUsage, "give the flags again: cpupdate rollout run "+typed(r.env, r.saved.Name)+" "+line, "the flags of the run before cannot be used: %w", err)
	}
	whose := ""
	if !r.isOwn(kept.By) {
		whose = ", by " + secret.Cut(kept.By.User, 100) + " on " + secret.Cut(kept.By.Host, 100)
		o.Route.Password.NoVariable = true // it is not meant for what another one named
	}
	con.NoteAbout("note", r.saved.Name, "as the run before"+whose+": "+line)
	con.Flags, r.o = flags, o
	return nil
}

// isOwn reports whether this user kept flags on this machine.
func (r *runner) isOwn(by journal.Origin) bool {
	me := r.env.Journal.Origin()
	return by.User == me.User && by.Host == me.Host
}

// isPrivate reports whether nobody else can write the journal.
func isPrivate(env Env) bool {
	path, err := env.Journal.Path()
	return err == nil && atomicfile.CheckWriters("journal", path) == nil
}

// keep notes the flags of this run, unless it has those of the run before.
func (r *runner) keep(ctx context.Context) error {
	if len(r.o.Given) == 0 || slices.Equal(r.saved.Kept.Flags, r.o.Given) {
		return nil
	}
	kept := journal.FlagsKept{By: r.env.Journal.Origin(), Flags: r.o.Given}
	return failure(r.env, r.saved.Name, rollout.KeepFlags(ctx, r.ledger, r.saved.Name, kept))
}
