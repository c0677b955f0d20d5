package credentials

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/atomicfile"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// MaxPassword is the maximum length of a password in bytes, as for any other text of the access data.
const MaxPassword = 4096

// PasswordVariable names the variable that may hold a password. Other programs can read the environment, so programs
// that cpupdate starts do not get it.
const PasswordVariable = "CPUPDATE_PASSWORD" //nolint:gosec // a name, no password

// The origins of a password that [Source.Resolve] returns.
const (
	fromStdin    = "--password-stdin"
	fromFile     = "--password-file"
	fromCommand  = "--password-command"
	fromVariable = "$" + PasswordVariable
	fromStore    = "store"
	fromPrompt   = "prompt"
)

// Source name the source of a password. None of them is the password itself, because the list of processes
// shows command lines.
type Source struct {
	Stdin         bool
	File, Command string
	FileFlag      string // the flag of File; --password-file if ""
	Whose         string // for the prompt, such as "cp at files.example"; may be empty
	Before        func() // called before a person is prompted
	NoVariable    bool   // ignore $CPUPDATE_PASSWORD: it is meant for another peer
}

// AddFlags adds the flags that name the source of a password.
func (o *Source) AddFlags(flags *pflag.FlagSet) {
	flags.BoolVar(&o.Stdin, "password-stdin", false, "read the password from standard input; a terminal does not show it")
	flags.StringVar(&o.File, "password-file", "", "read the password from `FILE`, without the line break at its end")
	flags.StringVar(&o.Command, "password-command", "", "run `COMMAND` and use its output as the password; it is split into words, and not run by a shell")
}

// Given reports whether a flag names a source.
func (o *Source) Given() bool { return o.Stdin || o.File != "" || o.Command != "" }

// Validate allows only one source.
func (o *Source) Validate(command string) error {
	n := 0
	for _, given := range []bool{o.Stdin, o.File != "", o.Command != ""} {
		if given {
			n++
		}
	}
	if n > 1 {
		return exit.Usage(command, "%s, %s and %s: use only one of them", fromStdin, fromFile, fromCommand)
	}
	return nil
}

// Resolve finds the password: from the flag, the environment, the store (if stored is not nil), and a prompt (if ask is
// set and standard input is a terminal). If no source has it, the secret is not set, and that is no error.
func (o *Source) Resolve(ctx context.Context, con *console.Console, pass *Store, stored func(context.Context) (secret.Secret, error), ask bool) (password secret.Secret, origin string, err error) {
	if o.Given() {
		return o.FromFlags(ctx, con)
	}
	if pass.Variable.IsSet() && !o.NoVariable {
		password, err = checkedPassword(fromVariable, pass.Variable.Reveal())
		return password, fromVariable, err
	}
	if stored != nil {
		if password, err = stored(ctx); err != nil || password.IsSet() {
			return password, fromStore, err
		}
	}
	if ask && con.CanAsk() {
		password, err = o.Prompt(ctx, con)
		return password, fromPrompt, err
	}
	return secret.Secret{}, "", nil
}

// FromFlags reads the password from the source that the flag names.
func (o *Source) FromFlags(ctx context.Context, con *console.Console) (password secret.Secret, origin string, err error) {
	var text string
	switch {
	case o.Stdin && con.InTerminal:
		password, err = o.Prompt(ctx, con)
		return password, fromStdin, err
	case o.Stdin:
		origin = fromStdin
		text, err = readPassword(console.Interruptible(ctx, con.In))
	case o.File != "":
		origin = cmp.Or(o.FileFlag, fromFile)
		text, err = o.readFile(ctx)
	default:
		origin = fromCommand
		text, err = o.run(ctx, con)
	}
	if err == nil {
		err = NotNothing(origin, text)
	}
	if err == nil {
		password, err = checkedPassword(origin, WithoutLineBreak(text))
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return password, origin, err
}

// Prompt prompts on the terminal.
func (o *Source) Prompt(ctx context.Context, con *console.Console) (secret.Secret, error) {
	question := "Password: "
	if o.Whose != "" {
		question = "Password for " + console.Escape(o.Whose) + ": "
	}
	if o.Before != nil {
		o.Before()
	}
	text, err := con.Ask(ctx, question)
	if ctx.Err() != nil {
		return secret.Secret{}, ctx.Err()
	}
	if err != nil {
		return secret.Secret{}, exit.New(exit.CodeSettings, fmt.Errorf("no password was entered: %w", err), "use another source: --password-stdin, --password-file or --password-command")
	}
	return checkedPassword("the password that was entered", text)
}

// checkedPassword refuses text that cannot be a password, without showing it.
func checkedPassword(source, text string) (secret.Secret, error) {
	password, err := newPassword(text)
	if err != nil {
		return secret.Secret{}, exit.New(exit.CodeSettings, fmt.Errorf("%s: %w", source, err), "provide only the password, on one line")
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

// readPassword reads a complete source. The text may end with a line break.
func readPassword(r io.Reader) (string, error) {
	text, err := io.ReadAll(io.LimitReader(r, MaxPassword+3))
	if err != nil {
		err = exit.New(exit.CodeSettings, fmt.Errorf("reading the password: %w", exit.WithoutPath(err)), "check the source of the password")
	}
	return string(text), err
}

// readFile reads the password file. It may be a pipe into which no program writes.
func (o *Source) readFile(ctx context.Context) (string, error) {
	text, err := atomicfile.ReadLimited(ctx, o.File, MaxPassword+2)
	if err != nil {
		return "", exit.New(exit.CodeSettings, fmt.Errorf("password file %s: %w", o.File, exit.WithoutPath(err)), "use a file that contains only the password")
	}
	return string(text), nil
}

// run runs the command. The command gets the terminal, because it may have to prompt, but no other standard input.
func (o *Source) run(ctx context.Context, con *console.Console) (string, error) {
	words, err := SplitWords(o.Command)
	if err != nil {
		return "", exit.Errorf(exit.CodeUsage, "give a program and its arguments, as in --password-command 'pass show site'", "%s: %v", fromCommand, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, words[0], words[1:]...) //nolint:gosec // the command is the user's
	cmd.Env = withoutVariable(cmd.Environ(), PasswordVariable)
	cmd.Stderr = con.Err
	cmd.WaitDelay = time.Second
	if con.InTerminal {
		cmd.Stdin = con.In
	}
	out := &boundedText{most: MaxPassword + 2, full: cancel}
	cmd.Stdout = out
	err = cmd.Run()
	if out.over {
		err = fmt.Errorf("prints more than %d bytes", MaxPassword)
	}
	if err != nil {
		return "", exit.New(exit.CodeSettings, fmt.Errorf("%s %s: %w", fromCommand, words[0], errorWithout(err)),
			"run the command by hand: it must print only the password, and end with exit code 0")
	}
	return out.text.String(), nil
}

// withoutVariable removes a variable from an environment. On Windows its name may be written in any case.
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

// errorWithout removes the program's name from an error, because the message names it already.
func errorWithout(err error) error {
	if e := (*exec.Error)(nil); errors.As(err, &e) {
		return e.Err
	}
	return exit.WithoutPath(err)
}

// NotNothing refuses a source without any content: a closed standard input, an empty file, a program that prints nothing.
func NotNothing(source, text string) error {
	if strings.TrimPrefix(text, "\ufeff") != "" {
		return nil
	}
	return exit.Errorf(exit.CodeSettings, "check the source of the password; if the password is empty, provide an empty line", "%s: there is no password in it", source)
}

// WithoutLineBreak removes one line break at the end.
func WithoutLineBreak(text string) string {
	text = strings.TrimPrefix(text, "\ufeff") // a byte order mark, which editors on Windows write
	if whole, found := strings.CutSuffix(text, "\r\n"); found {
		return whole
	}
	return strings.TrimSuffix(text, "\n")
}
