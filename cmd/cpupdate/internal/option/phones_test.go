package option

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/settings"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// newPhones are the phones that the flags describe.
func newPhones(t *testing.T, args ...string) *Phones {
	t.Helper()
	o := &Phones{}
	parse(t, func(flags *pflag.FlagSet) {
		o.AddFlags(flags)
		o.Permit.AddFlags(flags)
	}, args...)
	return o
}

// TestPhonesValidate checks that flags about one phone do not go with several phones.
func TestPhonesValidate(t *testing.T) {
	for _, test := range []struct {
		args      []string
		addresses []string
		bad       string
	}{
		{nil, nil, ""},
		{[]string{"--hw-level=3", "--override", "--reason=x", "--running=V1 R1.0.0"}, []string{"a"}, ""},
		{[]string{"--hw-level=3"}, []string{"a", "b"}, ""},
		{[]string{"--reason=x"}, nil, "--reason"},
		{[]string{"--phones=x", "--hw-level=3"}, nil, "--phones"},
		{[]string{"--phones=x", "--override"}, nil, "--override"},
		{[]string{"--override"}, []string{"a", "b"}, "--override"},
		{[]string{"--part-number=x"}, []string{"a", "b"}, "--part-number"},
		{[]string{"--running=x"}, []string{"a", "b"}, "--running"},
	} {
		err := newPhones(t, test.args...).Validate("push", test.addresses)
		if test.bad == "" && err != nil || test.bad != "" && (codeOf(err) != exit.CodeUsage || !strings.Contains(err.Error(), test.bad)) {
			t.Errorf("%q, %q: %v", test.args, test.addresses, err)
		}
	}
}

// TestPhoneFlags checks that each flag becomes a claim, and that an error names its flag.
func TestPhoneFlags(t *testing.T) {
	o := newPhones(t, "--hw-level=3", "--part-number=S30817-S7720-A101-4", "--model=CP600", "--software-type=Unify HFA", "--running=V1 R4.9.0", "--minimum-version=V1 R3.0.0")
	p, err := o.Phone.Phone("check")
	if err != nil {
		t.Fatal(err)
	}
	if p.Level[0].Value != 3 || p.PartNumber[0].Value.String() != "S30817-S7720-A101-4" || p.Device[0].Value != "CP600" || p.SoftwareType[0].Value != "Unify HFA" ||
		p.Running[0].Value != (bind.Version{Major: 1, Release: 4, Fix: 9}) || p.Minimum[0].Value != (bind.Version{Major: 1, Release: 3}) || p.Level[0].Origin != hwcheck.Flag {
		t.Errorf("%+v", p)
	}
	if p, err := newPhones(t).Phone.Phone("check"); err != nil || len(p.Level)+len(p.Device)+len(p.Running) > 0 {
		t.Errorf("%+v, %v", p, err)
	}
	for _, flag := range []string{"--hw-level=x", "--part-number=x", "--running=x", "--minimum-version=x"} {
		_, err := newPhones(t, flag).Phone.Phone("check")
		if name, _, _ := strings.Cut(flag, "="); codeOf(err) != exit.CodeUsage || !strings.HasPrefix(err.Error(), name+": ") {
			t.Errorf("%s: %v", flag, err)
		}
	}
}

// TestPermits checks that permissions are added to the policy.
func TestPermits(t *testing.T) {
	o := newPhones(t, "--override", "--reason=lab", "--allow-type-change", "--allow-downgrade", "--reinstall")
	want := hwcheck.Policy{Override: true, Reason: "lab", AllowTypeChange: true, AllowDowngrade: true, Reinstall: true, RequireSignature: true}
	if got := o.Permit.Policy(hwcheck.Policy{RequireSignature: true}); got != want {
		t.Errorf("%+v", got)
	}
	if got := newPhones(t).Permit.Policy(hwcheck.Policy{}); got != (hwcheck.Policy{}) {
		t.Errorf("%+v", got)
	}
}

// TestTargets checks that phones come from arguments or from the list, with what is known of them.
func TestTargets(t *testing.T) {
	list := clitest.File(t, "site.csv", []byte("address,mac,hw_level,override,reason\n192.0.2.1:8085,00:1A:E8:00:00:01,3,,\nphone.example,,,yes,lab\n"))
	stored := hwcheck.Phone{Level: []hwcheck.Claim[uint16]{{Value: 7, Origin: hwcheck.Stored}}, Device: []hwcheck.Claim[string]{{Value: "CP400"}}}
	got, err := newPhones(t, "--phones="+list).Targets(t.Context(), "push", nil, stored)
	if err != nil || len(got) != 2 || got[0].MAC != "00:1A:E8:00:00:01" || got[0].Known.Level[0].Value != 3 || got[0].Known.Device[0].Value != "CP400" ||
		got[1].Known.Level[0].Value != 7 || !got[1].Override || got[1].Reason != "lab" {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = newPhones(t, "--phones="+list).Targets(t.Context(), "push", []string{"192.0.2.1"}, hwcheck.Phone{})
	if err != nil || len(got) != 1 || got[0].MAC != "00:1A:E8:00:00:01" {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = newPhones(t, "--hw-level=4", "--override", "--reason=x").Targets(t.Context(), "push", []string{"[2001:db8::1]:8085"}, stored)
	if err != nil || len(got) != 1 || got[0].Address != "[2001:db8::1]:8085" || got[0].Known.Level[0].Value != 4 || got[0].Known.Device[0].Value != "CP400" || !got[0].Override || got[0].Reason != "x" {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestTargetsRefused checks that invalid addresses and lists are refused.
func TestTargetsRefused(t *testing.T) {
	list := clitest.File(t, "site.csv", []byte("address,mac\n192.0.2.1,\n,00:1A:E8:00:00:02\n"))
	for _, test := range []struct {
		args      []string
		addresses []string
		code      exit.Code
		says      string
	}{
		{[]string{"--hw-level=x"}, []string{"a"}, exit.CodeUsage, "--hw-level"},
		{nil, []string{"x y"}, exit.CodeUsage, "PHONE"},
		{nil, []string{"cp:canary@host"}, exit.CodeUsage, "HOST"},
		{nil, []string{"192.0.2.1", "192.0.2.1:8085"}, exit.CodeUsage, "192.0.2.1:8085"},
		{[]string{"--phones=" + list}, nil, exit.CodeSettings, "line 3"},
		{[]string{"--phones=" + list}, []string{"192.0.2.9"}, exit.CodeUsage, "192.0.2.9"},
		{[]string{"--phones=missing.csv"}, nil, exit.CodeSettings, "missing.csv"},
		{[]string{"--phones=" + clitest.File(t, "empty.csv", []byte("address\n"))}, nil, exit.CodeSettings, "empty.csv"},
	} {
		_, err := newPhones(t, test.args...).Targets(t.Context(), "push", test.addresses, hwcheck.Phone{})
		if codeOf(err) != test.code || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q, %q: %v", test.args, test.addresses, err)
		}
	}
}

// TestSite checks how the description of a site is stored.
func TestSite(t *testing.T) {
	o := &Site{}
	parse(t, o.AddFlags, "--hw-level=0003", "--model=CP600", "--software-type=Unify HFA", "--minimum-version=1.3.0.0")
	set, err := CheckGiven(t.Context(), "defaults set", o.Given())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range set {
		got = append(got, s.Name+"="+strings.Join(s.Texts, ","))
	}
	if want := []string{"hw-level=3", "model=CP600", "software-type=Unify HFA", "minimum-version=1.3.0.0"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if given := new(Site).Given(); len(given) > 0 {
		t.Errorf("%v", given)
	}
}

// TestCheckGiven checks that file names are stored as absolute names, and that the files are valid.
func TestCheckGiven(t *testing.T) {
	t.Chdir(t.TempDir())
	ca := clitest.File(t, "ca.pem", []byte(clitest.Authority))
	given := func(name, text string) []settings.Given { return []settings.Given{{Name: name, Texts: []string{text}}} }
	for name, text := range map[string]string{settings.KeyCA: ca, settings.KeyFetchPassword: "relative"} {
		set, err := CheckGiven(t.Context(), "defaults set", given(name, text))
		if err != nil || !strings.HasSuffix(set[0].Texts[0], text) || !strings.HasPrefix(set[0].Texts[0], "/") && !strings.Contains(set[0].Texts[0], ":") {
			t.Errorf("%s: %v, %v", name, set, err)
		}
	}
	for _, test := range []struct {
		given []settings.Given
		code  exit.Code
	}{
		{given("port", "x"), exit.CodeUsage}, {given(settings.KeyCA, "missing"), exit.CodeSettings}, {given(settings.KeyLevel, "0"), exit.CodeUsage},
	} {
		if _, err := CheckGiven(t.Context(), "defaults set", test.given); codeOf(err) != test.code {
			t.Errorf("%v: %v", test.given, err)
		}
	}
}

// TestFlagsTogether checks that the groups of flags do not clash, and that each flag has a help text.
func TestFlagsTogether(t *testing.T) {
	flags := pflag.NewFlagSet("push", pflag.ContinueOnError)
	new(Route).AddFlags(flags)
	new(Upload).AddFlags(flags)
	new(Fetch).AddFlags(flags)
	new(Phones).AddFlags(flags)
	new(Permits).AddFlags(flags)
	new(Listen).AddFlags(flags)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Usage == "" {
			t.Errorf("--%s is not explained", f.Name)
		}
	})
}
