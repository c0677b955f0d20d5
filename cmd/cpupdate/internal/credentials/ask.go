package credentials

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
)

// KeyringVariable names the variable that disables the keyring.
const KeyringVariable = "CPUPDATE_KEYRING"

// keyringLimit is the time limit for the keyring: a person may have to unlock it.
const keyringLimit = 30 * time.Second

// The reasons why a password cannot be read from the keyring.
const (
	KeyringOff    = "off"    // it is disabled
	keyringNone   = "none"   // the system has no keyring
	KeyringLost   = "lost"   // it no longer has the password
	keyringSilent = "silent" // it does not answer
	keyringFails  = "failed"
)

// A keyringError is the reason why an operation on the keyring failed.
type keyringError struct {
	Problem string
	err     error
}

func (t *keyringError) Error() string { return "the system's keyring: " + t.err.Error() }

func (t *keyringError) Unwrap() error { return t.err }

// Which completes a sentence that says that a password is in the keyring, with the reason why it cannot be read.
func (t *keyringError) Which() string {
	return map[string]string{
		KeyringOff:    "which $" + KeyringVariable + " disables",
		keyringNone:   "which is not available",
		KeyringLost:   "which no longer has it",
		keyringSilent: "which does not answer",
		keyringFails:  "which fails",
	}[t.Problem]
}

// OneOf reports whether the problem is one of these kinds.
func (t *keyringError) OneOf(problems ...string) bool {
	if t == nil {
		return false
	}
	for _, problem := range problems {
		if t.Problem == problem {
			return true
		}
	}
	return false
}

// failure returns the error for a command that needs the password of a profile, or stores it.
func (t *keyringError) failure(profile string) error {
	flag := ""
	if profile != "" {
		flag = " --profile " + profile
	}
	hint := "unlock the keyring and try again, or store passwords in a file: set " + KeyringVariable + "=off"
	switch t.Problem {
	case KeyringOff:
		hint = "unset " + KeyringVariable + "; or, to store it in a file from now on: cpupdate defaults unset password" + flag + ", and store it again"
	case keyringNone:
		hint = "run this where the keyring is available; or remove the password and store it again: cpupdate defaults unset password" + flag
	case KeyringLost:
		hint = "store it again: cpupdate defaults set --password-stdin" + flag
	}
	return exit.New(exit.CodeSettings, fmt.Errorf("%s: the password in %w", settings.ProfileTitle(profile), t), hint)
}

// chosenKeyring returns the keyring to use.
func (p *Store) chosenKeyring() (Keyring, error) {
	switch err := p.checkKeyringVariable(); {
	case err != nil:
		return nil, err
	case p.KeyringSetting == KeyringOff:
		return nil, &keyringError{KeyringOff, errors.New("$" + KeyringVariable + " is off")}
	case p.Keyring == nil:
		return nil, &keyringError{keyringNone, ErrNoKeyring}
	}
	return p.Keyring, nil
}

// checkKeyringVariable refuses an invalid value of the variable.
func (p *Store) checkKeyringVariable() error {
	if p.KeyringSetting == "" || p.KeyringSetting == KeyringOff {
		return nil
	}
	return exit.Errorf(exit.CodeSettings, "set it to off, or unset it to use the system's keyring", "$%s is %.64q", KeyringVariable, p.KeyringSetting)
}

// askKeyring runs an operation on the keyring, within the time limit. The error is a [*keyringError] or that of the
// context. An operation that has not returned by then is abandoned: it ends with the process.
func (p *Store) askKeyring(ctx context.Context, do func(k Keyring) error) error {
	k, err := p.chosenKeyring()
	if err != nil {
		return err
	}
	limit := cmp.Or(p.KeyringLimit, keyringLimit)
	silence := time.NewTimer(limit)
	defer silence.Stop()
	done := make(chan error, 1)
	go func() { done <- do(k) }()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-silence.C:
		return &keyringError{keyringSilent, fmt.Errorf("no answer within %s", limit)}
	case err = <-done:
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errSilentBus):
		return &keyringError{keyringSilent, err}
	case errors.Is(err, ErrNoKeyring):
		return &keyringError{keyringNone, err}
	case errors.Is(err, ErrNoItem):
		return &keyringError{KeyringLost, err}
	}
	return &keyringError{keyringFails, err}
}

// fromKeyring reads an item.
func (p *Store) fromKeyring(ctx context.Context, item string) (string, error) {
	var text string
	err := p.askKeyring(ctx, func(k Keyring) (err error) {
		text, err = k.Get(item)
		return err
	})
	if err != nil { // text may still be written to
		return "", err
	}
	return text, nil
}

// intoKeyring writes an item, and reads it back: a person who was prompted may have refused.
func (p *Store) intoKeyring(ctx context.Context, item, text string) error {
	return p.askKeyring(ctx, func(k Keyring) error {
		if err := k.Set(item, text); err != nil {
			return err
		}
		if kept, err := k.Get(item); err != nil || kept != text {
			return errors.New("it did not store the password")
		}
		return nil
	})
}

// outOfKeyring removes an item, and checks that it is gone. A missing item is no error.
func (p *Store) outOfKeyring(ctx context.Context, item string) error {
	return p.askKeyring(ctx, func(k Keyring) error {
		if err := k.Delete(item); err != nil && !errors.Is(err, ErrNoItem) {
			return err
		}
		if _, err := k.Get(item); !errors.Is(err, ErrNoItem) {
			return errors.New("it did not remove the password")
		}
		return nil
	})
}

// keyringErrorOf returns the keyring error among errors, nil if there is none.
func keyringErrorOf(err error) *keyringError {
	t := (*keyringError)(nil)
	errors.As(err, &t)
	return t
}
