package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// shell returns a function that runs one line in a folder of its own, as a reader would, and returns what it prints.
func shell(t *testing.T) func(line string) string {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("the documents are written for a Unix shell, and there is no sh here")
	}
	folder := t.TempDir()
	home := t.TempDir()
	return func(line string) string {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
		cmd.Dir = folder
		cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home)
		out, err := cmd.CombinedOutput()
		if err != nil && !strings.Contains(line, "exit code $?") {
			t.Errorf("%s: %v\n%s", line, err, out)
		}
		return string(out)
	}
}

// TestReadme runs every console block of the README, in order and in one folder, and compares what it prints.
func TestReadme(t *testing.T) {
	name := filepath.Join("..", "..", "README.md")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	run := shell(t)
	var out strings.Builder
	commands, inBlock := 0, false
	for line := range strings.Lines(string(text)) {
		switch {
		case strings.HasPrefix(line, "```"):
			inBlock = strings.HasPrefix(line, "```console")
			out.WriteString(line)
		case !inBlock:
			out.WriteString(line)
		case strings.HasPrefix(line, "$ "):
			commands++
			out.WriteString(line + run(strings.TrimPrefix(line, "$ ")))
		}
	}
	if commands < 15 {
		t.Errorf("only %d commands found", commands)
	}
	if got := out.String(); got != string(text) {
		if os.Getenv("UPDATE_DOCS") != "" {
			if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			return
		}
		t.Errorf("the README shows other output than its commands give (make docs writes it anew); they give:\n%s", got)
	}
}

// TestExamples runs the example lines of every command's help.
func TestExamples(t *testing.T) {
	if _, err := exec.LookPath("jq"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("in CI jq must be installed")
		}
		t.Skip("jq is not installed, and an example uses it")
	}
	run := shell(t)
	for _, line := range []string{
		"head -c 1000 /dev/zero > app.bin && cp app.bin CP20X_SIP_V1_R9_2_0.img && cp app.bin OS40_SIP_V3_R5_12_0.img && mkdir images",
		`printf 'hw_level\n3\n' > phones.csv`,
	} {
		run(line)
	}
	examples := examplesOf(newRoot(&app{}))
	for _, line := range sortPackFirst(examples) {
		run(line)
		if strings.Contains(line, "-o cp600.bind") {
			run("cp cp600.bind images/")
		}
	}
	if len(examples) < 10 {
		t.Errorf("only %d examples found", len(examples))
	}
}

func examplesOf(cmd *cobra.Command) []string {
	var lines []string
	for line := range strings.Lines(cmd.Example) {
		lines = append(lines, strings.TrimSpace(line))
	}
	for _, child := range cmd.Commands() {
		lines = append(lines, examplesOf(child)...)
	}
	return lines
}

// sortPackFirst puts the examples that make an image before those that need it.
func sortPackFirst(lines []string) []string {
	var first, rest []string
	for _, line := range lines {
		if strings.HasPrefix(line, "cpupdate pack") {
			first = append(first, line)
		} else {
			rest = append(rest, line)
		}
	}
	return append(first, rest...)
}
