package images

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/display"
)

// Text writes one image.
func Text(w io.Writer, con *console.Console, im *Image, bytes bool) {
	name := console.Escape(DisplayName(im.Name))
	about, color, verdict := headline(im)
	if text := about + verdict; console.Columns(name+"   "+text) > con.Width {
		fmt.Fprintf(w, "%s\n   %s\n", con.Paint(console.Bold, name), con.Paint(color, console.Wrap(text, 3, con.Width)))
	} else {
		fmt.Fprintf(w, "%s   %s%s\n", con.Paint(console.Bold, name), about, con.Paint(color, verdict))
	}
	if !im.Readable {
		fmt.Fprintf(w, "\n  %s\n", console.Wrap(console.Escape(im.Cause.Error()), 2, con.Width))
		return
	}
	fmt.Fprintln(w)
	for _, row := range imageRows(im) {
		printRow(w, con, row)
	}
	if im.Err != nil {
		printRow(w, con, row{"wrong", im.Cause.Error(), ""})
	}
	if bytes {
		fmt.Fprintln(w)
		drawBytes(w, con, im)
	}
	if con.Verbose {
		fmt.Fprintln(w)
		drawFields(w, con, im)
	}
}

// headline returns the format of the image, and its state with the colour for it.
func headline(im *Image) (about string, color console.Style, verdict string) {
	about = im.Facts.Format.Title() + " image, "
	if im.Facts.Format == bind.Descriptor {
		about = "image without a known header, described, "
	}
	switch im.State() {
	case stateUnreadable:
		return "", console.Red, "not a readable image"
	case StateDamaged:
		if !im.Readable {
			about = ""
		}
		return about, console.Red, "damaged"
	case stateUntrusted:
		if im.Facts.Integrity.Signature.State == bind.SignatureWrong {
			return about, console.Red, "not trusted: the signature is invalid"
		}
		return about, console.Red, "not trusted: not signed by a trusted key"
	case StateUnread:
		return about, console.Yellow, "header valid, payload not read"
	case stateUnverified:
		return about, console.Yellow, "length valid, no digest to verify it with"
	}
	return about, console.Green, "intact"
}

// A row is one line of an image's facts: its name, its value, and a remark next to it.
type row struct{ name, value, comment string }

// printRow writes a row. A remark that does not fit on the line goes below its value.
func printRow(w io.Writer, con *console.Console, r row) {
	const nameWidth, valueWidth, valueColumn = 16, 30, 20
	name, value := console.Plain.Cell(r.name), console.Plain.Cell(r.value)
	if beside := con.Layout(2, nameWidth, valueWidth); beside.Fits(name, value, console.Plain.Cell(r.comment)) {
		fmt.Fprintln(w, beside.Line(name, value, console.Faint.Cell(r.comment)))
		return
	}
	fmt.Fprintln(w, con.Layout(2, nameWidth).Line(name, value))
	if r.comment != "" {
		fmt.Fprintln(w, con.Layout(valueColumn).Line(console.Faint.Cell("("+r.comment+")")))
	}
}

// imageRows returns the values that an image states, in the order of display.
func imageRows(im *Image) []row {
	f := im.Facts
	rows := []row{
		{"family", orNone(f.Family.Known(), f.Family.Value), origin(f.Family.Origin)},
		{"models", modelsText(f), origin(f.Models.Origin)},
	}
	if f.Platform.Known() {
		rows = append(rows, row{"platform", f.Platform.Value, origin(f.Platform.Origin)})
	}
	rows = append(rows, softwareRows(f)...)
	rows = append(rows,
		row{"hardware levels", orNone(f.Levels.Known(), f.Levels.Value.String()), ruleComment(im)})
	if f.Development {
		rows = append(rows, row{"kind of build", "development", "observed: major version 0"})
	}
	if f.UpdateFrom.Known() {
		rows = append(rows, row{"update from", f.UpdateFrom.Value.String() + " or newer", ""})
	}
	if f.Built.Known() {
		rows = append(rows, row{"built", f.Built.Value.Format("2006-01-02 15:04 UTC"), ""})
	}
	if f.Note.Known() {
		rows = append(rows, row{"note", f.Note.Value, origin(f.Note.Origin)})
	}
	if other := otherFields(im); other != "" {
		rows = append(rows, row{"other fields", other, "meaning unknown"})
	}
	return append(rows, integrityRows(im)...)
}

// softwareRows returns one row if type and version have the same origin, else two.
func softwareRows(f bind.Facts) []row {
	kind, version := origin(f.SoftwareType.Origin), origin(f.Version.Origin)
	if kind == version || !f.SoftwareType.Known() {
		return []row{{"software", strings.TrimSpace(f.SoftwareType.Value + " " + f.Version.Value.String()), version}}
	}
	return []row{{"software type", f.SoftwareType.Value, kind}, {"software version", f.Version.Value.String(), version}}
}

// otherFields returns the unknown fields of a CPB header.
func otherFields(im *Image) string {
	var names []string
	for _, f := range im.fields {
		if len(f.Head) > 0 && f.Confidence == bind.Observed {
			names = append(names, fmt.Sprintf("0x%02x%02x (%s)", f.Head[0], f.Head[1], display.Plural(len(f.Raw), "byte")))
		}
	}
	return strings.Join(names, ", ")
}

// ruleComment says which of the manual's two rules applies, and whether a descriptor states it.
func ruleComment(im *Image) string {
	rule := fmt.Sprintf("rule %d applies", im.rule())
	if im.Facts.Levels.Source == bind.FromDescriptor {
		return "stated, " + rule
	}
	return rule
}

func orNone(known bool, text string) string {
	if !known {
		return "not stated"
	}
	return text
}

func modelsText(f bind.Facts) string {
	switch {
	case f.Models.Known():
		return strings.Join(f.Models.Value, ", ")
	case f.Format == bind.CPB:
		return "every model of the family"
	}
	return "not stated"
}

// origin says where a value comes from, or returns "" for the documented header.
func origin(o bind.Origin) string {
	switch {
	case o.Source == "" || o.Confidence == bind.Documented:
		return ""
	case o.Source == bind.FromDescriptor:
		return "from descriptor"
	}
	return fmt.Sprintf("%s in the %s", o.Confidence, o.Source)
}

// integrityRows returns what is known about the integrity of the image.
func integrityRows(im *Image) []row {
	f := im.Facts
	digest := map[bind.Check]string{
		bind.Right: "verified", bind.Wrong: "INVALID", bind.NotRead: "not verified",
	}[f.Integrity.Digest]
	var rows []row
	payload := "size unknown"
	if f.PayloadLength >= 0 {
		payload = display.Bytes(f.PayloadLength)
	}
	if f.PayloadSHA256.Known() {
		payload += ", sha256 " + console.ShortHex(f.PayloadSHA256.Value) + " " + digest
	}
	rows = append(rows, row{"payload", payload, ""})
	rows = append(rows, kernelRows(f)...)
	if sum := f.Integrity.SHA256; sum != nil {
		rows = append(rows, row{"whole file", display.Bytes(f.Size), ""}, row{"sha256", wholeDigest(f, *sum), ""})
	}
	rows = append(rows, row{"signature", signatureText(f.Integrity.Signature), ""})
	if f.HeaderLength > 0 {
		header := display.Plural(int(f.HeaderLength), "byte")
		if f.Format == bind.CPB {
			header += ", CRC valid"
		}
		rows = append(rows, row{"header", header, ""})
	}
	if f.Described != "" {
		rows = append(rows, row{"descriptor", f.Described, ""})
	}
	for _, name := range f.NamedBy {
		rows = append(rows, row{"", name + " comes from the file name only", ""})
	}
	for _, correction := range f.Corrections {
		rows = append(rows, row{"corrected", correction, ""})
	}
	return rows
}

// kernelRows returns what is known about the kernel part of an OpenStage image.
func kernelRows(f bind.Facts) []row {
	switch {
	case f.Format != bind.OpenStage:
		return nil
	case !f.Kernel.Known():
		return []row{{"kernel part", "no such header", "no U-Boot header at 0x40"}}
	}
	k := f.Kernel.Value
	state := kernelState(f) + ", " + display.Bytes(k.Length)
	if f.Integrity.Kernel == bind.NotRead {
		state = "CRC not checked, header intact"
	}
	rows := []row{{"kernel part", state, "observed at 0x40"}, {"kernel name", k.Name, "observed at 0x60"}}
	if !k.Version.IsZero() {
		rows = append(rows, row{"kernel version", k.Version.String(), "assumed from its name"})
	}
	return rows
}

// wholeDigest returns the complete digest, as sha256sum prints it, and whether it matches the descriptor.
func wholeDigest(f bind.Facts, sum [32]byte) string {
	text := hex.EncodeToString(sum[:])
	switch {
	case f.Described == "":
		return text
	case f.Integrity.Digest == bind.Wrong:
		return text + " WRONG"
	}
	return text + " verified"
}

// signatureText returns the result of the signature check in words.
func signatureText(s bind.Signature) string {
	key := ""
	if s.KeyID != (bind.KeyID{}) {
		key = ", key " + s.KeyID.String()
	}
	switch s.State {
	case bind.SignatureRight:
		return "valid" + key + " (" + s.KeyName + ")"
	case bind.SignatureWrong:
		return "WRONG" + key
	case bind.NoKey:
		return "not checked: no trusted key" + key
	case bind.Unsigned:
	}
	return "none"
}
