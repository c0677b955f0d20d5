package phonesim

import (
	"net"
	"slices"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// CanaryPassword is the user's password that a phone with the fault user-pwd sends: it must turn up nowhere.
const CanaryPassword = "User-Canary-41ce"

// basicItems returns the items of each first message, in the order that was observed.
func (c *conversation) basicItems() []wpi.Item {
	p, t := c.r.p, &c.r.p.traits
	items := c.identity()
	version := wpi.Item{Name: wpi.ItemSoftwareVersion, Value: c.version()}
	if !t.noVersion && !t.neverVersion {
		related := version
		related.Name = "related-software-version"
		items = append(items, version, related)
	}
	if !t.noURI {
		items = append(items, wpi.Item{Name: wpi.ItemContactURI, Value: c.contactURI()})
	}
	items = append(items, wpi.Item{Name: wpi.ItemMAC, Value: p.State().MAC})
	if p.c.PartNumber != "" {
		items = append(items, wpi.Item{Name: wpi.ItemPartNumber, Value: p.c.PartNumber})
	}
	items = append(items, wpi.Item{Name: "configuration-changed-flag", Value: "false"})
	number := p.storedOr("e164", p.c.E164)
	for _, i := range []wpi.Item{{Name: "e164", Value: number}, {Name: "basic-e164", Value: p.storedOr("basic-e164", number)}} {
		if i.Value != "" {
			items = append(items, i)
		}
	}
	if t.userPassword {
		items = append(items, wpi.Item{Name: "user-pwd", Value: CanaryPassword})
	}
	return c.applyFaults(items)
}

// version returns the phone's version as it writes it. That phones write several blanks in it was observed.
func (c *conversation) version() string {
	version := c.r.p.State().Version.String()
	if c.r.p.traits.manyBlanks {
		version = strings.Replace(version, " ", "  \t ", 1)
	}
	return version
}

// identity returns the items that say what the phone is.
func (c *conversation) identity() []wpi.Item {
	device := c.r.p.c.DeviceType
	if c.r.p.traits.hostile {
		device = hostileText(device)
	}
	software := c.r.p.State().SoftwareType
	items := []wpi.Item{
		{Name: wpi.ItemDeviceType, Value: device},
		{Name: "related-device-type", Value: device},
		{Name: "gigabit-ethernet-enabled", Value: "true"},
	}
	if software != "" {
		items = append(items, wpi.Item{Name: wpi.ItemSoftwareType, Value: software}, wpi.Item{Name: "related-software-type", Value: software})
	}
	return items
}

// hostileText returns control sequences for terminals, and more text than anybody wants to read. XML has no ESC: CSI is the
// same in one character.
func hostileText(device string) string {
	return device + " \u009b2J\u009b31m\u202eevil\r\nphone: verified\u0085" + strings.Repeat("x", 60_000)
}

// applyFaults adds the statuses and the filling that faults want.
func (c *conversation) applyFaults(items []wpi.Item) []wpi.Item {
	t := &c.r.p.traits
	if t.failedItems {
		failing := []string{"gigabit-ethernet-enabled", wpi.ItemPartNumber, "e164"}
		for i := range items {
			if slices.Contains(failing, items[i].Name) {
				items[i].Status, items[i].Value = wpi.Failed, ""
			}
		}
		items = append(items, wpi.Item{Name: "user-pwd-unicode", Status: wpi.Failed}, wpi.Item{Name: "blf-modules", Status: wpi.Failed})
	}
	if t.huge {
		items = append(items, wpi.Item{Name: "slog-archive-me", Value: strings.Repeat("huge ", wpi.MaxMessage/5)})
	}
	return items
}

// contactURI returns where the phone takes contact requests, as it sees itself.
func (c *conversation) contactURI() string {
	address := c.r.p.Address()
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) && c.conn != nil {
		if own, _, err := net.SplitHostPort(c.conn.LocalAddr().String()); err == nil {
			address = net.JoinHostPort(own, port)
		}
	}
	return "http://" + address + contactPath
}

// storedOr returns the value of an item that was written, else another.
func (p *Phone) storedOr(name, otherwise string) string {
	if value, ok := p.stored.value(name); ok {
		return value
	}
	return otherwise
}

// allItems returns all items that can be read.
func (c *conversation) allItems() []wpi.Item {
	p := c.r.p
	items := c.basicItems()
	if p.traits.noVersion {
		items = append(items, wpi.Item{Name: wpi.ItemSoftwareVersion, Value: c.version()})
	}
	has := func(name string) bool {
		return slices.ContainsFunc(items, func(i wpi.Item) bool { return i.Name == name })
	}
	stored := slices.DeleteFunc(p.stored.all(), func(i wpi.Item) bool { return has(i.Name) }) // they hold it already
	items = append(items, stored...)
	for _, name := range usualItems() {
		if !has(name) {
			items = append(items, wpi.Item{Name: name})
		}
	}
	return items
}

// readItems answers with the items that were asked for (the guide, p. 45). Who asks for a name without an index gets all
// items of that name (assumed).
func (c *conversation) readItems(requested []wpi.Item) []wpi.Item {
	all := c.allItems()
	var items []wpi.Item
	for _, i := range requested {
		status, found := c.missing(i.Name), false
		for _, known := range all {
			switch {
			case known.Name != i.Name:
			case i.Index == "" || i.Index == known.Index:
				items, found = append(items, known), true
			default:
				status = "invalid index"
			}
		}
		if !found {
			items = append(items, wpi.Item{Name: i.Name, Index: i.Index, Status: status})
		}
	}
	return items
}

// missing returns the status of an item that cannot be read.
func (c *conversation) missing(name string) string {
	switch name {
	case wpi.ItemSoftwareVersion, wpi.ItemPartNumber, wpi.ItemContactURI, "e164", "basic-e164":
		return wpi.Failed
	}
	return "unknown item"
}

// usualItems returns the items of which a phone has one each, and which are empty until they are written; there are hundreds
// more in a real phone.
func usualItems() []string {
	return []string{"e164", "basic-e164", "display-id", "dls-addr", "ntp-addr"}
}

// write takes what is written, and answers with the items that it could not take alone (the guide, pp. 60, 78).
func (c *conversation) write(items []wpi.Item) *wpi.PhoneMessage {
	p := c.r.p
	if c.r.inCall() {
		p.report(Event{Kind: Busy, Detail: wpi.ActionWriteItems})
		return c.reply(wpi.ActionWriteItems, wpi.Busy)
	}
	var written, problems []wpi.Item
	var refused []string
	for _, i := range items {
		i.Status = "" // the vendor's service marks items as secure (observed); what that means is not known
		status := c.writeItem(i)
		if status == "" {
			written = append(written, i)
			continue
		}
		problems = append(problems, wpi.Item{Name: i.Name, Index: i.Index, Status: status})
		refused = append(refused, itemName(i)+" ("+status+")")
	}
	if len(written) > 0 {
		p.report(Event{Kind: Written, Detail: itemNames(written)})
	}
	if len(refused) > 0 {
		p.report(Event{Kind: NotWritten, Detail: strings.Join(refused, ", ")})
	}
	return c.reply(wpi.ActionWriteItems, wpi.Accepted, problems...)
}

// writeItem stores an item, or returns the status of one that it does not take; what the guide says of them is on p. 26. Any
// item can be written but those that say what the phone is: which ones real phones have is not published as a whole.
func (c *conversation) writeItem(i wpi.Item) string {
	usual := slices.Contains(usualItems(), i.Name)
	known := slices.ContainsFunc(c.basicItems(), func(k wpi.Item) bool { return k.Name == i.Name }) || c.missing(i.Name) == wpi.Failed
	switch {
	case strings.HasPrefix(i.Name, "file-"):
		return "unexpected item"
	case !usual && known, strings.HasPrefix(i.Name, "related-"):
		return "read only"
	case !isItemName(i.Name):
		return "unknown item"
	case usual && i.Index != "", strings.Trim(i.Index, "0123456789") != "", len(i.Index) > 5:
		return "invalid index"
	case i.Value == "":
		return "missing item content"
	case strings.HasSuffix(i.Name, "e164") && strings.Trim(i.Value, "+0123456789") != "":
		return "invalid data"
	case !c.r.p.stored.set(i):
		return wpi.Failed
	}
	return ""
}

func itemNames(items []wpi.Item) string {
	var names []string
	for _, i := range items {
		names = append(names, itemName(i))
	}
	return strings.Join(names, " ")
}

// itemName returns the name of an item, with its index if it has one.
func itemName(i wpi.Item) string {
	if i.Index == "" {
		return i.Name
	}
	return i.Name + "#" + i.Index
}
