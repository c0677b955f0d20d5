package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// keyringVariable keeps the keyring out.
const keyringVariable = "CPUPDATE_KEYRING"

// keyringLimit is how long a keyring may take: a person may have to unlock it.
const keyringLimit = 30 * time.Second

// Why a password that lies in the keyring cannot be had.
const (
	keyringOff    = "off"    // it is not to be asked
	keyringNone   = "none"   // there is none
	keyringLost   = "lost"   // it has no such password
	keyringSilent = "silent" // it does not answer
	keyringFails  = "failed"
)

// A keyringError is why the keyring did not do what it was asked for.
type keyringError struct {
	problem string
	err     error
}

func (t *keyringError) Error() string { return "the system's keyring: " + t.err.Error() }
func (t *keyringError) Unwrap() error { return t.err }

// which says of a password that it is in the keyring, and cannot be had.
func (t *keyringError) which() string {
	return map[string]string{
		keyringOff:    "which $" + keyringVariable + " keeps out",
		keyringNone:   "which is not there",
		keyringLost:   "which does not hold it any more",
		keyringSilent: "which does not answer",
		keyringFails:  "which fails",
	}[t.problem]
}

// is reports whether there is trouble of one of these kinds.
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

// failure ends a command that needs the password of a profile, or stores it.
func (t *keyringError) failure(profile string) error {
	flag := ""
	if profile != "" {
		flag = " --profile " + profile
	}
	hint := "unlock the keyring and try again, or keep passwords in a file: set " + keyringVariable + "=off"
	switch t.problem {
	case keyringOff:
		hint = "unset " + keyringVariable + "; or to keep it in a file from now on: cpupdate defaults unset password" + flag + ", and store it again"
	case keyringNone:
		hint = "use it where the keyring is; or forget it and store it again: cpupdate defaults unset password" + flag
	case keyringLost:
		hint = "store it again: cpupdate defaults set --password-stdin" + flag
	}
	return fail(codeSettings, fmt.Errorf("%s: the password in %w", profileTitle(profile), t), hint)
}

// chosenKeyring is the keyring to use.
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

// checkKeyringVariable refuses a value that says nothing.
func (p *passwordStore) checkKeyringVariable() error {
	if p.keyringVariable == "" || p.keyringVariable == keyringOff {
		return nil
	}
	return failf(codeSettings, "the only value is off; without the variable the system's keyring is used", "$%s is %.64q", keyringVariable, p.keyringVariable)
}

// askKeyring does something with the keyring, within its limit. The error is a [*keyringError] or that of the context.
// What is still waited for then is left alone: it ends with the process.
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
		return &keyringError{keyringSilent, fmt.Errorf("no answer for %s", limit)}
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

// intoKeyring writes an item, and looks whether it is there: a person who was asked may have said no.
func (p *passwordStore) intoKeyring(ctx context.Context, item, text string) error {
	return p.askKeyring(ctx, func(k keyring) error {
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

// keyringErrorOf is the trouble among errors, nil if it is none.
func keyringErrorOf(err error) *keyringError {
	t := (*keyringError)(nil)
	errors.As(err, &t)
	return t
}
