package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/credentials"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings/tomledit"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// canary is a password that looks different in every notation. Its last word stays as it is in most of them, so that a
// notation that nobody thought of is found too. Phones could not read &, < and > in it.
const (
	canary     = `p"%\/+=?é kanarie7d1`
	canaryCore = "kanarie7d1"
	canaryUser = "technician"
)

// canaryForms are the notations of the canary that must be nowhere.
func canaryForms() map[string]string {
	quoted, _ := json.Marshal(canary)
	var markup bytes.Buffer
	_ = xml.EscapeText(&markup, []byte(canary)) // into memory
	forms := map[string]string{
		"as it is": canary, "its last word": canaryCore,
		"JSON": string(quoted[1 : len(quoted)-1]),
		"Go":   fmt.Sprintf("%q", canary), "percent, of a query": url.QueryEscape(canary), "percent, of a path": url.PathEscape(canary),
		"percent, of a login": url.UserPassword(canaryUser, canary).String(), "XML": markup.String(),
		"hex": hex.EncodeToString([]byte(canary)), "numbers": strings.Trim(fmt.Sprintf("%d", []byte(canary)), "[]"),
		"a TOML text": tomledit.Quote(canary),
	}
	for name, encoding := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64 of URLs": base64.RawURLEncoding} {
		forms[name+" of the login"] = encoding.EncodeToString([]byte(canaryUser + ":" + canary))
		forms[name] = encoding.EncodeToString([]byte(canary))
	}
	return forms
}

// leaks says which forms of the canary, and of what simulated phones tell, are in a text.
func leaks(text string) []string {
	var found []string
	lower := strings.ToLower(text)
	for name, form := range canaryForms() {
		if strings.Contains(lower, strings.ToLower(form)) {
			found = append(found, name)
		}
	}
	if strings.Contains(text, phonesim.CanaryPassword) {
		found = append(found, "a phone's password")
	}
	slices.Sort(found)
	return found
}

// A canaryRun is one command line, run as a process in folders of its own, with the canary in one place.
type canaryRun struct {
	t       *testing.T
	home    string // with settings, temporary files and the work folder
	env     []string
	allowed map[string]bool // files that the test put the canary into
	pid     int             // of the command
	said    bytes.Buffer    // both of its outputs
	stdin   io.Reader
	started func()   // called when the command runs
	ended   func()   // called when it has ended
	session *session // nil: no keyring
	program string
}

// buildCommand builds the command as people have it. It is started hundreds of times, which the race detector makes slow.
func buildCommand(t *testing.T) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no /proc and no signals") // what is printed is looked at by other tests too
	}
	program := filepath.Join(t.TempDir(), "cpupdate")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

func newCanaryRun(t *testing.T, program string) *canaryRun {
	t.Helper()
	r := &canaryRun{t: t, home: t.TempDir(), allowed: map[string]bool{}, program: program}
	for _, folder := range []string{"tmp", "work"} {
		if err := os.Mkdir(r.path(folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func (r *canaryRun) path(name string) string { return filepath.Join(r.home, name) }

// secretFile is a file in which the canary may be.
func (r *canaryRun) secretFile(name string) string {
	r.t.Helper()
	path := r.path(name)
	if err := os.WriteFile(path, []byte(canary+"\n"), 0o600); err != nil {
		r.t.Fatal(err)
	}
	r.allowed[path] = true
	return path
}

func (r *canaryRun) environment() []string {
	env := os.Environ()
	for _, name := range []string{credentials.PasswordVariable, "CPUPDATE_CONFIG", "XDG_DATA_HOME", "XDG_CACHE_HOME", "DBUS_SESSION_BUS_ADDRESS"} {
		env = clitest.Without(env, name)
	}
	if r.session != nil {
		env = append(r.session.environment(), "DBUS_SESSION_BUS_ADDRESS="+r.session.address)
	}
	env = append(env, "HOME="+r.home, "XDG_CONFIG_HOME="+r.path("settings"), "TMPDIR="+r.path("tmp"), "GOTRACEBACK=system")
	return append(env, r.env...)
}

// run runs cpupdate until it ends, looks everywhere meanwhile, and returns its exit code.
func (r *canaryRun) run(args ...string) exit.Code {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, r.program, args...)
	cmd.Dir, cmd.Env, cmd.Stdin = r.path("work"), r.environment(), r.stdin
	var out, errOut lockedBuffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.pid = cmd.Process.Pid
	r.processes()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if r.started != nil {
			r.started()
		}
	}()
	_ = cmd.Wait() // the state says how it ended
	<-done
	if r.ended != nil {
		r.ended()
	}
	r.said.Reset()
	fmt.Fprintf(&r.said, "%s%s", out.String(), errOut.String())
	if found := leaks(r.said.String()); len(found) > 0 {
		r.t.Errorf("%q: the password is printed: %q\n%s", args, found, r.said.String())
	}
	r.files()
	if ctx.Err() != nil {
		r.t.Fatalf("%q does not end: %s", args, r.said.String())
	}
	return exit.Code(cmd.ProcessState.ExitCode())
}

// files looks into every file that is there.
func (r *canaryRun) files() {
	r.t.Helper()
	err := filepath.WalkDir(r.home, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		if found := leaks(filepath.Base(path)); len(found) > 0 {
			r.t.Errorf("the password is in a file's name: %s", path)
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if r.allowed[path] && info.Mode().Perm() == 0o600 {
			return nil
		}
		text, err := os.ReadFile(path)
		if found := leaks(string(text)); len(found) > 0 {
			r.t.Errorf("the password is in %s, mode %o: %q", path, info.Mode().Perm(), found)
		}
		return err
	})
	if err != nil {
		r.t.Error(err)
	}
}

// processes looks at the command and at all that it has started, as any user can see them, and returns how many these are.
// Only in its own environment the password may be, if the test has put it there.
func (r *canaryRun) processes() int {
	r.t.Helper()
	if runtime.GOOS != "linux" {
		return 0
	}
	all := []int{r.pid}
	own, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", r.pid))
	for i := 0; i < len(all); i++ {
		for i > 0 { // until a child runs its own program, it is seen with command line and environment of its parent
			if line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", all[i])); err != nil || !bytes.Equal(line, own) {
				break
			}
			runtime.Gosched()
		}
		for _, name := range []string{"cmdline", "environ"} {
			text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", all[i], name)) // it may just have ended
			if i == 0 && name == "environ" {
				continue
			}
			if found := leaks(string(text)); len(found) > 0 {
				r.t.Errorf("the password is in the %s of a process (%d of those that run): %q", name, i, found)
			}
		}
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", all[i]))
		for _, task := range tasks {
			text, _ := os.ReadFile(task)
			for _, word := range strings.Fields(string(text)) {
				child := 0
				if _, err := fmt.Sscan(word, &child); err == nil {
					all = append(all, child)
				}
			}
		}
	}
	return len(all) - 1
}

// signal sends the command a signal.
func (r *canaryRun) signal(send func(p *os.Process) error) {
	r.t.Helper()
	p, err := os.FindProcess(r.pid)
	if err == nil {
		err = send(p)
	}
	if err != nil {
		r.t.Error(err)
	}
}

// The search finds every notation, so that what it does not find is not there.
func TestCanaryIsFound(t *testing.T) {
	for name, form := range canaryForms() {
		if !slices.Contains(leaks("x"+form+"y"), name) {
			t.Errorf("%s: %q is not found", name, form)
		}
		if name != "as it is" && name != "its last word" && form == canary {
			t.Errorf("%s does not change it", name)
		}
	}
	if found := leaks("nothing of it [redacted]"); len(found) > 0 {
		t.Errorf("%q", found)
	}
}
