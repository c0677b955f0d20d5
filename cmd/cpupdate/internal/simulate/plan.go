package simulate

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"strconv"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/atomicfile"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// plan returns the description of each phone.
func (o *Options) plan(ctx context.Context, con *console.Console) ([]simulated, error) {
	if err := o.wait.validate(); err != nil {
		return nil, err
	}
	known, level, err := o.stated()
	if err != nil {
		return nil, err
	}
	listed, err := o.listed(ctx)
	if err != nil {
		return nil, err
	}
	listen, secure, web, err := o.Place.ranges(len(listed))
	if err != nil {
		return nil, err
	}
	pool, certificate, err := o.trust.read(ctx)
	if err != nil {
		return nil, err
	}
	password, err := o.pagePassword(ctx, con)
	if err != nil {
		return nil, err
	}
	defaults, err := o.defaults.read(ctx, con, o.Place.Web)
	if err != nil {
		return nil, err
	}
	plan := make([]simulated, len(listed))
	for i, l := range listed {
		c := phonesim.Config{
			Listen: listen.at(i), ListenSecure: secure.at(i), Web: web.at(i), Password: password, Service: o.Place.service,
			PartNumber: o.phone.Part, E164: countDigits(o.number, i), Level: level, Override: o.override || l.Override,
			CallDelay: o.wait.call, InstallTime: o.wait.install, RestartTime: o.wait.restart,
			ContactGap: o.wait.gap, CallLength: o.wait.callLength, Timeout: o.wait.timeout,
			Authorities: pool, Certificate: certificate, Defaults: defaults,
		}
		if l.Address != "" && !o.Place.ListenGiven {
			if c.Listen, err = hwcheck.ContactAddress(l.Address); err != nil {
				return nil, err
			}
		}
		if home, err := o.Place.homePage(c.Listen); err != nil {
			return nil, err
		} else if home != "" {
			c.Web = home
		}
		l.Phone = filled(l.Phone, known)
		describePhone(&c, l.Phone)
		plan[i] = simulated{c, l}
	}
	if err := o.nameMACs(plan); err != nil {
		return nil, err
	}
	return plan, o.addFaults(plan)
}

// pagePassword returns the password of the web pages, "" for that of a new phone.
func (o *Options) pagePassword(ctx context.Context, con *console.Console) (string, error) {
	if !o.Password.Given() {
		return "", nil
	}
	password, _, err := o.Password.FromFlags(ctx, con)
	return password.Reveal(), err
}

// listed returns the phones of --phones, or --count phones about which nothing is known.
func (o *Options) listed(ctx context.Context) ([]hwcheck.ListedPhone, error) {
	if o.List == "" {
		if o.count < 1 || o.count > maxSimulated {
			return nil, exit.Usage("simulate", "--count must be from 1 to %d", maxSimulated)
		}
		return make([]hwcheck.ListedPhone, o.count), nil
	}
	if atomicfile.SameFile(o.List, o.output) {
		return nil, exit.Usage("simulate", "%s is the list that is read: write to another file with --output", o.output)
	}
	listed, err := settings.ReadPhoneList(ctx, o.List, o.columns...)
	if err != nil {
		return nil, err
	}
	if len(listed) > maxSimulated {
		return nil, exit.Errorf(exit.CodeSettings, "remove some phones from the list", "phone list %s: has %d phones, but at most %d can be simulated", o.List, len(listed), maxSimulated)
	}
	for _, l := range listed {
		if len(l.Phone.Device) == 0 {
			continue
		}
		claim := &l.Phone.Device[0]
		if claim.Value, err = deviceType(claim.Value); err != nil {
			return nil, exit.New(exit.CodeSettings, fmt.Errorf("phone list %s: line %d: model %w", o.List, l.Line, err),
				"write the model as CP600, or the whole device type")
		}
	}
	return listed, nil
}

// filled returns what a list says about a phone, completed by the flags.
func filled(p, flags hwcheck.Phone) hwcheck.Phone {
	p.Device = orElse(p.Device, flags.Device)
	p.PartNumber = orElse(p.PartNumber, flags.PartNumber)
	p.Level = orElse(p.Level, flags.Level)
	p.SoftwareType = orElse(p.SoftwareType, flags.SoftwareType)
	p.Running = orElse(p.Running, flags.Running)
	p.Minimum = orElse(p.Minimum, flags.Minimum)
	return p
}

func orElse[T any](claims, otherwise []hwcheck.Claim[T]) []hwcheck.Claim[T] {
	if len(claims) > 0 {
		return claims
	}
	return otherwise
}

// describePhone copies the claims about a phone to its configuration.
func describePhone(c *phonesim.Config, p hwcheck.Phone) {
	c.DeviceType, c.SoftwareType = p.Device[0].Value, p.SoftwareType[0].Value
	c.Version = p.Running[0].Value
	if len(p.PartNumber) > 0 {
		c.PartNumber = p.PartNumber[0].Value.String()
	}
	if len(p.Level) > 0 {
		c.Level = p.Level[0].Value
	}
	if len(p.Minimum) > 0 {
		c.Minimum = p.Minimum[0].Value
	}
}

// nameMACs sets the MAC address of each phone: the list's, or the next one from --mac on that no other phone has.
func (o *Options) nameMACs(plan []simulated) error {
	first, err := hwcheck.ParseMAC(o.mac)
	if err != nil {
		return exit.Usage("simulate", "--mac: %v", err)
	}
	taken := map[string]bool{}
	for _, s := range plan {
		taken[s.listed.MAC] = true
	}
	next := macNumber(first)
	for i := range plan {
		s := &plan[i]
		for ; s.listed.MAC == ""; next++ {
			if next >= 1<<48 {
				return exit.Usage("simulate", "--mac %s: there are not enough addresses from there on for %d phones", o.mac, len(plan))
			}
			if mac := macText(next); !taken[mac] {
				s.listed.MAC = mac
			}
		}
		s.config.MAC = s.listed.MAC
	}
	return nil
}

// macNumber returns the number of an address that ParseMAC has checked.
func macNumber(mac string) uint64 {
	hardware, _ := net.ParseMAC(mac)
	return binary.BigEndian.Uint64(append([]byte{0, 0}, hardware...))
}

func macText(n uint64) string {
	mac, _ := hwcheck.ParseMAC(fmt.Sprintf("%012x", n)) // twelve digits are valid
	return mac
}

// countDigits returns the number that is i after the first, with the same number of digits.
func countDigits(first string, i int) string {
	n, err := strconv.ParseUint(first, 10, 64)
	if err != nil {
		return first
	}
	return fmt.Sprintf("%0*d", len(first), n+uint64(i))
}

// shownVersion returns a version as text, "" for none.
func shownVersion(v bind.Version) string {
	if v.IsZero() {
		return ""
	}
	return v.String()
}
