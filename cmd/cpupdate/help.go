package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// newHelp returns the help command. An unknown topic is an error, unlike with cobra's own.
func newHelp(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND | exit-codes]",
		Short: "Help about a command, or about exit codes",
		Long: `Help about a command.

  cpupdate help exit-codes    what each exit code means, and whether trying again can help`,
		Args:      cobra.MaximumNArgs(2),
		ValidArgs: []string{"exit-codes"},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && args[0] == "exit-codes" {
				return printExitCodes(a.con)
			}
			target, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return exit.Usage("", "no help on %q", strings.Join(args, " "))
			}
			return printHelp(a, target)
		},
	}
}

// printHelp prints the help of a command.
func printHelp(a *app, cmd *cobra.Command) error {
	text := fmt.Sprintf("%s\n\n%s", cmp.Or(cmd.Long, cmd.Short), cmd.UsageString())
	doc := struct {
		Schema int    `json:"schema"`
		Help   string `json:"help"`
	}{1, text}
	return a.con.Print(doc, func(w io.Writer) { fmt.Fprint(w, text) })
}

// printExitCodes prints the table of exit codes.
func printExitCodes(con *console.Console) error {
	type rowDoc struct {
		Code      exit.Code `json:"code"`
		Name      string    `json:"name"`
		Meaning   string    `json:"meaning"`
		Retryable *bool     `json:"retryable"`
	}
	var rows []rowDoc
	for _, row := range exit.Table() {
		rows = append(rows, rowDoc{row.Code, row.Name, row.Meaning, row.MayRetry()})
	}
	doc := struct {
		Schema    int      `json:"schema"`
		ExitCodes []rowDoc `json:"exit_codes"`
	}{1, rows}
	return con.Print(doc, func(w io.Writer) {
		table := con.Table(0)
		table.Row(console.Cells("exit", "name", "again?", "meaning")...)
		for _, row := range exit.Table() {
			table.Row(console.Cells(fmt.Sprintf("%4d", row.Code), row.Name, row.Retryable, row.Meaning)...)
		}
		table.Draw(w)
		fmt.Fprintln(w, "\nagain?  whether the same command may succeed later")
	})
}
