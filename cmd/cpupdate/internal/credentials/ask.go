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

// KeyringVariable keeps the keyring out.
const KeyringVariable = "CPUPDATE_KEYRING"

// keyringLimit is how long a keyring may take: a person may have to unlock it.
const keyringLimit = 30 * time.Second

// Why a password that lies in the keyring cannot be had.
const (
	KeyringOff    = "off"    // it is not to be asked
	keyringNone   = "none"   // there is none
	KeyringLost   = "lost"   // it has no such password
	keyringSilent = "silent" // it does not answer
	keyringFails  = "failed"
)

// A keyringError is why the keyring did not do what it was asked for.
type keyringError struct {
	Problem string
	err     error
}

func (t *keyringError) Error() string { return "the system's keyring: " + t.err.Error() }

func (t *keyringError) Unwrap() error { return t.err }

// Which says of a password that it is in the keyring, and cannot be had.
func (t *keyringError) Which() string {
	return map[string]string{
		KeyringOff:    "which $" + KeyringVariable + " keeps out",
		keyringNone:   "which is not there",
		KeyringLost:   "which does not hold it any more",
		keyringSilent: "which does not answer",
		keyringFails:  "which fails",
	}[t.Problem]
}

// OneOf reports whether there is trouble of one of these kinds.
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

// failure ends a command that needs the password of a profile, or stores it.
func (t *keyringError) failure(profile string) error {
	flag := ""
	if profile != "" {
		flag = " --profile " + profile
	}
	hint := "unlock the keyring and try again, or keep passwords in a file: set " + KeyringVariable + "=off"
	switch t.Problem {
	case KeyringOff:
		hint = "unset " + KeyringVariable + "; or to keep it in a file from now on: cpupdate defaults unset password" + flag + ", and store it again"
	case keyringNone:
		hint = "use it where the keyring is; or forget it and store it again: cpupdate defaults unset password" + flag
	case KeyringLost:
		hint = "store it again: cpupdate defaults set --password-stdin" + flag
	}
	return exit.New(exit.CodeSettings, fmt.Errorf("%s: the password in %w", settings.ProfileTitle(profile), t), hint)
}

// chosenKeyring is the keyring to use.
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

// checkKeyringVariable refuses a value that says nothing.
func (p *Store) checkKeyringVariable() error {
	if p.KeyringSetting == "" || p.KeyringSetting == KeyringOff {
		return nil
	}
	return exit.Errorf(exit.CodeSettings, "the only value is off; without the variable the system's keyring is used", "$%s is %.64q", KeyringVariable, p.KeyringSetting)
}

// askKeyring does something with the keyring, within its limit. The error is a [*keyringError] or that of the context.
// What is still waited for then is left alone: it ends with the process.
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
		return &keyringError{keyringSilent, fmt.Errorf("no answer for %s", limit)}
	case err = <-done:
	}
	switch {
	case err == nil:
		return nil
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

// intoKeyring writes an item, and looks whether it is there: a person who was asked may have said no.
func (p *Store) intoKeyring(ctx context.Context, item, text string) error {
	return p.askKeyring(ctx, func(k Keyring) error {
		if err := k.Set(item, text); err != nil {
			return err
		}
		if kept, err := k.Get(item); err != nil || kept != text {
			return errors.New("it did not keep the password")
		}
		return nil
	})
}

// outOfKeyring removes an item, and looks whether it is gone. One that is not there is no error.
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

// keyringErrorOf is the trouble among errors, nil if it is none.
func keyringErrorOf(err error) *keyringError {
	t := (*keyringError)(nil)
	errors.As(err, &t)
	return t
}
