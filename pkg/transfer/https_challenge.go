package transfer

import (
	"slices"
	"strings"

	"github.com/icholy/digest"
)

// An httpChallenge is one way to log in that a server offers.
type httpChallenge struct {
	name   string            // of the scheme, as the server writes it
	scheme string            // the same in lower case
	params map[string]string // by names in lower case; the first of a name counts
}

// parseChallenges splits WWW-Authenticate into its challenges (RFC 9110, 11.6.1). Commas separate challenges, and the
// parameters of one: a word before "=" is a parameter, any other begins a challenge. What makes no sense is skipped.
func parseChallenges(values []string) []httpChallenge {
	var all []httpChallenge
	for _, value := range values {
		s := challengeScanner{rest: value}
		for s.next() {
			word := s.word()
			switch name := strings.ToLower(word); {
			case word == "":
				s.skip()
			case s.equals():
				if text := s.value(); len(all) > 0 && !has(all[len(all)-1].params, name) {
					all[len(all)-1].params[name] = text
				}
			case isQuality(name) && len(all) > 0 && has(all[len(all)-1].params, "qop"):
				all[len(all)-1].params["qop"] += "," + name // a list without quotes
			default:
				s.token68()
				all = append(all, httpChallenge{word, name, map[string]string{}})
			}
		}
	}
	return all
}

func has(params map[string]string, name string) bool {
	_, ok := params[name]
	return ok
}

func isQuality(word string) bool { return word == "auth" || word == "auth-int" }

// A challengeScanner reads one value of WWW-Authenticate.
type challengeScanner struct{ rest string }

const challengeBlanks = " \t"

// next goes on to the next word, and reports whether there is one.
func (s *challengeScanner) next() bool {
	s.rest = strings.TrimLeft(s.rest, challengeBlanks+",")
	return s.rest != ""
}

// word reads a token (RFC 9110, 5.6.2); "" if there is none.
func (s *challengeScanner) word() string {
	end := 0
	for end < len(s.rest) && isTokenByte(s.rest[end]) {
		end++
	}
	return s.cut(end)
}

func (s *challengeScanner) cut(n int) string {
	text := s.rest[:n]
	s.rest = s.rest[n:]
	return text
}

// skip goes on to the next comma.
func (s *challengeScanner) skip() {
	if end := strings.IndexByte(s.rest, ','); end >= 0 {
		s.rest = s.rest[end:]
		return
	}
	s.rest = ""
}

// equals reads "=" with blanks around it, and reports whether it is there.
func (s *challengeScanner) equals() bool {
	rest, ok := strings.CutPrefix(strings.TrimLeft(s.rest, challengeBlanks), "=")
	if ok {
		s.rest = strings.TrimLeft(rest, challengeBlanks)
	}
	return ok
}

// value reads the value of a parameter: a quoted string, or what comes before the next blank or comma.
func (s *challengeScanner) value() string {
	if !strings.HasPrefix(s.rest, `"`) {
		end := strings.IndexAny(s.rest, challengeBlanks+",")
		if end < 0 {
			end = len(s.rest)
		}
		return s.cut(end)
	}
	var text strings.Builder
	for i := 1; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == '"':
			s.rest = s.rest[i+1:]
			return text.String()
		case c == '\\' && i+1 < len(s.rest):
			i++
			text.WriteByte(s.rest[i])
		default:
			text.WriteByte(c)
		}
	}
	s.rest = ""
	return text.String()
}

// token68 reads what some schemes have instead of parameters, if it is there.
func (s *challengeScanner) token68() {
	rest := strings.TrimLeft(s.rest, challengeBlanks)
	end := 0
	for end < len(rest) && isToken68Byte(rest[end]) {
		end++
	}
	after := strings.TrimLeft(strings.TrimLeft(rest[end:], "="), challengeBlanks)
	if end > 0 && len(rest) < len(s.rest) && (after == "" || after[0] == ',') {
		s.rest = after
	}
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func isTokenByte(c byte) bool {
	return isAlphanumeric(c) || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

func isToken68Byte(c byte) bool { return isAlphanumeric(c) || strings.IndexByte("-._~+/", c) >= 0 }

// digestStrengths are the algorithms that can be met, the weakest first. No name means MD5 (RFC 7616, 3.3).
func digestStrengths() []string { return []string{"", "MD5", "SHA-256", "SHA-512-256", "SHA-512"} }

// findDigest returns the strongest demand for a digest login that can be met, or nil. The quality auth-int wants the digest
// of the whole file before its first byte, and is not met.
func findDigest(offers []httpChallenge) *digest.Challenge {
	var best *digest.Challenge
	strength := -1
	for _, offer := range offers {
		c := offer.digest()
		rank := 0
		if c != nil {
			rank = slices.Index(digestStrengths(), strings.ToUpper(c.Algorithm))
		}
		if c != nil && rank > strength {
			best, strength = c, rank
		}
	}
	return best
}

// digest returns the challenge as the library knows it; nil if it is none of digest, or cannot be met.
func (c httpChallenge) digest() *digest.Challenge {
	if c.scheme != "digest" {
		return nil
	}
	d := &digest.Challenge{
		Realm: c.params["realm"], Nonce: c.params["nonce"], Opaque: c.params["opaque"], Algorithm: c.params["algorithm"],
		Charset: c.params["charset"],
		Stale:   strings.EqualFold(c.params["stale"], "true"), Userhash: strings.EqualFold(c.params["userhash"], "true"),
	}
	for quality := range strings.SplitSeq(c.params["qop"], ",") {
		if quality = strings.ToLower(strings.TrimSpace(quality)); quality != "" {
			d.QOP = append(d.QOP, quality)
		}
	}
	if !digest.CanDigest(d) || len(d.QOP) > 0 && !d.SupportsQOP("auth") {
		return nil
	}
	return d
}
