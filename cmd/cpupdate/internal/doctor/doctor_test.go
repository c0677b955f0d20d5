package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest/machine"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/delivery"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// newExamination returns an diagnosis that has run no check yet, for a route that the flags name.
func newExamination(t *testing.T, addresses []string, args ...string) (*diagnosis, *machine.Machine, error) {
	t.Helper()
	o := newOptions(t, args...)
	m := machine.New(t)
	x := &diagnosis{con: m.Console, store: m.Settings, pass: m.Passwords, hosts: m.KnownHosts, o: &o, clock: time.Now, now: time.Now()}
	return x, m, x.resolve(t.Context(), addresses)
}

// newOptions are what the flags say. What phones are shown is made once.
func newOptions(t *testing.T, args ...string) Options {
	t.Helper()
	o := Options{Route: option.Route{Command: "doctor"}}
	flags := pflag.NewFlagSet("doctor", pflag.ContinueOnError)
	o.Route.AddFlags(flags)
	o.Listen.AddFlags(flags)
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
	env := Env{Env: delivery.Env{Console: m.Console, Settings: m.Settings, Passwords: m.Passwords, KnownHosts: m.KnownHosts, Open: bind.Open, Dial: transfer.Dial}, Clock: clock}
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
	m.Console.JSON = true
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
	m.Console.JSON = true
	c := run(t.Context(), t, m, old, "--serve")
	if e := m.Failure(t); c != exit.CodeSettings || len(e.Hints) == 0 || !strings.Contains(e.Message, groupClock+": date") {
		t.Errorf("exit code %d, %+v", c, e)
	}
	m = machine.New(t)
	m.Console.JSON = true
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
		m.Console.Out, m.Console.JSON = brokenWriter{}, asJSON
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
		err := x.resolve(t.Context(), nil)
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
	for _, x := range []*diagnosis{
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
		depends := slices.ContainsFunc(checks(), func(other check) bool { return slices.Contains(other.before(), c.id()) })
		if depends && c.lost == "" {
			t.Errorf("%s does not say why what comes after it cannot be looked at", c.id())
		}
	}
}

// TestLook checks that a check is skipped, with the reason, if one that it depends on failed and the route needs it.
func TestLook(t *testing.T) {
	fails := func(context.Context, *diagnosis, int) finding {
		return failed(exit.Errorf(exit.CodeSettings, "do this", "broken"))
	}
	fine := func(context.Context, *diagnosis, int) finding { return passed("fine") }
	never := requirement{whose: noRoute}
	for _, test := range []struct {
		name   string
		first  check
		states []state
	}{
		{"needed", check{lost: "lost", how: fails}, []state{stateFailed, stateSkip}},
		{"mild, and needed", check{lost: "lost", optional: true, how: fails}, []state{stateFailed, stateSkip}},
		{"not needed", check{lost: "lost", requires: never, how: fails}, []state{stateWarn, stateSkip}},
		{"mild, and not needed", check{lost: "lost", optional: true, requires: never, how: fails}, []state{stateWarn, stateOK}},
		{"fine", check{lost: "lost", how: fine}, []state{stateOK, stateOK}},
	} {
		x, _, err := newExamination(t, nil, "--serve")
		if err != nil {
			t.Fatal(err)
		}
		test.first.group, test.first.name = groupSettings, "folder"
		if err := x.run(t.Context(), []check{test.first, {group: groupSettings, name: "config", after: "folder", how: fine}}); err != nil {
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
		x     diagnosis
		group string
		want  bool
	}{
		{diagnosis{route: routeServe}, groupServer, true},
		{diagnosis{route: routeWeb}, groupServer, true},
		{diagnosis{route: routeServer}, groupServer, false},
		{diagnosis{route: routeServe}, groupPhone, true},
		{diagnosis{route: routeServe, targets: make([]fleet.Target, 1)}, groupPhone, false},
		{diagnosis{route: routeServe}, groupAround, false},
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
	runCheck := func(name string, how func(context.Context, *diagnosis, int) finding) {
		t.Helper()
		f := how(t.Context(), x, -1)
		if f.State != stateOK || f.Text == "" || seen[name+f.Text] {
			t.Errorf("%s: %+v", name, f)
		}
		seen[name+f.Text] = true
	}
	runCheck("proxy", aroundProxy)
	x.around.Proxies = []string{"NO_PROXY"}
	runCheck("proxy", aroundProxy)
	x.around.Proxies = ProxyVariables()
	runCheck("proxy", aroundProxy)
	runCheck("input", aroundInput)
	m.Console.InTerminal = true
	runCheck("input", aroundInput)
	runCheck("output", aroundOutput)
	x.around.Terminal = "dumb"
	runCheck("output", aroundOutput)
	x.around.NoColor = true
	runCheck("output", aroundOutput)
	m.Console.ColorOut = true
	x.around = Surroundings{}
	runCheck("output", aroundOutput)
	m.Console.NoColor = true
	runCheck("output", aroundOutput)
	runCheck("progress", aroundProgress)
	x.around.CI = true
	runCheck("progress", aroundProgress)
	m.Console.ErrTerminal = true
	runCheck("progress", aroundProgress)
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
		{m.Settings.Folder, nil, stateOK},
		{m.Settings.Folder + "-missing", nil, stateOK},
		{clitest.File(t, "file", nil), nil, stateFailed},
		{"", errors.New("no home"), stateFailed},
	} {
		x.store.Folder, x.store.FolderErr = test.folder, test.err
		if f := doctorFolder(t.Context(), x, -1); f.State != test.want || f.Text == "" || (len(f.Hints) > 0) != (f.State == stateFailed) {
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
	for host, want := range map[string]state{"192.0.2.1": stateOK, "2001:db8::1": stateOK, strings.Repeat("a", 64) + ".invalid": stateFailed} {
		if f := x.lookUp(t.Context(), host, "hint"); f.State != want || !strings.HasPrefix(f.Text, host) || (len(f.Hints) == 2) != (want == stateFailed) {
			t.Errorf("%s: %+v", host, f)
		}
	}
	if f := x.knock(t.Context(), "127.0.0.1:0", "hint"); f.State != stateFailed || len(f.Hints) != 1 || !strings.HasPrefix(f.Text, "127.0.0.1:0: ") {
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
		{transfer.FTP, []transfer.Event{folder}, &transfer.Error{Op: transfer.OpRemove, Kind: transfer.KindDenied}, "writing"},
		{transfer.FTP, []transfer.Event{folder, send}, &transfer.Error{Op: transfer.OpRename, Kind: transfer.KindExists}, "writing"},
		{transfer.FTPS, []transfer.Event{folder}, &transfer.Error{Op: transfer.OpList, Kind: transfer.KindTLS}, "data"},
		{transfer.FTP, nil, &transfer.Error{Kind: transfer.KindLogin}, "login"},
		{transfer.FTP, nil, &transfer.Error{Kind: transfer.KindTimeout}, "login"},
		{transfer.FTP, []transfer.Event{folder}, &transfer.Error{Kind: transfer.KindDenied}, "upload-folder"},
		{transfer.FTP, []transfer.Event{folder}, &transfer.Error{Kind: transfer.KindMissing}, "upload-folder"},
		{transfer.HTTPS, []transfer.Event{send}, &transfer.Error{Kind: transfer.KindRedirect}, "upload-folder"},
		{transfer.FTP, []transfer.Event{folder, send}, &transfer.Error{Kind: transfer.KindDenied}, "writing"},
	} {
		uploadTest := &uploadResult{steps: test.steps, err: test.err}
		if got := uploadTest.place(transfer.Access{Method: test.method}); got != test.want {
			t.Errorf("%s, %v: %v belongs to %s, want %s", test.method, test.steps, test.err, got, test.want)
		}
	}
}

// TestDuplicate checks that a MAC address belongs to the phone that reported it first, and to one that called back before
// any page.
func TestDuplicate(t *testing.T) {
	first := fleet.Device{MAC: "00:1A:E8:00:00:01"}
	x := &diagnosis{targets: make([]fleet.Target, 2)}
	for i, d := range []fleet.Device{{}, {}} {
		if f := x.duplicate(i, d); f != nil {
			t.Errorf("nobody says anything: %+v", f)
		}
	}
	for range 2 {
		if f := x.duplicate(0, first); f != nil {
			t.Errorf("%+v", f)
		}
	}
	if f := x.duplicate(1, first); f == nil || f.Kind != fleet.KindDuplicate || f.Msg == "" {
		t.Errorf("one phone twice: %+v", f)
	}
	x = &diagnosis{targets: make([]fleet.Target, 2), asked: []fleet.Result{{}, {After: first}}}
	if f := x.duplicate(0, first); f == nil || f.Kind != fleet.KindDuplicate {
		t.Errorf("the page of a phone that called back: %+v", f)
	}
	if f := x.duplicate(1, first); f != nil {
		t.Errorf("%+v", f)
	}
}

// TestHeed checks that no page gets the password after one has refused it, or has locked the login.
func TestHeed(t *testing.T) {
	login := &pageVisit{stage: "login"}
	for kind, want := range map[fleet.Kind]bool{fleet.KindPassword: true, fleet.KindLocked: true, fleet.KindPageTLS: false} {
		x := &diagnosis{targets: []fleet.Target{{Address: "192.0.2.50"}}}
		x.stopLogins(0, login, &fleet.Failure{Kind: kind})
		if strings.Contains(x.noMoreLogins, "192.0.2.50") != want {
			t.Errorf("%s: %q", kind, x.noMoreLogins)
		}
	}
	x := &diagnosis{targets: make([]fleet.Target, 1)}
	x.stopLogins(0, login, &fleet.Failure{})
	if x.stopLogins(0, &pageVisit{stage: "start"}, &fleet.Failure{Kind: fleet.KindLocked}); x.noMoreLogins != "" {
		t.Error(x.noMoreLogins)
	}
}

// TestNotMeant checks that the page of another phone is left alone.
func TestNotMeant(t *testing.T) {
	x := &diagnosis{}
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
	f := failed(exit.Errorf(exit.CodeSettings, "a hint with "+canary, "it says %s", canary))
	x := &diagnosis{}
	if got := x.withoutPassword(f); got.Text != f.Text {
		t.Errorf("without a password: %+v", got)
	}
	x.pagePassword = secret.New(canary)
	got := x.withoutPassword(f)
	if said := got.Text + strings.Join(got.Hints, "") + got.err.Error(); strings.Contains(said, canary) || exit.Classify(got.err).Code != exit.CodeSettings {
		t.Error(said)
	}
	if !errors.Is(got.err, f.err.(*exit.Error).Err) { //nolint:forcetypeassert,errorlint // failed made it
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
	if f.State != stateOK || len(x.locals) == 0 || !x.locals[0].addr.IsLoopback() {
		t.Errorf("%+v, %+v", f, x.locals)
	}
	x.o.Listen.Advertise = "update.example"
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
