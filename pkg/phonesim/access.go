package phonesim

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// An Access says how a phone reaches the files of a server: the settings that a transfer form and the phone's stored defaults
// have in common (CP HFA administration manual A31003-C1000-M102-5, 3.9.2 and 3.9.4). It never prints its password.
type Access struct {
	HTTPS              bool   // the download method; else FTP
	Server, Port       string // by FTP; no port is 21
	Account            string // by FTP; it is not used
	Username, Password string
	Path               string // by FTP: the folder; "" is the one of the login
	BaseURL            string // by HTTPS: the folder
}

// Format keeps the password out of every verb.
func (a Access) Format(s fmt.State, _ rune) {
	if a.HTTPS {
		_, _ = fmt.Fprintf(s, "https %s", a.BaseURL)
		return
	}
	_, _ = fmt.Fprintf(s, "ftp %s:%s %s", a.Server, a.Port, a.Path)
}

// file returns where a file lies. With HTTPS, server, port and path are ignored, with FTP the base URL (assumed from the
// manual); a base URL and a file name are joined with one slash (assumed).
func (a Access) file(name string) (fetch, error) {
	f := fetch{name: name, username: a.Username, password: a.Password, fileType: "APP"}
	if name == "" {
		return f, errors.New("it names no file")
	}
	if a.HTTPS {
		f.name = ""
		return f, f.takeURL(strings.TrimRight(a.BaseURL, "/") + "/" + strings.TrimLeft(name, "/"))
	}
	if a.Server == "" {
		return f, errors.New("it names no server")
	}
	port := a.Port
	if port == "" {
		port = "21"
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return f, errors.New("the port is not valid")
	}
	f.server, f.path = net.JoinHostPort(strings.Trim(a.Server, "[]"), port), a.Path
	return f, nil
}

// storedDefaults returns the phone's stored defaults as a form shows them: without the password.
func (p *Phone) storedDefaults() map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.defaults
	method := "ftp"
	if a.HTTPS {
		method = "https"
	}
	return map[string]string{
		setMethod: method, setServer: a.Server, setPort: a.Port, setAccount: a.Account, setUsername: a.Username,
		setPath: a.Path, setBaseURL: a.BaseURL,
	}
}

// storeDefaults stores what the form for the defaults says.
func (v *webRequest) storeDefaults(values url.Values) *webAnswer {
	settings, err := v.newDefaultsForm().read(values, v.lang())
	if err != nil {
		v.r.p.report(Event{Kind: NotTaken, Detail: err.Error()})
		return v.page(pageDefaults)
	}
	v.r.p.mu.Lock()
	v.r.p.defaults = newAccess(settings)
	v.r.p.mu.Unlock()
	v.r.p.set(func(s *State) { s.Changes++ })
	v.r.p.report(Event{Kind: Changed, Detail: pageDefaults})
	return v.page(pageDefaults)
}
