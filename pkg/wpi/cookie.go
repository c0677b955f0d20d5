package wpi

import "strings"

const (
	cookieName = "JSESSIONID" // the vendor's service has it so (observed)
	maxCookie  = 8 << 10      // of the header fields, in bytes
	maxIDs     = 16
)

// cookieIDs returns the sessions that a request's Cookie fields name, in order. Phones return the whole value of
// Set-Cookie, with its attributes (observed: OpenStage of 2009, CP210 of 2023), so net/http's reading of them would do
// until an attribute's value has a blank.
func cookieIDs(fields []string) []string {
	var ids []string
	size := 0
	for _, field := range fields {
		if size += len(field); size > maxCookie {
			return nil
		}
		for pair := range strings.FieldsFuncSeq(field, func(r rune) bool { return r == ';' || r == ',' }) {
			name, value, _ := strings.Cut(pair, "=")
			value = strings.ToLower(strings.Trim(value, " \t\""))
			if len(ids) < maxIDs && strings.EqualFold(strings.TrimSpace(name), cookieName) && isID(value) {
				ids = append(ids, value)
			}
		}
	}
	return ids
}

func isID(s string) bool {
	return len(s) == 32 && strings.Trim(s, "0123456789abcdef") == ""
}
