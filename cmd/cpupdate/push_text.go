package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// draw writes the answer as text: where the image is, then how it was verified.
func (p *pushing) draw(w io.Writer, event, where string, l transfer.Location) {
	im := p.sheet.im
	word := p.con.paint(green, "sent")
	if event != "sent" {
		word = p.con.paint(yellow, "not sent")
	}
	fmt.Fprintf(w, "%s   %s  to  %s\n\n", word, escape(displayName(im.name)), escape(where))
	row := func(name, text string) {
		const column = 12
		fmt.Fprintf(w, "  %s%s\n", pad(name, column-2), wrap(escape(text), column, p.con.width))
	}
	row("image", imageLine(im, p.file.Facts()))
	if len(p.sheet.verdict.Findings) > 0 { // with phones, each phone is checked by itself
		row("check", compatibleLine(p.sheet.verdict))
	}
	if p.d.origin != "flags" {
		row("settings", p.d.origin)
	}
	row("size", fmt.Sprintf("%s (%d bytes)", bytesText(l.Size), l.Size))
	if event != "sent" {
		row("dry run", "nothing was sent, and no connection opened")
		return
	}
	row("sha256", fmt.Sprintf("%x", l.SHA256))
	row("proof", proofLine(l))
	row("time", timeLine(l))
}

// imageLine describes the image; facts has the result of the digest that was computed while sending.
func imageLine(im *image, facts bind.Facts) string {
	words := []string{}
	for _, word := range []string{im.facts.SoftwareType.Value, im.facts.Version.Value.String()} {
		if word != "" {
			words = append(words, word)
		}
	}
	if family := im.facts.Family.Value; family != "" {
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

// compatibleLine says in one line why an image may be sent.
func compatibleLine(v hwcheck.Verdict) string {
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
		text += ", overridden: " + strings.Join(lifted, ", ")
	}
	return text
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
	text := fmt.Sprintf("%s, %s/s", span(l.Duration), bytesText(rate(l)))
	if l.Attempts > 1 {
		text += fmt.Sprintf(", attempt %d", l.Attempts)
	}
	return text
}
