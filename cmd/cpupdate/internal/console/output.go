package console

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// An Output writes the answer of a command to stdout, and its notes and its error to stderr: as text for people, as JSON for
// programs, or not at all. With --quiet it leaves out the notes, and a text answer too. Console documents its methods.
type Output interface {
	Print(doc any, text func(w io.Writer)) error
	Part(text func(w io.Writer)) error
	Emit(doc any, text func(w io.Writer)) error
	Note(kind, file, message string)
	NoteAbout(kind, about, message string)
	Dialog(line string)
	Report(err error)

	// meter returns a function that draws the progress, or nil, and the interval at which to call it.
	meter(p *Progress) (draw func(sent int64), interval time.Duration)
}

// Output returns the output that the flags select. It can be called before they are parsed.
func (c *Console) Output() Output {
	switch {
	case c.silent:
		return silence{}
	case c.JSON:
		return jsonOutput{c}
	}
	return textOutput{c}
}

// Print writes a command's answer: the document as JSON, or the output of text. It writes nothing before the answer is
// complete. Without text, the answer was shown in parts.
func (c *Console) Print(doc any, text func(w io.Writer)) error { return c.Output().Print(doc, text) }

// Part writes a part of a text answer. As JSON, Print writes the whole answer at the end.
func (c *Console) Part(text func(w io.Writer)) error { return c.Output().Part(text) }

// Emit writes one object of an answer that has one JSON object a line, or the output of text, which may write notes instead.
func (c *Console) Emit(doc any, text func(w io.Writer)) error { return c.Output().Emit(doc, text) }

// Note writes one line about a file to stderr that is neither answer nor error.
func (c *Console) Note(kind, file, message string) { c.Output().Note(kind, file, message) }

// NoteAbout writes a note about something other than a file: a phone, a setting, this machine.
func (c *Console) NoteAbout(kind, about, message string) { c.Output().NoteAbout(kind, about, message) }

// Dialog writes a line of the dialogue with a server if --verbose is set.
func (c *Console) Dialog(line string) { c.Output().Dialog(line) }

// Report writes the error of a command and returns its exit code.
func (c *Console) Report(err error) exit.Code {
	if err == nil {
		return exit.CodeOK
	}
	if own := (*exit.Error)(nil); errors.As(err, &own) {
		for i, hint := range own.Hints {
			own.Hints[i] = c.Flags.Whole(hint)
		}
	}
	c.Output().Report(err)
	return exit.Classify(err).Code
}

// A textOutput writes text for people.
type textOutput struct{ c *Console }

func (o textOutput) Print(_ any, text func(w io.Writer)) error { return o.Part(text) }

func (o textOutput) Emit(_ any, text func(w io.Writer)) error { return o.Part(text) }

func (o textOutput) Part(text func(w io.Writer)) error {
	if o.c.Quiet || text == nil {
		return nil
	}
	var buffer bytes.Buffer
	text(&buffer)
	if buffer.Len() == 0 {
		return nil
	}
	_, err := o.c.Out.Write(buffer.Bytes())
	return answerFailure(err)
}

func (o textOutput) Note(kind, file, message string) { o.NoteAbout(kind, file, message) }

func (o textOutput) NoteAbout(kind, about, message string) {
	if !o.c.Quiet {
		o.line(kind + ": " + Escape(about) + ": " + Escape(message))
	}
}

func (o textOutput) Dialog(line string) {
	if o.c.Verbose && !o.c.Quiet {
		fmt.Fprintln(o.c.Err, Escape(line))
	}
}

func (o textOutput) Report(err error) {
	f := exit.Classify(err)
	o.line("cpupdate: " + Escape(f.Error()))
	for _, fault := range f.Faults {
		o.line(fmt.Sprintf("  line %d: %s", fault.Line, Escape(fault.Message)))
		o.line("    hint: " + Escape(fault.Hint))
	}
	for _, hint := range o.c.Flags.Fit(f.Hints) {
		text := "hint: " + Escape(hint)
		before, command, found := strings.Cut(text, ": cpupdate ")
		if !found || !o.long(text) {
			o.line(text)
			continue
		}
		o.line(before + ":")
		fmt.Fprintln(o.c.Err, "  cpupdate "+command) // not broken: somebody may copy it
	}
}

// line writes escaped text to stderr. On a terminal, a long text is broken between words, and keeps the blanks that it begins with.
func (o textOutput) line(text string) {
	if o.long(text) {
		start := len(text) - len(strings.TrimLeft(text, " "))
		text = blanks(start) + wrap(text, start, start+2, o.c.ErrColumns())
	}
	fmt.Fprintln(o.c.Err, text)
}

// long reports whether the terminal of stderr would break a text.
func (o textOutput) long(text string) bool {
	return o.c.ErrTerminal && Columns(text) > o.c.ErrColumns()
}

// A jsonOutput writes JSON for programs. An error of writing to stderr cannot be reported anywhere.
type jsonOutput struct{ c *Console }

func (o jsonOutput) Print(doc any, _ func(w io.Writer)) error {
	return answerFailure(writeJSON(o.c.Out, doc, true))
}

func (o jsonOutput) Part(func(w io.Writer)) error { return nil }

func (o jsonOutput) Emit(doc any, _ func(w io.Writer)) error {
	return answerFailure(writeJSON(o.c.Out, doc, false))
}

func (o jsonOutput) Note(kind, file, message string) { o.note(kind, "file", file, message) }

func (o jsonOutput) NoteAbout(kind, about, message string) { o.note(kind, "about", about, message) }

// note writes a note; key is the name of its subject.
func (o jsonOutput) note(kind, key, subject, message string) {
	if o.c.Quiet {
		return
	}
	note := map[string]string{key: subject, "why": message}
	_ = writeJSON(o.c.Err, map[string]any{"schema": 1, strings.ReplaceAll(kind, " ", "_"): note}, false)
}

func (o jsonOutput) Dialog(line string) {
	if o.c.Verbose && !o.c.Quiet {
		_ = writeJSON(o.c.Err, map[string]any{"schema": 1, "said": line}, false)
	}
}

func (o jsonOutput) Report(err error) {
	doc := exit.NewErrorDoc(err)
	doc.Hints = append([]string{}, o.c.Flags.Fit(doc.Hints)...)
	_ = writeJSON(o.c.Err, errorLine{1, doc}, false)
}

// An errorLine is the JSON line on stderr for the error of a command.
type errorLine struct {
	Schema int            `json:"schema"`
	Error  *exit.ErrorDoc `json:"error"`
}

// A silence writes nothing.
type silence struct{}

func (silence) Print(any, func(w io.Writer)) error           { return nil }
func (silence) Part(func(w io.Writer)) error                 { return nil }
func (silence) Emit(any, func(w io.Writer)) error            { return nil }
func (silence) Note(string, string, string)                  {}
func (silence) NoteAbout(string, string, string)             {}
func (silence) Dialog(string)                                {}
func (silence) Report(error)                                 {}
func (silence) meter(*Progress) (func(int64), time.Duration) { return nil, 0 }

// answerFailure returns the failure for an answer that could not be written.
func answerFailure(err error) error {
	if err == nil {
		return nil
	}
	return exit.New(exit.CodeInternal, fmt.Errorf("writing the answer: %w", exit.WithoutPath(err)), "check where standard output goes, and the free space there")
}
