// Package verdict shows what the rules say of images and phones: the rule sheet of one pair, and the fit matrix of
// many.
package verdict

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// CompatibleLine says in one line why an image may be sent.
func CompatibleLine(v hwcheck.Verdict) string {
	overridden := []string{}
	text, class := "compatible", ""
	for _, f := range v.Findings {
		switch {
		case f.Outcome == hwcheck.Overridden:
			overridden = append(overridden, string(f.Rule))
		case f.Outcome == hwcheck.Pass && (f.Rule == hwcheck.HardwareLevel || f.Rule == hwcheck.MinimumVersion):
			text += fmt.Sprintf(": %s, image %s, phone %s (%s)", f.Rule, f.Image.Value, f.Phone.Value, f.Phone.From)
		}
		if f.Class != nil {
			class = fmt.Sprintf(", %s by class %s (%s)", f.Rule, f.Class.Name, f.Class.Confidence)
		}
	}
	text += class
	if len(overridden) > 0 {
		text += ", overridden: " + strings.Join(overridden, ", ")
	}
	return text
}

// A sheetDoc is the JSON answer of check for one image and one phone.
type sheetDoc struct {
	Schema int        `json:"schema"`
	Image  images.Doc `json:"image"`
	Phone  PhoneDoc   `json:"phone"`
	hwcheck.Verdict
}

// A PhoneDoc is what is known about a phone; each value is a list of claims.
type PhoneDoc struct {
	Name         string     `json:"name"`
	Device       []claimDoc `json:"device"`
	PartNumber   []claimDoc `json:"part_number"`
	Level        []claimDoc `json:"hw_level"`
	SoftwareType []claimDoc `json:"software_type"`
	Running      []claimDoc `json:"running"`
	Minimum      []claimDoc `json:"minimum_version"`
}

type claimDoc struct {
	Value  any    `json:"value"`
	Origin string `json:"origin"`
	Where  string `json:"where,omitempty"`
}

func claimDocs[T any](claims []hwcheck.Claim[T], show func(T) any) []claimDoc {
	docs := []claimDoc{}
	for _, c := range claims {
		docs = append(docs, claimDoc{show(c.Value), string(c.Origin), c.Where})
	}
	return docs
}

// NewPhoneDoc returns what is known of a phone as JSON.
func NewPhoneDoc(name string, p hwcheck.Phone) PhoneDoc {
	return PhoneDoc{
		Name:         name,
		Device:       claimDocs(p.Device, func(s string) any { return s }),
		PartNumber:   claimDocs(p.PartNumber, func(n hwcheck.PartNumber) any { return n.String() }),
		Level:        claimDocs(p.Level, func(l uint16) any { return l }),
		SoftwareType: claimDocs(p.SoftwareType, func(s string) any { return s }),
		Running:      claimDocs(p.Running, asVersion),
		Minimum:      claimDocs(p.Minimum, asVersion),
	}
}

func asVersion[T fmt.Stringer](v T) any { return v.String() }

// NewSheetDoc returns the rule sheet as JSON.
func NewSheetDoc(im *images.Image, p hwcheck.Phone, v hwcheck.Verdict) sheetDoc {
	doc := im.Doc()
	doc.Fields = nil // inspect shows them
	return sheetDoc{1, doc, NewPhoneDoc(phoneName(p), p), v}
}

// phoneName returns a name for a phone, from the most specific value that is known.
func phoneName(p hwcheck.Phone) string {
	switch {
	case len(p.PartNumber) > 0:
		return p.PartNumber[0].Value.String()
	case len(p.Device) > 0:
		return p.Device[0].Value
	case len(p.Level) > 0:
		return fmt.Sprintf("a phone of hardware level %d", p.Level[0].Value)
	}
	return "the phone as described"
}

// SheetText returns a function that writes the rule sheet: the answer, then the rules, the decisive ones first.
func SheetText(con *console.Console, im *images.Image, p hwcheck.Phone, v hwcheck.Verdict) func(io.Writer) {
	return func(w io.Writer) {
		verdict := answerText(con, v, im.State() == images.StateDamaged)
		about := console.Escape(images.DisplayName(im.Name)) + "  with  " + console.Escape(phoneName(p))
		if console.Columns(answerText(&console.Console{}, v, im.State() == images.StateDamaged)+"   "+about) > con.Width {
			verdict += "\n"
		}
		fmt.Fprintf(w, "%s   %s\n\n", verdict, about)
		findings := slices.Clone(v.Findings)
		slices.SortStableFunc(findings, func(x, y hwcheck.Finding) int { return cmp.Compare(weight(x, v), weight(y, v)) })
		columns := sheetColumns(findings)
		below := con.Layout(textColumn)
		below.Lead = "-> "
		for _, f := range findings {
			fmt.Fprintln(w, findingText(con, f, columns))
			if f.Class != nil {
				fmt.Fprintln(w, con.Layout(textColumn).Line(console.Plain.Cell(f.Reason)))
			}
			if stops(f) && !v.NothingToDo || con.Verbose && f.Advice != "" {
				fmt.Fprintln(w, below.Line(console.Plain.Cell(advice(f))))
			}
		}
		if v.Reason != "" && slices.ContainsFunc(v.Findings, overridden) {
			fmt.Fprintf(w, "\n  %s\n", console.Wrap("overridden because: "+console.Escape(v.Reason), 4, con.Width))
		}
		if im.Facts.Note.Known() && v.Answer == hwcheck.NotCompatible {
			fmt.Fprintf(w, "\n  %s\n", console.Wrap(noteText(im.Facts.Note), 4, con.Width))
		}
	}
}

// noteText returns a note with its author: a descriptor, signed or not, is not part of what the image's builder made.
func noteText(note bind.Fact[string]) string {
	if note.Source == bind.FromDescriptor {
		return "the image's descriptor says: " + console.Escape(note.Value)
	}
	return "the image's builder says: " + console.Escape(note.Value)
}

// answerText returns the verdict in words.
func answerText(con *console.Console, v hwcheck.Verdict, damaged bool) string {
	switch {
	case v.Untrusted && damaged:
		return con.Paint(console.Red, "damaged")
	case v.Untrusted:
		return con.Paint(console.Red, "not trusted")
	case v.NothingToDo:
		return con.Paint(console.Green, "nothing to do")
	case v.Answer == hwcheck.Compatible && slices.ContainsFunc(v.Findings, overridden):
		return con.Paint(console.Yellow, "compatible by override")
	case v.Answer == hwcheck.Compatible:
		return con.Paint(console.Green, "compatible")
	case v.Answer == hwcheck.CannotTell:
		return con.Paint(console.Yellow, "unknown")
	}
	return con.Paint(console.Red, "not compatible")
}

func overridden(f hwcheck.Finding) bool {
	return f.Outcome == hwcheck.Overridden && f.Rule != hwcheck.SameVersion
}

// weight returns the rank of a finding on the sheet: decisive findings first, unchecked ones last.
func weight(f hwcheck.Finding, v hwcheck.Verdict) int {
	if v.NothingToDo && f.Rule == hwcheck.SameVersion {
		return -1
	}
	return slices.Index([]hwcheck.Outcome{
		hwcheck.Fail, hwcheck.Unknown, hwcheck.Overridden, hwcheck.Pass, hwcheck.NotChecked, hwcheck.NotApplicable,
	}, f.Outcome)
}

// outcomeWord returns the word and colour of an outcome on the sheet.
func outcomeWord(o hwcheck.Outcome) (string, console.Style) {
	switch o {
	case hwcheck.Pass:
		return "pass", console.Green
	case hwcheck.Fail:
		return "fail", console.Red
	case hwcheck.Unknown:
		return "unknown", console.Yellow
	case hwcheck.Overridden:
		return "override", console.Yellow
	case hwcheck.NotChecked:
		return "----", console.Faint
	case hwcheck.NotApplicable:
		return "n/a", console.Faint
	}
	return string(o), console.Plain
}

// The columns of the rule sheet.
const (
	outcomeWidth = 8
	ruleWidth    = 15
	textColumn   = 2 + outcomeWidth + 1 + ruleWidth + 2
)

// sheetColumns returns the width of the image's values in the findings. A longer value gets a line of its own.
func sheetColumns(findings []hwcheck.Finding) int {
	const widest = 16
	width := 0
	for _, f := range findings {
		if columns := console.Columns(console.Escape(f.Image.Value)); !brief(f) && columns <= widest {
			width = max(width, columns)
		}
	}
	return width
}

// brief reports whether a finding is shown as a reason rather than as two values.
func brief(f hwcheck.Finding) bool {
	return f.Outcome == hwcheck.NotChecked || f.Outcome == hwcheck.NotApplicable || f.Rule == hwcheck.ImageIntact
}

// stops reports whether a finding blocks the image, or would without an override.
func stops(f hwcheck.Finding) bool {
	return f.Outcome == hwcheck.Fail || f.Outcome == hwcheck.Unknown || f.Outcome == hwcheck.Overridden
}

// findingText returns the line of a finding: the values of image and phone, or why there is nothing to compare.
func findingText(con *console.Console, f hwcheck.Finding, imageWidth int) string {
	word, color := outcomeWord(f.Outcome)
	start := []console.Cell{color.Cell(word), console.Plain.Cell(string(f.Rule))}
	line := con.Layout(2, outcomeWidth-1, ruleWidth)
	if brief(f) {
		reason := f.Reason
		if f.Rule == hwcheck.ImageIntact {
			reason = f.Image.Value
		}
		if f.Outcome == hwcheck.NotChecked {
			reason = "not checked: " + reason
		}
		return line.Line(append(start, console.Plain.Cell(reason))...)
	}
	phone := "not known"
	if f.Phone.Value != "" {
		phone = fmt.Sprintf("%s (%s)", f.Phone.Value, f.Phone.From)
	}
	image := f.Image.Value
	if image == "" {
		image = "not stated"
	}
	beside := con.Layout(2, outcomeWidth-1, ruleWidth, len("image ")+imageWidth)
	beside.Lead = "phone "
	if sides := append(start, console.Plain.Cell("image "+image), console.Plain.Cell(phone)); beside.Fits(sides...) {
		return beside.Line(sides...)
	}
	line.Lead = "image "
	below := con.Layout(textColumn)
	below.Lead = "phone "
	return line.Line(append(start, console.Plain.Cell(image))...) + "\n" + below.Line(console.Plain.Cell(phone))
}

// advice returns the next step, with the flags for it.
func advice(f hwcheck.Finding) string {
	text := f.Advice
	if flags := flagsFor(f.Rule); flags != "" && f.Phone.Value == "" && f.Outcome != hwcheck.NotApplicable {
		text = strings.TrimSuffix(text, ".") + " (" + flags + ")."
	}
	switch {
	case f.Outcome == hwcheck.Overridden && f.Rule == hwcheck.SameVersion && f.Overridden == hwcheck.Pass:
		return "The phone already runs this version; it is installed again because of --reinstall."
	case f.Outcome == hwcheck.Overridden:
		return "Would be " + string(f.Overridden) + "; overridden by --" + f.Override + "."
	case f.Override == "":
		return text
	}
	return text + " Or override it with --" + f.Override + "."
}

// flagsFor returns the flags with which to state what a rule needs to know about a phone.
func flagsFor(rule hwcheck.Rule) string {
	switch rule {
	case hwcheck.FamilyModel:
		return "--model"
	case hwcheck.HardwareLevel:
		return "--hw-level, or --part-number and --hardware"
	case hwcheck.MinimumVersion:
		return "--minimum-version, or --running, --model and --software-type"
	case hwcheck.SoftwareType:
		return "--software-type"
	case hwcheck.SteppingStone, hwcheck.Downgrade, hwcheck.SameVersion:
		return "--running"
	case hwcheck.ImageIntact:
	}
	return ""
}
