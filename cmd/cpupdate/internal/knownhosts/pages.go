package knownhosts

import (
	"context"
	"fmt"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// PolicyAmong returns what [Store.PolicyFor] returns, for one of several peers. A pin that is stated for all of them does not say which peer has
// it. So a peer whose key is known must present that key anyway.
func (h *Store) PolicyAmong(base trust.Policy, peer string, peers int) (trust.Policy, error) {
	if peers < 2 || base.Authorities != nil || len(base.Pins) == 0 {
		return h.PolicyFor(base, peer)
	}
	known, err := h.PolicyFor(trust.Policy{}, peer)
	base.Known = known.Known
	return base, err
}

// AcceptPages handles handshakes with the web pages of phones. Of several unknown keys it shows a list, and prompts once for
// all of them or, if the person wants that, for one after another. It changes the policies of the pages that are trusted
// then, and returns for each of the others why it is not. The second error ends the run.
func (h *Store) AcceptPages(ctx context.Context, peers []string, policies []trust.Policy, ended []error) ([]error, error) {
	refused := make([]error, len(peers))
	presented := make([]*trust.Error, len(peers))
	var unknown []int
	for i, p := range policies {
		if !CanPromptFor(h.Console, p) {
			continue
		}
		if presented[i], refused[i] = unknownKey(ctx, ended[i]); presented[i] != nil {
			unknown = append(unknown, i)
		}
	}
	answer, err := h.askForAll(ctx, peers, presented, unknown)
	if err != nil {
		return nil, err
	}
	if answer == "yes" {
		return refused, h.acceptAll(ctx, peers, policies, presented, unknown)
	}
	for n, i := range unknown {
		if answer != "each" {
			refused[i] = notAccepted(peers[i], presented[i])
			continue
		}
		place := ""
		if len(unknown) > 1 {
			place = fmt.Sprintf(" (%d of %d)", n+1, len(unknown))
		}
		if refused[i] = PromptForKey(ctx, h.Console, peers[i], place, presented[i]); ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if refused[i] != nil {
			continue
		}
		if policies[i], err = h.accept(ctx, peers[i], policies[i], presented[i]); err != nil {
			return nil, err
		}
	}
	return refused, nil
}

// askForAll shows the unknown keys, and returns the answer for all of them: "yes", "each", or another one for no. A single
// key is not asked about here.
func (h *Store) askForAll(ctx context.Context, peers []string, presented []*trust.Error, unknown []int) (string, error) {
	if len(unknown) < 2 {
		return "each", ctx.Err()
	}
	h.showKeys(peers, presented, unknown)
	answer, err := h.Console.Question(ctx, fmt.Sprintf("Trust all %d from now on? Type yes, or each to be asked for each: ", len(unknown)), "yes", "each", "no")
	if err != nil {
		return "", ctx.Err() // without an answer, none is trusted
	}
	return answer, nil
}

// showKeys prints the unknown keys of several pages, each with the page before it that has presented the same one.
func (h *Store) showKeys(peers []string, presented []*trust.Error, unknown []int) {
	c := h.Console
	w := c.Prompts()
	fmt.Fprintln(w, console.Wrap(fmt.Sprintf("The keys of %d web pages are unknown. Compare each with that of the phone itself:", len(unknown)), 0, c.ErrColumns()))
	first := map[trust.Pin]string{}
	for _, i := range unknown {
		pin, same := presented[i].Presented, ""
		if other := first[pin]; other != "" {
			same = ", the same key as " + other
		} else {
			first[pin] = peers[i]
		}
		fmt.Fprintf(w, "  %s%s\n    %s\n", console.Escape(peers[i]), console.Escape(same), pin)
	}
}

// acceptAll stores the keys of several pages.
func (h *Store) acceptAll(ctx context.Context, peers []string, policies []trust.Policy, presented []*trust.Error, unknown []int) error {
	var entries []trust.Entry
	for _, i := range unknown {
		known := trust.Known{Pin: presented[i].Presented, Since: time.Now()}
		policies[i].Known = []trust.Known{known}
		entries = append(entries, trust.Entry{Peer: peers[i], Known: known, Comment: SubjectComment(presented[i].Certificate)})
	}
	path, err := h.Change(ctx, func(list *trust.List) error {
		for _, e := range entries {
			if err := list.Add(e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return notRemembered(fmt.Sprintf("%d web pages", len(unknown)), err)
	}
	h.Console.Note("note", path, fmt.Sprintf("now has the keys of %d web pages", len(unknown)))
	return nil
}

// notAccepted returns the error for a key that a person did not accept.
func notAccepted(peer string, presented *trust.Error) error {
	return exit.Errorf(exit.CodeSettings, "compare the key first, then run the command again; only the whole word yes accepts the key", "%s: its key %s is not trusted", peer, presented.Presented)
}
