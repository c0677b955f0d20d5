package verdict

import (
	"context"
	"fmt"
	"strings"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// maxPairs is the maximum number of pairs of a phone and an image in one run: all are kept in memory for the answer.
const maxPairs = 250_000

// A matrixDoc is the JSON answer of check for several images or phones.
type matrixDoc struct {
	Schema     int                 `json:"schema"`
	Fitting    int                 `json:"fitting"` // phones that an image fits
	Unknown    int                 `json:"unknown"` // phones for which no image is known to fit, but one may
	Images     []images.Doc        `json:"images"`
	PassedOver []images.PassedOver `json:"passed_over"`
	Phones     []fitRow            `json:"phones"`
}

// A fitRow is one phone with the verdict of each image. Answer is the best of them.
type fitRow struct {
	PhoneDoc
	Line    int            `json:"line"` // in the phone list, 0 for a phone described by flags
	Address string         `json:"address"`
	MAC     string         `json:"mac"`
	Note    string         `json:"note"`
	Answer  hwcheck.Answer `json:"answer"`
	Cells   []fitCell      `json:"images"`
	Error   *exit.ErrorDoc `json:"error,omitempty"` // why it did not answer
	Why     string         `json:"-"`               // the same without the phone's name
}

// A fitCell is one phone with one image. It has only the findings that block the image, or would without an override;
// check prints the whole rule sheet for one phone and one image.
type fitCell struct {
	File string `json:"file"`
	hwcheck.Verdict
}

// Failure returns the error for phones that no image fits, or nil.
func (doc matrixDoc) Failure() error {
	none := len(doc.Phones) - doc.Fitting - doc.Unknown
	total := display.Plural(len(doc.Phones), "phone")
	switch {
	case none == 0 && doc.Unknown == 0:
		return nil
	case none == 0:
		return exit.Errorf(exit.CodePartial, "add what is missing to the list; the output shows it", "%d of %s: whether an image fits cannot be determined", doc.Unknown, total)
	case doc.Unknown == 0:
		return exit.Errorf(exit.CodePartial, "find an image for them, or remove them from the list; the output shows why no image fits", "%d of %s: no image fits", none, total)
	}
	return exit.Errorf(exit.CodePartial, "see the output for the reasons, and for what is missing", "%d of %s: no image fits; %d more: cannot be determined", none, total, doc.Unknown)
}

// NewMatrixDoc applies the rules to every pair of an image and a phone.
func NewMatrixDoc(ctx context.Context, loaded []*images.Image, passed []images.PassedOver, phones []hwcheck.ListedPhone, policy hwcheck.Policy) (matrixDoc, error) {
	if pairs := len(usable(loaded)) * len(phones); pairs > maxPairs {
		return matrixDoc{}, exit.Errorf(exit.CodeUsage, "check fewer images or a part of the list at a time", "%s and %s are %d pairs; the maximum is %d",
			display.Plural(len(phones), "phone"), display.Plural(len(usable(loaded)), "image"), pairs, maxPairs)
	}
	doc := matrixDoc{Schema: 1, Images: []images.Doc{}, PassedOver: append([]images.PassedOver{}, passed...)}
	for _, im := range loaded {
		d := im.Doc()
		d.Fields = nil
		doc.Images = append(doc.Images, d)
	}
	for _, p := range phones {
		if ctx.Err() != nil {
			return doc, context.Cause(ctx)
		}
		row := newFitRow(usable(loaded), p, policy)
		switch row.Answer {
		case hwcheck.Compatible:
			doc.Fitting++
		case hwcheck.CannotTell:
			doc.Unknown++
		case hwcheck.NotCompatible:
		}
		doc.Phones = append(doc.Phones, row)
	}
	return doc, nil
}

// usable returns the images without errors.
func usable(loaded []*images.Image) []*images.Image {
	var out []*images.Image
	for _, im := range loaded {
		if im.Err == nil {
			out = append(out, im)
		}
	}
	return out
}

func newFitRow(loaded []*images.Image, p hwcheck.ListedPhone, policy hwcheck.Policy) fitRow {
	policy.Override, policy.Reason = p.Override, p.Reason
	row := fitRow{
		PhoneDoc: NewPhoneDoc(listedName(p), p.Phone),
		Line:     p.Line, Address: p.Address, MAC: p.MAC, Note: p.Note,
		Answer: hwcheck.NotCompatible, Cells: []fitCell{},
	}
	for _, im := range loaded {
		v := hwcheck.Check(im.Facts, p.Phone, policy)
		if v.Answer == hwcheck.Compatible || v.Answer == hwcheck.CannotTell && row.Answer == hwcheck.NotCompatible {
			row.Answer = v.Answer
		}
		findings := []hwcheck.Finding{}
		for _, f := range v.Findings {
			if stops(f) {
				findings = append(findings, f)
			}
		}
		v.Findings = findings
		row.Cells = append(row.Cells, fitCell{images.DisplayName(im.Name), v})
	}
	return row
}

// listedName returns a name for a listed phone, from the columns that are filled in.
func listedName(p hwcheck.ListedPhone) string {
	switch {
	case p.Address != "":
		return p.Address
	case p.MAC != "":
		return p.MAC
	case p.Line != 0:
		return fmt.Sprintf("line %d", p.Line)
	}
	return phoneName(p.Phone)
}

// label returns the name of a phone with the beginning of its note, for people.
func (row fitRow) label() string {
	t := fleet.Target{Address: row.Name}
	if !settings.IsSimulated(row.Note) {
		t.Note = row.Note
	}
	return t.Label()
}

// about returns what is known of a phone, and its note.
func (row fitRow) about() string {
	known := knownAs(row)
	if row.Note == "" || settings.IsSimulated(row.Note) {
		return known
	}
	return strings.TrimPrefix(known+", "+row.Note, ", ")
}

// knownAs returns the decisive values of a phone in short. If sources disagree, it returns all of their values.
func knownAs(row fitRow) string {
	device, level := claimed(row.Device), claimed(row.Level)
	if level != "" {
		level = "level " + level
	}
	text := strings.TrimSpace(device + " " + level)
	if text == "" {
		return claimed(row.PartNumber)
	}
	return text
}

func claimed(claims []claimDoc) string {
	var values []string
	for _, c := range claims {
		if value := console.Escape(fmt.Sprint(c.Value)); len(values) == 0 || value != values[0] {
			values = append(values, value)
		}
	}
	return strings.Join(values, " / ")
}
