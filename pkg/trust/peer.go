package trust

import (
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxHost is the maximum length of a host name in bytes.
const maxHost = 255

// ParsePeer parses HOST:PORT or [IPv6]:PORT and returns it in the form in which peers are compared: the name in lower
// case and without the dot of the root, an address as [netip.Addr.String] writes it, an IPv4 address in IPv6 notation
// as the IPv4 address, the port from 1 to 65535 without leading zeros. A name with non-ASCII letters differs from its
// ASCII form (xn--).
func ParsePeer(s string) (string, error) {
	bad := errors.New("a peer must be HOST:PORT, with an IPv6 address in brackets")
	host, text, err := net.SplitHostPort(s)
	if err != nil {
		return "", bad
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return "", errors.New("a peer must be HOST:PORT, with a port from 1 to 65535")
	}
	host = strings.TrimSuffix(host, ".")
	address, err := netip.ParseAddr(host)
	switch {
	case err == nil:
		host = address.Unmap().String()
	case strings.HasSuffix(host, "."), strings.ContainsAny(host, ":%[]/@#?\\"), strings.HasPrefix(s, "["):
		return "", bad
	}
	lower := strings.ToLower(host)
	if !utf8.ValidString(host) || host == "" || len(lower) > maxHost || strings.ContainsFunc(lower, unprintable) {
		return "", bad
	}
	return net.JoinHostPort(lower, strconv.FormatUint(port, 10)), nil
}

// unprintable reports whether the character cannot be part of a name.
func unprintable(r rune) bool { return unicode.IsSpace(r) || !unicode.IsGraphic(r) }
