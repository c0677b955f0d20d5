package htmlform

import (
	"errors"
	"net/url"
	"strings"
)

var errAddress = errors.New("not an address")

// Resolve returns what a reference on a page means, on whatever host that is. As in browsers, blanks around it and line breaks
// in it do not count, and what may not stand in a request is escaped.
func Resolve(base *url.URL, reference string) (*url.URL, error) {
	reference = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(strings.Trim(reference, " \t\n\r\f"))
	u, err := url.Parse(reference)
	if err != nil {
		return nil, errAddress
	}
	u = base.ResolveReference(u)
	u.Fragment, u.RawFragment = "", ""
	if u.Path == "" {
		u.Path = "/"
	}
	u.RawQuery = escapeQuery(u.RawQuery)
	return u, nil
}

// escapeQuery escapes what package net/url accepts in a query and HTTP does not.
func escapeQuery(query string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(query) {
		if c <= ' ' || c >= 0x7F || strings.IndexByte("\"<>`", c) >= 0 {
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

// PageKey returns what tells one page from another. The language and the user that a link names make no other page.
func PageKey(u *url.URL) string {
	if name := u.Query().Get("page"); name != "" {
		return u.Path + "?page=" + name
	}
	return u.Path
}
