package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
)

// TestHelpText checks the help of every command: no line is wider than 80 columns, the first screen says what to type,
// every flag is shown once, and a command with more than 15 flags shows each of its own under a heading.
func TestHelpText(t *testing.T) {
	digest := regexp.MustCompile(`[0-9a-f]{64}`) // stays whole, to be copied
	for _, cmd := range allCommands(newRoot(newTestApp(&console.Console{}, ""))) {
		t.Run(cmd.CommandPath(), func(t *testing.T) {
			text := helpText(cmd, 80, "linux")
			lines := strings.Split(text, "\n")
			for _, line := range lines {
				if utf8.RuneCountInString(line) > 80 && !digest.MatchString(line) {
					t.Errorf("wider than 80 columns: %s", line)
				}
			}
			first := strings.Join(lines[:min(24, len(lines))], "\n")
			for _, line := range strings.Split(strings.TrimSpace(cmd.Example), "\n") {
				start, _, _ := strings.Cut(strings.TrimSpace(line), " --")
				if !strings.Contains(first, "Usage:\n") || !strings.Contains(first, start) {
					t.Errorf("the first screen does not show %q:\n%s", start, first)
				}
			}
			count := 0
			cmd.Flags().VisitAll(func(f *pflag.Flag) {
				count++
				if n := strings.Count(text, " --"+f.Name+" ") + strings.Count(text, " --"+f.Name+"\n"); n == 0 && !f.Hidden {
					t.Errorf("--%s is not shown", f.Name)
				}
			})
			if count > 15 && strings.Contains(text, "\nFlags:\n") {
				t.Errorf("%d flags, and some of them are under no heading:\n%s", count, text[strings.Index(text, "\nFlags:\n"):])
			}
		})
	}
}

// allCommands returns the command and all below it.
func allCommands(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, child := range cmd.Commands() {
		all = append(all, allCommands(child)...)
	}
	return all
}

// TestFlagGroups checks the headings of push, the common ones first.
func TestFlagGroups(t *testing.T) {
	var headings []string
	for line := range strings.Lines(flagsText(newPush(newTestApp(&console.Console{}, "")), 80)) {
		if heading, found := strings.CutSuffix(line, ":\n"); found && !strings.HasPrefix(line, " ") {
			headings = append(headings, heading)
		}
	}
	want := []string{"Phones", "Output", "This machine", "Server", "Password", "Web page"}
	if len(headings) < len(want) || !slices.Equal(headings[:len(want)], want) {
		t.Errorf("%q, want to begin with %q", headings, want)
	}
}

// TestHelpOnWindows checks that no example is continued by a backslash, which neither cmd.exe nor PowerShell knows.
func TestHelpOnWindows(t *testing.T) {
	for _, cmd := range allCommands(newRoot(newTestApp(&console.Console{}, ""))) {
		examples, _, _ := strings.Cut(strings.TrimLeft(cmd.Example, "\n"), "\n\n")
		if text := helpText(cmd, 40, "windows"); strings.Contains(text, "\\\n") || !strings.Contains(text, examples) {
			t.Errorf("%s:\n%s", cmd.CommandPath(), text)
		}
	}
}

func TestWrapCommand(t *testing.T) {
	for _, test := range []struct{ line, want string }{
		{"  cpupdate demo", "  cpupdate demo"},
		{"  cpupdate push i --one 1 --two 2", "  cpupdate push i --one 1 \\\n      --two 2"},
		{"  cpupdate push i --one 1 --two 2 --three 3", "  cpupdate push i --one 1 \\\n      --two 2 --three 3"},
		{"  cpupdate push i --one 123 4567 8", "  cpupdate push i \\\n      --one 123 4567 8"},
	} {
		if got := wrapCommand(test.line, 28); got != test.want {
			t.Errorf("%q is wrapped as %q, want %q", test.line, got, test.want)
		}
	}
}
