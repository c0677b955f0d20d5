package delivery

import (
	"fmt"
	"io"
	"strings"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/images"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/verdict"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// draw writes the answer as text: where the image is, then how it was verified.
func (p *upload) draw(w io.Writer, event, where string, l transfer.Location) {
	im := p.image.Read
	word := p.Console.Paint(console.Green, "sent")
	if event != "sent" {
		word = p.Console.Paint(console.Yellow, "not sent")
	}
	fmt.Fprintf(w, "%s   %s  to  %s\n\n", word, console.Escape(images.DisplayName(im.Name)), console.Escape(where))
	layout := p.Console.Layout(2, 8)
	row := func(name, text string) { fmt.Fprintln(w, layout.Line(console.Cells(name, text)...)) }
	row("image", imageLine(im, p.image.File.Facts()))
	if len(p.verdict.Findings) > 0 { // with phones, each phone is checked by itself
		row("check", verdict.CompatibleLine(p.verdict))
	}
	if p.server.Origin != "flags" {
		row("settings", p.server.Origin)
	}
	row("size", fmt.Sprintf("%s (%d bytes)", display.Bytes(l.Size), l.Size))
	if event != "sent" {
		row("dry run", "nothing was sent, and no connection opened")
		return
	}
	if sum := p.image.File.Facts().PayloadSHA256; sum.Known() {
		row("payload", "sha256 "+console.ShortHex(sum.Value)+" verified")
	}
	if l.SHA256 != nil {
		row("sha256", fmt.Sprintf("%x", *l.SHA256))
	}
	row("proof", proofLine(l))
	row("time", timeLine(l))
}

// imageLine describes the image; facts has the result of the digest that was computed while sending.
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
		line += ", signature valid"
	}
	return line
}

// proofLine says how the upload was verified.
func proofLine(l transfer.Location) string {
	words := map[transfer.Proof]string{
		transfer.ProofSize:     "the server confirms the size",
		transfer.ProofDigest:   "the server confirms the SHA-256",
		transfer.ProofReadBack: "read back, the SHA-256 matches",
	}
	var out []string
	for _, proof := range l.Proofs {
		out = append(out, words[proof])
	}
	text := strings.Join(out, "; ")
	if l.Replaced {
		text += "; an existing file was replaced"
	}
	return text
}

func timeLine(l transfer.Location) string {
	text := fmt.Sprintf("%s at %s/s", display.Span(l.Duration), display.Bytes(rate(l)))
	if l.Attempts > 1 {
		text += fmt.Sprintf(", attempt %d", l.Attempts)
	}
	return text
}
