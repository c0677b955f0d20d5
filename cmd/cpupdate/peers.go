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

// knownKeysFile is the name of the file of known keys, beside the settings.
const knownKeysFile = "known_keys"

// knownKeysHead is the beginning of a new file of known keys.
const knownKeysHead = `# Keys of servers and phones that were accepted, one per line:
# HOST:PORT sha256:HEX FIRST-SEEN-DATE any text
`

// policyFor adds the known keys of a peer, HOST:PORT, to a policy from flags and settings. If these name an authority
// or a key, only that counts.
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

// meet performs a TLS handshake with a peer before the real connection, if there is a person to prompt. An untrusted
// peer is shown, and its key is stored if the person accepts it. Another error ends meet only if shake returns a
// [*failure] of settings: then no password is requested in vain. An unreachable peer is no error here; the real
// connection will report it.
func (h *hostStore) meet(ctx context.Context, peer string, p trust.Policy, shake func(context.Context, trust.Policy) error) (trust.Policy, error) {
	if !h.con.canIntroduce(p) {
		return p, nil
	}
	return h.acquaint(ctx, peer, p, shake(ctx, p))
}

// canIntroduce reports whether there is a person to prompt about a peer, and something to decide.
func (c *console) canIntroduce(p trust.Policy) bool {
	return c.inTerminal && !c.json && p.Authorities == nil && len(p.Pins) == 0 && len(p.Known) == 0
}

// acquaint handles the result of a handshake with a peer.
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

// introduce shows an unknown peer, and prompts whether to trust it. Every answer but yes is an error.
func (c *console) introduce(ctx context.Context, peer string, stranger *trust.Error) error {
	c.showStranger(peer, stranger)
	answer, err := c.question(ctx, "Trust it from now on? Type yes: ")
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fail(codeSettings, fmt.Errorf("%s: its key %s has not been accepted: %w", peer, stranger.Presented, err), trustHints(peer, stranger)...)
	case answer != "yes":
		return failf(codeSettings, "compare the key first, then run the command again; only the whole word yes accepts the key", "%s: its key %s is not trusted", peer, stranger.Presented)
	}
	return nil
}

// remember adds a key to the list, and prints where it is stored.
func (h *hostStore) remember(ctx context.Context, e trust.Entry) error {
	path, err := h.changeKnownKeys(ctx, func(list *trust.List) error { return list.Add(e) })
	if err != nil {
		return notRemembered(e.Peer, err)
	}
	h.con.note("note", path, "now has the key of "+e.Peer)
	return nil
}

// notRemembered returns the error for a key that could not be stored.
func notRemembered(peer string, err error) error {
	if own := (*failure)(nil); errors.As(err, &own) {
		return fail(own.code, fmt.Errorf("the key of %s was not stored: %w", peer, own), own.hints...)
	}
	return err
}

// knownKeysForm describes the file of known keys to the functions that read and replace settings files.
func knownKeysForm() storedForm { return storedForm{limit: trust.MaxList} }

// knownKeys reads the list. A missing file is no error. A file that cannot be found or read is one: otherwise a known
// peer would pass for an unknown one.
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
		return nil, nil, knownKeysFailure(f.path, err, "check that the file is readable")
	case runtime.GOOS != "windows" && f.mode.Perm()&0o022 != 0:
		// Windows has no such bits: there the folder's permissions protect the file.
		return nil, nil, knownKeysFailure(f.path, fmt.Errorf("users other than its owner can change it (mode %03o)", f.mode.Perm()),
			"check that you know the key on each line, then run: chmod go-w "+f.path)
	}
	list, err := trust.ParseList(f.raw)
	if err != nil {
		return nil, nil, knownKeysFailure(f.path, err, "correct or remove the line; docs/trust.md shows the format")
	}
	return list, f, nil
}

func knownKeysFailure(path string, err error, hint string) error {
	return fail(codeSettings, fmt.Errorf("known keys %s: %w", path, withoutPath(err)), hint)
}

// changeKnownKeys changes the list. The file is replaced completely or not at all, by one process at a time.
func (h *hostStore) changeKnownKeys(ctx context.Context, change func(*trust.List) error) (path string, err error) {
	place := h.store.settingsPlace()
	if place.keys == "" {
		return "", failf(codeSettings, "name a settings file with --config FILE: known keys are stored beside it", "this system has no settings folder")
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
		return knownKeysFailure(f.path, err, "show the known keys with: cpupdate trust list")
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

// question prompts on the terminal, and reads one line of standard input. It reads byte by byte, because what follows
// belongs to other readers.
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
		if !c.errTerminal { // otherwise the signal has already ended the line
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

// warnLegacy prints once per run what --legacy-tls gives up.
func (c *console) warnLegacy(legacy bool) {
	if !legacy || c.legacySaid {
		return
	}
	c.legacySaid = true
	c.remark("warning", "--legacy-tls", "TLS 1.0 and 1.1, RSA key exchange, CBC, 3DES, RC4 and short keys are accepted in this run: anyone who listens on the network path can read what is sent, including logins")
}
