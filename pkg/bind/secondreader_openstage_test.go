package bind_test

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/cpupdate/cpupdate/internal/forge"
	"github.com/cpupdate/cpupdate/pkg/bind"
)

// secondOpenStage parses an OpenStage image as docs/bind-format.md describes it, and reports whether it is recognised
// and valid.
func secondOpenStage(file []byte) (facts secondFacts, recognised, right bool) {
	if len(file) < 64 {
		return facts, false, false
	}
	name, rest, ended := bytes.Cut(file[0x20:0x40], []byte{0})
	rest, _, _ = bytes.Cut(bytes.TrimLeft(rest, "\x00"), []byte{0})
	version, isVersion := secondVersion(string(rest))
	if !ended || !secondPrintable(name) || !secondPrintable(rest) || rest[0]|0x20 != 'v' || !isVersion {
		return facts, false, false
	}
	facts.version, facts.kernel = version, secondKernel(file)
	facts.family, facts.models, facts.platform = secondDevice(string(name))
	right = uint64(binary.BigEndian.Uint32(file)) == uint64(len(file)-64) && secondKernel(file) != "damaged"
	if len(file) < 64+0x128 {
		return facts, true, right
	}
	device, rest, ended := bytes.Cut(file[len(file)-0x128:], []byte{0})
	if !ended || !secondPrintable(device) || !bytes.HasPrefix(device, []byte("Open")) || len(rest) < 2 {
		return facts, true, right
	}
	softwareType, _, ended := bytes.Cut(rest[2:], []byte{0})
	if !ended || !secondPrintable(softwareType) {
		return facts, true, right
	}
	facts.softwareType = string(softwareType)
	family, models, platform := secondDevice(string(device))
	switch {
	case models == "":
		facts.platform = cmp.Or(facts.platform, platform)
	case facts.models == "":
		facts.family, facts.models = family, models
	case family != facts.family || models != facts.models:
		right = false
	}
	return facts, true, right
}

// secondPrintable reports whether the text is one that identifies the layout.
func secondPrintable(text []byte) bool {
	for _, char := range text {
		if char < 0x20 || char > 0x7E {
			return false
		}
	}
	return len(text) >= 3 && text[0] != ' ' && text[len(text)-1] != ' '
}

// secondDevice splits a device name into family and model; a name without a model is that of a platform.
func secondDevice(name string) (family, models, platform string) {
	words := strings.Fields(name)
	last := words[len(words)-1]
	family = strings.Join(words[:len(words)-1], " ")
	if family == "" || !strings.ContainsAny(last, "0123456789") {
		return family, "", name
	}
	letters := len(last) - len(strings.TrimLeft(last, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"))
	return strings.TrimRight(family+" "+last[:letters], " "), last + "\n", ""
}

// secondVersion parses a version in any of the forms of the document.
func secondVersion(text string) (version string, ok bool) {
	text = strings.Trim(text, " ")
	numbers := strings.Split(text, ".")
	if strings.HasPrefix(text, "V") || strings.HasPrefix(text, "v") {
		at := strings.IndexAny(text, "Rr")
		if at < 0 {
			return "", false
		}
		major, subMajor := strings.TrimRight(text[1:at], " _"), "0"
		if dot := strings.IndexAny(major, "._"); dot >= 0 {
			major, subMajor = major[:dot], major[dot+1:]
		}
		// If the text mixes the two, one of them remains in a number.
		last := strings.Split(text[at+1:], ".")
		if len(last) == 1 {
			last = strings.Split(text[at+1:], "_")
		}
		numbers = append([]string{major, subMajor}, last...)
	} else {
		numbers = slices.Insert(numbers, 1, "0")
	}
	if len(numbers) != 5 {
		return "", false
	}
	var number [5]uint16
	for i, digits := range numbers {
		parsed, err := strconv.ParseUint(digits, 10, 16)
		if err != nil {
			return "", false
		}
		number[i] = uint16(parsed)
	}
	if number == [5]uint16{} {
		return "", false
	}
	return fmt.Sprint(number), true
}

// secondImage returns an image in the OpenStage layout, often with an error.
func secondImage(r *rand.Rand) []byte {
	names := []string{
		"OpenStage 40", "OpenStage 40", "OpenStage 60", "OpenScape 40", "OpenStage 40G", "OpenStage Hi", "OpenStage Lo", "OpenScape Hi", "opera",
		"Open", "Op", "CP600", "Open CP600", "Open CP600E", "OpenStage  40", "Open  Stage 40", "OpenStage  Hi", "Open-Stage 4-0", "Open_40", "40",
		"OpenStage 40 SIP", " OpenStage 40", "OpenStage 40 ", "OpenStage\t40", "OpenStage 4\xC3", "", "openstage 40", "OpenStage \x7F40",
	}
	versions := secondVersions()
	softwares := []string{"Siemens SIP", "Siemens SIP", "Siemens HFA", "SIP", "SI", "", " SIP", "SIP ", "S\nP", "\xFFSIP"}
	some := func(texts []string, good int) string { return texts[r.IntN([]int{good, good, len(texts)}[r.IntN(3)])] }
	image := make([]byte, 0x20, 1024)
	image = append(image, some(names, 9)...)
	image = append(image, make([]byte, 1+r.IntN(4))...)
	image = append(image, some(versions, 6)...)
	image = append(image, make([]byte, 64)...)[:64]
	if r.IntN(3) == 0 {
		image = append(image, secondKernelPart(r)...)
	}
	image = append(image, bytes.Repeat([]byte{byte(r.IntN(3))}, r.IntN(400))...)
	if r.IntN(4) > 0 {
		trailer := some(names, 9) + "\x00\x01\x02"[:3-r.IntN(8)/7] + some(softwares, 4)
		trailer += strings.Repeat([]string{"\x00", "\x00", "\x00", "x"}[r.IntN(4)], 0x128)
		if r.IntN(8) == 0 {
			trailer = strings.Repeat("Open", 0x128/4)[:0x128-r.IntN(16)] + trailer
		}
		image = append(image, trailer[:0x128]...)
	}
	if r.IntN(4) == 0 {
		image[0x20+r.IntN(len(image)-0x20)] = byte(r.IntN(256) * r.IntN(2))
	}
	binary.BigEndian.PutUint32(image, uint32(len(image)-64))
	switch r.IntN(24) {
	case 0:
		return image[:r.IntN(len(image))]
	case 1:
		image[r.IntN(4)] ^= 1 << r.IntN(8)
	case 2:
		return append(image, 0)
	}
	return image
}

// secondVersions returns versions in the forms of the document, and texts that are close to them.
func secondVersions() []string {
	return []string{
		"V3 R5.12.0", "V3 R5.12.0", "V3 R5.12.0", "V3R5.12.0", "V1.2 R0.1.0", "V1_R9_2_0", "V1.2_R9_2_0", "V1_2_R9_2_0", "V1R9_2_0",
		"1.9.2.0", "1.10.2.0002", "1.2.9.2.0", "V1.9.2.0", "V1  R9.2.0", "V1__R9_2_0", "V1 R9_2_0", "V1_R9.2.0", "V1_ R9.2.0", "V1 R9_2.0",
		"v1 r9.2.0", "V1 r9.2.0", "V 1 R9.2.0", "V1 R 9.2.0", "V1 R9.2.0 ", " V1 R9.2.0", "V1 R9.2", "V1 R9.2.0.1", "V1. R9.2.0", "V1.2.3 R9.2.0",
		"V0 R0.0.0", "V0 R0.0.1", "0.0.0.0", "V65535 R65535.0.65535", "V65536 R1.1.1", "V1 R1.65536.1", "V0001 R009.02.000", "V+1 R1.1.1",
		"V1 R-1.1.1", "V1 R1..1", "V R1.1.1", "V1", "", "R1.1.1", "V1\tR1.1.1", "V1\u00a0R1.1.1", "V1 R1.1.1\n", "V1 R1.1.1SIP", "x V1 R1.1.1",
		"V1-R9.2.0", "V1 R0x1.1.1", "V1 R1_0.1.1", "V1 RR1.1.1", "VV1 R1.1.1", "V\u0661 R1.1.1",
	}
}

// TestSecondReaderOpenStage compares package bind with an OpenStage reader that was written only from the document.
func TestSecondReaderOpenStage(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	seen, report := map[string]int{}, secondReport(t)
	for i := range 6_000 {
		image := secondImage(r)
		ours, recognised, right := secondOpenStage(image)
		outcome := fmt.Sprintf("recognised %t right %t", recognised, right)
		seen[outcome]++
		for _, stream := range []bool{false, true} {
			theirs, err := secondOpinion(t.Context(), image, stream)
			var format *bind.FormatError
			if err == nil {
				seen["kernel "+theirs.kernel]++
			}
			want := fmt.Sprintf("recognised %t right %t", err == nil || errors.As(err, &format), err == nil)
			texts := bytes.FieldsFunc(image, unicode.IsControl)
			switch {
			case outcome != want:
				report(outcome+", of package bind "+want, "image %d (stream: %t): %q: %v", i, stream, texts, err)
			case err == nil && ours != theirs:
				report("facts", "image %d (stream: %t): %q\nthe document says\n%+v\npackage bind says\n%+v", i, stream, texts, ours, theirs)
			}
		}
	}
	t.Logf("outcomes: %v", seen)
	if seen["kernel intact"] < 100 || seen["kernel absent"] < 100 {
		t.Errorf("got the outcomes %v, too few of some", seen)
	}
}

// TestSecondReaderVersions checks that both readers accept the same texts as versions.
func TestSecondReaderVersions(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	texts, report := secondVersions(), secondReport(t)
	for range 20_000 {
		text := []byte(texts[r.IntN(50)])
		if at, char := r.IntN(len(text)+1), "0123456789VRvr._ +-"[r.IntN(19)]; at < len(text) && r.IntN(2) == 0 {
			text[at] = char
		} else {
			text = slices.Insert(text, at, char)
		}
		texts = append(texts, string(text))
	}
	for _, text := range texts {
		ours, _ := secondVersion(text)
		theirs, _ := bind.ParseVersion(text)
		if ours != secondNumbers(theirs) {
			kind := regexp.MustCompile(`[0-9]+`).ReplaceAllString(text, "9")
			report(kind, "%q: the document says %q, package bind says %q", text, ours, secondNumbers(theirs))
		}
	}
}

// secondKernel returns the state of the kernel part of an OpenStage image as docs/bind-format.md describes it: absent,
// intact or damaged.
func secondKernel(file []byte) string {
	if len(file) < 0x44 || !bytes.Equal(file[0x40:0x44], []byte{0x27, 0x05, 0x19, 0x56}) {
		return "absent"
	}
	if len(file) < 0x80 {
		return "damaged"
	}
	size := uint64(binary.BigEndian.Uint32(file[0x4C:]))
	if crc32.ChecksumIEEE(secondZeroed(file[0x40:0x80], 4, 4)) != binary.BigEndian.Uint32(file[0x44:]) || size == 0 || 0x80+size > uint64(len(file)) {
		return "damaged"
	}
	if crc32.ChecksumIEEE(file[0x80:0x80+size]) != binary.BigEndian.Uint32(file[0x58:]) {
		return "damaged"
	}
	return "intact"
}

// secondKernelPart returns a kernel part, often with an error.
func secondKernelPart(r *rand.Rand) []byte {
	k := forge.ValidKernel()
	k.Data = bytes.Repeat([]byte{byte(r.IntN(3))}, 1+r.IntN(300))
	k.Name = []string{"uImage-3.5.12.0", "uImage-0.7.1.0", "Linux", "\x1b[2J"}[r.IntN(4)]
	part := k.Bytes()
	switch r.IntN(6) {
	case 0:
		part[r.IntN(len(part))] ^= 1 << r.IntN(8)
	case 1:
		k.Bend = func(header []byte) { binary.BigEndian.PutUint32(header[12:], r.Uint32()>>r.IntN(32)) }
		return k.Bytes()
	case 2:
		return part[:r.IntN(len(part))]
	}
	return part
}
