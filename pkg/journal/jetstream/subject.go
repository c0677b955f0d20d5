package jetstream

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/journal"
)

// Stream is the name of the stream that holds a journal.
const Stream = "cpupdate-journal"

// The subjects of the stream. A subject has these forms:
//
//	cpupdate.format                                   the version of the journal
//	cpupdate.journal.ROLLOUT.rollout                  the events of a rollout
//	cpupdate.journal.ROLLOUT.SITE.PHONE               the events of a phone
//	cpupdate.name.SITE.NAME.ROLLOUT.PHONE             a phone has this name: an address or a MAC address
const (
	formatSubject = "cpupdate.format"
	eventsPrefix  = "cpupdate.journal."
	namesPrefix   = "cpupdate.name."
	ofRollout     = "rollout"
)

// noSite is the token of a phone without a site. It is also that of an empty text.
const noSite = "="

// maxName is how long a name may be as a token. A longer one becomes its digest.
const maxName = 100

// escape returns a text as one token of a subject: letters, digits and hyphens stay, a dot becomes _, and any other byte =XX.
func escape(text string) string {
	if text == "" {
		return noSite
	}
	var token strings.Builder
	for _, b := range []byte(text) {
		switch {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '-':
			token.WriteByte(b)
		case b == '.':
			token.WriteByte('_')
		default:
			fmt.Fprintf(&token, "=%02X", b)
		}
	}
	return token.String()
}

// unescape parses what escape returned, and nothing else.
func unescape(token string) (string, bool) {
	if token == noSite {
		return "", true
	}
	var text strings.Builder
	for i := 0; i < len(token); i++ {
		switch b := token[i]; b {
		case '_':
			text.WriteByte('.')
		case '=':
			if len(token) < i+3 {
				return "", false
			}
			decoded, err := hex.DecodeString(token[i+1 : i+3])
			if err != nil {
				return "", false
			}
			text.Write(decoded)
			i += 2
		default:
			text.WriteByte(b)
		}
	}
	return text.String(), token != "" && escape(text.String()) == token
}

// Split returns the site of a phone and its name there: what is before the first slash, and what follows. The site is empty
// if there is no slash.
func Split(phone string) (site, name string) {
	if i := strings.IndexByte(phone, '/'); i > 0 {
		return phone[:i], phone[i+1:]
	}
	return "", phone
}

// siteTokens returns the tokens of the site and the name of a phone.
func siteTokens(phone string) string {
	site, name := Split(phone)
	return escape(site) + "." + escape(name)
}

// subjectOf returns the subject of a stream of the journal.
func subjectOf(key journal.Key) string {
	if key.Phone == "" {
		return eventsPrefix + escape(key.Rollout) + "." + ofRollout
	}
	return eventsPrefix + escape(key.Rollout) + "." + siteTokens(key.Phone)
}

// keyOf parses a subject of events.
func keyOf(subject string) (journal.Key, bool) {
	rest, found := strings.CutPrefix(subject, eventsPrefix)
	tokens := strings.Split(rest, ".")
	rollout, ok := unescape(tokens[0])
	switch {
	case !found || !ok:
		return journal.Key{}, false
	case len(tokens) == 2 && tokens[1] == ofRollout:
		return checked(journal.Key{Rollout: rollout})
	case len(tokens) != 3:
		return journal.Key{}, false
	}
	phone, ok := phoneOf(tokens[1], tokens[2])
	if !ok {
		return journal.Key{}, false
	}
	return checked(journal.Key{Rollout: rollout, Phone: phone})
}

// phoneOf returns the phone of two tokens.
func phoneOf(siteToken, nameToken string) (string, bool) {
	site, ok1 := unescape(siteToken)
	name, ok2 := unescape(nameToken)
	phone := name
	if site != "" {
		phone = site + "/" + name
	}
	return phone, ok1 && ok2 && phone != "" && siteTokens(phone) == siteToken+"."+nameToken
}

// checked returns a key that a journal may have.
func checked(key journal.Key) (journal.Key, bool) {
	return key, key.Check() == nil
}

// nameToken returns the token of a name by which a phone is found.
func nameToken(name string) string {
	if len(name) > maxName {
		digest := sha256.Sum256([]byte(name))
		return "~" + hex.EncodeToString(digest[:])
	}
	return escape(name)
}

// nameSubject returns the subject that says that a phone has a name.
func nameSubject(key journal.Key, name string) string {
	site, phone := Split(key.Phone)
	return namesPrefix + escape(site) + "." + nameToken(name) + "." + escape(key.Rollout) + "." + escape(phone)
}

// keyOfName parses a subject of a name.
func keyOfName(subject string) (journal.Key, bool) {
	rest, found := strings.CutPrefix(subject, namesPrefix)
	tokens := strings.Split(rest, ".")
	if !found || len(tokens) != 4 {
		return journal.Key{}, false
	}
	rollout, ok := unescape(tokens[2])
	phone, known := phoneOf(tokens[0], tokens[3])
	if !ok || !known {
		return journal.Key{}, false
	}
	return checked(journal.Key{Rollout: rollout, Phone: phone})
}
