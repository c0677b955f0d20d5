package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// maxPassword is the size of the longest password in bytes, as for any other text of the access data.
const maxPassword = 4096

// passwordVariable holds a password. Who looks at the environment can see it: programs that we start do not get it.
const passwordVariable = "CPUPDATE_PASSWORD" //nolint:gosec // a name, no password

// Where a password came from: the origins that passwordOptions.resolve returns.
const (
	fromStdin    = "--password-stdin"
	fromFile     = "--password-file"
	fromCommand  = "--password-command"
	fromVariable = "$" + passwordVariable
	fromStore    = "store"
	fromPrompt   = "prompt"
)

// passwordOptions say where a password comes from. None of them holds it: what stands on a command line is in the
// list of processes.
type passwordOptions struct {
	stdin         bool
	file, command string
	whose         string // for the prompt, such as "cp at files.example"; may be empty
	before        func() // called before somebody is asked
	noVariable    bool   // the environment's password is meant for somebody else
}

func (o *passwordOptions) addFlags(flags *pflag.FlagSet) {
	flags.BoolVar(&o.stdin, "password-stdin", false, "read the password from standard input; a terminal does not show it")
	flags.StringVar(&o.file, "password-file", "", "read the password from `FILE`, without the line break at its end")
	flags.StringVar(&o.command, "password-command", "", "the password is what `COMMAND` prints; it is split into words, and no shell runs it")
}

// given reports whether a flag names a source.
func (o *passwordOptions) given() bool { return o.stdin || o.file != "" || o.command != "" }

// validate allows one source.
func (o *passwordOptions) validate(command string) error {
	n := 0
	for _, given := range []bool{o.stdin, o.file != "", o.command != ""} {
		if given {
			n++
		}
	}
	if n > 1 {
		return usage(command, "%s, %s and %s: choose one", fromStdin, fromFile, fromCommand)
	}
	return nil
}

// resolve finds the password: from the flag, the environment, the store (if stored is not nil), and a prompt (if ask,
// and if standard input is a terminal). A password that nobody has is not set, and no error.
func (o *passwordOptions) resolve(ctx context.Context, a *app, stored func(context.Context) (secret.Secret, error), ask bool) (password secret.Secret, origin string, err error) {
	if o.given() {
		return o.fromFlags(ctx, a)
	}
	if a.password.IsSet() && !o.noVariable {
		password, err = checkedPassword(fromVariable, a.password.Reveal())
		return password, fromVariable, err
	}
	if stored != nil {
		if password, err = stored(ctx); err != nil || password.IsSet() {
			return password, fromStore, err
		}
	}
	if ask && a.inTerminal {
		password, err = o.prompt(ctx, a)
		return password, fromPrompt, err
	}
	return secret.Secret{}, "", nil
}

// fromFlags reads the password from the source that the flag names.
func (o *passwordOptions) fromFlags(ctx context.Context, a *app) (password secret.Secret, origin string, err error) {
	var text string
	switch {
	case o.stdin && a.inTerminal:
		password, err = o.prompt(ctx, a)
		return password, fromStdin, err
	case o.stdin:
		origin = fromStdin
		text, err = readPassword(interruptible(ctx, a.in))
	case o.file != "":
		origin = fromFile
		text, err = o.readFile(ctx)
	default:
		origin = fromCommand
		text, err = o.run(ctx, a)
	}
	if err == nil {
		password, err = checkedPassword(origin, withoutLineBreak(text))
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return password, origin, err
}

// prompt asks on the terminal.
func (o *passwordOptions) prompt(ctx context.Context, a *app) (secret.Secret, error) {
	question := "Password: "
	if o.whose != "" {
		question = "Password of " + escape(o.whose) + ": "
	}
	if o.before != nil {
		o.before()
	}
	text, err := a.ask(ctx, question)
	if ctx.Err() != nil {
		return secret.Secret{}, ctx.Err()
	}
	if err != nil {
		return secret.Secret{}, fail(codeSettings, fmt.Errorf("no password was typed: %w", err), "name another source: --password-stdin, --password-file or --password-command")
	}
	return checkedPassword("the password that was typed", text)
}

// checkedPassword refuses what cannot be a password, without showing it.
func checkedPassword(source, text string) (secret.Secret, error) {
	password, err := newPassword(text)
	if err != nil {
		return secret.Secret{}, fail(codeSettings, fmt.Errorf("%s: %w", source, err), "it must be the password alone, on one line")
	}
	return password, nil
}

// newPassword checks a password.
func newPassword(text string) (secret.Secret, error) {
	var access transfer.Access
	if err := access.Set(transfer.SettingPassword, text); err != nil {
		e := (*transfer.SettingError)(nil)
		if errors.As(err, &e) {
			err = errors.New("the password " + e.Problem)
		}
		return secret.Secret{}, err
	}
	return access.Password, nil
}

// readPassword reads a whole source, of which a line break may be left over.
func readPassword(r io.Reader) (string, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxPassword+3))
	if err != nil {
		err = fail(codeSettings, fmt.Errorf("reading the password: %w", withoutPath(err)), "check where it comes from")
	}
	return string(text), err
}

// readFile reads the password file, which may be a pipe that nobody writes into.
func (o *passwordOptions) readFile(ctx context.Context) (string, error) {
	type result struct {
		text []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		text, err := readLimited(o.file, maxPassword+2)
		done <- result{text, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case r := <-done:
		if r.err != nil {
			return "", fail(codeSettings, fmt.Errorf("password file %s: %w", o.file, withoutPath(r.err)), "a file that holds the password and nothing else")
		}
		return string(r.text), nil
	}
}

// run runs the command. It gets our terminal, since it may have to ask for what it needs; other input is not its own.
func (o *passwordOptions) run(ctx context.Context, a *app) (string, error) {
	words, err := splitWords(o.command)
	if err != nil {
		return "", failf(codeUsage, "a program and its arguments, as in --password-command 'pass show site'", "%s: %v", fromCommand, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, words[0], words[1:]...) //nolint:gosec // the command is the user's
	cmd.Env = withoutVariable(cmd.Environ(), passwordVariable)
	cmd.Stderr = a.err
	cmd.WaitDelay = time.Second
	if a.inTerminal {
		cmd.Stdin = a.in
	}
	out := &boundedText{most: maxPassword + 2, full: cancel}
	cmd.Stdout = out
	err = cmd.Run()
	if out.over {
		err = fmt.Errorf("prints more than %d bytes", maxPassword)
	}
	if err != nil {
		return "", fail(codeSettings, fmt.Errorf("%s %s: %w", fromCommand, words[0], errorWithout(err)),
			"run the command by hand: it has to print the password and nothing else, and to end with exit code 0")
	}
	return out.text.String(), nil
}

// withoutVariable takes a variable out of an environment; on Windows its name may be written in any case.
func withoutVariable(environment []string, name string) []string {
	return slices.DeleteFunc(environment, func(line string) bool {
		key, _, _ := strings.Cut(line, "=")
		return strings.EqualFold(key, name)
	})
}

// A boundedText keeps what is written, up to a limit; then it calls full.
type boundedText struct {
	text strings.Builder
	most int
	over bool
	full func()
}

func (b *boundedText) Write(p []byte) (int, error) {
	if b.text.Len()+len(p) > b.most {
		b.over = true
		b.full()
		return 0, errors.New("too much")
	}
	return b.text.Write(p)
}

// errorWithout takes the program's name off an error that would repeat it.
func errorWithout(err error) error {
	if e := (*exec.Error)(nil); errors.As(err, &e) {
		return e.Err
	}
	return withoutPath(err)
}

// withoutLineBreak takes one line break off the end.
func withoutLineBreak(text string) string {
	text = strings.TrimPrefix(text, "\ufeff") // a byte order mark, as editors on Windows write it
	if whole, found := strings.CutSuffix(text, "\r\n"); found {
		return whole
	}
	return strings.TrimSuffix(text, "\n")
}
