// Package trustcmd is the command trust: it lists, adds and removes the known keys of servers and phones. Package knownhosts
// stores them.
package trustcmd

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
	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// knownKeyDoc is the JSON form of a known key.
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

// A listDoc is the JSON answer of trust list.
type listDoc struct {
	Schema int           `json:"schema"`
	File   string        `json:"file"`
	Keys   []knownKeyDoc `json:"keys"`
}

// A removedDoc is the JSON answer of trust remove.
type removedDoc struct {
	Schema  int    `json:"schema"`
	File    string `json:"file"`
	Peer    string `json:"peer"`
	Removed int    `json:"removed"`
}

// List shows the known keys.
func List(con *console.Console, hosts *knownhosts.Store) error {
	list, f, err := hosts.Read()
	if err != nil {
		return err
	}
	doc := listDoc{1, f.Path, []knownKeyDoc{}}
	for _, e := range list.Entries() {
		doc.Keys = append(doc.Keys, newKnownKeyDoc(e))
	}
	return con.Print(doc, func(w io.Writer) {
		if len(doc.Keys) == 0 {
			fmt.Fprintln(w, "no keys are known; they would be stored in "+console.Escape(f.Path))
			return
		}
		drawKnownKeys(con, w, doc.Keys)
	})
}

func drawKnownKeys(con *console.Console, w io.Writer, keys []knownKeyDoc) {
	table := con.Table(0)
	table.Width = 0
	table.Row(console.Bold.Cell("PEER"), console.Bold.Cell("KEY"), console.Bold.Cell("FIRST SEEN"), console.Bold.Cell("COMMENT"))
	for _, k := range keys {
		table.Row(console.Cells(k.Peer, k.Pin, k.FirstSeen, k.Comment)...)
	}
	table.Draw(w)
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
	doc := removedDoc{1, path, peer, removed}
	return con.Print(doc, func(w io.Writer) {
		fmt.Fprintf(w, "removed: %s of %s\n", display.Plural(removed, "key"), console.Escape(peer))
	})
}

// noKnownKey returns the error that there is nothing to remove, and lists the known peers of the host.
func noKnownKey(list *trust.List, peer string, pinned bool) error {
	host, _, _ := net.SplitHostPort(peer)
	var others []string
	for _, e := range list.Entries() {
		if h, _, _ := net.SplitHostPort(e.Peer); h == host && !slices.Contains(others, e.Peer) && len(others) < 8 {
			others = append(others, e.Peer)
		}
	}
	hint := "list all known keys with: cpupdate trust list"
	if len(others) > 0 {
		hint = "known peers of this host: " + strings.Join(others, ", ")
	}
	if pinned {
		return exit.Errorf(exit.CodeSettings, hint, "this key of %s is not known", peer)
	}
	return exit.Errorf(exit.CodeSettings, hint, "no key of %s is known", peer)
}
