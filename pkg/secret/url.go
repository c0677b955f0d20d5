package secret

import (
	"net/url"
	"regexp"
	"strings"
)

// HoldsLogin reports whether a text holds a URL with a login in it, such as ftp://user:password@host/. A URL that cannot be
// parsed and has an @ counts: a password may be what makes it unreadable.
func HoldsLogin(text string) bool {
	if !strings.Contains(text, "//") || !strings.Contains(text, "@") {
		return false
	}
	for _, word := range strings.Fields(text) {
		start := strings.Index(word, "//")
		if start < 0 || !strings.Contains(word[start:], "@") {
			continue
		}
		if u, err := url.Parse("x:" + word[start:]); err != nil || u.User != nil {
			return true
		}
	}
	// A password with blanks in it.
	return loginInText.MatchString(text)
}

// loginInText matches the login of a URL within a text, from the slashes to the @: all of the authority; or, where a
// password holds a slash or a blank, what has a colon that no port number follows.
var loginInText = regexp.MustCompile(`//(?:[^/?#\s"]*@|[^/?#\s":]*:(?:[^0-9\s"/@]|[0-9]+[^0-9\s"/@])[^\s"]*@|[^/?#\s"@:]*:[^/"@]*@)`)

// loginOfHost matches a login before a host without a URL's beginning, such as user:password@host.
var loginOfHost = regexp.MustCompile(`\b[A-Za-z0-9._%-]+:[^\s"/@]+@`)

// WithoutLogins returns the text with "[redacted]" for the login of each URL in it, and for user:password before an @.
func WithoutLogins(text string) string {
	if !strings.Contains(text, "@") {
		return text
	}
	text = loginInText.ReplaceAllString(text, "//"+Redacted+"@")
	return loginOfHost.ReplaceAllString(text, Redacted+"@")
}
