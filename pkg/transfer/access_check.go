package transfer

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cpupdate/cpupdate/pkg/address"
	"github.com/cpupdate/cpupdate/pkg/secret"
)

// checkServer accepts a host name or an address, and nothing that people paste with it.
func (a Access) checkServer() error {
	host, port, err := address.Split(a.Server)
	ascii, _ := address.ASCII(host) // checked by Split
	if err == nil && port == 0 && ascii == host {
		if err = address.CheckOne(host); err != nil {
			return &SettingError{SettingServer, hostProblem(err)}
		}
		return nil
	}
	problem := ""
	switch {
	case mayHoldLogin(a.Server):
		return &SettingError{SettingServer, "holds an @: give only the host here, and the name of the login in username"}
	case strings.Contains(a.Server, "://"):
		problem = "%q is a URL: give only the host here, and https, ftps or ftp in method"
	case strings.Contains(a.Server, "/"):
		problem = "%q contains a slash: give only the host here, and the folder in path"
	case port != 0 || strings.Count(a.Server, ":") == 1:
		problem = "%q contains a port: give only the host here, and the port number in port"
	case err != nil:
		_, err = address.Host(a.Server)
		return &SettingError{SettingServer, hostProblem(err)}
	default:
		problem = "%q is a name in another script: write it as " + ascii
	}
	return &SettingError{SettingServer, fmt.Sprintf(problem, secret.Cut(a.Server, 100))}
}

// hostProblem returns what is wrong with a host, and how to write it.
func hostProblem(err error) string {
	if e := (*address.Error)(nil); errors.As(err, &e) {
		return e.Problem + ": " + e.Advice
	}
	return err.Error()
}

// mayHoldLogin reports whether a password may stand in a text, as in ftp://cp:password@host: it must not be shown.
func mayHoldLogin(text string) bool { return strings.Contains(text, "@") }

// checkPath refuses backslashes, which Windows users type by habit: servers would make one folder of that name.
func (a Access) checkPath() error {
	if strings.Contains(a.Path, `\`) {
		return &SettingError{SettingPath, "contains a backslash: folders on a server are separated by slashes"}
	}
	return nil
}

// checkBaseURL accepts a folder on an HTTPS server. No error shows a URL with a password in it.
func (a Access) checkBaseURL() error {
	u, err := url.Parse(a.BaseURL)
	problem := ""
	switch {
	case strings.Contains(a.BaseURL, "@") && (err != nil || u.User != nil):
		problem = "contains a login: give the name as username, and the password on its own"
	case err != nil:
		problem = "cannot be read as a URL"
	case u.Scheme != "https":
		problem = "must begin with https://"
	case u.Hostname() == "":
		problem = "names no server"
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(a.BaseURL, "#"):
		problem = "must end with the folder: no ? and no #"
	case u.Port() != "":
		if (&Access{}).setPort(u.Port()) != nil {
			problem = "has an invalid port: ports are numbers from 1 to 65535"
		}
	case strings.HasSuffix(u.Host, ":"):
		problem = "has a colon without a port"
	}
	if problem != "" {
		return &SettingError{SettingBaseURL, problem}
	}
	host := Access{Server: u.Hostname()}
	if e := (*SettingError)(nil); errors.As(host.checkServer(), &e) {
		return &SettingError{SettingBaseURL, e.Problem}
	}
	return nil
}

// textProblem returns what is wrong with a text that would end a command early or cannot be typed; "" if nothing is.
func textProblem(text string) string {
	switch {
	case len(text) > 4096:
		return "has more than 4096 bytes"
	case !utf8.ValidString(text):
		return "is not UTF-8"
	case strings.IndexFunc(text, unicode.IsControl) >= 0:
		return "holds a control character, such as a line break"
	}
	return ""
}
