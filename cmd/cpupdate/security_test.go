package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// sourceFiles parses the files of the product, without tests. Names are relative to the repository.
func sourceFiles(t *testing.T) map[string]*ast.File {
	t.Helper()
	files := map[string]*ast.File{}
	for _, root := range []string{"cmd", "pkg"} {
		err := filepath.WalkDir(filepath.Join("..", "..", root), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			files[strings.TrimPrefix(filepath.ToSlash(path), "../../")] = file
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// selectors returns what a file takes of packages: "os.Exit".
func selectors(file *ast.File) []string {
	var all []string
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok {
				all = append(all, x.Name+"."+s.Sel.Name)
			}
		}
		return true
	})
	return all
}

// TestNoOtherProgramIsStarted checks that only the command of --password-command is started.
func TestNoOtherProgramIsStarted(t *testing.T) {
	t.Parallel()
	starts := []string{"exec.Command", "exec.CommandContext", "os.StartProcess", "syscall.ForkExec", "syscall.StartProcess", "syscall.Exec", "unix.Exec"}
	found := 0
	for name, file := range sourceFiles(t) {
		for _, s := range selectors(file) {
			switch {
			case !slices.Contains(starts, s):
			case name == "cmd/cpupdate/internal/credentials/source.go":
				found++
			default:
				t.Errorf("%s calls %s", name, s)
			}
		}
	}
	if found != 1 {
		t.Errorf("--password-command is started at %d places", found)
	}
}

// TestOnlyThreeCommands checks that phones are sent nothing but questions, the update command and the end of the conversation:
// no package but the simulated phones, which have to understand them, takes another command.
func TestOnlyThreeCommands(t *testing.T) {
	t.Parallel()
	others := []string{"wpi.ActionWriteItems", "wpi.ActionRestart", "wpi.ActionReadAllItems", "wpi.ActionFileDeployment", "wpi.ActionGetNextFragment"}
	for name, file := range sourceFiles(t) {
		if strings.HasPrefix(name, "pkg/phonesim/") {
			continue
		}
		for _, s := range selectors(file) {
			if slices.Contains(others, s) {
				t.Errorf("%s uses %s", name, s)
			}
		}
		if !strings.HasPrefix(name, "pkg/wpi/") {
			continue
		}
		for _, d := range file.Decls { // what makes a message for a phone
			f, ok := d.(*ast.FuncDecl)
			if !ok || !f.Name.IsExported() || f.Type.Results == nil || len(f.Type.Results.List) == 0 {
				continue
			}
			result, ok := f.Type.Results.List[0].Type.(*ast.Ident)
			if ok && result.Name == "ServiceMessage" && !slices.Contains([]string{"ReadItems", "CleanUp", "CleanUpAndCall", "CleanUpOverload", "Message"}, f.Name.Name) {
				t.Errorf("%s: %s makes a message for phones", name, f.Name.Name)
			}
		}
	}
}

// TestPushLeavesNoFiles updates a phone, with a certificate that is made for the run, and checks that no file is left of
// it: neither a key nor a copy of the image.
func TestPushLeavesNoFiles(t *testing.T) {
	image, folder := newImageOf(t, 300<<10), t.TempDir()
	home, temp := filepath.Join(folder, "home"), filepath.Join(folder, "tmp")
	for _, name := range []string{home, temp} {
		if err := os.MkdirAll(name, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
		t.Setenv(name, temp)
	}
	for _, name := range []string{"HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "AppData", "LocalAppData"} {
		t.Setenv(name, home)
	}
	p := startPhone(t, "", nil)
	r := runHere(t, nil, "push", image, p.Address(), "--serve", "--hw-level", "3", "--listen", "127.0.0.1:0",
		"--timeout", "10s", "--contact-interval", "1s", "--patience", "20s", "--probe-interval", "200ms")
	if r.code != exit.CodeOK {
		t.Fatal(r.errOut)
	}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			t.Errorf("%s is left", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
