package option

import (
	"fmt"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// Phone describe one phone.
type Phone struct {
	Level, Part, Model, Kind, Running, Minimum string
}

func (o *Phone) addFlags(flags *pflag.FlagSet) {
	defer console.Group(flags, "Phones")()
	o.addSiteFlags(flags)
	flags.StringVar(&o.Part, "part-number", "", "the phone's part `NUMBER`, such as S30817-S7403-A101-15")
	flags.StringVar(&o.Running, "running", "", "the software `VERSION` that the phone runs, such as \"V1 R4.9.0\"")
}

// addSiteFlags adds the flags that can describe many phones together.
func (o *Phone) addSiteFlags(flags *pflag.FlagSet) {
	defer console.Group(flags, "Phones")()
	flags.StringVar(&o.Level, settings.KeyLevel, "", "the phone's hardware level, a `NUMBER` from 1")
	flags.StringVar(&o.Model, settings.KeyModel, "", "the phone's `MODEL`, such as CP600 or \"OpenScape Desk Phone CP600\"")
	flags.StringVar(&o.Kind, settings.KeyType, "", "the software `TYPE` that the phone runs, such as \"Unify HFA\"")
	flags.StringVar(&o.Minimum, settings.KeyMinimum, "", "the lowest software `VERSION` for the phone's hardware")
}

// Permits say which rules the user overrides.
type Permits struct {
	Override, typeChange, downgrade, Reinstall bool
	Reason                                     string
}

// AddFlags adds the flags that override rules.
func (o *Permits) AddFlags(flags *pflag.FlagSet) {
	defer console.Group(flags, "Overrides")()
	flags.BoolVar(&o.Override, "override", false, "override the rules hardware-level, minimum-version and stepping-stone (Override in the manual)")
	flags.StringVar(&o.Reason, "reason", "", "the reason for --override: `TEXT` that is shown in the answer")
	flags.BoolVar(&o.typeChange, "allow-type-change", false, "override the rule software-type")
	flags.BoolVar(&o.downgrade, "allow-downgrade", false, "override the rule downgrade")
	flags.BoolVar(&o.Reinstall, "reinstall", false, "install even if the phone already runs this version")
}

// validate rejects a reason without an override.
func (o *Permits) validate(command string) error {
	if o.Reason != "" && !o.Override {
		return exit.Usage(command, "--reason needs --override")
	}
	return nil
}

// OfAll returns the permits that are for all phones of a rollout. An override is for one phone: the list has it.
func (o Permits) OfAll() rollout.Permits {
	return rollout.Permits{TypeChange: o.typeChange, Downgrade: o.downgrade, Reinstall: o.Reinstall}
}

// Policy adds the overrides to the policy for signatures.
func (o Permits) Policy(p hwcheck.Policy) hwcheck.Policy {
	p.Override, p.Reason = o.Override, o.Reason
	p.AllowTypeChange, p.AllowDowngrade, p.Reinstall = o.typeChange, o.downgrade, o.Reinstall
	return p
}

// Phone parses the flags that describe a phone.
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

// WithStored adds the stored values of a site's phones for which there is no flag.
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
