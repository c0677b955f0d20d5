package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// configFile is the settings file in the settings folder.
const configFile = "config.toml"

// A settingsPlace holds the names of the files for settings, passwords and known keys. It is empty if the system has no
// settings folder.
type settingsPlace struct {
	config, passwords, keys string
	named                   bool // by --config or $CPUPDATE_CONFIG: the file must exist when it is read
}

// settingsPlace returns the files. Passwords are stored beside the settings, so that the settings can be shown, kept
// under version control and passed on.
func (s *settingsStore) settingsPlace() settingsPlace {
	p := settingsPlace{config: cmp.Or(s.config, s.configVariable), named: true}
	if p.config == "" && s.settings == "" {
		return settingsPlace{}
	}
	if p.config == "" {
		p.config, p.named = filepath.Join(s.settings, configFile), false
	}
	folder, name := filepath.Split(p.config)
	p.keys = folder + knownKeysFile
	p.passwords = folder + name + ".passwords" // if site and site.toml exist side by side, they need two files
	if site, found := strings.CutSuffix(name, ".toml"); found {
		p.passwords = folder + site + ".passwords.toml"
	}
	if name == configFile {
		p.passwords = folder + "passwords.toml"
	}
	return p
}

// configForm describes what config.toml may contain.
func configForm() storedForm {
	var keys []storedKey
	for _, name := range settingNames() {
		kind := unstable.String
		switch name {
		case transfer.SettingPort, settingLevel:
			kind = unstable.Integer
		case settingPin:
			kind = unstable.Array
		}
		keys = append(keys, storedKey{name, kind})
	}
	return storedForm{keys: keys}
}

// A storedFile is a settings or password file, as it was read.
type storedFile struct {
	path   string
	form   storedForm
	there  bool
	raw    []byte
	mode   fs.FileMode
	tables []settingsTable
}

// byteOrderMark begins the files of some editors; TOML does not allow it.
const byteOrderMark = "\xEF\xBB\xBF"

// text returns the content of the file after its byte order mark.
func (f *storedFile) text() []byte { return bytes.TrimPrefix(f.raw, []byte(byteOrderMark)) }

// mark returns the file's byte order mark, if it has one.
func (f *storedFile) mark() []byte { return f.raw[:len(f.raw)-len(f.text())] }

// readStored reads a settings file. A missing file is no error.
func readStored(path string, form storedForm) (*storedFile, error) {
	f := &storedFile{path: path, form: form, mode: 0o600}
	err := f.read()
	if err == nil && form.secret {
		err = f.checkMode()
	}
	if err == nil {
		f.tables, err = parseStored(f.text(), form)
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	return nil, f.failure(err)
}

// failure names the file, and adds the next step.
func (f *storedFile) failure(err error) error {
	what, hint := "settings", "check that the file is readable"
	if f.form.secret {
		what = "passwords"
	}
	if place := (*storedError)(nil); errors.As(err, &place) {
		hint = place.hint
	}
	if own := (*failure)(nil); errors.As(err, &own) {
		return own
	}
	return fail(codeSettings, fmt.Errorf("%s %s: %w", what, f.path, withoutPath(err)), hint)
}

func (f *storedFile) read() error {
	// Opening a pipe blocks until its other end is opened, and Ctrl-C would not end that.
	info, err := os.Stat(f.path)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a regular file")
	}
	if err != nil {
		return err
	}
	file, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer file.Close()
	f.there, f.mode = true, info.Mode()
	f.raw, err = io.ReadAll(io.LimitReader(file, cmp.Or(f.form.limit, maxSettings)+4))
	return err
}

// checkMode refuses passwords that other users can read. Windows has no such bits: there the folder's permissions
// protect the file.
func (f *storedFile) checkMode() error {
	if runtime.GOOS == "windows" || f.mode.Perm()&0o077 == 0 {
		return nil
	}
	return failf(codeSettings, "chmod 600 "+f.path+"; and if others could read it, change the passwords on the servers",
		"passwords %s: users other than its owner can read or change it (mode %03o)", f.path, f.mode.Perm())
}

// storedSettings holds the settings and the names of their files.
type storedSettings struct {
	place  settingsPlace
	config *storedFile
}

// storedSettings reads the settings file. Without a file there are no settings, unless the file was named.
func (s *settingsStore) storedSettings() (*storedSettings, error) {
	place := s.settingsPlace()
	if place.config == "" {
		return &storedSettings{config: &storedFile{}}, nil
	}
	config, err := readStored(place.config, configForm())
	if err != nil {
		return nil, err
	}
	if !config.there && place.named {
		return nil, config.failure(errors.New("no such file"))
	}
	all := &storedSettings{place, config}
	// Every value of the file is checked, so that a mistake is found before its profile is needed.
	for _, t := range config.tables {
		if _, err := all.profile(t.name); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// names returns the profiles, sorted.
func (s *storedSettings) names() []string {
	names := []string{}
	for _, t := range s.config.tables {
		if t.name != "" {
			names = append(names, t.name)
		}
	}
	slices.Sort(names)
	return names
}
