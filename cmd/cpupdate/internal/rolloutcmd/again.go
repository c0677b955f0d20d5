package rolloutcmd

import (
	"context"
	"slices"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/atomicfile"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
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
	own := r.isOwn(kept.By)
	line := r.o.Line(kept.Flags)
	o, flags, err := r.o.Again(kept.Flags, own)
	if err == nil {
		err = o.validate()
	}
	if err != nil {
		return exit.Errorf(exit.CodeUsage, "give the flags again: cpupdate rollout run "+exit.Word(r.saved.Name)+" "+line, "the flags of the run before cannot be used: %w", err)
	}
	whose := ""
	if me := r.env.Journal.Origin(); kept.By.User != me.User || kept.By.Host != me.Host {
		whose = ", by " + kept.By.User + " on " + kept.By.Host
		o.Route.Password.NoVariable = true // it is not meant for what another one named
	}
	con.NoteAbout("note", r.saved.Name, "as the run before"+whose+": "+line)
	con.Flags, r.o = flags, o
	return nil
}

// isOwn reports whether this user kept flags in a journal that nobody else can write.
func (r *runner) isOwn(by journal.Origin) bool {
	me := r.env.Journal.Origin()
	path, err := r.env.Journal.Path()
	return err == nil && by.User == me.User && by.Host == me.Host && atomicfile.CheckWriters("journal", path) == nil
}

// keep notes the flags of this run, unless it has those of the run before.
func (r *runner) keep(ctx context.Context) error {
	if len(r.o.Given) == 0 || slices.Equal(r.saved.Kept.Flags, r.o.Given) {
		return nil
	}
	kept := journal.FlagsKept{By: r.env.Journal.Origin(), Flags: r.o.Given}
	return failure(r.saved.Name, rollout.KeepFlags(ctx, r.ledger, r.saved.Name, kept))
}
