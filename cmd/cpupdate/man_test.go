package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// TestDocsMan fails when docs/man is not what the commands generate, and on pages whose command is gone.
func TestDocsMan(t *testing.T) {
	folder := filepath.Join("..", "..", "docs", "man")
	pages := map[string]string{}
	manPages(newRoot(newTestApp(&console.Console{}, "")), pages)
	for name, want := range pages {
		checkGenerated(t, filepath.Join(folder, name), []byte(want), os.Getenv("UPDATE_DOCS") != "")
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if pages[entry.Name()] == "" {
			t.Errorf("docs/man/%s: no command of that name", entry.Name())
		}
	}
}

// TestManVariables fails if the program reads a variable that cpupdate(1) does not name.
func TestManVariables(t *testing.T) {
	variable := regexp.MustCompile(`"(CPUPDATE_[A-Z]+)"`)
	found := 0
	err := filepath.WalkDir(".", func(path string, entry os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, match := range variable.FindAllStringSubmatch(string(text), -1) {
			if found++; !strings.Contains(manEnvironment, match[1]) {
				t.Errorf("%s reads %s, which cpupdate(1) does not name", path, match[1])
			}
		}
		return err
	})
	if err != nil || found < 4 {
		t.Errorf("%d variables found: %v", found, err)
	}
}

// manPages writes a page for the command, and for each below it. The help commands of groups have none.
func manPages(cmd *cobra.Command, pages map[string]string) {
	pages[manName(cmd)+".1"] = manPage(cmd)
	for _, child := range cmd.Commands() {
		if child.Name() != "help" || !cmd.HasParent() {
			manPages(child, pages)
		}
	}
}

// manName returns the name of a command's page, such as cpupdate-rollout-plan.
func manName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// manPage returns the page of a command. The release adds date and version to its first line.
func manPage(cmd *cobra.Command) string {
	cmd.InitDefaultHelpFlag()
	var b strings.Builder
	fmt.Fprintf(&b, ".TH \"%s\" \"1\" \"\" \"cpupdate\" \"User commands\"\n", strings.ToUpper(manName(cmd)))
	b.WriteString(".nh\n.ad l\n") // without hyphenation and stretched lines: names of flags stay whole
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(manName(cmd)), roff(lowerFirst(cmd.Short)))
	b.WriteString(".SH SYNOPSIS\n")
	if cmd.Runnable() {
		fmt.Fprintf(&b, ".B %s\n%s\n", roff(cmd.CommandPath()), roff(strings.TrimPrefix(cmd.UseLine(), cmd.CommandPath()+" ")))
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, ".br\n.B %s\nCOMMAND\n", roff(cmd.CommandPath()))
	}
	b.WriteString(".SH DESCRIPTION\n")
	if cmd.Long == "" {
		fmt.Fprintf(&b, "%s.\n", roff(cmd.Short))
	}
	b.WriteString(manText(cmd.Long))
	b.WriteString(manCommands(cmd) + manFlags(cmd))
	if cmd.HasExample() {
		b.WriteString(".SH EXAMPLES\n" + strings.TrimPrefix(manTable(cmd.Example), ".PP\n"))
	}
	if !cmd.HasParent() {
		b.WriteString(manExitCodes() + manFiles + manEnvironment)
	}
	b.WriteString(".SH SEE ALSO\n" + manSeeAlso(cmd))
	return b.String()
}

// manText returns paragraphs. One that begins with a blank is a table.
func manText(text string) string {
	var b strings.Builder
	for i, paragraph := range strings.Split(strings.TrimSpace(text), "\n\n") {
		switch {
		case paragraph == "":
		case strings.HasPrefix(paragraph, " "):
			b.WriteString(manTable(paragraph))
		default:
			if i > 0 {
				b.WriteString(".PP\n")
			}
			b.WriteString(roff(paragraph) + "\n")
		}
	}
	return b.String()
}

// manTable returns lines that stay as they are; a command that is too long for a page is broken as in the help.
func manTable(text string) string {
	var b strings.Builder
	b.WriteString(".PP\n.nf\n.RS 2\n")
	for line := range strings.Lines(text) {
		line = strings.TrimPrefix(strings.TrimRight(line, "\n"), "  ")
		b.WriteString(roff(wrapCommand(line, 68)) + "\n")
	}
	b.WriteString(".RE\n.fi\n")
	return b.String()
}

// manCommands returns the section about the commands below this one.
func manCommands(cmd *cobra.Command) string {
	var b strings.Builder
	for _, child := range cmd.Commands() {
		if child.IsAvailableCommand() || child.Name() == "help" && !cmd.HasParent() {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s.\n", roff(child.Name()), roff(child.Short))
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return ".SH COMMANDS\n" + b.String()
}

// manFlags returns the section about the flags, under their headings.
func manFlags(cmd *cobra.Command) string {
	var b strings.Builder
	b.WriteString(".SH OPTIONS\n")
	for line := range strings.Lines(flagsText(cmd, 0)) {
		line = strings.TrimRight(line, "\n")
		switch flag, usage, found := strings.Cut(strings.TrimLeft(line, " "), "   "); {
		case line == "":
		case !strings.HasPrefix(line, " "):
			fmt.Fprintf(&b, ".SS %s\n", roff(strings.TrimSuffix(line, ":")))
		case found:
			fmt.Fprintf(&b, ".TP\n.B %s\n%s.\n", roff(flag), roff(strings.TrimLeft(usage, " ")))
		}
	}
	return b.String()
}

// manExitCodes returns the section about the exit codes.
func manExitCodes() string {
	var b strings.Builder
	b.WriteString(".SH EXIT STATUS\nEvery exit code but 0 comes with exactly one error on standard error.\n")
	for _, row := range exit.Table() {
		fmt.Fprintf(&b, ".TP\n.B %d\n%s.\n", row.Code, roff(row.Meaning))
	}
	return b.String()
}

// manFiles and manEnvironment are for the page of the program.
const (
	manFiles = `.SH FILES
.TP
.I ~/.config/cpupdate/config.toml
Stored settings. On macOS the folder is ~/Library/Application Support/cpupdate, on Windows %AppData%\ecpupdate.
.TP
.I ~/.config/cpupdate/passwords.toml
Stored passwords, where there is no keyring.
.TP
.I ~/.config/cpupdate/known_keys
Accepted keys of servers and phones.
.TP
.I ~/.config/cpupdate/hardware.toml
The hardware table that is used without \-\-hardware.
.TP
.I ~/.config/cpupdate/trusted\-keys/
Public keys that may sign images.
.TP
.I ~/.local/state/cpupdate/journal.db
The journal of what was done to phones. On macOS it is in ~/Library/Application Support/cpupdate, on Windows in %LOCALAPPDATA%\ecpupdate.
`
	manEnvironment = `.SH ENVIRONMENT
.TP
.B CPUPDATE_CONFIG
The settings file, if \-\-config is not given.
.TP
.B CPUPDATE_JOURNAL
The journal file, if \-\-journal is not given.
.TP
.B CPUPDATE_PASSWORD
The password of the server, or with \-\-web of the phones' page.
.TP
.B CPUPDATE_KEYRING
If it is off, the system's keyring is not used.
.TP
.B NO_COLOR
If it is set, the output has no colours.
.TP
.B XDG_CONFIG_HOME, XDG_STATE_HOME, XDG_CACHE_HOME
Folders to use instead of ~/.config, ~/.local/state and ~/.cache, where the system uses these.
.TP
.B TZ
The time zone of what is shown, and of \-\-window.
`
)

// manSeeAlso returns the pages of the commands above and below.
func manSeeAlso(cmd *cobra.Command) string {
	var pages []string
	if cmd.HasParent() {
		pages = append(pages, manName(cmd.Parent()))
	}
	for _, child := range cmd.Commands() {
		if child.Name() != "help" || !cmd.HasParent() {
			pages = append(pages, manName(child))
		}
	}
	for i, page := range pages {
		pages[i] = ".BR " + roff(page) + " (1)"
		if i < len(pages)-1 {
			pages[i] += ","
		}
	}
	text := strings.Join(pages, "\n") + "\n"
	if cmd.HasParent() {
		text += ".PP\nThe exit codes are those of\n.BR cpupdate (1).\n"
	}
	return text
}

// roff escapes a text: nothing in it is a request, and what is typed can be copied from the page.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}

// lowerFirst returns the text with a small first letter, as it stands after the name of a page.
func lowerFirst(text string) string { return strings.ToLower(text[:1]) + text[1:] }
