package knownhosts

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/atomicfile"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings/tomledit"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// knownKeysHead is what a new file of known keys begins with.
const knownKeysHead = `# Keys of servers and phones that somebody said yes to, one a line:
# HOST:PORT sha256:HEX DAY-SEEN-FIRST any text
`

// PolicyFor adds the keys that are known of a peer, HOST:PORT, to what flags and settings say. Where they name an
// authority or a key that alone counts.
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

// Meet shakes hands with a peer before it is spoken to in earnest, if there is somebody who can be asked. One that nobody
// vouches for is shown and asked about, and remembered after a yes. What else keeps hands from being shaken ends it too, if
// shake makes it a [*failure] of settings: then nobody is asked for a password in vain. Who is unreachable is no error here:
// the conversation itself will say it.
func (h *Store) Meet(ctx context.Context, peer string, p trust.Policy, shake func(context.Context, trust.Policy) error) (trust.Policy, error) {
	if !CanIntroduce(h.Con, p) {
		return p, nil
	}
	return h.Acquaint(ctx, peer, p, shake(ctx, p))
}

// CanIntroduce reports whether there is somebody to be asked about a peer, and something to ask.
func CanIntroduce(c *console.Console, p trust.Policy) bool {
	return c.CanPrompt() && p.Authorities == nil && len(p.Pins) == 0 && len(p.Known) == 0
}

// Acquaint goes on with what shaking hands with a peer ended with.
func (h *Store) Acquaint(ctx context.Context, peer string, p trust.Policy, shaken error) (trust.Policy, error) {
	if ctx.Err() != nil {
		return p, ctx.Err()
	}
	stranger := trust.AsError(shaken)
	if stranger == nil || !stranger.Stranger() {
		if own := (*exit.Error)(nil); errors.As(shaken, &own) && own.Code == exit.CodeSettings {
			return p, shaken
		}
		return p, nil
	}
	if err := Introduce(h.Con, ctx, peer, stranger); err != nil {
		return p, err
	}
	known := trust.Known{Pin: stranger.Presented, Since: time.Now()}
	p.Known = []trust.Known{known}
	return p, h.remember(ctx, trust.Entry{Peer: peer, Known: known, Comment: SubjectComment(stranger.Certificate)})
}

// Introduce shows a stranger, and asks whether to trust it. Only a yes is no error.
func Introduce(c *console.Console, ctx context.Context, peer string, stranger *trust.Error) error {
	ShowStranger(c, peer, stranger)
	answer, err := c.Question(ctx, "Trust it from now on? Type yes: ")
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return exit.New(exit.CodeSettings, fmt.Errorf("%s: nobody said yes to its key %s: %w", peer, stranger.Presented, err), TrustHints(peer, stranger)...)
	case answer != "yes":
		return exit.Errorf(exit.CodeSettings, "compare the key first; asked again, only the word yes is taken for one", "%s: its key %s is not trusted", peer, stranger.Presented)
	}
	return nil
}

// remember writes a key into the list, and says where.
func (h *Store) remember(ctx context.Context, e trust.Entry) error {
	path, err := h.Change(ctx, func(list *trust.List) error { return list.Add(e) })
	if err != nil {
		return notRemembered(e.Peer, err)
	}
	h.Con.Note("note", path, "holds the key of "+e.Peer+" now")
	return nil
}

// notRemembered is a key that could not be written into the list.
func notRemembered(peer string, err error) error {
	if own := (*exit.Error)(nil); errors.As(err, &own) {
		return exit.New(own.Code, fmt.Errorf("the key of %s was not remembered: %w", peer, own), own.Hints...)
	}
	return err
}

// knownKeysForm is the file of known keys for those who read and replace files of settings.
func knownKeysForm() tomledit.Form { return tomledit.Form{Limit: trust.MaxList} }

// Read reads the list. That there is none is no error, but one that cannot be found or read is: who is known must
// not pass for a stranger.
func (h *Store) Read() (*trust.List, *settings.File, error) {
	f := &settings.File{Path: h.Settings.Place().Keys, Form: knownKeysForm(), Mode: 0o600}
	if f.Path == "" {
		return &trust.List{}, f, h.Settings.Check()
	}
	err := f.Read()
	switch {
	case errors.Is(err, fs.ErrNotExist) && atomicfile.Absent(f.Path):
		return &trust.List{}, f, nil
	case err != nil:
		return nil, nil, knownKeysFailure(f.Path, err, "check that the file can be read")
	case runtime.GOOS != "windows" && f.Mode.Perm()&0o022 != 0:
		// Windows has no such bits: there the folder's own protection counts.
		return nil, nil, knownKeysFailure(f.Path, fmt.Errorf("not only its owner may change it (mode %03o)", f.Mode.Perm()),
			"see that each of its lines is a key that you know, then: chmod go-w "+f.Path)
	}
	list, err := trust.ParseList(f.Raw)
	if err != nil {
		return nil, nil, knownKeysFailure(f.Path, err, "mend the line, or take it out; docs/trust.md shows the form")
	}
	return list, f, nil
}

func knownKeysFailure(path string, err error, hint string) error {
	return exit.New(exit.CodeSettings, fmt.Errorf("known keys %s: %w", path, exit.WithoutPath(err)), hint)
}

// Change changes the list. It is replaced whole or not at all, and by one at a time.
func (h *Store) Change(ctx context.Context, change func(*trust.List) error) (path string, err error) {
	place := h.Settings.Place()
	if place.Keys == "" {
		return "", exit.Errorf(exit.CodeSettings, "name a settings file with --config FILE: known keys lie beside it", "this system names no folder for settings")
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
		return knownKeysFailure(f.Path, err, "look at it with: cpupdate trust list")
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
