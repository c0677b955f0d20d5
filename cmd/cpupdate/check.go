package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

type checkOptions struct {
	image    imageOptions
	phone    phoneOptions
	permit   permitOptions
	phones   string
	hardware string
}

// phoneOptions describe one phone.
type phoneOptions struct {
	level, part, model, kind, running, minimum string
}

func (o *phoneOptions) addFlags(flags *pflag.FlagSet) {
	o.addSiteFlags(flags)
	flags.StringVar(&o.part, "part-number", "", "the phone's part `NUMBER`, such as S30817-S7403-A101-15")
	flags.StringVar(&o.running, "running", "", "the `VERSION` that the phone runs, such as \"V1 R4.9.0\"")
}

// addSiteFlags adds those that hold for many phones alike.
func (o *phoneOptions) addSiteFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.level, settingLevel, "", "the phone's hardware level, a `NUMBER` from 1")
	flags.StringVar(&o.model, settingModel, "", "the phone's `MODEL`, such as CP600 or \"OpenScape Desk Phone CP600\"")
	flags.StringVar(&o.kind, settingType, "", "the `TYPE` that the phone runs, such as \"Unify HFA\"")
	flags.StringVar(&o.minimum, settingMinimum, "", "the lowest `VERSION` for the phone's hardware")
}

// permitOptions are what the person who asks permits.
type permitOptions struct {
	override, typeChange, downgrade, reinstall bool
	reason                                     string
}

func (o *permitOptions) addFlags(flags *pflag.FlagSet) {
	flags.BoolVar(&o.override, "override", false, "the manual's Override: lift hardware-level, minimum-version and stepping-stone")
	flags.StringVar(&o.reason, "reason", "", "why --override is given: `TEXT` that is kept with the answer")
	flags.BoolVar(&o.typeChange, "allow-type-change", false, "lift software-type")
	flags.BoolVar(&o.downgrade, "allow-downgrade", false, "lift downgrade")
	flags.BoolVar(&o.reinstall, "reinstall", false, "the version that the phone runs is no reason to do nothing")
}

func newCheck(a *app) *cobra.Command {
	var o checkOptions
	cmd := &cobra.Command{
		Use:   "check IMAGE",
		Short: "Tell whether a phone will take an image, and why",
		Long: `Apply the phone's own rule before any byte moves: the rule sheet says for each
rule what the image asks, what is known of the phone, and what would make it
pass. There are three answers: compatible (exit code 0), not compatible (4) and
unknown (5). A damaged image is exit code 3, whatever else the rules say.

Describe one phone with flags, or many in a list: --phones FILE, a CSV file with
a header line. Its columns, any of them in any order: address, mac, model,
part_number, hw_level, software_type, running, minimum_version, override
(yes or no), reason, note.

With a list, or with a folder as IMAGE, the answer is the fit matrix: which
phone takes which image, and for a phone that fits none, why. It ends with exit
code 0 if every phone has an image that fits, else with 10.

Which part number means which level is looked up in the hardware table:
--hardware FILE, and hardware.toml in the settings folder.`,
		Example: `  cpupdate check cp600.bind --hw-level 3
  cpupdate check os40.img --part-number S30817-S7402-A101-20 --software-type "Siemens SIP" --running "V3 R1.41.1"
  cpupdate check images/ --phones phones.csv`,
		Args: oneImage,
		RunE: func(cmd *cobra.Command, args []string) error { return check(cmd.Context(), a, o, args[0]) },
	}
	flags := cmd.Flags()
	o.phone.addFlags(flags)
	o.permit.addFlags(flags)
	flags.StringVar(&o.phones, "phones", "", "a phone list in `FILE` (CSV)")
	flags.StringVar(&o.hardware, "hardware", "", "a hardware table in `FILE` (TOML)")
	o.image.addFlags(flags)
	return cmd
}

// oneImage says what a second argument will be one day: an address would be taken for an image otherwise.
func oneImage(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return failf(codeUsage, "describe the phone with flags such as --hw-level, or in a list with --phones",
			"%s: this version cannot ask phones over the network, and check takes one image or one folder", shownArgument(args[1]))
	}
	return cobra.ExactArgs(1)(cmd, args)
}

func check(ctx context.Context, a *app, o checkOptions, name string) error {
	if err := o.validate(name); err != nil {
		return err
	}
	phone, err := o.phone.phone("check")
	if err != nil {
		return err
	}
	table, err := a.hardwareTable(o.hardware)
	if err != nil {
		return err
	}
	l, err := newLoader(a, o.image)
	if err != nil {
		return err
	}
	all, err := targets([]string{name})
	if err != nil {
		return err
	}
	policy := o.permit.policy(l.policy)
	if o.phones == "" && !isFolder(all) {
		return checkOne(ctx, a, l, name, table.Complete(phone), policy)
	}
	phones := []hwcheck.ListedPhone{{Phone: phone, Override: o.permit.override, Reason: o.permit.reason}}
	if o.phones != "" {
		if phones, err = readPhoneList(o.phones); err != nil {
			return err
		}
	}
	if err := table.CompleteAll(ctx, phones); err != nil {
		return err
	}
	return checkMany(ctx, a, l, all, phones, policy)
}

func isFolder(all []target) bool { return len(all) != 1 || all[0].inFolder }

// validate keeps apart what cannot be meant together.
func (o *checkOptions) validate(image string) error {
	if image == "-" && o.image.headerOnly {
		return usage("check", "--header-only needs a file: of standard input, neither its length nor a trailer would be seen")
	}
	if err := o.permit.validate("check"); err != nil {
		return err
	}
	if o.phones == "" {
		return nil
	}
	if o.phone != (phoneOptions{}) {
		return usage("check", "--phones lists the phones: flags that describe one phone do not go with it")
	}
	if o.permit.override {
		return failf(codeUsage, "write yes into the list's column override, and why into reason",
			"--override speaks for one phone: it does not go with --phones")
	}
	return nil
}

// validate keeps a reason from going nowhere.
func (o *permitOptions) validate(command string) error {
	if o.reason != "" && !o.override {
		return usage(command, "--reason goes with --override")
	}
	return nil
}

// policy adds the permissions to what the first rule demands.
func (o permitOptions) policy(p hwcheck.Policy) hwcheck.Policy {
	p.Override, p.Reason = o.override, o.reason
	p.AllowTypeChange, p.AllowDowngrade, p.Reinstall = o.typeChange, o.downgrade, o.reinstall
	return p
}

// phone reads the flags that describe a phone.
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

// flagClaim reads a flag's value as a claim; an empty value states nothing.
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
func checkOne(ctx context.Context, a *app, l *loader, name string, phone hwcheck.Phone, policy hwcheck.Policy) error {
	im := l.load(ctx, name)
	if !im.readable {
		return im.err
	}
	for _, warning := range im.warnings {
		a.note("warning", name, warning)
	}
	v := hwcheck.Check(im.facts, phone, policy)
	if err := a.print(newSheetDoc(im, phone, v), sheetText(a, im, phone, v)); err != nil {
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
		outcome, c, words = hwcheck.Unknown, codeUnknown, "whether "+name+" is compatible cannot be told"
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
