package push

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"path"
	"strconv"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
	"github.com/cpupdate/cpupdate/pkg/wbm"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// checkWeb rejects flags for a server, or for phones that fetch.
func (o *Options) checkWeb(withPhones bool) error {
	switch {
	case !withPhones:
		return exit.Usage("push", "--web: name the phones that get the image, as PHONE or with --phones")
	case !o.Route.ToServer() && !o.Route.Serve && o.Upload.OnlySent() != "":
		return exit.Usage("push", "--%s cannot be used with --web: nothing is sent to a server", o.Upload.OnlySent())
	case o.Route.Web.PhoneDefaults && o.Fetch.Given() != "":
		return exit.Usage("push", "--%s cannot be used with --phone-defaults: the phone's own page says where it fetches", o.Fetch.Given())
	case o.Route.ToPage() && o.Fetch.Given() != "":
		return exit.Usage("push", "--%s cannot be used with --web: phones fetch nothing", o.Fetch.Given())
	case o.Urgency != "normal":
		return exit.Usage("push", "--priority cannot be used with --web: the page has no such choice")
	case o.Route.ByTransfer():
		return o.checkFetching(withPhones)
	}
	return nil
}

// onePageEach rejects several addresses with the same page: the password would be tried there once for each of them.
func (r *rollout) onePageEach() error {
	seen := map[string]string{}
	for _, t := range r.targets {
		page := r.o.Route.Web.Peer(t.Address)
		if first, twice := seen[page]; twice {
			return exit.Errorf(exit.CodeSettings, "remove one of the two", "%s and %s are the same phone: both have the web page %s", first, t.Address, page)
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
		Port: strconv.Itoa(r.o.Route.Web.Port), Timeout: r.options.Timeout, DryRun: r.o.DryRun, Image: r.webImage(),
		Transfer: r.o.Route.ByTransfer(), Defaults: r.o.Route.Web.PhoneDefaults,
		TLS: func(number int) *tls.Config { return policies[number].TLS(r.webHost(number)) },
	}
	if err := r.onePageEach(); err != nil || r.noneFits() {
		return w, err
	}
	base, err := r.o.Route.Trust.Trust(ctx, "push")
	if err != nil {
		return nil, err
	}
	base.Legacy = r.o.Route.Legacy
	if policies, err = r.trustPages(ctx, base); err != nil {
		return nil, err
	}
	w.Password, err = r.webPassword(ctx)
	return w, err
}

// webPassword reads the password of the pages, which is never stored.
func (r *rollout) webPassword(ctx context.Context) (secret.Secret, error) {
	o := &r.o.Route.Password
	o.Whose = "the phones' web pages"
	if len(r.targets) == 1 {
		o.Whose = "the web page of " + r.targets[0].Address
	}
	password, _, err := o.Resolve(ctx, r.con, r.pass, nil, true)
	if err == nil && password.Reveal() == "" {
		err = exit.Errorf(exit.CodeSettings, "give it with --password-file, --password-stdin, --password-command or $CPUPDATE_PASSWORD",
			"the web page of a phone needs the administrator's password, and none was given")
	}
	return password, err
}

// webImage returns a function that makes the file for one upload. All uploads share the rate. The file is sealed.
func (r *rollout) webImage() func(context.Context) wbm.Image {
	rate := transfer.NewRate(r.options.Rate)
	return func(ctx context.Context) wbm.Image {
		return wbm.Image{Name: r.o.Upload.Filename, Content: rate.Reader(ctx, r.file.Image())}
	}
}

// wouldBe says what would be put where, and returns the place that the transfer form would be given, as far as it is known.
func (r *rollout) wouldBe(name string) (fleet.Source, error) {
	where, given, d := "", "", r.deploy
	switch o := &r.o.Route; {
	case o.Serve && o.Access.Method == string(transfer.FTP):
		where, given = "this machine would serve "+name, "its address, by ftp"
	case o.Serve:
		d = wpi.Deployment{URL: (&url.URL{Scheme: "https", Host: "this-machine", Path: "/" + name}).String()}
		where, given = "this machine would serve "+name, "its address, by https"
	case o.ToServer():
		where = "the image would be uploaded to " + r.d.Access.FileURL(name)
	default:
		where = "nothing would be uploaded"
	}
	if given == "" {
		given = placeOf(d)
	}
	if r.o.Route.Web.PhoneDefaults {
		given = "only the file name " + name + ", to use the phone's own defaults"
	}
	r.con.Note("note", "dry run", where+"; the transfer form would be given "+given)
	if r.con.JSON && r.o.Route.ToServer() {
		doc := pushDoc{Schema: 1, Event: "dry-run", URL: r.d.Access.FileURL(name), Size: r.file.Image().Size(), UsedDoc: r.im.Used(r.version)}
		if err := r.con.Emit(doc, nil); err != nil {
			return nil, err
		}
	}
	return fleet.Elsewhere(d), nil
}

// placeOf describes where phones fetch the image, without a password.
func placeOf(d wpi.Deployment) string {
	if d.URL != "" {
		return d.URL
	}
	return fmt.Sprintf("%s on the ftp server %s", path.Join(d.Path, d.Name), net.JoinHostPort(d.Server, strconv.Itoa(cmp.Or(d.Port, 21))))
}
