package option

import (
	"net"
	"strconv"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/credentials"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// defaultWebPort is the default port of the phones' web pages.
const defaultWebPort = 443

// WebPage say whether and how to use the phones' own web pages.
type WebPage struct {
	On             bool
	Port           int
	PhoneDefaults  bool               // the transfer form is given the name of the file, and the phone's own defaults say the rest
	ServerPassword credentials.Source // of the server that phones fetch from: the other password flags are about the page

	transfers bool // the command knows the transfer form
}

// AddFlags declares the flags that choose the web page.
func (o *WebPage) AddFlags(flags *pflag.FlagSet) {
	defer console.Group(flags, "Web page")()
	flags.BoolVar(&o.On, "web", false, "send the image to each phone's own web page, as \"upgrade using file\" does there")
	flags.IntVar(&o.Port, "web-port", defaultWebPort, "the `PORT` of the phones' web pages")
}

// AddTransferFlags declares the flags of the transfer form.
func (o *WebPage) AddTransferFlags(flags *pflag.FlagSet) {
	defer console.Group(flags, "Web page")()
	o.transfers = true
	flags.BoolVar(&o.PhoneDefaults, "phone-defaults", false, "with --web: the phone fetches as its own page's defaults say, and is given the file name only")
	o.ServerPassword.FileFlag = "--server-password-file"
	flags.StringVar(&o.ServerPassword.File, "server-password-file", "", "with --web: read the password of --username on the server from `FILE`; --password-file is that of the page")
	flags.Lookup("web").Usage = "update by each phone's own web page: send the image there, as \"upgrade using file\" does; or, with --serve or a server, fill in the page's transfer form, so that the phone fetches it"
}

// ValidatePort rejects an invalid port, and one for a page that is not used.
func (o *WebPage) ValidatePort(command string) error {
	switch {
	case !o.On && o.Port != defaultWebPort && o.Port != 0:
		return exit.Usage(command, "--web-port needs --web")
	case o.On && (o.Port < 1 || o.Port > 65535):
		return exit.Usage(command, "--web-port: must be from 1 to 65535")
	}
	return nil
}

// Peer returns the address of a phone's page, HOST:PORT.
func (o *WebPage) Peer(address string) string {
	key, _ := hwcheck.ContactAddress(address) // checked by targets
	host, _, _ := net.SplitHostPort(key)
	return net.JoinHostPort(host, strconv.Itoa(o.Port))
}

// namesServer reports whether flags name a server.
func (o *Route) namesServer() bool {
	return len(o.Access.Given()) > 0 || o.UseDefaults || o.Profile != ""
}

// Named reports whether flags name a route.
func (o *Route) Named() bool { return o.Serve || o.Web.On || o.namesServer() }

// ToPage reports whether the image is uploaded to the phones' pages.
func (o *Route) ToPage() bool {
	return o.Web.On && !o.Web.PhoneDefaults && !o.Serve && !o.namesServer()
}

// ToServer reports whether the image is uploaded to a server.
func (o *Route) ToServer() bool { return !o.Serve && (!o.Web.On || o.namesServer()) }

// ByTransfer reports whether the phones fetch the image as the transfer forms of their pages say.
func (o *Route) ByTransfer() bool { return o.Web.On && !o.ToPage() }

// OfServer returns the route to the server, where other flags may be about the phones' pages.
func (o *Route) OfServer() *Route {
	if !o.Web.On {
		return o
	}
	route := *o
	route.Trust, route.Password = Trust{}, o.Web.ServerPassword
	route.Password.NoVariable = true // that is the page's
	return &route
}

// validateWeb rejects settings that do not fit the phones' pages.
func (o *Route) validateWeb() error {
	given := o.Access.Given()
	switch {
	case o.Web.transfers && o.Web.PhoneDefaults && o.Serve:
		return exit.Usage(o.Command, "--phone-defaults and --serve: choose one; with --serve, each phone gets an address of its own")
	case o.Web.transfers && o.Web.ServerPassword.Given() && (o.Serve || !o.namesServer()):
		return exit.Usage(o.Command, "--server-password-file is for a server: name it, with --server or --use-defaults")
	case o.Web.transfers && o.Serve:
		return o.validateServe()
	case o.Web.transfers:
		return o.validateServer()
	case o.Serve:
		return exit.Usage(o.Command, "--web and --serve: choose one")
	case o.UseDefaults:
		return exit.Usage(o.Command, "--web and --use-defaults: choose one")
	case o.Profile != "":
		return exit.Usage(o.Command, "--web and --profile: choose one")
	case len(given) > 0:
		return exit.Usage(o.Command, "--%s cannot be used with --web: the image is sent to the phone's page", given[0].Name)
	}
	return nil
}
