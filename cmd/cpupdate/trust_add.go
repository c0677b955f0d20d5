package main

import (
	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/trustcmd"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

func newTrustAdd(a *app) *cobra.Command {
	var o trustcmd.AddOptions
	cmd := &cobra.Command{
		Use:   "add PEER",
		Short: "Add a key of a peer to the known keys",
		Long: `Add a key of a server or phone to the known keys. PEER is HOST, HOST:PORT or
[IPv6]:PORT; the default port is 443, with --method ftps 21.

With --pin, the key is added as stated, beside those that are known: a peer may have
several, for example before an announced change. Without --pin, cpupdate connects to
the peer, shows its key and prompts you; a script gets exit code 6 and the key. A
peer that presents a key other than its known ones is refused: remove those first,
once you know why it changed.`,
		Example: `  cpupdate trust add files.example:21 --pin sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 --comment "read out by Ada"`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return trustcmd.Add(cmd.Context(), a.con, a.hosts, o, args[0])
		},

		ValidArgsFunction: cobra.NoFileCompletions,
	}
	o.AddFlags(cmd.Flags())
	methods := cobra.FixedCompletions([]string{string(transfer.HTTPS), string(transfer.FTPS)}, cobra.ShellCompDirectiveNoFileComp)
	_ = cmd.RegisterFlagCompletionFunc(transfer.SettingMethod, methods) // as in addProfileFlag
	_ = cmd.RegisterFlagCompletionFunc(settings.KeyPin, cobra.NoFileCompletions)
	return cmd
}
