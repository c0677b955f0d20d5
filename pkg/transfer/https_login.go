package transfer

import (
	"errors"
	"fmt"
	"net/http"
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
	unknown   string            // what the server wants instead, which is not supported
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
	if challenge := findDigest(h); challenge != nil {
		again := !l.tried || challenge.Stale
		l.challenge, l.count, l.basic, l.tried = challenge, 0, false, true
		return again
	}
	offers := h.Values("WWW-Authenticate")
	for _, offer := range offers {
		for part := range strings.SplitSeq(offer, ",") {
			if scheme, _, _ := strings.Cut(strings.TrimSpace(part), " "); strings.EqualFold(scheme, "basic") {
				again := !l.tried
				l.challenge, l.basic, l.tried = nil, true, true
				return again
			}
		}
	}
	if !l.tried {
		l.unknown = strings.Join(offers, ", ")
	}
	return false
}

// findDigest returns the first demand for a digest login that can be met, or nil. The quality auth-int wants the digest
// of the whole file before its first byte, and is not met.
func findDigest(h http.Header) *digest.Challenge {
	for _, offer := range h.Values("WWW-Authenticate") {
		c, err := digest.ParseChallenge(offer)
		if err != nil {
			continue
		}
		for i := range c.QOP {
			c.QOP[i] = strings.TrimSpace(c.QOP[i])
		}
		if digest.CanDigest(c) && (len(c.QOP) == 0 || c.SupportsQOP("auth")) {
			return c
		}
	}
	return nil
}

// problem returns what is wrong with the login, besides the server's words; nil if that is not known.
func (l *httpLogin) problem() error {
	switch {
	case l.username == "":
		return errLoginWanted
	case l.unknown != "":
		scheme, _, _ := strings.Cut(l.unknown, " ")
		if strings.EqualFold(scheme, "digest") {
			return errors.New("the server wants an unsupported kind of digest login: supported are the algorithms MD5, SHA-256 and SHA-512, with quality auth")
		}
		return fmt.Errorf("the server wants a login of the kind %q; supported are basic and digest", secret.Cut(scheme, 40))
	case !l.tried:
		return errors.New("the server does not say what login it wants")
	}
	return nil
}

// accepted notes that the server accepts the login: a later refusal asks for something new.
func (l *httpLogin) accepted() { l.tried, l.proven = false, l.proven || l.known() }

// known reports whether the server has said what it wants.
func (l *httpLogin) known() bool { return l.basic || l.challenge != nil }
