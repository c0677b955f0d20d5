package defaults

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/credentials"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings/tomledit"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// defaultsDoc is the JSON answer of defaults show, set and unset.
type defaultsDoc struct {
	Schema    int                   `json:"schema"`
	Profile   string                `json:"profile"` // empty for the defaults
	File      string                `json:"file"`
	Stored    bool                  `json:"stored"`   // the table exists in the file
	Settings  map[string]settingDoc `json:"settings"` // by name, with underscores
	Passwords string                `json:"password_file"`
	Profiles  []string              `json:"profiles"`
}

// settingDoc is one setting: the value that applies, and its origin. The value of a password is never included.
type settingDoc struct {
	Value  any    `json:"value"`
	Origin string `json:"origin"` // "settings", "passwords", "keyring", "usual" or "not set"
	Where  string `json:"where,omitempty"`
	// why the password cannot be read from the keyring: "off", "none", "lost", "silent" or "failed"
	Problem string `json:"problem,omitempty"`
}

// The origins of a value, in addition to those of hwcheck.
const (
	originStored   = "settings"
	originPassword = "passwords"
	originKeyring  = "keyring"
	originDefault  = "usual"
	originUnset    = "not set"
)

// A settingRow is one row of defaults show, for programs and for people.
type settingRow struct {
	name string
	doc  settingDoc
	text string
	more string // what the default depends on
	hide bool   // does not apply
}

// Show prints the defaults or a profile, including one that was just removed.
func Show(ctx context.Context, con *console.Console, store *settings.Store, pass *credentials.Store, name string, origin bool) error {
	s, err := store.Read()
	if err != nil {
		return err
	}
	there := tomledit.Find(s.Config.Tables, name) != nil
	p := &settings.Profile{Name: name, Place: s.Place}
	if there {
		if p, err = s.Profile(name); err != nil {
			return err
		}
	}
	password, err := pass.Password(ctx, p.Place, name)
	if err != nil {
		return err
	}
	doc := defaultsDoc{1, name, s.Place.Config, there, map[string]settingDoc{}, s.Place.Passwords, s.Names()}
	for _, warning := range warnings(p, password) {
		con.Note("warning", p.Title(), warning)
	}
	rows := rows(p, password)
	for _, row := range rows {
		doc.Settings[strings.ReplaceAll(row.name, "-", "_")] = row.doc
	}
	return con.Print(doc, func(w io.Writer) { doc.draw(w, con, rows, origin) })
}

// draw writes the settings as text.
func (doc defaultsDoc) draw(w io.Writer, con *console.Console, rows []settingRow, origin bool) {
	title := settings.ProfileTitle(doc.Profile)
	if !doc.Stored {
		if doc.Profile == "" {
			title = "no defaults are stored"
		} else {
			title = "there is no " + title
		}
	}
	fmt.Fprintf(w, "%s   %s\n", console.Escape(title), console.Escape(cmp.Or(doc.File, "this system has no settings folder")))
	if !doc.Stored && doc.Profile == "" {
		fmt.Fprintf(w, "\n  store them with: %s\n", console.Wrap("cpupdate defaults set --method ftps --server HOST --username NAME", 4, con.Width))
	} else if doc.Stored {
		fmt.Fprintln(w)
		drawRows(w, con, rows, origin)
	}
	if doc.Profile == "" && len(doc.Profiles) > 0 {
		fmt.Fprintf(w, "\n%s\n", con.Layout(2, nameWidth).Line(console.Cells("profiles", strings.Join(doc.Profiles, ", "))...))
	}
}

// nameWidth is the width of the column of names, or more.
const nameWidth = 16

func drawRows(w io.Writer, con *console.Console, rows []settingRow, origin bool) {
	table := con.Table(2, nameWidth)
	table.Width, table.Limit = 0, 32
	for _, row := range rows {
		switch why := row.why(); {
		case row.hide:
		case origin:
			table.Row(console.Cells(row.name, row.text, why)...)
		case row.doc.Origin == originDefault && row.doc.Value != nil:
			table.Row(console.Cells(row.name, row.text+" ("+why+")")...)
		default:
			table.Row(console.Cells(row.name, row.text)...)
		}
	}
	table.Draw(w)
}

// why returns where a setting comes from, as text.
func (r settingRow) why() string {
	switch r.doc.Origin {
	case originUnset:
		return ""
	case originDefault:
		return "default" + r.more
	}
	return r.doc.Where
}

// rows returns all settings, with the password after the username.
func rows(p *settings.Profile, password credentials.Password) []settingRow {
	var rows []settingRow
	for _, name := range settings.Names() {
		row := settingRow{name: name}
		if texts := p.Texts[name]; len(texts) > 0 {
			row.doc = settingDoc{Value: value(p, name), Origin: originStored, Where: p.Where[name]}
			row.text = strings.Join(texts, ", ")
		} else {
			row.doc, row.text, row.hide = defaultSetting(p, name)
			if name == transfer.SettingPort {
				row.more = " for " + string(cmp.Or(p.Access.Method, transfer.FTP))
			}
		}
		rows = append(rows, row)
		if name == transfer.SettingUsername {
			rows = append(rows, passwordRow(p, password))
		}
	}
	return rows
}

func passwordRow(p *settings.Profile, password credentials.Password) settingRow {
	const keyring = "the system's keyring"
	row := settingRow{name: transfer.SettingPassword, doc: settingDoc{Origin: originUnset}, text: "not stored"}
	switch {
	case password.Trouble != nil:
		row.doc = settingDoc{Origin: originKeyring, Where: keyring, Problem: password.Trouble.Problem}
		row.text = "in " + keyring + ", " + password.Trouble.Which()
	case password.Keyring:
		row.doc = settingDoc{Origin: originKeyring, Where: keyring}
		row.text = "stored in " + keyring
	case password.There():
		file := filepath.Base(p.Place.Passwords)
		row.doc = settingDoc{Origin: originPassword, Where: file}
		row.text = "stored in " + file
	}
	return row
}

// value returns a stored setting for JSON.
func value(p *settings.Profile, name string) any {
	switch name {
	case transfer.SettingPort:
		return p.Access.Port
	case settings.KeyPin:
		var pins []string
		for _, pin := range p.Pins {
			pins = append(pins, pin.String())
		}
		return pins
	case settings.KeyLevel:
		return p.Phone.Level[0].Value
	}
	return p.Texts[name][0]
}

// defaultSetting returns the default of a setting that is not stored, and whether the setting has no meaning beside the stored
// ones.
func defaultSetting(p *settings.Profile, name string) (doc settingDoc, text string, hide bool) {
	method := cmp.Or(p.Access.Method, transfer.FTP)
	web := method == transfer.HTTPS
	unset := settingDoc{Origin: originUnset}
	switch name {
	case transfer.SettingMethod:
		return settingDoc{Value: string(method), Origin: originDefault}, string(method), false
	case transfer.SettingServer:
		return unset, "not set", p.Access.BaseURL != ""
	case transfer.SettingPort:
		port := 21
		if web {
			port = 443
		}
		return settingDoc{Value: port, Origin: originDefault}, fmt.Sprint(port), p.Access.BaseURL != ""
	case transfer.SettingAccount:
		return unset, "none", web
	case transfer.SettingUsername:
		return unset, "not set", false
	case transfer.SettingPath:
		return settingDoc{Origin: originDefault}, "the login folder", web
	case transfer.SettingBaseURL:
		return unset, "not set", !web || p.Access.Server != ""
	case settings.KeyCA:
		if len(p.Pins) > 0 {
			return unset, "none: only the pin counts", false
		}
		return settingDoc{Origin: originDefault}, "the system's authorities", method == transfer.FTP
	case settings.KeyPin:
		return unset, "none", method == transfer.FTP
	case settings.KeyFetchURL, settings.KeyFetchUsername, settings.KeyFetchPassword:
		return unset, "the same as for the upload", true
	}
	return unset, "not set", false
}
