package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/internal/schemas"
)

// schemasVariable names a folder for the results of comparedMain. In it, the file "folder" holds the name of docs/schema.
const schemasVariable = "CPUPDATE_TEST_SCHEMAS"

// withSchemas compares what every process that tests start prints with --json with docs/schema, and fails if anything differs.
type withSchemas struct{ withJournals }

// Run runs the tests.
func (m withSchemas) Run() int {
	folder, err := os.MkdirTemp("", "cpupdate-schemas")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	docs, err := filepath.Abs(filepath.Join("..", "..", "docs", "schema"))
	if err != nil {
		panic(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "folder"), []byte(docs), 0o600); err != nil {
		panic(err)
	}
	if err := os.Setenv(schemasVariable, folder); err != nil {
		panic(err)
	}
	code := m.withJournals.Run()
	wrong, err := filepath.Glob(filepath.Join(folder, "wrong-*"))
	if err != nil {
		panic(err)
	}
	for _, path := range wrong {
		text, err := os.ReadFile(path)
		fmt.Fprintf(os.Stderr, "--- FAIL: a process printed what docs/schema does not allow (%v)\n%s\n", err, text)
		code = max(code, 1)
	}
	return code
}

// comparedMain is main for processes that tests start: what they print with --json is compared with docs/schema at their end. One
// that differs leaves a file that makes the tests fail.
func comparedMain() {
	a := newApp()
	folder := os.Getenv(schemasVariable)
	if folder == "" || !wantsJSON(os.Args[1:]) {
		os.Exit(int(process(a)))
	}
	var out, errOut lockedBuffer
	a.con.Out, a.con.Err = io.MultiWriter(a.con.Out, &out), io.MultiWriter(a.con.Err, &errOut)
	code := process(a)
	if !a.con.JSON { // the value of another flag looked like it
		os.Exit(int(code))
	}
	if docs, err := os.ReadFile(filepath.Join(folder, "folder")); err != nil {
		leave(folder, err.Error())
	} else if err := compareOutput(string(docs), os.Args[1:], []byte(out.String()), []byte(errOut.String())); err != nil {
		leave(folder, fmt.Sprintf("cpupdate %q\n%v", os.Args[1:], err))
	}
	os.Exit(int(code))
}

// leave writes what was wrong for the process of the tests.
func leave(folder, text string) {
	f, err := os.CreateTemp(folder, "wrong-*")
	if err != nil {
		panic(err)
	}
	if _, err := f.WriteString(text); err != nil {
		panic(err)
	}
	if err := f.Close(); err != nil {
		panic(err)
	}
}

// schemasOf returns the schemas that what a command prints may have, by its name without "cpupdate".
func schemasOf() map[string][]string {
	return map[string][]string{
		"":                        {"help", "version"},
		"help":                    {"help"},
		"help exit-codes":         {"exit-codes"},
		"version":                 {"version"},
		"completion":              {"completion"},
		"inspect":                 {"images"},
		"pack":                    {"images", "pack-dry-run"},
		"describe":                {"images", "describe-dry-run"},
		"check":                   {"check", "check-many"},
		"trust list":              {"trust-list"},
		"trust add":               {"trust-add"},
		"trust remove":            {"trust-remove"},
		"phone":                   {"phone"},
		"push":                    {"push"},
		"rollout plan":            {"rollout-plan"},
		"rollout run":             {"rollout-run"},
		"rollout status":          {"rollout-status", "rollout-list"},
		"rollout list":            {"rollout-list"},
		"rollout pause":           {"rollout-change"},
		"rollout resume":          {"rollout-change"},
		"rollout stop":            {"rollout-change"},
		"rollout retry":           {"rollout-change"},
		"rollout report":          {"rollout-report"},
		"rollout work":            {"rollout-work"},
		"rollout watch":           {"rollout-watch"},
		"history":                 {"history"},
		"simulate":                {"simulate", "simulate-faults"},
		"defaults show":           {"defaults"},
		"defaults set":            {"defaults"},
		"defaults unset":          {"defaults"},
		"defaults test":           {"defaults-test"},
		"defaults move-passwords": {"defaults-move-passwords"},
		"doctor":                  {"doctor"},
	}
}

// commandOf returns the name of the command of a command line, and "help" if it asks for help.
func commandOf(args []string) (string, error) {
	folder := ""
	root := newRoot(newTestApp(&console.Console{Out: io.Discard, Err: io.Discard}, folder))
	root.InitDefaultHelpCmd()
	cmd, rest, err := root.Find(args)
	if err != nil {
		return "", err
	}
	name := strings.TrimPrefix(strings.TrimPrefix(cmd.CommandPath(), "cpupdate"), " ")
	for _, arg := range args {
		if arg == "--help" || arg == "-h" || arg == "--" {
			if arg != "--" {
				return "help", nil
			}
			break
		}
	}
	if name == "help" && slices.Contains(rest, "exit-codes") {
		return "help exit-codes", nil
	}
	return name, nil
}

// compareOutput compares what a command line printed with the schemas in a folder.
func compareOutput(folder string, args []string, out, errOut []byte) error {
	names, err := schemasFor(args, out)
	if err != nil {
		return err
	}
	set, err := schemas.Open(folder, append([]string{"stderr"}, names...)...)
	if err != nil {
		return err
	}
	return compareDocuments(set, names, out, errOut)
}

// schemasFor returns the schemas for what a command line printed.
func schemasFor(args []string, out []byte) ([]string, error) {
	if len(bytes.TrimSpace(out)) == 0 {
		return nil, nil
	}
	command, err := commandOf(args)
	if err != nil {
		return nil, err
	}
	names := schemasOf()[command]
	if names == nil {
		return nil, fmt.Errorf("the command %q has no schema", command)
	}
	return names, nil
}

// compareDocuments compares what a command printed with some schemas.
func compareDocuments(set *schemas.Set, names []string, out, errOut []byte) error {
	if _, err := set.Check("stderr", errOut); err != nil {
		return err
	}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var document json.RawMessage
		if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("not JSON: %w in %s", err, out)
		}
		if err := oneOf(set, names, document); err != nil {
			return err
		}
	}
}

// allSchemas reads docs/schema once.
var allSchemas = sync.OnceValues(func() (*schemas.Set, error) { return schemas.Open(filepath.Join("..", "..", "docs", "schema")) })

// compare compares what a command line with --json printed inside the test process with docs/schema.
func (r ran) compare(t testing.TB, args []string) {
	t.Helper()
	set, err := allSchemas()
	if err != nil {
		t.Fatal(err)
	}
	names, err := schemasFor(args, []byte(r.out))
	if err == nil {
		err = compareDocuments(set, names, []byte(r.out), []byte(r.errOut))
	}
	if err != nil {
		t.Errorf("%q: %v", args, err)
	}
}

// oneOf compares a document with several schemas, of which one must accept it.
func oneOf(set *schemas.Set, names []string, document []byte) error {
	var all []error
	for _, name := range names {
		_, err := set.Check(name, document)
		if err == nil {
			return nil
		}
		all = append(all, err)
	}
	return errors.Join(all...)
}

// TestEverySchemaHasACommand fails if a file of docs/schema is not what a command prints, or docs/json.md does not name it.
func TestEverySchemaHasACommand(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("..", "..", "docs", "schema", "*"))
	if err != nil {
		t.Fatal(err)
	}
	all := slices.Concat(slices.Collect(maps.Values(schemasOf()))...)
	all = append(all, "stderr")
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		if !slices.Contains(all, name) {
			t.Errorf("no command prints %s", name)
		}
		if !strings.Contains(clitest.Page(t, "json.md"), "(schema/"+name+".json)") {
			t.Errorf("json.md does not name %s", name)
		}
	}
}
