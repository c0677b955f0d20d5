package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/atomicfile"
)

// sectionOf returns a whole file as a section.
func sectionOf(t *testing.T, f *os.File) *io.SectionReader {
	t.Helper()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return io.NewSectionReader(f, 0, info.Size())
}

// A file is there whole or not at all, and what was there before stays unless it was given up.
func TestWriteFile(t *testing.T) {
	broken := errors.New("broken")
	write := func(w io.Writer) error { _, err := w.Write([]byte("new")); return err }
	for _, test := range []struct {
		name   string
		before string
		force  bool
		write  func(io.Writer) error
		check  func(string) error
		want   string
		fails  bool
	}{
		{"new", "", false, write, nil, "new", false},
		{"replaced", "old", true, write, nil, "new", false},
		{"there already", "old", false, write, nil, "old", true},
		{"cannot be written", "", false, func(io.Writer) error { return broken }, nil, "", true},
		{"cannot be written over", "old", true, func(io.Writer) error { return broken }, nil, "old", true},
		{"does not please", "", false, write, func(string) error { return broken }, "", true},
		{"does not please, with force", "old", true, write, func(string) error { return broken }, "old", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "file")
			if test.before != "" {
				if err := os.WriteFile(name, []byte(test.before), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := atomicfile.Write(name, test.force, test.write, test.check); (err != nil) != test.fails {
				t.Errorf("got the error %v", err)
			}
			checkLeft(t, name, test.want)
		})
	}
}

// What somebody else puts there meanwhile is theirs.
func TestWriteFileTakenMeanwhile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	err := atomicfile.Write(name, false, func(w io.Writer) error {
		if err := os.WriteFile(name, []byte("theirs"), 0o600); err != nil {
			return err
		}
		_, err := w.Write([]byte("ours"))
		return err
	}, nil)
	if err == nil {
		t.Error("no error")
	}
	checkLeft(t, name, "theirs")
}

// checkLeft checks the file's content, "" for no file, and that nothing lies beside it.
func checkLeft(t *testing.T, name, want string) {
	t.Helper()
	got, err := os.ReadFile(name)
	if string(got) != want || (err == nil) != (want != "") {
		t.Errorf("the file holds %q, %v, want %q", got, err, want)
	}
	left, err := os.ReadDir(filepath.Dir(name))
	if err != nil || len(left) > 1 || len(left) == 1 && want == "" {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
