package wpi

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Priority says whether a phone that is in use may be updated (the guide, p. 177).
type Priority string

// The priorities. A phone that is told none takes Immediate, so it is always told.
const (
	Normal    Priority = "normal"    // only an idle phone; one in a call refuses
	Immediate Priority = "immediate" // whatever the phone is doing
)

// The settings that a [*ValueError] names.
const (
	SettingURL      = "url"
	SettingServer   = "server"
	SettingPort     = "port"
	SettingAccount  = "account"
	SettingUsername = "username"
	SettingPassword = "password" //nolint:gosec // a name, no password
	SettingPath     = "path"
	SettingFilename = "filename"
	SettingType     = "software-type"
	SettingVersion  = "version"
)

// A Deployment tells a phone where to fetch its new software. With a URL it fetches by HTTPS, else by FTP: there is no
// other sign (the guide, pp. 53, 57). It never prints its password.
type Deployment struct {
	URL string // https://HOST[:PORT]/FOLDER/FILE, whole

	Server string // host name or IP address, by FTP
	Port   int    // 1 to 65535; 0 is 21
	Path   string // folder, "" for that of the login
	Name   string // the file's

	Account  string // by FTP; that phones know the item is assumed
	Username string
	Password string

	SoftwareType string // as the phone names its own, such as "Unify SIP"; may be empty (observed: services leave it out)
	Version      string // as 1.4.9.0; may be empty (observed likewise)
	Priority     Priority
}

// Format writes where the file lies, and nothing of the login, nor of one that is where none may be.
func (d Deployment) Format(f fmt.State, _ rune) {
	where := "ftp " + d.Server + " " + d.Path + " " + d.Name
	if d.URL != "" {
		where = "an unfit URL"
		if u, err := url.Parse(d.URL); err == nil && u.Opaque == "" {
			where = (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
		}
	}
	_, _ = fmt.Fprintf(f, "deployment of %s", where)
}

// A ValueError is a value that a phone would not understand. Problem never holds the value.
type ValueError struct{ Setting, Problem string }

func (e *ValueError) Error() string { return e.Setting + ": " + e.Problem }

// Message returns the action. The error is a [*ValueError].
func (d Deployment) Message() (ServiceMessage, error) {
	if err := d.check(); err != nil {
		return ServiceMessage{}, err
	}
	m := ServiceMessage{Action: ActionSoftwareDeployment}
	add := func(name, value string) {
		if value != "" {
			m.Items = append(m.Items, Item{Name: name, Value: value})
		}
	}
	if d.URL != "" {
		add("file-https-base-url", d.URL) // the file's whole URL in spite of the name (the guide, p. 53, and observed)
	} else {
		add("file-server", d.Server)
		add("file-port", strconv.Itoa(d.port()))
	}
	add("file-account", d.Account)
	add("file-username", d.Username)
	add("file-pwd", d.Password)
	add("file-path", d.Path)
	add("file-name", d.Name)
	add("file-type", "APP") // the guide's example has it beside file-sw-type (p. 57)
	add("file-sw-type", d.SoftwareType)
	add("file-sw-version", d.Version)
	add("file-priority", string(d.Priority))
	return m, nil
}

func (d Deployment) port() int {
	if d.Port == 0 {
		return 21
	}
	return d.Port
}

// check refuses what a phone would misunderstand. Phones of 2009 know neither the entities for & < > nor how to get on
// without them (observed: a provisioning service replaces them for that), and trim blanks.
func (d Deployment) check() error {
	for _, v := range []struct{ setting, value string }{
		{SettingURL, d.URL},
		{SettingServer, d.Server},
		{SettingPath, d.Path},
		{SettingFilename, d.Name},
		{SettingAccount, d.Account},
		{SettingUsername, d.Username},
		{SettingPassword, d.Password},
		{SettingType, d.SoftwareType},
		{SettingVersion, d.Version},
	} {
		if problem := unfit(v.value); problem != "" {
			return &ValueError{v.setting, problem}
		}
	}
	if d.Priority != Normal && d.Priority != Immediate {
		return &ValueError{"priority", "it is normal or immediate"}
	}
	if d.URL != "" {
		return d.checkURL()
	}
	switch {
	case d.Server == "":
		return &ValueError{SettingServer, "it is missing"}
	case d.Name == "":
		return &ValueError{SettingFilename, "it is missing"}
	case d.Port < 0 || d.Port > 65535:
		return &ValueError{SettingPort, "it is not from 1 to 65535"}
	}
	return nil
}

func (d Deployment) checkURL() error {
	u, err := url.Parse(d.URL)
	switch {
	case err != nil || u.Scheme != "https" || u.Host == "" || strings.HasSuffix(u.Path, "/") || u.Path == "":
		return &ValueError{SettingURL, "phones take the whole address of a file, https://HOST/FOLDER/FILE"}
	case u.User != nil:
		return &ValueError{SettingURL, "the login does not belong into it"}
	case u.Fragment != "":
		return &ValueError{SettingURL, "it has a part behind #"}
	case d.Server != "" || d.Port != 0 || d.Path != "" || d.Name != "" || d.Account != "":
		return &ValueError{SettingURL, "it does not go with the settings of FTP"}
	}
	return nil
}

// unfit says why a phone would not understand a value.
func unfit(value string) string {
	switch {
	case strings.ContainsAny(value, "&<>"):
		return "phones cannot read & < > in it"
	case !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl):
		return "it holds control characters, or is not UTF-8"
	case value != strings.TrimSpace(value):
		return "it begins or ends with a blank, which phones cut off"
	}
	return ""
}
