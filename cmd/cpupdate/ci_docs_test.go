package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/internal/realservers"
)

// TestCIPage runs the shell parts of docs/ci.md as a CI system does: with the page's settings file, whose server is a
// real one, and the password where the page says. What stands around them in YAML is not run.
func TestCIPage(t *testing.T) {
	t.Parallel()
	page := readPage(t, "ci.md")
	gitlab := strings.Join(yamlItems(page.block(t, "gitlab"), "script:"), "\n")
	github := strings.Join(yamlBlocks(page.block(t, "github"), "run: |"), "\n")
	if strings.Count(gitlab, "cpupdate") != 3 || strings.Count(github, "cpupdate") != 3 {
		t.Fatalf("the scripts are not found:\n%s\n%s", gitlab, github)
	}
	script := page.block(t, "script")
	for _, test := range []struct {
		name string
		site ciSite
		code exit.Code
		word string // what the script says at its end
	}{
		{"well", ciSite{}, exit.CodeOK, "done"},
		{"damaged", ciSite{cut: true}, exit.CodeImage, "fetch the image again"},
		{"refused", ciSite{level: "hw-level = 4\n"}, exit.CodeRefused, "not for these phones"},
		{"unknown", ciSite{level: "# nobody knows\n"}, exit.CodeUnknown, "not for these phones"},
		{"login", ciSite{password: "wrong"}, exit.CodeSettings, "mend settings or login"},
		{"away", ciSite{away: true}, exit.CodeUnreachable, "later"},
		{"readonly", ciSite{options: realservers.Options{ReadOnly: true}}, exit.CodeRejected, "ask the server's administrator"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel() // what they do most is wait
			folder := test.site.make(t, page.block(t, "site"))
			for name, text := range map[string]string{"gitlab": gitlab, "github": strings.ReplaceAll(github, "sleep 60", "sleep 0")} {
				got, out := test.site.run(t, folder, text)
				if got != test.code {
					t.Errorf("%s: exit code %d, want %d\n%s", name, got, test.code, out)
				}
				sheet := strings.Contains(out, "hardware-level   image 1-3") || strings.Contains(out, "unknown  hardware-level")
				if sheet != (test.code == exit.CodeRefused || test.code == exit.CodeUnknown) {
					t.Errorf("%s: the rule sheet is not shown as it should be:\n%s", name, out)
				}
			}
			got, out := test.site.run(t, folder, "set -- cp600.bind\n"+script)
			if got != test.code || !strings.HasSuffix(strings.TrimSpace(out), test.word) {
				t.Errorf("the script: exit code %d, want %d and %q\n%s", got, test.code, test.word, out)
			}
			if test.code == exit.CodeOK {
				checkLines(t, filepath.Join(folder, "push.jsonl"))
			}
		})
	}
}

// A ciSite is what is wrong at a site, if anything.
type ciSite struct {
	level    string // the line instead of hw-level = 3
	password string // instead of the right one
	cut      bool   // the image is damaged
	away     bool   // the server does not answer
	options  realservers.Options
}

// make makes the folder that the scripts run in, and the server.
func (s *ciSite) make(t *testing.T, settings string) string {
	t.Helper()
	s.options.TLS = true
	server := realservers.Start(t, realservers.VSFTPD, s.options)
	if s.password == "" {
		s.password = server.Access.Password.Reveal()
	}
	if s.away {
		server.Stop()
	}
	folder := t.TempDir()
	authority, err := os.ReadFile(server.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	settings = strings.Replace(settings, "files.example", server.Access.Server, 1)
	settings = strings.Replace(settings, "port = 21", fmt.Sprintf("port = %d", server.Access.Port), 1)
	if s.level != "" {
		settings = strings.Replace(settings, "hw-level = 3\n", s.level, 1)
	}
	for name, text := range map[string]string{"ca.pem": string(authority), "site.toml": settings, "app.bin": strings.Repeat("payload ", 10000)} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pack := `cpupdate pack app.bin -q -o cp600.bind --model CP600 --software-type "Unify HFA" --software-version "V1 R9.2.0" --hw-levels 1-3,5`
	if s.cut {
		pack += " && head -c 70000 cp600.bind > cut && mv cut cp600.bind"
	}
	if got, out := s.run(t, folder, pack); got != exit.CodeOK {
		t.Fatal(out)
	}
	return folder
}

// run runs a script as CI systems do: it ends where a command fails.
func (s *ciSite) run(t *testing.T, folder, script string) (exit.Code, string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-eu", "-c", script)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "HOME="+folder, "XDG_CONFIG_HOME="+folder, "CPUPDATE_CONFIG=", "CPUPDATE_JOURNAL="+filepath.Join(folder, "journal.db"))
	if strings.Contains(script, "--password-stdin") {
		cmd.Env = append(cmd.Env, "FIRMWARE_PASSWORD="+s.password, "CPUPDATE_PASSWORD=")
	} else {
		cmd.Env = append(cmd.Env, "CPUPDATE_PASSWORD="+s.password)
	}
	out, _ := cmd.CombinedOutput()
	if strings.Contains(string(out), s.password) {
		t.Errorf("the password is in the output:\n%s", out)
	}
	return exit.Code(cmd.ProcessState.ExitCode()), string(out)
}

// checkLines looks at what a job keeps: JSON lines, of which the last says that the image was sent.
func checkLines(t *testing.T, path string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	events := []string{}
	for line := range bytes.Lines(content) {
		var doc struct {
			Schema int
			Event  string
		}
		if err := json.Unmarshal(line, &doc); err != nil || doc.Schema != 1 {
			t.Errorf("%v: %s", err, line)
		}
		events = append(events, doc.Event)
	}
	if len(events) < 3 || events[0] != "checked" || events[1] != "step" || events[len(events)-1] != "sent" {
		t.Errorf("push.jsonl has the events %q", events)
	}
}

// yamlItems returns the items of the list below a key, each on a line of its own.
func yamlItems(text, key string) []string {
	var items []string
	within := false
	for line := range strings.Lines(text) {
		item, isItem := strings.CutPrefix(strings.TrimSpace(line), "- ")
		switch {
		case strings.TrimSpace(line) == key:
			within = true
		case within && isItem:
			items = append(items, item)
		default:
			within = false
		}
	}
	return items
}

// yamlBlocks returns the literal blocks of a key, without their indentation.
func yamlBlocks(text, key string) []string {
	var blocks []string
	indent := ""
	for line := range strings.Lines(text) {
		trimmed := strings.TrimLeft(line, " ")
		if strings.TrimSpace(line) == key {
			indent = line[:len(line)-len(trimmed)] + "  "
			blocks = append(blocks, "")
			continue
		}
		rest, inside := strings.CutPrefix(line, indent)
		if indent == "" || !inside {
			indent = ""
			continue
		}
		blocks[len(blocks)-1] += rest
	}
	return blocks
}
