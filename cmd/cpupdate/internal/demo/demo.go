// Package demo tells the story of an update with simulated phones, in a temporary folder.
package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/simulate"
	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// Run runs the demo with simulated phones, in a folder of its own. What it says in the end is true: the folder is gone by then.
func Run(ctx context.Context, con *console.Console, cast []Phone, keep bool, run func(ctx context.Context, folder string, args []string) exit.Code) error {
	con.KeepPipes()
	if err := runInFolder(ctx, con, cast, keep, run); err != nil || keep {
		return err
	}
	return (&demonstration{con: con}).say(endText)
}

func runInFolder(ctx context.Context, con *console.Console, cast []Phone, keep bool, run func(ctx context.Context, folder string, args []string) exit.Code) (err error) {
	back, err := os.Getwd()
	if err != nil {
		return demoTrouble(err)
	}
	folder, err := newDemoFolder()
	if err != nil {
		return demoTrouble(err)
	}
	if !keep {
		defer func() { err = errors.Join(err, demoTrouble(os.RemoveAll(folder))) }()
	}
	if err := os.Chdir(folder); err != nil {
		return demoTrouble(err)
	}
	// Some systems cannot remove the current folder of a process.
	defer func() { err = errors.Join(err, demoTrouble(os.Chdir(back))) }()
	d := &demonstration{con: con, run: func(ctx context.Context, args []string) exit.Code { return run(ctx, folder, args) }}
	defer func() { simulate.Close(d.phones) }()
	if err := d.start(cast); err != nil {
		return err
	}
	err = d.tell(ctx)
	switch {
	case err == nil && keep:
		return d.say(fmt.Sprintf(keptText, console.Escape(folder)))
	case keep:
		_ = d.say("The folder was kept: " + console.Escape(folder) + "\n")
	}
	return err
}

// newDemoFolder makes the folder. Its name is absolute, even if the name of the folder for temporary files is not.
func newDemoFolder() (string, error) {
	folder, err := os.MkdirTemp("", "cpupdate-demo-")
	if err != nil {
		return "", err
	}
	return filepath.Abs(folder)
}

// demoTrouble returns the error for a failure that has nothing to do with phones or images.
func demoTrouble(err error) error {
	if err == nil {
		return nil
	}
	return exit.New(exit.CodeSettings, fmt.Errorf("demo folder: %w", err), "check that the folder for temporary files is writable and has 10 MiB of free space")
}

// demoHint is the next step when the demo did not go as expected.
const demoHint = "if this machine is very busy, try again; otherwise please report this, with the output"

// A demonstration is a running demo.
type demonstration struct {
	con    *console.Console
	run    func(ctx context.Context, args []string) exit.Code // runs a command line in the demo's folder
	phones []*phonesim.Phone
}

// tell runs one step after another, until one does not end as expected.
func (d *demonstration) tell(ctx context.Context) error {
	if err := d.say(beginText); err != nil {
		return err
	}
	steps := d.story()
	for i, s := range steps {
		if err := d.step(ctx, i+1, s); err != nil {
			if ctx.Err() != nil {
				return exit.New(exit.CodeInterrupted, fmt.Errorf("interrupted in step %d of %d of the demo", i+1, len(steps)))
			}
			return err
		}
	}
	return nil
}

// step prints what comes next, runs it, and prints how it ended.
func (d *demonstration) step(ctx context.Context, n int, s demoStep) error {
	number := fmt.Sprintf("%d. ", n)
	if err := d.say("\n" + number + console.Wrap(s.says, len(number), d.con.Width) + "\n\n"); err != nil {
		return err
	}
	for _, c := range s.commands {
		if err := d.say(d.con.Paint(console.Bold, "$ "+c.text()) + "\n"); err != nil {
			return err
		}
		got := d.run(ctx, c.args())
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if got != c.want {
			return exit.Errorf(exit.CodeInternal, demoHint,
				"step %d of the demo: %s ended with exit code %d (%s), not %d (%s)", n, c.name(), got, got.Row().Name, c.want, c.want.Row().Name)
		}
		if got != exit.CodeOK {
			if err := d.say(d.con.Paint(console.Yellow, fmt.Sprintf("exit code %d (%s)", got, got.Row().Name)) + "\n"); err != nil {
				return err
			}
		}
	}
	if err := d.verify(n, s); err != nil || s.phone == nil {
		return err
	}
	return d.say("\n" + console.Wrap(seenByPhone(s.phone.State()), 0, d.con.Width) + "\n")
}

// verify checks that the phones were updated and restarted as often as the step says, and no more.
func (d *demonstration) verify(n int, s demoStep) error {
	for i, phone := range d.phones {
		state := phone.State()
		if got := (demoState{state.Instructed, state.Restarts}); got != s.after[i] {
			return exit.Errorf(exit.CodeInternal, demoHint, "step %d of the demo: phone %d was sent the update command %s and restarted %s, not %s and %s",
				n, i+1, console.Times(got.instructed), console.Times(got.restarts), console.Times(s.after[i].instructed), console.Times(s.after[i].restarts))
		}
	}
	return nil
}

// seenByPhone returns what happened to the simulated phone.
func seenByPhone(s phonesim.State) string {
	text := fmt.Sprintf("Seen by the phone: update command received %s, %s fetched, %s; it runs %s.", console.Times(s.Instructed), display.Plural(s.Fetches, "file"), display.Plural(s.Restarts, "restart"), s.Version)
	if s.Refusal != "" {
		text += " It rejected the image: " + s.Refusal + "."
	}
	return text
}

// say writes a part of the demo's text.
func (d *demonstration) say(text string) error {
	return d.con.Print(nil, func(w io.Writer) { fmt.Fprint(w, text) })
}

// A demoCommand is a command line of the demo.
type demoCommand struct {
	words []string
	more  []string // arguments shown on a second line
	want  exit.Code
}

func (c demoCommand) args() []string { return append(append([]string{}, c.words...), c.more...) }

func (c demoCommand) name() string { return "cpupdate " + c.words[0] }

// text returns the command as a person would type it.
func (c demoCommand) text() string {
	var b strings.Builder
	b.WriteString("cpupdate" + typedWords(c.words))
	if len(c.more) > 0 {
		if runtime.GOOS != "windows" { // its shells differ in how a line is continued
			b.WriteString(" \\\n   ")
		}
		b.WriteString(typedWords(c.more))
	}
	return b.String()
}

// typedWords puts a space before each word, and quotes around a word that contains spaces. The words are fixed, and no
// shell changes anything else in them.
func typedWords(words []string) string {
	var b strings.Builder
	for _, word := range words {
		if strings.Contains(word, " ") {
			word = `"` + word + `"`
		}
		b.WriteString(" " + word)
	}
	return b.String()
}

// demoPayload returns a stand-in for the firmware: about 1 MiB, the same everywhere.
func demoPayload() []byte { return bytes.Repeat([]byte("payload of the demo\n"), 1<<20/20) }
