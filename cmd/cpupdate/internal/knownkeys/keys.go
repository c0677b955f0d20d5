// Package knownkeys lists, adds and removes the known keys of servers and phones.
package knownkeys

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/knownhosts"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// knownKeyDoc is a known key as JSON.
type knownKeyDoc struct {
	Peer      string `json:"peer"`
	Pin       string `json:"pin"`
	FirstSeen string `json:"first_seen,omitempty"`
	Comment   string `json:"comment,omitempty"`
}

func newKnownKeyDoc(e trust.Entry) knownKeyDoc {
	doc := knownKeyDoc{Peer: e.Peer, Pin: e.Pin.String(), Comment: e.Comment}
	if !e.Since.IsZero() {
		doc.FirstSeen = e.Since.UTC().Format(time.DateOnly)
	}
	return doc
}

// List shows the known keys.
func List(con *console.Console, hosts *knownhosts.Store) error {
	list, f, err := hosts.Read()
	if err != nil {
		return err
	}
	doc := struct {
		Schema int           `json:"schema"`
		File   string        `json:"file"`
		Keys   []knownKeyDoc `json:"keys"`
	}{1, f.Path, []knownKeyDoc{}}
	for _, e := range list.Entries() {
		doc.Keys = append(doc.Keys, newKnownKeyDoc(e))
	}
	return con.Print(doc, func(w io.Writer) {
		if len(doc.Keys) == 0 {
			fmt.Fprintln(w, "no keys are known; they would lie in "+console.Escape(f.Path))
			return
		}
		drawKnownKeys(con, w, doc.Keys)
	})
}

func drawKnownKeys(con *console.Console, w io.Writer, keys []knownKeyDoc) {
	width := len("PEER")
	for _, k := range keys {
		width = max(width, len([]rune(k.Peer)))
	}
	row := func(s console.Style, peer, pin, day, comment string) {
		line := console.Pad(peer, width) + "  " + console.Pad(pin, len(trust.Pin{}.String())) + "  " + console.Pad(day, len("FIRST SEEN")) + "  " + comment
		fmt.Fprintln(w, con.Paint(s, strings.TrimRight(line, " ")))
	}
	row(console.Bold, "PEER", "KEY", "FIRST SEEN", "COMMENT")
	for _, k := range keys {
		row(console.Plain, k.Peer, k.Pin, k.FirstSeen, console.Escape(k.Comment))
	}
}

// Remove removes the known keys of a peer, or those of them that are named.
func Remove(ctx context.Context, con *console.Console, hosts *knownhosts.Store, name string, texts []string) error {
	const command = "trust remove"
	peer, err := knownhosts.ParsePeer(command, name, 443)
	if err != nil {
		return err
	}
	pins, err := settings.ParsePins(texts)
	if err != nil {
		return exit.Usage(command, "--%s: %v", settings.KeyPin, err)
	}
	removed := 0
	path, err := hosts.Change(ctx, func(list *trust.List) error {
		if removed = list.Remove(peer, pins...); removed == 0 {
			return noKnownKey(list, peer, len(pins) > 0)
		}
		return nil
	})
	if err != nil {
		return err
	}
	doc := struct {
		Schema  int    `json:"schema"`
		File    string `json:"file"`
		Peer    string `json:"peer"`
		Removed int    `json:"removed"`
	}{1, path, peer, removed}
	return con.Print(doc, func(w io.Writer) {
		fmt.Fprintf(w, "forgotten: %s of %s\n", console.Plural(removed, "key"), console.Escape(peer))
	})
}

// noKnownKey says that there is nothing to remove, and what there is of the host.
func noKnownKey(list *trust.List, peer string, pinned bool) error {
	host, _, _ := net.SplitHostPort(peer)
	var others []string
	for _, e := range list.Entries() {
		if h, _, _ := net.SplitHostPort(e.Peer); h == host && !slices.Contains(others, e.Peer) && len(others) < 8 {
			others = append(others, e.Peer)
		}
	}
	hint := "cpupdate trust list shows all that are known"
	if len(others) > 0 {
		hint = "of this host there are: " + strings.Join(others, ", ")
	}
	if pinned {
		return exit.Errorf(exit.CodeSettings, hint, "this key of %s is not known", peer)
	}
	return exit.Errorf(exit.CodeSettings, hint, "no key of %s is known", peer)
}
