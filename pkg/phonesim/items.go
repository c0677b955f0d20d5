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
	version := wpi.Item{Name: wpi.ItemSoftwareVersion, Value: p.State().Version.String()}
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
	if number := p.number(); number != "" {
		items = append(items, wpi.Item{Name: "e164", Value: number}, wpi.Item{Name: "basic-e164", Value: number})
	}
	if t.userPassword {
		items = append(items, wpi.Item{Name: "user-pwd", Value: CanaryPassword})
	}
	return c.applyFaults(items)
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

// number returns the phone's number, which can be written.
func (p *Phone) number() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if number, ok := p.written["e164"]; ok {
		return number
	}
	return p.c.E164
}

// allItems returns all items that can be read.
func (c *conversation) allItems() []wpi.Item {
	items := c.basicItems()
	if t := &c.r.p.traits; t.noVersion {
		items = append(items, wpi.Item{Name: wpi.ItemSoftwareVersion, Value: c.r.p.State().Version.String()})
	}
	for _, name := range writable() {
		if slices.ContainsFunc(items, func(i wpi.Item) bool { return i.Name == name }) {
			continue
		}
		items = append(items, wpi.Item{Name: name, Value: c.r.p.value(name)})
	}
	return items
}

func (p *Phone) value(name string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.written[name]
}

// readItems answers with the items that were asked for (the guide, p. 45).
func (c *conversation) readItems(requested []wpi.Item) []wpi.Item {
	all := c.allItems()
	var items []wpi.Item
	for _, i := range requested {
		at := slices.IndexFunc(all, func(known wpi.Item) bool { return known.Name == i.Name })
		if at < 0 {
			items = append(items, wpi.Item{Name: i.Name, Index: i.Index, Status: c.missing(i.Name)})
			continue
		}
		items = append(items, all[at])
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

// writable returns the items that can be written; there are hundreds more in a real phone.
func writable() []string { return []string{"e164", "basic-e164", "display-id", "dls-addr", "ntp-addr"} }

// write takes what is written, and answers with the items that it could not take alone (the guide, pp. 60, 78).
func (c *conversation) write(items []wpi.Item) *wpi.PhoneMessage {
	if c.r.inCall() {
		c.r.p.report(Event{Kind: Busy, Detail: wpi.ActionWriteItems})
		return c.reply(wpi.ActionWriteItems, wpi.Busy)
	}
	c.r.p.report(Event{Kind: Written, Detail: itemNames(items)})
	var problems []wpi.Item
	for _, i := range items {
		if status := c.writeItem(i); status != "" {
			problems = append(problems, wpi.Item{Name: i.Name, Index: i.Index, Status: status})
		}
	}
	return c.reply(wpi.ActionWriteItems, wpi.Accepted, problems...)
}

// writeItem returns the status of an item that was not written; what the guide says of them is on p. 26.
func (c *conversation) writeItem(i wpi.Item) string {
	known := slices.ContainsFunc(c.basicItems(), func(k wpi.Item) bool { return k.Name == i.Name })
	switch {
	case strings.HasPrefix(i.Name, "file-"):
		return "unexpected item"
	case !slices.Contains(writable(), i.Name) && known:
		return "read only"
	case !slices.Contains(writable(), i.Name):
		return "unknown item"
	case i.Index != "":
		return "invalid index"
	case i.Value == "":
		return "missing item content"
	case strings.HasSuffix(i.Name, "e164") && strings.Trim(i.Value, "+0123456789") != "":
		return "invalid data"
	}
	p := c.r.p
	p.mu.Lock()
	defer p.mu.Unlock()
	p.written[i.Name] = i.Value
	return ""
}

func itemNames(items []wpi.Item) string {
	var names []string
	for _, i := range items {
		names = append(names, i.Name)
	}
	return strings.Join(names, " ")
}
