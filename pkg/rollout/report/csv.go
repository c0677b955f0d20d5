package report

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/journal"
)

// csvColumns returns the columns of the CSV form. They never change; new ones come last.
func csvColumns() []string {
	return []string{
		"rollout", "address", "note", "room", "site", "mac", "model", "hw_level", "wave", "outcome", "cause", "why", "next", "version_before", "version_after", "images",
		"begun", "instructed", "ended", "took_seconds", "attempts", "retries", "overrides", "override_reason",
	}
}

// WriteCSV writes a row a phone, in the order of the plan.
func (r *Report) WriteCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	_ = c.Write(csvColumns()) // keeps its first error for Error
	for _, p := range r.Phones {
		level, wave := "", ""
		if p.Level > 0 {
			level = strconv.Itoa(int(p.Level))
		}
		if p.Wave > 0 {
			wave = strconv.Itoa(p.Wave)
		}
		row := []string{
			r.Rollout, p.Address, p.Note, p.Room, p.Site, p.MAC, p.Model, level, wave, string(p.Outcome), p.Cause, p.Why, p.Next, p.Before, p.After,
			strings.Join(p.Images, ", "), csvTime(p.Begun), csvTime(p.Instructed), csvTime(p.Ended), seconds(p.Took), strconv.Itoa(p.Attempts), strconv.Itoa(p.Retries),
			strings.Join(p.Overrides, ", "), p.Reason,
		}
		for i := range row {
			row[i] = cell(row[i])
		}
		_ = c.Write(row)
	}
	c.Flush()
	return c.Error()
}

// maxListCell is how many bytes of a text a phone list may hold.
const maxListCell = 500

// WritePhoneList writes the phones that need somebody as a phone list for the next run, with what was stated of them.
func (r *Report) WritePhoneList(w io.Writer) error {
	c := csv.NewWriter(w)
	seen := map[string]bool{}
	header := []string{"address", "mac", "model", "part_number", "hw_level", "software_type", "minimum_version", "override", "reason", "note"}
	sites := slices.ContainsFunc(r.Phones, func(p Phone) bool { return p.Site != "" })
	if sites {
		header = append(header, "site")
	}
	_ = c.Write(header)
	for _, p := range r.Phones {
		if !p.Outcome.NeedsSomebody() {
			continue
		}
		mac := journal.Name(cmp.Or(p.plan.MAC, p.MAC))
		if read, err := net.ParseMAC(mac); err != nil || len(read) != 6 || seen[mac] {
			mac = "" // what a phone says may be anything, and a list must not have one twice
		}
		seen[mac] = true
		override, known := "", p.plan.Stated
		if p.plan.Override != "" {
			override = "yes"
		}
		row := []string{
			listCell(p.Address), mac, listCell(stated(known.Device)), listCell(stated(known.PartNumber)), listCell(stated(known.Level)), listCell(stated(known.SoftwareType)),
			listCell(stated(known.Minimum)), override, listCell(bounded(p.plan.Override)), listCell(p.Note),
		}
		if sites {
			row = append(row, listCell(p.Site))
		}
		_ = c.Write(row)
	}
	c.Flush()
	return c.Error()
}

// stated returns what a person stated, "" if nobody did: what a phone reports and what is looked up is found anew in the next run.
func stated[T any](claims []hwcheck.Claim[T]) string {
	for _, claim := range claims {
		switch claim.Origin {
		case hwcheck.List, hwcheck.Flag, hwcheck.Stored:
			return fmt.Sprint(claim.Value)
		}
	}
	return ""
}

// listCell returns a text for a cell of a phone list, which is bounded.
func listCell(text string) string {
	text = cell(cut(text, maxListCell))
	for limit := maxListCell; len(text) > maxListCell; limit /= 2 { // escaped characters are longer
		text = cell(cut(text, limit))
	}
	return text
}

// cell keeps a spreadsheet from taking a text for a formula, and escapes what is not visible. A spreadsheet that separates cells
// by semicolons may begin one after each of them.
func cell(text string) string {
	text = display.Visible(text)
	if !strings.ContainsAny(text, formulas) {
		return text
	}
	var b strings.Builder
	begins := true
	for _, r := range text {
		if begins && strings.ContainsRune(formulas, r) {
			b.WriteByte('\'')
		}
		begins = r == ';' || begins && (r == ' ' || r == '"')
		b.WriteRune(r)
	}
	return b.String()
}

// formulas are the characters with which a formula begins, also in their wide forms.
const formulas = "=+-@\uff1d\uff0b\uff0d\uff20"

func csvTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func seconds(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return fmt.Sprintf("%.0f", d.Seconds())
}
