package transfer

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/secret"
)

// Method says how the file travels.
type Method string

// The methods. FTPS is FTP with explicit TLS (AUTH TLS) on both connections.
const (
	FTP   Method = "ftp"
	FTPS  Method = "ftps"
	HTTPS Method = "https"
)

// Access holds the access data that the phones' own pages have for each kind of file: which server, and which login. The
// zero value of a setting is "not set".
//
// The names, and ftp as the default method, are those of the CP HFA administration manual A31003-C1000-M102-5, pp. 101
// and 107. FTPS is an addition: phones do not know it.
type Access struct {
	Method   Method // FTP if empty
	Server   string // host name or IP address; by HTTPS only without BaseURL
	Port     int    // 1 to 65535; 0: 21 for FTP and FTPS, 443 for HTTPS
	Account  string // FTP ACCT; sent when the server asks for it
	Username string
	Password secret.Secret
	Path     string // directory, by FTP and FTPS; "" is the login directory
	BaseURL  string // https://HOST[:PORT]/..., by HTTPS
}

// The names of the settings, as in a [SettingError] and for [Access.Set].
const (
	SettingMethod   = "method"
	SettingServer   = "server"
	SettingPort     = "port"
	SettingAccount  = "account"
	SettingUsername = "username"
	SettingPassword = "password" //nolint:gosec // a name, no password
	SettingPath     = "path"
	SettingBaseURL  = "base-url"
)

// SettingError says which setting is wrong or missing, and in Problem why, in a few words. It never holds a password.
type SettingError struct{ Setting, Problem string }

func (e *SettingError) Error() string { return e.Setting + ": " + e.Problem }

// Set sets one setting from text, by its name, [SettingPassword] included. The error is a [*SettingError] if the text is
// no value of the setting; whether it fits the other settings, [Access.Validate] says.
func (a *Access) Set(setting, text string) error {
	if problem := textProblem(text); problem != "" {
		return &SettingError{setting, problem}
	}
	if text == "" && setting != SettingPassword {
		return &SettingError{setting, "is empty"}
	}
	switch setting {
	case SettingMethod:
		a.Method = Method(text)
		return a.checkMethod()
	case SettingServer:
		a.Server = text
		return a.checkServer()
	case SettingPort:
		return a.setPort(text)
	case SettingAccount:
		a.Account = text
	case SettingUsername:
		a.Username = text
	case SettingPassword:
		a.Password = secret.New(text)
	case SettingPath:
		a.Path = text
		return a.checkPath()
	case SettingBaseURL:
		a.BaseURL = text
		return a.checkBaseURL()
	default:
		return &SettingError{setting, "there is no such setting"}
	}
	return nil
}

// setPort reads a port. Zero means "any port", which no server has.
func (a *Access) setPort(text string) error {
	port, err := strconv.Atoi(text)
	if err != nil || port < 1 || port > 65535 {
		if mayHoldLogin(text) {
			text = secret.Redacted
		}
		return &SettingError{SettingPort, fmt.Sprintf("%q is not a port: ports are numbers from 1 to 65535", text)}
	}
	a.Port = port
	return nil
}

// Get returns a setting as text, "" if it is not set. A password is returned as [secret.Secret.String].
func (a Access) Get(setting string) string {
	switch setting {
	case SettingMethod:
		return string(a.Method)
	case SettingServer:
		return a.Server
	case SettingPort:
		if a.Port == 0 {
			return ""
		}
		return strconv.Itoa(a.Port)
	case SettingAccount:
		return a.Account
	case SettingUsername:
		return a.Username
	case SettingPassword:
		return a.Password.String()
	case SettingPath:
		return a.Path
	case SettingBaseURL:
		return a.BaseURL
	}
	return ""
}

// Validate returns a [*SettingError] for the first setting that is wrong, missing, or in contradiction to the others.
func (a Access) Validate() error {
	for _, setting := range []string{SettingServer, SettingAccount, SettingUsername, SettingPassword, SettingPath, SettingBaseURL} {
		text := a.Get(setting)
		if setting == SettingPassword {
			text = a.Password.Reveal()
		}
		if problem := textProblem(text); problem != "" {
			return &SettingError{setting, problem}
		}
	}
	if err := a.checkMethod(); err != nil {
		return err
	}
	if a.Port < 0 || a.Port > 65535 {
		return &SettingError{SettingPort, fmt.Sprintf("%d is not a port: ports are numbers from 1 to 65535", a.Port)}
	}
	if a.Password.IsSet() && a.Username == "" {
		return &SettingError{SettingUsername, "is missing: there is a password"}
	}
	if a.method() == HTTPS {
		return a.validateHTTPS()
	}
	return a.validateFTP()
}

func (a Access) validateFTP() error {
	switch {
	case a.BaseURL != "":
		return &SettingError{SettingBaseURL, "goes with method https; the method is " + string(a.method())}
	case a.checkPath() != nil:
		return a.checkPath()
	case a.Server == "":
		return &SettingError{SettingServer, "is missing"}
	case a.Username == "":
		return &SettingError{SettingUsername, "is missing; to log in without one, name it: anonymous"}
	}
	return a.checkServer()
}

func (a Access) validateHTTPS() error {
	switch {
	case a.Path != "":
		return &SettingError{SettingPath, "goes with methods ftp and ftps; by https the folder is part of base-url"}
	case a.Account != "":
		return &SettingError{SettingAccount, "goes with methods ftp and ftps"}
	case strings.Contains(a.Username, ":"):
		return &SettingError{SettingUsername, "holds a colon, which a login by https cannot contain"}
	case a.BaseURL == "" && a.Server == "":
		return &SettingError{SettingBaseURL, "is missing"}
	case a.BaseURL != "" && a.Server != "":
		return &SettingError{SettingServer, "is given twice: base-url names the server already"}
	case a.BaseURL != "" && a.Port != 0:
		return &SettingError{SettingPort, "is given twice: it belongs in base-url, as in https://files.example:8443/"}
	case a.BaseURL != "":
		return a.checkBaseURL()
	}
	return a.checkServer()
}

func (a Access) method() Method {
	if a.Method == "" {
		return FTP
	}
	return a.Method
}

func (a Access) checkMethod() error {
	switch a.method() {
	case FTP, FTPS, HTTPS:
		return nil
	}
	if mayHoldLogin(string(a.Method)) {
		return &SettingError{SettingMethod, "holds an @: give ftp, ftps or https, and the login as username"}
	}
	return &SettingError{SettingMethod, fmt.Sprintf("%q is not a method: ftp, ftps or https", string(a.Method))}
}
