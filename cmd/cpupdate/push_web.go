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
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
	"github.com/cpupdate/cpupdate/pkg/wbm"
)

// usualWebPort is where phones have their page.
const usualWebPort = 443

// webOptions are the way by the phones' own web pages.
type webOptions struct {
	on   bool
	port int
}

func (o *webOptions) addFlags(flags *pflag.FlagSet) {
	flags.BoolVar(&o.on, "web", false, "send the image straight into the phone's own web page, as its \"upgrade using file\" does")
	flags.IntVar(&o.port, "web-port", usualWebPort, "the `PORT` of the phones' web pages")
}

// peer is the page of a phone, HOST:PORT.
func (o *webOptions) peer(address string) string {
	key, _ := hwcheck.ContactAddress(address) // targets has seen it
	host, _, _ := net.SplitHostPort(key)
	return net.JoinHostPort(host, strconv.Itoa(o.port))
}

// validateWeb keeps everything away that is about a server.
func (o *routeOptions) validateWeb() error {
	switch given := o.access.given(); {
	case o.serve:
		return usage(o.command, "--web and --serve: choose one")
	case o.useDefaults:
		return usage(o.command, "--web and --use-defaults: choose one")
	case o.profile != "":
		return usage(o.command, "--web and --profile: choose one")
	case len(given) > 0:
		return usage(o.command, "--%s does not go with --web: the image goes straight into the phone's page", given[0].name)
	case o.web.port < 1 || o.web.port > 65535:
		return usage(o.command, "--web-port: from 1 to 65535")
	}
	return nil
}

// checkWeb refuses what says something about a server, or about phones that fetch.
func (o *pushOptions) checkWeb(withPhones bool) error {
	switch {
	case !withPhones:
		return usage("push", "--web: name the phones that shall get the image, as PHONE or with --phones")
	case o.upload.onlySent() != "":
		return usage("push", "--%s does not go with --web: nothing is sent to a server", o.upload.onlySent())
	case o.fetch.given() != "":
		return usage("push", "--%s does not go with --web: phones fetch nothing", o.fetch.given())
	case o.urgency != "normal":
		return usage("push", "--priority does not go with --web: the page has no such choice")
	}
	return nil
}

// onePageEach refuses phones that have one page: the password would be tried there once for each of them.
func (r *rollout) onePageEach() error {
	seen := map[string]string{}
	for _, t := range r.targets {
		page := r.o.route.web.peer(t.Address)
		if first, twice := seen[page]; twice {
			return failf(codeSettings, "leave one of the two out", "%s and %s are one phone: both have the web page %s", first, t.Address, page)
		}
		seen[page] = t.Address
	}
	return nil
}

// web is the way by the phones' pages: whom to believe is asked now, one phone after another, and then for the password.
// Nothing is asked for phones that the image cannot suit.
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

// webPassword is the password of the pages, which is stored nowhere.
func (r *rollout) webPassword(ctx context.Context) (secret.Secret, error) {
	o := &r.o.route.password
	o.whose = "the phones' web pages"
	if len(r.targets) == 1 {
		o.whose = "the web page of " + r.targets[0].Address
	}
	secret, _, err := o.resolve(ctx, r.app, nil, true)
	if err == nil && secret.Reveal() == "" {
		err = failf(codeSettings, "name where it comes from: --password-file, --password-stdin, --password-command or $CPUPDATE_PASSWORD",
			"the web page of a phone wants the administrator's password, and none was given")
	}
	return secret, err
}

// webImage returns what makes the file for one upload: all uploads share the rate, and each compares anew what is sent.
func (r *rollout) webImage() func(context.Context) wbm.Image {
	rate, checking := transfer.NewRate(r.options.Rate), &sync.Mutex{}
	return func(ctx context.Context) wbm.Image {
		return wbm.Image{
			Name: r.o.upload.filename, Content: rate.Reader(ctx, r.file.Image()),
			Watch: &pagePass{r.file.NewPass(), checking},
		}
	}
}

// A pagePass compares what one upload sends. What it finds is noted in the file, which other uploads share.
type pagePass struct {
	*bind.Pass
	checking *sync.Mutex
}

// Check is that of [bind.Pass], for one upload at a time.
func (p *pagePass) Check(sum [32]byte) error {
	p.checking.Lock()
	defer p.checking.Unlock()
	return p.Pass.Check(sum)
}
