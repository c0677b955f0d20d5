package delivery

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
)

// newFlags returns the flags of a run, and their values.
func newFlags() (*pflag.FlagSet, *Options) {
	o := &Options{Route: option.Route{Command: "rollout run"}}
	flags := pflag.NewFlagSet("run", pflag.ContinueOnError)
	flags.SortFlags = false
	o.Route.AddFlags(flags)
	o.Route.Web.AddTransferFlags(flags)
	o.Upload.AddFlags(flags)
	o.Fetch.AddFlags(flags)
	o.Listen.AddFlags(flags)
	flags.StringVar(&o.Route.Profile, "profile", "", "use the stored profile `NAME`")
	return flags, o
}

// TestKept checks what is kept of flags, and that it is what they were when it is parsed.
func TestKept(t *testing.T) {
	whole, err := filepath.Abs("secret")
	if err != nil {
		t.Fatal(err)
	}
	many := []string{}
	for range maxKept + 1 {
		many = append(many, "--pin=sha256:00")
	}
	for _, test := range []struct {
		args []string
		want []string
		line string
	}{
		{nil, nil, ""},
		{[]string{"--web", "--serve"}, []string{"--serve=true", "--web=true"}, "--serve --web"}, // whatever the order
		{[]string{"--serve=false"}, []string{"--serve=false"}, "--serve=false"},
		{[]string{"--patience", "90s", "--profile", "berlin"}, []string{"--patience=1m30s", "--profile=berlin"}, "--patience 1m30s --profile berlin"},
		{[]string{"--pin", "sha256:00", "--pin", "sha256:11"}, []string{"--pin=sha256:00", "--pin=sha256:11"}, "--pin sha256:00 --pin sha256:11"},
		{[]string{"--password-file", "secret"}, []string{"--password-file=" + whole}, "--password-file " + whole},
		{[]string{"--password-command", "pass show canary"}, []string{"--password-command"}, "--password-command ..."},
		{[]string{"--password-stdin"}, []string{"--password-stdin"}, "--password-stdin"},
		{[]string{"--fetch-url", "https://h/x?token=canary"}, []string{"--fetch-url"}, "--fetch-url ..."},
		{[]string{"--fetch-url", "ftp://cp:canary@h/"}, []string{"--fetch-url"}, "--fetch-url ..."},
		{[]string{"--fetch-url", "https://h/x/"}, []string{"--fetch-url=https://h/x/"}, "--fetch-url https://h/x/"},
		{[]string{"--path", "a\xff"}, []string{"--path"}, "--path ..."},
		{[]string{"--path", "a b"}, []string{"--path=a b"}, "--path 'a b'"},
		{[]string{"--path", strings.Repeat("x", 1000)}, []string{"--path"}, "--path ..."},
		{many, []string{"--pin"}, "--pin ..."},
		{[]string{"--profile", "left-out"}, []string{"--profile=left-out"}, "--profile left-out"},
	} {
		flags, _ := newFlags()
		if err := flags.Parse(test.args); err != nil {
			t.Fatal(err)
		}
		got := Kept(flags, func(name string) bool { return name == "listen" })
		line := KeptLine(flags, got)
		if filepath.Separator == '/' && (!slices.Equal(got, test.want) || line != test.line) {
			t.Errorf("%.100q: kept %.100q, shown %q", test.args, got, line)
		}
		if strings.Contains(strings.Join(got, " ")+line, "canary") {
			t.Errorf("%q: a secret is kept: %q", test.args, got)
		}
		again, _ := newFlags()
		err := ParseKept(again, got, true)
		if lost := slices.ContainsFunc(got, func(text string) bool { return !strings.Contains(text, "=") }); lost != (err != nil) {
			t.Errorf("%.100q: %v", got, err)
		}
		if back := Kept(again, func(string) bool { return false }); err == nil && !slices.Equal(back, got) {
			t.Errorf("%q becomes %q", got, back)
		}
	}
	flags, _ := newFlags()
	if err := flags.Parse([]string{"--listen", ":1"}); err != nil || Kept(flags, func(name string) bool { return name == "listen" }) != nil {
		t.Errorf("what is to be left out is kept: %v", err)
	}
}

// TestParseKept checks flags that must be given again.
func TestParseKept(t *testing.T) {
	for _, test := range []struct {
		kept string
		own  bool
		want string
	}{
		{"--profile=berlin", false, ""},
		{"--from-tomorrow=canary", true, "this version of cpupdate has no flag \"--from-tomorrow\""},
		{"profile=berlin", true, "has no flag"},
		{"", true, "has no flag"},
		{"--", true, "has no flag"},
		{"--json=true", true, "has no flag"},
		{"--journal=x", true, "has no flag"},
		{"--password-command=canary", true, "the value of --password-command is not kept"},
		{"--password-stdin=true", true, "the value of --password-stdin is not kept"},
		{"--profile", true, "the value of --profile is not kept"},
		{"--password-file=/x", false, "--password-file counts only if you kept it yourself"},
		{"--fetch-password-file=/x", false, "counts only if you kept it yourself"},
		{"--server-password-file=/x", false, "counts only if you kept it yourself"},
		{"--ca=/x", false, "counts only if you kept it yourself"},
		{"--phone-ca=/x", false, "counts only if you kept it yourself"},
		{"--pin=sha256:00", false, "counts only if you kept it yourself"},
		{"--legacy-tls=true", false, "counts only if you kept it yourself"},
		{"--pin=sha256:00", true, ""},
		{"--fetch-url=ftp://cp:canary@h/", true, "--fetch-url contains a login"},
		{"--patience=canary", true, "--patience has a value that it cannot have"},
	} {
		flags, o := newFlags()
		err := ParseKept(flags, []string{test.kept}, test.own)
		if (err == nil) != (test.want == "") || err != nil && (!strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "canary")) {
			t.Errorf("%q, own %v: %v", test.kept, test.own, err)
		}
		if o.Route.Password.Command != "" || strings.Contains(strings.Replace(KeptLine(flags, []string{test.kept}), "--patience canary", "", 1), "canary") {
			t.Errorf("%q", test.kept)
		}
	}
	flags, _ := newFlags()
	if err := ParseKept(flags, make([]string, maxKept+1), true); err == nil {
		t.Error("any number of flags is parsed")
	}
}

// FuzzParseKept parses what a journal may hold: no command is taken from it, and what is shown is bounded.
func FuzzParseKept(f *testing.F) {
	for _, seed := range []string{"--profile=berlin", "--password-command=x", "--password-command", "--pin=x\n--pin=y", "--web\n--web-port=443", "\x1b=\xff", strings.Repeat("\xb5", 200), "--profile=" + strings.Repeat("\xb5", 200)} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, text string, own bool) {
		kept := strings.Split(text, "\n")
		flags, o := newFlags()
		err := ParseKept(flags, kept, own)
		if o.Route.Password.Command != "" || o.Route.Password.Stdin {
			t.Errorf("%q: a source of passwords is taken from the journal", kept)
		}
		if o.Route.Password.File != "" && !own {
			t.Errorf("%q: the file of another one is taken", kept)
		}
		if err != nil && len(err.Error()) > 400 {
			t.Errorf("%q: %v", kept, err)
		}
		if line := KeptLine(flags, kept); len(line) > maxKeptShown+len("...") {
			t.Errorf("%q: %d bytes are shown", kept, len(line))
		}
	})
}
