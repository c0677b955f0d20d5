package main

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/credentials"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/internal/forge"
	"github.com/cpupdate/cpupdate/internal/realservers"
	"github.com/cpupdate/cpupdate/internal/suite"
)

func TestMain(m *testing.M) {
	// No test asks the keyring of whoever runs it: what is started inherits this, and those that want one set it empty.
	if _, set := os.LookupEnv(credentials.KeyringVariable); !set {
		if err := os.Setenv(credentials.KeyringVariable, credentials.KeyringOff); err != nil {
			panic(err)
		}
	}
	if folder := os.Getenv(journalsVariable); folder != "" && os.Getenv("CPUPDATE_JOURNAL") == "" { // in a process that a test starts
		if err := os.Setenv("CPUPDATE_JOURNAL", filepath.Join(folder, strconv.Itoa(os.Getpid())+".db")); err != nil {
			panic(err)
		}
	}
	log.SetOutput(io.Discard) // as in main
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGQUIT} {
		if signal.Ignored(s) { // as in the background of a shell: processes that tests start would ignore it too
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
	suite.SideBySide(8)
	suite.CollectRarely() // that took a third of the time
	testscript.Main(withSchemas{withJournals{m}}, map[string]func(){"cpupdate": comparedMain, "answering": answering})
}

// journalsVariable names the folder of the journals of processes that tests start. Each has its own, since many of their phones have
// the same MAC address; and none writes into that of whoever runs the tests.
const journalsVariable = "CPUPDATE_TEST_JOURNALS"

// withJournals runs the tests with such a folder.
type withJournals struct{ *testing.M }

// Run runs the tests.
func (m withJournals) Run() int {
	folder, err := os.MkdirTemp("", "cpupdate-journals")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	if err := os.Setenv(journalsVariable, folder); err != nil {
		panic(err)
	}
	defer holdCallPort()()
	return m.M.Run()
}

// holdCallPort takes the port that phones call by default, and accepts nobody there until it is released. So each run of cpupdate gets a
// port of its own: a simulated phone that calls late, when the run that asked it to has ended, cannot reach the run of another test.
func holdCallPort() (release func()) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(option.CallPort)))
	if err != nil { // another program has it
		return func() {}
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	return func() { _ = l.Close() }
}

// TestScript runs the command as a person would: testdata/script, one file a subject.
func TestScript(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			home := filepath.Join(env.WorkDir, "home")
			env.Setenv("HOME", home)
			env.Setenv("USERPROFILE", home)
			env.Setenv("AppData", filepath.Join(home, "settings"))
			env.Setenv("XDG_CONFIG_HOME", filepath.Join(home, "settings"))
			env.Setenv("LOCALAPPDATA", filepath.Join(home, "state"))
			env.Setenv("XDG_STATE_HOME", filepath.Join(home, "state"))
			env.Setenv(schemasVariable, os.Getenv(schemasVariable))
			env.Setenv("SETTINGS", settingsFolder(home))
			env.Setenv(credentials.KeyringVariable, credentials.KeyringOff) // a developer's keyring is his own
			return os.MkdirAll(home, 0o700)
		},
		Condition: condition,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"empty":  cmdEmpty,
			"code":   cmdCode,
			"forge":  cmdForge,
			"fill":   cmdFill,
			"kernel": cmdKernel,
			"serve":  cmdServe(t),
			"await":  cmdAwait,
			"phones": cmdPhones,
			"plain":  cmdPlain,
			"peer":   cmdPeer(t),
		},
	})
}

// settingsFolder is where os.UserConfigDir puts our settings in a script.
func settingsFolder(home string) string {
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Application Support", "cpupdate")
	}
	return filepath.Join(home, "settings", "cpupdate")
}

// condition knows [root]: whether root runs the tests, [tool:NAME]: whether a program is there, and [server:KIND]: whether a server of that kind can be
// started. In CI what is missing is a failure, not a skip.
func condition(name string) (bool, error) {
	if kind, found := strings.CutPrefix(name, "server:"); found {
		_, ok := realservers.Find(realservers.Kind(kind))
		ok = ok && os.Getuid() == 0
		if !ok && os.Getenv("CI") != "" {
			return false, errors.New("in CI " + kind + " must be installed, and the tests run by root")
		}
		return ok, nil
	}
	if name == "root" {
		return os.Getuid() == 0, nil
	}
	tool, found := strings.CutPrefix(name, "tool:")
	if !found {
		return false, errors.New("unknown condition " + name)
	}
	_, err := exec.LookPath(tool)
	if err != nil && os.Getenv("CI") != "" {
		return false, errors.New("in CI " + tool + " must be installed")
	}
	return err == nil, nil
}

// cmdCode runs a command and expects its exit code: code 3 cpupdate inspect x.
func cmdCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%s did not run: %v", args[1], err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// cmdEmpty expects that a folder is empty: empty FOLDER.
func cmdEmpty(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: empty FOLDER")
	}
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(entries) > 0 {
		ts.Fatalf("%s holds %s", args[0], entries[0].Name())
	}
}

// cmdForge writes a forged image: forge FILE NAME, with a name of forge, or "valid".
func cmdForge(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: forge FILE NAME")
	}
	if args[1] == "valid" {
		ts.Check(os.WriteFile(ts.MkAbs(args[0]), forge.Valid().Image(), 0o600))
		return
	}
	if args[1] == "valid, with an unknown field" {
		parts := forge.Valid()
		parts.Fields = append(parts.Fields, forge.Field{Type: 0x0123, Value: []byte{1, 2, 3}})
		ts.Check(os.WriteFile(ts.MkAbs(args[0]), parts.Image(), 0o600))
		return
	}
	for _, forgery := range append(forge.Forgeries(), forge.KernelForgeries()...) {
		if forgery.Name == args[1] {
			ts.Check(os.WriteFile(ts.MkAbs(args[0]), forgery.Image, 0o600))
			return
		}
	}
	ts.Fatalf("no forgery is called %q", args[1])
}

// cmdKernel writes the payload of an OpenStage image, a kernel with its U-Boot header and this name, followed by a root
// file system: kernel FILE NAME. The kernel called damaged is damaged. With an image's texts it writes the whole image: kernel FILE NAME PHONE VERSION.
func cmdKernel(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 && len(args) != 4 {
		ts.Fatalf("usage: kernel FILE NAME [PHONE VERSION]")
	}
	k := forge.ValidKernel()
	name, err := strconv.Unquote(`"` + args[1] + `"`)
	ts.Check(err)
	k.Name = name
	parts := forge.ValidOpenStage().WithKernel(k)
	content := parts.Payload
	if name == "damaged" {
		content[64] ^= 1
	}
	if len(args) == 4 {
		parts.Name, parts.Device, parts.Version = args[2], args[2], args[3]
		content = parts.Image()
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), content, 0o600))
}

// cmdFill writes a payload that is the same everywhere: fill FILE BYTES.
func cmdFill(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: fill FILE BYTES")
	}
	size, err := strconv.Atoi(args[1])
	ts.Check(err)
	content := make([]byte, size)
	for i := range content {
		content[i] = byte(i*7 + i>>8)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), content, 0o600))
}
