package delivery

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"path"
	"slices"
	"strconv"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
	"github.com/cpupdate/cpupdate/pkg/wbm"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// Prepare verifies the phones' web pages, one after another, then reads their password, if the images get to phones by them. It does
// neither if no phone may get an image.
func (d *Delivery) Prepare(ctx context.Context) (err error) {
	d.pages = make([]trust.Policy, len(d.Phones))
	if !d.o.Route.Web.On {
		return nil
	}
	if err := d.onePageEach(); err != nil {
		return &InputError{err}
	}
	if !d.needed() {
		return nil
	}
	base, err := d.o.Route.Trust.Trust(ctx, d.o.command())
	if err != nil {
		return err
	}
	base.Legacy = d.o.Route.Legacy
	if d.pages, err = d.trustPages(ctx, base); err != nil {
		return &InputError{err}
	}
	d.password, err = d.webPassword(ctx)
	return err
}

// needed reports whether some phone may get one of the images.
func (d *Delivery) needed() bool {
	return slices.ContainsFunc(d.Images, func(im *Image) bool { return im.Needed })
}

// onePageEach rejects several addresses with the same page: the password would be tried there once for each of them.
func (d *Delivery) onePageEach() error {
	seen := map[string]string{}
	for i, t := range d.Phones {
		if d.ended(i) {
			continue
		}
		page := d.pageOf(i)
		if first, twice := seen[page]; twice {
			return exit.Errorf(exit.CodeSettings, "remove one of the two", "%s and %s are the same phone: both have the web page %s", first, t.Address, page)
		}
		seen[page] = t.Address
	}
	return nil
}

// trustPages decides which keys of web pages are trusted, before a password is requested.
func (d *Delivery) trustPages(ctx context.Context, base trust.Policy) ([]trust.Policy, error) {
	policies := make([]trust.Policy, len(d.Phones))
	var phones []fleet.Target
	var numbers []int
	for i, t := range d.Phones {
		if !d.ended(i) {
			phones, numbers = append(phones, t), append(numbers, i)
		}
	}
	pages := option.Pages{
		Command: d.o.command(), Web: &d.o.Route.Web, Listen: &d.o.Listen, Phones: phones, Timeout: d.options.Timeout, Context: d.Context,
	}
	trusted, err := pages.Trust(ctx, d.Console, d.KnownHosts, base)
	if err != nil {
		return nil, err
	}
	for n, i := range numbers {
		policies[i] = trusted[n]
	}
	for i := range d.Phones {
		if d.ended(i) { // it may begin anew, if a person says so meanwhile
			if policies[i], err = d.KnownHosts.PolicyAmong(base, d.pageOf(i), len(d.Phones)); err != nil {
				return nil, err
			}
		}
	}
	return policies, nil
}

// ended reports whether a phone gets nothing any more.
func (d *Delivery) ended(phone int) bool { return d.Ended != nil && d.Ended[phone] }

// webPassword reads the password of the pages, which is never stored.
func (d *Delivery) webPassword(ctx context.Context) (secret.Secret, error) {
	o := &d.o.Route.Password
	o.Whose = "the phones' web pages"
	if len(d.Phones) == 1 {
		o.Whose = "the web page of " + d.Phones[0].Address
	}
	password, _, err := o.Resolve(ctx, d.Console, d.Passwords, nil, true)
	if err == nil && password.Reveal() == "" {
		err = exit.Errorf(exit.CodeSettings, "give it with --password-file, --password-stdin, --password-command or the variable CPUPDATE_PASSWORD",
			"the web page of a phone needs the administrator's password, and none was given")
	}
	return password, err
}

// web returns how an image gets to the phones' web pages.
func (d *Delivery) web(im *Image) *fleet.Web {
	return &fleet.Web{
		Port: strconv.Itoa(d.o.Route.Web.Port), Timeout: d.options.Timeout, DryRun: d.o.DryRun, Image: d.webImage(im), Password: d.password,
		Transfer: d.o.Route.ByTransfer(), Defaults: d.o.Route.Web.PhoneDefaults, TLS: d.pageTLS,
	}
}

// pageTLS returns how the web page of a phone is verified.
func (d *Delivery) pageTLS(number int) *tls.Config { return d.pages[number].TLS(d.webHost(number)) }

// webImage returns a function that makes the file for one upload. All uploads share the rate. The file is sealed.
func (d *Delivery) webImage(im *Image) func(context.Context) wbm.Image {
	return func(ctx context.Context) wbm.Image {
		return wbm.Image{Name: im.Name, Content: d.rate.Reader(ctx, im.File.Image())}
	}
}

// pageOf returns the address of a phone's web page, HOST:PORT.
func (d *Delivery) pageOf(number int) string { return d.o.Route.Web.Peer(d.Phones[number].Address) }

// webHost returns the name or address of a phone.
func (d *Delivery) webHost(number int) string {
	host, _, _ := net.SplitHostPort(d.pageOf(number))
	return host
}

// wouldBe says what would be put where, and returns the place that the transfer form would be given, as far as it is known.
func (d *Delivery) wouldBe(im *Image) (fleet.Source, error) {
	where, given, deploy := "", "", im.deploy
	switch o := &d.o.Route; {
	case o.Serve && o.Access.Method == string(transfer.FTP):
		where, given = "this machine would serve "+im.Name, "its address, by ftp"
	case o.Serve:
		deploy = wpi.Deployment{URL: (&url.URL{Scheme: "https", Host: "this-machine", Path: "/" + im.Name}).String()}
		where, given = "this machine would serve "+im.Name, "its address, by https"
	case o.ToServer():
		where = "the image would be uploaded to " + d.server.Access.FileURL(im.Name)
	default:
		where = "nothing would be uploaded"
	}
	if given == "" {
		given = placeOf(deploy)
	}
	if d.o.Route.Web.PhoneDefaults {
		given = "only the file name " + im.Name + ", to use the phone's own defaults"
	}
	d.Console.Note("note", "dry run", where+"; the transfer form would be given "+given)
	if d.Console.JSON && d.o.Route.ToServer() {
		doc := UploadDoc{Schema: 1, Event: "dry-run", URL: d.server.Access.FileURL(im.Name), Size: im.File.Image().Size(), UsedDoc: im.Read.Used(d.Version)}
		if err := d.Console.Emit(doc, nil); err != nil {
			return nil, err
		}
	}
	return fleet.Elsewhere(deploy), nil
}

// placeOf describes where phones fetch the image, without a password.
func placeOf(d wpi.Deployment) string {
	if d.URL != "" {
		return d.URL
	}
	return fmt.Sprintf("%s on the ftp server %s", path.Join(d.Path, d.Name), net.JoinHostPort(d.Server, strconv.Itoa(cmp.Or(d.Port, 21))))
}
