package fleet

import (
	"io"
	"net/netip"

	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// ServedByFTP returns this machine as the source, by FTP: each phone gets a login of its own, for one fetch.
func ServedByFTP(s *serve.FTPServer, name string, content *io.SectionReader, back func(local netip.Addr) (string, int)) Source {
	return &servedByFTP{s, file{name, content, back}}
}

type servedByFTP struct {
	server *serve.FTPServer
	file
}

func (s *servedByFTP) Grant(r Request) (*Grant, error) {
	offer := s.server.Offer(s.offering(r))
	host, port := s.back(r.Local)
	username, password := offer.Login()
	d := wpi.Deployment{Server: host, Port: port, Path: "/", Name: s.name, Username: username, Password: password.Reveal()}
	return &Grant{Deployment: d, Watched: true, Withdraw: offer.Withdraw}, nil
}
