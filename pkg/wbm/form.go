package wbm

import (
	"net/url"
	"slices"
	"strings"
)

// A form is a form of a page, with its controls in their order.
type form struct {
	page     *page
	id       string
	action   string
	method   string
	enctype  string
	headings []string // the one before it, and those in it
	controls []*control
}

// A control is a part of a form that sends something.
type control struct {
	form     *form
	owner    string // the form that it names itself
	owned    bool   // it names one
	id       string
	kind     string // hidden, text, password, file, checkbox, radio, submit, image, select, textarea, ...
	name     string
	value    string
	checked  bool
	disabled bool
	multiple bool
	options  []option
	labels   []string
	sends    map[string]string // what a button says of where it sends, and of itself
	caption  string            // what stands on a button
}

// An option is one choice of a selection.
type option struct {
	value    string
	text     string // what somebody sees of it
	selected bool
	disabled bool
}

// fill takes from a tag what somebody can fill in.
func (r *reader) fill(name string, a map[string]string) error {
	switch name {
	case "form":
		if r.form != nil {
			return nil // no form is in another
		}
		if len(r.p.forms) >= maxForms {
			return errTooMuch
		}
		r.form = &form{page: r.p, id: a["id"], action: a["action"], method: strings.ToLower(a["method"]), enctype: mediaType(a["enctype"])}
		if r.heading != "" {
			r.form.headings = []string{r.heading}
		}
		r.p.forms = append(r.p.forms, r.form)
	case "fieldset":
		if _, disabled := a["disabled"]; disabled && !r.idle.open() {
			r.idle = region{name, 1}
		}
	case "option":
		return r.option(a)
	case "input", "button", "select", "textarea":
		return r.control(name, a)
	}
	return nil
}

// mediaType is how a form packs what it sends; browsers take what they do not know for the usual way.
func mediaType(enctype string) string {
	switch kind := strings.ToLower(strings.TrimSpace(enctype)); kind {
	case typeMultipart, "text/plain":
		return kind
	}
	return typeURLEncoded
}

const (
	typeURLEncoded = "application/x-www-form-urlencoded"
	typeMultipart  = "multipart/form-data"
)

func (r *reader) control(name string, a map[string]string) error {
	if len(r.all) >= maxControls {
		return errTooMuch
	}
	has := func(attribute string) bool { _, there := a[attribute]; return there }
	c := &control{form: r.form, id: a["id"], kind: name, name: a["name"], value: a["value"], checked: has("checked"), multiple: has("multiple")}
	c.owner, c.owned = a["form"]
	c.disabled = has("disabled") || r.idle.open()
	switch kind := strings.ToLower(strings.TrimSpace(a["type"])); name {
	case "input":
		if c.kind = kind; kind == "" {
			c.kind = "text"
		}
		if (kind == "checkbox" || kind == "radio") && !has("value") {
			c.value = "on"
		}
		if (c.kind == "text") && !r.mute.open() {
			r.endRun()
			r.addRun(cut(c.value, maxRun)) // somebody sees it
		}
	case "button":
		if c.kind = kind; kind != "reset" && kind != "button" {
			c.kind = "submit"
		}
		r.gather(name, false, func(text string) { c.caption = text })
	case "select":
		r.choice = c
	case "textarea":
		r.gather(name, true, func(text string) { c.value = strings.TrimPrefix(strings.ReplaceAll(text, "\r\n", "\n"), "\n") })
	}
	if c.kind == "submit" || c.kind == "image" {
		c.sends = a
	}
	if n := len(r.p.runs); n > 0 && c.kind != "text" {
		r.endRun()
		c.labels = append(c.labels, r.p.runs[len(r.p.runs)-1]) // what stands before it, if nothing names it better
	}
	if r.label != nil {
		r.label.controls = append(r.label.controls, c)
	}
	r.all = append(r.all, c)
	return nil
}

func (r *reader) option(a map[string]string) error {
	c := r.choice
	if c == nil {
		return nil
	}
	if len(c.options) >= maxControls {
		return errTooMuch
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
		c.options[n].text = cut(text, maxRun)
	})
	return nil
}

// hand gives controls to their forms and labels to their controls.
func (r *reader) hand() {
	forms := map[string]*form{}
	for _, f := range r.p.forms {
		if _, again := forms[f.id]; f.id != "" && !again {
			forms[f.id] = f
		}
	}
	byID := map[string]*control{}
	for _, c := range r.all {
		if c.owned {
			c.form = forms[c.owner]
		}
		if c.form != nil {
			c.form.controls = append(c.form.controls, c)
		}
		if _, again := byID[c.id]; c.id != "" && !again {
			byID[c.id] = c
		}
	}
	for _, l := range r.labels {
		for _, c := range l.controls {
			c.labels = append(c.labels, l.text)
		}
		if c := byID[l.target]; c != nil && len(c.labels) < maxSinks {
			c.labels = append(c.labels, l.text)
		}
	}
}

// of returns the controls of a kind that can be used.
func (f *form) of(kind string) []*control {
	return slices.DeleteFunc(slices.Clone(f.controls), func(c *control) bool { return c.kind != kind || c.disabled })
}

// value is that of the hidden field of a name.
func (f *form) value(name string) string {
	for _, c := range f.of("hidden") {
		if c.name == name {
			return c.value
		}
	}
	return ""
}

// said is what the form says of where or how it sends; its button has the last word.
func (f *form) said(attribute, otherwise string) string {
	if b := f.button(); b != nil {
		if value, there := b.sends[attribute]; there && value != "" {
			return value
		}
	}
	return otherwise
}

func (f *form) isPost() bool      { return strings.EqualFold(f.said("formmethod", f.method), "post") }
func (f *form) packaging() string { return mediaType(f.said("formenctype", f.enctype)) }

// target is where the form sends to; an error if that is not on the phone.
func (s *Session) target(f *form) (*url.URL, error) {
	action := f.said("formaction", f.action)
	if strings.TrimSpace(action) == "" {
		return s.resolve(f.page.url, "")
	}
	return s.resolve(f.page.base, action)
}
