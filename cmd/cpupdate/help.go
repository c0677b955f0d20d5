package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// newHelp returns the help command. An unknown topic is an error, unlike with cobra's own.
func newHelp(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND | exit-codes]",
		Short: "Help about a command, or about exit codes",
		Long: `Help about a command.

  cpupdate help exit-codes    what each exit code means, and whether trying again can help`,
		Args:      cobra.MaximumNArgs(1),
		ValidArgs: []string{"exit-codes"},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && args[0] == "exit-codes" {
				return printExitCodes(a)
			}
			target, _, err := cmd.Root().Find(args)
			if err != nil || len(args) == 1 && target == cmd.Root() {
				return usage("", "no help on %q", args[0])
			}
			if !a.json {
				return target.Help()
			}
			return a.print(struct {
				Schema int    `json:"schema"`
				Help   string `json:"help"`
			}{1, helpText(target)}, nil)
		},
	}
}

// helpText is what Help prints.
func helpText(cmd *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s", cmd.Long, cmd.UsageString())
	return b.String()
}

// printExitCodes prints the table of exit codes.
func printExitCodes(a *app) error {
	return a.print(struct {
		Schema    int       `json:"schema"`
		ExitCodes []exitRow `json:"exit_codes"`
	}{1, exitTable()}, func(w io.Writer) {
		fmt.Fprintln(w, "exit  name         again?      meaning")
		for _, row := range exitTable() {
			fmt.Fprintf(w, "%4d  %-11s  %-10s  %s\n", row.Code, row.Name, row.Retryable, wrap(row.Meaning, 31, a.width))
		}
		fmt.Fprintln(w, "\nagain?  whether the same command may succeed later")
	})
}
