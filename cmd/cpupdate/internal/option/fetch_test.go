package option

import (
	"slices"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// newFetch is where phones fetch, as the flags say.
func newFetch(t *testing.T, args ...string) *Fetch {
	t.Helper()
	o := &Fetch{}
	parse(t, o.AddFlags, args...)
	return o
}

// TestFetchGiven checks which flags are given, in the order of the settings.
func TestFetchGiven(t *testing.T) {
	if o := newFetch(t); o.Given() != "" || len(o.Settings()) != 0 {
		t.Errorf("%+v", o)
	}
	o := newFetch(t, "--fetch-password-file", "p", "--fetch-url", "ftp://h/", "--fetch-username", "n")
	want := []settings.Given{
		{Name: "fetch-url", Texts: []string{"ftp://h/"}}, {Name: "fetch-username", Texts: []string{"n"}}, {Name: "fetch-password-file", Texts: []string{"p"}},
	}
	if got := o.Settings(); !slices.EqualFunc(got, want, func(x, y settings.Given) bool { return x.Name == y.Name && slices.Equal(x.Texts, y.Texts) }) || o.Given() != "fetch-url" {
		t.Errorf("%+v", got)
	}
}

// TestDeployment checks what phones are told about the place of the image.
func TestDeployment(t *testing.T) {
	ftp := transfer.Access{Method: transfer.FTP, Server: "h", Port: 2121, Path: "firmware", Username: "cp", Account: "acct"}
	https := transfer.Access{Method: transfer.HTTPS, BaseURL: "https://h/firmware/", Username: "cp"}
	for _, test := range []struct {
		access transfer.Access
		args   string
		want   wpi.Deployment
	}{
		{ftp, "", wpi.Deployment{Server: "h", Port: 2121, Path: "firmware", Name: "i.bind", Username: "cp", Account: "acct"}},
		{https, "", wpi.Deployment{URL: "https://h/firmware/i.bind", Username: "cp"}},
		{ftp, "--fetch-username reader", wpi.Deployment{Server: "h", Port: 2121, Path: "firmware", Name: "i.bind", Username: "reader"}},
		{ftp, "--fetch-url https://w/x/", wpi.Deployment{URL: "https://w/x/i.bind"}},
		{ftp, "--fetch-url https://w", wpi.Deployment{URL: "https://w/i.bind"}},
		{ftp, "--fetch-url https://w/x/other.bind", wpi.Deployment{URL: "https://w/x/other.bind"}},
		{https, "--fetch-url ftp://w:2121/x/y/", wpi.Deployment{Server: "w", Port: 2121, Path: "x/y", Name: "i.bind"}},
		{https, "--fetch-url ftp://w/other.bind", wpi.Deployment{Server: "w", Name: "other.bind"}},
		{https, "--fetch-url ftp://w/%2Fother.bind", wpi.Deployment{Server: "w", Path: "/", Name: "other.bind"}},
	} {
		test.want.Priority = wpi.Normal
		got, err := newFetch(t, strings.Fields(test.args)...).Deployment(&Destination{Access: test.access, Origin: "flags"}, "i.bind")
		if err != nil || got != test.want {
			t.Errorf("%s, %q: %+v, %v\nwant %+v", test.access.Method, test.args, got, err, test.want)
		}
	}
}

// TestDeploymentRefused checks that an error names the flag or the stored setting that phones cannot be told.
func TestDeploymentRefused(t *testing.T) {
	ftps := transfer.Access{Method: transfer.FTPS, Server: "h", Username: "cp"}
	ftp := transfer.Access{Method: transfer.FTP, Server: "h", Username: "c\x01p"}
	for _, test := range []struct {
		access  transfer.Access
		fetch   settings.FetchAccess
		name    string
		setting string
	}{
		{ftps, settings.FetchAccess{}, "i.bind", "fetch-url"},
		{ftps, settings.FetchAccess{URL: "ftps://w/"}, "i.bind", "fetch-url"},
		{ftps, settings.FetchAccess{URL: "ftp://"}, "i.bind", "fetch-url"},
		{ftps, settings.FetchAccess{URL: "ftp://0.0.0.0/"}, "i.bind", "fetch-url"},
		{ftps, settings.FetchAccess{URL: "ftp://127.0.0.010/"}, "i.bind", "fetch-url"},
		{ftps, settings.FetchAccess{URL: "ftp://cp:canary@w/"}, "i.bind", "fetch-url"},
		{ftps, settings.FetchAccess{PasswordFile: "p"}, "i.bind", "fetch-password-file"},
		{ftps, settings.FetchAccess{URL: "ftp://w/", Username: "n\x01"}, "i.bind", "fetch-username"},
		{ftp, settings.FetchAccess{}, "i.bind", "username"},
	} {
		for _, stored := range []bool{false, true} {
			d, o := &Destination{Access: test.access, Origin: "flags"}, &Fetch{FetchAccess: test.fetch}
			want := exit.CodeUsage
			if stored {
				d.Origin, d.Fetch, o.FetchAccess, want = "defaults", test.fetch, settings.FetchAccess{}, exit.CodeSettings
			}
			_, err := o.Deployment(d, test.name)
			if codeOf(err) != want || !strings.Contains(err.Error(), test.setting+": ") || strings.Contains(err.Error(), "canary") {
				t.Errorf("%+v, %+v, stored %v: %v", test.access, test.fetch, stored, err)
			}
		}
	}
}

// TestSettingOf maps the settings of the phones' interface to flags.
func TestSettingOf(t *testing.T) {
	for _, test := range []struct {
		fetch      settings.FetchAccess
		name, want string
	}{
		{settings.FetchAccess{}, wpi.SettingUsername, wpi.SettingUsername},
		{settings.FetchAccess{}, wpi.SettingPassword, "password-file"},
		{settings.FetchAccess{}, wpi.SettingURL, transfer.SettingBaseURL},
		{settings.FetchAccess{URL: "x"}, wpi.SettingURL, settings.KeyFetchURL},
		{settings.FetchAccess{URL: "x"}, wpi.SettingFilename, wpi.SettingFilename},
		{settings.FetchAccess{Username: "x"}, wpi.SettingUsername, settings.KeyFetchUsername},
		{settings.FetchAccess{Username: "x"}, wpi.SettingPassword, settings.KeyFetchPassword},
	} {
		if got := (&Fetch{FetchAccess: test.fetch}).settingOf(test.name); got != test.want {
			t.Errorf("%+v: %s is %s, want %s", test.fetch, test.name, got, test.want)
		}
	}
}

// TestFetchLogin checks which login phones get.
func TestFetchLogin(t *testing.T) {
	file := clitest.File(t, "password", []byte("reader's\r\n"))
	d := &Destination{Access: transfer.Access{Method: transfer.FTP, Server: "h", Username: "cp", Password: secret.New("canary")}, Origin: "flags"}
	for _, test := range []struct {
		fetch    settings.FetchAccess
		password string
		writes   bool
	}{
		{settings.FetchAccess{}, "canary", true},
		{settings.FetchAccess{Username: "reader"}, "", false},
		{settings.FetchAccess{Username: "reader", PasswordFile: file}, "reader's", false},
		{settings.FetchAccess{URL: "https://h/x/"}, "", false},
	} {
		o := &Fetch{FetchAccess: test.fetch}
		deploy, err := o.Deployment(d, "i.bind")
		if err != nil {
			t.Fatal(err)
		}
		all := []wpi.Deployment{deploy, deploy}
		if err = o.Login(t.Context(), d, all); err != nil || all[0].Password != test.password || all[1] != all[0] || o.Writes(d) != test.writes {
			t.Errorf("%+v: %q, writes %v, %v", test.fetch, all[0].Password, o.Writes(d), err)
		}
	}
	anonymous := &Destination{Access: transfer.Access{Method: transfer.FTP, Server: "h", Username: "Anonymous"}}
	if (&Fetch{}).Writes(anonymous) {
		t.Error("anonymous writes")
	}
}

// TestFetchLoginRefused checks that an invalid password is an error that does not show it.
func TestFetchLoginRefused(t *testing.T) {
	d := &Destination{Access: transfer.Access{Method: transfer.FTP, Server: "h", Username: "cp", Password: secret.New("can\x01ary")}, Origin: "flags"}
	deploy := wpi.Deployment{Server: "h", Name: "i.bind", Username: "cp", Priority: wpi.Normal}
	for _, test := range []struct {
		fetch settings.FetchAccess
		code  exit.Code
		says  string
	}{
		{settings.FetchAccess{Username: "r", PasswordFile: "missing"}, exit.CodeSettings, "missing"},
		{settings.FetchAccess{}, exit.CodeUsage, "--password-file: "},
		{settings.FetchAccess{Username: "r", PasswordFile: clitest.File(t, "p", []byte("can\x01ary"))}, exit.CodeUsage, "--fetch-password-file: "},
	} {
		err := (&Fetch{FetchAccess: test.fetch}).Login(t.Context(), d, []wpi.Deployment{deploy})
		if codeOf(err) != test.code || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "ary") {
			t.Errorf("%+v: %v", test.fetch, err)
		}
	}
}
