package main

import (
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/internal/ports"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// start starts a phone. Where it may choose its ports, it gets reserved ones: nobody else has them while it restarts.
func start(t *testing.T, c phonesim.Config) *phonesim.Phone {
	t.Helper()
	for _, address := range []*string{&c.Listen, &c.Web, &c.ListenSecure} {
		if host, chooses := strings.CutSuffix(*address, ":0"); chooses {
			*address = net.JoinHostPort(host, strconv.Itoa(ports.Reserve(t, host)))
		}
	}
	p, err := phonesim.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// A place is where a phone listens.
type place struct{ contact, web string }

func (p place) webPort() string {
	_, port, _ := net.SplitHostPort(p.web)
	return port
}

// phonesAtOnePort returns places for n phones at the first addresses of a network, such as 127.0.9., with pages at one
// port.
func phonesAtOnePort(t *testing.T, network string, n int) []place {
	t.Helper()
	var hosts []string
	for i := range n {
		hosts = append(hosts, network+strconv.Itoa(i+1))
	}
	port := ports.Reserve(t, hosts...)
	var places []place
	for _, host := range hosts {
		places = append(places, place{net.JoinHostPort(host, strconv.Itoa(port)), net.JoinHostPort(host, strconv.Itoa(port+1))})
	}
	return places
}
