package push

import (
	"context"
	"encoding/json"
	"errors"
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
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// envOf is what a push is handed on a machine. No server is there.
func envOf(m *machine.Machine) delivery.Env {
	dial := func(context.Context, transfer.Access, transfer.Options) (transfer.Store, error) {
		return nil, errors.New("no server in this test")
	}
	return delivery.Env{Console: m.Console, Settings: m.Settings, Passwords: m.Passwords, KnownHosts: m.KnownHosts, Open: bind.Open, Dial: dial}
}

// newOptions are what flags say.
func newOptions(t *testing.T, args ...string) Options {
	t.Helper()
	o := Options{Options: delivery.Options{Route: option.Route{Command: "push"}}}
	flags := pflag.NewFlagSet("push", pflag.ContinueOnError)
	o.Route.AddFlags(flags)
	o.Upload.AddFlags(flags)
	o.Fetch.AddFlags(flags)
	o.Phones.AddFlags(flags)
	o.Phones.Permit.AddFlags(flags)
	o.Listen.AddFlags(flags)
	o.Image.AddTrustFlags(flags)
	flags.StringVar(&o.Route.Profile, "profile", "", "")
	flags.StringVar(&o.Priority, "priority", "normal", "")
	flags.DurationVar(&o.Settle, "settle", time.Minute, "")
	flags.BoolVar(&o.DryRun, "dry-run", false, "")
	flags.StringVar(&o.Hardware, "hardware", "", "")
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return o
}

// A putStore is a server whose Put is the test's.
type putStore struct {
	options transfer.Options
	put     func(ctx context.Context, o transfer.Options) error
}

func (s putStore) Put(ctx context.Context, _ transfer.Upload) (transfer.Location, error) {
	return transfer.Location{URL: "ftp://h/x", Size: 1, Attempts: 1}, s.put(ctx, s.options)
}

func (s putStore) Try(ctx context.Context) error { return s.put(ctx, s.options) }

func (s putStore) Close() error { return nil }

// A fewLines takes some lines only.
type fewLines struct{ lines int }

func (w *fewLines) Write(p []byte) (int, error) {
	if w.lines--; w.lines < 0 {
		return 0, &os.PathError{Op: "write", Path: "|1", Err: errors.New("broken pipe")}
	}
	return len(p), nil
}

// pushOver pushes an image by put, and returns the exit code.
func pushOver(ctx context.Context, t *testing.T, m *machine.Machine, put func(ctx context.Context, o transfer.Options) error) exit.Code {
	t.Helper()
	env := envOf(m)
	env.Dial = func(_ context.Context, _ transfer.Access, o transfer.Options) (transfer.Store, error) {
		return putStore{o, put}, nil
	}
	o := newOptions(t, "--minimum-version", "V1 R0.0.0", "--server", "h", "--username", "x")
	return m.Report(Run(ctx, env, o, clitest.Image(t, "cp600.bind", nil), nil))
}

// Who reads the answer goes away while the image is sent: the sending ends, and that is no interruption.
func TestPushAnswerLost(t *testing.T) {
	for _, test := range []struct{ left, message string }{
		{"", "writing the answer: broken pipe"},
		{"ftp://h/x.part", "writing the answer: broken pipe; left behind: ftp://h/x.part"},
	} {
		put := func(ctx context.Context, o transfer.Options) error {
			o.Event(transfer.Event{Step: transfer.StepSend, Text: "x.part"})
			<-ctx.Done()
			if test.left == "" {
				return context.Cause(ctx)
			}
			return &transfer.Error{Op: "sending", Left: test.left, Err: ctx.Err()}
		}
		m := machine.New(t)
		m.Console.Out, m.Console.JSON = &fewLines{1}, true
		c := pushOver(t.Context(), t, m, put)
		if e := m.Failure(t); c != exit.CodeInternal || e.Message != test.message || e.Left != test.left {
			t.Errorf("exit code %d\n%s", c, m.Err)
		}
	}
}

// If only the last line is lost the image is on the server.
func TestPushLastLineLost(t *testing.T) {
	m := machine.New(t)
	m.Console.Out, m.Console.JSON = &fewLines{1}, true
	c := pushOver(t.Context(), t, m, func(context.Context, transfer.Options) error { return nil })
	if e := m.Failure(t); c != exit.CodeInternal || !slices.Contains(e.Hints, "do not send the image again: it is on the server at ftp://h/cp600.bind") {
		t.Errorf("exit code %d\n%s", c, m.Err)
	}
}

// Whatever ended a push, what it left behind is told.
func TestPushLeft(t *testing.T) {
	damaged := &transfer.SourceError{Err: &bind.FormatError{Problem: bind.Damaged, Field: "SHA-256"}}
	for _, test := range []struct {
		err       error
		interrupt bool
		code      exit.Code
		text      string
	}{
		{context.Canceled, true, exit.CodeInterrupted, "interrupted"},
		{damaged, false, exit.CodeImage, "SHA-256"},
		{exit.Errorf(exit.CodeImage, "hint", "ours"), false, exit.CodeImage, "ours"},
		{errors.New("no"), false, exit.CodeRejected, "no"},
	} {
		for _, asJSON := range []bool{false, true} {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			put := func(context.Context, transfer.Options) error {
				if test.interrupt {
					cancel()
				}
				return &transfer.Error{Op: "sending", Kind: transfer.KindDenied, Left: "ftp://h/x.part", Err: test.err}
			}
			m := machine.New(t)
			m.Console.JSON = asJSON
			c := pushOver(ctx, t, m, put)
			if !asJSON {
				if c != test.code || strings.Count(m.Err.String(), "left behind: ftp://h/x.part") != 1 || !strings.Contains(m.Err.String(), test.text) {
					t.Errorf("%v: exit code %d\n%s", test.err, c, m.Err)
				}
				continue
			}
			if e := m.Failure(t); c != test.code || e.Left != "ftp://h/x.part" || len(e.Hints) == 0 {
				t.Errorf("%v: exit code %d\n%s", test.err, c, m.Err)
			}
		}
	}
}

// TestPushInterrupted checks that an interruption that leaves nothing on the server is reported as one.
func TestPushInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	m := machine.New(t)
	c := pushOver(ctx, t, m, func(ctx context.Context, _ transfer.Options) error {
		cancel()
		return ctx.Err()
	})
	if c != exit.CodeInterrupted || !strings.Contains(m.Err.String(), "cp600.bind") {
		t.Errorf("exit code %d\n%s", c, m.Err)
	}
}

// TestPushSteps checks how the steps of a push are shown, as text and as JSON.
func TestPushSteps(t *testing.T) {
	put := func(_ context.Context, o transfer.Options) error {
		for _, e := range []transfer.Event{
			{Step: transfer.StepConnect, Text: "h:21"},
			{Step: transfer.StepMade, Text: "made-folder"},
			{Step: transfer.StepDialog, Text: "> NOOP"},
			{Step: transfer.StepSend, Text: "x.part"},
			{Step: transfer.StepInPlace, Text: "in-place-reason"},
			{Step: transfer.StepRetry, Err: &transfer.Error{Kind: transfer.KindBusy, Server: "h:21"}, Attempt: 2, Wait: time.Second},
			{Step: transfer.StepQuery, Text: "looked-at"},
		} {
			o.Event(e)
		}
		o.Sent(1)
		return nil
	}
	m := machine.New(t)
	if c := pushOver(t.Context(), t, m, put); c != exit.CodeOK || !strings.HasPrefix(m.Out.String(), "sent   ") || !strings.Contains(m.Out.String(), "ftp://h/cp600.bind") {
		t.Errorf("exit code %d\n%s%s", c, m.Out, m.Err)
	}
	for _, want := range []string{"made-folder", "in-place-reason", "looked-at", "1 s"} {
		if strings.Count(m.Err.String(), want) != 1 {
			t.Errorf("%q is not noted once\n%s", want, m.Err)
		}
	}
	if strings.Contains(m.Err.String(), "NOOP") {
		t.Error("the dialogue is shown without --verbose")
	}
	m = machine.New(t)
	m.Console.Verbose = true
	if c := pushOver(t.Context(), t, m, put); c != exit.CodeOK || !strings.Contains(m.Err.String(), "> NOOP") {
		t.Errorf("exit code %d\n%s%s", c, m.Out, m.Err)
	}
	m = machine.New(t)
	m.Console.JSON = true
	c := pushOver(t.Context(), t, m, put)
	var events []string
	for line := range strings.Lines(m.Out.String()) {
		var doc struct {
			Schema      int
			Event, Step string
			WaitMillis  int64 `json:"wait_ms"`
			Error       *exit.ErrorDoc
		}
		if err := json.Unmarshal([]byte(line), &doc); err != nil || doc.Schema != 1 {
			t.Fatalf("%v in %s", err, line)
		}
		events = append(events, strings.TrimSuffix(doc.Event+" "+doc.Step, " "))
		if doc.Step == "retry" && (doc.WaitMillis != 1000 || doc.Error == nil || doc.Error.Kind != "busy") {
			t.Errorf("%s", line)
		}
	}
	want := []string{"checked", "step connect", "step made-folder", "step send", "step in-place", "step retry", "step look", "sent"}
	if c != exit.CodeOK || len(events) != len(want) || events[0] != want[0] || events[len(events)-1] != "sent" || slices.Contains(events, "step said") {
		t.Errorf("exit code %d, %q", c, events)
	}
}

// TestPushNothing checks that nothing is sent if the image is incompatible, undetermined, or installed already, and by
// a dry run.
func TestPushNothing(t *testing.T) {
	put := func(context.Context, transfer.Options) error { return errors.New("it is sent") }
	levels := func(b *bind.Builder) { b.Levels, _ = bind.ParseLevels("1-3") }
	same := []string{"--model=OpenScape Desk Phone CP600", "--software-type=Unify HFA", "--running=V1 R9.2.0", "--hw-level=3"}
	for _, test := range []struct {
		args  []string
		code  exit.Code
		event string
	}{
		{[]string{"--hw-level=4"}, exit.CodeRefused, "checked"},
		{nil, exit.CodeUnknown, "checked"},
		{[]string{"--hw-level=3", "--dry-run"}, exit.CodeOK, "dry-run"},
		{same, exit.CodeOK, "nothing-to-do"},
		{[]string{"--hw-level=x"}, exit.CodeUsage, ""},
		{[]string{"--hw-level=3", "--hardware=missing"}, exit.CodeSettings, ""},
		{[]string{"--hw-level=3", "--trusted-key=missing"}, exit.CodeSettings, ""},
		{[]string{"--hw-level=3", "--require-signature"}, exit.CodeImage, ""},
		{[]string{"--hw-level=3", "--filename=a/b"}, exit.CodeUsage, ""},
		{[]string{"--hw-level=3", "--verify=x"}, exit.CodeUsage, ""},
		{[]string{"--hw-level=3", "--method=ftps", "--pin=x"}, exit.CodeUsage, ""},
		{[]string{"--hw-level=3", "--password-file=missing"}, exit.CodeSettings, "checked"},
	} {
		for _, asJSON := range []bool{true, false} {
			m := machine.New(t)
			m.Console.JSON = asJSON
			env := envOf(m)
			env.Dial = func(_ context.Context, _ transfer.Access, o transfer.Options) (transfer.Store, error) {
				return putStore{o, put}, nil
			}
			o := newOptions(t, append([]string{"--server", "h", "--username", "x"}, test.args...)...)
			c := m.Report(Run(t.Context(), env, o, clitest.Image(t, "cp600.bind", levels), nil))
			var last struct{ Event string }
			lines := strings.Split(strings.TrimSpace(m.Out.String()), "\n")
			if asJSON && test.event != "" && json.Unmarshal([]byte(lines[len(lines)-1]), &last) != nil || c != test.code || asJSON && last.Event != test.event {
				t.Errorf("%q: exit code %d\n%s%s", test.args, c, m.Out, m.Err)
			}
			if !asJSON && (m.Out.Len() > 0) != (test.event != "" && test.code != exit.CodeSettings) {
				t.Errorf("%q: exit code %d\n%s%s", test.args, c, m.Out, m.Err)
			}
		}
	}
}

// What cannot be meant is refused before anybody is asked.
func TestPushUsage(t *testing.T) {
	server := []string{"--server", "127.0.0.1", "--port", "1", "--username", "x", "--hw-level", "3"}
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"--serve", "--retries", "3"}, "--retries cannot be used with --serve"},
		{[]string{"--serve", "--verify", "readback"}, "--verify cannot be used with --serve"},
		{[]string{"--serve", "--listen", ":99999"}, "--listen :99999: "},
		{[]string{"--serve", "--listen", "127.0.0.1:-1"}, "--listen 127.0.0.1:-1: "},
		{append([]string{"--reinstall"}, server...), "--reinstall with phones can only be verified with --serve"},
		{nil, "hint: to let phones fetch the image from this machine, add --serve\nhint: or name the server: "},
	} {
		m := machine.New(t)
		c := m.Report(Run(t.Context(), envOf(m), newOptions(t, test.args...), "cp600.bind", []string{"127.0.0.1:1"}))
		if c != exit.CodeUsage || !strings.Contains(m.Err.String(), test.want) {
			t.Errorf("%q: exit code %d, want %q\n%s", test.args, c, test.want, m.Err)
		}
	}
}

// A dialled is what a command would have opened a connection with.
type dialled struct {
	code   exit.Code
	access transfer.Access
	trust  trust.Policy
	times  int
	said   string
}

// dialFrom pushes with stored settings and flags, and returns the connection that it would have opened.
func dialFrom(t *testing.T, config, password string, args ...string) dialled {
	t.Helper()
	m, d := machine.New(t), dialled{}
	if config != "" {
		m.Put(t, "config.toml", config)
	}
	m.Passwords.Variable = secret.New(password)
	env := envOf(m)
	env.Dial = func(_ context.Context, access transfer.Access, o transfer.Options) (transfer.Store, error) {
		d.access, d.trust, d.times = access, o.Trust, d.times+1
		return nil, errors.New("no server in this test")
	}
	o := newOptions(t, append([]string{"--minimum-version", "V1 R0.0.0"}, args...)...)
	d.code = m.Report(Run(t.Context(), env, o, clitest.Image(t, "cp600.bind", nil), nil))
	d.said = m.Err.String()
	return d
}

// Who is anonymous gets the password of the environment only by a flag; and whoever's goes out in clear, it is said.
func TestAnonymousPassword(t *testing.T) {
	file := clitest.File(t, "password", []byte("mail"))
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"anonymous"}, ""},
		{[]string{"Anonymous"}, ""},
		{[]string{"anonymous", "--password-file", file}, "mail"},
		{[]string{"cp"}, "canary"},
	} {
		d := dialFrom(t, "", "canary", append([]string{"--server", "h", "--username"}, test.args...)...)
		warned := strings.Contains(d.said, "plain FTP sends the password unencrypted")
		if d.times != 1 || d.access.Password.Reveal() != test.want || warned != (test.want != "") {
			t.Errorf("%q: %q\n%s", test.args, d.access.Password.Reveal(), d.said)
		}
	}
}

// Each trust flag replaces what is stored of its own kind, and no more.
func TestTrustFlags(t *testing.T) {
	ca := clitest.File(t, "ca.pem", []byte(clitest.Authority))
	old, other := "sha256:"+strings.Repeat("0", 64), "sha256:"+strings.Repeat("1", 64)
	const (
		ftp  = "[defaults]\nserver = \"h\"\nusername = \"x\"\n"
		ftps = ftp + "method = \"ftps\"\n"
	)
	pinned, signed := "pin = [\""+old+"\"]\n", "ca = '"+ca+"'\n"
	for _, test := range []struct {
		config string
		args   []string
		pin    string
		ca     bool
		code   exit.Code
	}{
		{ftps + pinned, []string{"--ca", ca}, old, true, exit.CodeInternal},
		{ftps + pinned, []string{"--pin", other}, other, false, exit.CodeInternal},
		{ftps + pinned + signed, []string{"--pin", other}, other, true, exit.CodeInternal},
		{ftps + pinned, nil, old, false, exit.CodeInternal},
		{ftp, nil, "", false, exit.CodeInternal},
		{ftps, []string{"--pin", "sha256:00"}, "", false, exit.CodeUsage},
		{ftp, []string{"--pin", old}, "", false, exit.CodeUsage},
		{ftp, []string{"--ca", ca}, "", false, exit.CodeUsage},
		{ftp + pinned, nil, "", false, exit.CodeSettings},
		{ftp + signed, nil, "", false, exit.CodeSettings},
	} {
		d := dialFrom(t, test.config, "", append([]string{"--use-defaults"}, test.args...)...)
		pin := ""
		if len(d.trust.Pins) == 1 {
			pin = d.trust.Pins[0].String()
		}
		if d.code != test.code || pin != test.pin || (d.trust.Authorities != nil) != test.ca || (d.times == 1) != (test.code == exit.CodeInternal) {
			t.Errorf("%q, %q: exit code %d, %+v\n%s", test.config, test.args, d.code, d.trust, d.said)
		}
	}
}
