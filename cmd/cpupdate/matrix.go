package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// matrixDoc is the answer of check for several images or phones.
type matrixDoc struct {
	Schema     int          `json:"schema"`
	Fitting    int          `json:"fitting"` // phones that have an image that fits
	Images     []imageDoc   `json:"images"`
	PassedOver []passedOver `json:"passed_over"`
	Phones     []fitRow     `json:"phones"`
}

// A fitRow is one phone and what each image comes to with it.
type fitRow struct {
	phoneDoc
	Line    int       `json:"line,omitempty"`
	Address string    `json:"address,omitempty"`
	MAC     string    `json:"mac,omitempty"`
	Note    string    `json:"note,omitempty"`
	Fits    bool      `json:"fits"`
	Cells   []fitCell `json:"images"`
}

// A fitCell is one phone with one image.
type fitCell struct {
	File string `json:"file"`
	hwcheck.Verdict
}

// checkMany prints the fit matrix.
func checkMany(ctx context.Context, a *app, l *loader, all []target, phones []hwcheck.ListedPhone, policy hwcheck.Policy) error {
	var images, bad []*image
	passed, err := l.loadAll(ctx, all, func(im *image) error {
		images = append(images, im)
		if im.err != nil {
			bad = append(bad, im)
		}
		return nil
	})
	if err != nil {
		return err
	}
	doc := newMatrixDoc(images, passed, phones, policy)
	if len(bad) < len(images) || a.json {
		if err := a.print(doc, func(w io.Writer) { matrixText(w, a, images, doc) }); err != nil {
			return err
		}
	}
	if len(bad) > 0 {
		return badImages(bad, len(images))
	}
	if missing := len(doc.Phones) - doc.Fitting; missing > 0 {
		return failf(codePartial, "the output says why; find an image for them, or leave them out",
			"%d of %s: no image fits", missing, plural(len(doc.Phones), "phone"))
	}
	return nil
}

func newMatrixDoc(images []*image, passed []passedOver, phones []hwcheck.ListedPhone, policy hwcheck.Policy) matrixDoc {
	doc := matrixDoc{Schema: 1, Images: []imageDoc{}, PassedOver: append([]passedOver{}, passed...)}
	for _, im := range images {
		d := im.doc()
		d.Fields = nil
		doc.Images = append(doc.Images, d)
	}
	for _, p := range phones {
		policy.Override, policy.Reason = p.Override, p.Reason
		row := fitRow{
			phoneDoc: newPhoneDoc(listedName(p), p.Phone),
			Line:     p.Line, Address: p.Address, MAC: p.MAC, Note: p.Note, Cells: []fitCell{},
		}
		for _, im := range images {
			if !im.readable {
				continue
			}
			v := hwcheck.Check(im.facts, p.Phone, policy)
			row.Fits = row.Fits || v.Answer == hwcheck.Compatible
			row.Cells = append(row.Cells, fitCell{displayName(im.name), v})
		}
		if row.Fits {
			doc.Fitting++
		}
		doc.Phones = append(doc.Phones, row)
	}
	return doc
}

// listedName calls a listed phone by what its list has of it.
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

// matrixText draws the matrix: the answer, the images, the table, and the phones that fit none.
func matrixText(w io.Writer, a *app, images []*image, doc matrixDoc) {
	color := green
	if doc.Fitting < len(doc.Phones) {
		color = red
	}
	fmt.Fprintf(w, "%s\n\n", a.paint(color, fmt.Sprintf("%d of %s: an image fits", doc.Fitting, plural(len(doc.Phones), "phone"))))
	var usable []*image
	for _, im := range images {
		if im.readable {
			usable = append(usable, im)
		}
	}
	width := 0
	for _, im := range images {
		width = max(width, len([]rune(escape(im.name))))
	}
	for i, im := range usable {
		fmt.Fprintf(w, "  %-2s  %s  %s, levels %s\n", letter(i), pad(escape(im.name), width), softwareText(im), im.facts.Levels.Value)
	}
	for _, im := range images {
		if im.err != nil {
			fmt.Fprintf(w, "  --  %s  %s\n        %s\n", pad(escape(im.name), width), a.paint(red, im.state()), wrap(escape(im.cause.Error()), 8, a.width))
		}
	}
	fmt.Fprintln(w)
	matrixTable(w, a, len(usable), doc.Phones)
	for _, row := range doc.Phones {
		if !row.Fits {
			misfitText(w, a, row)
		}
	}
}

func softwareText(im *image) string {
	return escape(strings.TrimSpace(im.facts.SoftwareType.Value + " " + im.facts.Version.Value.String()))
}

// letter names a column: A to Z, then AA.
func letter(i int) string {
	if i < 26 {
		return string(rune('A' + i))
	}
	return letter(i/26-1) + letter(i%26)
}

// matrixTable draws the table itself.
func matrixTable(w io.Writer, a *app, images int, rows []fitRow) {
	name, known := len("phone"), len("known as")
	for _, row := range rows {
		name, known = max(name, len([]rune(escape(row.Name)))), max(known, len([]rune(knownAs(row))))
	}
	line := "  " + pad("phone", name) + "  " + pad("known as", known)
	for i := range images {
		line += "  " + pad(letter(i), 4)
	}
	fmt.Fprintln(w, strings.TrimRight(line, " "))
	for _, row := range rows {
		line := "  " + pad(escape(row.Name), name) + "  " + pad(knownAs(row), known)
		for _, cell := range row.Cells {
			word, color := cellWord(cell.Verdict)
			line += "  " + a.paint(color, word) + strings.Repeat(" ", 4-len(word))
		}
		fmt.Fprintln(w, strings.TrimRight(line, " "))
	}
	byOverride := func(c fitCell) bool { word, _ := cellWord(c.Verdict); return word == "yes*" }
	if slices.ContainsFunc(rows, func(row fitRow) bool { return slices.ContainsFunc(row.Cells, byOverride) }) {
		fmt.Fprintln(w, "\n  * by override")
	}
}

// knownAs is what decides about a phone, in short.
func knownAs(row fitRow) string {
	var parts []string
	for _, claims := range [][]claimDoc{row.Device, row.Level} {
		if len(claims) > 0 {
			parts = append(parts, escape(fmt.Sprint(claims[0].Value)))
		}
	}
	if len(parts) == 2 {
		return parts[0] + " level " + parts[1]
	}
	if len(parts) == 1 && len(row.Level) > 0 {
		return "level " + parts[0]
	}
	return strings.Join(parts, "")
}

// cellWord is a verdict in at most four letters.
func cellWord(v hwcheck.Verdict) (string, style) {
	switch {
	case v.NothingToDo:
		return "same", green
	case v.Answer == hwcheck.Compatible && slices.ContainsFunc(v.Findings, overridden):
		return "yes*", yellow
	case v.Answer == hwcheck.Compatible:
		return "yes", green
	case v.Answer == hwcheck.CannotTell:
		return "?", yellow
	}
	return "no", red
}

// misfitText says why no image fits a phone.
func misfitText(w io.Writer, a *app, row fitRow) {
	fmt.Fprintf(w, "\n  %s fits none:\n", a.paint(bold, escape(row.Name)))
	for i, cell := range row.Cells {
		name := letter(i)
		for _, f := range cell.Findings {
			if stops(f) && f.Outcome != hwcheck.Overridden {
				reason := fmt.Sprintf("%s: %s", f.Rule, f.Reason)
				if f.Image.Value != "" && f.Phone.Value != "" {
					reason = fmt.Sprintf("%s: image %s; phone %s (%s)", f.Rule, f.Image.Value, f.Phone.Value, f.Phone.From)
				}
				fmt.Fprintf(w, "    %-2s  %s\n", name, wrap(escape(reason), 8, a.width))
				name = ""
			}
		}
	}
}
