package main

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

type checkOptions struct {
	image    imageOptions
	phones   phonesOptions
	hardware string
	timeout  time.Duration
	talk     talkOptions
}

// phoneOptions describe one phone.
type phoneOptions struct {
	level, part, model, kind, running, minimum string
}

func (o *phoneOptions) addFlags(flags *pflag.FlagSet) {
	defer group(flags, "Phones")()
	o.addSiteFlags(flags)
	flags.StringVar(&o.part, "part-number", "", "the phone's part `NUMBER`, such as S30817-S7403-A101-15")
	flags.StringVar(&o.running, "running", "", "the software `VERSION` that the phone runs, such as \"V1 R4.9.0\"")
}

// addSiteFlags adds the flags that can describe many phones together.
func (o *phoneOptions) addSiteFlags(flags *pflag.FlagSet) {
	defer group(flags, "Phones")()
	flags.StringVar(&o.level, settingLevel, "", "the phone's hardware level, a `NUMBER` from 1")
	flags.StringVar(&o.model, settingModel, "", "the phone's `MODEL`, such as CP600 or \"OpenScape Desk Phone CP600\"")
	flags.StringVar(&o.kind, settingType, "", "the software `TYPE` that the phone runs, such as \"Unify HFA\"")
	flags.StringVar(&o.minimum, settingMinimum, "", "the lowest software `VERSION` for the phone's hardware")
}

// permitOptions say which rules the user overrides.
type permitOptions struct {
	override, typeChange, downgrade, reinstall bool
	reason                                     string
}

func (o *permitOptions) addFlags(flags *pflag.FlagSet) {
	defer group(flags, "Overrides")()
	flags.BoolVar(&o.override, "override", false, "override the rules hardware-level, minimum-version and stepping-stone (Override in the manual)")
	flags.StringVar(&o.reason, "reason", "", "the reason for --override: `TEXT` that is shown in the answer")
	flags.BoolVar(&o.typeChange, "allow-type-change", false, "override the rule software-type")
	flags.BoolVar(&o.downgrade, "allow-downgrade", false, "override the rule downgrade")
	flags.BoolVar(&o.reinstall, "reinstall", false, "install even if the phone already runs this version")
}

func newCheck(a *app) *cobra.Command {
	var o checkOptions
	cmd := &cobra.Command{
		Use:   "check IMAGE [PHONE...]",
		Short: "Check whether a phone will accept an image, and why",
		Long: `Apply the phone's own rules before anything is sent. For each rule, the rule sheet
shows what the image requires, what is known about the phone, and what would make
the rule pass. There are three answers: compatible (exit code 0), not compatible
(4) and unknown (5). A damaged image ends with exit code 3, whatever the rules say.

Describe one phone with flags, or many phones in a list: --phones FILE, a CSV file
with a header line. Its columns, any of them in any order: address, mac, model,
part_number, hw_level, software_type, running, minimum_version, override
(yes or no), reason, note.

PHONE is HOST, HOST:PORT or [IPv6]:PORT. The phone is queried over the network for
its model and software; nothing is changed on it. It calls back to this machine,
so its firewall must let the phone in (--listen). With --phones, the list adds
what the phone does not report.

With a list, several phones, or a folder as IMAGE, the answer is the fit matrix:
which phone accepts which image, and for a phone that no image fits, why. The exit
code is 0 if an image fits every phone, else 10.

The hardware table says which part number has which level: --hardware FILE, and
hardware.toml in the settings folder.`,
		Example: `  cpupdate check cp600.bind --hw-level 3
  cpupdate check os40.img --part-number S30817-S7402-A101-20 --software-type "Siemens SIP" --running "V3 R1.41.1"
  cpupdate check cp600.bind 192.0.2.50 --hw-level 3
  cpupdate check images/ --phones phones.csv`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeImages(a, 0, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			return check(cmd.Context(), a.con, a.store, a.open, o, args[0], args[1:])
		},
	}
	flags := cmd.Flags()
	end := group(flags, "Phones")
	o.phones.addFlags(flags)
	flags.StringVar(&o.hardware, "hardware", "", "read a hardware table from `FILE` (TOML)")
	end()
	o.image.addFlags(flags)
	o.phones.permit.addFlags(flags)
	o.talk.addFlags(flags)
	defer group(flags, "Timing")()
	flags.DurationVar(&o.timeout, "timeout", 10*time.Second, "how long to wait for a phone to accept a contact request (`DURATION`, such as 10s)")
	return cmd
}

func check(ctx context.Context, con *console, store *settingsStore, open openFunc, o checkOptions, name string, addresses []string) error {
	if err := o.validate(name, addresses); err != nil {
		return err
	}
	table, err := store.hardwareTable(o.hardware)
	if err != nil {
		return err
	}
	l, err := newLoader(con, store, open, o.image)
	if err != nil {
		return err
	}
	all, err := targets([]string{name})
	if err != nil {
		return err
	}
	if len(addresses) > 0 && !isFolder(all) { // report an invalid image before phones are queried
		header := *l
		header.headerOnly = true
		if im := header.load(ctx, name); !im.readable {
			return im.err
		}
	}
	phones, silent, err := o.phonesToCheck(ctx, con, table, addresses)
	if err != nil {
		return err
	}
	policy := o.phones.permit.policy(l.policy)
	if len(phones) == 1 && !isFolder(all) && (o.phones.list == "" || len(addresses) == 1) {
		policy.Override, policy.Reason = phones[0].Override, phones[0].Reason
		return checkOne(ctx, con, l, name, phones[0].Phone, policy)
	}
	return checkMany(ctx, con, l, all, phones, silent, policy)
}

// phonesToCheck returns the phones with all that is known about them: from queries, from the list, or from flags. It
// also returns the results of phones that did not answer, by address.
func (o *checkOptions) phonesToCheck(ctx context.Context, con *console, table *hwcheck.Table, addresses []string) ([]hwcheck.ListedPhone, map[string]fleet.Result, error) {
	if len(addresses) > 0 {
		return o.askedPhones(ctx, con, table, addresses)
	}
	var phones []hwcheck.ListedPhone
	var err error
	if o.phones.list != "" {
		phones, err = readPhoneList(o.phones.list)
	} else {
		var described hwcheck.Phone
		described, err = o.phones.phone.phone("check")
		phones = []hwcheck.ListedPhone{{Phone: described, Override: o.phones.permit.override, Reason: o.phones.permit.reason}}
	}
	if err != nil {
		return nil, nil, err
	}
	return phones, nil, table.CompleteAll(ctx, phones)
}

// askedPhones queries phones. It returns an error for a single phone that does not answer; of several phones, those that
// do not answer stay unknown.
func (o *checkOptions) askedPhones(ctx context.Context, con *console, table *hwcheck.Table, addresses []string) ([]hwcheck.ListedPhone, map[string]fleet.Result, error) {
	targets, err := o.phones.targets("check", addresses, hwcheck.Phone{})
	if err != nil {
		return nil, nil, err
	}
	plan := fleet.Plan{Phones: targets, Table: table}
	results, err := ask(ctx, con, o.talk, o.timeout, &plan)
	if err != nil {
		return nil, nil, err
	}
	if ctx.Err() != nil || len(targets) == 1 && results[0].Failure != nil {
		return nil, nil, runFailure(plan, failureContext{}, results)
	}
	var phones []hwcheck.ListedPhone
	silent := map[string]fleet.Result{}
	for i, r := range results {
		p := hwcheck.ListedPhone{Address: targets[i].Address, MAC: r.After.MAC, Phone: r.Known, Override: targets[i].Override, Reason: targets[i].Reason}
		if r.Failure != nil {
			silent[p.Address] = r
			con.remark("warning", p.Address, r.Failure.Error())
			p.Phone = table.Complete(targets[i].Known)
			p.Phone.Asked = true
		}
		phones = append(phones, p)
	}
	return phones, silent, nil
}

func isFolder(all []target) bool { return len(all) != 1 || all[0].inFolder }

// validate rejects flags and arguments that cannot be used together.
func (o *checkOptions) validate(image string, addresses []string) error {
	switch {
	case image == "-" && o.image.headerOnly:
		return usage("check", "--header-only needs a file: with standard input, the length and the trailer are not known")
	case image == "-" && len(addresses) > 0:
		return usage("check", "standard input can be read only once: with PHONE, the image must be a file")
	case o.timeout <= 0:
		return usage("check", "--timeout must be greater than zero")
	}
	return cmp.Or(o.phones.validate("check", addresses), o.talk.validate("check"))
}

// validate rejects a reason without an override.
func (o *permitOptions) validate(command string) error {
	if o.reason != "" && !o.override {
		return usage(command, "--reason needs --override")
	}
	return nil
}

// policy adds the overrides to the policy for signatures.
func (o permitOptions) policy(p hwcheck.Policy) hwcheck.Policy {
	p.Override, p.Reason = o.override, o.reason
	p.AllowTypeChange, p.AllowDowngrade, p.Reinstall = o.typeChange, o.downgrade, o.reinstall
	return p
}

// phone parses the flags that describe a phone.
func (o phoneOptions) phone(command string) (hwcheck.Phone, error) {
	var p hwcheck.Phone
	for _, err := range []error{
		flagClaim(&p.Level, "hw-level", o.level, hwcheck.ParseLevel),
		flagClaim(&p.PartNumber, "part-number", o.part, hwcheck.ParsePartNumber),
		flagClaim(&p.Device, "model", o.model, asText),
		flagClaim(&p.SoftwareType, "software-type", o.kind, asText),
		flagClaim(&p.Running, "running", o.running, bind.ParseVersion),
		flagClaim(&p.Minimum, "minimum-version", o.minimum, bind.ParseVersion),
	} {
		if err != nil {
			return p, usage(command, "%v", err)
		}
	}
	return p, nil
}

func asText(s string) (string, error) { return s, nil }

// flagClaim parses a flag's value into a claim; an empty value makes no claim.
func flagClaim[T any](claims *[]hwcheck.Claim[T], flag, value string, parse func(string) (T, error)) error {
	if value == "" {
		return nil
	}
	parsed, err := parse(value)
	if err != nil {
		return fmt.Errorf("--%s: %w", flag, err)
	}
	*claims = []hwcheck.Claim[T]{{Value: parsed, Origin: hwcheck.Flag}}
	return nil
}

// checkOne prints the rule sheet of one image and one phone.
func checkOne(ctx context.Context, con *console, l *loader, name string, phone hwcheck.Phone, policy hwcheck.Policy) error {
	im := l.load(ctx, name)
	if !im.readable {
		return im.err
	}
	for _, warning := range im.warnings {
		con.note("warning", name, warning)
	}
	v := hwcheck.Check(im.facts, phone, policy)
	if err := con.print(newSheetDoc(im, phone, v), sheetText(con, im, phone, v)); err != nil {
		return err
	}
	if im.err != nil {
		return im.err
	}
	return verdictError(displayName(name), v)
}

// verdictError turns a verdict into the error that ends the command, or nil.
func verdictError(name string, v hwcheck.Verdict) error {
	outcome, c, words := hwcheck.Fail, codeRefused, name+" is not compatible"
	switch v.Answer {
	case hwcheck.Compatible:
		return nil
	case hwcheck.CannotTell:
		outcome, c, words = hwcheck.Unknown, codeUnknown, "whether "+name+" is compatible cannot be determined"
	case hwcheck.NotCompatible:
	}
	var rules string
	var hints []string
	for _, f := range v.Findings {
		if f.Outcome == outcome {
			rules += ", " + string(f.Rule)
			hints = append(hints, advice(f))
		}
	}
	return fail(c, fmt.Errorf("%s: %s", words, rules[2:]), hints...)
}
