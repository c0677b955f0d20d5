package main

import (
	"context"
	"crypto/tls"
	"net"
	"strconv"
	"sync"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
	"github.com/cpupdate/cpupdate/pkg/wbm"
)

// usualWebPort is the default port of the phones' web pages.
const usualWebPort = 443

// webOptions say whether and how to use the phones' own web pages.
type webOptions struct {
	on   bool
	port int
}

func (o *webOptions) addFlags(flags *pflag.FlagSet) {
	defer group(flags, "Web page")()
	flags.BoolVar(&o.on, "web", false, "send the image to each phone's own web page, as \"upgrade using file\" does there")
	flags.IntVar(&o.port, "web-port", usualWebPort, "the `PORT` of the phones' web pages")
}

// peer returns the address of a phone's page, HOST:PORT.
func (o *webOptions) peer(address string) string {
	key, _ := hwcheck.ContactAddress(address) // checked by targets
	host, _, _ := net.SplitHostPort(key)
	return net.JoinHostPort(host, strconv.Itoa(o.port))
}

// validateWeb rejects settings of a server.
func (o *routeOptions) validateWeb() error {
	switch given := o.access.given(); {
	case o.serve:
		return usage(o.command, "--web and --serve: choose one")
	case o.useDefaults:
		return usage(o.command, "--web and --use-defaults: choose one")
	case o.profile != "":
		return usage(o.command, "--web and --profile: choose one")
	case len(given) > 0:
		return usage(o.command, "--%s cannot be used with --web: the image is sent to the phone's page", given[0].name)
	case o.web.port < 1 || o.web.port > 65535:
		return usage(o.command, "--web-port: must be from 1 to 65535")
	}
	return nil
}

// checkWeb rejects flags for a server, or for phones that fetch.
func (o *pushOptions) checkWeb(withPhones bool) error {
	switch {
	case !withPhones:
		return usage("push", "--web: name the phones that get the image, as PHONE or with --phones")
	case o.upload.onlySent() != "":
		return usage("push", "--%s cannot be used with --web: nothing is sent to a server", o.upload.onlySent())
	case o.fetch.given() != "":
		return usage("push", "--%s cannot be used with --web: phones fetch nothing", o.fetch.given())
	case o.urgency != "normal":
		return usage("push", "--priority cannot be used with --web: the page has no such choice")
	}
	return nil
}

// onePageEach rejects several addresses with the same page: the password would be tried there once for each of them.
func (r *rollout) onePageEach() error {
	seen := map[string]string{}
	for _, t := range r.targets {
		page := r.o.route.web.peer(t.Address)
		if first, twice := seen[page]; twice {
			return failf(codeSettings, "remove one of the two", "%s and %s are the same phone: both have the web page %s", first, t.Address, page)
		}
		seen[page] = t.Address
	}
	return nil
}

// web prepares the uploads to the phones' pages: it verifies the pages, one after another, then reads the password. It
// does neither if the image is incompatible with all phones.
func (r *rollout) web(ctx context.Context) (*fleet.Web, error) {
	policies := make([]trust.Policy, len(r.targets))
	w := &fleet.Web{
		Port: strconv.Itoa(r.o.route.web.port), Timeout: r.options.Timeout, DryRun: r.o.dryRun, Image: r.webImage(),
		TLS: func(number int) *tls.Config { return policies[number].TLS(r.webHost(number)) },
	}
	if err := r.onePageEach(); err != nil || r.hopeless() {
		return w, err
	}
	base, err := r.o.route.trust.trust("push")
	if err != nil {
		return nil, err
	}
	base.Legacy = r.o.route.legacy
	if policies, err = r.meetPages(ctx, base); err != nil {
		return nil, err
	}
	w.Password, err = r.webPassword(ctx)
	return w, err
}

// webPassword reads the password of the pages, which is never stored.
func (r *rollout) webPassword(ctx context.Context) (transfer.Secret, error) {
	o := &r.o.route.password
	o.whose = "the phones' web pages"
	if len(r.targets) == 1 {
		o.whose = "the web page of " + r.targets[0].Address
	}
	secret, _, err := o.resolve(ctx, r.con, r.pass, nil, true)
	if err == nil && secret.Reveal() == "" {
		err = failf(codeSettings, "give it with --password-file, --password-stdin, --password-command or $CPUPDATE_PASSWORD",
			"the web page of a phone needs the administrator's password, and none was given")
	}
	return secret, err
}

// webImage returns a function that makes the file for one upload. All uploads share the rate; each verifies what it sends.
func (r *rollout) webImage() func(context.Context) wbm.Image {
	rate, checking := transfer.NewRate(r.options.Rate), &sync.Mutex{}
	return func(ctx context.Context) wbm.Image {
		return wbm.Image{
			Name: r.o.upload.filename, Content: rate.Reader(ctx, r.file.Image()),
			Watch: &pagePass{r.file.NewPass(), checking},
		}
	}
}

// A pagePass verifies what one upload sends. It records the result in the file, which all uploads share.
type pagePass struct {
	*bind.Pass
	checking *sync.Mutex
}

// Check calls that of [bind.Pass], for one upload at a time.
func (p *pagePass) Check(sum [32]byte) error {
	p.checking.Lock()
	defer p.checking.Unlock()
	return p.Pass.Check(sum)
}
