package wbm

import (
	"errors"
	"net/url"
	"strings"
)

// errForeign is an address that is not on the phone.
var errForeign = errors.New("it leads elsewhere")

// resolve makes an address of what a page says, as browsers do: blanks around it and line breaks in it do not count. It is
// refused unless it is on the same host and port, by HTTPS.
func (s *Session) resolve(base *url.URL, reference string) (*url.URL, error) {
	u, err := join(base, reference)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Opaque != "" || !strings.EqualFold(u.Hostname(), s.host) {
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

// join is what a reference means on a page, wherever that is.
func join(base *url.URL, reference string) (*url.URL, error) {
	reference = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(strings.Trim(reference, " \t\n\r\f"))
	u, err := url.Parse(reference)
	if err != nil {
		return nil, errForeign
	}
	u = base.ResolveReference(u)
	u.Fragment, u.RawFragment = "", ""
	if u.Path == "" {
		u.Path = "/"
	}
	return u, nil
}

// requestURI is path and query as they go into a request: what Go lets pass in a query, and HTTP does not, is escaped.
func requestURI(u *url.URL) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(u.RequestURI()) {
		if c <= ' ' || c >= 0x7F || strings.IndexByte("\"<>`", c) >= 0 {
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

// pageKey tells pages apart. The language and the user that a link names are no other page.
func pageKey(u *url.URL) string {
	if name := u.Query().Get("page"); name != "" {
		return u.Path + "?page=" + name
	}
	return u.Path
}
