package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// run runs the checks one after another, with those of each phone together.
func (x *diagnosis) run(ctx context.Context, table []check) error {
	for len(table) > 0 {
		group := table[0].group
		n := slices.IndexFunc(table, func(c check) bool { return c.group != group })
		if n < 0 {
			n = len(table)
		}
		if err := x.runGroup(ctx, table[:n]); err != nil {
			return err
		}
		table = table[n:]
	}
	return nil
}

// runGroup runs the checks of a group.
func (x *diagnosis) runGroup(ctx context.Context, checks []check) error {
	if why := x.leftOut(checks[0].group); why != "" {
		return x.add(skipped(why).named(checks[0].group, "", ""))
	}
	subjects := []int{-1}
	if checks[0].group == groupPhone || checks[0].group == groupPage {
		subjects = nil
		for i := range x.targets {
			subjects = append(subjects, i)
		}
	}
	for _, i := range subjects {
		for _, c := range checks {
			if !c.requires.applies(x) {
				continue
			}
			f := x.runCheck(ctx, c, i)
			if ctx.Err() != nil {
				return cmp.Or(x.leftBehind(ctx), ctx.Err())
			}
			if err := x.add(f); err != nil {
				return err
			}
		}
	}
	return nil
}

// leftOut returns why a whole group is skipped.
func (x *diagnosis) leftOut(group string) string {
	switch {
	case group == groupServer && x.byPage():
		return "--web: the image is uploaded to the phones' own web pages"
	case group == groupServer && !x.toServer():
		return "--serve: this machine is the server"
	case group == groupPhone && len(x.targets) == 0:
		return "no PHONE given"
	}
	return ""
}

// runCheck runs one check, unless a check that it depends on failed.
func (x *diagnosis) runCheck(ctx context.Context, c check, i int) finding {
	about := ""
	if i >= 0 {
		about = x.targets[i].Address
	}
	f := finding{}
	if reason := x.reason(c.before(), about); reason != "" {
		f = skipped("skipped: " + reason)
		f.reason = reason
	} else {
		f = c.how(ctx, x, i)
	}
	f = f.named(c.group, c.name, about)
	if i >= 0 {
		f.Note = x.targets[i].Note
	}
	f.Needed = f.Needed || c.requires.holds(x)
	if f.State == stateFailed {
		if f.Needed || !c.optional {
			f.reason = c.lost
		}
		if !f.Needed {
			f.State = stateWarn
		}
	}
	return f
}

// reason returns why the checks that depend on others are skipped, "" if they are not. A check that does not apply to
// this route has no reason of its own: the reason of its own dependencies counts.
func (x *diagnosis) reason(before []string, about string) string {
	for _, id := range before {
		i := slices.IndexFunc(x.found, func(f finding) bool { return f.id() == id && (f.About == about || f.About == "") })
		reason := ""
		if i >= 0 {
			reason = x.found[i].reason
		} else {
			table := checks()
			i = slices.IndexFunc(table, func(c check) bool { return c.id() == id })
			reason = x.reason(table[i].before(), about)
		}
		if reason != "" {
			return reason
		}
	}
	return ""
}

// verdict returns the error that ends the command: the first failed check.
func (x *diagnosis) verdict() error {
	var first *finding
	n := 0
	for i, f := range x.found {
		if f.State != stateFailed {
			continue
		}
		if n++; first == nil {
			first = &x.found[i]
		}
	}
	if err := x.end(first == nil); err != nil || first == nil {
		return err
	}
	what := fmt.Errorf("a required check failed: %s: %w", first.title(), first.err)
	if n > 1 {
		what = fmt.Errorf("%d required checks failed; the first: %s: %w", n, first.title(), first.err)
	}
	return exit.New(exit.Classify(first.err).Code, what, first.Hints...)
}

// leftBehind returns an error if the small file may still be on the server.
func (x *diagnosis) leftBehind(ctx context.Context) error {
	if x.uploadTest == nil || advice.LeftBy(x.uploadTest.err) == nil {
		return nil
	}
	return advice.ServerEnded(ctx, "", x.uploadTest.err)
}

// close stops listening for phones.
func (x *diagnosis) close() {
	if x.callbackServer != nil {
		_ = x.callbackServer.Close() // nothing depends on it any more
	}
}

// leadingFailure returns an error as a failure, with exit code and hints.
func leadingFailure(err error) *exit.Error {
	if f := (*exit.Error)(nil); errors.As(err, &f) {
		return f
	}
	return exit.Classify(err)
}
