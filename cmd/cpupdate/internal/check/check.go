// Package check applies the rules to images and phones before anything is sent.
package check

import (
	"cmp"
	"context"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/runview"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/verdict"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// Options are the flags of check.
type Options struct {
	Image    images.Options
	Phones   option.Phones
	Hardware string
	Timeout  time.Duration
	Listen   option.Listen
	JUnit    string // file
}

// Run checks an image, or the images of a folder, for the phones that are described, listed or queried.
func Run(ctx context.Context, con *console.Console, store *settings.Store, open images.OpenFunc, o Options, name string, addresses []string) error {
	if err := cmp.Or(o.validate(name, addresses), o.removeJUnit()); err != nil {
		return err
	}
	table, err := store.HardwareTable(ctx, o.Hardware)
	if err != nil {
		return err
	}
	l, err := images.NewLoader(ctx, con, store, open, o.Image)
	if err != nil {
		return err
	}
	all, err := images.Targets([]string{name})
	if err != nil {
		return err
	}
	if len(addresses) > 0 && !isFolder(all) { // report an invalid image before phones are queried
		header := *l
		header.HeaderOnly = true
		if im := header.Load(ctx, name); !im.Readable {
			return im.Err
		}
	}
	phones, silent, err := o.phonesToCheck(ctx, con, table, addresses)
	if err != nil {
		return err
	}
	policy := o.Phones.Permit.Policy(l.Policy)
	if len(phones) == 1 && !isFolder(all) && (o.Phones.List == "" || len(addresses) == 1) {
		return o.checkOne(ctx, con, l, name, phones[0], policy)
	}
	return o.checkMany(ctx, con, l, name, all, phones, silent, policy)
}

// phonesToCheck returns the phones with all that is known about them: from queries, from the list, or from flags. It
// also returns the results of phones that did not answer, by address.
func (o *Options) phonesToCheck(ctx context.Context, con *console.Console, table *hwcheck.Table, addresses []string) ([]hwcheck.ListedPhone, map[string]fleet.Result, error) {
	if len(addresses) > 0 {
		return o.queryPhones(ctx, con, table, addresses)
	}
	var phones []hwcheck.ListedPhone
	var err error
	if o.Phones.List != "" {
		phones, err = settings.ReadPhoneList(ctx, o.Phones.List, o.Phones.Columns...)
	} else {
		var described hwcheck.Phone
		described, err = o.Phones.Phone.Phone("check")
		phones = []hwcheck.ListedPhone{{Phone: described, Override: o.Phones.Permit.Override, Reason: o.Phones.Permit.Reason}}
	}
	if err != nil {
		return nil, nil, err
	}
	return phones, nil, table.CompleteAll(ctx, phones)
}

// queryPhones queries phones. It returns an error for a single phone that does not answer; of several phones, those that
// do not answer stay unknown.
func (o *Options) queryPhones(ctx context.Context, con *console.Console, table *hwcheck.Table, addresses []string) ([]hwcheck.ListedPhone, map[string]fleet.Result, error) {
	targets, err := o.Phones.Targets(ctx, "check", addresses, hwcheck.Phone{})
	if err != nil {
		return nil, nil, err
	}
	plan := fleet.Plan{Phones: targets, Table: table}
	results, err := runview.Query(ctx, con, o.Listen, o.Timeout, &plan)
	if err != nil {
		return nil, nil, err
	}
	if ctx.Err() != nil || len(targets) == 1 && results[0].Failure != nil {
		return nil, nil, advice.RunFailure(plan, advice.Context{List: o.Phones.List, Columns: o.Phones.Columns, Flags: con.Flags, Again: o.Listen.Again()}, results)
	}
	var phones []hwcheck.ListedPhone
	silent := map[string]fleet.Result{}
	for i, r := range results {
		p := hwcheck.ListedPhone{Address: targets[i].Address, MAC: r.After.MAC, Phone: r.Known, Override: targets[i].Override, Reason: targets[i].Reason, Note: targets[i].Note}
		if r.Failure != nil {
			silent[p.Address] = r
			con.NoteAbout("warning", p.Address, r.Failure.Error())
			p.Phone = table.Complete(targets[i].Known)
			p.Phone.Queried = true
		}
		phones = append(phones, p)
	}
	return phones, silent, nil
}

func isFolder(all []images.Target) bool { return len(all) != 1 || all[0].InFolder }

// validate rejects flags and arguments that cannot be used together.
func (o *Options) validate(image string, addresses []string) error {
	switch {
	case image == "-" && o.Image.HeaderOnly:
		return exit.Usage("check", "--header-only needs a file: with standard input, the length and the trailer are not known")
	case image == "-" && len(addresses) > 0:
		return exit.Usage("check", "standard input can be read only once: with PHONE, the image must be a file")
	case o.Timeout <= 0:
		return exit.Usage("check", "--timeout must be greater than zero")
	}
	return cmp.Or(o.Phones.Validate("check", addresses), o.Listen.Validate("check"), o.validateJUnit(image))
}

// checkOne prints the rule sheet of one image and one phone.
func (o *Options) checkOne(ctx context.Context, con *console.Console, l *images.Loader, name string, listed hwcheck.ListedPhone, policy hwcheck.Policy) error {
	im := l.Load(ctx, name)
	if err := o.writeJUnit(ctx, name, []*images.Image{im}, []hwcheck.ListedPhone{listed}, nil, policy); err != nil {
		return err
	}
	phone := listed.Phone
	policy.Override, policy.Reason = listed.Override, listed.Reason
	if !im.Readable {
		return im.Err
	}
	for _, warning := range im.Warnings {
		con.Note("warning", name, warning)
	}
	v := hwcheck.Check(im.Facts, phone, policy)
	if err := con.Print(verdict.NewSheetDoc(im, phone, v), verdict.SheetText(con, im, phone, v)); err != nil {
		return err
	}
	if im.Err != nil {
		return im.Err
	}
	return verdict.Error(images.DisplayName(name), v)
}
