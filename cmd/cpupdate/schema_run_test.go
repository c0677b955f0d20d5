package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

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
	for _, path := range resultsOf(folder, "wrong") {
		text, err := os.ReadFile(path)
		fmt.Fprintf(os.Stderr, "--- FAIL: a process printed what docs/schema does not allow (%v)\n%s\n", err, text)
		code = max(code, 1)
	}
	if os.Getenv("SCHEMAS_SEEN") != "" {
		set, err := schemas.Open(docs)
		if err != nil {
			panic(err)
		}
		seen := map[string]bool{}
		for _, path := range resultsOf(folder, "keys") {
			text, err := os.ReadFile(path)
			if err != nil {
				panic(err)
			}
			for key := range strings.Lines(string(text)) {
				seen[strings.TrimSpace(key)] = true
			}
		}
		for _, key := range set.Keys() {
			if !seen[key] {
				fmt.Fprintln(os.Stderr, "not seen:", key)
			}
		}
	}
	return code
}

// resultsOf returns the files of a kind of result.
func resultsOf(folder, kind string) []string {
	files, err := filepath.Glob(filepath.Join(folder, kind+"-*"))
	if err != nil {
		panic(err)
	}
	return files
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
		leave(folder, "wrong", err.Error())
	} else if keys, err := compareOutput(string(docs), os.Args[1:], []byte(out.String()), []byte(errOut.String())); err != nil {
		leave(folder, "wrong", fmt.Sprintf("cpupdate %q\n%v", os.Args[1:], err))
	} else {
		leave(folder, "keys", strings.Join(keys, "\n"))
	}
	os.Exit(int(code))
}

// leave writes a result for the process of the tests.
func leave(folder, kind, text string) {
	f, err := os.CreateTemp(folder, kind+"-*")
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

// compareOutput compares what a command line printed with the schemas in a folder, and returns what its documents are.
func compareOutput(folder string, args []string, out, errOut []byte) ([]string, error) {
	command, names := "", []string{}
	if len(bytes.TrimSpace(out)) > 0 {
		var err error
		if command, err = commandOf(args); err != nil {
			return nil, err
		}
		if names = schemasOf()[command]; names == nil {
			return nil, fmt.Errorf("the command %q has no schema", command)
		}
	}
	set, err := schemas.Open(folder, append([]string{"stderr"}, names...)...)
	if err != nil {
		return nil, err
	}
	keys, err := set.Check("stderr", errOut)
	if err != nil || len(names) == 0 {
		return keys, err
	}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var document json.RawMessage
		if err := decoder.Decode(&document); err == io.EOF {
			return keys, nil
		} else if err != nil {
			return keys, fmt.Errorf("not JSON: %w in %s", err, out)
		}
		key, err := oneOf(set, names, document)
		if err != nil {
			return keys, err
		}
		keys = append(keys, key)
	}
}

// oneOf compares a document with several schemas.
func oneOf(set *schemas.Set, names []string, document []byte) (string, error) {
	var all []string
	for _, name := range names {
		keys, err := set.Check(name, document)
		if err == nil {
			return keys[0], nil
		}
		all = append(all, err.Error())
	}
	return "", fmt.Errorf("%s", strings.Join(all, "\n"))
}
