package main

import (
	"context"
	"iter"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/secret"
)

// completeRollouts returns a function that offers the rollouts of the journal, the newest first, with their phones. Looking makes no
// journal.
func completeRollouts(a *app) cobra.CompletionFunc {
	return func(cmd *cobra.Command, given []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(given) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var offers []string
		a.readJournal(cmd.Context(), func(ctx context.Context, ledger journal.Ledger) {
			for r, err := range ledger.Rollouts(ctx, journal.Filter{}) {
				if err != nil || len(offers) == maxCompletions {
					return
				}
				planned, ok := r.First.Body.(journal.Planned)
				if ok && !planned.Push && strings.HasPrefix(r.Name, typed) && offerable(r.Name) {
					offers = append(offers, r.Name+"\t"+planText(planned))
				}
			}
		})
		return offers, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

// planText returns a few words about a rollout.
func planText(planned journal.Planned) string {
	text := display.Plural(planned.Phones, "phone")
	for _, image := range planned.Images {
		if offerable(image.Name) {
			return text + ", " + secret.Cut(image.Name, 60)
		}
	}
	return text
}

// completeJournalPhones returns a function that offers the phones of the journal, those of the newest runs first, with their notes.
func completeJournalPhones(a *app) cobra.CompletionFunc {
	return func(cmd *cobra.Command, given []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(given) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		c := phoneCompletion{typed: typed, seen: map[string]bool{}}
		a.readJournal(cmd.Context(), func(ctx context.Context, ledger journal.Ledger) {
			for r, err := range ledger.Rollouts(ctx, journal.Filter{}) {
				if err != nil || !c.read(ledger.ReadAll(ctx, r.Name)) {
					return
				}
			}
		})
		return c.offers, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

// A phoneCompletion collects the phones of the journal.
type phoneCompletion struct {
	typed  string
	seen   map[string]bool
	offers []string
}

// read adds the phones of a rollout, and reports whether more may follow.
func (c *phoneCompletion) read(records iter.Seq2[journal.Record, error]) bool {
	for r, err := range records {
		if err != nil || len(c.offers) == maxCompletions {
			return false
		}
		listed, ok := r.Event.Body.(journal.Listed)
		text := listed.Address
		if !strings.HasPrefix(text, "[") {
			text = strings.TrimSuffix(text, ":8085") // the default: a push lists addresses with it, and a plan as the list has them
		}
		if !ok || c.seen[text] || !strings.HasPrefix(text, c.typed) || !offerable(text) {
			continue
		}
		c.seen[text] = true
		if note := secret.Cut(listed.Note, 60); listed.Note != "" && offerable(note) {
			text += "\t" + note
		}
		c.offers = append(c.offers, text)
	}
	return true
}

// readJournal has the journal read, for as long as a person waits for a completion. It makes none.
func (a *app) readJournal(ctx context.Context, read func(context.Context, journal.Ledger)) {
	if made, err := a.record.Exists(); err != nil || !made {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, completionLimit)
	defer cancel()
	if ledger, err := a.record.Open(ctx); err == nil {
		read(ctx, ledger)
		_ = ledger.Close() // nothing was written
	}
}

// offerable reports whether a shell can be offered a text, which it reads as a line and shows on the terminal.
func offerable(text string) bool {
	return text != "" && utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !bind.Prints(r) })
}
