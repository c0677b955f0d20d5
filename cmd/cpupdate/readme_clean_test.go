package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// TestReadmeLeavesTheTreeClean checks that git ignores the files that the commands of the README make in a clone: a build
// of a changed tree would call itself modified.
func TestReadmeLeavesTheTreeClean(t *testing.T) {
	root := filepath.Join("..", "..")
	if _, err := os.Stat(filepath.Join(root, ".git")); err != nil {
		t.Skip("this is not a clone")
	}
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	page, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	made := regexp.MustCompile(`(?m)(?:^\$ .*(?:> | -o )|phone list )([\w.-]+)`).FindAllStringSubmatch(string(page), -1)
	if len(made) < 3 {
		t.Fatalf("got %q: the README makes more files", made)
	}
	for _, name := range made {
		cmd := exec.CommandContext(t.Context(), "git", "check-ignore", "-q", name[1])
		cmd.Dir = root
		if err := cmd.Run(); err != nil {
			t.Errorf("%s: git does not ignore it: %v", name[1], err)
		}
	}
}
