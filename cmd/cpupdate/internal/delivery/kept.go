package delivery

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/secret"
)

// The limits of kept flags.
const (
	maxKept      = 100      // flags
	maxKeptBytes = 32 << 10 // of all flags together: an event of the journal has less than 64 KiB
	maxKeptShown = 500      // bytes of a line
	keptUnsafe   = "?#"     // a URL with one of these is not kept: it may hold a secret
)

// Kept returns the flags that were given, except those of which omit says so, as the journal keeps them: --name=value, or only
// --name if the value must be given again. That is the case for a password command, because a command may contain a password, for
// standard input, for a URL with a query, and for a value that a journal does not store as it is. Files have absolute paths.
func Kept(flags *pflag.FlagSet, omit func(name string) bool) []string {
	var kept []string
	size := 0
	flags.VisitAll(func(f *pflag.Flag) { // in the order of the help, whatever that of the command line is
		if !f.Changed || omit(f.Name) {
			return
		}
		values := []string{f.Value.String()}
		if list, several := f.Value.(pflag.SliceValue); several {
			values = list.GetSlice()
		}
		for _, value := range values {
			text := "--" + f.Name
			if value, ok := keptValue(f, value); ok {
				text += "=" + value
			}
			size += len(text)
			kept = append(kept, text)
		}
	})
	if len(kept) > maxKept || size > maxKeptBytes {
		for i := range kept {
			kept[i], _, _ = strings.Cut(kept[i], "=")
		}
		kept = slices.Compact(kept)
		return kept[:min(len(kept), maxKept)]
	}
	return kept
}

// keptValue returns the value of a flag as it is kept, and whether it may be.
func keptValue(f *pflag.Flag, value string) (string, bool) {
	const others = len("--") + 40 // bytes of a name
	switch {
	case neverKept(f):
		return "", false
	case strings.Contains(value, "://") && strings.ContainsAny(value, keptUnsafe), secret.HoldsLogin(value):
		return "", false
	}
	if namesFile(f) {
		whole, err := filepath.Abs(value)
		if err != nil {
			return "", false
		}
		value = whole
	}
	return value, utf8.ValidString(value) && len(value)+others < journal.MaxText
}

// neverKept reports whether the value of a flag is never kept: a command may contain a password, and must not be run, or be shown to be
// typed, because a journal names it. The next run has another standard input.
func neverKept(f *pflag.Flag) bool { return f.Name == "password-command" || f.Name == "password-stdin" }

// namesFile reports whether the value of a flag is a file of this machine.
func namesFile(f *pflag.Flag) bool {
	kind, _ := pflag.UnquoteUsage(f)
	return kind == "FILE"
}

// ownOnly reports whether a kept flag counts only if this user kept it, in a journal that nobody else can write: it names a file of
// this machine, which may be sent to the peer or decide about trust, or it decides about trust itself.
func ownOnly(f *pflag.Flag) bool {
	return namesFile(f) || f.Name == "pin" || f.Name == "legacy-tls"
}

// ParseKept sets flags as the journal has kept them: that is foreign text. own says that this user kept them. The error names a flag
// that has to be given again, or that does not exist.
func ParseKept(flags *pflag.FlagSet, kept []string, own bool) error {
	if len(kept) > maxKept {
		return fmt.Errorf("there are %d of them, at most %d can be kept", len(kept), maxKept)
	}
	for _, text := range kept {
		name, value, hasValue := strings.Cut(strings.TrimPrefix(text, "--"), "=")
		f := flags.Lookup(name)
		switch {
		case f == nil || !strings.HasPrefix(text, "--"):
			return fmt.Errorf("this version of cpupdate has no flag %s, or does not keep it", exit.ShownArgument(secret.Cut("--"+name, 60)))
		case !hasValue || neverKept(f):
			return fmt.Errorf("the value of --%s is not kept", f.Name)
		case !own && ownOnly(f):
			return fmt.Errorf("--%s counts only if you kept it yourself, in a journal that nobody else can write", f.Name)
		case secret.HoldsLogin(value):
			return fmt.Errorf("--%s contains a login", f.Name)
		}
		if err := flags.Set(f.Name, value); err != nil {
			return fmt.Errorf("--%s has a value that it cannot have", f.Name)
		}
	}
	return nil
}

// KeptLine returns kept flags as a command line has them. They may be foreign text: the line is bounded, and whoever shows it
// escapes it.
func KeptLine(flags *pflag.FlagSet, kept []string) string {
	var words []string
	for _, text := range kept[:min(len(kept), maxKept)] {
		name, value, hasValue := strings.Cut(text, "=")
		f := flags.Lookup(strings.TrimPrefix(name, "--"))
		switch {
		case f == nil:
			words = append(words, exit.Word(name))
		case f.Value.Type() == "bool" && value != "false":
			words = append(words, name)
		case f.Value.Type() == "bool":
			words = append(words, text)
		case hasValue && !secret.HoldsLogin(value) && !neverKept(f):
			words = append(words, name, exit.Word(value))
		default:
			words = append(words, name, "...")
		}
	}
	return secret.Cut(strings.Join(words, " "), maxKeptShown)
}
