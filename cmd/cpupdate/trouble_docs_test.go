package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// TestDocsTroubleshooting compares docs/troubleshooting.md with the code: each way in which it ends badly with a phone has
// a section with the very sentences, exit codes and hint of the code, and words of its own besides; each kind of trouble
// with a server has a row.
func TestDocsTroubleshooting(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "troubleshooting.md")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	old := strings.ReplaceAll(string(content), "\r\n", "\n")
	text := replaceRows(t, old, "| what the error holds | exit code | next step |\n|---|---|---|\n", serverRows())
	said := sentencesOfFleet(t)
	kinds := constantsOf(t, "failure.go", "Kind")
	for _, kind := range kinds {
		if len(said[kind]) == 0 {
			t.Errorf("no sentence of %s is found in package fleet", kind)
		}
		text = replaceList(t, text, kind, phoneLines(fleet.Kind(kind), said[kind]))
	}
	for _, heading := range regexp.MustCompile(`(?m)^### ([a-z-]+)$`).FindAllStringSubmatch(text, -1) {
		if said[heading[1]] == nil {
			t.Errorf("%s: the section %s is about no kind that there is", path, heading[1])
		}
	}
	checkGenerated(t, path, []byte(text), os.Getenv("UPDATE_DOCS") != "")
}

// phoneLines is what the code says of a kind.
func phoneLines(kind fleet.Kind, sentences []string) string {
	var out strings.Builder
	for _, sentence := range sentences {
		fmt.Fprintf(&out, "- *%s*\n", sentence)
	}
	asked, instructed := failureOf(kind, false), failureOf(kind, true)
	fmt.Fprintf(&out, "- exit code %s\n", codeText(asked.Code, ""))
	if instructed.Code != asked.Code {
		fmt.Fprintf(&out, "- exit code %s\n", codeText(instructed.Code, " if the phone had been told before"))
	}
	if kind != fleet.KindRefused && kind != fleet.KindUnknown { // the sheet has theirs
		fmt.Fprintf(&out, "- next step: %s\n", strings.Join(asked.Hints, "; "))
	}
	return out.String()
}

// failureOf is what advice makes of a kind.
func failureOf(kind fleet.Kind, instructed bool) *exit.Error {
	r := fleet.Result{Failure: &fleet.Failure{Kind: kind, Instructed: instructed}}
	answers := map[fleet.Kind]hwcheck.Verdict{
		fleet.KindRefused: {Answer: hwcheck.NotCompatible, Findings: []hwcheck.Finding{{Rule: hwcheck.HardwareLevel, Outcome: hwcheck.Fail}}},
		fleet.KindUnknown: {Answer: hwcheck.CannotTell, Findings: []hwcheck.Finding{{Rule: hwcheck.HardwareLevel, Outcome: hwcheck.Unknown}}},
	}
	if v, ok := answers[kind]; ok {
		r.Verdict = &v
	}
	return advice.PhoneFailure("PHONE", advice.Context{Image: "image"}, r)
}

func codeText(c exit.Code, when string) string {
	again := map[string]string{"yes": ": trying again may help", "no": ": trying again alone does not help"}
	return fmt.Sprintf("%d (%s)%s%s", c, c.Row().Name, when, again[c.Row().Retryable])
}

// serverRows is the table of trouble with servers.
func serverRows() string {
	var out strings.Builder
	for _, row := range advice.TransferTable() {
		sentence := strings.Trim((&transfer.Error{Kind: row.Kind}).Error(), ": ")
		fmt.Fprintf(&out, "| *%s* (`%s`) | %d | %s |\n", sentence, row.Kind, row.Code, row.Hint)
	}
	return out.String()
}

// replaceRows replaces the rows of the table that begins with head.
func replaceRows(t *testing.T, text, head, rows string) string {
	t.Helper()
	before, after, found := strings.Cut(text, head)
	if !found {
		t.Fatalf("the page has no table that begins with\n%s", head)
	}
	for strings.HasPrefix(after, "|") {
		_, after, _ = strings.Cut(after, "\n")
	}
	return before + head + rows + after
}

// replaceList replaces the list at the beginning of a section, which must have more text than the list.
func replaceList(t *testing.T, text, heading, list string) string {
	t.Helper()
	before, after, found := strings.Cut(text, "\n### "+heading+"\n\n")
	if !found {
		t.Errorf("the page has no section ### %s", heading)
		return text
	}
	for strings.HasPrefix(after, "- ") {
		_, after, _ = strings.Cut(after, "\n")
	}
	after = strings.TrimLeft(after, "\n")
	if strings.HasPrefix(after, "#") || after == "" {
		t.Errorf("the section %s does not say what the cause is", heading)
	}
	return before + "\n### " + heading + "\n\n" + list + "\n" + after
}

// fleetFiles are the files of package fleet.
func fleetFiles(t *testing.T) map[string]*ast.File {
	t.Helper()
	folder := filepath.Join("..", "..", "pkg", "fleet")
	names, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, own := range []string{"recording.go", "others.go"} { // what the engine says of a phone that another run has
		names = append(names, filepath.Join("..", "..", "pkg", "rollout", own))
	}
	files := map[string]*ast.File{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files[strings.TrimPrefix(filepath.ToSlash(name), "../../pkg/fleet/")] = file
	}
	return files
}

// constantsOf returns the values of the constants of a type, in their order.
func constantsOf(t *testing.T, file, typeName string) []string {
	t.Helper()
	var out []string
	ast.Inspect(fleetFiles(t)[file], func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && isName(spec.Type, typeName) {
			out = append(out, stringOf(spec.Values[0]))
		}
		return true
	})
	if len(out) == 0 {
		t.Fatalf("%s has no constants of type %s", file, typeName)
	}
	return out
}

// sentencesOfFleet returns what packages fleet and rollout say with each kind: the texts of its failures, by kind.
func sentencesOfFleet(t *testing.T) map[string][]string {
	t.Helper()
	names := map[string]string{}
	files := fleetFiles(t)
	ast.Inspect(files["failure.go"], func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && isName(spec.Type, "Kind") {
			names[spec.Names[0].Name] = stringOf(spec.Values[0])
		}
		return true
	})
	said := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		ast.Inspect(files[name], func(n ast.Node) bool {
			kind, text := sentenceOf(n)
			if selector, ok := kind.(*ast.SelectorExpr); ok { // of another package
				kind = selector.Sel
			}
			constant, ok := kind.(*ast.Ident)
			if !ok || names[constant.Name] == "" || text == "" {
				return true
			}
			if of := names[constant.Name]; !slices.Contains(said[of], inWords(text)) {
				said[of] = append(said[of], inWords(text))
			}
			return true
		})
	}
	return said
}

// sentenceOf returns kind and text of failf(KIND, TEXT, ...), &Failure{Kind: KIND, Msg: TEXT}, {Kind: KIND, Msg: TEXT} in a
// table, and f.Kind, f.Msg = KIND, TEXT.
func sentenceOf(n ast.Node) (kind ast.Expr, text string) {
	switch n := n.(type) {
	case *ast.CallExpr:
		if isName(n.Fun, "failf") {
			return n.Args[0], stringOf(n.Args[1])
		}
	case *ast.CompositeLit:
		for _, element := range n.Elts {
			if pair, ok := element.(*ast.KeyValueExpr); ok && (n.Type == nil || isName(n.Type, "Failure") || isFleets(n.Type, "Failure")) { // in a table the type is left out
				switch {
				case isName(pair.Key, "Kind"):
					kind = pair.Value
				case isName(pair.Key, "Msg"):
					text = stringOf(pair.Value)
				}
			}
		}
	case *ast.AssignStmt:
		if len(n.Rhs) == 2 {
			return n.Rhs[0], stringOf(n.Rhs[1])
		}
	}
	return kind, text
}

// isFleets reports whether an expression is a name of package fleet.
func isFleets(e ast.Expr, name string) bool {
	selector, ok := e.(*ast.SelectorExpr)
	return ok && isName(selector.X, "fleet") && selector.Sel.Name == name
}

func isName(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}

// stringOf is a string literal, or the first argument of fmt.Sprintf; "" for anything else.
func stringOf(e ast.Expr) string {
	if call, ok := e.(*ast.CallExpr); ok && len(call.Args) > 0 {
		e = call.Args[0]
	}
	literal, ok := e.(*ast.BasicLit)
	if !ok {
		return ""
	}
	text, _ := strconv.Unquote(literal.Value) // what is no string is ""
	return text
}

// inWords writes what differs each time as dots.
func inWords(format string) string {
	return regexp.MustCompile(`%[sd]`).ReplaceAllString(format, "...")
}
