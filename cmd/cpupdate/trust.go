package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/knownhosts"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/knownkeys"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
)

func newTrust(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "trust",
		Short: "List, add and remove the known keys of servers and phones",
		Long: `Whose key is known is believed that it is the same server or phone as before, with
no authority vouching for it: by FTPS, by HTTPS, and on phones' web pages.

On a terminal a peer that nobody vouches for is shown when it is met first, and a
yes is remembered. A script ends with exit code 6 and the key. A key that has
changed is always refused, also if an authority vouches for the new one.

The keys lie in known_keys beside the settings: a text file, a key a line, that
only its owner may write. Where --ca or --pin is given or stored, it is not
asked; with --pin for several phones a known key counts besides.`,
		Args: knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.SuggestionsMinimumDistance = 2
	cmd.AddCommand(newTrustList(a), newTrustAdd(a), newTrustRemove(a))
	return cmd
}

func newTrustList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the known keys",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return knownkeys.List(a.con, a.hosts) },
	}
}

func newTrustRemove(a *app) *cobra.Command {
	var pins []string
	cmd := &cobra.Command{
		Use:   "remove PEER",
		Short: "Forget keys of a peer",
		Long: `Forget all keys of a peer, or those that --pin names. PEER is HOST, HOST:PORT or
[IPv6]:PORT as cpupdate trust list shows it; the port is 443 if there is none.
When it is met again it is a stranger.`,
		Example: `  cpupdate trust remove files.example:21`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return knownkeys.Remove(cmd.Context(), a.con, a.hosts, args[0], pins)
		},
		ValidArgsFunction: func(_ *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
			return knownPeers(a.hosts, given), cobra.ShellCompDirectiveNoFileComp
		},
	}
	cmd.Flags().StringArrayVar(&pins, settings.KeyPin, nil, "only this key, `sha256:HEX`; may be repeated")
	_ = cmd.RegisterFlagCompletionFunc(settings.KeyPin, cobra.NoFileCompletions) // as in addProfileFlag
	return cmd
}

// knownPeers are the peers for completion, with the comment of their first key.
func knownPeers(hosts *knownhosts.Store, given []string) []string {
	list, _, err := hosts.Read()
	if err != nil || len(given) > 0 {
		return nil
	}
	var out, seen []string
	for _, e := range list.Entries() {
		if !slices.Contains(seen, e.Peer) && len(seen) < maxCompletions {
			seen = append(seen, e.Peer)
			out = append(out, strings.TrimSuffix(e.Peer+"\t"+console.Escape(e.Comment), "\t"))
		}
	}
	return out
}
