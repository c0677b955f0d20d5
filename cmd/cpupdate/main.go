// Command cpupdate installs firmware images on OpenScape Desk Phone CP and OpenStage phones: it reads an image, says
// before anything is sent whether a phone will accept it, instructs the phone to fetch it, and follows the phone until
// it reports the new version.
//
//go:debug x509negativeserial=1
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/credentials"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
)

func main() { os.Exit(int(process(newApp()))) }

// process executes the command line of this process and returns its exit code.
func process(a *app) exit.Code {
	log.SetOutput(io.Discard) // net/http logs unsolicited server text there
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // nohup ignores it
		signals = append(signals, syscall.SIGHUP)
	}
	cobra.MousetrapHelpText, cobra.MousetrapDisplayDuration = doubleClickText(os.Args[1:]), 0
	ctx, interrupt := context.WithCancel(context.Background())
	came := make(chan os.Signal, 1)
	signal.Notify(came, signals...)
	go func() {
		<-came
		// After the first signal, the next one ends the process at once, as without a handler. SIGHUP is ignored from here
		// on, because a terminal that closes may send it twice and the cleanup needs time.
		signal.Ignore(syscall.SIGHUP)
		signal.Stop(came)
		if console.StderrTerminal() {
			fmt.Fprintln(os.Stderr) // the terminal shows ^C where the cursor is
		}
		interrupt()
	}()
	return run(ctx, a, os.Args[1:])
}

// run executes one command line and returns its exit code.
func run(ctx context.Context, a *app, args []string) exit.Code {
	root := newRoot(a)
	root.SetArgs(args)
	if len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) { // or ShellCompNoDescRequestCmd, which begins with it
		completeValues(root)
	}
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = a.helpErr
	}
	if !a.parsed {
		a.con.JSON = a.con.JSON || wantsJSON(args)
	}
	return a.con.Report(err)
}

// runInside executes one command line that knows nothing of what is stored or set on this machine: its settings lie in the
// folder.
func (a *app) runInside(ctx context.Context, folder string, args []string) exit.Code {
	return run(ctx, a.inFolder(folder), args)
}

// inFolder returns an app that prints where this one does, and knows nothing of what is stored or set for it.
func (a *app) inFolder(folder string) *app {
	con := *a.con
	con.In, con.InTerminal = strings.NewReader(""), false
	con.ColorOut = a.con.ColorOut && !a.con.NoColor
	con.Verbose = false
	if a.con.Quiet {
		con = *con.Silent()
	}
	store := &settings.Store{Folder: filepath.Join(folder, "settings")}
	inner := wire(&con, store, &credentials.Store{Console: &con, Settings: store}, a.around)
	inner.open, inner.dial, inner.clock = a.open, a.dial, a.clock
	inner.phoneNet = a.phoneNet
	return inner
}

// wantsJSON looks for --json before cobra parses the flags: errors in the command line itself are JSON too.
func wantsJSON(args []string) bool {
	for _, arg := range args {
		if arg == "--" {
			return false
		}
		if arg == "--json" || strings.HasPrefix(arg, "--json=t") || arg == "--json=1" {
			return true
		}
	}
	return false
}
