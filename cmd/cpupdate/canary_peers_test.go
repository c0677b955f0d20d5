package main

import (
	"net"
	"slices"
	"testing"

	"github.com/cpupdate/cpupdate/internal/badserver"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

func canaryFlags(access transfer.Access, pin string) []string {
	flags := []string{"--username", canaryUser}
	for _, name := range []string{"method", "server", "port", "base-url"} {
		if value := access.Get(name); value != "" {
			flags = append(flags, "--"+name, value)
		}
	}
	if pin != "" {
		flags = append(flags, "--pin", pin)
	}
	return flags
}

func ftpPeer(fault badserver.Fault) canaryPeer {
	return func(t *testing.T, _ func()) []string {
		return canaryFlags(badserver.NewFTP(t, fault).Access(), "")
	}
}

func ftpsPeer(fault badserver.Fault) canaryPeer {
	return func(t *testing.T, _ func()) []string {
		s := badserver.NewFTPS(t, fault)
		return canaryFlags(s.Access(), s.Pin().String())
	}
}

func httpsPeer(faults ...badserver.HTTPFault) canaryPeer {
	return func(t *testing.T, _ func()) []string {
		s := badserver.NewHTTPS(t, faults...)
		return canaryFlags(s.Access(), s.Pin().String())
	}
}

// strange takes away what is known of a server's key.
func strange(peer canaryPeer) canaryPeer {
	return func(t *testing.T, held func()) []string {
		flags := peer(t, held)
		return flags[:slices.Index(flags, "--pin")]
	}
}

func noPeer(*testing.T, func()) []string {
	return []string{"--method", "ftps", "--server", "127.0.0.1", "--port", "1", "--username", canaryUser}
}

// pagePeer is a phone with a web page that wants this password.
func pagePeer(password, faults string) canaryPeer {
	return func(t *testing.T, _ func()) []string {
		phone := startPhone(t, faults, func(c *phonesim.Config) { c.Web, c.Password = "127.0.0.1:0", password })
		page := phone.State().WebAddress
		_, port, _ := net.SplitHostPort(page)
		return []string{phone.Address(), "--web-port", port, "--pin", pinOf(t, page), "--listen", "127.0.0.1:0", "--contact-interval", "1s", "--probe-interval", "200ms", "--patience", "1m"}
	}
}

// doctorPeer is pagePeer for who does not send anything.
func doctorPeer(password, faults string) canaryPeer {
	return func(t *testing.T, held func()) []string {
		flags := pagePeer(password, faults)(t, held)
		return flags[:slices.Index(flags, "--contact-interval")]
	}
}
