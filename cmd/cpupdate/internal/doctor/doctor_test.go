package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest/machine"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/push"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/wbm"
)

// newExamination is one that has not looked at anything, for a route that the flags name.
func newExamination(t *testing.T, addresses []string, args ...string) (*examination, *machine.Machine, error) {
	t.Helper()
	o := newOptions(t, args...)
	m := machine.New(t)
	x := &examination{con: m.Con, store: m.Settings, pass: m.Passwords, hosts: m.KnownHosts, o: &o, clock: time.Now, now: time.Now()}
	return x, m, x.settle(addresses)
}

// newOptions are what the flags say. What phones are shown is made once.
func newOptions(t *testing.T, args ...string) Options {
	t.Helper()
	o := Options{Route: option.Route{Command: "doctor"}}
	flags := pflag.NewFlagSet("doctor", pflag.ContinueOnError)
	o.Route.AddFlags(flags)
	o.Talk.AddFlags(flags)
	flags.StringVar(&o.Route.Profile, "profile", "", "")
	flags.StringVar(&o.List, "phones", "", "")
	flags.DurationVar(&o.Timeout, "timeout", 10*time.Second, "")
	certificate, key := clitest.ServiceFiles(t)
	if err := flags.Parse(append([]string{"--service-cert", certificate, "--service-key", key, "--listen", "127.0.0.1:0"}, args...)); err != nil {
		t.Fatal(err)
	}
	return o
}

// run asks the doctor on a machine.
func run(ctx context.Context, t *testing.T, m *machine.Machine, clock func() time.Time, args ...string) exit.Code {
	t.Helper()
	env := Env{Env: push.Env{Con: m.Con, Settings: m.Settings, Passwords: m.Passwords, KnownHosts: m.KnownHosts, Open: bind.Open, Dial: transfer.Dial}, Clock: clock}
	return m.Report(Run(ctx, env, newOptions(t, args...), nil))
}

// TestRun checks a run without server and phones, as text and as JSON.
func TestRun(t *testing.T) {
	m := machine.New(t)
	c := run(t.Context(), t, m, time.Now)
	if c != exit.CodeOK || strings.Contains(m.Out.String(), "FAIL") || strings.Count(m.Out.String(), "\n\n") < 5 {
		t.Errorf("exit code %d\n%s%s", c, m.Out, m.Err)
	}
	text := m.Out.String()
	m.Out.Reset()
	m.Con.JSON = true
	c = run(t.Context(), t, m, time.Now)
	var doc answer
	if err := json.Unmarshal(m.Out.Bytes(), &doc); err != nil || c != exit.CodeOK || !doc.OK || doc.Route != routeServe || doc.Origin != "nothing" {
		t.Errorf("exit code %d, %v\n%s", c, err, m.Out)
	}
	for _, f := range doc.Checks {
		if word, _ := stateWord(f.State); !strings.Contains(text, "  "+word+"  "+f.Check) {
			t.Errorf("the text has no %s of %s", word, f.Check)
		}
	}
}

// TestRunBad checks the exit code, the message and the hints of a run with failures.
func TestRunBad(t *testing.T) {
	old := func() time.Time { return time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC) }
	m := machine.New(t)
	m.Con.JSON = true
	c := run(t.Context(), t, m, old, "--serve")
	if e := m.Failure(t); c != exit.CodeSettings || len(e.Hints) == 0 || !strings.Contains(e.Message, groupClock+": date") {
		t.Errorf("exit code %d, %+v", c, e)
	}
	m = machine.New(t)
	m.Con.JSON = true
	m.Put(t, "config.toml", "server = \n")
	c = run(t.Context(), t, m, old)
	if e := m.Failure(t); c != exit.CodeSettings || !strings.Contains(e.Message, "2") || !strings.Contains(e.Message, groupSettings+": config") {
		t.Errorf("exit code %d, %+v", c, e)
	}
}

// TestRunEnds checks that an interruption and an answer that cannot be written end the run.
func TestRunEnds(t *testing.T) {
	m := machine.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if c := run(ctx, t, m, time.Now); c != exit.CodeInterrupted {
		t.Errorf("exit code %d", c)
	}
	for _, asJSON := range []bool{false, true} {
		m = machine.New(t)
		m.Con.Out, m.Con.JSON = brokenWriter{}, asJSON
		if c := run(t.Context(), t, m, time.Now); c != exit.CodeInternal {
			t.Errorf("JSON %v: exit code %d", asJSON, c)
		}
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// TestChoose checks which route is chosen.
func TestChoose(t *testing.T) {
	const stored = "[defaults]\nserver = \"h\"\nusername = \"x\"\n"
	for _, test := range []struct {
		args, config string
		route        route
		origin       string
		code         exit.Code
	}{
		{"", "", routeServe, "nothing", exit.CodeOK},
		{"", stored, routeServer, "defaults", exit.CodeOK},
		{"", "server = \n", routeServer, "defaults", exit.CodeOK},
		{"--use-defaults", "", routeServer, "defaults", exit.CodeOK},
		{"--profile berlin", "", routeServer, "profile berlin", exit.CodeOK},
		{"--serve", stored, routeServe, "flags", exit.CodeOK},
		{"--server h --username x", stored, routeServer, "flags", exit.CodeOK},
		{"--server h", "", routeServer, "flags", exit.CodeUsage},
		{"--web", "", routeWeb, "flags", exit.CodeUsage},
		{"--timeout 0s", "", "", "", exit.CodeUsage},
		{"--serve --web", "", "", "", exit.CodeUsage},
		{"--phones missing", "", routeServe, "nothing", exit.CodeSettings},
	} {
		x, m, _ := newExamination(t, nil)
		o := newOptions(t, strings.Fields(test.args)...)
		if x.o = &o; test.config != "" {
			m.Put(t, "config.toml", test.config)
		}
		x.route, x.origin = "", ""
		err := x.settle(nil)
		if code := codeOf(err); code != test.code || x.route != test.route || x.origin != test.origin {
			t.Errorf("%q: %s by %s, %v", test.args, x.route, x.origin, err)
		}
	}
	x, _, err := newExamination(t, []string{"192.0.2.50"}, "--web")
	if err != nil || len(x.targets) != 1 {
		t.Errorf("%v, %v", x.targets, err)
	}
}

func codeOf(err error) exit.Code {
	if err == nil {
		return exit.CodeOK
	}
	return exit.Classify(err).Code
}

// TestRouteText checks that each route has a text of its own.
func TestRouteText(t *testing.T) {
	seen := map[string]bool{}
	for _, x := range []*examination{
		{origin: "nothing", route: routeServe}, {origin: "flags", route: routeWeb}, {origin: "flags", route: routeServe}, {origin: "flags", route: routeServer}, {origin: "profile berlin", route: routeServer},
	} {
		text := x.routeText()
		if text == "" || seen[text] {
			t.Errorf("%s by %s: %q", x.route, x.origin, text)
		}
		seen[text] = true
	}
}

// TestTable checks that names are unique, and that each check stands after those that it depends on.
func TestTable(t *testing.T) {
	var ids []string
	for _, c := range checks() {
		if slices.Contains(ids, c.id()) {
			t.Errorf("%s stands there twice", c.id())
		}
		for _, before := range c.before() {
			if !slices.Contains(ids, before) {
				t.Errorf("%s comes after %s, which does not stand before it", c.id(), before)
			}
		}
		if ids = append(ids, c.id()); c.how == nil {
			t.Errorf("nobody looks at %s", c.id())
		}
	}
	for _, c := range checks() {
		depends := slices.ContainsFunc(checks(), func(other inspection) bool { return slices.Contains(other.before(), c.id()) })
		if depends && c.lost == "" {
			t.Errorf("%s does not say why what comes after it cannot be looked at", c.id())
		}
	}
}

// TestLook checks that a check is skipped, with the reason, if one that it depends on failed and the route needs it.
func TestLook(t *testing.T) {
	fails := func(context.Context, *examination, int) finding {
		return bad(exit.Errorf(exit.CodeSettings, "do this", "broken"))
	}
	fine := func(context.Context, *examination, int) finding { return well("fine") }
	never := need{whose: noRoute}
	for _, test := range []struct {
		name   string
		first  inspection
		states []state
	}{
		{"needed", inspection{lost: "lost", how: fails}, []state{stateBad, stateSkip}},
		{"mild, and needed", inspection{lost: "lost", mild: true, how: fails}, []state{stateBad, stateSkip}},
		{"not needed", inspection{lost: "lost", needed: never, how: fails}, []state{stateMind, stateSkip}},
		{"mild, and not needed", inspection{lost: "lost", mild: true, needed: never, how: fails}, []state{stateMind, stateWell}},
		{"fine", inspection{lost: "lost", how: fine}, []state{stateWell, stateWell}},
	} {
		x, _, err := newExamination(t, nil, "--serve")
		if err != nil {
			t.Fatal(err)
		}
		test.first.group, test.first.name = groupSettings, "folder"
		if err := x.run(t.Context(), []inspection{test.first, {group: groupSettings, name: "config", after: "folder", how: fine}}); err != nil {
			t.Fatal(err)
		}
		if got := []state{x.found[0].State, x.found[1].State}; !slices.Equal(got, test.states) {
			t.Errorf("%s: %s, want %s", test.name, got, test.states)
		}
		if f := x.found[1]; f.State == stateSkip && !strings.Contains(f.Text, "lost") {
			t.Errorf("%s: it does not say why: %s", test.name, f.Text)
		}
	}
}

// TestLeftOut checks which groups are skipped as a whole.
func TestLeftOut(t *testing.T) {
	for _, test := range []struct {
		x     examination
		group string
		want  bool
	}{
		{examination{route: routeServe}, groupServer, true},
		{examination{route: routeWeb}, groupServer, true},
		{examination{route: routeServer}, groupServer, false},
		{examination{route: routeServe}, groupPhone, true},
		{examination{route: routeServe, targets: make([]fleet.Target, 1)}, groupPhone, false},
		{examination{route: routeServe}, groupAround, false},
	} {
		if why := test.x.leftOut(test.group); (why != "") != test.want {
			t.Errorf("%s of %s: %q", test.group, test.x.route, why)
		}
	}
}

// TestAround checks that each environment has a text of its own, and is never a failure.
func TestAround(t *testing.T) {
	x, m, err := newExamination(t, nil, "--serve")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	look := func(name string, how func(context.Context, *examination, int) finding) {
		t.Helper()
		f := how(t.Context(), x, -1)
		if f.State != stateWell || f.Text == "" || seen[name+f.Text] {
			t.Errorf("%s: %+v", name, f)
		}
		seen[name+f.Text] = true
	}
	look("proxy", aroundProxy)
	x.around.Proxies = []string{"NO_PROXY"}
	look("proxy", aroundProxy)
	x.around.Proxies = ProxyVariables()
	look("proxy", aroundProxy)
	look("input", aroundInput)
	m.Con.InTerminal = true
	look("input", aroundInput)
	look("output", aroundOutput)
	x.around.Terminal = "dumb"
	look("output", aroundOutput)
	x.around.NoColor = true
	look("output", aroundOutput)
	m.Con.ColorOut = true
	x.around = Surroundings{}
	look("output", aroundOutput)
	m.Con.NoColor = true
	look("output", aroundOutput)
	look("progress", aroundProgress)
	x.around.CI = true
	look("progress", aroundProgress)
	m.Con.ErrTerminal = true
	look("progress", aroundProgress)
}

// TestFolder checks the settings folder: present, missing, a file, or unknown.
func TestFolder(t *testing.T) {
	x, m, err := newExamination(t, nil, "--serve")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		folder string
		err    error
		want   state
	}{
		{m.Settings.Folder, nil, stateWell},
		{m.Settings.Folder + "-missing", nil, stateWell},
		{clitest.File(t, "file", nil), nil, stateBad},
		{"", errors.New("no home"), stateBad},
	} {
		x.store.Folder, x.store.FolderErr = test.folder, test.err
		if f := doctorFolder(t.Context(), x, -1); f.State != test.want || f.Text == "" || (len(f.Hints) > 0) != (f.State == stateBad) {
			t.Errorf("%s: %+v", test.folder, f)
		}
	}
}

// TestLookUp checks that an address needs no name server, and that an invalid name is an error with hints.
func TestLookUp(t *testing.T) {
	x, _, err := newExamination(t, nil, "--serve")
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]state{"192.0.2.1": stateWell, "2001:db8::1": stateWell, strings.Repeat("a", 64) + ".invalid": stateBad} {
		if f := x.lookUp(t.Context(), host, "hint"); f.State != want || !strings.HasPrefix(f.Text, host) || (len(f.Hints) == 2) != (want == stateBad) {
			t.Errorf("%s: %+v", host, f)
		}
	}
	if f := x.knock(t.Context(), "127.0.0.1:0", "hint"); f.State != stateBad || len(f.Hints) != 1 || !strings.HasPrefix(f.Text, "127.0.0.1:0: ") {
		t.Errorf("%+v", f)
	}
}

// TestPlace checks which step a server error is assigned to.
func TestPlace(t *testing.T) {
	folder, send := transfer.Event{Step: transfer.StepFolder}, transfer.Event{Step: transfer.StepSend}
	for _, test := range []struct {
		method transfer.Method
		steps  []transfer.Event
		err    error
		want   string
	}{
		{transfer.FTP, nil, errors.New("odd"), "writing"},
		{transfer.HTTPS, nil, &transfer.Error{Kind: transfer.KindTrust}, "certificate"},
		{transfer.HTTPS, []transfer.Event{send}, &transfer.Error{Kind: transfer.KindTLS}, "certificate"},
		{transfer.FTPS, nil, &transfer.Error{Kind: transfer.KindTLS}, "certificate"},
		{transfer.FTPS, []transfer.Event{folder, send}, &transfer.Error{Kind: transfer.KindTrust}, "data"},
		{transfer.FTP, []transfer.Event{folder, send}, &transfer.Error{Kind: transfer.KindUnreachable, Data: true}, "data"},
		{transfer.FTP, nil, &transfer.Error{Kind: transfer.KindLogin}, "login"},
		{transfer.FTP, nil, &transfer.Error{Kind: transfer.KindTimeout}, "login"},
		{transfer.FTP, []transfer.Event{folder}, &transfer.Error{Kind: transfer.KindDenied}, "upload-folder"},
		{transfer.FTP, []transfer.Event{folder}, &transfer.Error{Kind: transfer.KindMissing}, "upload-folder"},
		{transfer.HTTPS, []transfer.Event{send}, &transfer.Error{Kind: transfer.KindRedirect}, "upload-folder"},
		{transfer.FTP, []transfer.Event{folder, send}, &transfer.Error{Kind: transfer.KindDenied}, "writing"},
	} {
		trial := &serverTrial{steps: test.steps, err: test.err}
		if got := trial.place(transfer.Access{Method: test.method}); got != test.want {
			t.Errorf("%s, %v: %v belongs to %s, want %s", test.method, test.steps, test.err, got, test.want)
		}
	}
}

// TestOtherPage checks that the page, the call and the list have to name the same phone.
func TestOtherPage(t *testing.T) {
	const first, second = "00:1A:E8:00:00:01", "00:1A:E8:00:00:02"
	for _, test := range []struct {
		name         string
		list, called string // of the first phone
		page         string
		last         bool
		want         fleet.Kind
	}{
		{"nobody says anything", "", "", "", true, ""},
		{"the page alone", "", "", first, true, ""},
		{"another spelling", first, "", "001ae8000001", true, ""},
		{"the call and the page", "", first, first, true, ""},
		{"the call says another", "", first, second, false, fleet.KindAnotherPhone},
		{"the list says another", second, "", first, false, fleet.KindAnotherPhone},
		{"the list says another than the call", second, first, "", false, fleet.KindAnotherPhone},
		{"not said yet", first, "", "", false, ""},
		{"never said", first, "", "", true, fleet.KindAnotherPhone},
	} {
		x := &examination{targets: []fleet.Target{{Address: "a", MAC: test.list}}}
		if test.called != "" {
			x.asked = []fleet.Result{{After: fleet.Device{MAC: test.called}}}
		}
		f := x.otherPage(0, wbm.Facts{MAC: test.page}, test.last)
		if (f == nil) != (test.want == "") || f != nil && (f.Kind != test.want || f.Msg == "") {
			t.Errorf("%s: %+v", test.name, f)
		}
	}
	x := &examination{targets: make([]fleet.Target, 2)}
	if f := x.otherPage(0, wbm.Facts{MAC: first}, false); f != nil {
		t.Errorf("%+v", f)
	}
	if f := x.otherPage(1, wbm.Facts{MAC: first}, false); f == nil || f.Kind != fleet.KindDuplicate {
		t.Errorf("one phone twice: %+v", f)
	}
}

// TestMACOf checks that MAC addresses are normalised, and other texts are bounded.
func TestMACOf(t *testing.T) {
	for text, want := range map[string]string{"": "", "00-1a-e8-00-00-01": "00:1A:E8:00:00:01", "odd": "odd", strings.Repeat("x", 100): strings.Repeat("x", 64)} {
		if got := macOf(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// TestHeed checks that no page gets the password after one has refused it, or has locked the login.
func TestHeed(t *testing.T) {
	for kind, want := range map[wbm.Kind]bool{wbm.KindPassword: true, wbm.KindLocked: true, wbm.KindTLS: false} {
		x := &examination{targets: []fleet.Target{{Address: "192.0.2.50"}}}
		x.heed(0, fmt.Errorf("page: %w", &wbm.Error{Kind: kind}))
		if strings.Contains(x.noMoreLogins, "192.0.2.50") != want {
			t.Errorf("%s: %q", kind, x.noMoreLogins)
		}
	}
	x := &examination{targets: make([]fleet.Target, 1)}
	if x.heed(0, errors.New("odd")); x.noMoreLogins != "" {
		t.Error(x.noMoreLogins)
	}
}

// TestNotMeant checks that the page of another phone is left alone.
func TestNotMeant(t *testing.T) {
	x := &examination{}
	if why := x.notMeant(0); why != "" {
		t.Error(why)
	}
	for kind, want := range map[fleet.Kind]bool{fleet.KindAnotherPhone: true, fleet.KindDuplicate: true, fleet.KindNoCall: false} {
		x.asked = []fleet.Result{{Failure: &fleet.Failure{Kind: kind}}}
		if why := x.notMeant(0); (why != "") != want {
			t.Errorf("%s: %q", kind, why)
		}
	}
}

// TestWithoutPassword checks that no finding holds the password of the pages.
func TestWithoutPassword(t *testing.T) {
	const canary = "canary-71c0"
	f := bad(exit.Errorf(exit.CodeSettings, "a hint with "+canary, "it says %s", canary))
	x := &examination{}
	if got := x.withoutPassword(f); got.Text != f.Text {
		t.Errorf("without a password: %+v", got)
	}
	x.pagePassword = secret.New(canary)
	got := x.withoutPassword(f)
	if said := got.Text + strings.Join(got.Hints, "") + got.err.Error(); strings.Contains(said, canary) || exit.Classify(got.err).Code != exit.CodeSettings {
		t.Error(said)
	}
	if !errors.Is(got.err, f.err.(*exit.Error).Err) { //nolint:forcetypeassert,errorlint // bad made it
		t.Error("the cause is lost")
	}
}

// TestMachineAddress checks the addresses of this machine that phones are told.
func TestMachineAddress(t *testing.T) {
	x, _, err := newExamination(t, []string{"127.0.0.1:8085", "127.0.0.2:8085"}, "--serve")
	if err != nil {
		t.Fatal(err)
	}
	f := machineAddress(t.Context(), x, -1)
	if f.State != stateWell || len(x.locals) == 0 || !x.locals[0].addr.IsLoopback() {
		t.Errorf("%+v, %+v", f, x.locals)
	}
	x.o.Talk.Advertise = "update.example"
	if text := x.addressText(); !strings.HasSuffix(text, "update.example") {
		t.Error(text)
	}
}

// TestProxyVariables checks that each variable is listed in upper case and in lower case.
func TestProxyVariables(t *testing.T) {
	names := ProxyVariables()
	for _, name := range names {
		if !slices.Contains(names, strings.ToLower(name)) || !slices.Contains(names, strings.ToUpper(name)) {
			t.Errorf("%s has one spelling", name)
		}
	}
}

// TestInnerError checks that operation and address are removed from a network error.
func TestInnerError(t *testing.T) {
	plain := errors.New("why")
	for _, err := range []error{plain, os.NewSyscallError("connect", plain), &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", plain)}} {
		if got := innerError(err); got != plain { //nolint:errorlint // it is the very error
			t.Errorf("%v: %v", err, got)
		}
	}
}
