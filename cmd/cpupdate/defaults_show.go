package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

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
	originUsual    = "usual"
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

func newDefaultsShow(a *app) *cobra.Command {
	var profile string
	var origin bool
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show the stored settings, and what applies where none is stored",
		Long: `Show the defaults, or a profile: each stored setting and, where none is stored, the
value that applies. Of the password, show only whether and where it is stored.`,
		Example: `  cpupdate defaults show
  cpupdate defaults show --profile berlin --origin`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkProfileName(profile); err != nil {
				return err
			}
			if profile != "" { // a missing profile is an error only here
				if _, err := a.store.stored(profile); err != nil {
					return err
				}
			}
			return showDefaults(cmd.Context(), a.con, a.store, a.pass, profile, origin)
		},
	}
	addProfileFlag(a, cmd, &profile)
	cmd.Flags().BoolVar(&origin, "origin", false, "show where each setting comes from")
	return cmd
}

// showDefaults prints the defaults or a profile, including one that was just removed.
func showDefaults(ctx context.Context, con *console, store *settingsStore, pass *passwordStore, name string, origin bool) error {
	s, err := store.storedSettings()
	if err != nil {
		return err
	}
	there := findTable(s.config.tables, name) != nil
	p := &profile{name: name, place: s.place}
	if there {
		if p, err = s.profile(name); err != nil {
			return err
		}
	}
	password, err := pass.storedPassword(ctx, p.place, name)
	if err != nil {
		return err
	}
	doc := defaultsDoc{1, name, s.place.config, there, map[string]settingDoc{}, s.place.passwords, s.names()}
	for _, warning := range p.warnings(password) {
		con.note("warning", p.title(), warning)
	}
	rows := p.rows(password)
	for _, row := range rows {
		doc.Settings[strings.ReplaceAll(row.name, "-", "_")] = row.doc
	}
	return con.print(doc, func(w io.Writer) { doc.draw(w, con, rows, origin) })
}

// draw writes the settings as text.
func (doc defaultsDoc) draw(w io.Writer, con *console, rows []settingRow, origin bool) {
	title := profileTitle(doc.Profile)
	if !doc.Stored {
		if doc.Profile == "" {
			title = "no defaults are stored"
		} else {
			title = "there is no " + title
		}
	}
	fmt.Fprintf(w, "%s   %s\n", escape(title), escape(cmp.Or(doc.File, "this system has no settings folder")))
	if !doc.Stored && doc.Profile == "" {
		fmt.Fprintf(w, "\n  store them with: %s\n", wrap("cpupdate defaults set --method ftps --server HOST --username NAME", 4, con.width))
	} else if doc.Stored {
		fmt.Fprintln(w)
		drawRows(w, rows, origin)
	}
	if doc.Profile == "" && len(doc.Profiles) > 0 {
		fmt.Fprintf(w, "\n  %-16s  %s\n", "profiles", wrap(escape(strings.Join(doc.Profiles, ", ")), 20, con.width))
	}
}

func drawRows(w io.Writer, rows []settingRow, origin bool) {
	width, names := 0, 16
	for _, row := range rows {
		if row.hide {
			continue
		}
		names = max(names, len(row.name))
		if len(row.text) <= 32 {
			width = max(width, len(row.text))
		}
	}
	for _, row := range rows {
		if row.hide {
			continue
		}
		line := fmt.Sprintf("  %-*s  %s", names, row.name, escape(row.text))
		switch why := escape(row.why()); {
		case origin && why != "":
			line = fmt.Sprintf("  %-*s  %s  %s", names, row.name, pad(escape(row.text), width), why)
		case row.doc.Origin == originUsual && row.doc.Value != nil:
			line += " (" + why + ")"
		}
		fmt.Fprintln(w, strings.TrimRight(line, " "))
	}
}

// why returns where a setting comes from, as text.
func (r settingRow) why() string {
	switch r.doc.Origin {
	case originUnset:
		return ""
	case originUsual:
		return "default" + r.more
	}
	return r.doc.Where
}

// rows returns all settings, with the password after the username.
func (p *profile) rows(password storedPassword) []settingRow {
	var rows []settingRow
	for _, name := range settingNames() {
		row := settingRow{name: name}
		if texts := p.texts[name]; len(texts) > 0 {
			row.doc = settingDoc{Value: p.value(name), Origin: originStored, Where: p.where[name]}
			row.text = strings.Join(texts, ", ")
		} else {
			row.doc, row.text, row.hide = p.usual(name)
			if name == transfer.SettingPort {
				row.more = " for " + string(cmp.Or(p.access.Method, transfer.FTP))
			}
		}
		rows = append(rows, row)
		if name == transfer.SettingUsername {
			rows = append(rows, p.passwordRow(password))
		}
	}
	return rows
}

func (p *profile) passwordRow(password storedPassword) settingRow {
	const keyring = "the system's keyring"
	row := settingRow{name: transfer.SettingPassword, doc: settingDoc{Origin: originUnset}, text: "not stored"}
	switch {
	case password.trouble != nil:
		row.doc = settingDoc{Origin: originKeyring, Where: keyring, Problem: password.trouble.problem}
		row.text = "in " + keyring + ", " + password.trouble.which()
	case password.keyring:
		row.doc = settingDoc{Origin: originKeyring, Where: keyring}
		row.text = "stored in " + keyring
	case password.there():
		file := filepath.Base(p.place.passwords)
		row.doc = settingDoc{Origin: originPassword, Where: file}
		row.text = "stored in " + file
	}
	return row
}

// value returns a stored setting for JSON.
func (p *profile) value(name string) any {
	switch name {
	case transfer.SettingPort:
		return p.access.Port
	case settingPin:
		var pins []string
		for _, pin := range p.pins {
			pins = append(pins, pin.String())
		}
		return pins
	case settingLevel:
		return p.phone.Level[0].Value
	}
	return p.texts[name][0]
}

// usual returns what applies where a setting is not stored, and whether the setting has no meaning beside the stored
// ones.
func (p *profile) usual(name string) (doc settingDoc, text string, hide bool) {
	method := cmp.Or(p.access.Method, transfer.FTP)
	web := method == transfer.HTTPS
	unset := settingDoc{Origin: originUnset}
	switch name {
	case transfer.SettingMethod:
		return settingDoc{Value: string(method), Origin: originUsual}, string(method), false
	case transfer.SettingServer:
		return unset, "not set", p.access.BaseURL != ""
	case transfer.SettingPort:
		port := 21
		if web {
			port = 443
		}
		return settingDoc{Value: port, Origin: originUsual}, fmt.Sprint(port), p.access.BaseURL != ""
	case transfer.SettingAccount:
		return unset, "none", web
	case transfer.SettingUsername:
		return unset, "not set", false
	case transfer.SettingPath:
		return settingDoc{Origin: originUsual}, "the login folder", web
	case transfer.SettingBaseURL:
		return unset, "not set", !web || p.access.Server != ""
	case settingCA:
		if len(p.pins) > 0 {
			return unset, "none: only the pin counts", false
		}
		return settingDoc{Origin: originUsual}, "the system's authorities", method == transfer.FTP
	case settingPin:
		return unset, "none", method == transfer.FTP
	case settingFetchURL, settingFetchUsername, settingFetchPassword:
		return unset, "the same as for the upload", true
	}
	return unset, "not set", false
}

// onlyOwner says who can read the passwords, as far as this system lets cpupdate control it.
func onlyOwner() string {
	if runtime.GOOS == "windows" {
		return "; only the folder's permissions protect it"
	}
	return "; only its owner can read it"
}
