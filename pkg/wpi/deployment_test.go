package wpi_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/wpi"
)

func byFTP() wpi.Deployment {
	return wpi.Deployment{Server: "192.0.2.10", Name: "image.img", Priority: wpi.Normal}
}

func byHTTPS() wpi.Deployment {
	return wpi.Deployment{URL: "https://192.0.2.10/fw/image.img", Priority: wpi.Normal}
}

// TestUnfitValues: whatever setting holds what phones cannot read is named, and its value is not shown.
func TestUnfitValues(t *testing.T) {
	settings := map[string]func(*wpi.Deployment) *string{
		wpi.SettingServer:   func(d *wpi.Deployment) *string { return &d.Server },
		wpi.SettingPath:     func(d *wpi.Deployment) *string { return &d.Path },
		wpi.SettingFilename: func(d *wpi.Deployment) *string { return &d.Name },
		wpi.SettingAccount:  func(d *wpi.Deployment) *string { return &d.Account },
		wpi.SettingUsername: func(d *wpi.Deployment) *string { return &d.Username },
		wpi.SettingPassword: func(d *wpi.Deployment) *string { return &d.Password },
		wpi.SettingType:     func(d *wpi.Deployment) *string { return &d.SoftwareType },
		wpi.SettingVersion:  func(d *wpi.Deployment) *string { return &d.Version },
		wpi.SettingURL:      func(d *wpi.Deployment) *string { return &d.URL },
	}
	for setting, field := range settings {
		for _, part := range []string{"&", "<", ">", "\n", "\x00", "\x7f", "\u0085", "\xff", " end", "end "} {
			d, value := byFTP(), "canary"+part+"canary"
			if setting == wpi.SettingURL {
				d, value = byHTTPS(), byHTTPS().URL+part+"canary"
			}
			if strings.Contains(part, "end") {
				value = strings.ReplaceAll(part, "end", "canary")
			}
			*field(&d) = value
			m, err := d.Message()
			e := (*wpi.ValueError)(nil)
			if !errors.As(err, &e) || e.Setting != setting || strings.Contains(err.Error(), "canary") || m.Action != "" || m.Items != nil {
				t.Errorf("%s with %q: got %v, %v", setting, part, m, err)
			}
		}
		for _, part := range []string{`"`, "'", "%26", "ü", "a b", ";", "#"} {
			d := byFTP()
			if setting == wpi.SettingURL {
				continue
			}
			*field(&d) = "a" + part + "b"
			if _, err := d.Message(); err != nil {
				t.Errorf("%s with %q: got %v", setting, part, err)
			}
		}
	}
}

func TestDeploymentRules(t *testing.T) {
	for name, row := range map[string]struct {
		change  func(d *wpi.Deployment)
		setting string // "" if it is taken
	}{
		"FTP":              {func(d *wpi.Deployment) { *d = byFTP() }, ""},
		"HTTPS":            {func(*wpi.Deployment) {}, ""},
		"HTTPS, login":     {func(d *wpi.Deployment) { d.Username, d.Password = "a", "b" }, ""},
		"HTTPS, port":      {func(d *wpi.Deployment) { d.URL = "https://[2001:db8::1]:8443/a" }, ""},
		"nothing":          {func(d *wpi.Deployment) { *d = wpi.Deployment{Priority: wpi.Normal} }, "server"},
		"no priority":      {func(d *wpi.Deployment) { d.Priority = "" }, "priority"},
		"a number":         {func(d *wpi.Deployment) { d.Priority = "1" }, "priority"},
		"no name":          {func(d *wpi.Deployment) { *d = byFTP(); d.Name = "" }, "filename"},
		"port":             {func(d *wpi.Deployment) { *d = byFTP(); d.Port = 65536 }, "port"},
		"port below 0":     {func(d *wpi.Deployment) { *d = byFTP(); d.Port = -1 }, "port"},
		"http":             {func(d *wpi.Deployment) { d.URL = "http://a/b" }, "url"},
		"a folder":         {func(d *wpi.Deployment) { d.URL = "https://a/b/" }, "url"},
		"no path":          {func(d *wpi.Deployment) { d.URL = "https://a" }, "url"},
		"no host":          {func(d *wpi.Deployment) { d.URL = "https:///b" }, "url"},
		"no URL":           {func(d *wpi.Deployment) { d.URL = "https://a/%zz" }, "url"},
		"login in it":      {func(d *wpi.Deployment) { d.URL = "https://canary:canary@a/b" }, "url"},
		"part behind #":    {func(d *wpi.Deployment) { d.URL = "https://a/b#c" }, "url"},
		"both, server":     {func(d *wpi.Deployment) { d.Server = "a" }, "url"},
		"both, port":       {func(d *wpi.Deployment) { d.Port = 21 }, "url"},
		"both, path":       {func(d *wpi.Deployment) { d.Path = "a" }, "url"},
		"both, name":       {func(d *wpi.Deployment) { d.Name = "a" }, "url"},
		"both, account":    {func(d *wpi.Deployment) { d.Account = "a" }, "url"},
		"&, and no server": {func(d *wpi.Deployment) { *d = byFTP(); d.Server, d.Name = "", "a&b" }, "filename"},
	} {
		d := byHTTPS()
		row.change(&d)
		m, err := d.Message()
		e := (*wpi.ValueError)(nil)
		switch {
		case row.setting == "" && (err != nil || m.Action != wpi.ActionSoftwareDeployment):
			t.Errorf("%s: got %v, %v", name, m, err)
		case row.setting != "" && (!errors.As(err, &e) || e.Setting != row.setting || strings.Contains(err.Error(), "canary")):
			t.Errorf("%s: got %v, want one that names %s", name, err, row.setting)
		}
	}
}

// TestSecretsAreNotShown prints everything that can hold a password, in every way there is.
func TestSecretsAreNotShown(t *testing.T) {
	const canary = "canary"
	d := byFTP()
	d.Username, d.Password, d.Account = canary, canary, canary
	withLogin := wpi.Deployment{URL: "https://canary:canary@files.example/fw?canary"}
	opaque := wpi.Deployment{URL: "canary:canary@files.example/fw"}
	unfit := wpi.Deployment{URL: "https://canary:canary@files.example/%zz"}
	m := wpi.ServiceMessage{Nonce: "N", Action: "A"}
	names := []string{
		"user-pwd", "USER-PWD", "user-pwd-unicode", "file-pwd", "bootstrapping-tan", "cloud-pin-value", "admin-password",
		"sip_passwd", "wlan.passphrase", "client-secret", "userPwd", "pin", "private-key", "snmp-pass",
	}
	for _, name := range names {
		m.Items = append(m.Items, wpi.Item{Name: name, Value: canary})
	}
	phone := wpi.PhoneMessage{Items: m.Items}
	call := wpi.Call{Message: &phone, Session: &wpi.Session{ID: canary, Owner: &m}}
	within := struct {
		Deployment *wpi.Deployment
		Message    *wpi.ServiceMessage
	}{&d, &m}
	for _, value := range []any{d, &d, withLogin, &withLogin, opaque, unfit, m, &m, phone, &phone, call, &call, within, m.Items, m.Items[0], &m.Items[0], []any{d, m}, map[string]any{"x": d}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
			if text := fmt.Sprintf(verb, value); strings.Contains(text, canary) || strings.Contains(text, fmt.Sprintf("%x", canary)) {
				t.Errorf("%s of %T: %s", verb, value, text)
			}
		}
	}
	// Those that are no secret are shown, else nothing would have been proven.
	if text := fmt.Sprint(wpi.Item{Name: "mac-addr", Value: "x", Status: "failed"}); text != "mac-addr=x (failed)" {
		t.Errorf("got %q", text)
	}
	for _, name := range []string{"key-modules", "spin-speed", "standby", "password-free"} {
		_, known := shown(t, name)
		if want := name != "password-free"; known != want {
			t.Errorf("%s: got %v", name, known)
		}
	}
	for _, name := range names {
		if value, known := shown(t, name); known {
			t.Errorf("a phone's %s is kept: %s", name, value)
		}
	}
	if text := fmt.Sprint(d, byHTTPS()); text != "deployment of ftp 192.0.2.10  image.img deployment of https://192.0.2.10/fw/image.img" {
		t.Errorf("got %q", text)
	}
}

// shown returns what is kept of an item that a phone sends.
func shown(t *testing.T, name string) (string, bool) {
	t.Helper()
	sent := wpi.PhoneMessage{Reason: wpi.StartUp, Items: []wpi.Item{{Name: name, Value: "canary"}}}
	m, err := wpi.ParsePhoneMessage(sent.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	return m.Value(name)
}
