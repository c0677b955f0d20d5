package hwcheck

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

// A Table says which phone and hardware level a part number means, and which software version is the lowest for it. If
// several entries match, the last one that states a value counts, for each value. It also says which models take the
// same image.
type Table struct {
	Entries []Entry
	Classes []Class
}

// An Entry is one entry of a table. With a Product it is about part numbers: it matches product, variant ("" is any)
// and revision. Without one it states the lowest version for a level, of one family if Family is set.
type Entry struct {
	Product   string // such as "S7403"
	Variant   string // such as "A101"
	Revisions Revisions
	Device    string // such as "OpenStage 60"
	Family    string
	Level     uint16       // 0: not stated
	Minimum   bind.Version // zero: not stated
	Source    string       // who states it
	Where     string       // the entry's place, such as "hardware.toml, line 12"
}

// Revisions is a range of revisions, both ends included. The zero Revisions is every revision.
type Revisions struct {
	set           bool
	lowest, above uint16 // above is the highest, 0xFFFF if open
}

// ParseRevisions parses "4", "1-14", "15-" or "-14"; "" is every revision.
func ParseRevisions(s string) (Revisions, error) {
	text := strings.TrimSpace(s)
	if text == "" {
		return Revisions{}, nil
	}
	low, high, isRange := strings.Cut(text, "-")
	low, high = strings.TrimSpace(low), strings.TrimSpace(high)
	if !isRange {
		high = low
	}
	lowest, errLow := strconv.ParseUint(cmp.Or(low, "0"), 10, 16)
	highest, errHigh := strconv.ParseUint(cmp.Or(high, "65535"), 10, 16)
	if errLow != nil || errHigh != nil || lowest > highest || text == "-" {
		return Revisions{}, fmt.Errorf("%.64q is not a range of revisions such as 1-14, 15- or -14", s)
	}
	return Revisions{true, uint16(lowest), uint16(highest)}, nil
}

// Contains reports whether the revision lies in the range.
func (r Revisions) Contains(revision uint16) bool {
	return !r.set || r.lowest <= revision && revision <= r.above
}

// String returns the range in the form that ParseRevisions accepts.
func (r Revisions) String() string {
	switch {
	case !r.set:
		return ""
	case r.lowest == r.above:
		return fmt.Sprint(r.lowest)
	case r.above == 0xFFFF:
		return fmt.Sprintf("%d-", r.lowest)
	}
	return fmt.Sprintf("%d-%d", r.lowest, r.above)
}

// Builtin returns the entries that have a public source. None is about a CP phone, or about a hardware level.
func Builtin() *Table {
	const (
		gemeinschaft = "Gemeinschaft's Siemens module, 2007"
		guide        = "guide A31003-S2000-R102-16"
	)
	table := &Table{Entries: []Entry{
		{Product: "S7401", Device: "OpenStage 20", Source: gemeinschaft},
		{Product: "S7402", Device: "OpenStage 40", Source: gemeinschaft},
		{Product: "S7403", Device: "OpenStage 60", Source: guide},
		{Product: "S7404", Device: "OpenStage 80", Source: gemeinschaft},
	}, Classes: builtinClasses()}
	for i := range table.Entries {
		table.Entries[i].Where = "built-in table, " + table.Entries[i].Source
	}
	for i := range table.Classes {
		table.Classes[i].Where = "built-in table"
	}
	return table
}

// Then returns a table with the entries of t and those of later, which override them.
func (t *Table) Then(later *Table) *Table {
	return &Table{append(append([]Entry{}, t.Entries...), later.Entries...), mergeClasses(t.Classes, later.Classes)}
}
