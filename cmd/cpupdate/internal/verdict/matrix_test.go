package verdict

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// A matrix ends with its context, row by row.
func TestMatrixInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	over := errors.New("it is over")
	cancel(over)
	doc, err := NewMatrixDoc(ctx, []*images.Image{{Name: "a.bind"}}, nil, make([]hwcheck.ListedPhone, 1000), hwcheck.Policy{})
	if !errors.Is(err, over) || len(doc.Phones) != 0 {
		t.Errorf("got %d rows and %v, want none and %v", len(doc.Phones), err, over)
	}
}

// A matrix is kept in memory, so that it has a largest size; images that cannot be used do not count.
func TestMatrixLimit(t *testing.T) {
	damaged := &images.Image{Name: "b.bind", Err: errors.New("damaged")}
	images := []*images.Image{{Name: "a.bind"}, damaged}
	_, err := NewMatrixDoc(t.Context(), append(images, images...), nil, make([]hwcheck.ListedPhone, maxPairs/2+1), hwcheck.Policy{})
	if c := exit.Classify(err).Code; c != exit.CodeUsage || !strings.Contains(err.Error(), "2 images are 250002 pairs") {
		t.Errorf("got exit code %d and %v", c, err)
	}
	if doc, err := NewMatrixDoc(t.Context(), images, nil, make([]hwcheck.ListedPhone, 10), hwcheck.Policy{}); err != nil || len(doc.Phones) != 10 {
		t.Errorf("got %d rows and %v, want 10", len(doc.Phones), err)
	}
}

// listed returns phones of the levels, 0 for one of which nothing is known.
func listed(levels ...uint16) []hwcheck.ListedPhone {
	var phones []hwcheck.ListedPhone
	for i, level := range levels {
		p := hwcheck.ListedPhone{Line: i + 2, Address: "192.0.2." + strconv.Itoa(i+1)}
		if level > 0 {
			p.Phone = ofLevel(level)
		}
		phones = append(phones, p)
	}
	return phones
}

// matrix returns a matrix and its text.
func matrix(t *testing.T, loaded []*images.Image, phones []hwcheck.ListedPhone, width int, verbose bool) (matrixDoc, string) {
	t.Helper()
	doc, err := NewMatrixDoc(t.Context(), loaded, nil, phones, hwcheck.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	MatrixText(&out, &console.Console{Width: width, Verbose: verbose}, loaded, doc)
	return doc, out.String()
}

// TestMatrixFailure checks the counts, the error and the colour of a matrix.
func TestMatrixFailure(t *testing.T) {
	for _, test := range []struct {
		levels           []uint16
		fitting, unknown int
		color            console.Style
	}{
		{[]uint16{1, 2, 3}, 3, 0, console.Green},
		{[]uint16{3, 4}, 1, 0, console.Red},
		{[]uint16{3, 0}, 1, 1, console.Yellow},
		{[]uint16{4, 0, 0}, 0, 2, console.Red},
	} {
		doc, _ := matrix(t, []*images.Image{cp600(t)}, listed(test.levels...), 80, false)
		if doc.Fitting != test.fitting || doc.Unknown != test.unknown {
			t.Errorf("%v: %d fit, %d unknown", test.levels, doc.Fitting, doc.Unknown)
		}
		err := doc.Failure()
		if all := test.fitting == len(test.levels); (err == nil) != all || !all && (exit.Classify(err).Code != exit.CodePartial || len(exit.Classify(err).Hints) != 1) {
			t.Errorf("%v: %v", test.levels, err)
		}
		con := &console.Console{ColorOut: true}
		if want := con.Paint(test.color, "x"); !strings.HasPrefix(matrixHeadline(con, doc), strings.Split(want, "x")[0]) {
			t.Errorf("%v: %q", test.levels, matrixHeadline(con, doc))
		}
	}
}

// TestMatrixBlocks checks that columns that do not fit the terminal go into a block of their own.
func TestMatrixBlocks(t *testing.T) {
	var loaded []*images.Image
	for range 30 {
		loaded = append(loaded, cp600(t))
	}
	_, text := matrix(t, loaded, listed(3, 4, 0), 60, false)
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 60 {
			t.Errorf("a line of %d columns: %s", n, line)
		}
	}
	if blocks := strings.Count(text, "\n  phone "); blocks != 5 {
		t.Errorf("%d blocks\n%s", blocks, text)
	}
	for i, want := range map[int]string{0: "A", 25: "Z", 26: "AA", 52: "BA", 702: "AAA"} {
		if got := letter(i); got != want {
			t.Errorf("column %d is %s, want %s", i, got, want)
		}
	}
}

// TestMatrixNotes checks that long notes do not break the lines of a table: they follow the verdicts.
func TestMatrixNotes(t *testing.T) {
	phones := listed(3, 4, 0)
	phones[0].Phone.Device = []hwcheck.Claim[string]{{Value: "OpenScape Desk Phone CP600", Origin: hwcheck.List}}
	phones[0].Note, phones[2].Note = "room 7, desk by the window, second floor", "hall"
	_, text := matrix(t, []*images.Image{cp600(t), cp600(t)}, phones, 80, false)
	const want = `
  phone      A     B     known as
  192.0.2.1  yes   yes   OpenScape Desk Phone CP600 level 3, room 7, desk by the
                         window, second floor
  192.0.2.2  no    no    level 4
  192.0.2.3  ?     ?     hall
`
	if !strings.Contains(text, want) {
		t.Errorf("got\n%s\nwant%s", text, want)
	}
}

// TestMisfits checks that phones with the same reasons are grouped.
func TestMisfits(t *testing.T) {
	loaded := []*images.Image{cp600(t), damaged(cp600(t))}
	phones := listed(4, 4, 4, 4, 4, 5, 0)
	doc, text := matrix(t, loaded, phones, 80, false)
	if groups := misfits(&console.Console{Width: 80}, doc.Phones); len(groups) != 3 || len(groups[0].names) != 5 || !groups[2].unknown {
		t.Errorf("%+v", groups)
	}
	if strings.Count(text, "192.0.2.4") != 1 || strings.Count(text, "192.0.2.1 ") != 1 {
		t.Errorf("%s", text)
	}
	if _, verbose := matrix(t, loaded, phones, 80, true); strings.Count(verbose, "192.0.2.4") != 2 {
		t.Errorf("%s", verbose)
	}
	if !strings.Contains(text, "  --  cp600.bind") || strings.Count(text, "\n  A ") != 1 || strings.Contains(text, "\n  B ") {
		t.Errorf("the image that cannot be used is a column, or not named\n%s", text)
	}
	doc.Phones[6].Why = "it is asleep"
	if reasons := misfitReasons(&console.Console{Width: 80}, doc.Phones[6]); !strings.Contains(reasons, "it is asleep") {
		t.Error(reasons)
	}
}

// TestOverrides checks that phones that get an image by override only are marked, with the reason.
func TestOverrides(t *testing.T) {
	phones := listed(3, 4, 5)
	phones[1].Override, phones[1].Reason = true, "lab\x1bphone"
	phones[2].Override = true
	_, text := matrix(t, []*images.Image{cp600(t)}, phones, 80, false)
	if strings.Count(text, "yes*") != 2 || strings.Count(text, `192.0.2.2: lab\u{1b}phone`) != 1 || strings.Count(text, "192.0.2.3") != 1 {
		t.Errorf("%s", text)
	}
}

// TestCellWord checks that each verdict has a word that fits its column.
func TestCellWord(t *testing.T) {
	seen := map[string]bool{}
	for _, v := range []hwcheck.Verdict{
		{NothingToDo: true},
		{Answer: hwcheck.Compatible},
		{Answer: hwcheck.CannotTell},
		{Answer: hwcheck.NotCompatible},
		{Answer: hwcheck.Compatible, Findings: []hwcheck.Finding{{Rule: hwcheck.HardwareLevel, Outcome: hwcheck.Overridden}}},
	} {
		word, _ := cellWord(v)
		if seen[word] || len(word) > cellWidth-2 {
			t.Errorf("%+v is %q", v, word)
		}
		seen[word] = true
	}
}

// TestMatrixWithoutImages checks the matrix if no image can be used.
func TestMatrixWithoutImages(t *testing.T) {
	if _, text := matrix(t, []*images.Image{damaged(cp600(t))}, listed(3), 80, false); strings.Contains(text, "known as") || !strings.Contains(text, "SHA-256") {
		t.Errorf("%s", text)
	}
}

// TestListedName checks the name of a phone of a list, and what is known of it.
func TestListedName(t *testing.T) {
	number, err := hwcheck.ParsePartNumber("S30817-S7720-A101-4")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		phone       hwcheck.ListedPhone
		name, known string
	}{
		{hwcheck.ListedPhone{Address: "h", MAC: "m", Line: 2, Phone: ofLevel(3)}, "h", "level 3"},
		{hwcheck.ListedPhone{MAC: "m", Line: 2, Phone: hwcheck.Phone{Device: claim("CP600"), Level: claim[uint16](3, 3, 4)}}, "m", "CP600 level 3 / 4"},
		{hwcheck.ListedPhone{Line: 2, Phone: hwcheck.Phone{PartNumber: claim(number)}}, "line 2", number.String()},
		{hwcheck.ListedPhone{Phone: hwcheck.Phone{Device: claim("a\x1b")}}, "a\x1b", `a\u{1b}`},
	} {
		row := newFitRow(nil, test.phone, hwcheck.Policy{})
		if row.Name != test.name || knownAs(row) != test.known {
			t.Errorf("%+v: %q, %q", test.phone, row.Name, knownAs(row))
		}
	}
}

// TestMatrixNames checks that the JSON has the documented names only.
func TestMatrixNames(t *testing.T) {
	doc, _ := matrix(t, []*images.Image{cp600(t)}, listed(4), 80, false)
	doc.Phones[0].Why = "why"
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Phones []map[string]any }
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	want := []string{"address", "answer", "device", "hw_level", "images", "line", "mac", "minimum_version", "name", "note", "part_number", "running", "software_type"}
	if names := slices.Sorted(maps.Keys(got.Phones[0])); !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
	if cell := doc.Phones[0].Cells[0]; len(cell.Findings) != 1 || cell.File != "cp600.bind" {
		t.Errorf("%+v", cell)
	}
}
