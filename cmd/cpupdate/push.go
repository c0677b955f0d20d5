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
		Short: "Take an image into phones, or only put it on the server",
		Long: `Take an image into phones. Each is asked what it is and runs, and checked as by
cpupdate check: one that does not fit (exit code 4), or of which that cannot be
told (5), is told nothing. The others are told where the image lies, fetch it,
check it themselves and restart. A phone is done when it reports the new version.

PHONE is HOST, HOST:PORT or [IPv6]:PORT, or all phones of a list (--phones). The
phones call this machine, so a firewall here must let them in (--listen).

Where phones fetch it: from this machine while it runs (--serve, by https, or by
ftp with --method ftp), or from a server, where the image is put first by FTP,
FTPS or HTTPS, and compared with what was sent. Which server: explicit settings
(--method, --server, --port, --account, --username, --path, --base-url), or the
stored defaults (--use-defaults, or a profile with --profile NAME), never both.
Without any of them the stored defaults are used, if there are some. Without
phones the image is only put on the server.

Or nothing is fetched: --web sends the image from here straight into the phone's
own web page, as "upgrade using file" there does. The password flags are then for
that page, --pin and --ca for its certificate.

By FTP the file has a temporary name until it is complete. What fails or is
interrupted leaves nothing behind. With --json the answer is one object a line.`,
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
	o.route.addFlags(flags)
	addProfileFlag(a, cmd, &o.route.profile)
	o.upload.addFlags(flags)
	o.fetch.addFlags(flags)
	o.phones.addFlags(flags)
	o.talk.addFlags(flags)
	flags.StringVar(&o.urgency, "priority", "normal", "`normal|immediate`: immediate ends calls; with normal a phone in a call is waited for")
	flags.BoolVarP(&o.dryRun, "dry-run", "n", false, "ask and check the phones, and say what would be sent where; send and tell nothing")
	flags.StringVar(&o.hardware, "hardware", "", "a hardware table in `FILE` (TOML)")
	o.image.addTrustFlags(flags)
	return cmd
}

// imageToPush refuses what is no image file; more arguments are phones.
func imageToPush(cmd *cobra.Command, args []string) error {
	if len(args) > 0 && args[0] == "-" {
		return failf(codeUsage, "write it into a file first", "an image is read more than once: standard input cannot be pushed")
	}
	return cobra.MinimumNArgs(1)(cmd, args)
}

// push is the whole way of one image.
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

// pushToServer puts the image on a server: check, transfer, proof.
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

// openToSend opens the image: lengths, CRC and signature are checked now, its digest while it is sent, or if it is not
// sent at all.
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

// check applies the rules, and returns the sheet if the image may go out.
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

// A sheet is what check found.
type sheet struct {
	im      *image
	phone   hwcheck.Phone
	verdict hwcheck.Verdict
}

// withStored adds what is stored of a site's phones, where no flag says otherwise.
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

// interrupted is Ctrl-C while the image was on its way, and after everything was cleaned up.
func interrupted(name string) error {
	return fail(codeInterrupted, fmt.Errorf("interrupted: nothing of %s was left on the server", displayName(name)))
}
