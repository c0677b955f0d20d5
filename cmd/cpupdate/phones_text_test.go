package main

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/callback"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/console"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/option"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/runview"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// TestPhoneInCall pushes to a phone that is in a call at first: what is done once more is shown once.
func TestPhoneInCall(t *testing.T) {
	image, flags := phoneImage(t), serviceFlags(t)
	phone := startPhone(t, "busy-no-solicited", untilBusy)
	r := runHere(t, nil, append([]string{"push", image, phone.Address(), "--serve", "--hw-level", "3"}, flags...)...)
	if r.code != exit.CodeOK || phone.State().Told < 2 {
		t.Fatalf("exit code %d, told %d times\n%s%s", r.code, phone.State().Told, r.out, r.errOut)
	}
	for _, row := range []string{"  check ", "  told ", "  busy ", "  fetch ", "  restart ", "  verified ", "Keep the phone on LAN and power"} {
		if n := strings.Count(r.out, row); n != 1 {
			t.Errorf("%q stands there %d times\n%s", row, n, r.out)
		}
	}
}

// TestUsualPortTaken asks a phone while another program has the port that phones usually call: a free one is taken, and
// with --verbose it is named.
func TestUsualPortTaken(t *testing.T) {
	listen := net.ListenConfig{}
	if other, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:18443"); err == nil { // else it is taken already
		defer other.Close()
	}
	phone := startPhone(t, "", nil)
	r := runHere(t, nil, "phone", phone.Address(), "-v")
	if r.code != exit.CodeOK || !strings.Contains(r.errOut, "note: this machine: phones call port ") || strings.Contains(r.errOut, "port 18443") {
		t.Errorf("exit code %d\n%s", r.code, r.errOut)
	}
}

// TestStatusLine counts phones by how far they are, and says it with each tick.
func TestStatusLine(t *testing.T) {
	a, _, errOut := testApp(t, nil)
	w := runview.NewWatch(a.con, make([]fleet.Target, 12))
	w.Port = 18443
	for i, steps := range [][]fleet.Step{
		{fleet.StepDone},
		{fleet.StepCalled, fleet.StepFailed},
		{fleet.StepFetching},
		{fleet.StepFetched},
		{fleet.StepRestarting},
		{fleet.StepRestarting},
		{fleet.StepBack, fleet.StepContacted, fleet.StepSilent},
		{fleet.StepTold},
		{fleet.StepBusy},
		{fleet.StepChecked},
		{fleet.StepReading},
	} {
		for _, step := range steps {
			w.Note(fleet.Event{Phone: i, Step: step, Attempt: 2})
		}
	}
	w.Note(fleet.Event{Phone: fleet.NoPhone, Step: fleet.StepStranger})
	want := "2 of 12 done (1 failed), 1 back, 2 restarting, 1 installing, 1 fetching, 1 told, 1 in a call, 2 asked, 1 not called yet"
	ticks, stop, done := make(chan time.Time), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		w.Run(ticks, stop)
	}()
	ticks <- time.Time{}
	close(stop)
	<-done
	if got := errOut.String(); got != "note: all phones: "+want+"\n" {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestNobodyCalls doubts the firewall once, when phones are asked once more and none of them called.
func TestNobodyCalls(t *testing.T) {
	first, again := fleet.Event{Step: fleet.StepContacted, Attempt: 1}, fleet.Event{Step: fleet.StepContacted, Attempt: 2}
	called, trouble := fleet.Event{Phone: 1, Step: fleet.StepCalled}, fleet.Event{Phone: 1, Step: fleet.StepTrouble, Err: errors.New("x")}
	for _, test := range []struct {
		events []fleet.Event
		want   int
	}{
		{[]fleet.Event{first, first}, 0},
		{[]fleet.Event{first, again, again}, 1},
		{[]fleet.Event{first, called, again}, 0},
		{[]fleet.Event{first, trouble, again}, 0},
	} {
		a, _, errOut := testApp(t, nil)
		w := runview.NewWatch(a.con, make([]fleet.Target, 2))
		w.Port = 18443
		for _, e := range test.events {
			w.Note(e)
		}
		if n := strings.Count(errOut.String(), "note: this machine: no phone has called port 18443 yet: does this machine's firewall let it in?\n"); n != test.want {
			t.Errorf("%+v: %d notes, want %d\n%s", test.events, n, test.want, errOut)
		}
	}
}

// TestCallers shows callers who are no phone of the plan once each, with --verbose always, and with --json a hundred times.
func TestCallers(t *testing.T) {
	for _, test := range []struct {
		json, verbose bool
		want          int // of 300 times trouble from two addresses, and as many strangers
	}{
		{want: 2}, {verbose: true, want: 600}, {json: true, want: 100}, {json: true, verbose: true, want: 100},
	} {
		for _, looking := range []bool{false, true} {
			a, out, errOut := testApp(t, nil)
			a.con.JSON, a.con.Verbose = test.json, test.verbose
			r := runview.NewReport(a.con, make([]fleet.Target, 3), nil, 0, func(err error) { t.Error(err) })
			event := r.Event
			if looking {
				event = runview.NewWatch(a.con, make([]fleet.Target, 3)).Looking
			}
			for i := range 300 {
				for _, step := range []fleet.Step{fleet.StepTrouble, fleet.StepStranger} {
					event(fleet.Event{Phone: fleet.NoPhone, Step: step, Err: fmt.Errorf("fe80::%d: no TLS", 1+i%2)})
				}
			}
			if n := strings.Count(out.String()+errOut.String(), "no TLS"); n != test.want {
				t.Errorf("%+v: %d lines, want %d", test, n, test.want)
			}
		}
	}
}

// TestManyFetch ends the bar of several phones at all of it, also for those that end without fetching; the word about LAN
// and power is said once.
func TestManyFetch(t *testing.T) {
	a, out, errOut := testApp(t, nil)
	r := runview.NewReport(a.con, []fleet.Target{{Address: "a"}, {Address: "b"}, {Address: "c"}}, nil, 100, func(err error) { t.Error(err) })
	tell := func(phone int, step fleet.Step, sent int64) {
		e := fleet.Event{Phone: phone, Step: step, Fetch: transfer.Fetch{Sent: sent, Size: 100}}
		if step == fleet.StepFailed {
			e.Failure = &fleet.Failure{Kind: fleet.KindNoCall, Msg: "no"}
		}
		r.Event(e)
	}
	tell(0, fleet.StepTold, 0)
	tell(1, fleet.StepTold, 0)
	tell(0, fleet.StepFetching, 40)
	tell(1, fleet.StepFailed, 0)
	if got := r.Progress.Sent.Load(); got != 40 || r.Progress.Size != 200 {
		t.Errorf("%d of %d", got, r.Progress.Size)
	}
	r.Progress.Show()
	tell(2, fleet.StepDone, 0)
	tell(0, fleet.StepFetched, 100)
	if sent, size := r.Moved(); r.Progress != nil || sent != 100 || size != 100 {
		t.Errorf("the bar stays at %d of %d", sent, size)
	}
	if text := errOut.String(); !strings.HasPrefix(text, "all phones: 20 %, 40 bytes of 200 bytes, ") {
		t.Errorf("%q", text)
	}
	if n := strings.Count(out.String(), "Keep the phones on LAN and power until they are done.\n"); n != 1 {
		t.Errorf("it is said %d times\n%s", n, out)
	}
}

// TestFetchingLines writes fetching once a second at most, for each phone.
func TestFetchingLines(t *testing.T) {
	a, out, _ := testApp(t, nil)
	a.con.JSON = true
	r := runview.NewReport(a.con, []fleet.Target{{Address: "a"}, {Address: "b"}}, nil, 100, func(err error) { t.Error(err) })
	at := time.Now()
	for i := range 25 { // 2.4 s
		for phone := range 2 {
			r.Event(fleet.Event{Phone: phone, Step: fleet.StepFetching, At: at.Add(time.Duration(i) * 100 * time.Millisecond), Fetch: transfer.Fetch{Sent: int64(i)}})
		}
	}
	for _, phone := range []string{"a", "b"} {
		if n := strings.Count(out.String(), `"event":"fetching","phone":"`+phone+`"`); n != 3 {
			t.Errorf("%d lines of %s, want 3", n, phone)
		}
	}
}

// TestStationPatience: our servers wait for a phone as long as its patience says, and send at the rate that is asked.
func TestStationPatience(t *testing.T) {
	s := &callback.Server{O: &option.Listen{Patience: 7 * time.Minute}, Line: transfer.Options{Rate: 99}, Runner: fleet.New(fleet.Options{})}
	if o := s.Serving("127.0.0.1:0"); o.Stall != 7*time.Minute || o.Rate != 99 || o.Listen != "127.0.0.1:0" || o.Troubled == nil {
		t.Errorf("%+v", o)
	}
}

func TestRunFailure(t *testing.T) {
	phones := []fleet.Target{{Address: "a"}, {Address: "b"}, {Address: "c"}}
	image := &fleet.Image{Source: fleet.Elsewhere(wpi.Deployment{})}
	stopped := func(told bool) fleet.Result {
		return fleet.Result{Told: told, Failure: &fleet.Failure{Kind: fleet.KindInterrupted, Told: told}}
	}
	refused := fleet.Result{Failure: &fleet.Failure{Kind: fleet.KindRefused}, Verdict: &hwcheck.Verdict{Answer: hwcheck.CannotTell, Findings: []hwcheck.Finding{{Rule: "x", Outcome: hwcheck.Unknown}}}}
	for _, test := range []struct {
		image   *fleet.Image
		in      advice.Context
		results []fleet.Result
		want    string
		hint    string
	}{
		{image, advice.Context{Image: "i", List: "site.csv"}, []fleet.Result{{}, {}, refused}, "1 of 3 phones is not updated: c (refused)", "refused: see why with: cpupdate check IMAGE PHONE --phones site.csv"},
		{image, advice.Context{Image: "i"}, []fleet.Result{{}, refused, refused}, "2 of 3 phones are not updated: b (refused), c (refused)", "the flags that describe the phones"},
		{image, advice.Context{}, []fleet.Result{{}, {}, stopped(true)}, "interrupted: 1 of 3 phones is not done; 1 was told already, and may go on by itself", "cpupdate phone c"},
		{image, advice.Context{}, []fleet.Result{{}, stopped(false), stopped(false)}, "interrupted: 2 of 3 phones are not done; none of them was told anything", "cpupdate phone b c"},
		{image, advice.Context{}, []fleet.Result{stopped(true), stopped(false), stopped(true)}, "interrupted: 3 of 3 phones are not done; 2 were told already, and may go on by themselves", "cpupdate phone a b c"},
		{nil, advice.Context{List: "site.csv"}, []fleet.Result{{}, stopped(false), stopped(false)}, "interrupted: 2 of 3 phones did not answer", "cpupdate phone --phones site.csv"},
	} {
		own := (*exit.Error)(nil)
		if err := advice.RunFailure(fleet.Plan{Phones: phones, Image: test.image}, test.in, test.results); !errors.As(err, &own) || own.Error() != test.want || !strings.Contains(strings.Join(own.Hints, "\n"), test.hint) {
			t.Errorf("%v\nwant %s, hints %q", err, test.want, own.Hints)
		}
	}
}

// However it ends with a phone, its name stands in the same column.
func TestEndLines(t *testing.T) {
	for _, row := range slices.Concat(advice.PhoneTable(), advice.WebTable()) {
		r := &runview.Report{Con: &console.Console{Width: 80}, Targets: []fleet.Target{{Address: "PHONE"}}}
		r.Context.Page = func(string) string { return "" }
		line := r.EndLine(fleet.Event{Failure: &fleet.Failure{Kind: row.Kind, Msg: "x"}}, &runview.PhoneProgress{})
		if at := strings.Index(line, "PHONE"); at != len(string(fleet.KindPageUnreachable))+2 {
			t.Errorf("%s: column %d in %q", row.Kind, at, line)
		}
	}
}
