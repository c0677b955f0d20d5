package main

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// phonesOptions say which phones, and what is known of them beforehand.
type phonesOptions struct {
	phone  phoneOptions
	permit permitOptions
	list   string
}

func (o *phonesOptions) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.list, "phones", "", "a phone list in `FILE` (CSV): addresses, MACs, levels, overrides")
	o.phone.addFlags(flags)
	o.permit.addFlags(flags)
}

// validate keeps apart what cannot be meant together; several says that there may be more than one phone.
func (o *phonesOptions) validate(command string, addresses []string) error {
	if err := o.permit.validate(command); err != nil {
		return err
	}
	several := o.list != "" || len(addresses) > 1
	switch {
	case o.list != "" && o.phone != (phoneOptions{}):
		return usage(command, "--phones lists the phones: flags that describe one phone do not go with it")
	case several && o.permit.override:
		return failf(codeUsage, "write yes into the list's column override, and why into reason",
			"--override speaks for one phone: with several it is a column of the list")
	case several && (o.phone.part != "" || o.phone.running != ""):
		return usage(command, "--part-number and --running speak for one phone: with several they are columns of a list (--phones)")
	}
	return nil
}

// targets are the phones that are named, or all of the list that have an address.
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
				return nil, failf(codeSettings, "add a column address to the list: HOST or HOST:PORT", "phone list %s: line %d has no address to reach the phone", o.list, p.Line)
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
			return nil, usage(command, "%s and %s are one phone", first, address)
		}
		seen[key] = address
		if o.list == "" {
			out = append(out, fleet.Target{Address: address, Known: withStored(stated, stored), Override: o.permit.override, Reason: o.permit.reason})
			continue
		}
		i := slices.IndexFunc(listed, func(p hwcheck.ListedPhone) bool { return sameAddress(p.Address, key) })
		if i < 0 {
			return nil, failf(codeUsage, "add it to the list, or leave the list out", "%s is not in the phone list %s", address, o.list)
		}
		out = append(out, listedTarget(listed[i], stored))
	}
	return out, nil
}

// badAddress is an argument that is no phone. What may hold a password is not shown.
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
		err = failf(codeSettings, "add a line for each phone", "phone list %s: it has no phones", o.list)
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
