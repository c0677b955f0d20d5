package option

import (
	"net"
	"strconv"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// usualWebPort is where phones have their page.
const usualWebPort = 443

// WebPage are the way by the phones' own web pages.
type WebPage struct {
	On   bool
	Port int
}

func (o *WebPage) addFlags(flags *pflag.FlagSet) {
	flags.BoolVar(&o.On, "web", false, "send the image straight into the phone's own web page, as its \"upgrade using file\" does")
	flags.IntVar(&o.Port, "web-port", usualWebPort, "the `PORT` of the phones' web pages")
}

// Peer is the page of a phone, HOST:PORT.
func (o *WebPage) Peer(address string) string {
	key, _ := hwcheck.ContactAddress(address) // targets has seen it
	host, _, _ := net.SplitHostPort(key)
	return net.JoinHostPort(host, strconv.Itoa(o.Port))
}

// validateWeb keeps everything away that is about a server.
func (o *Route) validateWeb() error {
	switch given := o.Access.Given(); {
	case o.Serve:
		return exit.Usage(o.Command, "--web and --serve: choose one")
	case o.UseDefaults:
		return exit.Usage(o.Command, "--web and --use-defaults: choose one")
	case o.Profile != "":
		return exit.Usage(o.Command, "--web and --profile: choose one")
	case len(given) > 0:
		return exit.Usage(o.Command, "--%s does not go with --web: the image goes straight into the phone's page", given[0].Name)
	case o.Web.Port < 1 || o.Web.Port > 65535:
		return exit.Usage(o.Command, "--web-port: from 1 to 65535")
	}
	return nil
}
