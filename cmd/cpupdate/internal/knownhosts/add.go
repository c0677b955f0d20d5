package knownhosts

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// AddPins adds stated keys to the known keys.
func (h *Store) AddPins(ctx context.Context, peer string, pins []trust.Pin, comment string) error {
	var added []trust.Pin
	total := 0
	path, err := h.Change(ctx, func(list *trust.List) error {
		before := list.Find(peer)
		for _, pin := range pins {
			if slices.ContainsFunc(before, func(k trust.Known) bool { return k.Pin == pin }) {
				continue
			}
			if err := list.Add(trust.Entry{Peer: peer, Known: trust.Known{Pin: pin, Since: time.Now()}, Comment: comment}); err != nil {
				return err
			}
			added = append(added, pin)
		}
		total = len(list.Find(peer))
		return nil
	})
	if err != nil {
		return notRemembered(peer, err)
	}
	if len(added) == 0 {
		return h.SayTrusted(peer, nil, "its key is already known")
	}
	if total > len(added) {
		h.Console.NoteAbout("note", peer, fmt.Sprintf("now has %s, and may present any of them; to remove one: cpupdate trust remove %s --pin sha256:...", display.Plural(total, "key"), peer))
	}
	return h.SayTrusted(peer, added, "its key is known from now on: "+path)
}

// An addedDoc is the JSON answer of trust add.
type addedDoc struct {
	Schema int      `json:"schema"`
	File   string   `json:"file"`
	Peer   string   `json:"peer"`
	Added  []string `json:"added"`
}

// SayTrusted prints the answer of trust add.
func (h *Store) SayTrusted(peer string, added []trust.Pin, text string) error {
	doc := addedDoc{1, h.Settings.Place().Keys, peer, []string{}}
	for _, pin := range added {
		doc.Added = append(doc.Added, pin.String())
	}
	return h.Console.Print(doc, func(w io.Writer) { fmt.Fprintf(w, "%s: %s\n", console.Escape(peer), console.Escape(text)) })
}
