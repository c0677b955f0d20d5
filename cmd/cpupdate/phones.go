package main

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// phonesOptions say which phones to use, and what is known about them beforehand.
type phonesOptions struct {
	phone  phoneOptions
	permit permitOptions
	list   string
}

func (o *phonesOptions) addFlags(flags *pflag.FlagSet) {
	defer group(flags, "Phones")()
	flags.StringVar(&o.list, "phones", "", "use the phones of the list in `FILE` (CSV): addresses, MACs, levels, overrides")
	o.phone.addFlags(flags)
}

// validate rejects flags that cannot be used together.
func (o *phonesOptions) validate(command string, addresses []string) error {
	if err := o.permit.validate(command); err != nil {
		return err
	}
	several := o.list != "" || len(addresses) > 1
	switch {
	case o.list != "" && o.phone != (phoneOptions{}):
		return usage(command, "--phones cannot be used with flags that describe one phone")
	case several && o.permit.override:
		return failf(codeUsage, "write yes in the list's column override, and the reason in the column reason",
			"--override is for one phone: with several, use the column override of a list")
	case several && (o.phone.part != "" || o.phone.running != ""):
		return usage(command, "--part-number and --running are for one phone: with several, use the columns of a list (--phones)")
	}
	return nil
}

// targets returns the named phones, or all phones of the list.
func (o *phonesOptions) targets(command string, addresses []string, stored hwcheck.Phone) ([]fleet.Target, error) {
	stated, err := o.phone.phone(command)
	if err != nil {
		return nil, err
	}
	listed, err := o.listed()
	if err != nil {
		return nil, err
	}
	var out []fleet.Target
	if len(addresses) == 0 {
		for _, p := range listed {
			if p.Address == "" {
				return nil, failf(codeSettings, "add the column address to the list: HOST or HOST:PORT", "phone list %s: line %d has no address", o.list, p.Line)
			}
			out = append(out, listedTarget(p, stored))
		}
		return out, nil
	}
	seen := map[string]string{}
	for _, address := range addresses {
		key, err := hwcheck.ContactAddress(address)
		if err != nil {
			return nil, badAddress(command, address, err)
		}
		if first, twice := seen[key]; twice {
			return nil, usage(command, "%s and %s are the same phone", first, address)
		}
		seen[key] = address
		if o.list == "" {
			out = append(out, fleet.Target{Address: address, Known: withStored(stated, stored), Override: o.permit.override, Reason: o.permit.reason})
			continue
		}
		i := slices.IndexFunc(listed, func(p hwcheck.ListedPhone) bool { return sameAddress(p.Address, key) })
		if i < 0 {
			return nil, failf(codeUsage, "add it to the list, or omit --phones", "%s is not in the phone list %s", address, o.list)
		}
		out = append(out, listedTarget(listed[i], stored))
	}
	return out, nil
}

// badAddress returns the usage error for an invalid address. It does not show an argument that may contain a password.
func badAddress(command, address string, err error) error {
	if strings.Contains(address, "@") {
		return usage(command, "the argument with an @ is not HOST, HOST:PORT or [IPv6]:PORT")
	}
	return usage(command, "PHONE: %v", err)
}

func (o *phonesOptions) listed() ([]hwcheck.ListedPhone, error) {
	if o.list == "" {
		return nil, nil
	}
	listed, err := readPhoneList(o.list)
	if err == nil && len(listed) == 0 {
		err = failf(codeSettings, "add a line for each phone", "phone list %s: contains no phones", o.list)
	}
	return listed, err
}

func sameAddress(address, key string) bool {
	other, err := hwcheck.ContactAddress(address)
	return err == nil && other == key
}

func listedTarget(p hwcheck.ListedPhone, stored hwcheck.Phone) fleet.Target {
	return fleet.Target{Address: p.Address, MAC: p.MAC, Known: withStored(p.Phone, stored), Override: p.Override, Reason: p.Reason}
}
