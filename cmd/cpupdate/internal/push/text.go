package push

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/verdict"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// draw writes the answer for a person: where the image lies, then how sure that is.
func (p *upload) draw(w io.Writer, event, where string, l transfer.Location) {
	im := p.sheet.im
	word := p.con.Paint(console.Green, "sent")
	if event != "sent" {
		word = p.con.Paint(console.Yellow, "not sent")
	}
	fmt.Fprintf(w, "%s   %s  to  %s\n\n", word, console.Escape(images.DisplayName(im.Name)), console.Escape(where))
	row := func(name, text string) {
		const column = 12
		fmt.Fprintf(w, "  %s%s\n", console.Pad(name, column-2), console.Wrap(console.Escape(text), column, p.con.Width))
	}
	row("image", imageLine(im, p.file.Facts()))
	if len(p.sheet.verdict.Findings) > 0 { // with phones each of them is checked by itself
		row("check", verdict.CompatibleLine(p.sheet.verdict))
	}
	if p.d.Origin != "flags" {
		row("settings", p.d.Origin)
	}
	row("size", fmt.Sprintf("%s (%d bytes)", console.Bytes(l.Size), l.Size))
	if event != "sent" {
		row("dry run", "nothing was sent, and no connection opened")
		return
	}
	if sum := p.file.Facts().PayloadSHA256; sum.Known() {
		row("payload", "sha256 "+console.ShortHex(sum.Value)+" verified")
	}
	if l.SHA256 != nil {
		row("sha256", fmt.Sprintf("%x", *l.SHA256))
	}
	row("proof", proofLine(l))
	row("time", timeLine(l))
}

// imageLine says what the image is; the facts know what its digest was found to be on the way.
func imageLine(im *images.Image, facts bind.Facts) string {
	words := []string{}
	for _, word := range []string{im.Facts.SoftwareType.Value, im.Facts.Version.Value.String()} {
		if word != "" {
			words = append(words, word)
		}
	}
	if family := im.Facts.Family.Value; family != "" {
		words = append(words, "for", family)
	}
	line := strings.Join(words, " ")
	if facts.Integrity.Digest == bind.Right {
		line += ", intact"
	}
	if facts.Integrity.Signature.State == bind.SignatureRight {
		line += ", signature right"
	}
	return line
}

// proofLine says what was compared.
func proofLine(l transfer.Location) string {
	words := map[transfer.Proof]string{
		transfer.ProofSize:     "the server tells the right size",
		transfer.ProofDigest:   "the server tells the right SHA-256",
		transfer.ProofReadBack: "read back, it has the right SHA-256",
	}
	var out []string
	for _, proof := range l.Proofs {
		out = append(out, words[proof])
	}
	text := strings.Join(out, "; ")
	if l.Replaced {
		text += "; it replaced a file of this name"
	}
	return text
}

func timeLine(l transfer.Location) string {
	step := 10 * time.Millisecond
	if l.Duration < time.Second {
		step = time.Millisecond
	}
	text := fmt.Sprintf("%s at %s/s", l.Duration.Round(step), console.Bytes(rate(l)))
	if l.Attempts > 1 {
		text += fmt.Sprintf(", at attempt %d", l.Attempts)
	}
	return text
}
