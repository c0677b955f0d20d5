package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// repositoryFile returns a file of the repository with the line ends of Unix.
func repositoryFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}

// TestPipelineScript runs the script of the action and the component with the real command: its exit codes, and what it leaves.
func TestPipelineScript(t *testing.T) {
	t.Parallel()
	shell, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is not installed")
	}
	image := filepath.Join(t.TempDir(), "cp600.bind")
	runHere(t, nil, "pack", clitest.File(t, "app.bin", make([]byte, 1000)), "-o", image, "-q", "--model", "CP600", "--software-type", "Unify HFA", "--software-version", "V1 R9.2.0", "--hw-levels", "1-3")
	const fitting = "address,model,hw_level,software_type\n192.0.2.1,CP600,3,HFA\n192.0.2.2,CP600,2,HFA\n"
	for _, test := range []struct {
		name, list, image string
		code              exit.Code
		word              string
		counts            []int // tests, failures, errors; nil: no file
	}{
		{"all fit", fitting, image, exit.CodeOK, "an image fits every phone", []int{2, 0, 0}},
		{"one does not", fitting + "192.0.2.3,CP600,9,HFA\n", image, exit.CodePartial, "some phones will not", []int{3, 1, 0}},
		{"one is unknown", fitting + "192.0.2.3,CP600,,HFA\n", image, exit.CodePartial, "some phones will not", []int{3, 0, 1}},
		{"damaged", fitting, clitest.File(t, "-cut.bind", []byte("no image")), exit.CodeImage, "an image is damaged, or a file cannot be read or written", []int{3, 0, 3}},
		{"no list", "", image, exit.CodeSettings, "the list", nil},
		{"wrong list", "address,colour\n192.0.2.1,red\n", image, exit.CodeSettings, "the list", nil},
		{"hostile list", "address,model,hw_level,note\n192.0.2.1,CP600,3,\"`touch hacked` $(touch hacked) ]]> <b>&amp;\"\n", image, exit.CodeOK, "an image fits every phone", []int{1, 0, 0}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			if test.list != "" {
				if err := os.WriteFile(filepath.Join(folder, "site list.csv"), []byte(test.list), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			content, err := os.ReadFile(test.image)
			if err != nil {
				t.Fatal(err)
			}
			name := filepath.Base(test.image)
			if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(folder, "out.xml"), []byte("<?xml version=\"1.0\"?><!-- of an earlier run -->"), 0o600); err != nil {
				t.Fatal(err)
			}
			code, out := runPipeline(t, shell, folder, "IMAGE="+name, "PHONES=site list.csv", "JUNIT=out.xml", "GITHUB_STEP_SUMMARY="+filepath.Join(folder, "summary.md"))
			if code != test.code || !strings.Contains(out, test.word) {
				t.Errorf("exit code %d, want %d and %q\n%s", code, test.code, test.word, out)
			}
			checkJUnit(t, filepath.Join(folder, "out.xml"), test.counts)
			if summary, err := os.ReadFile(filepath.Join(folder, "summary.md")); err != nil || !strings.Contains(string(summary), test.word) {
				t.Errorf("the summary is %q, %v", summary, err)
			}
			if _, err := os.Stat(filepath.Join(folder, "hacked")); err == nil {
				t.Error("the list was run")
			}
		})
	}
}

// TestPipelineScriptWithout runs the script without what it needs.
func TestPipelineScriptWithout(t *testing.T) {
	t.Parallel()
	shell, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is not installed")
	}
	for _, missing := range [][]string{{"PHONES=x.csv"}, {"IMAGE=x.bind"}, {"IMAGE=x.bind", "PHONES=x.csv", "CPUPDATE=no-such-program"}} {
		if code, out := runPipeline(t, shell, t.TempDir(), missing...); code == exit.CodeOK || out == "" {
			t.Errorf("%q: exit code %d\n%s", missing, code, out)
		}
	}
}

// runPipeline runs the script in a folder.
func runPipeline(t *testing.T, shell, folder string, variables ...string) (exit.Code, string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), shell, "-c", repositoryFile(t, ".github/actions/check/check.sh"))
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "HOME="+folder, "XDG_CONFIG_HOME="+folder, "CPUPDATE_CONFIG=", "IMAGE=", "PHONES=", "HARDWARE=", "JUNIT=", "CPUPDATE=", "GITHUB_STEP_SUMMARY=")
	cmd.Env = append(cmd.Env, variables...)
	out, err := cmd.CombinedOutput()
	ended := (*exec.ExitError)(nil)
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	return exit.Code(cmd.ProcessState.ExitCode()), string(out)
}

// checkJUnit reads a JUnit file as a CI system does: well-formed, one suite, and counts that are those of its cases.
func checkJUnit(t *testing.T, path string, counts []int) {
	t.Helper()
	text, err := os.ReadFile(path)
	if counts == nil {
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("there is a JUnit file without an answer: %s", text)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		XMLName xml.Name `xml:"testsuites"`
		Suites  []struct {
			Name      string `xml:"name,attr"`
			Timestamp string `xml:"timestamp,attr"`
			Tests     int    `xml:"tests,attr"`
			Failures  int    `xml:"failures,attr"`
			Errors    int    `xml:"errors,attr"`
			Cases     []struct {
				Name    string    `xml:"name,attr"`
				Class   string    `xml:"classname,attr"`
				Failure *struct{} `xml:"failure"`
				Error   *struct{} `xml:"error"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	decoder := xml.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&doc); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) && err != nil {
		t.Errorf("after the document: %v", err)
	}
	if len(doc.Suites) != 1 {
		t.Fatalf("%d suites in %s", len(doc.Suites), text)
	}
	s := doc.Suites[0]
	failures, problems := 0, 0
	for _, c := range s.Cases {
		if c.Name == "" || c.Class != s.Name {
			t.Errorf("the case %q of %q in %q", c.Name, c.Class, s.Name)
		}
		if c.Failure != nil {
			failures++
		}
		if c.Error != nil {
			problems++
		}
	}
	if got := []int{s.Tests, s.Failures, s.Errors}; !slices.Equal(got, counts) || !slices.Equal(got, []int{len(s.Cases), failures, problems}) || s.Timestamp == "" {
		t.Errorf("tests, failures and errors are %v, want %v:\n%s", got, counts, text)
	}
}

// TestPipelineFiles compares the action and the component with the script: its variables, and for the component its text.
func TestPipelineFiles(t *testing.T) {
	t.Parallel()
	script := repositoryFile(t, ".github/actions/check/check.sh")
	var action struct {
		Inputs map[string]struct {
			Description string
			Required    bool
			Default     *string
		}
		Runs struct {
			Using string
			Steps []struct {
				Run, Uses, Shell string
				Env              map[string]string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(repositoryFile(t, ".github/actions/check/action.yml")), &action); err != nil {
		t.Fatal(err)
	}
	if len(action.Runs.Steps) != 2 || action.Runs.Using != "composite" || !strings.Contains(action.Runs.Steps[0].Run, "/check.sh") {
		t.Errorf("the action is %+v", action)
	}
	spec, job, found := strings.Cut(repositoryFile(t, "templates/check.yml"), "\n---\n")
	var component struct {
		Spec struct {
			Inputs map[string]struct {
				Description string
				Default     *string
			}
		}
	}
	var jobs struct {
		Check struct {
			Variables map[string]string
			Script    []string
		} `yaml:"cpupdate-check"`
	}
	if err := errors.Join(yaml.Unmarshal([]byte(spec), &component), yaml.Unmarshal([]byte(job), &jobs)); err != nil || !found {
		t.Fatal(err)
	}
	_, want, _ := strings.Cut(script, "\n") // without its first line
	if len(jobs.Check.Script) != 1 || jobs.Check.Script[0] != want {
		t.Errorf("the script of templates/check.yml is not that of check.sh:\n%s", jobs.Check.Script)
	}
	for _, name := range []string{"IMAGE", "PHONES", "HARDWARE", "JUNIT", "CPUPDATE"} {
		input := strings.ToLower(name)
		if action.Runs.Steps[0].Env[name] != "${{ inputs."+input+" }}" || action.Inputs[input].Description == "" {
			t.Errorf("the action does not pass %s", name)
		}
		if jobs.Check.Variables[name] != "$[[ inputs."+input+" ]]" || component.Spec.Inputs[input].Description == "" {
			t.Errorf("the component does not pass %s", name)
		}
		needed := name == "IMAGE" || name == "PHONES"
		if action.Inputs[input].Required != needed || (component.Spec.Inputs[input].Default == nil) != needed {
			t.Errorf("whether %s is needed differs", name)
		}
	}
}
