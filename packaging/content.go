package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A file is one file of an archive or of a package.
type file struct {
	name string // with slashes
	mode fs.FileMode
	data []byte
}

// program returns the program for a system.
func (r *release) program(t target) (file, error) {
	data, err := os.ReadFile(r.programFile(t))
	return file{t.program(), 0o755, data}, err
}

// notices returns the licences and notices of everything that is linked into the program.
func (r *release) notices() file {
	var b bytes.Buffer
	b.WriteString("cpupdate contains code of the modules below, on at least one system. Their licences and notices follow.\n\n")
	for _, m := range r.modules {
		fmt.Fprintf(&b, "  %s %s\n", moduleTitle(m), m.Version)
	}
	for _, m := range r.modules {
		for _, f := range m.Files {
			fmt.Fprintf(&b, "\n%s\n%s %s, %s\n\n%s\n", strings.Repeat("=", 80), moduleTitle(m), m.Version, f.Name, strings.TrimSpace(strings.ReplaceAll(f.Text, "\r\n", "\n")))
		}
	}
	return file{"NOTICES.txt", 0o644, b.Bytes()}
}

// moduleTitle returns the name of a module for people.
func moduleTitle(m moduleDoc) string {
	if m.Path == "std" {
		return "Go's standard library"
	}
	return m.Path
}

// texts returns what every archive has beside the program: licences, documents, man pages and completions.
func (r *release) texts() ([]file, error) {
	all := []file{r.notices()}
	for _, name := range []string{"LICENSE", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs"} {
		found, err := readTree(r.source, name)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	all = slices.DeleteFunc(all, func(f file) bool { return strings.HasPrefix(f.name, "docs/man/") })
	pages, err := r.manPages()
	if err != nil {
		return nil, err
	}
	for _, f := range pages {
		f.name = path.Join("man/man1", f.name)
		all = append(all, f)
	}
	completions, err := readTree(r.in, "completions")
	return append(all, completions...), err
}

// manPages returns the man pages, with date and version.
func (r *release) manPages() ([]file, error) {
	pages, err := readTree(filepath.Join(r.source, "docs", "man"), ".")
	if err != nil {
		return nil, err
	}
	const title = `"1" "" "cpupdate"`
	dated := fmt.Sprintf(`"1" "%s" "cpupdate %s"`, r.time.UTC().Format("2006-01-02"), r.version)
	for i, page := range pages {
		if !bytes.Contains(page.data, []byte(title)) {
			return nil, fmt.Errorf("the page %s has no title to complete", page.name)
		}
		pages[i].data = bytes.Replace(page.data, []byte(title), []byte(dated), 1)
	}
	return pages, nil
}

// readTree reads a file, or all files of a folder, sorted by name. Names are relative to top.
func readTree(top, name string) ([]file, error) {
	var found []file
	err := filepath.WalkDir(filepath.Join(top, name), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if !entry.Type().IsRegular() {
			return fmt.Errorf("%s is not a regular file", path)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		below, err := filepath.Rel(top, path)
		found = append(found, file{filepath.ToSlash(below), 0o644, data})
		return err
	})
	return found, err
}

// zipped compresses data with gzip, without a name and a time.
func zipped(data []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	err = w.Close()
	return b.Bytes(), err
}
