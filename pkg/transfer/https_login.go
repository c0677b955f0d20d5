package transfer

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/icholy/digest"

	"github.com/cpupdate/cpupdate/pkg/secret"
)

// An httpLogin answers a server's demand for a login: digest where it is offered (RFC 7616), else basic (RFC 7617).
// Nothing is sent before the server has said what it wants.
type httpLogin struct {
	username string
	password secret.Secret

	challenge *digest.Challenge // what the server wants by digest
	count     int               // requests that used it
	basic     bool              // the server wants basic
	tried     bool              // the login was sent, and refused
	proven    bool              // the server has accepted it
	unknown   []string          // the kinds of login that the server wants instead, none of which is supported
}

// sign adds the login to a request.
func (l *httpLogin) sign(r *http.Request) error {
	switch {
	case l.challenge != nil:
		l.count++
		credentials, err := digest.Digest(l.challenge, digest.Options{
			Method: r.Method, URI: r.URL.RequestURI(), Count: l.count,
			Username: l.username, Password: l.password.Reveal(),
		})
		if err != nil {
			return fmt.Errorf("the server's demand for a digest login cannot be met: %w", err)
		}
		r.Header.Set("Authorization", credentials.String())
	case l.basic:
		r.SetBasicAuth(l.username, l.password.Reveal())
	}
	return nil
}

// learn reads which login the server wants, and reports whether to repeat the request with it. A login that was refused is
// not tried twice: servers lock out clients that try too often.
func (l *httpLogin) learn(h http.Header) bool {
	if l.username == "" {
		return false
	}
	offers := parseChallenges(h.Values("WWW-Authenticate"))
	if challenge := findDigest(offers); challenge != nil {
		again := !l.tried || challenge.Stale
		l.challenge, l.count, l.basic, l.tried = challenge, 0, false, true
		return again
	}
	if slices.ContainsFunc(offers, func(c httpChallenge) bool { return c.scheme == "basic" }) {
		again := !l.tried
		l.challenge, l.basic, l.tried = nil, true, true
		return again
	}
	if !l.tried {
		l.unknown = schemes(offers)
	}
	return false
}

// schemes returns the names of the ways to log in that are offered, each once.
func schemes(offers []httpChallenge) []string {
	var names []string
	for _, offer := range offers {
		if name := secret.Cut(offer.name, maxScheme); !slices.Contains(names, name) && len(names) < maxSchemes {
			names = append(names, name)
		}
	}
	return names
}

// What is shown of the ways to log in that are not supported.
const (
	maxScheme  = 40 // bytes of a name
	maxSchemes = 4
)

// problem returns what is wrong with the login, besides the server's words; nil if that is not known.
func (l *httpLogin) problem() error {
	switch {
	case l.username == "":
		return errLoginWanted
	case slices.ContainsFunc(l.unknown, func(name string) bool { return strings.EqualFold(name, "digest") }):
		return errors.New("the server wants an unsupported kind of digest login: supported are the algorithms MD5, SHA-256 and SHA-512, with quality auth")
	case len(l.unknown) > 0:
		return fmt.Errorf("the server wants a login of the kind %q; supported are basic and digest", strings.Join(l.unknown, ", "))
	case !l.tried:
		return errors.New("the server does not say what login it wants")
	}
	return nil
}

// accepted notes that the server accepts the login: a later refusal asks for something new.
func (l *httpLogin) accepted() { l.tried, l.proven = false, l.proven || l.known() }

// known reports whether the server has said what it wants.
func (l *httpLogin) known() bool { return l.basic || l.challenge != nil }
