package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"time"

	"github.com/cpupdate/cpupdate/pkg/trust"
)

// knownKeysFile is the file of known keys, beside the settings.
const knownKeysFile = "known_keys"

// knownKeysHead is what a new file of known keys begins with.
const knownKeysHead = `# Keys of servers and phones that somebody said yes to, one a line:
# HOST:PORT sha256:HEX DAY-SEEN-FIRST any text
`

// policyFor adds the keys that are known of a peer, HOST:PORT, to what flags and settings say. Where they name an
// authority or a key that alone counts.
func (h *hostStore) policyFor(base trust.Policy, peer string) (trust.Policy, error) {
	if base.Authorities != nil || len(base.Pins) > 0 {
		return base, nil
	}
	list, _, err := h.knownKeys()
	if err == nil {
		base.Known = list.Find(peer)
	}
	return base, err
}

// meet shakes hands with a peer before it is spoken to in earnest, if there is somebody who can be asked. One that nobody
// vouches for is shown and asked about, and remembered after a yes. What else keeps hands from being shaken ends it too, if
// shake makes it a [*failure] of settings: then nobody is asked for a password in vain. Who is unreachable is no error here:
// the conversation itself will say it.
func (h *hostStore) meet(ctx context.Context, peer string, p trust.Policy, shake func(context.Context, trust.Policy) error) (trust.Policy, error) {
	if !h.con.canIntroduce(p) {
		return p, nil
	}
	return h.acquaint(ctx, peer, p, shake(ctx, p))
}

// canIntroduce reports whether there is somebody to be asked about a peer, and something to ask.
func (c *console) canIntroduce(p trust.Policy) bool {
	return c.inTerminal && !c.json && p.Authorities == nil && len(p.Pins) == 0 && len(p.Known) == 0
}

// acquaint goes on with what shaking hands with a peer ended with.
func (h *hostStore) acquaint(ctx context.Context, peer string, p trust.Policy, shaken error) (trust.Policy, error) {
	if ctx.Err() != nil {
		return p, ctx.Err()
	}
	stranger := trust.AsError(shaken)
	if stranger == nil || !stranger.Stranger() {
		if own := (*failure)(nil); errors.As(shaken, &own) && own.code == codeSettings {
			return p, shaken
		}
		return p, nil
	}
	if err := h.con.introduce(ctx, peer, stranger); err != nil {
		return p, err
	}
	known := trust.Known{Pin: stranger.Presented, Since: time.Now()}
	p.Known = []trust.Known{known}
	return p, h.remember(ctx, trust.Entry{Peer: peer, Known: known, Comment: subjectComment(stranger.Certificate)})
}

// introduce shows a stranger, and asks whether to trust it. Only a yes is no error.
func (c *console) introduce(ctx context.Context, peer string, stranger *trust.Error) error {
	c.showStranger(peer, stranger)
	answer, err := c.question(ctx, "Trust it from now on? Type yes: ")
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fail(codeSettings, fmt.Errorf("%s: nobody said yes to its key %s: %w", peer, stranger.Presented, err), trustHints(peer, stranger)...)
	case answer != "yes":
		return failf(codeSettings, "compare the key first; asked again, only the word yes is taken for one", "%s: its key %s is not trusted", peer, stranger.Presented)
	}
	return nil
}

// remember writes a key into the list, and says where.
func (h *hostStore) remember(ctx context.Context, e trust.Entry) error {
	path, err := h.changeKnownKeys(ctx, func(list *trust.List) error { return list.Add(e) })
	if err != nil {
		return notRemembered(e.Peer, err)
	}
	h.con.note("note", path, "holds the key of "+e.Peer+" now")
	return nil
}

// notRemembered is a key that could not be written into the list.
func notRemembered(peer string, err error) error {
	if own := (*failure)(nil); errors.As(err, &own) {
		return fail(own.code, fmt.Errorf("the key of %s was not remembered: %w", peer, own), own.hints...)
	}
	return err
}

// knownKeysForm is the file of known keys for those who read and replace files of settings.
func knownKeysForm() storedForm { return storedForm{limit: trust.MaxList} }

// knownKeys reads the list. That there is none is no error, but one that cannot be found or read is: who is known must
// not pass for a stranger.
func (h *hostStore) knownKeys() (*trust.List, *storedFile, error) {
	f := &storedFile{path: h.store.settingsPlace().keys, form: knownKeysForm(), mode: 0o600}
	if f.path == "" {
		return &trust.List{}, f, h.store.noSettings()
	}
	err := f.read()
	switch {
	case errors.Is(err, fs.ErrNotExist) && absent(f.path):
		return &trust.List{}, f, nil
	case err != nil:
		return nil, nil, knownKeysFailure(f.path, err, "check that the file can be read")
	case runtime.GOOS != "windows" && f.mode.Perm()&0o022 != 0:
		// Windows has no such bits: there the folder's own protection counts.
		return nil, nil, knownKeysFailure(f.path, fmt.Errorf("not only its owner may change it (mode %03o)", f.mode.Perm()),
			"see that each of its lines is a key that you know, then: chmod go-w "+f.path)
	}
	list, err := trust.ParseList(f.raw)
	if err != nil {
		return nil, nil, knownKeysFailure(f.path, err, "mend the line, or take it out; docs/trust.md shows the form")
	}
	return list, f, nil
}

func knownKeysFailure(path string, err error, hint string) error {
	return fail(codeSettings, fmt.Errorf("known keys %s: %w", path, withoutPath(err)), hint)
}

// changeKnownKeys changes the list. It is replaced whole or not at all, and by one at a time.
func (h *hostStore) changeKnownKeys(ctx context.Context, change func(*trust.List) error) (path string, err error) {
	place := h.store.settingsPlace()
	if place.keys == "" {
		return "", failf(codeSettings, "name a settings file with --config FILE: known keys lie beside it", "this system names no folder for settings")
	}
	if !place.named {
		if err := os.MkdirAll(h.store.settings, 0o700); err != nil {
			return "", cannotStore(place.keys, err)
		}
	}
	unlock, err := lockSettings(ctx, place.keys)
	if err != nil {
		return "", err
	}
	return place.keys, errors.Join(h.editKnownKeys(change), unlock())
}

func (h *hostStore) editKnownKeys(change func(*trust.List) error) error {
	list, f, err := h.knownKeys()
	if err != nil {
		return err
	}
	before := string(list.Bytes())
	if err := change(list); err != nil {
		if own := (*failure)(nil); errors.As(err, &own) {
			return err
		}
		return knownKeysFailure(f.path, err, "look at it with: cpupdate trust list")
	}
	if string(list.Bytes()) == before {
		return nil
	}
	head := ""
	if !f.there {
		head = knownKeysHead
	}
	return f.replace(append([]byte(head), list.Bytes()...))
}

// question asks on the terminal, and reads one line of standard input: byte by byte, since what follows is for others.
func (c *console) question(ctx context.Context, text string) (string, error) {
	fmt.Fprint(c.err, text)
	type answer struct {
		line string
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		line, err := readLine(c)
		answered <- answer{line, err}
	}()
	select {
	case said := <-answered:
		return said.line, said.err
	case <-ctx.Done():
		if !c.errTerminal { // there the line has ended with the signal
			fmt.Fprintln(c.err)
		}
		return "", ctx.Err()
	}
}

// readLine reads a line of standard input without its line break.
func readLine(con *console) (string, error) {
	const most = 4096
	var line []byte
	for b := make([]byte, 1); len(line) < most; {
		n, err := con.in.Read(b)
		switch {
		case n > 0 && b[0] == '\n':
			return string(line), nil
		case n > 0 && b[0] != '\r':
			line = append(line, b[0])
		}
		if err != nil {
			return "", err
		}
	}
	return "", errors.New("the answer is too long")
}

// warnLegacy says once a run what is given up.
func (c *console) warnLegacy(legacy bool) {
	if !legacy || c.legacySaid {
		return
	}
	c.legacySaid = true
	c.remark("warning", "--legacy-tls", "TLS 1.0 and 1.1, RSA key exchange, CBC, 3DES, RC4 and short keys are good enough in this run: who listens on the way can read what is sent, logins too")
}
