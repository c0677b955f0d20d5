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

// maxKeyFile is the size of the largest key file in bytes.
const maxKeyFile = 16 << 10

// What lies in the settings folder.
const (
	trustedKeysFolder = "trusted-keys"
	hardwareFile      = "hardware.toml"
)

// noSettings returns an error if the system names no folder of settings: what is stored cannot be found then, which is
// not to be taken for nothing stored.
func (s *settingsStore) noSettings() error {
	if s.settingsErr == nil {
		return nil
	}
	return fail(codeSettings, fmt.Errorf("the settings folder cannot be found: %w", s.settingsErr),
		"set the variable to the whole path of the folder that holds your settings")
}

// absent reports whether there is no such file and none is meant to be: neither it nor a folder on the way is a link
// that leads nowhere.
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

// readPublicKey reads a trusted key; it is known by its file's name.
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
		"an Ed25519 public key in PEM, as openssl pkey -pubout writes it")
}

// hardwareTable returns what is known of part numbers and levels: the built-in table, then that of the settings
// folder, then the named one; later ones win.
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
	return nil, fail(codeSettings, fmt.Errorf("hardware table %s: %w", name, withoutPath(err)), "docs/hardware-table.md shows the form")
}

// readPhoneList reads a phone list, which must hold a phone.
func readPhoneList(name string) ([]hwcheck.ListedPhone, error) {
	const hint = "a CSV file with a header line; cpupdate help check names the columns"
	f, err := os.Open(name)
	if err == nil {
		defer f.Close()
		var phones []hwcheck.ListedPhone
		if phones, err = hwcheck.ReadPhones(f, filepath.Base(name)); err == nil && len(phones) == 0 {
			err = errors.New("holds no phone")
		}
		if err == nil {
			return phones, nil
		}
	}
	return nil, fail(codeSettings, fmt.Errorf("phone list %s: %w", name, withoutPath(err)), hint)
}

// readLimited reads a whole file of at most limit bytes. It may be a pipe: keys come from password managers too.
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

// withoutPath takes operation and path off an error of the file system, where the message names the file already.
func withoutPath(err error) error {
	if pathErr := (*fs.PathError)(nil); errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
