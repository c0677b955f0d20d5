package console

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// An Output says what a command has to say: its answer on stdout, notes on the way and the error that ends it on stderr. As
// text it is for people, as JSON for programs, and silence says nothing at all. A quiet one leaves out the notes; as text
// the answer too, which the exit code tells. What the methods do is said at those of Console.
type Output interface {
	Print(doc any, text func(w io.Writer)) error
	Part(text func(w io.Writer)) error
	Emit(doc any, text func(w io.Writer)) error
	Note(kind, file, message string)
	Remark(kind, about, message string)
	Said(line string)
	Report(err error)

	// meter returns what draws how much was sent, and how often it does, or nil.
	meter(p *Progress) (draw func(sent int64), interval time.Duration)
}

// Output returns the output that the flags ask for. They may not be parsed yet.
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
// complete.
func (c *Console) Print(doc any, text func(w io.Writer)) error { return c.Output().Print(doc, text) }

// Part writes a part of an answer as text: as JSON the whole of it is printed in the end.
func (c *Console) Part(text func(w io.Writer)) error { return c.Output().Part(text) }

// Emit writes one object of an answer that is one object a line, or what text writes, or notes instead.
func (c *Console) Emit(doc any, text func(w io.Writer)) error { return c.Output().Emit(doc, text) }

// Note writes one line about a file to stderr that is neither answer nor error.
func (c *Console) Note(kind, file, message string) { c.Output().Note(kind, file, message) }

// Remark writes a note about what is no file: a phone, a setting, this machine.
func (c *Console) Remark(kind, about, message string) { c.Output().Remark(kind, about, message) }

// Said writes a line of the dialogue with a server if --verbose is set.
func (c *Console) Said(line string) { c.Output().Said(line) }

// Report writes the error of a command and returns its exit code.
func (c *Console) Report(err error) exit.Code {
	if err == nil {
		return exit.CodeOK
	}
	c.Output().Report(err)
	return exit.Classify(err).Code
}

// A textOutput is an Output for people.
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

func (o textOutput) Note(kind, file, message string) { o.Remark(kind, file, message) }

func (o textOutput) Remark(kind, about, message string) {
	if !o.c.Quiet {
		fmt.Fprintln(o.c.Err, kind+": "+Escape(about)+": "+Escape(message))
	}
}

func (o textOutput) Said(line string) {
	if o.c.Verbose && !o.c.Quiet {
		fmt.Fprintln(o.c.Err, Escape(line))
	}
}

func (o textOutput) Report(err error) {
	f := exit.Classify(err)
	fmt.Fprintln(o.c.Err, "cpupdate: "+Escape(f.Error()))
	for _, hint := range f.Hints {
		fmt.Fprintln(o.c.Err, "hint: "+Escape(hint))
	}
}

// A jsonOutput is an Output for programs. Nothing is left to tell a note or an error to if stderr cannot be written.
type jsonOutput struct{ c *Console }

func (o jsonOutput) Print(doc any, _ func(w io.Writer)) error {
	return answerFailure(writeJSON(o.c.Out, doc, true))
}

func (o jsonOutput) Part(func(w io.Writer)) error { return nil }

func (o jsonOutput) Emit(doc any, _ func(w io.Writer)) error {
	return answerFailure(writeJSON(o.c.Out, doc, false))
}

func (o jsonOutput) Note(kind, file, message string) { o.note(kind, "file", file, message) }

func (o jsonOutput) Remark(kind, about, message string) { o.note(kind, "about", about, message) }

// note writes a note; key is what names its subject.
func (o jsonOutput) note(kind, key, subject, message string) {
	if o.c.Quiet {
		return
	}
	note := map[string]string{key: subject, "why": message}
	_ = writeJSON(o.c.Err, map[string]any{"schema": 1, strings.ReplaceAll(kind, " ", "_"): note}, false)
}

func (o jsonOutput) Said(line string) {
	if o.c.Verbose && !o.c.Quiet {
		_ = writeJSON(o.c.Err, map[string]any{"schema": 1, "said": line}, false)
	}
}

func (o jsonOutput) Report(err error) {
	_ = writeJSON(o.c.Err, struct {
		Schema int            `json:"schema"`
		Error  *exit.ErrorDoc `json:"error"`
	}{1, exit.NewErrorDoc(err)}, false)
}

// A silence is an Output for nobody.
type silence struct{}

func (silence) Print(any, func(w io.Writer)) error           { return nil }
func (silence) Part(func(w io.Writer)) error                 { return nil }
func (silence) Emit(any, func(w io.Writer)) error            { return nil }
func (silence) Note(string, string, string)                  {}
func (silence) Remark(string, string, string)                {}
func (silence) Said(string)                                  {}
func (silence) Report(error)                                 {}
func (silence) meter(*Progress) (func(int64), time.Duration) { return nil, 0 }

// answerFailure returns the failure for an answer that could not be written.
func answerFailure(err error) error {
	if err == nil {
		return nil
	}
	return exit.New(exit.CodeInternal, fmt.Errorf("writing the answer: %w", exit.WithoutPath(err)), "check where standard output goes, and the free space there")
}
