package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// flagError returns the usage error for a flag that does not exist, or whose value is missing or invalid.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var missing *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch help := strings.TrimSpace("cpupdate help " + helpPath(cmd)); {
	case errors.As(err, &unknown):
		return unknownFlag(cmd, unknown, help)
	case errors.As(err, &missing):
		kind, _ := pflag.UnquoteUsage(missing.GetFlag())
		return exit.New(exit.CodeUsage, fmt.Errorf("--%s: the value is missing", missing.GetFlag().Name), fmt.Sprintf("write --%s %s", missing.GetFlag().Name, kind), help)
	case errors.As(err, &invalid):
		problem, hint := badValue(invalid.GetFlag(), invalid.GetValue(), invalid.Unwrap())
		shown := fmt.Sprintf(" %q: ", invalid.GetValue())
		if strings.Contains(invalid.GetValue(), "@") { // it may contain a password
			shown = ": the value "
		}
		return exit.New(exit.CodeUsage, fmt.Errorf("--%s%s%s", invalid.GetFlag().Name, shown, problem), hint, help)
	}
	return exit.Usage(helpPath(cmd), "%v", err)
}

// unknownFlag names the flags that are spelled alike, or the commands that have the flag. What follows a letter is not
// shown, because it may be a password.
func unknownFlag(cmd *cobra.Command, e *pflag.NotExistError, help string) error {
	name, letters := e.GetSpecifiedName(), e.GetSpecifiedShortnames()
	err := fmt.Errorf("unknown flag: --%s", name)
	if letters != "" { // -patience, with one hyphen
		err = fmt.Errorf("unknown flag: -%s", name)
		name, _, _ = strings.Cut(letters, "=")
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			known = append(known, f.Name)
		}
	})
	if like := console.Alike(name, known); len(like) > 0 {
		return exit.New(exit.CodeUsage, err, "did you mean: --"+strings.Join(like, ", --"), help)
	}
	if owners := commandsWith(cmd.Root(), name); len(owners) > 0 && letters == "" {
		return exit.New(exit.CodeUsage, err, "it is a flag of: "+strings.Join(owners, ", "), help)
	}
	return exit.New(exit.CodeUsage, err, help)
}

// commandsWith returns the commands that have a flag.
func commandsWith(cmd *cobra.Command, name string) []string {
	var owners []string
	for _, child := range cmd.Commands() {
		if f := child.Flags().Lookup(name); f != nil && !f.Hidden && child.Runnable() {
			owners = append(owners, child.CommandPath())
		}
		owners = append(owners, commandsWith(child, name)...)
	}
	slices.Sort(owners)
	return owners
}

// badValue returns what is wrong with a flag's value, and how to write one.
func badValue(f *pflag.Flag, value string, cause error) (problem, hint string) {
	switch f.Value.Type() {
	case "duration":
		if value != "" && strings.Trim(value, "0123456789.") == "" {
			return "the unit is missing", fmt.Sprintf("write %ss, %sm or %sh for seconds, minutes or hours", value, value, value)
		}
		return "is not a duration", "write a number with s, m or h, such as 10s, 5m or 1h30m"
	case "columns":
		return cause.Error(), `write VALUE=COLUMN, separated by commas, such as address=IP,mac="MAC Address"`
	case "int":
		return "is not a whole number", "write a number such as " + f.DefValue
	case "bool":
		return "is not true or false", fmt.Sprintf("write --%s alone", f.Name)
	}
	return "is invalid", "see the help"
}
