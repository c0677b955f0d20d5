// Package verdict shows what the rules say of images and phones: the rule sheet of one pair, and the fit matrix of
// many.
package verdict

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// CompatibleLine says in one line why an image may go out.
func CompatibleLine(v hwcheck.Verdict) string {
	lifted := []string{}
	text := "compatible"
	for _, f := range v.Findings {
		switch {
		case f.Outcome == hwcheck.Overridden:
			lifted = append(lifted, string(f.Rule))
		case f.Outcome == hwcheck.Pass && (f.Rule == hwcheck.HardwareLevel || f.Rule == hwcheck.MinimumVersion):
			text += fmt.Sprintf(": %s, image %s, phone %s (%s)", f.Rule, f.Image.Value, f.Phone.Value, f.Phone.From)
		}
	}
	if len(lifted) > 0 {
		text += ", lifted: " + strings.Join(lifted, ", ")
	}
	return text
}

// sheetDoc is the answer of check for one image and one phone.
type sheetDoc struct {
	Schema int        `json:"schema"`
	Image  images.Doc `json:"image"`
	Phone  PhoneDoc   `json:"phone"`
	hwcheck.Verdict
}

// PhoneDoc is what is known of a phone: each value is a list of claims.
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
	doc.Fields = nil // check answers a question; inspect shows the image
	return sheetDoc{1, doc, NewPhoneDoc(phoneName(p), p), v}
}

// phoneName calls a phone by the best that is known of it.
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

// SheetText draws the rule sheet: the answer, then the rules, those that decide first.
func SheetText(con *console.Console, im *images.Image, p hwcheck.Phone, v hwcheck.Verdict) func(io.Writer) {
	return func(w io.Writer) {
		verdict := answerText(con, v, im.State() == images.StateDamaged)
		about := console.Escape(images.DisplayName(im.Name)) + "  with  " + console.Escape(phoneName(p))
		if utf8.RuneCountInString(answerText(&console.Console{}, v, im.State() == images.StateDamaged)+"   "+about) > con.Width {
			verdict += "\n"
		}
		fmt.Fprintf(w, "%s   %s\n\n", verdict, about)
		findings := slices.Clone(v.Findings)
		slices.SortStableFunc(findings, func(x, y hwcheck.Finding) int { return cmp.Compare(weight(x, v), weight(y, v)) })
		columns := sheetColumns(findings)
		for _, f := range findings {
			printFinding(w, con, f, columns)
			if stops(f) && !v.NothingToDo || con.Verbose && f.Advice != "" {
				fmt.Fprintln(w, strings.Repeat(" ", textColumn)+"-> "+console.Wrap(console.Escape(advice(f)), textColumn+3, con.Width))
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

// noteText says whose words a note is: a descriptor, signed or not, is no part of what the image's builder made.
func noteText(note bind.Fact[string]) string {
	if note.Source == bind.FromDescriptor {
		return "stated beside the image: " + console.Escape(note.Value)
	}
	return "the image's builder says: " + console.Escape(note.Value)
}

// answerText is the verdict.
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

// weight orders findings for reading: what decides first, what was not asked last.
func weight(f hwcheck.Finding, v hwcheck.Verdict) int {
	if v.NothingToDo && f.Rule == hwcheck.SameVersion {
		return -1
	}
	return slices.Index([]hwcheck.Outcome{
		hwcheck.Fail, hwcheck.Unknown, hwcheck.Overridden, hwcheck.Pass, hwcheck.NotChecked, hwcheck.NotApplicable,
	}, f.Outcome)
}

// outcomeWord is an outcome's word and colour on the sheet.
func outcomeWord(o hwcheck.Outcome) (string, console.Style) {
	switch o {
	case hwcheck.Pass:
		return "pass", console.Green
	case hwcheck.Fail:
		return "fail", console.Red
	case hwcheck.Unknown:
		return "unknown", console.Yellow
	case hwcheck.Overridden:
		return "lifted", console.Yellow
	case hwcheck.NotChecked:
		return "----", console.Faint
	case hwcheck.NotApplicable:
		return "n/a", console.Faint
	}
	return string(o), console.Plain
}

// The columns of the rule sheet.
const (
	outcomeWidth = 7
	ruleWidth    = 15
	textColumn   = 2 + outcomeWidth + 2 + ruleWidth + 2
)

// sheetColumns returns the width of what the image says, over the rules that decide. A longer value gets a line of
// its own.
func sheetColumns(findings []hwcheck.Finding) int {
	const widest = 16
	width := 0
	for _, f := range findings {
		if length := len([]rune(console.Escape(f.Image.Value))); !brief(f) && length <= widest {
			width = max(width, length)
		}
	}
	return width
}

// brief reports whether a finding is told in a reason rather than in two values.
func brief(f hwcheck.Finding) bool {
	return f.Outcome == hwcheck.NotChecked || f.Outcome == hwcheck.NotApplicable || f.Rule == hwcheck.ImageIntact
}

func printFinding(w io.Writer, con *console.Console, f hwcheck.Finding, imageWidth int) {
	word, color := outcomeWord(f.Outcome)
	start := "  " + con.Paint(color, word) + strings.Repeat(" ", outcomeWidth-len(word)) + "  " + console.Pad(string(f.Rule), ruleWidth) + "  "
	fmt.Fprintln(w, start+findingText(f, imageWidth, con.Width))
}

// stops reports whether a finding stands in the way, or would.
func stops(f hwcheck.Finding) bool {
	return f.Outcome == hwcheck.Fail || f.Outcome == hwcheck.Unknown || f.Outcome == hwcheck.Overridden
}

// findingText says what both sides say, or why there is nothing to compare.
func findingText(f hwcheck.Finding, imageWidth, width int) string {
	switch {
	case f.Rule == hwcheck.ImageIntact && f.Outcome == hwcheck.NotChecked:
		return console.Wrap("not checked: "+console.Escape(f.Image.Value), textColumn, width)
	case f.Rule == hwcheck.ImageIntact:
		return console.Wrap(console.Escape(f.Image.Value), textColumn, width)
	case f.Outcome == hwcheck.NotChecked:
		return console.Wrap("not checked: "+console.Escape(f.Reason), textColumn, width)
	case f.Outcome == hwcheck.NotApplicable:
		return console.Wrap(console.Escape(f.Reason), textColumn, width)
	}
	phone := "not known"
	if f.Phone.Value != "" {
		phone = fmt.Sprintf("%s (%s)", console.Escape(f.Phone.Value), console.Escape(f.Phone.From))
	}
	image := f.Image.Value
	if image == "" {
		image = "not stated"
	}
	side := "image " + console.Pad(console.Escape(image), imageWidth) + "  phone " + phone
	if textColumn+len([]rune(side)) > width {
		return "image " + console.Wrap(console.Escape(image), textColumn+6, width) + "\n" + strings.Repeat(" ", textColumn) + "phone " + console.Wrap(phone, textColumn+6, width)
	}
	return side
}

// advice is the next step, in the words of the command line.
func advice(f hwcheck.Finding) string {
	text := f.Advice
	if flags := flagsFor(f.Rule); flags != "" && f.Phone.Value == "" && f.Outcome != hwcheck.NotApplicable {
		text = strings.TrimSuffix(text, ".") + " (" + flags + ")."
	}
	switch {
	case f.Outcome == hwcheck.Overridden && f.Rule == hwcheck.SameVersion && f.Lifted == hwcheck.Pass:
		return "The phone runs this version and gets it again: --reinstall."
	case f.Outcome == hwcheck.Overridden:
		return "Would be " + string(f.Lifted) + "; lifted by --" + f.Lift + "."
	case f.Lift == "":
		return text
	}
	return text + " Or lift it with --" + f.Lift + "."
}

// flagsFor names the flags that say what a rule needs to know of a phone.
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
