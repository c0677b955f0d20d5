package fleet

import (
	"cmp"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/wbm"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// facts hold what a phone says of itself, and what is stated of it.
type facts struct {
	target  *Target
	version bind.Version          // of the image; zero without one
	kind    string                // the software type of the image
	cut     func(string) string   // bounds what a phone says
	claim   func(mac string) bool // reports whether no other phone of the plan has a MAC address

	before   Device // what it said first
	after    Device // what it said last
	byCall   Device // what it said when it called, before its page was read
	onPage   Device // what its page said first
	fromPage bool   // after is what its page says
}

// read takes over what a message says of the phone.
func (f *facts) read(m *wpi.PhoneMessage) {
	d := &f.after
	f.fromPage = false
	for name, field := range map[string]*string{
		wpi.ItemDeviceType: &d.Type, wpi.ItemSoftwareType: &d.SoftwareType, wpi.ItemSoftwareVersion: &d.Version,
		wpi.ItemPartNumber: &d.PartNumber, wpi.ItemMAC: &d.MAC,
	} {
		if value, ok := m.Value(name); ok {
			*field = f.word(value)
		}
	}
	d.MAC = mac(d.MAC)
}

// readPage takes over what the phone's page says of it, beside what it said when it called, which counts more.
func (f *facts) readPage(page wbm.Facts) {
	f.onPage = f.device(page)
	f.after = f.byCall.or(f.onPage)
}

// device returns what a page says of its phone.
func (f *facts) device(page wbm.Facts) Device {
	return Device{
		Type: f.word(page.Device), SoftwareType: f.word(page.SoftwareType), Version: f.word(page.Version), PartNumber: f.word(page.PartNumber),
		MAC: mac(f.word(page.MAC)),
	}
}

// word returns what a phone says as it is compared and shown: bounded, and with one space where there are several or other white
// space. Phones write more than one space in a version (observed: a public program removes them).
func (f *facts) word(said string) string { return f.cut(strings.Join(strings.Fields(said), " ")) }

// or fills in what a device leaves out.
func (d Device) or(other Device) Device {
	return Device{
		Type: cmp.Or(d.Type, other.Type), SoftwareType: cmp.Or(d.SoftwareType, other.SoftwareType), Version: cmp.Or(d.Version, other.Version),
		PartNumber: cmp.Or(d.PartNumber, other.PartNumber), MAC: cmp.Or(d.MAC, other.MAC),
	}
}

// missing names the items that a phone left out and that are needed.
func (f *facts) missing() []string {
	d := f.after
	var names []string
	for _, item := range []struct{ name, value string }{
		{wpi.ItemDeviceType, d.Type},
		{wpi.ItemSoftwareType, d.SoftwareType},
		{wpi.ItemSoftwareVersion, d.Version},
		{wpi.ItemPartNumber, d.PartNumber},
		{wpi.ItemMAC, d.MAC},
	} {
		if item.value == "" {
			names = append(names, item.name)
		}
	}
	return names
}

// rightPhone returns an error unless the phone is the one that is meant, and was met before.
func (f *facts) rightPhone() error {
	said := f.after.MAC
	want, whose := f.target.MAC, "which the phone list states"
	if met := f.before.MAC; met != "" {
		want, whose = met, "which it reported before"
	}
	switch {
	case want != "" && said == "":
		return failf(KindAnotherPhone, "it does not report its MAC address, so it may be another phone than %s", want)
	case want != "" && said != want:
		return failf(KindAnotherPhone, "another phone answers at this address: its MAC address is %s instead of %s, %s", said, want, whose)
	case !f.claim(said):
		return failf(KindDuplicate, "its MAC address, %s, belongs to another phone of the plan", said)
	}
	return nil
}

// rightPageSoFar returns an error if the page is known to be that of another phone, before it gets a password: it may still
// omit its MAC address.
func (f *facts) rightPageSoFar() error {
	if f.after.MAC == "" {
		return nil
	}
	return f.rightPage()
}

// rightPage returns an error unless the page is that of the phone that is meant.
func (f *facts) rightPage() error {
	if said := f.onPage.MAC; said != "" && f.byCall.MAC != "" && said != f.byCall.MAC {
		return failf(KindAnotherPhone, "its web page reports MAC address %s, but the phone that called back reports %s", said, f.byCall.MAC)
	}
	return f.rightPhone()
}

// claims joins what is stated of the phone with what it says.
func (f *facts) claims() hwcheck.Phone {
	k := f.target.Known
	k.Queried = true
	if f.byCall == (Device{}) {
		return withDevice(k, f.after, "")
	}
	return withDevice(withDevice(k, f.byCall, ""), f.onPage, "web page")
}

// withDevice adds what the phone says of itself, and where it does unless that is in a call.
func withDevice(k hwcheck.Phone, d Device, where string) hwcheck.Phone {
	k.Device = withClaim(k.Device, d.Type, where, d.Type != "")
	k.SoftwareType = withClaim(k.SoftwareType, d.SoftwareType, where, d.SoftwareType != "")
	running := d.running()
	k.Running = withClaim(k.Running, running, where, !running.IsZero())
	number, err := hwcheck.ParsePartNumber(d.PartNumber)
	k.PartNumber = withClaim(k.PartNumber, number, where, err == nil)
	return k
}

// withClaim adds what the phone says to what is stated. The target's own list stays as it is.
func withClaim[T any](stated []hwcheck.Claim[T], value T, where string, said bool) []hwcheck.Claim[T] {
	if !said {
		return stated
	}
	return append(stated[:len(stated):len(stated)], hwcheck.Claim[T]{Value: value, Origin: hwcheck.Reported, Where: where})
}

// runs reports whether a phone that says this of itself runs what the image holds.
func (f *facts) runs(d Device) bool {
	if !f.sameVersion(d) {
		return false
	}
	want, is := f.kind, f.softwareType(d)
	return want == "" || hwcheck.SameType(want, is) || is == "" && f.neverTyped()
}

// lacksType reports whether a phone that runs the image's version does not say whether it is of the image's type.
func (f *facts) lacksType(d Device) bool {
	return f.sameVersion(d) && d.SoftwareType == "" && !f.runs(d)
}

func (f *facts) sameVersion(d Device) bool {
	running := d.running()
	return !running.IsZero() && running == f.version
}

// neverTyped reports whether the phone says neither now nor before which type of software it runs: that phones with
// HFA leave it out is possible (assumed).
func (f *facts) neverTyped() bool { return f.before.SoftwareType == "" && f.after.SoftwareType == "" }

// softwareType returns the type that a phone says, or that is stated of one that never says any.
func (f *facts) softwareType(d Device) string {
	if stated := f.target.Known.SoftwareType; d.SoftwareType == "" && f.neverTyped() && len(stated) > 0 {
		return stated[0].Value
	}
	return d.SoftwareType
}

// ranBefore reports whether the phone may have run the image's version before it was instructed.
func (f *facts) ranBefore() bool {
	return f.before.running().IsZero() || f.runs(f.before) || f.lacksType(f.before)
}

// A change is how what a phone says of its software differs from what it said before.
type change int

const (
	unclear   change = iota // one of the words cannot be read, and they are not the same word
	unchanged               // it runs what it ran
	changed                 // it runs something else
)

// change compares what the phone says that it runs with what it said before, and returns that too. A word that cannot be
// read as a version says something only if it is the very word that came by the same way: the page has words of its own.
// Words behind a version are not ignored, since nobody knows what they say (assumed: pages have none).
func (f *facts) change() (c change, before string) {
	now := f.after.Version
	same, other := f.before.Version, ""
	if f.byCall != (Device{}) || f.onPage != (Device{}) {
		same, other = f.byCall.Version, f.onPage.Version
		if f.fromPage {
			same, other = other, same
		}
	}
	is := f.after.running()
	for _, before := range []string{same, other} {
		if was := (Device{Version: before}).running(); was != (bind.Version{}) && is != (bind.Version{}) {
			if was == is {
				return unchanged, before
			}
			return changed, before
		}
	}
	if same != "" && same == now {
		return unchanged, same
	}
	return unclear, bounded(cmp.Or(same, other, "nothing"))
}

// unreadable reports whether the phone says what it runs in words that are neither a version nor those that it said before.
func (f *facts) unreadable() bool {
	c, _ := f.change()
	return c == unclear && f.after.running().IsZero()
}
