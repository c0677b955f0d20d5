package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/bind"
)

// offered is what is offered for an IMAGE of push.
func offered(t *testing.T, typed string) (lines []string, opened int) {
	t.Helper()
	a, out, _ := testApp(t, nil)
	a.open = func(name string) (*bind.File, error) {
		opened++
		return bind.Open(name)
	}
	if c := run(t.Context(), a, []string{"__complete", "push", typed}); c != exit.CodeOK {
		t.Fatalf("exit code %d", c)
	}
	text, _, found := strings.Cut(out.String(), "\n:")
	if !found {
		text = ""
	}
	for _, r := range text {
		if r != '\n' && r != '\t' && !bind.Prints(r) {
			t.Errorf("%q is offered as it is in %q", r, text)
		}
	}
	return strings.Split(text, "\n"), opened
}

// TestCompletionHostile: names and images that play with the terminal or the shell are left out or escaped.
func TestCompletionHostile(t *testing.T) {
	folder := t.TempDir()
	image, err := os.ReadFile(clitest.Image(t, "a.bind", nil))
	if err != nil {
		t.Fatal(err)
	}
	good := []string{"a b.bind", "it's.bind", "$(x).bind", "ünicode.bind"}
	bad := []string{"\x1b[2J.bind", "two\nlines.bind", "tab\there.bind", "\u202egnp.bind", "bad\xff.bind", "c1\u009b.bind"}
	made := 0
	for _, name := range append(good, bad...) {
		if err := os.WriteFile(filepath.Join(folder, name), image, 0o600); err == nil {
			made++
		}
	}
	if runtime.GOOS == "linux" && made != len(good)+len(bad) {
		t.Fatalf("only %d files could be made", made)
	}
	_ = os.Symlink("nowhere", filepath.Join(folder, "link.bind")) // where there are links
	lines, _ := offered(t, folder+string(filepath.Separator))
	if len(lines) != len(good) {
		t.Errorf("offered %q", lines)
	}
	for _, line := range lines {
		if name, text, _ := strings.Cut(line, "\t"); text != "Unify HFA V1 R9.2.0" {
			t.Errorf("%q is described by %q", name, text)
		}
	}
}

// TestCompletionIsBounded: of a large folder only so many files are looked into.
func TestCompletionIsBounded(t *testing.T) {
	folder := t.TempDir()
	for i := range maxImagesRead + 50 {
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("f%04d", i)), bytes.Repeat([]byte{1}, 100), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, opened := offered(t, folder+string(filepath.Separator)); opened == 0 || opened > maxImagesRead {
		t.Errorf("%d files were opened", opened)
	}
	if _, opened := offered(t, filepath.Join(folder, "f030")); opened == 0 || opened > 10 {
		t.Errorf("%d files were opened", opened)
	}
	if lines, opened := offered(t, filepath.Join(folder, "nowhere")+string(filepath.Separator)); opened != 0 || strings.Join(lines, "") != "" {
		t.Errorf("offered %q", lines)
	}
}
