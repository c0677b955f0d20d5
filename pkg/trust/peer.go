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

// maxHost is the length of the longest host name in bytes.
const maxHost = 255

// ParsePeer reads HOST:PORT or [IPv6]:PORT and returns it in the one form in which peers are compared: the name in lower
// case and without the dot of the root, an address as [netip.Addr.String] writes it, an IPv4 address that is written as an
// IPv6 one as the IPv4 address, the port from 1 to 65535 without zeros in front. A name in other letters than ASCII is
// another one than its form in ASCII (xn--).
func ParsePeer(s string) (string, error) {
	bad := errors.New("a peer is HOST:PORT, with an IPv6 address in brackets")
	host, text, err := net.SplitHostPort(s)
	if err != nil {
		return "", bad
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return "", errors.New("a peer is HOST:PORT, with a port from 1 to 65535")
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

// unprintable reports whether no name holds the character.
func unprintable(r rune) bool { return unicode.IsSpace(r) || !unicode.IsGraphic(r) }
