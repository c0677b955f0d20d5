package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// newRoot returns the command tree.
func newRoot(a *app) *cobra.Command {
	var version bool
	root := &cobra.Command{
		Use:   "cpupdate",
		Short: "Update the firmware of OpenScape Desk Phone CP and OpenStage phones",
		Long: `cpupdate looks into a firmware image (a "bind"), tells before any byte moves
whether a phone will take it, and why, takes it into one phone or thousands, and
follows each until it reports the new version itself. To see that without a
phone: cpupdate demo

The answer is on standard output, everything else on standard error.
What an exit code means: cpupdate help exit-codes`,
		Example: `  cpupdate inspect cp600.bind
  cpupdate check cp600.bind --hw-level 3
  cpupdate push cp600.bind 192.0.2.50 --serve --hw-level 3`,
		Args:          knownCommand,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if version {
				return printVersion(a.con)
			}
			return cmd.Help()
		},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			a.parsed = true
			return noEmptyFlag(cmd)
		},
	}
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { a.helpErr = printHelp(a, cmd) })
	root.SetOut(a.con.Out)
	root.SetErr(a.con.Err)
	root.SetIn(a.con.In)
	root.CompletionOptions.DisableDefaultCmd = true
	root.SuggestionsMinimumDistance = 2
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return exit.Usage(helpPath(cmd), "%v", err) })
	root.Flags().BoolVar(&version, "version", false, "print the version")

	flags := root.PersistentFlags()
	flags.BoolVar(&a.con.JSON, "json", false, "print the answer and errors as JSON")
	flags.BoolVarP(&a.con.Quiet, "quiet", "q", false, "print errors only (with --json, the answer too)")
	flags.BoolVarP(&a.con.Verbose, "verbose", "v", false, "say more")
	flags.StringVar(&a.store.ConfigFlag, "config", "", "the settings `FILE` (usual: config.toml in the settings folder)")
	flags.BoolVar(&a.con.NoColor, "no-color", false, "no colours, also on a terminal")

	root.AddCommand(newInspect(a), newCheck(a), newDescribe(a), newPack(a), newPush(a), newPhone(a), newSimulate(a), newDemo(a), newDefaults(a), newTrust(a), newDoctor(a), newVersion(a), newCompletion(a))
	help := newHelp(a)
	root.SetHelpCommand(help)
	asUsage(root)
	asUsage(help)
	return root
}

// knownCommand refuses a command that does not exist and names one that is spelled alike.
func knownCommand(group *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint, path := strings.TrimSpace("cpupdate help "+helpPath(group)), group.CommandPath()+" "
	if alike := group.SuggestionsFor(args[0]); len(alike) > 0 {
		hint = "did you mean: " + path + strings.Join(alike, ", "+path)
	}
	return exit.Errorf(exit.CodeUsage, hint, "unknown command %s", exit.ShownArgument(args[0]))
}

// asUsage makes every wrong number of arguments a usage error, in the whole tree.
func asUsage(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			err := check(cmd, args)
			if f := (*exit.Error)(nil); err == nil || errors.As(err, &f) {
				return err
			}
			if words := strings.Fields(cmd.Use); len(args) == 0 && len(words) > 1 {
				return exit.Usage(helpPath(cmd), "%s is missing", words[1])
			}
			return exit.Usage(helpPath(cmd), "%s is one too many, or not known", exit.ShownArgument(args[len(args)-1]))
		}
	}
	for _, child := range cmd.Commands() {
		asUsage(child)
	}
}

// noEmptyFlag refuses a flag that was given without a value: an empty variable of a script would pass for a flag that
// was left out, and what it should have said would go unchecked.
func noEmptyFlag(cmd *cobra.Command) error {
	var empty error
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if value := strings.TrimSpace(f.Value.String()); value == "" || value == "[]" {
			empty = exit.Usage(helpPath(cmd), "--%s is given without a value", f.Name)
		}
	})
	return empty
}

// helpPath is what "cpupdate help" is to be asked for the command.
func helpPath(cmd *cobra.Command) string {
	_, path, _ := strings.Cut(cmd.CommandPath(), " ")
	return path
}
