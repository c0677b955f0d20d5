package knownhosts

import (
	"cmp"
	"net"
	"strings"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/address"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// ParsePeer parses PEER, with the default port if it has none.
func ParsePeer(command, text string, defaultPort int) (string, error) {
	host, port, err := address.Split(text)
	if err != nil && strings.Contains(text, "@") {
		return "", exit.Usage(command, "%s is not a peer: use HOST, HOST:PORT or [IPv6]:PORT", exit.ShownArgument(text))
	}
	if err != nil {
		return "", exit.Usage(command, "PEER: %w", err)
	}
	return trust.ParsePeer(address.Join(host, cmp.Or(port, defaultPort)))
}

// PeerAccess returns the access data that a handshake with a peer needs: there is no login.
func PeerAccess(method transfer.Method, peer string) (transfer.Access, error) {
	access := transfer.Access{Method: method}
	host, port, _ := net.SplitHostPort(peer) // parsePeer has joined them
	if err := access.Set(transfer.SettingServer, host); err != nil {
		return access, err
	}
	if method == transfer.FTPS {
		access.Username = "anonymous" // it is not sent
	}
	return access, access.Set(transfer.SettingPort, port)
}
