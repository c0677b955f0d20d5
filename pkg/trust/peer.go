package trust

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/address"
)

// ParsePeer parses HOST:PORT or [IPv6]:PORT and returns it in the form in which peers are compared: the host as
// [address.Host] returns it and without the dot of the root, the port from 1 to 65535 without leading zeros. A name with
// non-ASCII letters differs from its ASCII form (xn--).
func ParsePeer(s string) (string, error) {
	host, port, err := address.Split(s)
	if err == nil && port == 0 {
		err = errors.New("it has no port")
	}
	if err != nil {
		return "", fmt.Errorf("a peer must be HOST:PORT, with an IPv6 address in brackets: %w", err)
	}
	return address.Join(strings.TrimSuffix(host, "."), port), nil
}
