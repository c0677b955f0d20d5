package main

import (
	"cmp"
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

type pushOptions struct {
	image    imageOptions
	phones   phonesOptions
	hardware string
	route    routeOptions
	upload   uploadOptions
	fetch    fetchOptions
	talk     talkOptions
	urgency  string
	dryRun   bool
}

func newPush(a *app) *cobra.Command {
	o := pushOptions{route: routeOptions{command: "push"}}
	cmd := &cobra.Command{
		Use:   "push IMAGE [PHONE...]",
		Short: "Install an image on phones, or upload it to a server",
		Long: `Each phone is queried and checked first, as with cpupdate check. A phone that is
incompatible (exit code 4), or whose compatibility cannot be determined (5), is
left alone. The others are instructed to fetch the image; they check it
themselves and restart. A phone is done when it reports the new version.

PHONE is HOST, HOST:PORT or [IPv6]:PORT; --phones takes all phones of a list.
Phones call back to this machine, so its firewall must let them in (--listen).

With --serve, phones fetch the image from this machine while the command runs:
by HTTPS, or by FTP with --method ftp.

With --web, the image is sent from here to each phone's own web page, as
"upgrade using file" does there. The password flags, --pin and --ca then apply
to that page.

Otherwise the image is uploaded to a server first, by FTP, FTPS or HTTPS, and
verified there. Name the server either with explicit settings (--method,
--server, --port, --account, --username, --path, --base-url) or with stored
defaults (--use-defaults, or --profile NAME), not with both. Without any of
them, the stored defaults are used if there are any. Without phones, the image
is only uploaded.

By FTP, the file has a temporary name until it is complete. An upload that fails
or is interrupted leaves nothing behind. With --json, the answer is one object a
line.`,
		Example: `  cpupdate push cp600.bind 192.0.2.50 --serve --hw-level 3
  cpupdate push cp600.bind --phones site.csv --profile berlin
  cpupdate push cp600.bind 192.0.2.50 --web --hw-level 3 --password-file secret
  cpupdate push cp600.bind --use-defaults
  cpupdate push cp600.bind --hw-level 3 --method ftps --server files.example --username cp --path firmware --password-file secret
  cpupdate push cp600.bind --hw-level 3 --method https --base-url https://files.example/firmware/`,
		Args:              imageToPush,
		ValidArgsFunction: completeImages(a, 1, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			return push(cmd.Context(), a.env(), o, args[0], args[1:])
		},
	}
	flags := cmd.Flags()
	end := group(flags, "Phones")
	o.phones.addFlags(flags)
	flags.StringVar(&o.hardware, "hardware", "", "read a hardware table from `FILE` (TOML)")
	end()
	end = group(flags, "Server")
	o.route.addFlags(flags)
	addProfileFlag(a, cmd, &o.route.profile)
	end()
	o.upload.addFlags(flags)
	o.fetch.addFlags(flags)
	o.talk.addFlags(flags)
	o.phones.permit.addFlags(flags)
	end = group(flags, "Timing")
	flags.StringVar(&o.urgency, "priority", "normal", "`normal|immediate`: normal waits until a phone's call ends, immediate ends calls")
	end()
	o.image.addTrustFlags(flags)
	defer group(flags, "Output")()
	flags.BoolVarP(&o.dryRun, "dry-run", "n", false, "query and check the phones, and show what would be sent where; send nothing, update nothing")
	return cmd
}

// imageToPush rejects standard input as the image; further arguments are phones.
func imageToPush(cmd *cobra.Command, args []string) error {
	if len(args) > 0 && args[0] == "-" {
		return failf(codeUsage, "write the image to a file first", "standard input cannot be pushed: an image is read more than once")
	}
	return cobra.MinimumNArgs(1)(cmd, args)
}

// push runs the command: it installs an image on phones, or uploads it.
func push(ctx context.Context, env pushEnv, o pushOptions, name string, addresses []string) error {
	withPhones := len(addresses) > 0 || o.phones.list != ""
	o.route.legacy = o.talk.legacy
	err := cmp.Or(o.phones.validate("push", addresses), o.route.validate(), o.checkRoute(withPhones), o.checkUrgency(), o.talk.validate("push"))
	if err != nil {
		return err
	}
	if withPhones {
		return pushToPhones(ctx, env, o, name, addresses)
	}
	return pushToServer(ctx, env, o, name)
}

// pushToServer checks an image, uploads it to a server and verifies it there.
func pushToServer(ctx context.Context, env pushEnv, o pushOptions, name string) error {
	options, err := o.upload.options()
	if err != nil {
		return err
	}
	d, err := o.route.destination(env.con, env.store, env.pass)
	if err != nil {
		return err
	}
	if err := o.upload.validate(d, name); err != nil {
		return err
	}
	l, err := newLoader(env.con, env.store, env.open, o.image)
	if err != nil {
		return err
	}
	l.headerOnly = !o.dryRun
	f, im, err := openToSend(ctx, l, name)
	if err != nil {
		return err
	}
	defer f.Close()
	sheet, err := o.check(env.con, env.store, im, d, l.policy)
	if err != nil {
		return err
	}
	p := &pushing{con: env.con, pass: env.pass, hosts: env.hosts, dial: env.dial, o: o, d: d, file: f, sheet: sheet, options: options}
	return p.run(ctx)
}

// openToSend opens the image and checks lengths, CRC and signature. Unless the loader reads the header only, it checks
// the digest too; otherwise the digest is checked while the image is sent.
func openToSend(ctx context.Context, l *loader, name string) (*bind.File, *image, error) {
	f, im := l.look(ctx, name)
	if im.err != nil {
		if f != nil {
			_ = f.Close()
		}
		return nil, nil, im.err
	}
	for _, warning := range im.warnings {
		l.con.note("warning", name, warning)
	}
	return f, im, nil
}

// check applies the rules and returns the result if the image may be sent.
func (o *pushOptions) check(con *console, store *settingsStore, im *image, d *destination, demand hwcheck.Policy) (*sheet, error) {
	phone, err := o.phones.phone.phone("push")
	if err != nil {
		return nil, err
	}
	table, err := store.hardwareTable(o.hardware)
	if err != nil {
		return nil, err
	}
	s := &sheet{im: im, phone: table.Complete(withStored(phone, d.phone))}
	s.verdict = hwcheck.Check(im.facts, s.phone, o.phones.permit.policy(demand))
	err = verdictError(displayName(im.name), s.verdict)
	if con.json {
		if emitErr := con.emit(s.event()); emitErr != nil {
			return nil, emitErr
		}
	} else if err != nil || s.verdict.NothingToDo {
		if printErr := con.print(nil, sheetText(con, im, s.phone, s.verdict)); printErr != nil {
			return nil, printErr
		}
	}
	return s, err
}

// A sheet is the result of check.
type sheet struct {
	im      *image
	phone   hwcheck.Phone
	verdict hwcheck.Verdict
}

// withStored adds the stored values of a site's phones for which there is no flag.
func withStored(phone, stored hwcheck.Phone) hwcheck.Phone {
	phone.Level = orStored(phone.Level, stored.Level)
	phone.Device = orStored(phone.Device, stored.Device)
	phone.SoftwareType = orStored(phone.SoftwareType, stored.SoftwareType)
	phone.Minimum = orStored(phone.Minimum, stored.Minimum)
	return phone
}

func orStored[T any](given, stored []hwcheck.Claim[T]) []hwcheck.Claim[T] {
	if len(given) > 0 {
		return given
	}
	return stored
}

// interrupted returns the failure for an upload that was interrupted and cleaned up.
func interrupted(name string) error {
	return fail(codeInterrupted, fmt.Errorf("interrupted: nothing of %s remains on the server", displayName(name)))
}
