// Package push uploads an image to a server, or installs it on phones, and reports how that ended.
package push

import (
	"cmp"
	"context"
	"io"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/delivery"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/verdict"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// Options are the flags of push.
type Options struct {
	delivery.Options
	Image    images.Options
	Phones   option.Phones
	Hardware string
	Settle   time.Duration // how long a phone that an earlier run instructed may take from then
}

// Run runs the command: it installs an image on phones, or uploads it.
func Run(ctx context.Context, env delivery.Env, o Options, name string, addresses []string) error {
	withPhones := len(addresses) > 0 || o.Phones.List != ""
	o.Reinstall = o.Phones.Permit.Reinstall
	if err := cmp.Or(o.Phones.Validate("push", addresses), o.Validate(withPhones), option.CheckSettle("push", o.Settle)); err != nil {
		return err
	}
	if withPhones {
		return pushToPhones(ctx, env, o, name, addresses)
	}
	return pushToServer(ctx, env, o, name)
}

// pushToServer checks an image, uploads it to a server and verifies it there.
func pushToServer(ctx context.Context, env delivery.Env, o Options, name string) error {
	d, err := delivery.Resolve(ctx, env, o.Options, name)
	if err != nil {
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
	sheet, err := o.check(ctx, env.Console, env.Settings, im, d.Stored(), l.Policy)
	if err != nil {
		return err
	}
	d.Images[0].File, d.Images[0].Read = f, im
	return d.Upload(ctx, sheet.verdict)
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
func (o *Options) check(ctx context.Context, con *console.Console, store *settings.Store, im *images.Image, stored hwcheck.Phone, demand hwcheck.Policy) (*ruleSheet, error) {
	phone, err := o.Phones.Phone.Phone("push")
	if err != nil {
		return nil, err
	}
	table, err := store.HardwareTable(ctx, o.Hardware)
	if err != nil {
		return nil, err
	}
	s := &ruleSheet{im: im, phone: table.Complete(option.WithStored(phone, stored))}
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

// A checkedDoc is the JSON line with the result of check.
type checkedDoc struct {
	Schema int              `json:"schema"`
	Event  string           `json:"event"`
	Image  images.Doc       `json:"image"`
	Phone  verdict.PhoneDoc `json:"phone"`
	hwcheck.Verdict
}

func (s *ruleSheet) event() checkedDoc {
	doc := verdict.NewSheetDoc(s.im, s.phone, s.verdict)
	return checkedDoc{1, "checked", doc.Image, doc.Phone, doc.Verdict}
}
