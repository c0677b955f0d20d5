package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// maxKeyFile is the maximum size of a key file in bytes.
const maxKeyFile = 16 << 10

// The content of the settings folder.
const (
	trustedKeysFolder = "trusted-keys"
	hardwareFile      = "hardware.toml"
)

// noSettings returns an error if the system has no settings folder. Stored settings cannot be found then, which is
// different from no stored settings.
func (s *settingsStore) noSettings() error {
	if s.settingsErr == nil {
		return nil
	}
	return fail(codeSettings, fmt.Errorf("the settings folder cannot be found: %w", s.settingsErr),
		"set the variable to the full path of the folder that contains your settings")
}

// absent reports whether the file does not exist, and is not meant to exist: neither it nor a folder in its path is a
// broken link.
func absent(name string) bool {
	if _, err := os.Lstat(name); err == nil {
		return false
	}
	folder := filepath.Dir(name)
	if _, err := os.Stat(folder); err == nil || folder == name {
		return true
	}
	return absent(folder)
}

// storedKeys reads the trusted public keys of the settings folder: each *.pem and *.pub in trusted-keys.
func (s *settingsStore) storedKeys() ([]bind.PublicKey, error) {
	if err := s.noSettings(); err != nil {
		return nil, err
	}
	folder := filepath.Join(s.settings, trustedKeysFolder)
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) && absent(folder) {
		return nil, nil
	}
	if err != nil {
		return nil, fail(codeSettings, fmt.Errorf("trusted keys: %w", err), "make the folder readable, or remove it")
	}
	var keys []bind.PublicKey
	for _, entry := range entries {
		if ext := strings.ToLower(filepath.Ext(entry.Name())); ext != ".pem" && ext != ".pub" {
			continue
		}
		key, err := readPublicKey(filepath.Join(folder, entry.Name()))
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// readPublicKey reads a trusted key; its name is that of its file.
func readPublicKey(name string) (bind.PublicKey, error) {
	text, err := readLimited(name, maxKeyFile)
	if err == nil {
		var key bind.PublicKey
		key.Name = filepath.Base(name)
		if key.Key, err = bind.ParsePublicKey(text); err == nil {
			return key, nil
		}
	}
	return bind.PublicKey{}, fail(codeSettings, fmt.Errorf("public key %s: %w", name, withoutPath(err)),
		"use an Ed25519 public key in PEM, as openssl pkey -pubout writes it")
}

// hardwareTable returns what is known about part numbers and levels: the built-in table, then that of the settings
// folder, then the named one. Later ones override earlier ones.
func (s *settingsStore) hardwareTable(named string) (*hwcheck.Table, error) {
	if err := s.noSettings(); err != nil {
		return nil, err
	}
	table := hwcheck.Builtin()
	name := filepath.Join(s.settings, hardwareFile)
	stored, err := readTable(name)
	switch {
	case err == nil:
		table = table.Then(stored)
	case !errors.Is(err, fs.ErrNotExist) || !absent(name):
		return nil, err
	}
	if named == "" {
		return table, nil
	}
	given, err := readTable(named)
	if err != nil {
		return nil, err
	}
	return table.Then(given), nil
}

func readTable(name string) (*hwcheck.Table, error) {
	f, err := os.Open(name)
	if err == nil {
		defer f.Close()
		var table *hwcheck.Table
		if table, err = hwcheck.ReadTable(f, filepath.Base(name)); err == nil {
			return table, nil
		}
	}
	return nil, fail(codeSettings, fmt.Errorf("hardware table %s: %w", name, withoutPath(err)), "docs/hardware-table.md shows the format")
}

// readPhoneList reads a phone list, which must contain a phone.
func readPhoneList(name string) ([]hwcheck.ListedPhone, error) {
	const hint = "use a CSV file with a header line; cpupdate help check lists the columns"
	f, err := os.Open(name)
	if err == nil {
		defer f.Close()
		var phones []hwcheck.ListedPhone
		if phones, err = hwcheck.ReadPhones(f, filepath.Base(name)); err == nil && len(phones) == 0 {
			err = errors.New("contains no phone")
		}
		if err == nil {
			return phones, nil
		}
	}
	return nil, fail(codeSettings, fmt.Errorf("phone list %s: %w", name, withoutPath(err)), hint)
}

// readLimited reads a complete file of at most limit bytes. It may be a pipe: keys come from password managers too.
func readLimited(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(content)) > limit {
		err = fmt.Errorf("has more than %d bytes", limit)
	}
	return content, err
}

// withoutPath removes operation and path from a file system error, because the message names the file already.
func withoutPath(err error) error {
	if pathErr := (*fs.PathError)(nil); errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
