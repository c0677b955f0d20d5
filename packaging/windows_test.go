package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A windows is a Windows machine, which Wine simulates. Its commands are typed into cmd.exe.
type windows struct {
	*machine
	wine   string
	folder string // prefix/ is the machine, stand-ins/ has tar.exe and certutil.exe
	zip    string // the name of the zip in the release
}

// newWindows returns the machine that .ci/release-test made. It needs no copy of this machine: what it changes is in its folder.
func newWindows(t *testing.T) *windows {
	t.Helper()
	folder := os.Getenv("CPUPDATE_WINDOWS")
	if folder == "" {
		t.Skip("needs a machine that Wine simulates: see .ci/release-test")
	}
	w := &windows{machine: &machine{t: t, release: filepath.Join(folder, "release")}, wine: "/usr/lib/wine/wine64", folder: folder}
	if found, err := exec.LookPath("wine64"); err == nil {
		w.wine = found
	}
	w.zip = filepath.Base(w.file("windows_amd64.zip"))
	w.page = string(w.unzip(filepath.Join(w.release, w.zip))[strings.TrimSuffix(w.zip, ".zip")+"/docs/install.md"])
	t.Cleanup(func() {
		for _, flag := range []string{"-k", "-w"} { // ends it, and waits for that; it may have ended
			cmd := exec.Command(filepath.Join(filepath.Dir(w.wine), "wineserver"), flag) //nolint:noctx // the test's context has ended
			cmd.Env = w.environ()
			_ = cmd.Run()
		}
	})
	return w
}

// environ returns the environment of what is run. WINEPATH is what Wine puts in front of PATH.
func (w *windows) environ() []string {
	standIns := "Z:" + strings.ReplaceAll(filepath.Join(w.folder, "stand-ins"), "/", `\`)
	return append(w.env(w.folder), "WINEPREFIX="+filepath.Join(w.folder, "prefix"), "WINEDEBUG=-all", "WINEPATH="+standIns)
}

// download returns a new folder with the zip and SHA256SUMS.
func (w *windows) download() string {
	w.t.Helper()
	folder := filepath.Join(w.t.TempDir(), "My downloads")
	if err := os.Mkdir(folder, 0o755); err != nil {
		w.t.Fatal(err)
	}
	for _, name := range []string{w.zip, "SHA256SUMS"} {
		data, err := os.ReadFile(filepath.Join(w.release, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, name), data, 0o600)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
	return folder
}

// commands returns the lines of the blocks for Windows in docs/install.md, as they are.
func (w *windows) commands() []string {
	w.t.Helper()
	var lines []string
	for _, part := range strings.Split(w.page, "```bat windows\n")[1:] {
		block, _, _ := strings.Cut(part, "```")
		lines = append(lines, strings.Split(strings.TrimSpace(block), "\n")...)
	}
	if len(lines) == 0 {
		w.t.Fatal("install.md has no commands for Windows")
	}
	return lines
}

// typeLines types lines into cmd.exe, in a folder, and returns what is printed. Both are files: that cmd.exe loses lines that come through a
// pipe, and processes that Wine starts may keep a pipe open.
func (w *windows) typeLines(folder string, lines ...string) string {
	w.t.Helper()
	typed, err := os.CreateTemp(w.t.TempDir(), "typed")
	if err != nil {
		w.t.Fatal(err)
	}
	defer typed.Close()
	printed, err := os.CreateTemp(w.t.TempDir(), "printed")
	if err != nil {
		w.t.Fatal(err)
	}
	defer printed.Close()
	_, err = typed.WriteString(strings.Join(append(lines, ""), "\r\n"))
	_, seekErr := typed.Seek(0, io.SeekStart)
	if err := errors.Join(err, seekErr); err != nil {
		w.t.Fatal(err)
	}
	line := []string{w.wine, "cmd"}
	if exec.CommandContext(w.t.Context(), "setarch", "-R", "true").Run() == nil { // see .ci/wine
		line = append([]string{"setarch", "-R"}, line...)
	}
	cmd := exec.CommandContext(w.t.Context(), line[0], line[1:]...)
	cmd.Dir, cmd.Env = folder, w.environ()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = typed, printed, printed
	err = cmd.Run()
	text, readErr := os.ReadFile(printed.Name())
	if err := errors.Join(err, readErr); err != nil {
		w.t.Fatalf("%v\n%s", err, text)
	}
	return strings.ReplaceAll(string(text), "\r", "")
}

// demoEnds matches the end of the demo. Wine 8 does not know the call by which os.RemoveAll removes the folder of the demo.
const demoEnds = `(` + demoEnd + `, and nothing of it is left[^\n]*|cpupdate: demo folder: unlinkat \S+: Invalid function\.)`

// TestWindows follows docs/install.md for Windows, from the zip to a program that every folder finds, uses it, and removes it. Wine has no
// tar.exe, and its certutil.exe does nothing: programs of packaging/standin stand in for both. All else is cmd.exe and find.exe of Wine.
func TestWindows(t *testing.T) {
	w := newWindows(t)
	folder := w.download()
	if err := os.WriteFile(filepath.Join(folder, "app.bin"), make([]byte, 100_000), 0o600); err != nil {
		t.Fatal(err)
	}
	_, removal, _ := strings.Cut(w.page, "\n| `.zip` | `")
	removal, _, _ = strings.Cut(removal, "`")
	lines := append(w.commands(), "cd ..",
		`cpupdate pack app.bin -q -o cp600.bind --model CP600 --hw-levels 3 --software-type "Unify HFA" --software-version "V1 R9.2.0"`,
		"cpupdate inspect cp600.bind", removal, "cpupdate phone --help")
	got := w.typeLines(folder, lines...)
	for _, want := range []string{
		regexp.QuoteMeta(w.digests()[w.zip] + "  " + w.zip),
		fmt.Sprintf(`cpupdate v%s  commit [0-9a-f]{40}  \S+  go1\.\S+  windows/amd64`, regexp.QuoteMeta(strings.Split(w.zip, "_")[1])),
		`cp600\.bind   CPB image, intact`,
		`(?s)\n8\. .*\n127\.0\.0\.1:\d+ +CP600 +Unify HFA V1 R9\.2\.0  00:1A:E8:00:00:03\n.*` + demoEnds,
	} {
		if !regexp.MustCompile(want + `\n`).MatchString(got) {
			t.Errorf("no line is %s:\n%s", want, got)
		}
	}
	if strings.Contains(got, billEnd) || strings.Contains(got, "cpupdate phone PHONE") {
		t.Errorf("a second digest was found, or the program was not removed by %q:\n%s", removal, got)
	}
}

// TestWindowsDamaged fails if the commands of docs/install.md find the digest of a zip that was damaged.
func TestWindowsDamaged(t *testing.T) {
	w := newWindows(t)
	folder := w.download()
	f, err := os.OpenFile(filepath.Join(folder, w.zip), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString("damaged")
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	before, _, found := strings.Cut(strings.Join(w.commands(), "\n"), "\ntar ")
	if got := w.typeLines(folder, append(strings.Split(before, "\n"), "echo the name is %name%")...); !found || strings.Contains(got, w.zip) || !strings.Contains(got, "the name is "+strings.TrimSuffix(w.zip, ".zip")) {
		t.Errorf("it prints:\n%s", got)
	}
}

// TestWindowsZip unpacks the zip with bsdtar, of which tar.exe of Windows is a build.
func TestWindowsZip(t *testing.T) {
	w := newWindows(t)
	folder := t.TempDir()
	w.run(folder, folder, "bsdtar", "-xf", filepath.Join(w.release, w.zip))
	for name, data := range w.unzip(filepath.Join(w.release, w.zip)) {
		if got, err := os.ReadFile(filepath.Join(folder, name)); err != nil || string(got) != string(data) {
			t.Errorf("%s: %d bytes of %d, %v", name, len(got), len(data), err)
		}
	}
}
