package bind_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

// secondDescriptor parses a descriptor as docs/bind-format.md describes it, and reports whether it matches the image.
// It supports only a part of TOML: one line per key, whole numbers, basic strings and lists of them.
func secondDescriptor(text string, image []byte) (facts secondFacts, ok bool) {
	if len(text) > 8192 || !utf8.ValidString(text) {
		return facts, false
	}
	values := map[string][]string{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		key, value, isPair := strings.Cut(line, " = ")
		list, isValue := secondTOML(key, value)
		if _, twice := values[key]; !isPair || !isValue || twice {
			return facts, false
		}
		values[key] = list
	}
	digest := sha256.Sum256(image)
	one := func(key string) string { return strings.Join(values[key], "") }
	if one("schema") != "1" || one("size") != strconv.Itoa(len(image)) ||
		strings.ToLower(one("sha256")) != hex.EncodeToString(digest[:]) {
		return facts, false
	}
	facts.family, facts.softwareType, facts.note = one("family"), one("software_type"), one("note")
	if len(facts.family) > 64 || len(facts.softwareType) > 32 || len(facts.note) > 512 || len(values["models"]) > 64 {
		return facts, false
	}
	for _, model := range values["models"] {
		if len(model) < 1 || len(model) > 32 {
			return facts, false
		}
		facts.models += model + "\n"
	}
	for _, key := range values["from_file_name"] {
		if key != "software_type" && key != "software_version" {
			return facts, false
		}
	}
	version, levels := one("software_version"), one("hw_levels")
	ok = len(version) <= 64 && len(levels) <= 1024
	if version != "" && ok {
		facts.version, ok = secondVersion(version)
	}
	if levels != "" && ok {
		facts.levels, ok = secondLevels(levels)
	}
	return facts, ok
}

// secondTOML parses the value of a key that the document names: a list gives its texts, any other value one text. Texts
// and lists in this form are valid JSON as well.
func secondTOML(key, value string) (list []string, ok bool) {
	switch key {
	case "schema", "size":
		return []string{value}, true
	case "models", "from_file_name":
		ok = json.Unmarshal([]byte(value), &list) == nil
	case "sha256", "family", "software_type", "software_version", "hw_levels", "note":
		list = make([]string, 1)
		ok = json.Unmarshal([]byte(value), &list[0]) == nil
	}
	for _, text := range list {
		ok = ok && !strings.ContainsFunc(text, unicode.IsControl)
	}
	return list, ok
}

// secondLevels parses hardware levels as people write them.
func secondLevels(text string) (levels string, ok bool) {
	parts := strings.Split(text, ",")
	for _, part := range parts {
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		lowest, err := strconv.ParseUint(strings.Trim(low, " "), 10, 16)
		if err != nil || lowest < 1 {
			return "", false
		}
		highest, err := strconv.ParseUint(strings.Trim(high, " "), 10, 16)
		if err != nil || highest < lowest {
			return "", false
		}
		levels += fmt.Sprintf("%d-%d\n", lowest, highest)
	}
	return levels, len(parts) <= 64
}

// secondDescription returns a descriptor of the image, often with an error.
func secondDescription(r *rand.Rand, image []byte) string {
	digest := sha256.Sum256(image)
	quote := func(text string) string {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`, "\x00", `\u0000`, "\x7f", `\u007F`, "\u0085", `\u0085`).Replace(text) + `"`
	}
	list := func(texts ...string) string {
		for i, text := range texts {
			texts[i] = quote(text)
		}
		return "[" + strings.Join(texts, ", ") + "]"
	}
	texts := []string{"", " ", "CP200", "a \"b\" \\", "ä", "a\nb", "a\tb", "\x00", "\x7f", "\u0085", "\ufffd", "\u2028"}
	for _, length := range []int{32, 33, 64, 65, 512, 513} {
		texts = append(texts, strings.Repeat("x", length), strings.Repeat("ä", length/2)+strings.Repeat("x", length%2))
	}
	text := func() string { return texts[r.IntN(len(texts))] }
	levels := []string{
		"1", "1-3, 5", "1-3,5", " 1 - 3 , 5 ", "65535", "65536", "0", "3-1", "1-", "-1", "1--3", "1,", "", " ", "007", "1-3-5", "1\t-\t3", "1;3", "+1", "1_0",
		strings.Repeat("1,", 63) + "1", strings.Repeat("1,", 64) + "1", "1\u00a0", "1 3", "1 - 3", "1,,2", "1-65535", "1-65536", "5, 1-3, 2",
		"1" + strings.Repeat(" ", 1023), "1" + strings.Repeat(" ", 1024), strings.Repeat("0", 1023) + "1", strings.Repeat("0", 1024) + "1",
	}
	versions := append(secondVersions(), strings.Repeat(" ", 55)+"V1 R9.2.0", strings.Repeat(" ", 56)+"V1 R9.2.0",
		"V1 R9.2."+strings.Repeat("0", 55)+"2", "V1 R9.2."+strings.Repeat("0", 56)+"2")
	lines := []string{
		"schema = 1", "sha256 = " + quote(hex.EncodeToString(digest[:])), fmt.Sprint("size = ", len(image)),
	}
	for range r.IntN(4) {
		lines = append(lines, []string{
			"family = " + quote(text()), "models = " + list(text(), text()), "models = []", "software_type = " + quote(text()),
			"models = " + list(slices.Repeat([]string{"CP200"}, 63+r.IntN(3))...), "note = " + quote(text()),
			"software_version = " + quote(versions[r.IntN(len(versions))]), "hw_levels = " + quote(levels[r.IntN(len(levels))]),
			"from_file_name = " + list([]string{"software_type", "software_version", "", "family"}[r.IntN(4)]),
			"from_file_name = " + list("software_version", "software_version"), `colour = "red"`, `Family = "F"`, "note = 1",
			"schema = 2", "size = -1", fmt.Sprint("size = ", len(image)+1), `from_file_name = "software_type"`, `sha256 = "9f86"`,
		}[r.IntN(18)])
	}
	switch r.IntN(12) {
	case 0:
		lines[r.IntN(3)] = ""
	case 1:
		lines[1] = strings.ToUpper(lines[1][9:])
	case 2:
		lines[1] = "sha256 = " + strings.ToUpper(lines[1][9:])
	case 3:
		r.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	case 4:
		i := r.IntN(len(lines))
		lines[i] = strings.ToUpper(lines[i][:min(1, len(lines[i]))]) + lines[i][min(1, len(lines[i])):]
	case 5:
		lines = append(lines, strings.Repeat("\n", 8192-len(strings.Join(lines, "\n"))-1+r.IntN(3)))
	}
	return strings.Join(lines, "\n")
}

// TestSecondReaderDescriptor compares package bind with a descriptor reader that was written only from the document.
func TestSecondReaderDescriptor(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	image, report, accepted := []byte("whatever an image holds"), secondReport(t), 0
	for range 5_000 {
		text := secondDescription(r, image)
		ours, ok := secondDescriptor(text, image)
		ours.levels = secondMerged(ours.levels)
		theirs, err := bind.ParseDescription([]byte(text))
		same := err == nil && theirs.SHA256 == sha256.Sum256(image) && theirs.Size == int64(len(image))
		if ok != same {
			report(fmt.Sprintf("accepted: %t, by package bind %t", ok, same), "%s\n%v", strings.TrimSpace(text), err)
		}
		if !ok || !same {
			continue
		}
		accepted++
		facts := secondFacts{
			family: theirs.Family, softwareType: theirs.SoftwareType, note: theirs.Note, version: secondNumbers(theirs.Version),
			levels: secondRanges(theirs.Levels), models: strings.Join(append(theirs.Models, ""), "\n"),
		}
		if facts != ours {
			report("facts", "%s\nthe document says %+v\npackage bind says %+v", text, ours, facts)
		}
	}
	t.Logf("%d accepted", accepted)
}
