package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

// hostile is text that a format may hold, and that turns around what stands behind it on a terminal.
const hostile = "a\u202eb"

// Wherever text from a file, a name or a flag is shown, nothing but printing characters and line ends comes out.
func TestNothingRawIsShown(t *testing.T) {
	folder := t.TempDir()
	put := func(name string, write func(f *os.File) error) string {
		path := filepath.Join(folder, name)
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := write(f); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text := func(content string) func(f *os.File) error {
		return func(f *os.File) error { _, err := f.WriteString(content); return err }
	}
	evil := "evil" + hostile
	if runtime.GOOS != "windows" { // where a name may hold anything
		evil += "\x1b[2J"
	}
	levels, err := bind.ParseLevels("1")
	if err != nil {
		t.Fatal(err)
	}
	b := bind.Builder{
		Family: hostile, Models: []string{hostile + "1"}, SoftwareType: hostile + " SIP", Note: hostile,
		Version: bind.Version{Major: 1}, Levels: levels,
	}
	payload := put("payload", text("x"))
	image := put(evil+".bind", func(f *os.File) error {
		in, err := os.Open(payload)
		if err != nil {
			return err
		}
		defer in.Close()
		return b.Build(context.Background(), f, sectionOf(t, in))
	})
	described := put(evil+".img", text("unknown"))
	list := put("phones.csv", text("model,software_type,hw_level,override,reason\n"+hostile+"2,"+hostile+",7,,\n"+hostile+"1,SIP,8,yes,"+hostile+"\n"))
	table := put(evil+".toml", text("schema = 1\n[[entry]]\nproduct = \"S7720\"\ndevice = \""+hostile+"2\"\nhw_level = 2\n"))
	missing := filepath.Join(folder, "missing"+evil)

	for _, args := range [][]string{
		{"describe", described, "--family", hostile, "--model", hostile, "--software-type", hostile, "--note", hostile},
		{"inspect", image},
		{"inspect", "-v", image},
		{"inspect", "--bytes", image},
		{"inspect", folder},
		{"inspect", "-v", "--bytes", described},
		{"inspect", missing},
		{"inspect", payload, image},
		{"check", image},
		{"check", "-v", image, "--model", hostile, "--software-type", hostile, "--hw-level", "2"},
		{"check", image, "--hw-level", "2", "--override", "--reason", hostile},
		{"check", image, "--part-number", "S30817-S7720-A101-1", "--hardware", table, "--model", hostile},
		{"check", image, "--phones", list},
		{"check", "-v", folder, "--phones", list},
		{"check", image, "--phones", missing},
		{"check", image, "--hardware", missing},
		{"check", image, "--trusted-key", missing},
		{"check", image, "--phones", table},
		{"check", image, "--hw-level", hostile},
		{"check", image, "--model"},
		{"pack", payload, "-o", image, "--software-type", "SIP", "--software-version", "1.1.1.1"},
		{"pack", payload, "-n", "-o", missing, "--software-type", "SIP", "--software-version", "1.1.1.1"},
		{"pack", payload, "-o", missing, "--software-type", "SIP", "--software-version", "1.1.1.1", "--key", image},
		{hostile},
		{"help", hostile},
		{"completion", hostile},
		{"inspect", "--" + hostile},
	} {
		for _, args := range [][]string{args, append([]string{"--json"}, args...)} {
			a, out, errOut := testApp(t, nil)
			run(t.Context(), a, args)
			shown := out.String() + errOut.String()
			if shown == "" {
				t.Errorf("%q shows nothing", args)
			}
			for _, r := range shown {
				if r != '\n' && (!unicode.IsPrint(r) || r == unicode.ReplacementChar) {
					t.Errorf("%q shows %U:\n%s", args, r, strings.ToValidUTF8(shown, "?"))
					break
				}
			}
		}
	}
}
