package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/internal/forge"
	"github.com/cpupdate/cpupdate/pkg/bind"
)

// Each exit code that a command line can reach so far is reached, as text and as JSON.
func TestEveryExitCode(t *testing.T) {
	image := clitest.Image(t, "a.bind", func(b *bind.Builder) {
		b.Levels, _ = bind.NewLevels(bind.LevelRange{Lowest: 1, Highest: 3})
	})
	list := clitest.File(t, "phones.csv", []byte("hw_level\n9\n"))
	tests := []struct {
		want exit.Code
		args []string
	}{
		{exit.CodeOK, []string{"check", image, "--hw-level", "3"}},
		{exit.CodeUsage, []string{"check", image, "--hw-level", "none"}},
		{exit.CodeImage, []string{"check", list, "--hw-level", "3"}},
		{exit.CodeRefused, []string{"check", image, "--hw-level", "4"}},
		{exit.CodeUnknown, []string{"check", image}},
		{exit.CodeSettings, []string{"check", image, "--phones", image}},
		{exit.CodePartial, []string{"check", image, "--phones", list}},
	}
	reached := []exit.Code{exit.CodeInternal, exit.CodeInterrupted, exit.CodeStopped} // the tests below, TestWebLockedOut
	for _, c := range pushCodes() {
		reached = append(reached, c) // TestPushCodes
	}
	for _, test := range tests {
		reached = append(reached, test.want)
		text := runHere(t, nil, test.args...)
		asJSON := runHere(t, nil, append(test.args, "--json")...)
		if text.code != test.want || asJSON.code != test.want {
			t.Errorf("%q: exit code %d, with --json %d, want %d", test.args, text.code, asJSON.code, test.want)
		}
		if test.want == exit.CodeOK {
			continue
		}
		e := asJSON.failure(t)
		if row := test.want.Row(); e.Code != row.Code || e.Name != row.Name || (e.Retryable == nil) != (row.Retryable == "see output") {
			t.Errorf("%q: the error is %s, want that of %v", test.args, asJSON.errOut, row)
		}
		if !strings.Contains(text.errOut, "\nhint: ") {
			t.Errorf("%q: no hint in %s", test.args, text.errOut)
		}
	}

	for _, row := range exit.Table() {
		if !slices.Contains(reached, row.Code) {
			t.Errorf("exit code %d (%s) is reached by no test", row.Code, row.Name)
		}
	}
}

// An answer that cannot be written is a failure: who reads only the exit code must not take it for success.
func TestAnswerThatCannotBeWritten(t *testing.T) {
	image := clitest.Image(t, "a.bind", nil)
	for _, args := range [][]string{
		{"inspect", image},
		{"inspect", image, "--json"},
		{"check", image, "--minimum-version", "V1 R0.0.0"},
		{"version"},
		{"help", "exit-codes"},
		{"completion", "bash"},
		{"help"},
		{"help", "check"},
		{"--help"},
		{"check", "--help"},
		{},
	} {
		a, _, errOut := testApp(t, nil)
		a.con.Out = brokenWriter{}
		if c := run(t.Context(), a, args); c != exit.CodeInternal {
			t.Errorf("%q: exit code %d\n%s", args, c, errOut)
		}
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// A command that is interrupted ends with 130, whatever it was reading.
func TestInterrupted(t *testing.T) {
	image := clitest.Image(t, "a.bind", nil)
	payload := clitest.File(t, "payload", []byte("\x00"))
	output := filepath.Join(t.TempDir(), "out.bind")
	for _, args := range [][]string{
		{"inspect", image},
		{"inspect", "-"},
		{"inspect", filepath.Dir(image)},
		{"check", image, "--hw-level", "3"},
		{"check", filepath.Dir(image), "--hw-level", "3"},
		{"describe", image},
		{"defaults", "set", "--server", "files.example"},
		{"defaults", "set", "--password-stdin"},
		{"defaults", "unset", "server"},
		{"pack", payload, "-o", output, "--software-type", "SIP", "--software-version", "1.9.2.0"},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		a, out, errOut := testApp(t, bytes.NewReader(forge.Valid().Image()))
		r := ran{run(ctx, a, args), out.String(), errOut.String()}
		r.check(t, args)
		if r.code != exit.CodeInterrupted {
			t.Errorf("%q: exit code %d\n%s", args, r.code, errOut)
		}
	}
	left, err := os.ReadDir(filepath.Dir(output))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if _, err := os.Stat(image + bind.DescriptorSuffix); err == nil {
		t.Error("an interrupted describe wrote a descriptor")
	}
}

// A signal ends the real process while it waits for input that never comes.
func TestSignal(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no way to send a process Ctrl-C alone")
	}
	ending := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // it may be, and the child inherits that
		ending = append(ending, syscall.SIGHUP)
	}
	for _, signal := range ending {
		cmd := exec.CommandContext(t.Context(), "cpupdate", "inspect", "--json", "-", "missing.bind")
		var errOut bytes.Buffer
		cmd.Stderr = &errOut
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Larger than any pipe: once it is written, the process has begun to read.
		if _, err := stdin.Write(oversized(t)); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		err = cmd.Wait()
		var ended *exec.ExitError
		if !errors.As(err, &ended) || ended.ExitCode() != int(exit.CodeInterrupted) {
			t.Errorf("%v: ended with %v\n%s", signal, err, &errOut)
		}
		var doc struct{ Error exit.ErrorDoc }
		if err := json.Unmarshal(errOut.Bytes(), &doc); err != nil || doc.Error.Name != "interrupted" || doc.Error.Message != "interrupted" {
			t.Errorf("%v: said %q, %v", signal, &errOut, err)
		}
	}
}

// Who starts the process so that it outlives the terminal, as nohup does, is not interrupted with it.
func TestIgnoredHangup(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows knows no nohup")
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "trap '' HUP; exec cpupdate inspect -")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := stdin.Write(oversized(t)); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	stdin.Close()
	var ended *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &ended) || ended.ExitCode() != int(exit.CodeImage) {
		t.Errorf("ended with %v", err)
	}
}

// oversized returns the front of an image that is larger than what is sent.
func oversized(t *testing.T) []byte {
	t.Helper()
	b := &bind.Builder{Family: "F", SoftwareType: "SIP", Version: bind.Version{Major: 1}}
	header, err := b.Header(1<<40, [32]byte{})
	if err != nil {
		t.Fatal(err)
	}
	return append(header, make([]byte, 4<<20)...)
}
