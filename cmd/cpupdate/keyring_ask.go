package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// keyringVariable names the variable that disables the keyring.
const keyringVariable = "CPUPDATE_KEYRING"

// keyringLimit is the time limit for the keyring: a person may have to unlock it.
const keyringLimit = 30 * time.Second

// The reasons why a password cannot be read from the keyring.
const (
	keyringOff    = "off"    // it is disabled
	keyringNone   = "none"   // the system has no keyring
	keyringLost   = "lost"   // it no longer has the password
	keyringSilent = "silent" // it does not answer
	keyringFails  = "failed"
)

// A keyringError is the reason why an operation on the keyring failed.
type keyringError struct {
	problem string
	err     error
}

func (t *keyringError) Error() string { return "the system's keyring: " + t.err.Error() }
func (t *keyringError) Unwrap() error { return t.err }

// which completes a sentence that says that a password is in the keyring, with the reason why it cannot be read.
func (t *keyringError) which() string {
	return map[string]string{
		keyringOff:    "which $" + keyringVariable + " disables",
		keyringNone:   "which is not available",
		keyringLost:   "which no longer has it",
		keyringSilent: "which does not answer",
		keyringFails:  "which fails",
	}[t.problem]
}

// is reports whether the problem is one of these kinds.
func (t *keyringError) is(problems ...string) bool {
	if t == nil {
		return false
	}
	for _, problem := range problems {
		if t.problem == problem {
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
	hint := "unlock the keyring and try again, or store passwords in a file: set " + keyringVariable + "=off"
	switch t.problem {
	case keyringOff:
		hint = "unset " + keyringVariable + "; or, to store it in a file from now on: cpupdate defaults unset password" + flag + ", and store it again"
	case keyringNone:
		hint = "run this where the keyring is available; or remove the password and store it again: cpupdate defaults unset password" + flag
	case keyringLost:
		hint = "store it again: cpupdate defaults set --password-stdin" + flag
	}
	return fail(codeSettings, fmt.Errorf("%s: the password in %w", profileTitle(profile), t), hint)
}

// chosenKeyring returns the keyring to use.
func (p *passwordStore) chosenKeyring() (keyring, error) {
	switch err := p.checkKeyringVariable(); {
	case err != nil:
		return nil, err
	case p.keyringVariable == keyringOff:
		return nil, &keyringError{keyringOff, errors.New("$" + keyringVariable + " is off")}
	case p.keyring == nil:
		return nil, &keyringError{keyringNone, errNoKeyring}
	}
	return p.keyring, nil
}

// checkKeyringVariable refuses an invalid value of the variable.
func (p *passwordStore) checkKeyringVariable() error {
	if p.keyringVariable == "" || p.keyringVariable == keyringOff {
		return nil
	}
	return failf(codeSettings, "set it to off, or unset it to use the system's keyring", "$%s is %.64q", keyringVariable, p.keyringVariable)
}

// askKeyring runs an operation on the keyring, within the time limit. The error is a [*keyringError] or that of the
// context. An operation that has not returned by then is abandoned: it ends with the process.
func (p *passwordStore) askKeyring(ctx context.Context, do func(k keyring) error) error {
	k, err := p.chosenKeyring()
	if err != nil {
		return err
	}
	limit := cmp.Or(p.keyringLimit, keyringLimit)
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
	case errors.Is(err, errNoKeyring):
		return &keyringError{keyringNone, err}
	case errors.Is(err, errNoItem):
		return &keyringError{keyringLost, err}
	}
	return &keyringError{keyringFails, err}
}

// fromKeyring reads an item.
func (p *passwordStore) fromKeyring(ctx context.Context, item string) (string, error) {
	var text string
	err := p.askKeyring(ctx, func(k keyring) (err error) {
		text, err = k.Get(item)
		return err
	})
	if err != nil { // text may still be written to
		return "", err
	}
	return text, nil
}

// intoKeyring writes an item, and reads it back: a person who was prompted may have refused.
func (p *passwordStore) intoKeyring(ctx context.Context, item, text string) error {
	return p.askKeyring(ctx, func(k keyring) error {
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
func (p *passwordStore) outOfKeyring(ctx context.Context, item string) error {
	return p.askKeyring(ctx, func(k keyring) error {
		if err := k.Delete(item); err != nil && !errors.Is(err, errNoItem) {
			return err
		}
		if _, err := k.Get(item); !errors.Is(err, errNoItem) {
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
