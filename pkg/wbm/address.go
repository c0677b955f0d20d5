package wbm

import (
	"errors"
	"net/url"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/wbm/internal/htmlform"
)

// errForeign is an address that is not on the phone.
var errForeign = errors.New("it leads elsewhere")

// resolve returns the address that a reference on a page means. It fails unless that is on the phone.
func (s *Session) resolve(base *url.URL, reference string) (*url.URL, error) {
	u, err := htmlform.Resolve(base, reference)
	if err != nil {
		return nil, errForeign
	}
	return s.onPhone(u)
}

// target returns the address that a form sends to. It fails unless that is on the phone.
func (s *Session) target(f *htmlform.Form) (*url.URL, error) {
	u, err := f.Target()
	if err != nil {
		return nil, errForeign
	}
	return s.onPhone(u)
}

// onPhone returns the address as browsers write it. It fails unless that is on the same host and port, by HTTPS.
func (s *Session) onPhone(u *url.URL) (*url.URL, error) {
	if u.Scheme != "https" || u.User != nil || u.Opaque != "" || !strings.EqualFold(u.Hostname(), s.host) {
		return nil, errForeign
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	if port != s.port {
		return nil, errForeign
	}
	u.Host = s.origin.Host
	return u, nil
}
