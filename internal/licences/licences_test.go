package licences

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// readTexts returns the texts those that a person read because no program names all of them, by their SHA-256: a changed text must be read again.
func readTexts() map[string]string {
	return map[string]string{
		"8438c9c89b849131ead81d5435cb97fcf052df5b0b286dda8a2d4c29e6cb3fd0": "SQLite is in the public domain",
		"5ae5bee3072a841376451b48d8cfcec7188e10543926d5870828d36c8a750dc5": "the source of a logo, which is not linked",
		"f597097efe3d97021f89170746bd3a0fb9a8b6fb26b82043ed68a4e0283bee6c": "musl's list of its authors: MIT, BSD and public domain",
		"f4a00ade8f4057ab0ea49097d9c459df8559fcf10ca78da0c950343fb7428d37": "a list of all modules; what has another licence (MPL-2.0) is in the module graph only, and not compiled",
		"d18f6323b71b0b768bb5e9616e36da390fbd39369a81807cca352de4e4e6aa0b": "yaml, for tests: MIT for named files, Apache-2.0 for the others, and a sentence about which",
	}
}

// problem says why a text with a licence is not on the short list, or is empty.
func problem(s *Scanner, text []byte) string {
	sum := sha256.Sum256(text)
	if readTexts()[hex.EncodeToString(sum[:])] != "" {
		return ""
	}
	names, percent := s.Names(text)
	for _, name := range names {
		if !slices.Contains(Allowed(), strings.TrimPrefix(name, "link:")) {
			return name + " is not on the list"
		}
	}
	if percent < 95 {
		return fmt.Sprintf("only %.0f %% of it are a known licence; its SHA-256 is %x", percent, sum)
	}
	return ""
}

// TestLicences fails if the program, or a test here, needs a module whose licence is not on the short list; and if a module is missed that
// is linked for one system only, or one is listed that only tests need.
func TestLicences(t *testing.T) {
	t.Parallel()
	product, err := Linked(t.Context(), ".", "github.com/cpupdate/cpupdate/cmd/cpupdate")
	if err != nil {
		t.Fatal(err)
	}
	tests, err := linked(t.Context(), ".", []target{{runtime.GOOS, runtime.GOARCH}}, "-test", "github.com/cpupdate/cpupdate/...")
	if err != nil {
		t.Fatal(err)
	}
	scanner := newScanner(t)
	for _, modules := range [][]Module{product, tests} {
		if len(modules) < 30 || modules[0].Path != Standard || !strings.HasPrefix(modules[0].Version, "go1.") {
			t.Errorf("%d modules, the first is %s %s", len(modules), modules[0].Path, modules[0].Version)
		}
		for _, m := range modules {
			if len(m.Files) == 0 || m.Version == "" {
				t.Errorf("%s %q: %d files", m.Path, m.Version, len(m.Files))
			}
			for _, f := range m.Files {
				if why := problem(scanner, f.Text); why != "" {
					t.Errorf("%s %s, %s: %s", m.Path, m.Version, f.Name, why)
				}
			}
		}
	}
	wantFiles(t, product)
}

// newScanner makes a scanner.
func newScanner(t *testing.T) *Scanner {
	t.Helper()
	scanner, err := NewScanner()
	if err != nil {
		t.Fatal(err)
	}
	return scanner
}

// wantFiles compares the files of some modules.
func wantFiles(t *testing.T, modules []Module) {
	t.Helper()
	files := map[string][]string{}
	for _, m := range modules {
		for _, f := range m.Files {
			files[m.Path] = append(files[m.Path], f.Name)
		}
	}
	for path, want := range map[string]string{
		Standard:                             "LICENSE PATENTS",
		"github.com/danieljoos/wincred":      "LICENSE", // Windows
		"github.com/godbus/dbus/v5":          "LICENSE", // Linux
		"github.com/zalando/go-keyring":      "LICENSE internal/shellescape/LICENSE",
		"github.com/fclairamb/ftpserverlib":  "license.txt",
		"github.com/klauspost/compress":      "LICENSE", // and none of the packages that are not linked
		"github.com/nats-io/nats-server/v2":  "",
		"github.com/google/licensecheck":     "",
		"github.com/rogpeppe/go-internal":    "",
		"github.com/cpupdate/cpupdate":       "",
		"modernc.org/sqlite":                 "LICENSE LICENSE-3RD-PARTY.md LICENSE-SQLITE LICENSE-SQLITE_VEC",
		"github.com/inconshreveable/nothing": "",
	} {
		if got := strings.Join(files[path], " "); got != want {
			t.Errorf("%s: the files %q, want %q", path, got, want)
		}
	}
}

// TestShortList tries texts that must not pass, and such that may.
func TestShortList(t *testing.T) {
	t.Parallel()
	mit, err := os.ReadFile(filepath.Join(moduleFolder(t, "github.com/icholy/digest"), "LICENSE"))
	if err != nil {
		t.Fatal(err)
	}
	scanner := newScanner(t)
	for name, test := range map[string]struct {
		text string
		ok   bool
	}{
		"MIT":                       {string(mit), true},
		"MIT in capitals":           {strings.ToUpper(string(mit)), true},
		"MIT with CRLF":             {strings.ReplaceAll(string(mit), "\n", "\r\n"), true},
		"empty":                     {"", false},
		"words":                     {"You may use this as you like, says its author.", false},
		"MIT with a restriction":    {string(mit) + "\nThe Software shall be used for Good, not Evil, and the right to sell the Software is not granted to anybody.\n", false},
		"GPL":                       {"SPDX-License-Identifier: GPL-3.0-only\nThis program is free software: you can redistribute it and/or modify it under the terms of the GNU General Public License as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later version.", false},
		"MIT and a link to a GPL":   {string(mit) + "\nhttps://www.gnu.org/licenses/agpl-3.0.html\n", false},
		"BSD with an advertisement": {bsd + advertisement + bsdEnd, false},
		"BSD without it":            {bsd + bsdEnd, true},
		"SQLite with another word":  {"SQLite Is Public Domain, mostly", false},
	} {
		if why := problem(scanner, []byte(test.text)); (why == "") != test.ok {
			t.Errorf("%s: %q", name, why)
		}
	}
}

// The parts of a BSD licence, and the clause that only the oldest one has.
const (
	bsd = `Redistribution and use in source and binary forms, with or without modification, are permitted provided that the following conditions are met:
1. Redistributions of source code must retain the above copyright notice, this list of conditions and the following disclaimer.
2. Redistributions in binary form must reproduce the above copyright notice, this list of conditions and the following disclaimer in the documentation and/or other materials provided with the distribution.
`
	advertisement = "3. All advertising materials mentioning features or use of this software must display the following acknowledgement: This product includes software developed by the organization.\n"
	bsdEnd        = `THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS" AND ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.
`
)

// moduleFolder returns the folder of a linked module.
func moduleFolder(t *testing.T, path string) string {
	t.Helper()
	out, err := goCommand(t.Context(), ".", target{"linux", "amd64"}, "list", "-m", "-f", "{{.Dir}}", path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// TestFilesOfAModule reads made-up modules: which names count, where they may be, and what none at all means.
func TestFilesOfAModule(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{
		"LICENSE", "license.go", "Licence.md", "COPYING.LESSER", "NOTICE", "NOTICES.txt", "LICENSE-APACHE", "LICENSE.MIT.txt", "UNLICENSE", "licensing.go", "noticeboard.txt",
		"a/b/COPYRIGHT", "a/licence.txt", "not-linked/LICENSE", "LICENSES/MIT.txt",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := &roots{"v1.0.0", dir, map[string]bool{filepath.Join(dir, "a", "b"): true}}
	files, err := r.files()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name)
	}
	want := "COPYING.LESSER LICENSE LICENSE-APACHE LICENSE.MIT.txt LICENSES/MIT.txt Licence.md NOTICE NOTICES.txt UNLICENSE a/b/COPYRIGHT a/licence.txt"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if _, err := (&roots{"v1.0.0", t.TempDir(), nil}).files(); err == nil {
		t.Error("a module without a licence is no error")
	}
	if _, err := (&roots{"v1.0.0", dir, map[string]bool{t.TempDir(): true}}).files(); err == nil {
		t.Error("a package outside its module is no error")
	}
}

// TestNotPublished makes a module that is replaced by a folder: nobody can say which version of it is linked.
func TestNotPublished(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":        "module example.test/a\n\ngo 1.26.0\n\nrequire example.test/b v1.0.0\n\nreplace example.test/b => ./b\n",
		"a.go":          "package main\n\nimport _ \"example.test/b\"\n\nfunc main() {}\n",
		"b/go.mod":      "module example.test/b\n\ngo 1.26.0\n",
		"b/b.go":        "package b\n",
		"b/LICENSE":     "MIT",
		"broken/x.go":   "package broken\n\nimport _ \"example.test/nowhere\"\n",
		"alone/main.go": "package main\n\nfunc main() {}\n",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Linked(t.Context(), dir, "."); err == nil || !strings.Contains(err.Error(), "example.test/b belongs to no published module") {
		t.Errorf("a replaced module: %v", err)
	}
	if _, err := Linked(t.Context(), dir, "./broken"); err == nil {
		t.Error("a package that cannot be found is no error")
	}
	if modules, err := Linked(t.Context(), dir, "./alone"); err != nil || len(modules) != 1 {
		t.Errorf("a program of the standard library alone: %v, %v", modules, err)
	}
}
