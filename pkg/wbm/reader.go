package wbm

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// A reader reads a page token by token. No tree is built: a small page can make a tree of gigabytes, since the rules of HTML
// repeat elements that were left open. Time and memory are in proportion to the page, however deep it is nested.
type reader struct {
	p       *page
	z       *html.Tokenizer
	words   collapser // the page
	run     collapser // the cell
	mute    region    // in it nothing is seen
	inert   bool      // in the muted region nothing counts at all
	idle    region    // a fieldset that is disabled
	sinks   []*sink
	form    *form // the open one; nil if none is
	heading string
	label   *label // the open one
	labels  []*label
	choice  *control // the open selection
	all     []*control
	based   bool
}

// A region is an element and all that is in it. The zero value is none.
type region struct {
	name  string
	depth int
}

func (r *region) open() bool { return r.depth > 0 }

func (r *region) start(name string) {
	if r.depth > 0 && r.name == name {
		if r.depth++; closesItself(name) {
			r.depth = 0
		}
	}
}

func (r *region) end(name string) {
	if r.depth > 0 && r.name == name {
		r.depth--
	}
}

// A sink gathers the text of one element.
type sink struct {
	region
	collapser
	raw  bool // it gathers what is not seen, too, as it stands
	done func(text string)
}

// A label is what stands beside a control.
type label struct {
	target   string
	text     string
	controls []*control
}

func newReader(p *page, text string) *reader {
	r := &reader{p: p, z: html.NewTokenizer(strings.NewReader(text))}
	r.words.limit, r.run.limit = maxText, maxRun
	return r
}

func (r *reader) read() error {
	for {
		var err error
		switch r.z.Next() {
		case html.ErrorToken:
			if err := r.z.Err(); !errors.Is(err, io.EOF) {
				return err
			}
			r.finish()
			return nil
		case html.TextToken:
			r.text(string(r.z.Text()))
		case html.StartTagToken, html.SelfClosingTagToken: // HTML takes one for the other
			err = r.start()
		case html.EndTagToken:
			name, _ := r.z.TagName()
			r.end(string(name))
		case html.CommentToken, html.DoctypeToken:
		}
		if err != nil {
			return err
		}
	}
}

// text hands on what stands between two tags.
func (r *reader) text(text string) {
	for _, s := range r.sinks {
		if s.raw {
			s.raws(text)
		} else if !r.mute.open() {
			s.add(text)
		}
	}
	if !r.mute.open() {
		r.words.add(text)
		r.run.add(text)
	}
}

// gather opens a sink, unless there are too many.
func (r *reader) gather(name string, raw bool, done func(string)) {
	if len(r.sinks) >= maxSinks {
		return
	}
	limit := maxRun
	if raw {
		limit = maxText
	}
	r.sinks = append(r.sinks, &sink{region: region{name, 1}, collapser: collapser{limit: limit}, raw: raw, done: done})
}

// close ends the sinks that an element ended, the innermost first.
func (r *reader) close(all bool) {
	for i := len(r.sinks) - 1; i >= 0; i-- {
		if s := r.sinks[i]; all || !s.open() {
			r.sinks = slices.Delete(r.sinks, i, i+1)
			s.done(s.String())
		}
	}
}

// attributes of the tag at hand; of two alike the first counts. What has more than maxAttributes is no tag of a phone.
func (r *reader) attributes() (map[string]string, error) {
	const maxAttributes = 64
	found := map[string]string{}
	for more := true; more; {
		var key, value []byte
		key, value, more = r.z.TagAttr()
		if name := string(bytes.ToLower(key)); name != "" {
			if _, again := found[name]; !again {
				found[name] = string(value)
			}
		}
		if len(found) > maxAttributes {
			return nil, errTooMuch
		}
	}
	return found, nil
}

func (r *reader) start() error {
	tag, more := r.z.TagName()
	name := string(tag)
	var a map[string]string
	if more {
		var err error
		if a, err = r.attributes(); err != nil {
			return err
		}
	}
	r.boundary(name)
	if beginsRow(name) {
		r.addRun("")
	}
	for _, s := range r.sinks {
		s.start(name)
	}
	r.mute.start(name)
	r.idle.start(name)
	r.close(false)
	if !r.mute.open() {
		r.mute, r.inert = muted(name, a)
	}
	if r.mute.open() && r.inert {
		return nil
	}
	if err := r.see(name, a); err != nil {
		return err
	}
	return r.fill(name, a)
}

func (r *reader) end(name string) {
	r.boundary(name)
	for _, s := range r.sinks {
		if s.end(name); s.name == "option" && (name == "select" || name == "optgroup") {
			s.depth = 0
		}
	}
	r.close(false)
	r.mute.end(name)
	r.idle.end(name)
	if r.mute.open() && r.inert {
		return
	}
	switch name {
	case "form":
		r.form = nil
	case "select":
		r.choice = nil
	}
}

// boundary notes where a cell or a line ends.
func (r *reader) boundary(name string) {
	if isInline(name) {
		return
	}
	for _, s := range r.sinks {
		if !s.raw {
			s.add(" ")
		}
	}
	r.words.add(" ")
	r.endRun()
}

// beginsRow reports whether a new row begins with an element: what stands before it is no label of what comes.
func beginsRow(name string) bool {
	return slices.Contains([]string{"tr", "dt", "dl", "table", "form", "h1", "h2", "h3", "h4", "h5", "h6"}, name)
}

func (r *reader) endRun() {
	if text := r.run.String(); text != "" {
		r.addRun(text)
	}
	r.run = collapser{limit: maxRun}
}

func (r *reader) addRun(text string) {
	if n := len(r.p.runs); n < maxRuns && (text != "" || n > 0 && r.p.runs[n-1] != "") {
		r.p.runs = append(r.p.runs, text)
	}
}

// finish ends what the page left open, and gives labels and forms what is theirs.
func (r *reader) finish() {
	r.close(true)
	r.endRun()
	r.p.text = r.words.String()
	r.hand()
}
