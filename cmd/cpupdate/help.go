package main

import (
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// newHelp returns the help command. Unlike cobra's own, it returns an error for an unknown topic.
func newHelp(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND | exit-codes]",
		Short: "Show help for a command, or the exit codes",
		Long: `Show help for a command.

  cpupdate help exit-codes    list the exit codes, and where a retry can help`,
		Args:              cobra.MaximumNArgs(2),
		ValidArgsFunction: completeHelp,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && args[0] == "exit-codes" {
				return printExitCodes(a.con)
			}
			target, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				hint := "cpupdate help"
				if alike := cmd.Root().SuggestionsFor(args[0]); len(args) == 1 && len(alike) > 0 {
					hint = "did you mean: cpupdate help " + strings.Join(alike, ", cpupdate help ")
				}
				return exit.Errorf(exit.CodeUsage, hint, "no help for %q", strings.Join(args, " "))
			}
			return printHelp(a, target)
		},
	}
}

// printHelp prints the help of a command.
func printHelp(a *app, cmd *cobra.Command) error {
	text := helpText(cmd, a.con.Width, runtime.GOOS)
	return a.con.Print(helpDoc{1, text}, func(w io.Writer) { fmt.Fprint(w, text) })
}

// A helpDoc is the JSON answer of help and --help.
type helpDoc struct {
	Schema int    `json:"schema"`
	Help   string `json:"help"`
}

// helpText returns the help of a command on a system: first what to type, then the description, then the flags.
func helpText(cmd *cobra.Command, width int, system string) string {
	cmd.InitDefaultHelpFlag()
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\nUsage:\n", cmd.Short)
	if cmd.Runnable() {
		fmt.Fprintf(&b, "  %s\n", cmd.UseLine())
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "  %s COMMAND\n", cmd.CommandPath())
	}
	if cmd.HasExample() {
		b.WriteString("\nExamples:\n")
		for line := range strings.Lines(cmd.Example) {
			line = strings.TrimRight(line, "\n")
			if system != "windows" { // its shells differ in how a line is continued
				line = wrapCommand(line, width)
			}
			fmt.Fprintln(&b, line)
		}
	}
	if cmd.HasAvailableSubCommands() {
		b.WriteString("\nCommands:\n")
		for _, child := range cmd.Commands() {
			if child.IsAvailableCommand() || child.Name() == "help" {
				line := (&console.Console{Width: width}).Layout(2, child.NamePadding()-1)
				fmt.Fprintln(&b, line.Line(console.Cells(child.Name(), child.Short)...))
			}
		}
	}
	for paragraph := range strings.SplitSeq(cmd.Long, "\n\n") {
		if paragraph == "" {
			continue
		}
		if !strings.HasPrefix(paragraph, " ") { // else it is a table
			paragraph = console.Wrap(paragraph, 0, width)
		}
		fmt.Fprintf(&b, "\n%s\n", paragraph)
	}
	return b.String() + flagsText(cmd, width)
}

// wrapCommand breaks a command line that is wider than the terminal before its flags, so that a shell still takes it.
func wrapCommand(line string, width int) string {
	const indent, end = "      ", " \\"
	parts := strings.Split(line, " --")
	text, column := parts[0], console.Columns(parts[0])
	for i, part := range parts[1:] {
		length, room := console.Columns(" --"+part), width
		if i < len(parts)-2 {
			room -= len(end)
		}
		if column+length > room {
			text, column = text+end+"\n"+indent[1:], len(indent)-1
		}
		text, column = text+" --"+part, column+length
	}
	return text
}

// flagsText returns the flags of a command under their headings, wrapped to width columns.
func flagsText(cmd *cobra.Command, width int) string {
	var headings []string
	sets := map[string]*pflag.FlagSet{}
	add := func(heading string, f *pflag.Flag) {
		if sets[heading] == nil {
			headings = append(headings, heading)
			sets[heading] = pflag.NewFlagSet(heading, pflag.ContinueOnError)
			sets[heading].SortFlags = false
		}
		shown := *f
		shown.DefValue = strings.Replace(f.DefValue, "m0s", "m", 1) // of a duration
		sets[heading].AddFlag(&shown)
	}
	const local, global = "Flags", "Global flags"
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		switch heading := console.Heading(f); {
		case heading != "":
			add(heading, f)
		case f.Name != "help" || !cmd.HasParent():
			add(local, f)
		}
	})
	if cmd.HasParent() {
		add(global, cmd.Flags().Lookup("help"))
		cmd.InheritedFlags().VisitAll(func(f *pflag.Flag) { add(global, f) })
	}
	var b strings.Builder
	for _, heading := range headings {
		if sets[heading].HasAvailableFlags() {
			fmt.Fprintf(&b, "\n%s:\n%s", heading, sets[heading].FlagUsagesWrapped(width))
		}
	}
	return b.String()
}

// An exitCodesDoc is the JSON answer of help exit-codes.
type exitCodesDoc struct {
	Schema    int           `json:"schema"`
	ExitCodes []exitCodeDoc `json:"exit_codes"`
}

type exitCodeDoc struct {
	Code      exit.Code `json:"code"`
	Name      string    `json:"name"`
	Meaning   string    `json:"meaning"`
	Retryable *bool     `json:"retryable"`
}

// printExitCodes prints the table of exit codes.
func printExitCodes(con *console.Console) error {
	doc := exitCodesDoc{Schema: 1}
	for _, row := range exit.Table() {
		doc.ExitCodes = append(doc.ExitCodes, exitCodeDoc{row.Code, row.Name, row.Meaning, row.MayRetry()})
	}
	return con.Print(doc, func(w io.Writer) {
		table := con.Table(0)
		table.Row(console.Cells("exit", "name", "retry?", "meaning")...)
		for _, row := range exit.Table() {
			table.Row(console.Cells(fmt.Sprintf("%4d", row.Code), row.Name, row.Retryable, row.Meaning)...)
		}
		table.Draw(w)
		fmt.Fprintln(w, "\nretry?  whether the same command may succeed later")
	})
}
