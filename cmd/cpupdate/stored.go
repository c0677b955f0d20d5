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

// A settingsPlace is where settings, passwords and known keys lie. It is empty if the system names no folder for them.
type settingsPlace struct {
	config, passwords, keys string
	named                   bool // by --config or $CPUPDATE_CONFIG: it has to be there when it is read
}

// settingsPlace finds the files. Passwords lie beside the settings, so that these can be shown, kept under version
// control and handed on.
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
	p.passwords = folder + name + ".passwords" // where site and site.toml lie side by side, these are two files
	if site, found := strings.CutSuffix(name, ".toml"); found {
		p.passwords = folder + site + ".passwords.toml"
	}
	if name == configFile {
		p.passwords = folder + "passwords.toml"
	}
	return p
}

// configForm is what config.toml may hold.
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

// A storedFile is a settings file, or one with passwords, as it is.
type storedFile struct {
	path   string
	form   storedForm
	there  bool
	raw    []byte
	mode   fs.FileMode
	tables []settingsTable
}

// byteOrderMark is what some editors begin a file with; TOML does not know it.
const byteOrderMark = "\xEF\xBB\xBF"

// text is what is in the file after its byte order mark.
func (f *storedFile) text() []byte { return bytes.TrimPrefix(f.raw, []byte(byteOrderMark)) }

// mark is the file's byte order mark, if it has one.
func (f *storedFile) mark() []byte { return f.raw[:len(f.raw)-len(f.text())] }

// readStored reads a settings file. That there is none is no error.
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

// failure names the file, and has the next step.
func (f *storedFile) failure(err error) error {
	what, hint := "settings", "check that the file can be read"
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
	// Whoever opens a pipe waits for its other end, and Ctrl-C would not end that.
	info, err := os.Stat(f.path)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no file")
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

// checkMode refuses passwords that others may read. Windows has no such bits: there the folder's own protection counts.
func (f *storedFile) checkMode() error {
	if runtime.GOOS == "windows" || f.mode.Perm()&0o077 == 0 {
		return nil
	}
	return failf(codeSettings, "chmod 600 "+f.path+"; and if others could read it, change the passwords on the servers",
		"passwords %s: not only its owner may read or change it (mode %03o)", f.path, f.mode.Perm())
}

// storedSettings are the settings and where they lie.
type storedSettings struct {
	place  settingsPlace
	config *storedFile
}

// storedSettings reads the settings file. Without one there are no settings, unless it was named.
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
		return nil, config.failure(errors.New("there is no such file"))
	}
	all := &storedSettings{place, config}
	// Every value of the file is looked at, so that a mistake shows before its profile is needed.
	for _, t := range config.tables {
		if _, err := all.profile(t.name); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// names are the profiles, sorted.
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
