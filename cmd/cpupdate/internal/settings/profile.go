package settings

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings/tomledit"
	"github.com/cpupdate/cpupdate/pkg/address"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// The names of the settings that are not access data. They are keys of the file and names of flags, too.
const (
	KeyCA      = "ca"
	KeyPin     = "pin"
	KeyLevel   = "hw-level"
	KeyModel   = "model"
	KeyType    = "software-type"
	KeyMinimum = "minimum-version"
)

// Names returns the settings that can be stored in config.toml, in the order in which they are shown.
func Names() []string {
	return []string{
		transfer.SettingMethod, transfer.SettingServer, transfer.SettingPort, transfer.SettingAccount,
		transfer.SettingUsername, transfer.SettingPath, transfer.SettingBaseURL,
		KeyCA, KeyPin, KeyFetchURL, KeyFetchUsername, KeyFetchPassword,
		KeyLevel, KeyModel, KeyType, KeyMinimum,
	}
}

// A FetchAccess is where phones fetch, and with which user, if that differs from the upload. The zero value is not set.
type FetchAccess struct{ URL, Username, PasswordFile string }

// A Profile is one set of stored settings, or the defaults. It takes nothing from another set.
type Profile struct {
	Name   string          // "" for the defaults
	Access transfer.Access // without the password
	CA     string          // file with the trusted authorities, "" for those of the system
	Pins   []trust.Pin
	Phone  hwcheck.Phone       // what is stated about the site's phones
	Fetch  FetchAccess         // where phones fetch, and as which user, if that differs from the upload
	Texts  map[string][]string // each stored setting, as it is written
	Where  map[string]string   // and its place: "config.toml, line 4"
	Place  Place
}

// Empty reports whether no setting is stored.
func (p *Profile) Empty() bool { return len(p.Texts) == 0 }

// Title returns the profile's name for use in a sentence.
func (p *Profile) Title() string { return ProfileTitle(p.Name) }

// ProfileTitle returns the name of a profile in a sentence: "defaults", "profile berlin".
func ProfileTitle(name string) string {
	if name == "" {
		return "defaults"
	}
	return "profile " + name
}

// Trust reads the authorities and returns which peers to trust.
func (p *Profile) Trust(ctx context.Context) (trust.Policy, error) {
	t := trust.Policy{Pins: p.Pins}
	if p.CA == "" {
		return t, nil
	}
	var err error
	t.Authorities, err = ReadAuthorities(ctx, p.CA, "the server's")
	return t, err
}

// CheckTrust refuses stored authorities and pins for plain FTP, where they cannot be checked: whoever stored them
// expects that they count.
func (p *Profile) CheckTrust() error {
	for _, name := range []string{KeyCA, KeyPin} {
		if PlainFTP(p.Access) && len(p.Texts[name]) > 0 {
			return exit.Errorf(exit.CodeSettings, "use method ftps, or remove them with: cpupdate defaults unset ca pin",
				"%s: %s is stored, but works only with methods ftps and https: with ftp a server presents no certificate", p.Title(), name)
		}
	}
	return nil
}

// Profile returns the profile called name, or the defaults for "". Missing defaults are empty; a missing profile is an
// error.
func (s *Store) Profile(name string) (*Profile, error) {
	all, err := s.Read()
	if err != nil {
		return nil, err
	}
	if name != "" && all.Place.Config == "" { // not known is not none
		if err := s.Check(); err != nil {
			return nil, err
		}
	}
	return all.Profile(name)
}

// Profile converts the settings of a table to their types.
func (s *Settings) Profile(name string) (*Profile, error) {
	p := &Profile{Name: name, Place: s.Place, Texts: map[string][]string{}, Where: map[string]string{}}
	table := tomledit.Find(s.Config.Tables, name)
	if table == nil {
		if name != "" {
			return nil, s.unknownProfile(name)
		}
		return p, nil
	}
	for _, v := range table.Values {
		where := fmt.Sprintf("%s, line %d", filepath.Base(s.Config.Path), v.Line)
		if err := p.Set(v.Key, v.Texts, hwcheck.Stored, where); err != nil {
			hint := tomledit.Hint
			if strings.ContainsFunc(strings.Join(v.Texts, ""), unicode.IsControl) {
				hint = tomledit.HintBackslash // "C:\temp" has a tab in TOML
			}
			return nil, exit.New(exit.CodeSettings, fmt.Errorf("settings %s: line %d: %w", s.Config.Path, v.Line, err), hint)
		}
	}
	return p, nil
}

func (s *Settings) unknownProfile(name string) error {
	hint := "create it with: cpupdate defaults set --profile NAME --server HOST --username NAME"
	if names := s.Names(); len(names) > 0 {
		hint = "known profiles: " + strings.Join(names, ", ")
	}
	return exit.Errorf(exit.CodeSettings, hint, "there is no profile %s in %s", name, s.Place.Config)
}

// Set gives a setting its value. The error is a [*transfer.SettingError].
func (p *Profile) Set(name string, texts []string, origin hwcheck.Origin, where string) error {
	p.Texts[name], p.Where[name] = texts, where
	text := texts[0]
	var err error
	switch name {
	case KeyCA:
		err = CheckText(text)
		p.CA = p.besideConfig(text)
	case KeyPin:
		p.Pins, err = ParsePins(texts)
	case KeyFetchURL:
		p.Fetch.URL = text
		if err = CheckText(text); err == nil {
			_, err = ParseFetchURL(text)
		}
	case KeyFetchUsername:
		p.Fetch.Username, err = checkedText(text)
	case KeyFetchPassword:
		p.Fetch.PasswordFile, err = p.besideConfig(text), CheckText(text)
	case KeyLevel:
		err = storedClaim(&p.Phone.Level, text, origin, where, hwcheck.ParseLevel)
	case KeyModel:
		err = storedClaim(&p.Phone.Device, text, origin, where, checkedText)
	case KeyType:
		err = storedClaim(&p.Phone.SoftwareType, text, origin, where, checkedText)
	case KeyMinimum:
		err = storedClaim(&p.Phone.Minimum, text, origin, where, bind.ParseVersion)
	default:
		if err := p.Access.Set(name, text); err != nil {
			return err
		}
	}
	if err == nil && slices.ContainsFunc(texts, secret.HoldsLogin) {
		err = errors.New(NoLogin)
	}
	if err != nil {
		return &transfer.SettingError{Setting: name, Problem: err.Error()}
	}
	return nil
}

// besideConfig returns the full name of a file: a relative name starts from the folder of the settings file.
func (p *Profile) besideConfig(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(p.Place.Config), name)
}

// Canonical returns how a setting is written to the file: a number without anything that TOML does not allow.
func (p *Profile) Canonical(name string) []string {
	switch {
	case name == transfer.SettingPort:
		return []string{p.Access.Get(name)}
	case name == KeyLevel && len(p.Phone.Level) > 0:
		return []string{strconv.Itoa(int(p.Phone.Level[0].Value))}
	}
	return p.Texts[name]
}

func storedClaim[T any](claims *[]hwcheck.Claim[T], text string, origin hwcheck.Origin, where string, parse func(string) (T, error)) error {
	value, err := parse(text)
	*claims = []hwcheck.Claim[T]{{Value: value, Origin: origin, Where: where}}
	return err
}

// ParsePins parses pins, sha256:HEX each; at most 64.
func ParsePins(texts []string) ([]trust.Pin, error) {
	if len(texts) > tomledit.MaxPins {
		return nil, fmt.Errorf("at most %d are allowed", tomledit.MaxPins)
	}
	var pins []trust.Pin
	for _, text := range texts {
		pin, err := trust.ParsePin(text)
		if err != nil {
			return nil, err
		}
		pins = append(pins, pin)
	}
	return pins, nil
}

// NoLogin is what is wrong with a URL such as ftp://user:password@host/.
const NoLogin = "contains a login: give the name as username, and the password on its own"

// ParseFetchURL parses a URL from which phones fetch. No error shows a password in it.
func ParseFetchURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case strings.Contains(text, "@") && (err != nil || u.User != nil || u.Host == ""):
		return nil, errors.New("must not contain a login: use fetch-username and fetch-password-file")
	case err != nil || u.Hostname() == "" || u.Scheme != "ftp" && u.Scheme != "https":
		return nil, errors.New("must be ftp://HOST/FOLDER/ or https://HOST/FOLDER/, or the complete address of the file")
	}
	host, err := address.Host(u.Hostname())
	if err == nil {
		err = address.CheckOne(host)
	}
	return u, err
}

func checkedText(s string) (string, error) { return s, CheckText(s) }

// CheckText checks that a text contains only what can be typed.
func CheckText(s string) error {
	switch {
	case s == "":
		return errors.New("is empty")
	case len(s) > 1024:
		return errors.New("has more than 1024 bytes")
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl):
		return errors.New("contains a control character, or is not UTF-8")
	}
	return nil
}

// The settings that phones are instructed to use if they differ from those of the upload.
const (
	KeyFetchURL      = "fetch-url"
	KeyFetchUsername = "fetch-username"
	KeyFetchPassword = "fetch-password-file" //nolint:gosec // a name, no password
)
