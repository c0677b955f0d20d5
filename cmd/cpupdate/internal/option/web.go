package option

import (
	"net"
	"strconv"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// defaultWebPort is the default port of the phones' web pages.
const defaultWebPort = 443

// WebPage say whether and how to use the phones' own web pages.
type WebPage struct {
	On   bool
	Port int
}

func (o *WebPage) addFlags(flags *pflag.FlagSet) {
	defer console.Group(flags, "Web page")()
	flags.BoolVar(&o.On, "web", false, "send the image to each phone's own web page, as \"upgrade using file\" does there")
	flags.IntVar(&o.Port, "web-port", defaultWebPort, "the `PORT` of the phones' web pages")
}

// Peer returns the address of a phone's page, HOST:PORT.
func (o *WebPage) Peer(address string) string {
	key, _ := hwcheck.ContactAddress(address) // checked by targets
	host, _, _ := net.SplitHostPort(key)
	return net.JoinHostPort(host, strconv.Itoa(o.Port))
}

// validateWeb rejects settings of a server.
func (o *Route) validateWeb() error {
	switch given := o.Access.Given(); {
	case o.Serve:
		return exit.Usage(o.Command, "--web and --serve: choose one")
	case o.UseDefaults:
		return exit.Usage(o.Command, "--web and --use-defaults: choose one")
	case o.Profile != "":
		return exit.Usage(o.Command, "--web and --profile: choose one")
	case len(given) > 0:
		return exit.Usage(o.Command, "--%s cannot be used with --web: the image is sent to the phone's page", given[0].Name)
	case o.Web.Port < 1 || o.Web.Port > 65535:
		return exit.Usage(o.Command, "--web-port: must be from 1 to 65535")
	}
	return nil
}
