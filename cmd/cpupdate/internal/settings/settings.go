package settings

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/atomicfile"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/secret"
)

// MaxKeyFile is the maximum size of a key file in bytes.
const MaxKeyFile = 16 << 10

// The content of the settings folder.
const (
	trustedKeysFolder = "trusted-keys"
	HardwareFile      = "hardware.toml"
)

// FindFolder takes the folder of the settings file that was named, with --config or its variable, where the system has no
// settings folder: trusted keys and the hardware table are looked for there.
func (s *Store) FindFolder() {
	if file := cmp.Or(s.ConfigFlag, s.ConfigVariable); s.FolderErr != nil && file != "" {
		s.Folder, s.FolderErr = filepath.Dir(file), nil
	}
}

// Check returns an error if the system has no settings folder. Stored settings cannot be found then, which is
// different from no stored settings.
func (s *Store) Check() error {
	if s.FolderErr == nil {
		return nil
	}
	return exit.New(exit.CodeSettings, fmt.Errorf("the settings folder cannot be found: %w", s.FolderErr),
		"set the variable to the full path of the folder that contains your settings, or name a settings file with --config FILE: its folder is used then")
}

// TrustedKeys reads the trusted public keys of the settings folder: each *.pem and *.pub in trusted-keys.
func (s *Store) TrustedKeys(ctx context.Context) ([]bind.PublicKey, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	folder := filepath.Join(s.Folder, trustedKeysFolder)
	if _, err := os.Stat(s.Folder); err == nil {
		if err := atomicfile.CheckWriters("trusted keys", folder); err != nil {
			return nil, err
		}
	}
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) && !atomicfile.IsBrokenLink(folder) {
		return nil, nil
	}
	if err != nil {
		return nil, exit.New(exit.CodeSettings, fmt.Errorf("trusted keys: %w", err), "make the folder readable, or remove it")
	}
	var keys []bind.PublicKey
	for _, entry := range entries {
		if ext := strings.ToLower(filepath.Ext(entry.Name())); ext != ".pem" && ext != ".pub" {
			continue
		}
		key, err := ReadPublicKey(ctx, filepath.Join(folder, entry.Name()))
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// ReadPublicKey reads a trusted key; its name is that of its file.
func ReadPublicKey(ctx context.Context, name string) (bind.PublicKey, error) {
	if err := atomicfile.CheckWriters("public key", name); err != nil {
		return bind.PublicKey{}, err
	}
	text, err := atomicfile.ReadLimited(ctx, name, MaxKeyFile)
	if err == nil {
		var key bind.PublicKey
		key.Name = filepath.Base(name)
		if key.Key, err = bind.ParsePublicKey(text); err == nil {
			return key, nil
		}
	}
	return bind.PublicKey{}, exit.New(exit.CodeSettings, fmt.Errorf("public key %s: %w", name, exit.WithoutPath(err)),
		"use an Ed25519 public key in PEM, as openssl pkey -pubout writes it")
}

// HardwareTable returns what is known about part numbers and levels: the built-in table, then that of the settings
// folder, then the named one. Later ones override earlier ones.
func (s *Store) HardwareTable(ctx context.Context, named string) (*hwcheck.Table, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	table := hwcheck.Builtin()
	name := filepath.Join(s.Folder, HardwareFile)
	stored, err := readTable(ctx, name)
	switch {
	case err == nil:
		table = table.Then(stored)
	case !errors.Is(err, fs.ErrNotExist) || atomicfile.IsBrokenLink(name):
		return nil, err
	}
	if named == "" {
		return table, nil
	}
	given, err := readTable(ctx, named)
	if err != nil {
		return nil, err
	}
	return table.Then(given), nil
}

func readTable(ctx context.Context, name string) (*hwcheck.Table, error) {
	f, err := atomicfile.Open(ctx, name)
	if err == nil {
		defer f.Close()
		var table *hwcheck.Table
		if table, err = hwcheck.ReadTable(f, filepath.Base(name)); err == nil {
			return table, nil
		}
	}
	return nil, exit.New(exit.CodeSettings, fmt.Errorf("hardware table %s: %w", name, exit.WithoutPath(err)), atomicfile.ReadHint(err, "docs/hardware-table.md shows the format"))
}

// The notes of a list that simulate wrote: the first marks each phone, the second precedes the address of its web page.
const (
	SimulatedNote    = "simulated"
	SimulatedWebNote = ", web page at "
)

// IsSimulated reports whether simulate wrote a note. People write others, such as the room.
func IsSimulated(note string) bool {
	return note == SimulatedNote || strings.HasPrefix(note, SimulatedNote+SimulatedWebNote)
}

// ReadPhoneList reads a phone list, which must contain a phone. columns are the names of its columns, if they have others. The error has all that is wrong with the list.
func ReadPhoneList(ctx context.Context, name string, columns ...hwcheck.ColumnName) ([]hwcheck.ListedPhone, error) {
	const hint = "use a CSV file with a header line; cpupdate help check lists the columns"
	f, err := atomicfile.Open(ctx, name)
	if err == nil {
		defer f.Close()
		var phones []hwcheck.ListedPhone
		if phones, err = hwcheck.Columns(columns).ReadPhones(f, filepath.Base(name)); err == nil && len(phones) == 0 {
			err = errors.New("contains no phone")
		}
		if err == nil {
			return phones, nil
		}
	}
	list := (*hwcheck.ListError)(nil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, exit.New(exit.CodeSettings, fmt.Errorf("phone list %s: %w", name, exit.WithoutPath(err)), "check the name of the list, and in which folder it is")
	}
	if !errors.As(err, &list) {
		return nil, exit.New(exit.CodeSettings, fmt.Errorf("phone list %s: %w", name, exit.WithoutPath(err)), atomicfile.ReadHint(err, hint))
	}
	if len(list.Faults) == 1 {
		return nil, exit.New(exit.CodeSettings, fmt.Errorf("phone list %s: %w", name, err), list.Faults[0].Advice)
	}
	failure := exit.New(exit.CodeSettings, fmt.Errorf("phone list %s: %s", name, list.Count()), "correct all of these lines; cpupdate help check lists the columns")
	for _, fault := range list.Faults {
		failure.Faults = append(failure.Faults, exit.Fault{Line: fault.Line, Message: secret.WithoutLogins(fault.Msg), Hint: fault.Advice})
	}
	return nil, failure
}
