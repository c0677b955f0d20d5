package main

import (
	"archive/tar"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
)

// TestOrigin reads what each way to build records.
func TestOrigin(t *testing.T) {
	t.Parallel()
	const commit, date = "9aa71d3de7744f81e855d17f61670a7570eba915", "2026-11-30T02:25:17Z"
	const pattern = "$Format:%H %cI %(describe:tags=true,match=v[0-9]*)$\n"
	stamped := []debug.BuildSetting{{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: commit}, {Key: "vcs.time", Value: date}, {Key: "vcs.modified", Value: "true"}}
	for name, test := range map[string]struct {
		version  string
		settings []debug.BuildSetting
		text     string
		want     origins
	}{
		"go build in a clone":                    {"v1.2.4-0.20261130022517-9aa71d3de774+dirty", stamped, pattern, origins{"v1.2.4-0.20261130022517-9aa71d3de774+dirty", commit, date, true}},
		"go install of a tag":                    {"v1.2.3", nil, pattern, origins{version: "v1.2.3"}},
		"go install of a commit":                 {"v0.0.0-20261130022517-9aa71d3de774", nil, pattern, origins{"v0.0.0-20261130022517-9aa71d3de774", commit[:12], date, false}},
		"go build -buildvcs=false":               {"(devel)", nil, pattern, origins{version: "(devel)"}},
		"no build information":                   {"", nil, pattern, origins{version: "unknown"}},
		"a source archive of a tag":              {"(devel)", nil, commit + " 2026-11-30T03:25:17+01:00 v1.2.3\n", origins{"v1.2.3", commit, date, false}},
		"of a tag with hyphens":                  {"(devel)", nil, commit + " " + date + " v1.2.3-rc.1-g5", origins{"v1.2.3-rc.1-g5", commit, date, false}},
		"of a commit after a tag":                {"(devel)", nil, commit + " " + date + " v1.2.3-14-g9aa71d3", origins{"v1.2.4-0.20261130022517-9aa71d3de774", commit, date, false}},
		"of a commit after a candidate":          {"(devel)", nil, commit + " " + date + " v1.2.3-rc.1-14-g9aa71d3", origins{"v1.2.3-rc.1.0.20261130022517-9aa71d3de774", commit, date, false}},
		"of a commit without a tag":              {"(devel)", nil, commit + " " + date + " \n", origins{"v0.0.0-20261130022517-9aa71d3de774", commit, date, false}},
		"by an old git":                          {"(devel)", nil, commit + " " + date + " %(describe:tags=true,match=v[0-9]*)\n", origins{"v0.0.0-20261130022517-9aa71d3de774", commit, date, false}},
		"a source archive in another repository": {"v0.0.0-20261201000000-000000000000", stamped, strings.Repeat("0f", 32) + " " + date + " v1.2.3", origins{"v1.2.3", strings.Repeat("0f", 32), date, true}},
		"no commit":                              {"(devel)", nil, "HEAD " + date, origins{version: "(devel)"}},
		"no date":                                {"(devel)", nil, commit + " yesterday", origins{version: "(devel)"}},
		"nothing":                                {"(devel)", nil, "", origins{version: "(devel)"}},
	} {
		info := &debug.BuildInfo{Main: debug.Module{Version: test.version}, Settings: test.settings}
		if got := originOf(info, test.text); got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

// TestArchivedSource has git make a source archive, and reads what it wrote into source.txt.
func TestArchivedSource(t *testing.T) {
	t.Parallel()
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("git is not installed")
	}
	folder := t.TempDir()
	run := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), git, args...)
		cmd.Dir = folder
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "HOME="+folder, "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@files.example",
			"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@files.example", "GIT_COMMITTER_DATE=2026-11-30T03:25:17+01:00")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return strings.TrimSpace(string(out))
	}
	run("init", "-q")
	attributes, err := os.ReadFile(filepath.Join("..", "..", ".gitattributes"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{".gitattributes": string(attributes), "cmd/cpupdate/source.txt": sourceText} {
		path := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run("add", ".")
	archived := func() string {
		run("commit", "-q", "--allow-empty", "-m", "x")
		run("archive", "--format=tar", "-o", "a.tar", "HEAD")
		return extracted(t, filepath.Join(folder, "a.tar"), "cmd/cpupdate/source.txt")
	}
	for _, step := range []struct{ tag, want string }{
		{"", "v0.0.0-20261130022517-"}, {"not-a-version", "v0.0.0-20261130022517-"}, {"v1.2.3", "v1.2.4-0.20261130022517-"},
	} {
		if step.tag != "" {
			run("tag", step.tag)
		}
		text := archived()
		o, ok := archiveOrigin(text)
		if commit := run("rev-parse", "HEAD"); !ok || o.commit != commit || o.date != "2026-11-30T02:25:17Z" || o.version != step.want+commit[:12] {
			t.Errorf("after the tag %q: %+v from %q", step.tag, o, text)
		}
	}
	run("tag", "-a", "v1.3.0", "-m", "x")
	if o := originOf(&debug.BuildInfo{}, archived()); !strings.HasPrefix(o.version, "v1.3.1-0.") {
		t.Errorf("after v1.3.0: %+v", o)
	}
	run("tag", "v1.4.0")
	run("archive", "--format=tar", "-o", "a.tar", "v1.4.0")
	if o := originOf(&debug.BuildInfo{}, extracted(t, filepath.Join(folder, "a.tar"), "cmd/cpupdate/source.txt")); o.version != "v1.4.0" {
		t.Errorf("of v1.4.0: %+v", o)
	}
}

// extracted returns the text of one file of a tar archive.
func extracted(t *testing.T, archive, name string) string {
	t.Helper()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for r := tar.NewReader(f); ; {
		header, err := r.Next()
		if err != nil {
			t.Fatalf("%s in %s: %v", name, archive, err)
		}
		if header.Name == name {
			text, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
	}
}
