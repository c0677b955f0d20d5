package bind

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// NameFacts is what a file name states. A name proves nothing: it is used for a new descriptor, and for a warning if it
// contradicts the image.
type NameFacts struct {
	Version      Fact[Version]
	SoftwareType Fact[string] // "SIP" or "HFA"
	Model        Fact[string] // "CP600"; "CP20X", where X is any digit; "40" for OS40
}

// ReadFileName parses the name of a published image, such as CP20X_SIP_V1_R9_2_0.img or OS_80_SIP_V1_R4_9_0.img.
// Offsets are within the last element of the name.
func ReadFileName(name string) NameFacts {
	name = filepath.Base(name)
	var facts NameFacts
	version := regexp.MustCompile(`(?i)V\d{1,5}(\.\d{1,5})?[ _]*R\d{1,5}([._]\d{1,5}){2}`)
	if at := version.FindStringIndex(name); at != nil {
		if v, err := ParseVersion(name[at[0]:at[1]]); err == nil {
			facts.Version = Fact[Version]{v, nameOrigin(at)}
		}
	}
	kind := regexp.MustCompile(`(?i)(?:^|[ ._-])(SIP|HFA)(?:[ ._-]|$)`)
	if at := kind.FindStringSubmatchIndex(name); at != nil {
		facts.SoftwareType = Fact[string]{strings.ToUpper(name[at[2]:at[3]]), nameOrigin(at[2:])}
	}
	model := regexp.MustCompile(`(?i)(?:^|[ ._-])(?:OS_?(\d{2})|(CP\d{2}[\dX][A-Z]?))(?:[ ._-]|$)`)
	if at := model.FindStringSubmatchIndex(name); at != nil {
		group := at[2:4]
		if group[0] < 0 {
			group = at[4:6]
		}
		facts.Model = Fact[string]{strings.ToUpper(name[group[0]:group[1]]), nameOrigin(group)}
	}
	return facts
}

// fitsName reports whether a file name's model covers a model.
func fitsName(claimed, model string) bool {
	if len(model) < len(claimed) {
		return false
	}
	for i, c := range []byte(claimed) {
		if c != 'X' && c != strings.ToUpper(model)[i] {
			return false
		}
	}
	return true
}

func nameOrigin(at []int) Origin {
	return Origin{FileName, Stated, int64(at[0]), int64(at[1] - at[0])}
}

// NameWarnings returns a sentence for each value that differs between the file's name and the image.
func NameWarnings(name string, facts Facts) []string {
	var warnings []string
	claimed := ReadFileName(name)
	if claimed.Version.Known() && facts.Version.Known() && claimed.Version.Value != facts.Version.Value {
		warnings = append(warnings, fmt.Sprintf("the file name says %s, the image %s", claimed.Version.Value, facts.Version.Value))
	}
	if claimed.SoftwareType.Known() && facts.SoftwareType.Known() &&
		!strings.EqualFold(claimed.SoftwareType.Value, lastWord(facts.SoftwareType.Value)) {
		warnings = append(warnings, fmt.Sprintf("the file name says %s, the image %s", claimed.SoftwareType.Value, quote(facts.SoftwareType.Value)))
	}
	fits := func(model string) bool { return fitsName(claimed.Model.Value, model) }
	if claimed.Model.Known() && facts.Models.Known() && !slices.ContainsFunc(facts.Models.Value, fits) {
		warnings = append(warnings, fmt.Sprintf("the file name says %s, the image %s", claimed.Model.Value, quote(strings.Join(facts.Models.Value, ", "))))
	}
	return warnings
}

func lastWord(s string) string {
	words := strings.Fields(s)
	if len(words) == 0 {
		return ""
	}
	return words[len(words)-1]
}
