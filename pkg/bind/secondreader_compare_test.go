package bind_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/internal/forge"
	"github.com/cpupdate/cpupdate/pkg/bind"
)

// secondOpinion returns what package bind reports for the image, read as a file or as a stream.
func secondOpinion(ctx context.Context, image []byte, stream bool) (secondFacts, error) {
	f, err := bind.NewFile(bytes.NewReader(image), int64(len(image)))
	if stream {
		f, err = bind.NewStream(bytes.NewReader(image))
	}
	if err == nil {
		err = f.Verify(ctx)
	}
	if err != nil {
		return secondFacts{}, err
	}
	signature := f.CheckSignature(nil)
	theirs := f.Facts()
	facts := secondFacts{
		family: theirs.Family.Value, platform: theirs.Platform.Value, softwareType: theirs.SoftwareType.Value,
		version: secondNumbers(theirs.Version.Value), updateFrom: secondNumbers(theirs.UpdateFrom.Value),
		note: theirs.Note.Value, signed: signature.State != bind.Unsigned,
	}
	for _, model := range theirs.Models.Value {
		facts.models += model + "\n"
	}
	facts.levels = secondRanges(theirs.Levels.Value)
	if theirs.Built.Known() {
		facts.built = fmt.Sprint(theirs.Built.Value.Unix())
	}
	for _, field := range f.Fields() {
		if field.Name == "signing key id" {
			facts.keyID = field.Value
		}
	}
	if theirs.Format == bind.OpenStage {
		facts.kernel = kernelState(f, nil)
	}
	return facts, nil
}

// secondNumbers returns a version in the form of the second reader.
func secondNumbers(v bind.Version) string {
	if v.IsZero() {
		return ""
	}
	return fmt.Sprint([5]uint16{v.Major, v.SubMajor, v.Release, v.Fix, v.Hotfix})
}

// secondRanges returns levels in the form of the second reader.
func secondRanges(levels bind.Levels) (text string) {
	for _, r := range levels.Ranges() {
		text += fmt.Sprintf("%d-%d\n", r.Lowest, r.Highest)
	}
	return text
}

// secondSteps returns the steps of "What a reader checks" that may have caused the error of package bind, and the
// offset that it names.
func secondSteps(image []byte, err error) (steps []int, offset int) {
	var format *bind.FormatError
	switch {
	case err == nil:
		return []int{0}, 0
	case !errors.As(err, &format):
		return []int{-1}, 0
	}
	offset = int(format.Offset)
	switch format.Field {
	case "magic", "prologue", "header version":
		return []int{1}, offset
	case "header length":
		return []int{1, 2}, offset
	case "header CRC-32":
		return []int{3}, offset
	case "flags", "reserved":
		return []int{4}, offset
	case "payload length":
		return []int{map[bool]int{true: 4, false: 8}[format.Problem == bind.Malformed]}, offset
	case "payload SHA-256":
		return []int{9}, offset
	case "field":
		return []int{5}, offset
	}
	switch {
	case offset == int(binary.BigEndian.Uint32(image[0x0C:])):
		return []int{7}, offset
	case strings.HasSuffix(format.Field, " length"):
		return []int{5, 6}, offset
	}
	return []int{6}, offset
}

// secondMerged sorts ranges of levels and joins those that touch, because together they are one set.
func secondMerged(levels string) (merged string) {
	var ranges [][2]int
	for line := range strings.Lines(levels) {
		var r [2]int
		if _, err := fmt.Sscanf(line, "%d-%d", &r[0], &r[1]); err != nil {
			panic(err)
		}
		ranges = append(ranges, r)
	}
	slices.SortFunc(ranges, func(a, b [2]int) int { return cmp.Compare(a[0], b[0]) })
	for i := 0; i < len(ranges); {
		r := ranges[i]
		for i++; i < len(ranges) && ranges[i][0] <= r[1]+1; i++ {
			r[1] = max(r[1], ranges[i][1])
		}
		merged += fmt.Sprintf("%d-%d\n", r[0], r[1])
	}
	return merged
}

// secondReport returns a function that reports differences, the first of each kind in full.
func secondReport(t *testing.T) func(kind, format string, args ...any) {
	reported := map[string]int{}
	t.Cleanup(func() {
		for kind, count := range reported {
			t.Errorf("%d times: %s", count, kind)
		}
	})
	return func(kind, format string, args ...any) {
		t.Helper()
		if reported[kind]++; reported[kind] == 1 && len(reported) <= 20 {
			t.Errorf(kind+": "+format, args...)
		}
	}
}

// secondCompare reads a CPB image with both readers and returns the step in which the second one refused it.
func secondCompare(t *testing.T, report func(kind, format string, args ...any), name string, image []byte) int {
	t.Helper()
	ours, refusal := secondCPB(image)
	ours.levels = secondMerged(ours.levels)
	for _, stream := range []bool{false, true} {
		theirs, err := secondOpinion(t.Context(), image, stream)
		steps, offset := secondSteps(image, err)
		var format *bind.FormatError
		switch {
		case !slices.Contains(steps, refusal.step):
			report(fmt.Sprintf("step %d of the document, of package bind %d", refusal.step, steps), "%s (stream: %t): %v", name, stream, err)
		case offset != refusal.offset:
			report(fmt.Sprintf("offset in step %d", refusal.step), "%s (stream: %t): the document says 0x%02X, package bind says: %v", name, stream, refusal.offset, err)
		case refusal.step == 0 && ours != theirs:
			report("facts", "%s (stream: %t): the document says\n%+v\npackage bind says\n%+v", name, stream, ours, theirs)
		case errors.As(err, &format) && secondASCIIMode(image) != (format.Problem == bind.ASCIIMode):
			report("ASCII mode", "%s (stream: %t): the document says %t, package bind says: %v", name, stream, secondASCIIMode(image), err)
		}
	}
	return refusal.step
}

// TestSecondReader compares package bind with a reader that was written only from docs/bind-format.md.
func TestSecondReader(t *testing.T) {
	report := secondReport(t)
	if step := secondCompare(t, report, "valid", forge.Valid().Image()); step != 0 {
		t.Errorf("the valid image fails at step %d", step)
	}
	if step := secondCompare(t, report, "empty", nil); step != -1 {
		t.Errorf("the empty file fails at step %d", step)
	}
	for _, forgery := range forge.Forgeries() {
		if step := secondCompare(t, report, forgery.Name, forgery.Image); step == 0 {
			t.Errorf("%s: accepted", forgery.Name)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	steps := map[int]int{}
	for i := range 20_000 {
		steps[secondCompare(t, report, fmt.Sprint("mutation ", i), secondMutation(r))]++
	}
	t.Logf("images by the step that refused them: %v", steps)
	for step := -1; step <= 9; step++ {
		if steps[step] < 50 {
			t.Errorf("only %d mutations end at step %d", steps[step], step)
		}
	}
}

// TestSecondReaderSignatures checks that both readers give the same result for a signature.
func TestSecondReaderSignatures(t *testing.T) {
	mine, other := testKey(1), testKey(2)
	id, err := publicKey(1, "").ID()
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 4))
	answers, report := map[string]int{}, secondReport(t)
	for i := range 3_000 {
		parts := forge.Valid()
		keyID := len(parts.Fields) - 2
		parts.Fields[keyID].Value = [][]byte{id[:], id[:], id[:], []byte("87654321"), make([]byte, 8)}[r.IntN(5)]
		switch r.IntN(16) {
		case 0:
			parts.Fields = parts.Fields[:keyID+1]
		case 1:
			parts.Fields = slices.Delete(parts.Fields, keyID, keyID+1)
		}
		for range r.IntN(3) {
			parts.Fields = secondMutateFields(r, parts.Fields)
		}
		image := parts.Image()
		if bytes.Contains(image, []byte{0x80, 0x0A, 0, 64}) && r.IntN(8) > 0 {
			image = secondSign(image, []ed25519.PrivateKey{mine, mine, other}[r.IntN(3)])
		}
		if r.IntN(3) == 0 {
			image[0x40+r.IntN(int(binary.BigEndian.Uint32(image[0x0C:]))-0x40)] ^= 1 << r.IntN(8)
			forge.Seal(image)
		}
		if _, refusal := secondCPB(image); refusal.step != 0 {
			continue
		}
		f, err := open(t, image)
		if err != nil {
			t.Fatal(err)
		}
		var ours []ed25519.PublicKey
		var theirs []bind.PublicKey
		for seed, key := range []ed25519.PrivateKey{mine, other} {
			if r.IntN(4) > 0 {
				ours = append(ours, key.Public().(ed25519.PublicKey))
				theirs = append(theirs, publicKey(byte(seed+1), ""))
			}
		}
		answer := secondSignature(image, ours)
		if got := f.CheckSignature(theirs); string(got.State) != answer {
			report(fmt.Sprintf("%s, package bind says %s", answer, got.State), "mutation %d, %d keys, %+v", i, len(ours), got)
		}
		answers[answer]++
	}
	t.Logf("answers: %v", answers)
	for _, answer := range []string{"none", "no key", "wrong", "right"} {
		if answers[answer] < 50 {
			t.Errorf("only %d images have the answer %q", answers[answer], answer)
		}
	}
}
