package htmlform

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// A reader reads a page token by token. It builds no tree: a small page can make a tree of gigabytes, since the rules of HTML
// repeat elements that were left open. Time and memory are in proportion to the page, however deep it is nested.
type reader struct {
	p        *Page
	z        *html.Tokenizer
	text     normaliser // of the page
	cell     normaliser
	hidden   region // in it nothing is visible
	ignored  bool   // in the hidden region controls do not count either
	disabled region // a fieldset that is disabled
	gathered []*gatherer
	form     *Form // the open one, or nil
	heading  string
	label    *label // the open one, or nil
	labels   []*label
	choice   *Control // the open selection, or nil
	controls []*Control
	based    bool // a base was stated
}

// A region is an element and all that is in it. The zero value is none.
type region struct {
	name  string
	depth int
}

func (r *region) open() bool { return r.depth > 0 }

func (r *region) start(name string) {
	if r.depth > 0 && r.name == name {
		if r.depth++; endsItself(name) {
			r.depth = 0
		}
	}
}

func (r *region) end(name string) {
	if r.depth > 0 && r.name == name {
		r.depth--
	}
}

// A gatherer gathers the text of one element.
type gatherer struct {
	region
	normaliser
	raw  bool // gather hidden text, too, as it stands
	done func(text string)
}

// A label is the text of a label element and the controls in it.
type label struct {
	target   string
	text     string
	controls []*Control
}

func newReader(p *Page, text string) *reader {
	r := &reader{p: p, z: html.NewTokenizer(strings.NewReader(text))}
	r.text.limit, r.cell.limit = MaxText, MaxCell
	return r
}

// read reads the page to its end.
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
			r.addText(string(r.z.Text()))
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

// addText adds the text between two tags to whatever is gathered.
func (r *reader) addText(text string) {
	for _, g := range r.gathered {
		if g.raw {
			g.addRaw(text)
		} else if !r.hidden.open() {
			g.add(text)
		}
	}
	if !r.hidden.open() {
		r.text.add(text)
		r.cell.add(text)
	}
}

// gather begins to gather the text of an element, unless too many are open.
func (r *reader) gather(name string, raw bool, done func(string)) {
	if len(r.gathered) >= maxNested {
		return
	}
	limit := MaxCell
	if raw {
		limit = MaxText
	}
	r.gathered = append(r.gathered, &gatherer{region: region{name, 1}, normaliser: normaliser{limit: limit}, raw: raw, done: done})
}

// deliver hands over the text of elements that have ended, or of all, the innermost first.
func (r *reader) deliver(all bool) {
	for i := len(r.gathered) - 1; i >= 0; i-- {
		if g := r.gathered[i]; all || !g.open() {
			r.gathered = slices.Delete(r.gathered, i, i+1)
			g.done(g.String())
		}
	}
}

// attributes returns the attributes of the current tag; of two alike the first counts.
func (r *reader) attributes() (map[string]string, error) {
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
			return nil, ErrTooLarge
		}
	}
	return found, nil
}

// start handles a start tag.
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
		r.addCell("")
	}
	for _, g := range r.gathered {
		g.start(name)
	}
	r.hidden.start(name)
	r.disabled.start(name)
	r.deliver(false)
	if !r.hidden.open() {
		r.hidden, r.ignored = hiddenRegion(name, a)
	}
	if r.hidden.open() && r.ignored {
		return nil
	}
	if err := r.visible(name, a); err != nil {
		return err
	}
	return r.fillable(name, a)
}

// end handles an end tag.
func (r *reader) end(name string) {
	r.boundary(name)
	for _, g := range r.gathered {
		if g.end(name); g.name == "option" && (name == "select" || name == "optgroup") {
			g.depth = 0
		}
	}
	r.deliver(false)
	r.hidden.end(name)
	r.disabled.end(name)
	if r.hidden.open() && r.ignored {
		return
	}
	switch name {
	case "form":
		r.form = nil
	case "select":
		r.choice = nil
	}
}

// boundary notes that a cell or a line ends at a tag, unless that stands in the middle of a line.
func (r *reader) boundary(name string) {
	if isInline(name) {
		return
	}
	for _, g := range r.gathered {
		if !g.raw {
			g.add(" ")
		}
	}
	r.text.add(" ")
	r.endCell()
}

// endCell ends the current cell.
func (r *reader) endCell() {
	if text := r.cell.String(); text != "" {
		r.addCell(text)
	}
	r.cell = normaliser{limit: MaxCell}
}

// addCell adds a cell; "" begins a row.
func (r *reader) addCell(text string) {
	if n := len(r.p.Cells); n < MaxCells && (text != "" || n > 0 && r.p.Cells[n-1] != "") {
		r.p.Cells = append(r.p.Cells, text)
	}
}

// lastCell returns the last cell; "" if there is none, or a row begins.
func (r *reader) lastCell() string {
	if n := len(r.p.Cells); n > 0 {
		return r.p.Cells[n-1]
	}
	return ""
}

// finish ends what the page left open, and assigns labels and controls.
func (r *reader) finish() {
	r.deliver(true)
	r.endCell()
	r.p.Text = r.text.String()
	r.assign()
}
