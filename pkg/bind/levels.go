package bind

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxLevelRanges is the maximum number of ranges of hardware levels in one image.
const maxLevelRanges = 64

// A LevelRange is a range of hardware levels, both ends included. Levels start at 1.
type LevelRange struct {
	Lowest  uint16 `json:"lowest"`
	Highest uint16 `json:"highest"`
}

// Levels is a set of hardware levels: its ranges in ascending order, none touching another. The zero Levels states
// no level at all.
type Levels struct {
	ranges []LevelRange
}

// NewLevels returns the set that the ranges cover. A level of 0 and a range whose lowest level is above its highest are
// errors, and so are more than 64 ranges.
func NewLevels(ranges ...LevelRange) (Levels, error) {
	if len(ranges) > maxLevelRanges {
		return Levels{}, fmt.Errorf("%d ranges of hardware levels, at most %d are allowed", len(ranges), maxLevelRanges)
	}
	for _, r := range ranges {
		if r.Lowest == 0 {
			return Levels{}, fmt.Errorf("hardware level 0 in %d-%d: levels start at 1", r.Lowest, r.Highest)
		}
		if r.Lowest > r.Highest {
			return Levels{}, fmt.Errorf("lowest hardware level %d is above the highest, %d", r.Lowest, r.Highest)
		}
	}
	sorted := slices.SortedFunc(slices.Values(ranges), func(a, b LevelRange) int { return cmp.Compare(a.Lowest, b.Lowest) })
	var merged []LevelRange
	for _, r := range sorted {
		last := len(merged) - 1
		if last >= 0 && int(r.Lowest) <= int(merged[last].Highest)+1 {
			merged[last].Highest = max(merged[last].Highest, r.Highest)
			continue
		}
		merged = append(merged, r)
	}
	return Levels{merged}, nil
}

// ParseLevels parses levels as people write them: "3", "1-4", "1-3, 5".
func ParseLevels(s string) (Levels, error) {
	if strings.Count(s, ",") >= maxLevelRanges {
		return Levels{}, fmt.Errorf("more than %d ranges of hardware levels", maxLevelRanges)
	}
	var ranges []LevelRange
	for part := range strings.SplitSeq(s, ",") {
		r, ok := parseLevelRange(strings.Trim(part, " "))
		if !ok {
			return Levels{}, fmt.Errorf("%s is not a hardware level or a range such as 1-3", quote(part))
		}
		ranges = append(ranges, r)
	}
	return NewLevels(ranges...)
}

func parseLevelRange(s string) (LevelRange, bool) {
	low, high, isRange := strings.Cut(s, "-")
	if !isRange {
		high = low
	}
	l, errLow := strconv.ParseUint(strings.Trim(low, " "), 10, 16)
	h, errHigh := strconv.ParseUint(strings.Trim(high, " "), 10, 16)
	return LevelRange{uint16(l), uint16(h)}, errLow == nil && errHigh == nil
}

// Ranges returns the ranges in ascending order, none touching another.
func (l Levels) Ranges() []LevelRange { return slices.Clone(l.ranges) }

// IsZero reports whether no level is stated.
func (l Levels) IsZero() bool { return len(l.ranges) == 0 }

// Contains reports whether level lies in one of the ranges.
func (l Levels) Contains(level uint16) bool {
	return slices.ContainsFunc(l.ranges, func(r LevelRange) bool { return r.Lowest <= level && level <= r.Highest })
}

// Equal reports whether both state the same levels.
func (l Levels) Equal(m Levels) bool { return slices.Equal(l.ranges, m.ranges) }

// String returns the levels as "1-3, 5", or "none".
func (l Levels) String() string {
	if l.IsZero() {
		return "none"
	}
	parts := make([]string, len(l.ranges))
	for i, r := range l.ranges {
		parts[i] = strconv.Itoa(int(r.Lowest))
		if r.Highest != r.Lowest {
			parts[i] = fmt.Sprintf("%d-%d", r.Lowest, r.Highest)
		}
	}
	return strings.Join(parts, ", ")
}
