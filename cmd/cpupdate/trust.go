package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

func newTrust(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "trust",
		Short: "List, add and remove the known keys of servers and phones",
		Long: `A known key identifies a server or phone as the same one as before, without a
certificate authority: by FTPS, by HTTPS, and on phones' web pages.

On a terminal, cpupdate shows the key of an unknown peer, prompts you, and stores
the key if you answer yes. A script ends with exit code 6 and the key. A key that
has changed is always refused, even if an authority has signed the new one.

The keys are stored in known_keys beside the settings: a text file, one key per
line, that only its owner may write. If --ca or --pin is given or stored, the file
is not used. With --pin for several phones it is: a phone whose key is known must
present that key.`,
		Args: knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.SuggestionsMinimumDistance = 2
	cmd.AddCommand(newTrustList(a), newTrustAdd(a), newTrustRemove(a))
	return cmd
}

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

func newTrustList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the known keys",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return trustList(a.con, a.hosts) },
	}
}

func trustList(con *console, hosts *hostStore) error {
	list, f, err := hosts.knownKeys()
	if err != nil {
		return err
	}
	doc := struct {
		Schema int           `json:"schema"`
		File   string        `json:"file"`
		Keys   []knownKeyDoc `json:"keys"`
	}{1, f.path, []knownKeyDoc{}}
	for _, e := range list.Entries() {
		doc.Keys = append(doc.Keys, newKnownKeyDoc(e))
	}
	return con.print(doc, func(w io.Writer) {
		if len(doc.Keys) == 0 {
			fmt.Fprintln(w, "no keys are known; they would be stored in "+escape(f.path))
			return
		}
		drawKnownKeys(con, w, doc.Keys)
	})
}

func drawKnownKeys(con *console, w io.Writer, keys []knownKeyDoc) {
	width := len("PEER")
	for _, k := range keys {
		width = max(width, len([]rune(k.Peer)))
	}
	row := func(s style, peer, pin, day, comment string) {
		line := pad(peer, width) + "  " + pad(pin, len(trust.Pin{}.String())) + "  " + pad(day, len("FIRST SEEN")) + "  " + comment
		fmt.Fprintln(w, con.paint(s, strings.TrimRight(line, " ")))
	}
	row(bold, "PEER", "KEY", "FIRST SEEN", "COMMENT")
	for _, k := range keys {
		row(plain, k.Peer, k.Pin, k.FirstSeen, escape(k.Comment))
	}
}

func newTrustRemove(a *app) *cobra.Command {
	var pins []string
	cmd := &cobra.Command{
		Use:   "remove PEER",
		Short: "Remove known keys of a peer",
		Long: `Remove all known keys of a peer, or those that --pin names. PEER is HOST, HOST:PORT
or [IPv6]:PORT as cpupdate trust list shows it; the default port is 443. Afterwards
the peer is unknown again.`,
		Example: `  cpupdate trust remove files.example:21`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return trustRemove(cmd.Context(), a.con, a.hosts, args[0], pins)
		},
		ValidArgsFunction: func(_ *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
			return knownPeers(a.hosts, given), cobra.ShellCompDirectiveNoFileComp
		},
	}
	cmd.Flags().StringArrayVar(&pins, settingPin, nil, "remove only this key, `sha256:HEX`; may be repeated")
	_ = cmd.RegisterFlagCompletionFunc(settingPin, cobra.NoFileCompletions) // as in addProfileFlag
	return cmd
}

// knownPeers returns the peers for completion, with the comment of their first key.
func knownPeers(hosts *hostStore, given []string) []string {
	list, _, err := hosts.knownKeys()
	if err != nil || len(given) > 0 {
		return nil
	}
	var out, seen []string
	for _, e := range list.Entries() {
		if !slices.Contains(seen, e.Peer) && len(seen) < maxCompletions {
			seen = append(seen, e.Peer)
			out = append(out, strings.TrimSuffix(e.Peer+"\t"+escape(e.Comment), "\t"))
		}
	}
	return out
}

func trustRemove(ctx context.Context, con *console, hosts *hostStore, name string, texts []string) error {
	const command = "trust remove"
	peer, err := parsePeer(command, name, 443)
	if err != nil {
		return err
	}
	pins, err := parsePins(texts)
	if err != nil {
		return usage(command, "--%s: %v", settingPin, err)
	}
	removed := 0
	path, err := hosts.changeKnownKeys(ctx, func(list *trust.List) error {
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
	return con.print(doc, func(w io.Writer) {
		fmt.Fprintf(w, "removed: %s of %s\n", plural(removed, "key"), escape(peer))
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
		return failf(codeSettings, hint, "this key of %s is not known", peer)
	}
	return failf(codeSettings, hint, "no key of %s is known", peer)
}

// parsePeer parses PEER, with the default port if it has none.
func parsePeer(command, text string, usual int) (string, error) {
	peer, err := trust.ParsePeer(text)
	if err != nil {
		peer, err = trust.ParsePeer(net.JoinHostPort(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"), fmt.Sprint(usual)))
	}
	if err != nil {
		return "", usage(command, "%s is not a peer: use HOST, HOST:PORT or [IPv6]:PORT", shownArgument(text))
	}
	return peer, nil
}

// peerAccess returns the access data that a handshake with a peer needs: there is no login.
func peerAccess(method transfer.Method, peer string) (transfer.Access, error) {
	access := transfer.Access{Method: method}
	host, port, _ := net.SplitHostPort(peer) // parsePeer has joined them
	if err := access.Set(transfer.SettingServer, host); err != nil {
		return access, err
	}
	if method == transfer.FTPS {
		access.Username = "anonymous" // it is not sent
	}
	return access, access.Set(transfer.SettingPort, port)
}
