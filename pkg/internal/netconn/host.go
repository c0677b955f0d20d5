package netconn

import "strings"

// IsHostName reports whether a text can be a host name, of ASCII letters, digits, hyphens, dots and underscores, which are
// in many an office's names. Whether it resolves is the resolver's affair.
func IsHostName(s string) bool {
	if s == "" || len(s) > 253 || s[0] == '-' || s[0] == '.' {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.' && r != '_'
	}) < 0
}
