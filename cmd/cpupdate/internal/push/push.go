// Package push uploads an image to a server, or installs it on phones, and reports how that ended.
package push

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/verdict"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// Options are the flags of push.
type Options struct {
	Image    images.Options
	Phones   option.Phones
	Hardware string
	Route    option.Route
	Upload   option.Upload
	Fetch    option.Fetch
	Listen   option.Listen
	Urgency  string
	DryRun   bool
	Settle   time.Duration // how long a phone that an earlier run instructed may take from then
}

// Run runs the command: it installs an image on phones, or uploads it.
func Run(ctx context.Context, env Env, o Options, name string, addresses []string) error {
	withPhones := len(addresses) > 0 || o.Phones.List != ""
	o.Route.Legacy = o.Listen.Legacy
	err := cmp.Or(o.Phones.Validate("push", addresses), o.Route.Validate(), o.checkRoute(withPhones), o.checkUrgency(), o.checkSettle(), o.Listen.Validate("push"))
	if err != nil {
		return err
	}
	if withPhones {
		return pushToPhones(ctx, env, o, name, addresses)
	}
	return pushToServer(ctx, env, o, name)
}

// pushToServer checks an image, uploads it to a server and verifies it there.
func pushToServer(ctx context.Context, env Env, o Options, name string) error {
	options, err := o.Upload.Options()
	if err != nil {
		return err
	}
	d, err := o.Route.Destination(ctx, env.Console, env.Settings, env.Passwords)
	if err != nil {
		return err
	}
	if err := o.Upload.Validate(d, name); err != nil {
		return err
	}
	l, err := images.NewLoader(ctx, env.Console, env.Settings, env.Open, o.Image)
	if err != nil {
		return err
	}
	l.HeaderOnly, l.Seal = !o.DryRun, !o.DryRun
	f, im, err := openToSend(ctx, l, name)
	if err != nil {
		return err
	}
	defer f.Close()
	sheet, err := o.check(ctx, env.Console, env.Settings, im, d, l.Policy)
	if err != nil {
		return err
	}
	p := &upload{con: env.Console, pass: env.Passwords, hosts: env.KnownHosts, dial: env.Dial, version: env.Version, o: o, d: d, file: f, sheet: sheet, options: options}
	return p.run(ctx)
}

// openToSend opens the image and checks lengths, CRC and signature. Unless the loader reads the header only, it checks
// the digest too; otherwise the digest is checked while the image is sent.
func openToSend(ctx context.Context, l *images.Loader, name string) (*bind.File, *images.Image, error) {
	f, im := l.LoadOpen(ctx, name)
	if im.Err != nil {
		if f != nil {
			_ = f.Close()
		}
		return nil, nil, im.Err
	}
	for _, warning := range im.Warnings {
		l.Console.Note("warning", name, warning)
	}
	return f, im, nil
}

// check applies the rules and returns the result if the image may be sent.
func (o *Options) check(ctx context.Context, con *console.Console, store *settings.Store, im *images.Image, d *option.Destination, demand hwcheck.Policy) (*ruleSheet, error) {
	phone, err := o.Phones.Phone.Phone("push")
	if err != nil {
		return nil, err
	}
	table, err := store.HardwareTable(ctx, o.Hardware)
	if err != nil {
		return nil, err
	}
	s := &ruleSheet{im: im, phone: table.Complete(option.WithStored(phone, d.Phone))}
	s.verdict = hwcheck.Check(im.Facts, s.phone, o.Phones.Permit.Policy(demand))
	err = verdict.Error(images.DisplayName(im.Name), s.verdict)
	var text func(io.Writer) // for people the sheet, if it says why the image does not go out
	if err != nil || s.verdict.NothingToDo {
		text = verdict.SheetText(con, im, s.phone, s.verdict)
	}
	if emitErr := con.Emit(s.event(), text); emitErr != nil {
		return nil, emitErr
	}
	return s, err
}

// A ruleSheet is the result of check.
type ruleSheet struct {
	im      *images.Image
	phone   hwcheck.Phone
	verdict hwcheck.Verdict
}

// interrupted returns the failure for an upload that was interrupted and cleaned up.
func interrupted(name string) error {
	return exit.New(exit.CodeInterrupted, fmt.Errorf("interrupted: nothing of %s remains on the server", images.DisplayName(name)))
}
