package simulate

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/internal/ports"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// TestSimulateToNobody checks that phones end with an error if their lines cannot be written.
func TestSimulateToNobody(t *testing.T) {
	for name, run := range map[string]func(con *console.Console) error{
		"text":  func(con *console.Console) error { return simulateIn(t.Context(), t, con) },
		"JSON":  func(con *console.Console) error { con.JSON = true; return simulateIn(t.Context(), t, con) },
		"names": ListFaults,
	} {
		con, _, _ := newConsole()
		con.Out = brokenWriter{}
		if err := run(con); exit.Classify(err).Code != exit.CodeInternal || !strings.Contains(err.Error(), "writing the answer") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// newConsole returns a console of 80 columns, and what is written to it.
func newConsole() (con *console.Console, out, errOut *bytes.Buffer) {
	out, errOut = &bytes.Buffer{}, &bytes.Buffer{}
	return &console.Console{Out: out, Err: errOut, Width: 80, KeepPipes: func() {}}, out, errOut
}

// newOptions are what the flags say.
func newOptions(t *testing.T, args ...string) Options {
	t.Helper()
	var o Options
	flags := pflag.NewFlagSet("simulate", pflag.ContinueOnError)
	o.AddFlags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	o.Place.ListenGiven = flags.Changed("listen")
	return o
}

// simulateIn simulates the phones that the flags describe; their list goes into a new folder, unless the flags name one.
func simulateIn(ctx context.Context, t *testing.T, con *console.Console, args ...string) error {
	t.Helper()
	args = append([]string{"-o", filepath.Join(t.TempDir(), "sim.csv")}, args...)
	return Run(ctx, con, newOptions(t, args...))
}

// A readyWriter keeps what is written, and ends the phones when they are ready, or when a sign is written.
type readyWriter struct {
	bytes.Buffer
	sign  string // "": that they are ready
	ready func()
}

func (w *readyWriter) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte(cmp.Or(w.sign, "Ctrl-C"))) {
		w.ready()
	}
	return w.Buffer.Write(b)
}

// TestSimulatedList checks that a list of simulated phones is replaced, and any other file only with --force.
func TestSimulatedList(t *testing.T) {
	const header = "address,mac,note\n"
	for _, test := range []struct {
		before string
		force  bool
		want   exit.Code
	}{
		{header + "127.0.0.1:1,00:1A:E8:00:00:09,simulated\n", false, exit.CodeOK},
		{header + "127.0.0.1:1,00:1A:E8:00:00:09,\"simulated, web page at 127.0.0.1:2\"\n", false, exit.CodeOK},
		{header + "127.0.0.1:1,00:1A:E8:00:00:09,\"simulated, I think\"\n", false, exit.CodeUsage},
		{header + "127.0.0.1:1,00:1A:E8:00:00:09,simulated\n192.0.2.50,,\n", false, exit.CodeUsage},
		{header + "192.0.2.50,,second floor\n", false, exit.CodeUsage},
		{header + "192.0.2.50,,second floor\n", true, exit.CodeOK},
		{header, false, exit.CodeUsage},
		{"", false, exit.CodeUsage},
		{"notes of mine", false, exit.CodeUsage},
		{"notes of mine", true, exit.CodeOK},
	} {
		name := clitest.File(t, "sim.csv", []byte(test.before))
		ctx, cancel := context.WithCancel(t.Context())
		out := &readyWriter{ready: cancel}
		con, _, errOut := newConsole()
		con.Out = out
		c := con.Report(simulateIn(ctx, t, con, "-o", name, "--force="+strconv.FormatBool(test.force)))
		cancel()
		after, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		replaced := strings.Contains(string(after), ",00:1A:E8:00:00:01,OpenScape Desk Phone CP600,,3,,,,no,,simulated,\n")
		if c != test.want || replaced != (c == exit.CodeOK) || !replaced && string(after) != test.before {
			t.Errorf("%q: exit code %d\n%s%s%s", test.before, c, out, errOut, after)
		}
		if c == exit.CodeOK && !strings.HasSuffix(out.String(), "runs Unify HFA V1 R4.9.0, idle; update command received 0 times, fetched 0 files (0 bytes), 0 restarts\n") {
			t.Errorf("%q: the phone's end is not shown:\n%s", test.before, out)
		}
	}
}

// TestSimulateInterruptedAtStart checks that an interrupt before the start leaves no phones, and no list.
func TestSimulateInterruptedAtStart(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	con, out, _ := newConsole()
	name := filepath.Join(t.TempDir(), "sim.csv")
	if err := simulateIn(ctx, t, con, "-o", name); exit.Classify(err).Code != exit.CodeInterrupted || out.Len() > 0 {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := os.Stat(name); err == nil {
		t.Error("there is a list")
	}
}

// TestSimulatePortTaken checks that a port in use ends the phones that have started already, and that the error names
// the phone.
func TestSimulatePortTaken(t *testing.T) {
	address, other := listenHere(t).Addr().String(), ports.Address(t)
	list := clitest.File(t, "site.csv", []byte("address\n"+other+"\n"+address+"\n"))
	for i, args := range [][]string{{"--listen", address}, {"--phones", list}} {
		name := filepath.Join(t.TempDir(), "sim.csv")
		con, out, errOut := newConsole()
		c := con.Report(simulateIn(t.Context(), t, con, append([]string{"-o", name}, args...)...))
		want := fmt.Sprintf("cpupdate: phone %d cannot listen on %s: ", i+1, address)
		if c != exit.CodeSettings || !strings.HasPrefix(errOut.String(), want) || !strings.Contains(errOut.String(), "with --listen") {
			t.Errorf("exit code %d, %s, want %s", c, errOut, want)
		}
		if _, err := os.Stat(name); err == nil || out.Len() > 0 {
			t.Errorf("there is a list, or an answer: %s", out)
		}
	}
}

func listenHere(t *testing.T) net.Listener {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// TestSimulatedEarlyEvents checks that events before all phones have started are printed after the line that says so.
func TestSimulatedEarlyEvents(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &readyWriter{ready: cancel}
	con, _, errOut := newConsole()
	con.Out = out
	c := con.Report(simulateIn(ctx, t, con, "--count", "2", "--fault", "1=busy-forever"))
	ready := strings.Index(out.String(), "press Ctrl-C")
	call := strings.Index(out.String(), "  1   127.0.0.1:")
	if c != exit.CodeOK || ready < 0 || call < ready || !strings.Contains(out.String()[call:], "  in a call\n") {
		t.Errorf("exit code %d\n%s%s", c, out, errOut)
	}
	if !strings.Contains(out.String(), "V1 R4.9.0, in a call; update command received 0 times") {
		t.Errorf("the state is not shown:\n%s", out)
	}
}

// TestServiceWithoutRoom checks that a phone understands our own service when that has no room, and says when it calls again.
func TestServiceWithoutRoom(t *testing.T) {
	service := httptest.NewTLSServer(wpi.NewService(wpi.ServiceOptions{
		Answer: func(context.Context, wpi.Call) (wpi.ServiceMessage, error) { return wpi.ServiceMessage{}, wpi.ErrFull },
	}))
	defer service.Close()
	for fault, want := range map[string]string{
		"signed":            "deferred: the service has no room; the phone calls again in 1m0s\n",
		"overload-gives-up": "deferred: the service has no room; the phone does not call again\n",
	} {
		ctx, cancel := context.WithCancel(t.Context())
		out := &readyWriter{ready: cancel, sign: "  deferred"}
		con, _, errOut := newConsole()
		con.Out = out
		c := con.Report(simulateIn(ctx, t, con, "--service", service.Listener.Addr().String(), "--fault", fault))
		if c != exit.CodeOK || !strings.Contains(out.String(), want) || strings.Contains(out.String(), "aborted") {
			t.Errorf("%s: exit code %d\n%s%s", fault, c, out, errOut)
		}
		cancel()
	}
}

// hostile is text that turns around what stands behind it on a terminal, breaks the line, or is drawn as nothing.
const hostile = "a\u202e\u2028\u2800\u3164b"

// TestSimulatedEventsAreText checks that whatever a service sends is shown as text.
func TestSimulatedEventsAreText(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		con, out, _ := newConsole()
		con.JSON = asJSON
		show := newSimShow(con, 1, func(err error) { t.Error(err) })
		show.begin(nil, nil, hostile)
		show.event(0, phonesim.Event{Kind: phonesim.Instructed, Detail: hostile + "\x1b[2J\xff"})
		show.event(0, phonesim.Event{Kind: phonesim.Refused, Detail: hostile})
		if err := show.put(stateDoc{Refusal: hostile}, stateDoc{Refusal: hostile}.text()); err != nil {
			t.Error(err)
		}
		if lines := strings.Count(out.String(), "\n"); lines != 4 {
			t.Errorf("%d lines:\n%s", lines, out)
		}
		for _, r := range out.String() {
			if r != '\n' && !bind.Prints(r) {
				t.Errorf("shows %U:\n%s", r, out)
			}
		}
	}
}
