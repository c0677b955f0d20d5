package credentials

import (
	"context"
	"errors"
	"fmt"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/atomicfile"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings/tomledit"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// MoveToKeyring moves every password of the file into the system's keyring, and returns the profiles whose password has
// moved. Each is written and read back there before the file gives it up. The first one that the keyring does not take ends
// the move; the file keeps it and those after it.
func (p *Store) MoveToKeyring(ctx context.Context) (moved []string, err error) {
	place := p.Settings.Place()
	if place.Passwords == "" {
		return nil, exit.Errorf(exit.CodeSettings, "name a settings file with --config FILE", "this system has no settings folder")
	}
	if inFile, _, err := Count(place); err != nil || inFile <= 0 {
		return nil, err
	}
	unlock, err := atomicfile.Lock(ctx, place.Config)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	file, err := settings.ReadFile(place.Passwords, passwordForm())
	if err != nil {
		return nil, err
	}
	for i := range file.Tables {
		table := &file.Tables[i]
		if table.Find(transfer.SettingPassword) == nil {
			continue
		}
		if err := p.moveOne(ctx, place, file, table); err != nil {
			return moved, err
		}
		moved = append(moved, table.Name)
	}
	return moved, nil
}

// moveOne moves the password of one profile.
func (p *Store) moveOne(ctx context.Context, place settings.Place, file *settings.File, table *tomledit.Table) error {
	if _, err := passwordIn(file, table); err != nil {
		return err
	}
	item, err := itemName(place, table.Name)
	if err != nil {
		return err
	}
	text, err := itemText(nil, func(e *tomledit.Edit) error {
		for _, value := range table.Values {
			if err := e.Set("", value.Key, value.Texts); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := p.intoKeyring(ctx, item, text); err != nil {
		return notMoved(err, place.Passwords, table.Name)
	}
	return changeFile(place.Passwords, passwordForm(), func(e *tomledit.Edit) error { return markInKeyring(e, table.Name) })
}

// notMoved returns the error of a password that the keyring did not take. It stays in the file.
func notMoved(err error, file, profile string) error {
	trouble := keyringErrorOf(err)
	if trouble == nil {
		return err
	}
	hint := "unlock the keyring, and run the command again"
	switch trouble.Problem {
	case KeyringOff:
		hint = "unset " + KeyringVariable + ", and run the command again"
	case keyringNone:
		hint = "run the command where a keyring is available; until then the file works as before"
	}
	return exit.New(exit.CodeSettings, fmt.Errorf("%s: the password stays in %s: %w", settings.ProfileTitle(profile), file, trouble), hint)
}
