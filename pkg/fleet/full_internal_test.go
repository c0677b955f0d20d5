package fleet

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// lonely returns a runner with one phone, which was contacted and takes no calls at present.
func lonely(t *testing.T) (*Runner, *phone, *[]Event) {
	t.Helper()
	var events []Event
	r := New(Options{Event: func(e Event) { events = append(events, e) }})
	p := newPhone(r, &Plan{}, 0, Target{Address: "10.0.0.1"}, "10.0.0.1:8085")
	if err := r.registry.reached(p, netip.MustParseAddrPort("10.0.0.1:8085"), wpi.Contacted{}); err != nil {
		t.Fatal(err)
	}
	return r, p, &events
}

// TestNoRoom checks that a phone that nobody has time for gets the end of the conversation with the reason overload, and
// that this is not taken for a failure of the phone.
func TestNoRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, p, events := lonely(t)
		m := wpi.PhoneMessage{Nonce: "N1", Reason: wpi.StartUp}
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, wpi.ServicePath, strings.NewReader(string(m.Marshal())))
		request.RemoteAddr = "10.0.0.1:40000"
		w := httptest.NewRecorder()
		r.Calls().ServeHTTP(w, request)
		got, err := wpi.ParseServiceMessage(w.Body.Bytes())
		if err != nil || !got.IsOverload() || got.Nonce != "N1" || len(r.writing) != 0 {
			t.Errorf("got %v, %v", got, err)
		}
		if len(*events) != 1 || (*events)[0].Step != StepCallError || (*events)[0].Phone != 0 || !errors.Is((*events)[0].Err, wpi.ErrFull) {
			t.Errorf("got %+v", *events)
		}
		if err := p.problems.failure(false, false); err != nil {
			t.Errorf("it is given up: %v", err)
		}
		failure := (*Failure)(nil)
		if err := p.dialog.noCall(p.dialog.await(0)); !errors.As(err, &failure) || failure.Kind != KindMachine || !strings.Contains(err.Error(), "no room") {
			t.Errorf("at the end: %v", err)
		}
		p.problems.clear() // when it is contacted again
		if err := p.dialog.noCall(p.dialog.await(0)); !errors.As(err, &failure) || failure.Kind != KindNoCall {
			t.Errorf("at the end of the next attempt: %v", err)
		}
	})
}

// TestLeaves checks that a phone that hangs up while nobody has time for it is not told anything.
func TestLeaves(t *testing.T) {
	t.Parallel()
	r, _, events := lonely(t)
	ctx, leave := context.WithCancel(t.Context())
	leave()
	_, err := r.answer(ctx, wpi.Call{Remote: netip.MustParseAddr("10.0.0.1"), Session: &wpi.Session{}, Message: &wpi.PhoneMessage{Reason: wpi.StartUp}})
	if errors.Is(err, wpi.ErrFull) || err == nil || len(*events) != 0 {
		t.Errorf("got %v, %v", err, *events)
	}
}

// TestStatusOfImage checks which of several files counts, and that contradictions say nothing.
func TestStatusOfImage(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ files, want string }{
		{"", ""},
		{"cp.bind/APP/ok", "ok"},
		{"CP.BIND//FAILED", "FAILED"},
		{"//failed", "failed"},
		{"/APP/failed", "failed"},
		{"/LOGO/failed", ""},
		{"//failed logo.png/LOGO/ok", ""},
		{"logo.png//failed", ""},
		{"logo.png/LOGO/failed cp.bind/APP/ok ring.mp3/RINGTONE/failed", "ok"},
		{"cp.bind/APP/failed logo.png/LOGO/ok", "failed"},
		{"cp.bind/LOGO/failed cp.bind/APP/ok", "ok"},
		{"cp.bind/APP/failed cp.bind/APP/ok", ""},
		{"cp.bind/APP/ok cp.bind/APP/OK", "OK"},
		{"cp.bind/APP/ cp.bind/APP/deferred", "deferred"},
		{"old-cp.bind/APP/failed cp.bind.old/APP/failed", ""},
	} {
		m := &wpi.PhoneMessage{}
		for i, file := range strings.Fields(row.files) {
			parts := strings.Split(file, "/")
			for n, name := range []string{wpi.ItemFileName, wpi.ItemFileType, wpi.ItemFileStatus} {
				if n < len(parts) && parts[n] != "" {
					m.Items = append(m.Items, wpi.Item{Name: name, Index: fmt.Sprint(i), Value: parts[n]})
				}
			}
		}
		f := &follower{update: wpi.Deployment{URL: "https://10.0.0.9/file/x/cp.bind"}}
		if got := f.statusOfImage(m); got != row.want {
			t.Errorf("%s: got %q, want %q", row.files, got, row.want)
		}
	}
	f := &follower{update: wpi.Deployment{Name: "cp 600.bind"}}
	for said, want := range map[string]bool{"cp 600.bind": true, "cp%20600.bind": true, "/fw/CP 600.bind": true, "cp600.bind": false} {
		if got := f.isImage(said); got != want {
			t.Errorf("%s: got %v", said, got)
		}
	}
}

// TestWord checks that what a phone says is compared and shown with single spaces.
func TestWord(t *testing.T) {
	t.Parallel()
	f := &facts{cut: bounded}
	m := &wpi.PhoneMessage{Items: []wpi.Item{
		{Name: wpi.ItemSoftwareVersion, Value: "V1 \n\t R4.9.0"},
		{Name: wpi.ItemSoftwareType, Value: "Unify\u00a0 HFA"},
		{Name: wpi.ItemDeviceType, Value: "OpenScape  Desk Phone  CP600"},
		{Name: wpi.ItemMAC, Value: " 00:1a:e8:00:00:01"},
	}}
	f.read(m)
	if want := (Device{Type: "OpenScape Desk Phone CP600", SoftwareType: "Unify HFA", Version: "V1 R4.9.0", MAC: "00:1A:E8:00:00:01"}); f.after != want || f.after.running().IsZero() {
		t.Errorf("got %+v", f.after)
	}
}

// TestPhoneOfEarlierPlan checks that what goes wrong with a call of a phone after its end is about no phone of the plan that is carried out
// then, which has its number for another.
func TestPhoneOfEarlierPlan(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, p, events := lonely(t)
		remote := netip.MustParseAddr("10.0.0.1")
		r.problem(remote, problemGarbled, errors.New("during it"))
		stopped, cancel := context.WithCancel(t.Context())
		cancel()
		if result := p.run(stopped, stopped); result.Failure == nil || result.Failure.Kind != KindInterrupted {
			t.Fatalf("%+v", result)
		}
		if _, err := r.prepare(Plan{Phones: []Target{{Address: "10.0.0.2"}}}); err != nil {
			t.Fatal(err)
		}
		told := len(*events)
		r.problem(remote, problemGarbled, errors.New("after it"))
		r.wrongCertificate(p, errors.New("after it"))
		if (*events)[0].Phone != 0 || len(*events) != told || len(r.events.others) != 2 {
			t.Errorf("%+v, %d about no phone", *events, len(r.events.others))
		}
	})
}
