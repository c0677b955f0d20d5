package fleet

import (
	"io"
	"net"
	"net/netip"
	"strconv"

	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// A file is what a source serves.
type file struct {
	name    string
	content *io.SectionReader
	back    func(local netip.Addr) (host string, port int)
}

// Served returns this machine as the source, by HTTPS: each phone gets a URL of its own. back returns where a phone reaches
// the server, given the local address that reaches the phone.
func Served(s *serve.Server, name string, content *io.SectionReader, back func(local netip.Addr) (string, int)) Source {
	return &served{s, file{name, content, back}}
}

type served struct {
	server *serve.Server
	file
}

func (s *served) Grant(r Request) (*Grant, error) {
	offer := s.server.Offer(s.offering(r))
	host, port := s.back(r.Local)
	where := "https://" + net.JoinHostPort(host, strconv.Itoa(port)) + offer.Path() // which is escaped already
	return &Grant{Deployment: wpi.Deployment{URL: where}, Watched: true, Withdraw: offer.Withdraw}, nil
}

func (f *file) offering(r Request) serve.Offering {
	return serve.Offering{Name: f.name, Content: f.content, Clients: []netip.Addr{r.Phone}, Accepts: r.Accepts, Watch: r.Watch, Failed: r.Failed}
}

// Elsewhere returns a server that holds the image already as the source: every phone gets the same command.
func Elsewhere(d wpi.Deployment) Source { return elsewhere{d} }

type elsewhere struct{ deployment wpi.Deployment }

func (e elsewhere) Grant(Request) (*Grant, error) { return &Grant{Deployment: e.deployment}, nil }
