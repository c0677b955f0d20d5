package option

import (
	"fmt"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// Phone describe one phone.
type Phone struct {
	Level, Part, Model, Kind, Running, Minimum string
}

func (o *Phone) addFlags(flags *pflag.FlagSet) {
	o.addSiteFlags(flags)
	flags.StringVar(&o.Part, "part-number", "", "the phone's part `NUMBER`, such as S30817-S7403-A101-15")
	flags.StringVar(&o.Running, "running", "", "the `VERSION` that the phone runs, such as \"V1 R4.9.0\"")
}

// addSiteFlags adds those that hold for many phones alike.
func (o *Phone) addSiteFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.Level, settings.KeyLevel, "", "the phone's hardware level, a `NUMBER` from 1")
	flags.StringVar(&o.Model, settings.KeyModel, "", "the phone's `MODEL`, such as CP600 or \"OpenScape Desk Phone CP600\"")
	flags.StringVar(&o.Kind, settings.KeyType, "", "the `TYPE` that the phone runs, such as \"Unify HFA\"")
	flags.StringVar(&o.Minimum, settings.KeyMinimum, "", "the lowest `VERSION` for the phone's hardware")
}

// Permits are what the person who asks permits.
type Permits struct {
	Override, typeChange, downgrade, Reinstall bool
	Reason                                     string
}

func (o *Permits) addFlags(flags *pflag.FlagSet) {
	flags.BoolVar(&o.Override, "override", false, "the manual's Override: lift hardware-level, minimum-version and stepping-stone")
	flags.StringVar(&o.Reason, "reason", "", "why --override is given: `TEXT` that is kept with the answer")
	flags.BoolVar(&o.typeChange, "allow-type-change", false, "lift software-type")
	flags.BoolVar(&o.downgrade, "allow-downgrade", false, "lift downgrade")
	flags.BoolVar(&o.Reinstall, "reinstall", false, "the version that the phone runs is no reason to do nothing")
}

// validate keeps a reason from going nowhere.
func (o *Permits) validate(command string) error {
	if o.Reason != "" && !o.Override {
		return exit.Usage(command, "--reason goes with --override")
	}
	return nil
}

// Policy adds the permissions to what the first rule demands.
func (o Permits) Policy(p hwcheck.Policy) hwcheck.Policy {
	p.Override, p.Reason = o.Override, o.Reason
	p.AllowTypeChange, p.AllowDowngrade, p.Reinstall = o.typeChange, o.downgrade, o.Reinstall
	return p
}

// Phone reads the flags that describe a phone.
func (o Phone) Phone(command string) (hwcheck.Phone, error) {
	var p hwcheck.Phone
	for _, err := range []error{
		flagClaim(&p.Level, "hw-level", o.Level, hwcheck.ParseLevel),
		flagClaim(&p.PartNumber, "part-number", o.Part, hwcheck.ParsePartNumber),
		flagClaim(&p.Device, "model", o.Model, asText),
		flagClaim(&p.SoftwareType, "software-type", o.Kind, asText),
		flagClaim(&p.Running, "running", o.Running, bind.ParseVersion),
		flagClaim(&p.Minimum, "minimum-version", o.Minimum, bind.ParseVersion),
	} {
		if err != nil {
			return p, exit.Usage(command, "%v", err)
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

// WithStored adds what is stored of a site's phones, where no flag says otherwise.
func WithStored(phone, stored hwcheck.Phone) hwcheck.Phone {
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
