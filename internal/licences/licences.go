// Package licences finds the licence files of everything that is linked into a program, and names the licences. The tests and the
// scripts that make a release use it; no program imports it.
package licences

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// Standard is the path of the module that stands for Go's standard library and its runtime.
const Standard = "std"

// A Module is a module whose code is linked into the program.
type Module struct {
	Path    string // such as golang.org/x/net, or Standard
	Version string // such as v0.62.0; of Standard that of Go, such as go1.26.8
	Files   []File // its licences and notices, sorted by name; never empty
}

// A File is one file with a licence or a notice.
type File struct {
	Name string // below the module's folder, with slashes
	Text []byte
}

// A target is a system for which the program is built.
type target struct{ os, arch string }

// targets returns the systems for which releases are built.
func targets() []target {
	return []target{{"darwin", "amd64"}, {"darwin", "arm64"}, {"linux", "amd64"}, {"linux", "arm64"}, {"windows", "amd64"}, {"windows", "arm64"}}
}

// Linked returns the modules of which packages need code on any system for which releases are built, sorted by path, the standard
// library first and the module of the packages themselves left out. The folder is one within that module. The packages are
// arguments of go list: with -test before them, their tests count too. A module without a licence file is an error.
func Linked(ctx context.Context, folder string, packages ...string) ([]Module, error) {
	return linked(ctx, folder, targets(), packages...)
}

// linked returns the modules for some systems.
func linked(ctx context.Context, folder string, systems []target, packages ...string) ([]Module, error) {
	found := map[string]*roots{}
	for _, t := range systems {
		if err := list(ctx, folder, packages, t, found); err != nil {
			return nil, err
		}
	}
	standard, err := standardLibrary(ctx, folder)
	if err != nil {
		return nil, err
	}
	modules := []Module{standard}
	for _, path := range sortedKeys(found) {
		m := Module{Path: path, Version: found[path].version}
		if m.Files, err = found[path].files(); err != nil {
			return nil, fmt.Errorf("module %s: %w", path, err)
		}
		modules = append(modules, m)
	}
	return modules, nil
}

// roots are the folders of a module in which licences can be: its own, those of the linked packages, and all between.
type roots struct {
	version, dir string
	packages     map[string]bool
}

// list adds what packages need on one system.
func list(ctx context.Context, folder string, packages []string, t target, found map[string]*roots) error {
	out, err := goCommand(ctx, folder, t, append([]string{"list", "-deps", "-json=Dir,ImportPath,Standard,Module"}, packages...)...)
	if err != nil {
		return err
	}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			Dir, ImportPath string
			Standard        bool
			Module          *struct {
				Path, Version, Dir string
				Main               bool
				Replace            *struct{ Path string }
			}
		}
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if p.Standard || p.Module != nil && p.Module.Main || p.Dir == "" { // the main package of a test has no folder
			continue
		}
		if p.Module == nil || p.Module.Replace != nil {
			return fmt.Errorf("%s belongs to no published module", p.ImportPath)
		}
		if found[p.Module.Path] == nil {
			found[p.Module.Path] = &roots{p.Module.Version, p.Module.Dir, map[string]bool{}}
		}
		found[p.Module.Path].packages[p.Dir] = true
	}
}

// goCommand runs go for one system and returns what it prints.
func goCommand(ctx context.Context, folder string, t target, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = folder
	cmd.Env = append(cmd.Environ(), "GOOS="+t.os, "GOARCH="+t.arch, "CGO_ENABLED=0")
	var problem bytes.Buffer
	cmd.Stderr = &problem
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(problem.String()))
	}
	return out, nil
}

// files reads the licences and notices of a module.
func (r *roots) files() ([]File, error) {
	folders := map[string]bool{r.dir: true}
	for dir := range r.packages {
		for ; dir != r.dir; dir = filepath.Dir(dir) {
			if len(dir) <= len(r.dir) {
				return nil, fmt.Errorf("%s is not below %s", dir, r.dir)
			}
			folders[dir] = true
		}
	}
	var files []File
	for _, folder := range sortedKeys(folders) {
		below, err := filepath.Rel(r.dir, folder)
		if err != nil {
			return nil, err
		}
		more, err := read(folder, filepath.ToSlash(below))
		if err != nil {
			return nil, err
		}
		files = append(files, more...)
	}
	if len(files) == 0 {
		return nil, errors.New("it has no licence file")
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return files, nil
}

var licenceName = regexp.MustCompile(`(?i)^(un)?(licen[cs]e|copying|copyright|notice|patent)s?([-._][a-z0-9_-]+)*$`)

// isLicence matches the names of files with a licence or a notice, and not those of source code, such as license.go.
func isLicence(name string) bool {
	return licenceName.MatchString(name) && !strings.EqualFold(path.Ext(name), ".go")
}

// allInside is the name of a folder in which every file is a licence, by the convention REUSE.
const allInside = "LICENSES"

// read reads the licences and notices in a folder. The name of the folder below the module's is below.
func read(folder, below string) ([]File, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var files []File
	for _, entry := range entries {
		if entry.IsDir() && entry.Name() == allInside {
			more, err := read(filepath.Join(folder, entry.Name()), path.Join(below, entry.Name()))
			if err != nil {
				return nil, err
			}
			files = append(files, more...)
			continue
		}
		if entry.IsDir() || !isLicence(entry.Name()) && filepath.Base(folder) != allInside {
			continue
		}
		text, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			return nil, err
		}
		files = append(files, File{path.Join(below, entry.Name()), text})
	}
	return files, nil
}

// standardLibrary returns the licence of Go. Folders of the standard library with a licence of their own contain object files that
// only builds with GOEXPERIMENT=boringcrypto link.
func standardLibrary(ctx context.Context, folder string) (Module, error) {
	out, err := goCommand(ctx, folder, target{runtime.GOOS, runtime.GOARCH}, "env", "GOROOT", "GOVERSION")
	if err != nil {
		return Module{}, err
	}
	root, version, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	files, err := read(strings.TrimSpace(root), ".")
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s has no licence file", root)
	}
	return Module{Standard, strings.TrimSpace(version), files}, err
}

// Allowed returns the SPDX identifiers of the licences that what we link may have. Each lets a program that contains the code be
// given to others under any licence, if the notices go with it.
func Allowed() []string {
	return []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "GooglePatentsFile", "ISC", "MIT"}
}

// A Scanner recognises the texts of the allowed licences, and addresses of any licence. It does not know the texts of the others: to
// prepare them would take half a minute with the race detector.
type Scanner struct{ known *licensecheck.Scanner }

// NewScanner makes a scanner.
func NewScanner() (*Scanner, error) {
	var list []licensecheck.License
	for _, l := range licensecheck.BuiltinLicenses() {
		if !slices.Contains(Allowed(), l.ID) {
			l.LRE = ""
		}
		if l.LRE != "" || l.URL != "" {
			list = append(list, l)
		}
	}
	known, err := licensecheck.NewScanner(list)
	return &Scanner{known}, err
}

// Names returns the SPDX identifiers of the allowed licences that a text contains, sorted, and how much of the text they are, in
// percent. Licences to which the text only links have the prefix "link:", and may be others.
func (s *Scanner) Names(text []byte) (names []string, percent float64) {
	coverage := s.known.Scan(text)
	for _, match := range coverage.Match {
		name := match.ID
		if match.IsURL {
			name = "link:" + name
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, coverage.Percent
}

// sortedKeys returns the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
