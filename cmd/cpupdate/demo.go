package main

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

	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/secret"
)

func newDemo(a *app) *cobra.Command {
	var keep bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show the whole story with simulated phones, in some seconds",
		Long: `Simulate some phones, build an image for them, look at it, check it, and take it
into the phones: one that fits, one that does not, one that refuses it although
it seemed to fit, and then all of them.

Each command is shown as one could type it, with a sentence on what it is for,
and with its real output. It all happens on this machine, in a temporary folder;
no other machine is spoken to, and nothing is stored.

With --keep the folder stays, with the image and the list of phones, to go on
from there. How that is done is said at the end.

The demo ends with exit code 0 if everything went as it tells, else with 1.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case a.json:
				return failf(codeUsage, "each command that it shows has --json of its own", "demo is a story for people: --json does not go with it")
			case keep && a.quiet:
				return usage("demo", "--keep and --quiet do not go together: nobody would learn what was kept")
			}
			return demo(cmd.Context(), a, demoPhones(), keep)
		},
	}
	cmd.Flags().BoolVar(&keep, "keep", false, "leave the folder where it is, and say where")
	return cmd
}

// demo tells the story with phones of its own, in a folder of its own.
func demo(ctx context.Context, a *app, cast []demoPhone, keep bool) (err error) {
	a.keepPipes()
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
	// Some systems remove no folder that somebody is in.
	defer func() { err = errors.Join(err, demoTrouble(os.Chdir(back))) }()
	d := &demonstration{app: a, inner: a.inFolder(folder)}
	defer func() { closePhones(d.phones) }()
	if err := d.start(cast); err != nil {
		return err
	}
	err = d.tell(ctx)
	switch {
	case err == nil && keep:
		return d.say(fmt.Sprintf(keptText, escape(folder)))
	case err == nil:
		return d.say(endText)
	case keep:
		_ = d.say("The folder was kept: " + escape(folder) + "\n")
	}
	return err
}

// newDemoFolder makes the folder. Its name is absolute, also where the one for temporary files has none.
func newDemoFolder() (string, error) {
	folder, err := os.MkdirTemp("", "cpupdate-demo-")
	if err != nil {
		return "", err
	}
	return filepath.Abs(folder)
}

// demoTrouble is what has nothing to do with phones and images.
func demoTrouble(err error) error {
	if err == nil {
		return nil
	}
	return fail(codeSettings, fmt.Errorf("the demo's folder: %w", err), "see that the folder for temporary files can be written, and has 10 MiB of space")
}

// inFolder returns an app that prints where this one does, and knows nothing of what is stored or set for it.
func (a *app) inFolder(folder string) *app {
	inner := *a
	inner.in, inner.inTerminal = strings.NewReader(""), false
	inner.colorOut = a.colorOut && !a.noColor
	inner.settings, inner.settingsErr = filepath.Join(folder, "settings"), nil
	inner.config, inner.configVariable, inner.password = "", "", secret.Secret{}
	inner.keyring = nil
	inner.parsed, inner.verbose = false, false
	if a.quiet {
		inner.out, inner.err, inner.errTerminal = io.Discard, io.Discard, false
	}
	return &inner
}

// demoHint is what to do about a story that went another way.
const demoHint = "if this machine is very busy try again; else please report this, with the output"

// A demonstration is a demo under way.
type demonstration struct {
	app, inner *app // of the demo, and of the commands that it runs
	phones     []*phonesim.Phone
}

// tell runs one step after another, as long as they end as they should.
func (d *demonstration) tell(ctx context.Context) error {
	if err := d.say(beginText); err != nil {
		return err
	}
	steps := d.story()
	for i, s := range steps {
		if err := d.step(ctx, i+1, s); err != nil {
			if ctx.Err() != nil {
				return fail(codeInterrupted, fmt.Errorf("interrupted in step %d of %d of the demo", i+1, len(steps)))
			}
			return err
		}
	}
	return nil
}

// step says what comes, runs it, and says how it ended.
func (d *demonstration) step(ctx context.Context, n int, s demoStep) error {
	number := fmt.Sprintf("%d. ", n)
	if err := d.say("\n" + number + wrap(s.says, len(number), d.app.width) + "\n\n"); err != nil {
		return err
	}
	for _, c := range s.commands {
		if err := d.say(d.app.paint(bold, "$ "+c.text()) + "\n"); err != nil {
			return err
		}
		got := run(ctx, d.inner, c.args())
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if got != c.want {
			return failf(codeInternal, demoHint,
				"step %d of the demo: %s ended with exit code %d (%s), not %d (%s)", n, c.name(), got, got.row().Name, c.want, c.want.row().Name)
		}
		if got != codeOK {
			if err := d.say(d.app.paint(yellow, fmt.Sprintf("exit code %d (%s)", got, got.row().Name)) + "\n"); err != nil {
				return err
			}
		}
	}
	if err := d.verify(n, s); err != nil || s.phone == nil {
		return err
	}
	return d.say("\n" + wrap(seenByPhone(s.phone.State()), 0, d.app.width) + "\n")
}

// verify finds out whether the phones have been through what the story says of them, and nothing else.
func (d *demonstration) verify(n int, s demoStep) error {
	for i, phone := range d.phones {
		state := phone.State()
		if got := (demoState{state.Told, state.Restarts}); got != s.after[i] {
			return failf(codeInternal, demoHint, "step %d of the demo: phone %d was told %s and restarted %s, not %s and %s",
				n, i+1, times(got.told), times(got.restarts), times(s.after[i].told), times(s.after[i].restarts))
		}
	}
	return nil
}

func times(n int) string { return plural(n, "time") }

// seenByPhone is what the simulated phone has been through.
func seenByPhone(s phonesim.State) string {
	text := fmt.Sprintf("Seen from the phone: told %s, fetched %s, %s; it runs %s.", times(s.Told), plural(s.Fetches, "file"), plural(s.Restarts, "restart"), s.Version)
	if s.Refusal != "" {
		text += " It refused the image: " + s.Refusal + "."
	}
	return text
}

// say writes some of the story.
func (d *demonstration) say(text string) error {
	return d.app.print(nil, func(w io.Writer) { fmt.Fprint(w, text) })
}

// A demoCommand is a command line of the story.
type demoCommand struct {
	words []string
	more  []string // those that stand on a second line
	want  code
}

func (c demoCommand) args() []string { return append(append([]string{}, c.words...), c.more...) }

func (c demoCommand) name() string { return "cpupdate " + c.words[0] }

// text is the command as one could type it.
func (c demoCommand) text() string {
	var b strings.Builder
	b.WriteString("cpupdate" + typedWords(c.words))
	if len(c.more) > 0 {
		if runtime.GOOS != "windows" { // whose shells do not agree on how a line goes on
			b.WriteString(" \\\n   ")
		}
		b.WriteString(typedWords(c.more))
	}
	return b.String()
}

// typedWords puts a blank before each word, and quotes around one that has blanks of its own; of more the shells do not
// make something else, since the words are ours.
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

// demoPayload stands for the firmware: some MiB that are the same everywhere.
func demoPayload() []byte { return bytes.Repeat([]byte("payload of the demo\n"), 4<<20/20) }
