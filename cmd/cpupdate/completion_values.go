package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// completeValues completes the values of all flags below a command: file names only where a file is meant, and words where
// the help lists them. Flags with a function of their own keep it. Commands without arguments offer no files.
func completeValues(cmd *cobra.Command) {
	register := func(f *pflag.Flag) {
		kind, _ := pflag.UnquoteUsage(f)
		switch {
		case kind == "FILE" || kind == "IMAGE" || kind == "COMMAND":
		case strings.Contains(kind, "|"):
			words := cobra.FixedCompletions(strings.Split(kind, "|"), cobra.ShellCompDirectiveNoFileComp)
			_ = cmd.RegisterFlagCompletionFunc(f.Name, words) // it fails for a flag that has a function already
		case kind != "":
			_ = cmd.RegisterFlagCompletionFunc(f.Name, cobra.NoFileCompletions)
		}
	}
	cmd.LocalFlags().VisitAll(register)
	if words := strings.Fields(cmd.Use); cmd.ValidArgsFunction == nil && len(cmd.ValidArgs) == 0 && !slices.Contains(words, "PAYLOAD") {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	for _, child := range cmd.Commands() {
		completeValues(child)
	}
}

// completePhones offers the phones of the list that --phones names, with their notes.
func completePhones(cmd *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
	list, err := cmd.Flags().GetString("phones")
	if err != nil || list == "" {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var columns hwcheck.Columns
	if f := cmd.Flags().Lookup("columns"); f != nil && f.Changed {
		columns, _ = hwcheck.ParseColumns(f.Value.String()) // it was parsed before
	}
	listed, err := settings.ReadPhoneList(cmd.Context(), list, columns...)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var offers []string
	for _, p := range listed {
		if len(offers) < maxCompletions && p.Address != "" && !slices.Contains(given, p.Address) {
			offers = append(offers, strings.TrimSuffix(p.Address+"\t"+p.Note, "\t"))
		}
	}
	return offers, cobra.ShellCompDirectiveNoFileComp
}

// completeHelp offers the commands, and the other topic of help.
func completeHelp(cmd *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
	target, rest, err := cmd.Root().Find(given)
	if err != nil || len(rest) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var offers []string
	for _, child := range target.Commands() {
		if child.IsAvailableCommand() {
			offers = append(offers, child.Name()+"\t"+child.Short)
		}
	}
	if len(given) == 0 {
		offers = append(offers, "exit-codes\tthe exit codes, and where a retry can help")
	}
	return offers, cobra.ShellCompDirectiveNoFileComp
}

// completeFaults offers the names of the faults, for all phones or, after N=, for the Nth.
func completeFaults(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	number, _, found := strings.Cut(typed, "=")
	if found {
		number += "="
	} else {
		number = ""
	}
	var offers []string
	for _, f := range phonesim.Faults() {
		offers = append(offers, number+string(f.Name)+"\t"+f.Sentence)
	}
	return offers, cobra.ShellCompDirectiveNoFileComp
}
