package htmlform

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// A Form is a form of a page, with its controls in their order.
type Form struct {
	Page     *Page
	Headings []string // the one before it, and those in it
	Controls []*Control

	id      string
	action  string
	method  string
	enctype string
}

// A Control is a part of a form that sends something.
type Control struct {
	Kind     string // hidden, text, password, file, checkbox, radio, submit, image, select, textarea, ...
	Name     string
	Value    string
	Disabled bool

	id       string
	form     *Form
	owner    string // the form that it names itself
	owned    bool   // it names one
	checked  bool
	multiple bool
	readOnly bool
	limited  bool // it takes limit characters at most
	limit    int
	options  []option
	labels   []string          // that name it
	before   string            // the cell before it, if nothing names it better
	button   map[string]string // attributes of a button: where it sends, and what it is called
	caption  string            // text on a button
}

// An option is one choice of a selection.
type option struct {
	value    string
	text     string // as displayed
	selected bool
	disabled bool
}

// Media types of what a form sends.
const (
	URLEncoded = "application/x-www-form-urlencoded"
	Multipart  = "multipart/form-data"
)

// fillable takes from a tag what a person can fill in.
func (r *reader) fillable(name string, a map[string]string) error {
	switch name {
	case "form":
		if r.form != nil {
			return nil // forms do not nest
		}
		if len(r.p.Forms) >= MaxForms {
			return ErrTooLarge
		}
		r.form = &Form{Page: r.p, id: a["id"], action: a["action"], method: strings.ToLower(a["method"]), enctype: knownType(a["enctype"])}
		if r.heading != "" {
			r.form.Headings = []string{r.heading}
		}
		r.p.Forms = append(r.p.Forms, r.form)
	case "fieldset":
		if _, disabled := a["disabled"]; disabled && !r.disabled.open() {
			r.disabled = region{name, 1}
		}
	case "option":
		return r.option(a)
	case "input", "button", "select", "textarea":
		return r.control(name, a)
	}
	return nil
}

// knownType returns the media type that a form states. As in browsers, an unknown one is the default.
func knownType(enctype string) string {
	switch kind := strings.ToLower(strings.TrimSpace(enctype)); kind {
	case Multipart, "text/plain":
		return kind
	}
	return URLEncoded
}

// control adds a control.
func (r *reader) control(name string, a map[string]string) error {
	if len(r.controls) >= MaxControls {
		return ErrTooLarge
	}
	has := func(attribute string) bool { _, there := a[attribute]; return there }
	c := &Control{
		form: r.form, id: a["id"], Kind: name, Name: a["name"], Value: a["value"], checked: has("checked"), multiple: has("multiple"),
		readOnly: has("readonly"),
	}
	c.limit, c.limited = maxLength(a["maxlength"])
	c.owner, c.owned = a["form"]
	c.Disabled = has("disabled") || r.disabled.open()
	switch kind := strings.ToLower(strings.TrimSpace(a["type"])); name {
	case "input":
		if c.Kind = kind; kind == "" {
			c.Kind = "text"
		}
		if (kind == "checkbox" || kind == "radio") && !has("value") {
			c.Value = "on"
		}
		if c.Kind == "text" && !r.hidden.open() {
			r.endCell()
			c.before = r.lastCell()
			r.addCell(cut(c.Value, MaxCell)) // it is displayed
		}
	case "button":
		if c.Kind = kind; kind != "reset" && kind != "button" {
			c.Kind = "submit"
		}
		r.gather(name, false, func(text string) { c.caption = text })
	case "select":
		r.choice = c
	case "textarea":
		r.gather(name, true, func(text string) { c.Value = strings.TrimPrefix(strings.ReplaceAll(text, "\r\n", "\n"), "\n") })
	}
	if c.Kind == "submit" || c.Kind == "image" {
		c.button = a
	}
	if len(r.p.Cells) > 0 && c.Kind != "text" {
		r.endCell()
		c.before = r.lastCell()
	}
	if r.label != nil {
		r.label.controls = append(r.label.controls, c)
	}
	r.controls = append(r.controls, c)
	return nil
}

// option adds an option to the open selection.
func (r *reader) option(a map[string]string) error {
	c := r.choice
	if c == nil {
		return nil
	}
	if len(c.options) >= MaxControls {
		return ErrTooLarge
	}
	o := option{}
	_, o.selected = a["selected"]
	_, o.disabled = a["disabled"]
	value, stated := a["value"]
	o.value = value
	c.options = append(c.options, o)
	n := len(c.options) - 1
	r.gather("option", true, func(text string) {
		if text = strings.Join(strings.Fields(text), " "); !stated {
			c.options[n].value = text
		}
		c.options[n].text = cut(text, MaxCell)
	})
	return nil
}

// assign gives controls to their forms and labels to their controls.
func (r *reader) assign() {
	forms := map[string]*Form{}
	for _, f := range r.p.Forms {
		if _, again := forms[f.id]; f.id != "" && !again {
			forms[f.id] = f
		}
	}
	byID := map[string]*Control{}
	for _, c := range r.controls {
		if c.owned {
			c.form = forms[c.owner]
		}
		if c.form != nil {
			c.form.Controls = append(c.form.Controls, c)
		}
		if _, again := byID[c.id]; c.id != "" && !again {
			byID[c.id] = c
		}
	}
	for _, l := range r.labels {
		for _, c := range l.controls {
			c.labels = append(c.labels, l.text)
		}
		if c := byID[l.target]; c != nil && len(c.labels) < maxNested {
			c.labels = append(c.labels, l.text)
		}
	}
}

// Of returns the controls of a kind that are not disabled.
func (f *Form) Of(kind string) []*Control {
	return slices.DeleteFunc(slices.Clone(f.Controls), func(c *Control) bool { return c.Kind != kind || c.Disabled })
}

// Hidden returns the value of the hidden field of a name; "" if there is none.
func (f *Form) Hidden(name string) string {
	for _, c := range f.Of("hidden") {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// attribute returns what the form says of where or how it sends; its button overrides it.
func (f *Form) attribute(ofButton, ofForm string) string {
	if b := f.submitButton(); b != nil && b.button[ofButton] != "" {
		return b.button[ofButton]
	}
	return ofForm
}

// Action returns where the form sends to, as the page says it.
func (f *Form) Action() string { return f.attribute("formaction", f.action) }

// Target returns the address that the form sends to, on whatever host that is.
func (f *Form) Target() (*url.URL, error) {
	action := f.Action()
	if strings.TrimSpace(action) == "" {
		return Resolve(f.Page.URL, "")
	}
	return Resolve(f.Page.Base, action)
}

// IsPost reports whether the form sends its fields in a body, not in an address.
func (f *Form) IsPost() bool { return strings.EqualFold(f.attribute("formmethod", f.method), "post") }

// MediaType returns the media type of what the form sends.
func (f *Form) MediaType() string { return knownType(f.attribute("formenctype", f.enctype)) }

// Signature returns what tells a form from others: where it sends, its controls, and the hidden values that name its page and the
// type of file. Other values may change from one reading to the next.
func (f *Form) Signature() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q %q %t %s", f.Action(), f.Page.Base.Path, f.IsPost(), f.MediaType())
	for _, c := range f.Controls {
		fmt.Fprintf(&b, " %s %q %t", c.Kind, c.Name, c.Disabled && c.Kind == "file")
		if c.Name == "page_submit" || c.Kind == "hidden" && Mention(c.Name, []string{"file type"}) != "" {
			fmt.Fprintf(&b, " %q", c.Value)
		}
	}
	return b.String()
}
