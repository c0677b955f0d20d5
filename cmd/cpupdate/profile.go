package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// The names of the settings that are not access data. They are keys of the file and names of flags, too.
const (
	settingCA      = "ca"
	settingPin     = "pin"
	settingLevel   = "hw-level"
	settingModel   = "model"
	settingType    = "software-type"
	settingMinimum = "minimum-version"
)

// settingNames returns the settings that can be stored in config.toml, in the order in which they are shown.
func settingNames() []string {
	return []string{
		transfer.SettingMethod, transfer.SettingServer, transfer.SettingPort, transfer.SettingAccount,
		transfer.SettingUsername, transfer.SettingPath, transfer.SettingBaseURL,
		settingCA, settingPin, settingFetchURL, settingFetchUsername, settingFetchPassword,
		settingLevel, settingModel, settingType, settingMinimum,
	}
}

// A fetchAccess is where phones fetch, and as whom, if that is not where the image is sent. The zero value is not set.
type fetchAccess struct{ url, username, passwordFile string }

// A profile is one set of stored settings, or the defaults. It takes nothing from another set.
type profile struct {
	name   string          // "" for the defaults
	access transfer.Access // without the password
	ca     string          // file with the trusted authorities, "" for those of the system
	pins   []trust.Pin
	phone  hwcheck.Phone       // what is stated about the site's phones
	fetch  fetchAccess         // where phones fetch, and as which user, if that differs from the upload
	texts  map[string][]string // each stored setting, as it is written
	where  map[string]string   // and its place: "config.toml, line 4"
	place  settingsPlace
}

// empty reports whether no setting is stored.
func (p *profile) empty() bool { return len(p.texts) == 0 }

// title returns the profile's name for use in a sentence.
func (p *profile) title() string { return profileTitle(p.name) }

func profileTitle(name string) string {
	if name == "" {
		return "defaults"
	}
	return "profile " + name
}

// trust reads the authorities and returns which peers to trust.
func (p *profile) trust() (trust.Policy, error) {
	t := trust.Policy{Pins: p.pins}
	if p.ca == "" {
		return t, nil
	}
	var err error
	t.Authorities, err = readAuthorities(p.ca)
	return t, err
}

// checkTrust refuses stored authorities and pins for plain FTP, where they cannot be checked: whoever stored them
// expects that they count.
func (p *profile) checkTrust() error {
	for _, name := range []string{settingCA, settingPin} {
		if plainFTP(p.access) && len(p.texts[name]) > 0 {
			return failf(codeSettings, "use method ftps, or remove them with: cpupdate defaults unset ca pin",
				"%s: %s is stored, but works only with methods ftps and https: with ftp a server presents no certificate", p.title(), name)
		}
	}
	return nil
}

// warnings returns what will not work with the stored settings.
func (p *profile) warnings(password storedPassword) []string {
	var out []string
	if password.trouble != nil {
		out = append(out, "the password in "+password.trouble.Error())
	}
	if problem := password.misfit(p.access); problem != "" {
		out = append(out, problem+"; store it again: "+p.setPassword())
	}
	if p.checkTrust() != nil {
		out = append(out, "with ftp a server presents no certificate: ca and pin work only with methods ftps and https")
	}
	return out
}

// stored returns the profile called name, or the defaults for "". Missing defaults are empty; a missing profile is an
// error.
func (s *settingsStore) stored(name string) (*profile, error) {
	all, err := s.storedSettings()
	if err != nil {
		return nil, err
	}
	return all.profile(name)
}

// profile converts the settings of a table to their types.
func (s *storedSettings) profile(name string) (*profile, error) {
	p := &profile{name: name, place: s.place, texts: map[string][]string{}, where: map[string]string{}}
	table := findTable(s.config.tables, name)
	if table == nil {
		if name != "" {
			return nil, s.unknownProfile(name)
		}
		return p, nil
	}
	for _, v := range table.values {
		where := fmt.Sprintf("%s, line %d", filepath.Base(s.config.path), v.line)
		if err := p.set(v.key, v.texts, hwcheck.Stored, where); err != nil {
			return nil, fail(codeSettings, fmt.Errorf("settings %s: line %d: %w", s.config.path, v.line, err), settingsHint)
		}
	}
	return p, nil
}

func (s *storedSettings) unknownProfile(name string) error {
	hint := "create it with: cpupdate defaults set --profile NAME --server HOST --username NAME"
	if names := s.names(); len(names) > 0 {
		hint = "known profiles: " + strings.Join(names, ", ")
	}
	return failf(codeSettings, hint, "there is no profile %s in %s", name, s.place.config)
}

// set gives a setting its value. The error is a [*transfer.SettingError].
func (p *profile) set(name string, texts []string, origin hwcheck.Origin, where string) error {
	p.texts[name], p.where[name] = texts, where
	text := texts[0]
	var err error
	switch name {
	case settingCA:
		err = checkText(text)
		p.ca = p.besideConfig(text)
	case settingPin:
		p.pins, err = parsePins(texts)
	case settingFetchURL:
		p.fetch.url, err = checkedText(text)
	case settingFetchUsername:
		p.fetch.username, err = checkedText(text)
	case settingFetchPassword:
		p.fetch.passwordFile, err = p.besideConfig(text), checkText(text)
	case settingLevel:
		err = storedClaim(&p.phone.Level, text, origin, where, hwcheck.ParseLevel)
	case settingModel:
		err = storedClaim(&p.phone.Device, text, origin, where, checkedText)
	case settingType:
		err = storedClaim(&p.phone.SoftwareType, text, origin, where, checkedText)
	case settingMinimum:
		err = storedClaim(&p.phone.Minimum, text, origin, where, bind.ParseVersion)
	default:
		return p.access.Set(name, text)
	}
	if err != nil {
		return &transfer.SettingError{Setting: name, Problem: err.Error()}
	}
	return nil
}

// besideConfig returns the full name of a file: a relative name starts from the folder of the settings file.
func (p *profile) besideConfig(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(p.place.config), name)
}

// canonical returns how a setting is written to the file: a number without anything that TOML does not allow.
func (p *profile) canonical(name string) []string {
	switch {
	case name == transfer.SettingPort:
		return []string{p.access.Get(name)}
	case name == settingLevel && len(p.phone.Level) > 0:
		return []string{strconv.Itoa(int(p.phone.Level[0].Value))}
	}
	return p.texts[name]
}

func storedClaim[T any](claims *[]hwcheck.Claim[T], text string, origin hwcheck.Origin, where string, parse func(string) (T, error)) error {
	value, err := parse(text)
	*claims = []hwcheck.Claim[T]{{Value: value, Origin: origin, Where: where}}
	return err
}

func parsePins(texts []string) ([]trust.Pin, error) {
	if len(texts) > maxPins {
		return nil, fmt.Errorf("at most %d are allowed", maxPins)
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

func checkedText(s string) (string, error) { return s, checkText(s) }

// checkText checks that a text contains only what can be typed.
func checkText(s string) error {
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
