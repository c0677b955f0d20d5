package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/internal/realservers"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// A docShell is where a reader types what the documents show: a folder of its own, and no settings.
type docShell struct {
	t            *testing.T
	folder, home string
}

func newDocShell(t *testing.T) *docShell {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("the documents are written for a Unix shell, and there is no sh here")
	}
	return &docShell{t, t.TempDir(), t.TempDir()}
}

func (s *docShell) command(ctx context.Context, line string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Dir = s.folder
	cmd.Env = append(os.Environ(), "HOME="+s.home, "XDG_CONFIG_HOME="+s.home, "CPUPDATE_CONFIG=", "CPUPDATE_PASSWORD=", "CPUPDATE_JOURNAL="+filepath.Join(s.home, "journal.db"))
	return cmd
}

// run returns what the line prints.
func (s *docShell) run(line string) string {
	s.t.Helper()
	out, err := s.command(s.t.Context(), line).CombinedOutput()
	if err != nil && !strings.Contains(line, "exit code $?") {
		s.t.Errorf("%s: %v\n%s", line, err, out)
	}
	return string(out)
}

// terminal runs a line that ends with Ctrl-C in a terminal of its own, and returns what it prints until it says that.
// Ctrl-C comes when end is called, at the latest when the test ends.
func (s *docShell) terminal(line string) (printed string, end func()) {
	s.t.Helper()
	if runtime.GOOS == "windows" {
		s.t.Skip("there is no way to send Ctrl-C here")
	}
	ctx, interrupt := context.WithCancel(s.t.Context())
	cmd := s.command(ctx, "exec "+line)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		interrupt()
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		interrupt()
		s.t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	rest := make(chan struct{})
	end = sync.OnceFunc(func() {
		interrupt()
		<-rest
		if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 0 {
			s.t.Errorf("%s, and Ctrl-C: %v", line, err)
		}
	})
	s.t.Cleanup(end)
	for !strings.Contains(printed, "Ctrl-C") {
		text, err := lines.ReadString('\n')
		printed += text
		if err != nil {
			close(rest)
			s.t.Fatalf("%s: %v after %q", line, err, printed)
		}
	}
	go func() { // what nobody reads would stop the command
		_, _ = io.Copy(io.Discard, lines)
		close(rest)
	}()
	return printed, end
}

// onePhone starts a simulated phone.
func onePhone(t *testing.T) *phonesim.Phone {
	t.Helper()
	return start(t, phonesim.Config{
		Listen: "127.0.0.1:0", Web: "127.0.0.1:0", DeviceType: "OpenScape Desk Phone CP600", MAC: "00:1A:E8:00:00:01", Level: 3,
		SoftwareType: "Unify HFA", Version: bind.Version{Major: 1, Release: 4, Fix: 9}, RestartTime: 2 * time.Second,
	})
}

// TestReadme runs every console block of the README and of four pages of docs, each page in order and in one folder, and
// compares what it prints. What stands behind "console" says where: in a second terminal, against a simulated phone
// instead of 192.0.2.50, or against a server instead of files.example.
func TestReadme(t *testing.T) {
	t.Parallel() // what it does most is wait
	top := filepath.Join("..", "..")
	for name, commands := range map[string]int{
		filepath.Join(top, "README.md"):           7,
		filepath.Join(top, "docs", "demo.md"):     1,
		filepath.Join(top, "docs", "tour.md"):     15,
		filepath.Join(top, "docs", "settings.md"): 8,
		filepath.Join(top, "docs", "web.md"):      4,
	} {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			s := newDocShell(t)
			server := withServer(t, s.run)
			comparePage(t, name, commands, func(info string) func(string) string {
				switch info {
				case "console", "console whole":
					return s.run
				case "console terminal":
					return func(line string) string {
						printed, _ := s.terminal(line)
						return printed
					}
				case "console phone", "console web":
					return s.withPhone(onePhone(t))
				case "console server":
					return server()
				}
				return nil
			})
		})
	}
}

// withPhone returns a shell in which the phone is 192.0.2.50, and is waited for in seconds.
func (s *docShell) withPhone(phone *phonesim.Phone) func(string) string {
	const example = "192.0.2.50"
	return func(line string) string {
		if strings.Contains(line, "--web") {
			line = s.withPage(line, phone)
		}
		line = strings.ReplaceAll(line, example, phone.Address()+" --contact-interval 5s --probe-interval 200ms --patience 1m")
		return strings.NewReplacer(phone.Address(), example, "at most 1 min", "at most 10 min", "queried within 5 s", "queried within 1 min").Replace(s.run(line))
	}
}

// withPage makes a line that is for the default port of a page, a key that is known, and the password in a file, one for a
// simulated phone.
func (s *docShell) withPage(line string, phone *phonesim.Phone) string {
	page := phone.State().WebAddress
	_, port, _ := net.SplitHostPort(page)
	s.run("echo " + phonesim.DefaultPassword + " > phone-secret")
	line = strings.ReplaceAll(line, "--password-file secret", "--password-file phone-secret")
	return line + " --web-port " + port + " --pin " + pinOf(s.t, page)
}

// withServer returns a function that starts a server, when it is asked for the first time, and returns a shell in which
// that server is called files.example; its authority is ca.pem there, and the password of technician is in secret. Where
// no server can be started the shell is nil, in CI the test fails.
func withServer(t *testing.T, run func(string) string) func() func(string) string {
	return sync.OnceValue(func() func(string) string {
		_, found := realservers.Find(realservers.VSFTPD)
		if runtime.GOOS != "linux" || (!found || os.Getuid() != 0) && os.Getenv("CI") == "" {
			t.Log("no server can be started here: what needs one was not run")
			return nil
		}
		s := realservers.Start(t, realservers.VSFTPD, realservers.Options{TLS: true})
		run("cp '" + s.CAFile + "' ca.pem && echo '" + s.Access.Password.Reveal() + "' > secret")
		return func(line string) string {
			line = strings.ReplaceAll(line, "--server files.example", fmt.Sprintf("--server %s --port %d", s.Access.Server, s.Access.Port))
			return asExample(run(line), fmt.Sprintf("%s:%d", s.Access.Server, s.Access.Port), 21)
		}
	})
}

// TestExamples runs the example lines of every command's help. Those that would go to a server are told not to: they
// name servers that do not exist. The phone that they name is a simulated one.
func TestExamples(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("jq"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("in CI jq must be installed")
		}
		t.Skip("jq is not installed, and an example uses it")
	}
	plain, phone := newDocShell(t), onePhone(t)
	run := func(line string) string {
		if strings.Contains(line+" ", "--web ") {
			line = plain.withPage(line, phone)
		}
		return plain.run(strings.ReplaceAll(line, "192.0.2.50", phone.Address()))
	}
	for _, line := range []string{
		"head -c 1000 /dev/zero > app.bin && cp app.bin CP20X_SIP_V1_R9_2_0.img && cp app.bin OS40_SIP_V3_R5_12_0.img && mkdir images",
		`printf 'hw_level\n3\n' > phones.csv`,
		`printf 'address,hw_level\n192.0.2.50,3\n' > site.csv`,
		"echo secret | tee password.txt > secret",
	} {
		run(line)
	}
	examples := examplesOf(newRoot(newTestApp(&console.Console{}, "")))
	pushes := 0
	var rollouts []string
	end := func() {}
	for _, line := range sortPackFirst(examples) {
		line, _, _ = strings.Cut(line, "    (") // where it is typed
		switch {
		case strings.HasPrefix(line, "cpupdate rollout"):
			rollouts = append(rollouts, line)
			continue
		case strings.HasPrefix(line, "cpupdate simulate"):
			end()
			_, end = plain.terminal(line)
			continue
		case strings.HasPrefix(line, "cpupdate push"):
			pushes++
			if strings.Contains(line, "--use-defaults") {
				run("cpupdate defaults set -q --server files.example --username cp --hw-level 3")
			}
			line += " --dry-run"
			if strings.Contains(line, "--profile berlin") {
				run("cpupdate defaults set -q --profile berlin --server files.example --username cp --hw-level 3")
			}
			got := run(line)
			if !strings.Contains(got, "no connection opened") && !strings.Contains(got, "no update command was sent") && !strings.Contains(got, "no image was sent") && !strings.Contains(got, "no form was submitted") && !strings.Contains(got, "3 phones: 3 compatible") {
				t.Errorf("%s does not say that nothing is sent:\n%s", line, got)
			}
			continue
		case strings.HasPrefix(line, "cpupdate defaults test"), strings.HasPrefix(line, "cpupdate doctor") && !strings.Contains(line, "--serve"):
			continue // they have no way not to connect
		}
		run(line)
		if strings.Contains(line, "-o cp600.bind") {
			run("cp cp600.bind images/")
		}
	}
	end()
	for _, line := range inTheirOrder(t, rollouts) {
		if strings.HasPrefix(line, "cpupdate rollout watch") {
			_, end := plain.terminal(line)
			end()
			continue
		}
		run(line)
	}
	if len(examples) < 10 || pushes == 0 {
		t.Errorf("only %d examples found, %d of push", len(examples), pushes)
	}
}

// inTheirOrder returns the examples of rollout in the order of a rollout, made fit for one phone. Retry is left out: nothing failed. So is
// work, which needs a server: TestDocsSites runs it.
func inTheirOrder(t *testing.T, lines []string) []string {
	t.Helper()
	var ordered []string
	for _, verb := range []string{"plan", "pause", "stop", "resume", "watch", "run", "status", "list", "report"} {
		for _, line := range lines {
			if !strings.HasPrefix(line+" ", "cpupdate rollout "+verb+" ") {
				continue
			}
			switch verb {
			case "plan":
				line = strings.ReplaceAll(line, "firmware/", "images") + " --offline"
			case "run":
				line += " --contact-interval 5s --probe-interval 200ms --patience 1m"
			case "watch":
				line = strings.ReplaceAll(line, ":8080", ":0") // another program may have this port
			}
			ordered = append(ordered, line)
		}
	}
	leftOut := 1
	for _, line := range lines {
		if strings.HasPrefix(line, "cpupdate rollout work ") {
			leftOut++
		}
	}
	if len(ordered) != len(lines)-leftOut {
		t.Errorf("examples of rollout were left out: %q", lines)
	}
	return ordered
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
