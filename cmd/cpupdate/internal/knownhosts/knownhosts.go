// Package knownhosts keeps the known keys of servers and phones: it verifies on first use, shows a presented key, prompts and
// remembers.
package knownhosts

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/atomicfile"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings/tomledit"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// knownKeysHead is the beginning of a new file of known keys.
const knownKeysHead = `# Keys of servers and phones that were accepted, one per line:
# HOST:PORT sha256:HEX FIRST-SEEN-DATE any text
`

// PolicyFor adds the known keys of a peer, HOST:PORT, to a policy from flags and settings. If these name an authority
// or a key, only that counts.
func (h *Store) PolicyFor(base trust.Policy, peer string) (trust.Policy, error) {
	if base.Authorities != nil || len(base.Pins) > 0 {
		return base, nil
	}
	list, _, err := h.Read()
	if err == nil {
		base.Known = list.Find(peer)
	}
	return base, err
}

// VerifyOnFirstUse performs a TLS handshake with a peer before the real connection, if there is a person to prompt. An untrusted
// peer is shown, and its key is stored if the person accepts it. It returns another error of the handshake only if
// that is an [*exit.Error] with the code of settings: then no password is requested in vain. An unreachable peer is no
// error here; the real connection will report it.
func (h *Store) VerifyOnFirstUse(ctx context.Context, peer string, p trust.Policy, handshake func(context.Context, trust.Policy) error) (trust.Policy, error) {
	if !CanPromptFor(h.Console, p) {
		return p, nil
	}
	return h.AcceptAfter(ctx, peer, p, handshake(ctx, p))
}

// CanPromptFor reports whether there is a person to prompt about a peer, and something to decide.
func CanPromptFor(c *console.Console, p trust.Policy) bool {
	return c.CanPrompt() && p.Authorities == nil && len(p.Pins) == 0 && len(p.Known) == 0
}

// AcceptAfter handles the result of a handshake with a peer.
func (h *Store) AcceptAfter(ctx context.Context, peer string, p trust.Policy, handshakeErr error) (trust.Policy, error) {
	presented, err := unknownKey(ctx, handshakeErr)
	if presented == nil {
		return p, err
	}
	if err := PromptForKey(ctx, h.Console, peer, "", presented); err != nil {
		return p, err
	}
	return h.accept(ctx, peer, p, presented)
}

// unknownKey returns the key that an unknown peer has presented, or nil, or the error of a handshake that means that no password
// should be requested.
func unknownKey(ctx context.Context, handshakeErr error) (*trust.Error, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	presented := trust.AsError(handshakeErr)
	if presented != nil && presented.UnknownPeer() {
		return presented, nil
	}
	if own := (*exit.Error)(nil); errors.As(handshakeErr, &own) && own.Code == exit.CodeSettings {
		return nil, handshakeErr
	}
	return nil, nil
}

// accept stores the key that a peer has presented.
func (h *Store) accept(ctx context.Context, peer string, p trust.Policy, presented *trust.Error) (trust.Policy, error) {
	known := trust.Known{Pin: presented.Presented, Since: time.Now()}
	p.Known = []trust.Known{known}
	return p, h.remember(ctx, trust.Entry{Peer: peer, Known: known, Comment: SubjectComment(presented.Certificate)})
}

// PromptForKey shows an unknown peer, and prompts whether to trust it. Every answer but yes is an error. place says which of
// several questions it is, such as " (2 of 12)".
func PromptForKey(ctx context.Context, c *console.Console, peer, place string, presented *trust.Error) error {
	ShowPresentedKey(c, peer, presented)
	answer, err := c.Question(ctx, "Trust it from now on?"+place+" Type yes: ", "yes", "no")
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return exit.New(exit.CodeSettings, fmt.Errorf("%s: its key %s has not been accepted: %w", peer, presented.Presented, err), TrustHints(peer, presented)...)
	case answer != "yes":
		return notAccepted(peer, presented)
	}
	return nil
}

// remember adds a key to the list, and prints where it is stored.
func (h *Store) remember(ctx context.Context, e trust.Entry) error {
	path, err := h.Change(ctx, func(list *trust.List) error { return list.Add(e) })
	if err != nil {
		return notRemembered(e.Peer, err)
	}
	h.Console.Note("note", path, "now has the key of "+e.Peer)
	return nil
}

// notRemembered returns the error for a key that could not be stored.
func notRemembered(peer string, err error) error {
	if own := (*exit.Error)(nil); errors.As(err, &own) {
		return exit.New(own.Code, fmt.Errorf("the key of %s was not stored: %w", peer, own), own.Hints...)
	}
	return err
}

// knownKeysForm describes the file of known keys to the functions that read and replace settings files.
func knownKeysForm() tomledit.Form { return tomledit.Form{Limit: trust.MaxList} }

// Read reads the list. A missing file is no error. A file that cannot be found or read is one: otherwise a known
// peer would pass for an unknown one.
func (h *Store) Read() (*trust.List, *settings.File, error) {
	f := &settings.File{Path: h.Settings.Place().Keys, Form: knownKeysForm(), Mode: 0o600}
	if f.Path == "" {
		return &trust.List{}, f, h.Settings.Check()
	}
	if err := f.CheckWriters("known keys"); err != nil {
		return nil, nil, err
	}
	err := f.Read()
	switch {
	case errors.Is(err, fs.ErrNotExist) && !atomicfile.IsBrokenLink(f.Path):
		return &trust.List{}, f, nil
	case err != nil:
		return nil, nil, knownKeysFailure(f.Path, err, "check that the file is readable")
	}
	list, err := trust.ParseList(f.Raw)
	if err != nil {
		return nil, nil, knownKeysFailure(f.Path, err, "correct or remove the line; docs/trust.md shows the format")
	}
	return list, f, nil
}

func knownKeysFailure(path string, err error, hint string) error {
	return exit.New(exit.CodeSettings, fmt.Errorf("known keys %s: %w", path, exit.WithoutPath(err)), hint)
}

// Change changes the list. The file is replaced completely or not at all, by one process at a time.
func (h *Store) Change(ctx context.Context, change func(*trust.List) error) (path string, err error) {
	place := h.Settings.Place()
	if place.Keys == "" {
		return "", exit.Errorf(exit.CodeSettings, "name a settings file with --config FILE: known keys are stored beside it", "this system has no settings folder")
	}
	if !place.Named {
		if err := os.MkdirAll(h.Settings.Folder, 0o700); err != nil {
			return "", atomicfile.CannotStore(place.Keys, err)
		}
	}
	unlock, err := atomicfile.Lock(ctx, place.Keys)
	if err != nil {
		return "", err
	}
	return place.Keys, errors.Join(h.editKnownKeys(change), unlock())
}

func (h *Store) editKnownKeys(change func(*trust.List) error) error {
	list, f, err := h.Read()
	if err != nil {
		return err
	}
	before := string(list.Bytes())
	if err := change(list); err != nil {
		if own := (*exit.Error)(nil); errors.As(err, &own) {
			return err
		}
		return knownKeysFailure(f.Path, err, "show the known keys with: cpupdate trust list")
	}
	if string(list.Bytes()) == before {
		return nil
	}
	head := ""
	if !f.There {
		head = knownKeysHead
	}
	return f.Replace(append([]byte(head), list.Bytes()...))
}
