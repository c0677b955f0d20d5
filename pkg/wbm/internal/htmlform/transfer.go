package htmlform

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// A Role is what a field is for, of a form that makes the phone fetch a file: the settings of an FTP or HTTPS transfer in the
// CP HFA administration manual A31003-C1000-M102-5, 3.9.4 and 3.9.6. That 3.9.3.2 has the same ones is assumed.
type Role string

// The roles. Each is the manual's name of the setting.
const (
	RoleDefaults Role = "Use defaults"
	RoleFile     Role = "Filename"
	RoleAfter    Role = "After submit"
	RoleMethod   Role = "Download method"
	RoleServer   Role = "Server address"
	RolePort     Role = "Server port"
	RoleAccount  Role = "Account"
	RoleUsername Role = "Username"
	RolePassword Role = "Password"
	RolePath     Role = "FTP path"
	RoleBaseURL  Role = "HTTPS base URL"
)

// A roleRow says how fields of a role are called.
type roleRow struct {
	role   Role
	kinds  []string // of the control; nil is one that takes a line of text
	labels []string // letters only
	end    string   // of the name, behind what the names of all fields of the form begin with; "" if none was observed
}

// roleRows returns how the fields are called: by the labels of the manual, of which OpenStage has older ones, and by the ends
// of their names (observed: captures of an OpenStage page in nbe95/cowphone, there for a logo).
func roleRows() []roleRow {
	choice := []string{"select"}
	return []roleRow{
		{RoleDefaults, []string{"checkbox", "select"}, []string{"usedefault", "usedefaults"}, "use-defaults"},
		{RoleFile, nil, []string{"filename"}, fileEnd},
		{RoleAfter, choice, []string{"aftersubmit"}, ""},
		{RoleMethod, choice, []string{"downloadmethod", "transfermethod", "method"}, "method"},
		{RoleServer, nil, []string{"serveraddress", "ftpserveraddress", "ftpserver", "server"}, "addr"},
		{RolePort, nil, []string{"serverport", "ftpserverport", "ftpport", "port"}, "port"},
		{RoleAccount, nil, []string{"account", "ftpaccount"}, "account"},
		{RoleUsername, nil, []string{"username", "ftpusername"}, "username"},
		{RolePassword, nil, []string{"password", "ftppassword"}, "password"},
		{RolePath, nil, []string{"ftppath", "path"}, "path"},
		{RoleBaseURL, nil, []string{"httpsbaseurl", "baseurl"}, "base-url"},
	}
}

// fileEnd ends the name of the field for the file's name (observed: the same).
const fileEnd = "file"

// A Transfer is a form that makes the phone fetch a file, with its fields by what they are for.
type Transfer struct {
	form    *Form
	fields  map[Role]*Control
	problem string
}

// Transfer returns the form as one that makes the phone fetch a file, or nil if it is none: it needs a field for the file's name,
// and a choice of the method or of what happens after submit.
func (f *Form) Transfer() *Transfer {
	t := &Transfer{form: f, fields: map[Role]*Control{}}
	for _, c := range f.Controls {
		t.add(c, c.roleByLabel())
	}
	f.namedFile(t)
	t.addByNames()
	if t.fields[RoleFile] == nil || t.fields[RoleMethod] == nil && t.fields[RoleAfter] == nil {
		return nil
	}
	return t
}

// add notes what a control is for. The zero role is none.
func (t *Transfer) add(c *Control, role Role) {
	if role == "" || c.Disabled || c.Name == "" {
		return
	}
	if before := t.fields[role]; before != nil && before != c {
		t.problem = "it has two fields for " + strconv.Quote(string(role))
		return
	}
	t.fields[role] = c
}

// namedFile finds the field for the file's name by a hidden field whose value is the name of that field (observed: captures of an
// OpenStage page in nbe95/cowphone). It must not contradict the label.
func (f *Form) namedFile(t *Transfer) {
	var named *Control
	for _, hidden := range f.Of("hidden") {
		if Mention(hidden.Name, []string{"file name"}) == "" {
			continue
		}
		for _, c := range f.Controls {
			if c.isLine() && !c.Disabled && c.Name != "" && c.Name == hidden.Value {
				named = c
			}
		}
	}
	if named != nil {
		t.add(named, RoleFile)
	}
}

// addByNames finds fields without a label of the manual by the ends of their names.
func (t *Transfer) addByNames() {
	file := t.fields[RoleFile]
	if file == nil {
		return
	}
	start, found := strings.CutSuffix(file.Name, fileEnd)
	for _, c := range t.form.Controls {
		end, same := strings.CutPrefix(c.Name, start)
		if !found || !same {
			continue
		}
		for _, row := range roleRows() {
			if row.end != "" && row.end == end && c.isOf(row) {
				t.addByName(c, row.role)
			}
		}
	}
	for _, c := range t.form.Of("select") { // observed without what the other names begin with
		if t.fields[RoleAfter] == nil && c.optionOf("start download") >= 0 {
			t.fields[RoleAfter] = c
		}
	}
}

// addByName notes what the name of a control says. It must not contradict the label.
func (t *Transfer) addByName(c *Control, role Role) {
	if labelled := c.roleByLabel(); labelled != "" && labelled != role {
		t.problem = "the label and the name of " + strconv.Quote(cut(c.Name, maxName)) + " contradict each other"
		return
	}
	t.add(c, role)
}

// roleByLabel returns what the label of a control says that it is for; a label of its own counts before the cell that precedes it.
func (c *Control) roleByLabel() Role {
	for _, text := range append(slices.Clone(c.labels), c.before) {
		letters := strings.Join(tokens(text), "")
		for _, row := range roleRows() {
			if slices.Contains(row.labels, letters) && c.isOf(row) {
				return row.role
			}
		}
	}
	return ""
}

// isOf reports whether a control is of a kind that fields of a role have.
func (c *Control) isOf(row roleRow) bool {
	if row.kinds == nil {
		return c.isLine()
	}
	return slices.Contains(row.kinds, c.Kind)
}

// isLine reports whether a control takes a line of text. As in browsers, an unknown kind does.
func (c *Control) isLine() bool {
	return !slices.Contains([]string{
		"hidden", "file", "checkbox", "radio", "submit", "image", "reset", "button", "select", "textarea", "range", "color",
	}, c.Kind)
}

// Problem says why nobody can tell what the fields of the form are for; "" if that is clear.
func (t *Transfer) Problem() string {
	switch {
	case t.problem != "":
		return t.problem
	case t.fields[RoleMethod] == nil:
		return "it has no choice of the method"
	case t.fields[RoleAfter] == nil:
		return "it has no choice of what happens after submit"
	}
	return ""
}

// File returns the field for the file's name.
func (t *Transfer) File() *Control { return t.fields[RoleFile] }

// A FillError is a value that a form does not take.
type FillError struct {
	Role   Role
	Name   string // of the field; "" if there is none
	Length int    // of the value, as browsers count it, if it is too long
	Limit  int    // of the field
	Reason string // if it is not too long
}

// Error names the field by what it is for, and by its name.
func (e *FillError) Error() string {
	field := strconv.Quote(string(e.Role))
	if e.Name != "" {
		field += " (" + e.Name + ")"
	}
	if e.Reason != "" {
		return field + ": " + e.Reason
	}
	return field + ": the value has " + strconv.Itoa(e.Length) + " characters, and the field takes at most " + strconv.Itoa(e.Limit)
}

// Fill fills a field in. An empty value needs no field. The error is a [*FillError].
func (t *Transfer) Fill(role Role, value string) error {
	c := t.fields[role]
	switch {
	case c == nil && value == "":
		return nil
	case c == nil:
		return &FillError{Role: role, Reason: "the form has no such field"}
	case c.readOnly && c.Value != value:
		return &FillError{Role: role, Name: cut(c.Name, maxName), Reason: "the field cannot be filled in"}
	case !t.form.Page.takes(value):
		return &FillError{Role: role, Name: cut(c.Name, maxName), Reason: "the page takes no letters but those of ISO 8859-1"}
	}
	if length := len(utf16.Encode([]rune(value))); c.limited && length > c.limit {
		return &FillError{Role: role, Name: cut(c.Name, maxName), Length: length, Limit: c.limit}
	}
	c.Value = value
	return nil
}

// Choose selects the only option of a field whose displayed text is one of the texts. What number an option sends says nothing.
func (t *Transfer) Choose(role Role, texts ...string) error {
	c := t.fields[role]
	if c == nil {
		return &FillError{Role: role, Reason: "the form has no such field"}
	}
	n := c.optionOf(texts...)
	if n < 0 {
		return &FillError{Role: role, Name: cut(c.Name, maxName), Reason: "it is not clear which option means " + strconv.Quote(texts[0])}
	}
	for i := range c.options {
		c.options[i].selected = i == n
	}
	return nil
}

// UseDefaults says whether the phone uses its own defaults. A form without that field never does.
func (t *Transfer) UseDefaults(on bool) error {
	switch c := t.fields[RoleDefaults]; {
	case c == nil && !on:
		return nil
	case c == nil:
		return &FillError{Role: RoleDefaults, Reason: "the form has no such field"}
	case c.Kind == "checkbox":
		c.checked = on
		return nil
	case on:
		return t.Choose(RoleDefaults, "yes", "true")
	}
	return t.Choose(RoleDefaults, "no", "false")
}

// optionOf returns the number of the only option whose text is one of the texts, without regard to case and blanks; -1 if there is
// none, or more than one. An option without a text is known by its value.
func (c *Control) optionOf(texts ...string) int {
	found := -1
	for i, o := range c.options {
		text := o.text
		if text == "" {
			text = o.value
		}
		if o.disabled || !slices.Contains(texts, strings.Join(tokens(text), " ")) {
			continue
		}
		if found >= 0 {
			return -1
		}
		found = i
	}
	return found
}

// maxLength returns the limit of a field for text, and whether it has one, by the rules of HTML: an invalid number, or one that is
// negative, limits nothing.
func maxLength(attribute string) (limit int, limited bool) {
	text := strings.TrimLeft(attribute, " \t\n\f\r")
	text = strings.TrimPrefix(text, "+")
	digits := 0
	for digits < len(text) && text[digits] >= '0' && text[digits] <= '9' {
		digits++
	}
	limit, err := strconv.Atoi(text[:digits])
	return limit, err == nil
}
