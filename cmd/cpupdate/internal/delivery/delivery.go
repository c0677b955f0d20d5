// Package delivery gets images to phones: phones fetch them from this machine or from a server, to which they are uploaded first, or
// they are sent to the phones' own web pages.
package delivery

import (
	"context"
	"crypto/tls"
	"errors"
	"slices"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/callback"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// An Image is one image that phones get.
type Image struct {
	File   *bind.File
	Read   *images.Image // what was read of the file
	Policy hwcheck.Policy
	Needed bool   // some phone may get it: otherwise it is not uploaded
	Name   string // of the file, on the server and for phones

	deploy wpi.Deployment // what phones are instructed to fetch, if this machine does not serve
	source fleet.Source
}

// An InputError is an error about the images or the phones of a run: with the same flags and settings, another run need not have it.
type InputError struct{ Err error }

func (e *InputError) Error() string { return e.Err.Error() }

func (e *InputError) Unwrap() error { return e.Err }

// A Delivery gets images to phones by one route. Its steps are [Resolve], Prepare, Listen and Begin; after that, phones may be
// instructed.
type Delivery struct {
	Env
	Context advice.Context // what hints need to know of this run
	Images  []*Image       // File, Read, Policy and Needed are set by the caller, before Prepare
	Phones  []fleet.Target // set by the caller, before Prepare
	Ended   []bool         // which of the phones get nothing any more, by their number; nil: none of them

	o        Options
	server   *option.Destination // nil if nothing is uploaded to a server
	options  transfer.Options
	rate     *transfer.Rate // of all uploads to pages together
	pages    []trust.Policy // of the web page of each phone
	password secret.Secret  // of the pages
}

// Resolve reads all settings of the route, before anything is opened. files are the images.
func Resolve(ctx context.Context, env Env, o Options, files ...string) (*Delivery, error) {
	d := &Delivery{Env: env, o: o}
	var err error
	if d.options, err = o.Upload.Options(o.command()); err != nil {
		return nil, err
	}
	d.rate = transfer.NewRate(d.options.Rate)
	if o.Route.ToServer() {
		if d.server, err = o.Route.OfServer().Destination(ctx, env.Console, env.Settings, env.Passwords); err == nil {
			err = o.Upload.Validate(d.server)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(files) > 1 && d.server != nil && !o.Fetch.TakesSeveral(d.server) {
		return nil, exit.Errorf(exit.CodeUsage, "end the URL with /: each image is then fetched by its name", "--fetch-url is the address of one file, and there are %d images", len(files))
	}
	names, err := o.Upload.Names(o.command(), files...)
	if err != nil {
		return nil, err
	}
	for i, name := range names {
		if d.server != nil && slices.Contains(names[:i], name) {
			return nil, exit.Errorf(exit.CodeSettings, "rename one of the two", "two images are called %s, and the server would keep one of them", exit.ShownArgument(name))
		}
		d.Images = append(d.Images, &Image{Name: name})
	}
	d.Context = advice.Context{Flags: env.Console.Flags, Again: o.Listen.Again()}
	if o.Route.Web.On {
		d.Context.Page, d.Context.Transfer = o.Route.Web.Peer, o.Route.ByTransfer()
	}
	return d, nil
}

// Stored returns what is stored of the phones of the server's site.
func (d *Delivery) Stored() hwcheck.Phone {
	if d.server == nil {
		return hwcheck.Phone{}
	}
	return d.server.Phone
}

// ReplaceOwn lets an upload replace files of the same names in spite of --no-overwrite: an earlier run of the same rollout uploaded
// them.
func (d *Delivery) ReplaceOwn() { d.o.Upload.NoOverwrite = false }

// HeaderOnly reports whether the digest of an image may be computed while it is sent. Otherwise it is verified before a phone gets
// a command.
func (d *Delivery) HeaderOnly() bool { return !d.o.DryRun && d.o.Route.ToServer() }

// CheckDeployment checks, before anything is sent, that phones can be given the addresses of the images.
func (d *Delivery) CheckDeployment() error {
	for _, im := range d.Images {
		if err := d.checkDeployment(im); err != nil {
			return err
		}
	}
	return nil
}

func (d *Delivery) checkDeployment(im *Image) (err error) {
	switch {
	case d.o.Route.ToPage(): // its page is given no address
		return nil
	case d.o.Route.Serve || d.o.Route.Web.PhoneDefaults:
		im.deploy = wpi.Deployment{Server: "phone", Name: im.Name, Priority: wpi.Normal}
		_, err = im.deploy.Message()
		return settings.UsageError(d.o.command(), valueSetting(err))
	}
	im.deploy, err = d.o.Fetch.Deployment(d.server, im.Name)
	return err
}

// valueSetting turns the error for a value that a phone would not understand into one for our setting.
func valueSetting(err error) error {
	e := (*wpi.ValueError)(nil)
	if !errors.As(err, &e) {
		return err
	}
	return &transfer.SettingError{Setting: e.Setting, Problem: e.Problem}
}

// Size returns how much each phone gets of an image from this machine, 0 if this machine cannot see it.
func (d *Delivery) Size(image int) int64 {
	if (d.o.Route.Serve || d.o.Route.ToPage()) && !d.o.DryRun {
		return d.Images[image].File.Image().Size()
	}
	return 0
}

// Route returns how the images get to the phones, for the journal.
func (d *Delivery) Route() journal.Route {
	switch {
	case d.o.Route.Web.On:
		return journal.Route{Way: "web"}
	case d.o.Route.Serve:
		return journal.Route{Way: "serve", Listen: d.o.Listen.Listen}
	}
	name := "" // of several images the folder
	if len(d.Images) == 1 {
		name = d.Images[0].Name
	}
	return journal.Route{Way: "server", Server: d.server.Access.FileURL(name), Profile: d.server.Origin}
}

// Listen starts to listen for phones. event receives every event of the run.
func (d *Delivery) Listen(ctx context.Context, event func(fleet.Event)) (*callback.Server, error) {
	return callback.Listen(ctx, &d.o.Listen, d.Console, d.Phones, min(d.options.Timeout, option.ContactTimeout), d.options, event)
}

// Begin gets the images to where phones fetch them: it uploads them to the server, if there is one. Nothing is done if no phone may
// get them.
func (d *Delivery) Begin(ctx context.Context, s *callback.Server) error {
	for _, im := range d.Images {
		if err := d.begin(s, im); err != nil {
			return err
		}
	}
	if d.o.DryRun || !d.o.Route.ToServer() {
		return nil
	}
	return d.upload(ctx)
}

// begin sets where the phones fetch an image: nil if they fetch nothing.
func (d *Delivery) begin(s *callback.Server, im *Image) (err error) {
	name, content := im.Name, im.File.Image()
	switch {
	case d.o.DryRun && d.o.Route.ByTransfer():
		im.source, err = d.wouldBe(im) // so that the transfer form can be checked
	case d.o.DryRun || d.o.Route.ToPage(): // a dry run has no source, and an upload to pages has none
	case d.o.Route.Serve && d.o.Route.Access.Method == string(transfer.FTP):
		if s.FTP == nil {
			err = s.ServeFTP()
		}
		if err == nil {
			im.source = fleet.ServedByFTP(s.FTP, name, content, s.BackFTP)
		}
	case d.o.Route.Serve:
		im.source = fleet.Served(s.Server, name, content, s.Back)
	case d.o.Route.ToServer():
		im.source = notUploaded{} // so far
	default:
		im.source = fleet.Elsewhere(im.deploy)
	}
	return err
}

// notUploaded is the source of an image that was not uploaded, because no phone seemed to need it.
type notUploaded struct{}

func (notUploaded) Grant(fleet.Request) (*fleet.Grant, error) {
	return nil, errors.New("this run did not upload the image, since no phone needed it when it began: run the command again")
}

// Image returns an image as phones get it. Their numbers in the plan of the run must be those of Phones.
func (d *Delivery) Image(number int) *fleet.Image {
	im := d.Images[number]
	image := &fleet.Image{Facts: im.File.Facts(), Policy: im.Policy, Priority: wpi.Priority(d.o.Priority), Source: im.source}
	if d.o.Route.Web.On {
		image.Web = d.web(im)
	}
	if d.o.Route.ToServer() {
		image.Secret = d.server.Access.Password
	} else {
		image.Unchanged = im.File.CheckUnchanged
	}
	return image
}

// ImageFor returns an image as one phone of Phones gets it, whatever its number in the plan of the run.
func (d *Delivery) ImageFor(phone, number int) *fleet.Image {
	image := d.Image(number)
	if image.Web != nil {
		image.Web.TLS = func(int) *tls.Config { return d.pageTLS(phone) }
	}
	return image
}
