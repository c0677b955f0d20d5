package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings/tomledit"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// TestDocs fails when docs/cli or the table of exit codes is not what the commands generate, and on pages whose
// command is gone.
func TestDocs(t *testing.T) {
	update := os.Getenv("UPDATE_DOCS") != ""
	folder := filepath.Join("..", "..", "docs", "cli")
	pages := map[string][]byte{}
	root := newRoot(newTestApp(&console.Console{}, ""))
	root.DisableAutoGenTag = true
	if err := generate(root, pages); err != nil {
		t.Fatal(err)
	}
	for name, want := range pages {
		checkGenerated(t, filepath.Join(folder, name), want, update)
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if pages[entry.Name()] == nil {
			t.Errorf("docs/cli/%s: no command of that name", entry.Name())
		}
	}
	checkGenerated(t, filepath.Join("..", "..", "docs", "exit-codes.md"), exitCodesPage(), update)
}

func checkGenerated(t *testing.T, name string, want []byte, update bool) {
	t.Helper()
	if update {
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(bytes.ReplaceAll(got, []byte("\r\n"), []byte("\n")), want) {
		t.Errorf("%s is stale: run make docs", name)
	}
}

// generate writes one page a command.
func generate(cmd *cobra.Command, pages map[string][]byte) error {
	cmd.InitDefaultHelpFlag()
	var page bytes.Buffer
	if err := doc.GenMarkdown(cmd, &page); err != nil {
		return err
	}
	pages[strings.ReplaceAll(cmd.CommandPath(), " ", "_")+".md"] = []byte(groupedOptions(cmd, page.String()))
	for _, child := range cmd.Commands() {
		if err := generate(child, pages); err != nil {
			return err
		}
	}
	return nil
}

// groupedOptions shows the flags of a generated page under their headings, as the help does.
func groupedOptions(cmd *cobra.Command, page string) string {
	before, _, found := strings.Cut(page, "### Options\n")
	if !found {
		return page
	}
	_, after, _ := strings.Cut(page, "### SEE ALSO\n")
	if after != "" {
		after = "### SEE ALSO\n" + after
	}
	return before + "### Options\n\n```\n" + strings.TrimLeft(flagsText(cmd, 100), "\n") + "```\n\n" + after
}

// exitCodesPage is docs/exit-codes.md.
func exitCodesPage() []byte {
	var page bytes.Buffer
	page.WriteString(`# Exit codes

The numbers and names never change; a new meaning gets a new number. ` + "`cpupdate help exit-codes`" + ` prints this table, with
` + "`--json`" + ` as JSON. With ` + "`--json`" + `, the error on standard error carries ` + "`code`, `name` and `retryable`" + `.

| code | name | meaning | try again? |
|---|---|---|---|
`)
	for _, row := range exit.Table() {
		fmt.Fprintf(&page, "| %d | %s | %s | %s |\n", row.Code, row.Name, row.Meaning, row.Retryable)
	}
	page.WriteString(`
Every exit code but 0 comes with exactly one error on standard error, also after a rule sheet. Which error has which code, and what to do:
[troubleshooting](troubleshooting.md). A single phone ends the command with its own code, several with 10 if some failed, and with 3 if the image changed meanwhile; with several,
--json has the code of each.

In a shell script (not run by our tests):

` + "```sh" + `
cpupdate check cp600.bind --hw-level 3 --quiet
case $? in
0) echo "the phone will take it" ;;
4) echo "the phone will refuse it" ;;
5) echo "cannot tell: describe the phone in more detail" ;;
*) exit 1 ;;
esac
` + "```" + `
`)
	return page.Bytes()
}

// The README names every command, and every document that is linked exists.
func TestLinks(t *testing.T) {
	top := filepath.Join("..", "..")
	var pages []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/adr/*.md"} {
		found, err := filepath.Glob(filepath.Join(top, pattern))
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	if len(pages) < 8 {
		t.Fatalf("only %d documents found", len(pages))
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range links(string(text)) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), link)); err != nil {
				t.Errorf("%s links to %s, which is not there", page, link)
			}
		}
	}
	readme, err := os.ReadFile(filepath.Join(top, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, cmd := range newRoot(newTestApp(&console.Console{}, "")).Commands() {
		if !bytes.Contains(readme, []byte("`"+cmd.Name())) {
			t.Errorf("the README does not name the command %s", cmd.Name())
		}
	}
}

// links returns the targets of Markdown links that are files of ours.
func links(text string) []string {
	var out []string
	for _, part := range strings.Split(text, "](")[1:] {
		target, _, _ := strings.Cut(part, ")")
		target, _, _ = strings.Cut(target, "#")
		if target != "" && !strings.Contains(target, "://") && !slices.Contains(out, target) {
			out = append(out, target)
		}
	}
	return out
}

// The TOML shown in the documents is TOML that the program reads.
func TestDocumentedTOML(t *testing.T) {
	example := func(page string) string {
		text, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
		if err != nil {
			t.Fatal(err)
		}
		_, after, found := strings.Cut(string(text), "```toml\n")
		block, _, closed := strings.Cut(after, "```")
		if !found || !closed {
			t.Fatalf("%s shows no TOML", page)
		}
		return block
	}
	table, err := hwcheck.ReadTable(strings.NewReader(example("hardware-table.md")), "example")
	if err != nil || len(table.Entries) != 4 {
		t.Errorf("hardware-table.md: %v, %v", table, err)
	}
	if d, err := bind.ParseDescription([]byte(example("bind-format.md"))); err != nil || d.Levels.String() != "1-2" {
		t.Errorf("bind-format.md: %v, %v", d, err)
	}
	tables, err := tomledit.Parse([]byte(example("settings.md")), settings.ConfigForm())
	if err != nil || len(tables) != 2 || len(tables[0].Values) == 0 {
		t.Errorf("settings.md: %v, %v", tables, err)
	}
}
