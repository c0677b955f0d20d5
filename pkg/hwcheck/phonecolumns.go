package hwcheck

import (
	"encoding/hex"
	"fmt"
	"net"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cpupdate/cpupdate/pkg/address"
	"github.com/cpupdate/cpupdate/pkg/bind"
)

// A column is one column of a phone list, with the functions that read and write its cells.
type column struct {
	name  string
	read  func(p *ListedPhone, cell, where string) error
	write func(p ListedPhone) string
}

// columns returns the columns, in the order in which lists are written.
func columns() []column {
	return []column{
		textColumn("address", func(p *ListedPhone) *string { return &p.Address }, parseAddress),
		textColumn("mac", func(p *ListedPhone) *string { return &p.MAC }, ParseMAC),
		claimColumn("model", func(p *Phone) *[]Claim[string] { return &p.Device }, text, same),
		claimColumn("part_number", func(p *Phone) *[]Claim[PartNumber] { return &p.PartNumber }, ParsePartNumber, PartNumber.String),
		claimColumn("hw_level", func(p *Phone) *[]Claim[uint16] { return &p.Level }, ParseLevel, levelText),
		claimColumn("software_type", func(p *Phone) *[]Claim[string] { return &p.SoftwareType }, text, same),
		claimColumn("running", func(p *Phone) *[]Claim[bind.Version] { return &p.Running }, parseVersion, bind.Version.String),
		claimColumn("minimum_version", func(p *Phone) *[]Claim[bind.Version] { return &p.Minimum }, parseVersion, bind.Version.String),
		{
			"override",
			func(p *ListedPhone, cell, _ string) (err error) { p.Override, err = parseYesNo(cell); return err },
			func(p ListedPhone) string { return map[bool]string{true: "yes", false: "no"}[p.Override] },
		},
		textColumn("reason", func(p *ListedPhone) *string { return &p.Reason }, text),
		textColumn("note", func(p *ListedPhone) *string { return &p.Note }, text),
		textColumn("site", func(p *ListedPhone) *string { return &p.Site }, ParseSite),
	}
}

// parseVersion parses the version of a cell. Texts copied from a page may have several spaces, or other white space, in it.
func parseVersion(cell string) (bind.Version, error) {
	return bind.ParseVersion(strings.Join(strings.Fields(cell), " "))
}

// unnamedColumn returns a column without a name, which some spreadsheets add at the end of each line. Its cells must be
// empty.
func unnamedColumn() column {
	return column{
		read: func(_ *ListedPhone, cell, _ string) error {
			return fmt.Errorf("%.64q is in a column without a name", cell)
		},
	}
}

// skippedColumn returns a column whose name is invalid.
func skippedColumn() column {
	return column{read: func(*ListedPhone, string, string) error { return nil }}
}

// textColumn returns a column whose cells are kept as text.
func textColumn(name string, field func(*ListedPhone) *string, parse func(string) (string, error)) column {
	return column{
		name,
		func(p *ListedPhone, cell, _ string) (err error) { *field(p), err = parse(cell); return err },
		func(p ListedPhone) string { return *field(&p) },
	}
}

// claimColumn returns a column whose cells are claims about the phone.
func claimColumn[T any](name string, field func(*Phone) *[]Claim[T], parse func(string) (T, error), show func(T) string) column {
	return column{
		name,
		func(p *ListedPhone, cell, where string) error {
			value, err := parse(cell)
			*field(&p.Phone) = []Claim[T]{{value, List, where}}
			return err
		},
		func(p ListedPhone) string {
			if claims := *field(&p.Phone); len(claims) > 0 {
				return show(claims[0].Value)
			}
			return ""
		},
	}
}

// text returns a text cell.
func text(cell string) (string, error) { return cell, nil }

// maxSite is how many bytes the name of a site may have.
const maxSite = 64

// ParseSite checks the name of a site. A slash separates it from the phone's address in the journal.
func ParseSite(text string) (string, error) {
	switch {
	case text == "" || strings.TrimSpace(text) != text || len(text) > maxSite || !utf8.ValidString(text):
	case strings.ContainsFunc(text, func(r rune) bool { return r == '/' || !unicode.IsPrint(r) }):
	default:
		return text, nil
	}
	return "", fmt.Errorf("%.64q is not the name of a site: 1 to %d bytes without a slash", text, maxSite)
}

// ParseLevel parses a hardware level, 1 to 65535.
func ParseLevel(s string) (uint16, error) {
	level, err := strconv.ParseUint(strings.TrimSpace(s), 10, 16)
	if err != nil || level == 0 {
		return 0, fmt.Errorf("%.64q is not a hardware level, a number from 1 to 65535", s)
	}
	return uint16(level), nil
}

// ContactPort is the port for contact requests unless the phone's address has another one (guide A31003-S2000-R102-16,
// p. 14).
const ContactPort = "8085"

// ContactAddress returns HOST:PORT for a phone's address, HOST, HOST:PORT or [IPv6]:PORT. The result is the same for
// all notations of one address. No name is resolved. The error is an [*address.Error].
func ContactAddress(text string) (string, error) {
	host, port, err := address.Split(text)
	if err == nil && address.CheckOne(host) != nil {
		err = &address.Error{Problem: fmt.Sprintf("%.64q is not the address of one phone", text), Advice: "write the address that the phone shows"}
	}
	if err != nil {
		return "", err
	}
	if port == 0 {
		return net.JoinHostPort(host, ContactPort), nil
	}
	return address.Join(host, port), nil
}

func levelText(level uint16) string { return strconv.Itoa(int(level)) }

func parseYesNo(cell string) (bool, error) {
	switch strings.ToLower(cell) {
	case "yes":
		return true, nil
	case "no":
		return false, nil
	}
	return false, fmt.Errorf("%.64q is neither yes nor no", cell)
}

// ParseMAC parses a MAC address with colons, dashes, dots or nothing between its digits, and returns it as
// 00:1A:E8:12:34:56.
func ParseMAC(cell string) (string, error) {
	raw, err := hex.DecodeString(cell)
	if err != nil || len(raw) != 6 {
		raw, err = net.ParseMAC(cell)
	}
	if err != nil || len(raw) != 6 {
		return "", fmt.Errorf("%.64q is not a MAC address such as 00:1A:E8:12:34:56", cell)
	}
	return strings.ToUpper(net.HardwareAddr(raw).String()), nil
}

// parseAddress checks an address, and returns it as it is written.
func parseAddress(cell string) (string, error) {
	_, err := ContactAddress(cell)
	return cell, err
}
