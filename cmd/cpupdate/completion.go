package main

import (
	"bytes"
	"io"

	"github.com/spf13/cobra"
)

func newCompletion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print a completion script for a shell",
		Long: `Print a script that completes commands, flags and file names in a shell. How to
load it depends on the shell: for bash, source the script in ~/.bashrc.`,
		Example:   `  cpupdate completion bash > cpupdate.bash`,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
		RunE:      func(cmd *cobra.Command, args []string) error { return completion(a, cmd.Root(), args[0]) },
	}
}

// completion prints the completion script for the shell.
func completion(a *app, root *cobra.Command, shell string) error {
	var script bytes.Buffer
	var err error
	switch shell {
	case "bash":
		err = root.GenBashCompletionV2(&script, true)
	case "zsh":
		err = root.GenZshCompletion(&script)
	case "fish":
		err = root.GenFishCompletion(&script, true)
	case "powershell":
		err = root.GenPowerShellCompletionWithDesc(&script)
	}
	if err != nil {
		return err
	}
	return a.con.Print(completionDoc{1, shell, script.String()}, func(w io.Writer) { _, _ = w.Write(script.Bytes()) })
}

// A completionDoc is the JSON answer of completion.
type completionDoc struct {
	Schema int    `json:"schema"`
	Shell  string `json:"shell"`
	Script string `json:"script"`
}
