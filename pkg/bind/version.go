package bind

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// A Version is a phone software version such as V1 R9.2.0. The zero Version means unknown.
type Version struct {
	Major    uint16
	SubMajor uint16 // the x of V1.x, 0 if absent
	Release  uint16
	Fix      uint16
	Hotfix   uint16
}

// ParseVersion parses a version in any of the forms phones, advisories and file names use: "V1 R9.2.0", "V1R9.2.0",
// "V1.2 R0.1.0", "1.9.2.0" (major, release, fix, hotfix), "1.10.2.0002" and "V1_R9_2_0". Letters may be lower case,
// a number may have leading zeros, and spaces around the text are ignored. Ambiguous text is an error, and so is
// V0 R0.0.0, which means unknown.
//
// Forms: developer's guide A31003-S2000-R102-16 (V1 R4.9.0, 1.4.9.0), advisory SySS-2024-008 and its list of
// versions (1.10.2.0002), published file names (V1_R9_2_0).
func ParseVersion(s string) (Version, error) {
	text := strings.ToUpper(strings.Trim(s, " "))
	var v Version
	var ok bool
	if rest, found := strings.CutPrefix(text, "V"); found {
		v, ok = parseVR(rest)
	} else {
		v, ok = parseDotted(text)
	}
	if !ok || v.IsZero() {
		return Version{}, fmt.Errorf("%s is not a version such as V1 R9.2.0 or 1.9.2.0", quote(s))
	}
	return v, nil
}

// parseVR parses the text after the V of "V1.2 R9.2.0"; in file names underscores replace the dots and the space.
func parseVR(text string) (Version, bool) {
	majors, releases, found := strings.Cut(text, "R")
	if !found {
		return Version{}, false
	}
	majors = strings.TrimRight(majors, " _")
	left, okLeft := numbers(majors, separator(majors))
	right, okRight := numbers(releases, separator(releases))
	if !okLeft || !okRight || len(left) > 2 || len(right) != 3 {
		return Version{}, false
	}
	v := Version{Major: left[0], Release: right[0], Fix: right[1], Hotfix: right[2]}
	if len(left) == 2 {
		v.SubMajor = left[1]
	}
	return v, true
}

// separator returns the character between the numbers of text: a dot, or in file names an underscore.
func separator(text string) string {
	if strings.Contains(text, "_") {
		return "_"
	}
	return "."
}

// parseDotted parses "1.9.2.0".
func parseDotted(text string) (Version, bool) {
	n, ok := numbers(text, ".")
	if !ok || len(n) != 4 {
		return Version{}, false
	}
	return Version{Major: n[0], Release: n[1], Fix: n[2], Hotfix: n[3]}, true
}

// numbers splits text at separator and parses each part as a decimal number of at most 16 bits.
func numbers(text, separator string) ([]uint16, bool) {
	if strings.Count(text, separator) > 3 {
		return nil, false
	}
	parts := strings.Split(text, separator)
	out := make([]uint16, len(parts))
	for i, part := range parts {
		// ParseUint refuses a sign and an underscore, as intended.
		n, err := strconv.ParseUint(part, 10, 16)
		if err != nil {
			return nil, false
		}
		out[i] = uint16(n)
	}
	return out, true
}

// String returns the version as V1 R9.2.0, or "unknown" for the zero Version.
func (v Version) String() string {
	if v.IsZero() {
		return "unknown"
	}
	sub := ""
	if v.SubMajor != 0 {
		sub = fmt.Sprintf(".%d", v.SubMajor)
	}
	return fmt.Sprintf("V%d%s R%d.%d.%d", v.Major, sub, v.Release, v.Fix, v.Hotfix)
}

// IsZero reports whether the version is unknown.
func (v Version) IsZero() bool { return v == Version{} }

// Compare returns -1 if v is older than w, 0 if they are equal, and 1 if v is newer, number by number from the left.
// It means something only within one phone family and one software type.
func (v Version) Compare(w Version) int {
	return cmp.Or(
		cmp.Compare(v.Major, w.Major),
		cmp.Compare(v.SubMajor, w.SubMajor),
		cmp.Compare(v.Release, w.Release),
		cmp.Compare(v.Fix, w.Fix),
		cmp.Compare(v.Hotfix, w.Hotfix),
	)
}
