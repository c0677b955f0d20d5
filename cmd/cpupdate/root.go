package main

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// newRoot returns the command tree.
func newRoot(a *app) *cobra.Command {
	var version bool
	root := &cobra.Command{
		Use:   "cpupdate",
		Short: "Update the firmware of OpenScape Desk Phone CP and OpenStage phones",
		Long: `cpupdate reads a firmware image (a "bind"), says before anything is sent whether
a phone will accept it and why, installs it on one phone or on thousands, and
follows each phone until it reports the new version. To try it without a phone:
cpupdate demo

The answer is on standard output, everything else on standard error.
The exit codes are listed by: cpupdate help exit-codes`,
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
		PersistentPreRunE: func(cmd *cobra.Command, args []string) error {
			a.parsed = true
			a.store.FindFolder()
			a.con.Flags = flagsOf(cmd.Flags())
			a.con.Flags.Server = a.record.ServerFlags()
			if err := cmp.Or(noEmptyFlag(cmd), columnsOfList(cmd), a.record.CheckServer(helpPath(cmd))); err != nil {
				return err
			}
			return noLogin(cmd, args)
		},
	}
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { a.helpErr = printHelp(a, cmd) })
	root.SetOut(a.con.Out)
	root.SetErr(a.con.Err)
	root.SetIn(a.con.In)
	root.CompletionOptions.DisableDefaultCmd = true
	root.SuggestionsMinimumDistance = 2
	root.SetFlagErrorFunc(flagError)
	root.Flags().BoolVar(&version, "version", false, "print the version")

	flags := root.PersistentFlags()
	flags.BoolVar(&a.con.JSON, "json", false, "print the answer and errors as JSON")
	flags.BoolVarP(&a.con.Quiet, "quiet", "q", false, "print errors only (with --json, the answer too)")
	flags.BoolVarP(&a.con.Verbose, "verbose", "v", false, "print more details")
	flags.StringVar(&a.store.ConfigFlag, "config", "", "the settings `FILE` (default config.toml in the settings folder)")
	flags.BoolVar(&a.con.NoColor, "no-color", false, "do not use colours, even on a terminal")

	root.AddCommand(newInspect(a), newCheck(a), newDescribe(a), newPack(a), newPush(a), newRollout(a), newPhone(a), newSimulate(a), newDemo(a), newDefaults(a), newTrust(a), newHistory(a), newDoctor(a), newVersion(a), newCompletion(a))
	help := newHelp(a)
	root.SetHelpCommand(help)
	asUsage(root)
	asUsage(help)
	return root
}

// knownCommand rejects a command that does not exist and suggests one with a similar name.
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

// asUsage turns every wrong number of arguments in the command tree into a usage error.
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
			problem := "unexpected argument " + exit.ShownArgument(args[len(args)-1])
			if len(args) == 1 && len(cmd.ValidArgs) > 0 {
				problem += ": use one of " + strings.Join(cmd.ValidArgs, ", ")
			}
			return exit.Usage(helpPath(cmd), "%s", problem)
		}
	}
	for _, child := range cmd.Commands() {
		asUsage(child)
	}
}

// noEmptyFlag rejects a flag whose value is empty. Otherwise an empty variable in a script would look like a flag that
// was left out, and its value would not be checked.
func noEmptyFlag(cmd *cobra.Command) error {
	var empty error
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if value := strings.TrimSpace(f.Value.String()); value == "" || value == "[]" {
			empty = exit.Usage(helpPath(cmd), "--%s: the value is empty", f.Name)
		}
	})
	return empty
}

// columnsOfList rejects --columns without a list.
func columnsOfList(cmd *cobra.Command) error {
	if flags := cmd.Flags(); flags.Changed("columns") && !flags.Changed("phones") {
		return exit.Usage(helpPath(cmd), "--columns is about the list of --phones, which is missing")
	}
	return nil
}

// flagsOf returns which flags the command line has, for hints.
func flagsOf(flags *pflag.FlagSet) console.Flags {
	return console.Flags{
		Given: flags.Changed,
		Bool: func(name string) bool {
			f := flags.Lookup(name)
			return f != nil && f.Value.Type() == "bool"
		},
	}
}

// noLogin rejects a URL with a login, wherever it is: the list of processes shows the command line, and the settings and the
// output would show the URL. A password command is not looked into; --server and --base-url have a check of their own.
func noLogin(cmd *cobra.Command, args []string) error {
	own := []string{"password-command", transfer.SettingServer, transfer.SettingBaseURL}
	var found error
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if !slices.Contains(own, f.Name) && secret.HoldsLogin(f.Value.String()) {
			problem := settings.NoLogin
			if _, err := settings.ParseFetchURL(f.Value.String()); f.Name == settings.KeyFetchURL && err != nil {
				problem = err.Error()
			}
			found = exit.Usage(helpPath(cmd), "--%s: %s", f.Name, problem)
		}
	})
	if slices.ContainsFunc(args, secret.HoldsLogin) && !strings.HasPrefix(cmd.Name(), "__") { // the shell completes what is typed
		return exit.Usage(helpPath(cmd), "an argument is a URL that contains a login: name the file, or the host alone")
	}
	return found
}

// helpPath returns the words that follow "cpupdate help" for the command.
func helpPath(cmd *cobra.Command) string {
	_, path, _ := strings.Cut(cmd.CommandPath(), " ")
	return path
}
