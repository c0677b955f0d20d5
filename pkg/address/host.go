package address

import (
	"fmt"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Host returns a host in the form in which hosts are compared and dialed: a name in lower case, an address as
// [netip.Addr.String] writes it, an IPv4 address in IPv6 notation as the IPv4 address. The error is an [*Error].
func Host(text string) (string, error) {
	if err := checkVisible(text); err != nil {
		return "", err
	}
	if ip, err := netip.ParseAddr(text); err == nil {
		return ofAddress(text, ip)
	}
	switch {
	case looksLikeAddress(text):
		return "", &Error{
			fmt.Sprintf("%.64q looks like an IP address, but is not one", text),
			"write four numbers from 0 to 255 without leading zeros, such as 192.0.2.10",
		}
	case strings.Contains(text, "/"):
		return "", &Error{fmt.Sprintf("%.64q contains a slash, and is not a host", text), adviceHost}
	}
	name := strings.Map(lower, text)
	if !isName(name) {
		return "", &Error{fmt.Sprintf("%.64q is not a host name or address", text), adviceHost}
	}
	return name, nil
}

// CheckOne returns an [*Error] if a host as [Host] returns it is the address of no one machine: systems take 0.0.0.0 for
// themselves, and what is sent to a multicast address reaches many.
func CheckOne(host string) error {
	ip, _ := netip.ParseAddr(host) // of a name it is none of these
	if ip.IsUnspecified() || ip.IsMulticast() || host == "255.255.255.255" {
		return &Error{fmt.Sprintf("%q is not the address of one machine", host), adviceHost}
	}
	return nil
}

// ASCII returns a host as certificates and URLs write it: as [Host] does, and a name in another script in its xn-- form.
func ASCII(text string) (string, error) {
	host, err := Host(text)
	if err != nil || strings.IndexFunc(host, func(r rune) bool { return r >= utf8.RuneSelf }) < 0 {
		return host, err
	}
	return idna.Registration.ToASCII(host)
}

// ofAddress returns an address as a host. Systems take a zone that is no interface for the number at its beginning, so
// 25eth0 (of fe80::1%25eth0, as URLs write it) would be interface 25.
func ofAddress(text string, ip netip.Addr) (string, error) {
	zone := ip.Zone()
	digits := strings.Trim(zone, "0123456789")
	switch {
	case zone == "":
	case !ip.IsLinkLocalUnicast() || ip.Is4In6():
		return "", &Error{fmt.Sprintf("%.64q has a zone, but is not a link-local address", text), "leave out the % and what follows it"}
	case digits != "" && zone[0] >= '0' && zone[0] <= '9', strings.ContainsAny(zone, "%/\\[]?#@\"'<>"):
		return "", &Error{fmt.Sprintf("%.64q has an invalid zone", text), "write the interface behind a single %, such as fe80::1%eth0"}
	}
	return ip.Unmap().String(), nil
}

// checkVisible refuses characters that a reader cannot see.
func checkVisible(text string) error {
	for _, r := range text {
		blank := unicode.Is(unicode.Zs, r) && r != ' ' || r == '\u2800' // the last is Braille without a dot
		if blank || !unicode.IsGraphic(r) || unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) {
			return &Error{fmt.Sprintf("%.64q contains the invisible character U+%04X", text, r), "type the host again instead of copying it"}
		}
	}
	return nil
}

// looksLikeAddress reports whether a text that is no address consists of digits, dots, x and hexadecimal digits as an
// address would: its last part is a number, or it begins with a number and its last part begins with a digit. Names do
// not end so, because no top-level domain begins with a digit; 001ae8123456 and abc.de are names.
func looksLikeAddress(text string) bool {
	text = strings.ToLower(strings.TrimRight(text, "."))
	if text == "" || strings.Trim(text, "0123456789abcdefx.") != "" {
		return false
	}
	first, _, several := strings.Cut(text, ".")
	last := text[strings.LastIndexByte(text, '.')+1:]
	return isNumber(last) || several && isNumber(first) && last[0] <= '9'
}

// isNumber reports whether a part of an address is decimal, octal or, with 0x, hexadecimal.
func isNumber(part string) bool {
	if hex, found := strings.CutPrefix(part, "0x"); found {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return part != "" && strings.Trim(part, "0123456789") == ""
}

// lower returns the lower case of a character, and leaves one whose lower case is ASCII: it only looks like that letter.
func lower(r rune) rune {
	if l := unicode.ToLower(r); r < utf8.RuneSelf || l >= utf8.RuneSelf {
		return l
	}
	return r
}

// isName reports whether a text in lower case can be a host name, of ASCII letters, digits, hyphens, dots and underscores,
// which are in many an office's names, or an internationalized name (RFC 5891). Whether it resolves is the resolver's affair.
func isName(s string) bool {
	if s == "" || len(s) > maxHost || s[0] == '-' || s[0] == '.' || strings.Contains(s, "..") {
		return false
	}
	ascii := true
	for _, r := range s {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9', r == '-', r == '.', r == '_':
		case r >= utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsMark(r)):
			ascii = false
		default:
			return false
		}
	}
	_, err := idna.Registration.ToASCII(s)
	return ascii || err == nil
}
