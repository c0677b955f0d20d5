package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/simulate"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/transfer"
)

// planOf parses flags and returns the descriptions of the phones.
func planOf(t *testing.T, args ...string) ([]simulate.Simulated, error) {
	t.Helper()
	var o simulate.Options
	flags := pflag.NewFlagSet("simulate", pflag.ContinueOnError)
	o.AddFlags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	o.Place.ListenGiven = flags.Changed("listen")
	a, _, _ := testApp(t, nil)
	return o.Plan(t.Context(), a.con)
}

// TestSimulatedConfig checks that every flag reaches the phone that it describes.
func TestSimulatedConfig(t *testing.T) {
	list := clitest.File(t, "site.csv", []byte("address,mac,model,hw_level,running\n127.0.0.7:8085,00:1A:E8:00:00:02,CP400,5,V1 R8.0.0\n127.0.0.8,,,,\n"))
	password := clitest.File(t, "page.secret", []byte("of the page\n"))
	tests := []struct {
		args  string
		phone int // from 1
		show  func(c phonesim.Config) any
		want  string
	}{
		{"", 1, func(c phonesim.Config) any {
			return []any{c.Listen, c.DeviceType, c.MAC, c.Level, c.SoftwareType, c.Version, c.PartNumber, c.E164, c.Service, c.Override, c.Faults}
		}, "[127.0.0.1:0 OpenScape Desk Phone CP600 00:1A:E8:00:00:01 3 Unify HFA V1 R4.9.0    false []]"},
		{"", 1, func(c phonesim.Config) any {
			return []any{c.CallDelay, c.InstallTime, c.RestartTime, c.ContactGap, c.CallLength, c.Timeout}
		}, "[0s 1s 5s 0s 0s 30s]"},
		{"--count=3 --mac=00-1a-e8-00-00-ff", 3, func(c phonesim.Config) any { return c.MAC }, "00:1A:E8:00:01:01"},
		{"--count=3 --listen=127.0.0.1:8085", 3, func(c phonesim.Config) any { return c.Listen }, "127.0.0.1:8087"},
		{"--count=2 --listen=::1", 2, func(c phonesim.Config) any { return c.Listen }, "[::1]:0"},
		{"--count=2 --listen=[::1]:9000", 2, func(c phonesim.Config) any { return c.Listen }, "[::1]:9001"},
		{"--listen=localhost:0", 1, func(c phonesim.Config) any { return c.Listen }, "localhost:0"},
		{"--count=2 --secure-listen=127.0.0.1:4430", 2, func(c phonesim.Config) any { return c.ListenSecure }, "127.0.0.1:4431"},
		{"--web=127.0.0.1 --count=2", 2, func(c phonesim.Config) any { return c.Web + " " + c.Password }, "127.0.0.1:0 "},
		{"--web=127.0.0.1:4430 --count=2", 2, func(c phonesim.Config) any { return c.Web }, "127.0.0.1:4431"},
		{"--web=:4430 --phones=" + list, 2, func(c phonesim.Config) any { return c.Web }, "127.0.0.8:4430"},
		{"--web=127.0.0.1 --web-password-file=" + password, 1, func(c phonesim.Config) any { return c.Password }, "of the page"},
		{"--service=dls.example:18443", 1, func(c phonesim.Config) any { return c.Service }, "dls.example:18443"},
		{"--count=2 --e164=0049", 2, func(c phonesim.Config) any { return c.E164 }, "0050"},
		{"--model=cp205", 1, func(c phonesim.Config) any { return c.DeviceType }, "OpenScape Desk Phone CP205"},
		{"--hw-level=none", 1, func(c phonesim.Config) any { return c.Level }, "0"},
		{"--part-number=Unknown", 1, func(c phonesim.Config) any { return c.PartNumber }, "Unknown"},
		{"--minimum-version=1.3.0.0 --phone-override", 1, func(c phonesim.Config) any { return []any{c.Minimum, c.Override} }, "[V1 R3.0.0 true]"},
		{"--call-delay=1s --install-time=2s --restart-time=3m --contact-gap=4m --call-length=5m --timeout=6s", 1, func(c phonesim.Config) any {
			return []any{c.CallDelay, c.InstallTime, c.RestartTime, c.ContactGap, c.CallLength, c.Timeout}
		}, "[1s 2s 3m0s 4m0s 5m0s 6s]"},
		{"--count=2 --fault=padded --fault=2=reject-image --fault=padded", 2, func(c phonesim.Config) any { return c.Faults }, "[padded reject-image padded]"},
		{"--count=2 --fault=padded --fault=2=reject-image", 1, func(c phonesim.Config) any { return c.Faults }, "[padded]"},
		{
			"--phones=" + list, 1, func(c phonesim.Config) any { return []any{c.Listen, c.MAC, c.DeviceType, c.Level, c.Version} },
			"[127.0.0.7:8085 00:1A:E8:00:00:02 OpenScape Desk Phone CP400 5 V1 R8.0.0]",
		},
		{
			"--hw-level=2 --mac=00:1A:E8:00:00:02 --phones=" + list, 2, func(c phonesim.Config) any { return []any{c.Listen, c.MAC, c.DeviceType, c.Level, c.Version} },
			"[127.0.0.8:8085 00:1A:E8:00:00:03 OpenScape Desk Phone CP600 2 V1 R4.9.0]",
		},
		{"--listen=127.0.0.1 --phones=" + list, 2, func(c phonesim.Config) any { return c.Listen }, "127.0.0.1:0"},
	}
	for _, test := range tests {
		plan, err := planOf(t, strings.Fields(test.args)...)
		if err != nil {
			t.Errorf("%s: %v", test.args, err)
			continue
		}
		if got := fmt.Sprint(test.show(plan[test.phone-1].Config)); got != test.want {
			t.Errorf("%s: phone %d: %s, want %s", test.args, test.phone, got, test.want)
		}
	}
}

// TestSimulatedTrust checks that what phones trust and present in secure mode is read from files.
func TestSimulatedTrust(t *testing.T) {
	certificate, err := transfer.MakeCertificate([]string{"phone"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	certFile := clitest.File(t, "phone.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]}))
	keyFile := clitest.File(t, "phone.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	plan, err := planOf(t, "--fault", "secure-mode", "--ca", certFile, "--phone-cert", certFile, "--phone-key", keyFile)
	if err != nil {
		t.Fatal(err)
	}
	c := plan[0].Config
	if c.Certificate == nil || !bytes.Equal(c.Certificate.Certificate[0], certificate.Certificate[0]) {
		t.Error("the phone shows another certificate, or none")
	}
	pool := x509.NewCertPool()
	pool.AddCert(certificate.Leaf)
	if c.Authorities == nil || !c.Authorities.Equal(pool) {
		t.Error("the phone trusts others")
	}
}

// TestFaultNames checks that every fault can be given, and that a wrong name leads to the right one.
func TestFaultNames(t *testing.T) {
	for _, f := range phonesim.Faults() {
		if n, name, err := simulate.FaultOf("2="+string(f.Name), 2); err != nil || n != 2 || name != string(f.Name) {
			t.Errorf("%s: %d, %q, %v", f.Name, n, name, err)
		}
	}
	for name, want := range map[string]string{
		"reject-images": "reject-image", "Never_Fetches": "never-fetches", "tls": "tls-1.0-only tls-1.3 resumes-tls fetch-no-tls web-tls-1.0",
		"busyy": "busy", "nevercomesback": "never-comes-back", "xyzzy": "", "": "", "a": "", strings.Repeat("a", 1<<20): "",
	} {
		if got := strings.Join(simulate.FaultsLike(name), " "); got != want {
			t.Errorf("%.20q is like %q, want %q", name, got, want)
		}
	}
}

// TestSimulateToNobody checks that phones end with an error if their lines cannot be written.
func TestSimulateToNobody(t *testing.T) {
	for _, args := range [][]string{{"simulate"}, {"simulate", "--json"}, {"simulate", "--list-faults"}} {
		a, _, errOut := testApp(t, nil)
		a.con.Out = brokenWriter{}
		args = append(args, "-o", filepath.Join(t.TempDir(), "sim.csv"))
		if c := run(t.Context(), a, args); c != exit.CodeInternal || !strings.Contains(errOut.String(), "writing the answer") {
			t.Errorf("%q: exit code %d\n%s", args, c, errOut)
		}
	}
}

// A readyWriter keeps what is written, and ends the phones when they are ready.
type readyWriter struct {
	bytes.Buffer
	ready func()
}

func (w *readyWriter) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("Ctrl-C")) {
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
		a, _, errOut := testApp(t, nil)
		a.con.Out = out
		c := run(ctx, a, []string{"simulate", "-o", name, "--force=" + strconv.FormatBool(test.force)})
		cancel()
		after, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		replaced := strings.Contains(string(after), ",00:1A:E8:00:00:01,OpenScape Desk Phone CP600,,3,,,,no,,simulated\n")
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
	a, out, _ := testApp(t, nil)
	name := filepath.Join(t.TempDir(), "sim.csv")
	if c := run(ctx, a, []string{"simulate", "-o", name}); c != exit.CodeInterrupted || out.Len() > 0 {
		t.Errorf("exit code %d\n%s", c, out)
	}
	if _, err := os.Stat(name); err == nil {
		t.Error("there is a list")
	}
}

// TestSimulatePortTaken checks that a port in use ends the phones that have started already, and that the error names
// the phone.
func TestSimulatePortTaken(t *testing.T) {
	taken, free := listenHere(t), listenHere(t)
	address, other := taken.Addr().String(), free.Addr().String()
	free.Close()
	list := clitest.File(t, "site.csv", []byte("address\n"+other+"\n"+address+"\n"))
	for i, args := range [][]string{{"--listen", address}, {"--phones", list}} {
		name := filepath.Join(t.TempDir(), "sim.csv")
		r := runHere(t, nil, append([]string{"simulate", "-o", name}, args...)...)
		want := fmt.Sprintf("cpupdate: phone %d cannot listen on %s: ", i+1, address)
		if r.code != exit.CodeSettings || !strings.HasPrefix(r.errOut, want) || !strings.Contains(r.errOut, "with --listen") {
			t.Errorf("exit code %d, %s, want %s", r.code, r.errOut, want)
		}
		if _, err := os.Stat(name); err == nil || r.out != "" {
			t.Errorf("there is a list, or an answer: %s", r.out)
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
	a, _, errOut := testApp(t, nil)
	a.con.Out = out
	c := run(ctx, a, []string{"simulate", "--count", "2", "--fault", "1=busy-forever", "-o", filepath.Join(t.TempDir(), "sim.csv")})
	ready := strings.Index(out.String(), "press Ctrl-C")
	call := strings.Index(out.String(), "  1   127.0.0.1:")
	if c != exit.CodeOK || ready < 0 || call < ready || !strings.Contains(out.String()[call:], "  in a call\n") {
		t.Errorf("exit code %d\n%s%s", c, out, errOut)
	}
	if !strings.Contains(out.String(), "V1 R4.9.0, in a call; update command received 0 times") {
		t.Errorf("the state is not shown:\n%s", out)
	}
}

// TestSimulatedEventsAreText checks that whatever a service sends is shown as text.
func TestSimulatedEventsAreText(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		a, out, _ := testApp(t, nil)
		a.con.JSON = asJSON
		show := simulate.NewSimShow(a.con, 1, func(err error) { t.Error(err) })
		show.Begin(nil, nil, hostile)
		show.Event(0, phonesim.Event{Kind: phonesim.Told, Detail: hostile + "\x1b[2J\xff"})
		show.Event(0, phonesim.Event{Kind: phonesim.Refused, Detail: hostile})
		if err := show.Put(simulate.StateDoc{Refusal: hostile}, simulate.StateDoc{Refusal: hostile}.Text()); err != nil {
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

// TestDocsFaults compares docs/simulate.md with the table of faults.
func TestDocsFaults(t *testing.T) {
	page := readPage(t, "simulate.md")
	const head = "| fault | the phone |\n|---|---|\n"
	before, rest, found := strings.Cut(page.text, head)
	_, after, closed := strings.Cut(rest, "\n\n")
	if !found || !closed {
		t.Fatalf("%s has no table of faults", page.path)
	}
	table := head
	for _, f := range phonesim.Faults() {
		table += fmt.Sprintf("| `%s` | %s |\n", f.Name, f.Sentence)
	}
	checkGenerated(t, page.path, []byte(before+table+"\n"+after), os.Getenv("UPDATE_DOCS") != "")
	var names []string
	for _, f := range phonesim.Faults() {
		names = append(names, string(f.Name))
	}
	if len(names) < 40 || len(slices.Compact(slices.Sorted(slices.Values(names)))) != len(names) {
		t.Errorf("%d faults: %v", len(names), names)
	}
}
