package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// A workflow is what these tests read of a workflow of GitHub.
type workflow struct {
	Permissions map[string]string
	Jobs        map[string]struct {
		RunsOn      string `yaml:"runs-on"`
		Minutes     int    `yaml:"timeout-minutes"`
		Steps       []struct{ Uses, Run string }
		Permissions map[string]string
	}
}

// ourCommands are what a job may run: each is what a developer types.
var ourCommands = regexp.MustCompile(`^(\.ci/(run|vulnerabilities --must-reach)|make release|go (vet|test -count=1) \./\.\.\.|git config --global --add safe\.directory "\$GITHUB_WORKSPACE")$`)

// TestWorkflows fails if a workflow may do more than read, runs an action without a version, or has a script of its own.
func TestWorkflows(t *testing.T) {
	t.Parallel()
	systems := []string{}
	for _, name := range []string{"ci.yml", "release.yml"} {
		var w workflow
		if err := yaml.Unmarshal([]byte(repositoryFile(t, ".github/workflows/"+name)), &w); err != nil {
			t.Fatal(err)
		}
		if len(w.Permissions) != 1 || w.Permissions["contents"] != "read" || len(w.Jobs) == 0 {
			t.Errorf("%s: permissions %v, %d jobs", name, w.Permissions, len(w.Jobs))
		}
		for job, j := range w.Jobs {
			if j.Permissions != nil || j.Minutes == 0 {
				t.Errorf("%s: %s has the permissions %v and the limit %d", name, job, j.Permissions, j.Minutes)
			}
			systems = append(systems, j.RunsOn)
			for _, step := range j.Steps {
				if step.Uses != "" && !regexp.MustCompile(`^actions/[a-z-]+@(v[0-9]+|[0-9a-f]{40})$`).MatchString(step.Uses) {
					t.Errorf("%s: %s uses %s", name, job, step.Uses)
				}
				if step.Run != "" && !ourCommands.MatchString(step.Run) {
					t.Errorf("%s: %s runs %q", name, job, step.Run)
				}
			}
		}
	}
	if text := repositoryFile(t, ".github/workflows/ci.yml"); !slices.Contains(systems, "ubuntu-latest") || !strings.Contains(text, "[macos-latest, windows-latest]") {
		t.Errorf("not all systems are tested: %q", systems)
	}
}

// TestGitLabFile fails if .gitlab-ci.yml has a script of its own, or lacks a job.
func TestGitLabFile(t *testing.T) {
	t.Parallel()
	var file map[string]yaml.Node
	if err := yaml.Unmarshal([]byte(repositoryFile(t, ".gitlab-ci.yml")), &file); err != nil {
		t.Fatal(err)
	}
	var ran []string
	for name, node := range file {
		var job struct{ Script []string }
		if node.Kind != yaml.MappingNode || node.Decode(&job) != nil {
			continue
		}
		for _, line := range job.Script {
			ran = append(ran, line)
			if !ourCommands.MatchString(line) {
				t.Errorf("%s runs %q", name, line)
			}
		}
	}
	slices.Sort(ran)
	if got := strings.Join(ran, ", "); got != ".ci/run, .ci/vulnerabilities --must-reach, make release" {
		t.Errorf("the jobs run %s", got)
	}
}

// TestYAML parses every YAML file of the repository's root, .github and templates.
func TestYAML(t *testing.T) {
	t.Parallel()
	root, err := os.OpenRoot(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	seen := 0
	for _, folder := range []string{".github", "templates", ".gitlab-ci.yml", ".golangci.yml"} {
		err := fs.WalkDir(root.FS(), folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".yml") {
				return err
			}
			seen++
			decoder := yaml.NewDecoder(strings.NewReader(repositoryFile(t, path)))
			for {
				var document yaml.Node
				if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
					return nil
				} else if err != nil {
					t.Errorf("%s: %v", path, err)
					return nil
				}
			}
		})
		if err != nil {
			t.Error(err)
		}
	}
	if seen < 9 {
		t.Errorf("only %d files", seen)
	}
}

// TestVulnerabilitiesScript runs .ci/vulnerabilities with a search that ends in each way.
func TestVulnerabilitiesScript(t *testing.T) {
	t.Parallel()
	shell, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is not installed")
	}
	for _, test := range []struct {
		search, flag string
		code         int
		word         string
	}{
		{"echo No vulnerabilities found.", "", 0, "no known vulnerability is called"},
		{"echo 'Vulnerability #1: GO-2026-0001'; exit 3", "", 3, "update the modules"},
		{"echo 'Vulnerability #1: GO-2026-0001'; exit 3", "--must-reach", 3, "update the modules"},
		{"echo 'govulncheck: fetching vulnerabilities: Get \"https://db.example\": no such host' >&2; exit 1", "", 0, "NOT SEARCHED"},
		{"echo 'govulncheck: fetching vulnerabilities: Get \"https://db.example\": no such host' >&2; exit 1", "--must-reach", 2, "NOT SEARCHED"},
		{"echo 'govulncheck: loading packages: fetching vulnerabilities is not the error' >&2; exit 1", "", 1, "the search for vulnerabilities failed"},
		{"exit 2", "--must-reach", 1, "the search for vulnerabilities failed"},
	} {
		search := filepath.Join(t.TempDir(), "search")
		if err := os.WriteFile(search, []byte("#!/bin/sh\n"+test.search+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		args := []string{"../../.ci/vulnerabilities"}
		if test.flag != "" {
			args = append(args, test.flag)
		}
		cmd := exec.CommandContext(t.Context(), shell, args...)
		cmd.Env = append(os.Environ(), "GOVULNCHECK="+filepath.ToSlash(search))
		out, err := cmd.CombinedOutput()
		ended := (*exec.ExitError)(nil)
		if err != nil && !errors.As(err, &ended) {
			t.Fatal(err)
		}
		if code := cmd.ProcessState.ExitCode(); code != test.code || !strings.Contains(string(out), test.word) {
			t.Errorf("%q %s: exit code %d, want %d and %q\n%s", test.search, test.flag, code, test.code, test.word, out)
		}
	}
}
