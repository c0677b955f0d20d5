package option

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// Phones say which phones to use, and what is known about them beforehand.
type Phones struct {
	Phone  Phone
	Permit Permits
	List   string
	Sites  bool // the phones of the list are not all reached from here: two sites may have the same address

	Columns hwcheck.Columns // of the list, if their names are not those of the values
}

// AddFlags declares the flags.
func (o *Phones) AddFlags(flags *pflag.FlagSet) {
	defer console.Group(flags, "Phones")()
	AddList(flags, &o.List, &o.Columns, "use the phones of the list in `FILE` (CSV): addresses, MACs, levels, overrides")
	o.Phone.addFlags(flags)
}

// AddList declares the flags of a phone list.
func AddList(flags *pflag.FlagSet, list *string, columns *hwcheck.Columns, usage string) {
	flags.StringVar(list, "phones", "", usage)
	flags.Var((*columnsValue)(columns), "columns", "which column of the list has which value, for a list of another program: `NAMES` such as address=IP,mac=\"MAC Address\"")
}

// A columnsValue is the value of --columns.
type columnsValue hwcheck.Columns

func (v *columnsValue) String() string { return hwcheck.Columns(*v).String() }

// Type returns the type of the value, for errors.
func (v *columnsValue) Type() string { return "columns" }

// Set reads the value. A flag that is given several times is read as one; the shell completion sets each of them twice.
func (v *columnsValue) Set(text string) error {
	columns, err := hwcheck.ParseColumns(text)
	all := hwcheck.Columns(*v)
	for _, one := range columns {
		if !slices.Contains(all, one) {
			all = append(all, one)
		}
	}
	if err == nil {
		_, err = hwcheck.ParseColumns(all.String())
	}
	if err == nil {
		*v = columnsValue(all)
	}
	return err //nolint:wrapcheck // the caller names the flag
}

// Validate rejects flags that cannot be used together.
func (o *Phones) Validate(command string, addresses []string) error {
	if err := o.Permit.validate(command); err != nil {
		return err
	}
	several := o.List != "" || len(addresses) > 1
	switch {
	case o.List != "" && o.Phone != (Phone{}):
		return exit.Usage(command, "--phones cannot be used with flags that describe one phone")
	case several && o.Permit.Override:
		return exit.Errorf(exit.CodeUsage, "write yes in the list's column override, and the reason in the column reason",
			"--override is for one phone: with several, use the column override of a list")
	case several && (o.Phone.Part != "" || o.Phone.Running != ""):
		return exit.Usage(command, "--part-number and --running are for one phone: with several, use the columns of a list (--phones)")
	}
	return nil
}

// Targets returns the named phones, or all phones of the list.
func (o *Phones) Targets(ctx context.Context, command string, addresses []string, stored hwcheck.Phone) ([]fleet.Target, error) {
	stated, err := o.Phone.Phone(command)
	if err != nil {
		return nil, err
	}
	listed, err := o.listed(ctx)
	if err != nil {
		return nil, err
	}
	var out []fleet.Target
	if len(addresses) == 0 {
		for _, p := range listed {
			if p.Address == "" {
				return nil, exit.Errorf(exit.CodeSettings, "add the column address to the list: HOST or HOST:PORT", "phone list %s: line %d has no address", o.List, p.Line)
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
			return nil, exit.Usage(command, "%s and %s are the same phone", first, address)
		}
		seen[key] = address
		if o.List == "" {
			out = append(out, fleet.Target{Address: address, Known: WithStored(stated, stored), Override: o.Permit.Override, Reason: o.Permit.Reason})
			continue
		}
		i := slices.IndexFunc(listed, func(p hwcheck.ListedPhone) bool { return sameAddress(p.Address, key) })
		if i < 0 {
			return nil, exit.Errorf(exit.CodeUsage, "add it to the list, or omit --phones", "%s is not in the phone list %s", address, o.List)
		}
		out = append(out, listedTarget(listed[i], stored))
	}
	return out, nil
}

// badAddress returns the usage error for an invalid address. It does not show an argument that may contain a password.
func badAddress(command, address string, err error) error {
	if strings.Contains(address, "@") {
		return exit.Usage(command, "the argument with an @ is not HOST, HOST:PORT or [IPv6]:PORT")
	}
	return exit.Usage(command, "PHONE: %w", err)
}

func (o *Phones) listed(ctx context.Context) ([]hwcheck.ListedPhone, error) {
	if o.List == "" {
		return nil, nil
	}
	listed, err := settings.ReadPhoneList(ctx, o.List, o.Columns...)
	if err == nil && len(listed) == 0 {
		err = exit.Errorf(exit.CodeSettings, "add a line for each phone", "phone list %s: contains no phones", o.List)
	}
	if err == nil && !o.Sites {
		err = o.checkSites(listed)
	}
	return listed, err
}

// checkSites refuses a list in which two sites have the same address: from one machine, that is one phone.
func (o *Phones) checkSites(listed []hwcheck.ListedPhone) error {
	seen := map[string]int{}
	for _, p := range listed {
		contact, err := hwcheck.ContactAddress(p.Address)
		if err != nil {
			continue // it has none
		}
		if first, twice := seen[contact]; twice {
			return exit.Errorf(exit.CodeSettings, "use a list for each site", "phone list %s: line %d has the address of line %d, at another site", o.List, p.Line, first)
		}
		seen[contact] = p.Line
	}
	return nil
}

func sameAddress(address, key string) bool {
	other, err := hwcheck.ContactAddress(address)
	return err == nil && other == key
}

func listedTarget(p hwcheck.ListedPhone, stored hwcheck.Phone) fleet.Target {
	t := fleet.Target{Address: p.Address, MAC: p.MAC, Known: WithStored(p.Phone, stored), Override: p.Override, Reason: p.Reason, Site: p.Site}
	if !settings.IsSimulated(p.Note) {
		t.Note = p.Note
	}
	return t
}
