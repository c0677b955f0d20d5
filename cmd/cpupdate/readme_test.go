package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/pkg/transfer/transfertest"
)

// shell returns a function that runs one line in a folder of its own, as a reader would, and returns what it prints.
func shell(t *testing.T) func(line string) string {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("the documents are written for a Unix shell, and there is no sh here")
	}
	folder := t.TempDir()
	home := t.TempDir()
	return func(line string) string {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
		cmd.Dir = folder
		cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home, "CPUPDATE_CONFIG=", "CPUPDATE_PASSWORD=")
		out, err := cmd.CombinedOutput()
		if err != nil && !strings.Contains(line, "exit code $?") {
			t.Errorf("%s: %v\n%s", line, err, out)
		}
		return string(out)
	}
}

// TestReadme runs every console block of the README and of the page about settings, in order and in one folder, and
// compares what it prints.
func TestReadme(t *testing.T) {
	top := filepath.Join("..", "..")
	for name, commands := range map[string]int{
		filepath.Join(top, "README.md"):           15,
		filepath.Join(top, "docs", "settings.md"): 8,
	} {
		t.Run(filepath.Base(name), func(t *testing.T) {
			run := shell(t)
			server := withServer(t, run)
			comparePage(t, name, commands, func(info string) func(string) string {
				switch info {
				case "console":
					return run
				case "console server":
					return server()
				}
				return nil
			})
		})
	}
}

// withServer returns a function that starts a server, when it is asked for the first time, and returns a shell in which
// that server is called files.example; its authority is ca.pem there, and the password of technician is in secret. Where
// no server can be started the shell is nil, in CI the test fails.
func withServer(t *testing.T, run func(string) string) func() func(string) string {
	return sync.OnceValue(func() func(string) string {
		_, found := transfertest.Find(transfertest.VSFTPD)
		if runtime.GOOS != "linux" || (!found || os.Getuid() != 0) && os.Getenv("CI") == "" {
			t.Log("no server can be started here: what needs one was not run")
			return nil
		}
		s := transfertest.Start(t, transfertest.VSFTPD, transfertest.Options{TLS: true})
		run("cp '" + s.CAFile + "' ca.pem && echo '" + s.Access.Password.Reveal() + "' > secret")
		return func(line string) string {
			line = strings.ReplaceAll(line, "--server files.example", fmt.Sprintf("--server %s --port %d", s.Access.Server, s.Access.Port))
			return asExample(run(line), fmt.Sprintf("%s:%d", s.Access.Server, s.Access.Port), 21)
		}
	})
}

// TestExamples runs the example lines of every command's help. Those that would go to a server are told not to: they
// name servers that do not exist.
func TestExamples(t *testing.T) {
	if _, err := exec.LookPath("jq"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("in CI jq must be installed")
		}
		t.Skip("jq is not installed, and an example uses it")
	}
	run := shell(t)
	for _, line := range []string{
		"head -c 1000 /dev/zero > app.bin && cp app.bin CP20X_SIP_V1_R9_2_0.img && cp app.bin OS40_SIP_V3_R5_12_0.img && mkdir images",
		`printf 'hw_level\n3\n' > phones.csv`,
		"echo secret | tee password.txt > secret",
	} {
		run(line)
	}
	examples := examplesOf(newRoot(&app{}))
	pushes := 0
	for _, line := range sortPackFirst(examples) {
		switch {
		case strings.HasPrefix(line, "cpupdate push"):
			pushes++
			if strings.Contains(line, "--use-defaults") {
				run("cpupdate defaults set -q --server files.example --username cp --hw-level 3")
			}
			line += " --dry-run"
			if got := run(line); !strings.Contains(got, "no connection opened") {
				t.Errorf("%s does not say that nothing is sent:\n%s", line, got)
			}
			continue
		case strings.HasPrefix(line, "cpupdate defaults test"):
			continue // it has no way not to connect
		}
		run(line)
		if strings.Contains(line, "-o cp600.bind") {
			run("cp cp600.bind images/")
		}
	}
	if len(examples) < 10 || pushes == 0 {
		t.Errorf("only %d examples found, %d of push", len(examples), pushes)
	}
}

func examplesOf(cmd *cobra.Command) []string {
	var lines []string
	for line := range strings.Lines(cmd.Example) {
		lines = append(lines, strings.TrimSpace(line))
	}
	for _, child := range cmd.Commands() {
		lines = append(lines, examplesOf(child)...)
	}
	return lines
}

// sortPackFirst puts the examples that make an image before those that need it.
func sortPackFirst(lines []string) []string {
	var first, rest []string
	for _, line := range lines {
		if strings.HasPrefix(line, "cpupdate pack") {
			first = append(first, line)
		} else {
			rest = append(rest, line)
		}
	}
	return append(first, rest...)
}
