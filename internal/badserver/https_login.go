package badserver

import (
	"crypto/md5" //nolint:gosec // the oldest way to log in, which servers still want
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
)

const realm = "phones, all"

// challenge is a 401. A body that comes unasked is read first.
func challenge(x *Exchange, ways ...string) string {
	lines := make([]string, len(ways))
	for i, way := range ways {
		lines[i] = "WWW-Authenticate: " + way
	}
	if x.expects() {
		lines = append(lines, "Connection: close")
	} else {
		x.Read(-1)
	}
	page := "log in\n"
	if x.Request.Method == http.MethodHead {
		page = ""
	}
	return Response(http.StatusUnauthorized, page, lines...)
}

// Login has the server want one of these from everybody.
func Login(ways ...Way) HTTPFault { return login(ways, challenge) }

// LoginJoined is [Login] with all ways in one line, as proxies join them.
func LoginJoined(ways ...Way) HTTPFault {
	return login(ways, func(x *Exchange, all ...string) string { return challenge(x, strings.Join(all, ", ")) })
}

func login(ways []Way, refuse func(*Exchange, ...string) string) HTTPFault {
	return func(s *HTTPS) {
		s.login = func(x *Exchange) string {
			challenges := make([]string, len(ways))
			for i, way := range ways {
				ok := false
				if ok, challenges[i] = way(x); ok {
					return ""
				}
			}
			return refuse(x, challenges...)
		}
	}
}

// A Way to log in tells whether a request is logged in, and if not, what is wanted.
type Way func(*Exchange) (ok bool, wanted string)

// Basic is user name and password.
func Basic(x *Exchange) (ok bool, wanted string) {
	right := "Basic " + base64.StdEncoding.EncodeToString([]byte(User+":"+Password))
	return x.Request.Header.Get("Authorization") == right, `Basic realm="` + realm + `", charset="UTF-8"`
}

// Nobody asks for a login and never takes one.
func Nobody(wanted string) Way {
	return func(*Exchange) (bool, string) { return false, wanted }
}

// Digest is RFC 7616 with an algorithm and a qop; "" leaves each out. The first stale nonces are good for nothing but
// the answer that they are stale.
func Digest(algorithm, qop string, stale int) Way {
	nonce := 1
	return func(x *Exchange) (bool, string) {
		x.s.mu.Lock()
		defer x.s.mu.Unlock()
		current := fmt.Sprintf("nonce-%d", nonce)
		old := ""
		if digestMatches(x.Request, algorithm, current) {
			if stale == 0 {
				return true, ""
			}
			stale--
			nonce++
			current, old = fmt.Sprintf("nonce-%d", nonce), ", stale=true"
		}
		wanted := fmt.Sprintf(`Digest realm="%s", nonce="%s", opaque="a,b=c"%s`, realm, current, old)
		if algorithm != "" {
			wanted += ", algorithm=" + algorithm
		}
		if qop != "" {
			wanted += `, qop="` + qop + `"`
		}
		return false, wanted
	}
}

// OneTime is a [Digest] whose nonces are good for one request each. It says that the one before was right, if tells.
func OneTime(tells bool) Way {
	nonce := 0
	return func(x *Exchange) (bool, string) {
		x.s.mu.Lock()
		defer x.s.mu.Unlock()
		current := fmt.Sprintf("nonce-%d", nonce)
		old := ""
		nonce++
		switch {
		case digestMatches(x.Request, "SHA-256", current):
			return true, ""
		case tells && nonce > 1:
			old = ", stale=true"
		}
		return false, fmt.Sprintf(`Digest realm="%s", nonce="nonce-%d", opaque="a,b=c"%s, algorithm=SHA-256, qop="auth"`, realm, nonce, old)
	}
}

func digestMatches(r *http.Request, algorithm, nonce string) bool {
	p, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Digest ")
	if !ok {
		return false
	}
	given := parameters(p)
	hash := func(text string) string {
		if strings.HasPrefix(algorithm, "SHA-256") {
			sum := sha256.Sum256([]byte(text))
			return hex.EncodeToString(sum[:])
		}
		sum := md5.Sum([]byte(text)) //nolint:gosec // see the import
		return hex.EncodeToString(sum[:])
	}
	if given["username"] != User || given["nonce"] != nonce || given["uri"] != r.RequestURI || given["opaque"] != "a,b=c" {
		return false
	}
	middle := nonce
	if given["qop"] != "" {
		middle = strings.Join([]string{nonce, given["nc"], given["cnonce"], given["qop"]}, ":")
	}
	login := hash(User + ":" + given["realm"] + ":" + Password)
	return given["response"] == hash(login+":"+middle+":"+hash(r.Method+":"+r.RequestURI))
}

// parameters reads name=value and name="value", with commas between them.
func parameters(text string) map[string]string {
	found := map[string]string{}
	for text != "" {
		name, rest, ok := strings.Cut(strings.TrimLeft(text, ", "), "=")
		if !ok {
			break
		}
		value := ""
		if quoted, isQuoted := strings.CutPrefix(rest, `"`); isQuoted {
			end := 0
			for end < len(quoted) && quoted[end] != '"' {
				if quoted[end] == '\\' {
					end++
				}
				end++
			}
			value, text = quoted[:min(end, len(quoted))], quoted[min(end+1, len(quoted)):]
		} else {
			value, text, _ = strings.Cut(rest, ",")
		}
		found[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
	}
	return found
}
