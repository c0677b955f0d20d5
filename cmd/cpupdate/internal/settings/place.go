package settings

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

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/atomicfile"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings/tomledit"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// KnownKeysFile is the name of the file of known keys, beside the settings.
const KnownKeysFile = "known_keys"

// configFile is the settings file in the settings folder.
const configFile = "config.toml"

// A Place holds the names of the files for settings, passwords and known keys. It is empty if the system has no
// settings folder.
type Place struct {
	Config, Passwords, Keys string
	Named                   bool // by --config or $CPUPDATE_CONFIG: the file must exist when it is read
}

// Place returns the files. Passwords are stored beside the settings, so that the settings can be shown, kept
// under version control and passed on.
func (s *Store) Place() Place {
	p := Place{Config: cmp.Or(s.ConfigFlag, s.ConfigVariable), Named: true}
	if p.Config == "" && s.Folder == "" {
		return Place{}
	}
	if p.Config == "" {
		p.Config, p.Named = filepath.Join(s.Folder, configFile), false
	}
	folder, name := filepath.Split(p.Config)
	p.Keys = folder + KnownKeysFile
	p.Passwords = folder + name + ".passwords" // if site and site.toml exist side by side, they need two files
	if site, found := strings.CutSuffix(name, ".toml"); found {
		p.Passwords = folder + site + ".passwords.toml"
	}
	if name == configFile {
		p.Passwords = folder + "passwords.toml"
	}
	return p
}

// ConfigForm describes what config.toml may contain.
func ConfigForm() tomledit.Form {
	var keys []tomledit.Key
	for _, name := range Names() {
		kind := unstable.String
		switch name {
		case transfer.SettingPort, KeyLevel:
			kind = unstable.Integer
		case KeyPin:
			kind = unstable.Array
		}
		keys = append(keys, tomledit.Key{Name: name, Kind: kind})
	}
	return tomledit.Form{Keys: keys}
}

// A File is a settings or password file, as it was read.
type File struct {
	Path   string
	Form   tomledit.Form
	There  bool
	Raw    []byte
	Mode   fs.FileMode
	Tables []tomledit.Table
}

// byteOrderMark begins the files of some editors; TOML does not allow it.
const byteOrderMark = "\xEF\xBB\xBF"

// Text returns the content of the file after its byte order mark.
func (f *File) Text() []byte { return bytes.TrimPrefix(f.Raw, []byte(byteOrderMark)) }

// Mark returns the file's byte order mark, if it has one.
func (f *File) Mark() []byte { return f.Raw[:len(f.Raw)-len(f.Text())] }

// ReadFile reads a settings file. A missing file is no error. Where passwords are read, what a process that was killed while
// it wrote them has left is removed.
func ReadFile(path string, form tomledit.Form) (*File, error) {
	if target, err := atomicfile.LinkTarget(path); form.Secret && err == nil {
		_ = atomicfile.RemoveLeft(target) // in a folder that cannot be written to, nothing is left by us
	}
	f := &File{Path: path, Form: form, Mode: 0o600}
	err := f.Read()
	if err == nil && form.Secret {
		err = f.checkMode()
	}
	if writersErr := f.CheckWriters(f.what()); writersErr != nil && atomicfile.IgnoreMissing(err) == nil {
		return nil, writersErr
	}
	if err == nil {
		f.Tables, err = tomledit.Parse(f.Text(), form)
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	return nil, f.Failure(err)
}

// what returns the name of the file's content in errors.
func (f *File) what() string {
	if f.Form.Secret {
		return "passwords"
	}
	return "settings"
}

// CheckWriters refuses a file that other users can change or replace; see [atomicfile.CheckWriters]. A missing file is refused
// if others can put one in its place, or could remove it. Without its folder there is nothing that could have been removed.
func (f *File) CheckWriters(what string) error {
	if _, err := os.Stat(filepath.Dir(f.Path)); err != nil {
		return nil //nolint:nilerr // whoever reads or writes the file reports it
	}
	return atomicfile.CheckWriters(what, f.Path)
}

// Failure names the file, and adds the next step.
func (f *File) Failure(err error) error {
	hint := "check that the file is readable"
	if place := (*tomledit.Error)(nil); errors.As(err, &place) {
		hint = place.Hint
	}
	if own := (*exit.Error)(nil); errors.As(err, &own) {
		return own
	}
	return exit.New(exit.CodeSettings, fmt.Errorf("%s %s: %w", f.what(), f.Path, exit.WithoutPath(err)), hint)
}

func (f *File) Read() error {
	// Opening a pipe blocks until its other end is opened, and Ctrl-C would not end that.
	info, err := os.Stat(f.Path)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a regular file")
	}
	if err != nil {
		return err
	}
	file, err := os.Open(f.Path)
	if err != nil {
		return err
	}
	defer file.Close()
	f.There, f.Mode = true, info.Mode()
	f.Raw, err = io.ReadAll(io.LimitReader(file, cmp.Or(f.Form.Limit, tomledit.MaxSettings)+4))
	return err
}

// checkMode refuses passwords that other users can read. Windows has no such bits: there the folder's permissions
// protect the file.
func (f *File) checkMode() error {
	if runtime.GOOS == "windows" || f.Mode.Perm()&0o077 == 0 {
		return nil
	}
	return exit.Errorf(exit.CodeSettings, "chmod 600 "+exit.Word(f.Path)+"; and if others could read it, change the passwords on the servers",
		"passwords %s: users other than its owner can read or change it (mode %03o)", f.Path, f.Mode.Perm())
}

// Settings holds the settings and the names of their files.
type Settings struct {
	Place  Place
	Config *File
}

// Read reads the settings file. Without a file there are no settings, unless the file was named.
func (s *Store) Read() (*Settings, error) {
	place := s.Place()
	if place.Config == "" {
		return &Settings{Config: &File{}}, nil
	}
	config, err := ReadFile(place.Config, ConfigForm())
	if err != nil {
		return nil, err
	}
	if !config.There && place.Named {
		return nil, config.Failure(errors.New("no such file"))
	}
	all := &Settings{place, config}
	// Every value of the file is checked, so that a mistake is found before its profile is needed.
	for _, t := range config.Tables {
		if _, err := all.Profile(t.Name); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Names returns the profiles, sorted.
func (s *Settings) Names() []string {
	names := []string{}
	for _, t := range s.Config.Tables {
		if t.Name != "" {
			names = append(names, t.Name)
		}
	}
	slices.Sort(names)
	return names
}
