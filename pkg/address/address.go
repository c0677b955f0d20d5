// Package address decides what a host is: a name, or an IP address in its one form. It resolves nothing. Whatever looks
// like an address and is none is refused here, because resolvers differ in what they make of it: 127.0.0.010 is
// 127.0.0.8 to one, 127.0.0.10 to another, and a name to the third.
package address

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// maxHost is the maximum length of a host in bytes.
const maxHost = 253

// An Error says what is wrong with a host, and how to write it. It shows no text in which a password may stand.
type Error struct{ Problem, Advice string }

func (e *Error) Error() string { return e.Problem }

const (
	adviceForm = "write HOST, HOST:PORT or [IPv6]:PORT"
	adviceHost = "write the host's name or IP address alone, such as 192.0.2.10"
)

// Split parses HOST, HOST:PORT, an IPv6 address, [IPv6] or [IPv6]:PORT. It returns the host as [Host] does; the port is
// 0 if the text has none. The error is an [*Error].
func Split(text string) (host string, port int, err error) {
	switch {
	case strings.Contains(text, "@"):
		return "", 0, &Error{"a text with an @ is not HOST, HOST:PORT or [IPv6]:PORT", "leave the login out: " + adviceHost}
	case strings.Contains(text, "://"):
		return "", 0, &Error{fmt.Sprintf("%.64q is a web address, not a host", text), adviceHost}
	}
	if err := checkVisible(text); err != nil {
		return "", 0, err
	}
	host, rest := text, ""
	if inside, bracket := strings.CutPrefix(text, "["); bracket {
		var closed bool
		host, rest, closed = strings.Cut(inside, "]")
		if ip, err := netip.ParseAddr(host); err != nil || !ip.Is6() || !closed || rest != "" && rest[0] != ':' {
			return "", 0, notForm(text)
		}
	} else if i := strings.IndexByte(text, ':'); i >= 0 && strings.Count(text, ":") == 1 {
		host, rest = text[:i], text[i:]
	} else if _, err := netip.ParseAddr(text); err != nil && i >= 0 {
		return "", 0, notForm(text)
	}
	if rest != "" {
		n, err := strconv.ParseUint(rest[1:], 10, 16)
		if err != nil || n == 0 {
			return "", 0, &Error{fmt.Sprintf("port %.64q is not a number from 1 to 65535", rest[1:]), adviceForm}
		}
		port = int(n)
	}
	host, err = Host(host)
	return host, port, err
}

// Join returns HOST:PORT or [IPv6]:PORT.
func Join(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

func notForm(text string) error {
	return &Error{fmt.Sprintf("%.64q is not HOST, HOST:PORT or [IPv6]:PORT", text), adviceForm}
}
