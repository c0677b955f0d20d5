package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/pkg/bind"
)

// hostile is text that a format may hold, and that turns around what stands behind it on a terminal, breaks the line, or
// is drawn as nothing though it counts as a letter.
const hostile = "a\u202e\u2028\u2800\u3164b"

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
		return b.Build(context.Background(), f, clitest.Whole(t, in))
	})
	described := put(evil+".img", text("unknown"))
	list := put("phones.csv", text("model,software_type,hw_level,override,reason\n"+hostile+"2,"+hostile+",7,,\n"+hostile+"1,SIP,8,yes,"+hostile+"\n"))
	table := put(evil+".toml", text("schema = 1\n[[entry]]\nproduct = \"S7720\"\ndevice = \""+hostile+"2\"\nhw_level = 2\n"))
	missing := filepath.Join(folder, "missing"+evil)
	config := put("config"+evil, text("[defaults]\nserver = \"x\"\nusername = \""+hostile+"\"\npath = \""+hostile+"\"\nmodel = \""+hostile+"\"\n"))
	unknown := put("unknown"+evil, text("[defaults]\n\""+hostile+"\" = 1\n"))
	table2 := put("table"+evil, text("[profile.\""+hostile+"\"]\n"))
	value := put("value"+evil, text("[defaults]\nminimum-version = \""+hostile+"\"\n"))

	for _, args := range [][]string{
		{"describe", described, "--family", hostile, "--model", hostile, "--software-type", hostile, "--note", hostile},
		{"describe", "--dry-run", described, "--family", hostile, "--model", hostile, "--software-type", hostile, "--note", hostile},
		{"describe", "--dry-run", image},
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
		{"defaults", "show", "--config", config},
		{"defaults", "show", "--config", config, "--origin"},
		{"defaults", "show", "--config", config, "--profile", hostile},
		{"defaults", "show", "--config", config, "--profile", "x"},
		{"defaults", "show", "--config", missing},
		{"defaults", "show", "--config", unknown},
		{"defaults", "show", "--config", table2},
		{"defaults", "show", "--config", value},
		{"defaults", "set", "--config", config, "--password-stdin"},
		{"defaults", "unset", "--config", config, "server"},
		{"defaults", "set", "--model", hostile, "--server", "x", "--username", hostile},
		{"defaults", "set", "--server", hostile},
		{"defaults", "set", "--method", hostile},
		{"defaults", "set", "--ca", missing},
		{"defaults", "set", "--password-file", missing},
		{"defaults", "set", "--password-command", missing},
		{"defaults", "unset", hostile},
		{"defaults", "test", "--config", config},
		{"simulate", "--model", hostile + " 40\x1b"},
		{"simulate", "--software-type", hostile},
		{"simulate", "--fault", hostile},
		{"simulate", "--fault", hostile + "=reject-image"},
		{"simulate", "--listen", hostile + ":x"},
		{"simulate", "--service", hostile},
		{"simulate", "--ca", missing},
		{"simulate", "--phones", list, "-o", filepath.Join(folder, "sim.csv")},
		{"simulate", "-o", image},
		{"defaults", hostile},
		{hostile},
		{"help", hostile},
		{"completion", hostile},
		{"inspect", "--" + hostile},
	} {
		for _, args := range [][]string{args, append([]string{"--json"}, args...)} {
			a, out, errOut := testApp(t, strings.NewReader(""))
			run(t.Context(), a, args)
			shown := out.String() + errOut.String()
			if shown == "" {
				t.Errorf("%q shows nothing", args)
			}
			for _, r := range shown {
				if r != '\n' && (!unicode.IsPrint(r) || strings.ContainsRune("\u2800\u3164", r) || r == unicode.ReplacementChar) {
					t.Errorf("%q shows %U:\n%s", args, r, strings.ToValidUTF8(shown, "?"))
					break
				}
			}
		}
	}
}
