package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/knownhosts"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/trustcmd"
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

func newTrustList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the known keys",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return trustcmd.List(a.con, a.hosts) },
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
			return trustcmd.Remove(cmd.Context(), a.con, a.hosts, args[0], pins)
		},
		ValidArgsFunction: func(_ *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
			return knownPeers(a.hosts, given), cobra.ShellCompDirectiveNoFileComp
		},
	}
	cmd.Flags().StringArrayVar(&pins, settings.KeyPin, nil, "remove only this key, `sha256:HEX`; may be repeated")
	_ = cmd.RegisterFlagCompletionFunc(settings.KeyPin, cobra.NoFileCompletions) // as in addProfileFlag
	return cmd
}

// knownPeers returns the peers for completion, with the comment of their first key.
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
