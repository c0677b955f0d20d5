package delivery

import (
	"cmp"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// Options are the flags that say how images get to phones. Route.Command is the command that has them, for errors.
type Options struct {
	Route     option.Route
	Upload    option.Upload
	Fetch     option.Fetch
	Listen    option.Listen
	Priority  string
	DryRun    bool
	Reinstall bool // phones get a version that they may run already
}

func (o *Options) command() string { return o.Route.Command }

// Validate rejects flags that cannot be used together. Without phones, the image is only uploaded.
func (o *Options) Validate(withPhones bool) error {
	o.Route.Legacy = o.Listen.Legacy
	return cmp.Or(o.Route.Validate(), o.checkRoute(withPhones), o.checkPriority(), o.Listen.Validate(o.command()))
}

// ServeUnlessNamed makes this machine the server if no flag names a route.
func (o *Options) ServeUnlessNamed() error {
	switch {
	case o.Route.Named():
		return nil
	case o.Route.Password.Given() || o.Route.Web.ServerPassword.Given() || len(o.Route.Trust.Given()) > 0 || o.Fetch.Given() != "" || o.Upload.OnlySent() != "":
		return exit.Errorf(exit.CodeUsage, "name the server with --use-defaults, --profile or --server, or the phones' web pages with --web",
			"some of the flags are about a server or a web page, and none is named: without one, phones fetch the images from this machine")
	}
	o.Route.Serve = true
	return nil
}

// checkPriority rejects an unknown priority.
func (o *Options) checkPriority() error {
	if o.Priority != string(wpi.Normal) && o.Priority != string(wpi.Immediate) {
		return exit.Usage(o.command(), "--priority %s: must be normal or immediate", o.Priority)
	}
	return nil
}

// checkRoute rejects flags that do not fit the route of the images.
func (o *Options) checkRoute(withPhones bool) error {
	switch {
	case o.Route.Web.On:
		return o.checkWeb(withPhones)
	case o.Route.Serve && !withPhones:
		return exit.Usage(o.command(), "--serve: name the phones that fetch the image, as PHONE or with --phones")
	case !withPhones && o.Fetch.Given() != "":
		return exit.Usage(o.command(), "--%s is for phones: name them, as PHONE or with --phones", o.Fetch.Given())
	}
	return o.checkFetching(withPhones)
}

// checkFetching rejects flags that do not fit phones that fetch.
func (o *Options) checkFetching(withPhones bool) error {
	switch {
	case withPhones && !o.Route.Serve && !o.DryRun && o.Reinstall:
		return exit.Errorf(exit.CodeUsage, "add --serve, or use --web without a server: the version does not change, so only the transfer shows that the phone got the image",
			"--reinstall with phones can only be verified with --serve, or with --web without a server")
	case o.Route.Serve && o.Upload.OnlySent() != "":
		return exit.Usage(o.command(), "--%s cannot be used with --serve: nothing is sent to another server", o.Upload.OnlySent())
	case o.Route.Serve && o.Fetch.Given() != "":
		return exit.Usage(o.command(), "--%s cannot be used with --serve: phones fetch from this machine", o.Fetch.Given())
	}
	return nil
}

// checkWeb rejects flags for a server, or for phones that fetch.
func (o *Options) checkWeb(withPhones bool) error {
	switch {
	case !withPhones:
		return exit.Usage(o.command(), "--web: name the phones that get the image, as PHONE or with --phones")
	case !o.Route.ToServer() && !o.Route.Serve && o.Upload.OnlySent() != "":
		return exit.Usage(o.command(), "--%s cannot be used with --web: nothing is sent to a server", o.Upload.OnlySent())
	case o.Route.Web.PhoneDefaults && o.Fetch.Given() != "":
		return exit.Usage(o.command(), "--%s cannot be used with --phone-defaults: the phone's own page says where it fetches", o.Fetch.Given())
	case o.Route.ToPage() && o.Fetch.Given() != "":
		return exit.Usage(o.command(), "--%s cannot be used with --web: phones fetch nothing", o.Fetch.Given())
	case o.Priority != "normal":
		return exit.Usage(o.command(), "--priority cannot be used with --web: the page has no such choice")
	case o.Route.ByTransfer():
		return o.checkFetching(withPhones)
	}
	return nil
}
