package fleet

import (
	"errors"
	"io"
	"net/netip"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// What a phone says of itself, before and after, decides what it came to.
func TestClassify(t *testing.T) {
	t.Parallel()
	const older, newer, hfa, sip = "V1 R4.9.0", "V1 R9.2.0", "Unify HFA", "Unify SIP"
	all, part, lost := serve.Fetch{Requests: 1, Sent: 9, Size: 9, Complete: true}, serve.Fetch{Requests: 1, Sent: 3, Size: 9}, serve.Fetch{Requests: 1, Sent: 8, Size: 9, Perhaps: true}
	for name, c := range map[string]struct {
		before, after Device
		stated        string
		fetch         serve.Fetch
		down          bool
		want          Kind // "" is success
	}{
		"updated":                          {Device{SoftwareType: hfa, Version: older}, Device{SoftwareType: hfa, Version: newer}, "", all, true, ""},
		"no restart seen":                  {Device{SoftwareType: hfa, Version: older}, Device{SoftwareType: hfa, Version: newer}, "", all, false, ""},
		"the other type":                   {Device{SoftwareType: sip, Version: older}, Device{SoftwareType: sip, Version: newer}, "", all, true, KindOldVersion},
		"never a type":                     {Device{Version: older}, Device{Version: newer}, "", all, true, ""},
		"never a type, the image's stated": {Device{Version: older}, Device{Version: newer}, hfa, all, true, ""},
		"never a type, another stated":     {Device{Version: older}, Device{Version: newer}, sip, all, true, KindNoAnswer},
		"a type only before":               {Device{SoftwareType: hfa, Version: older}, Device{Version: newer}, "", all, true, KindNoAnswer},
		"old, a type only before":          {Device{SoftwareType: hfa, Version: older}, Device{Version: older}, "", all, true, KindOldVersion},
		"a type only after, same version":  {Device{Version: newer}, Device{SoftwareType: hfa, Version: newer}, sip, all, false, KindUnproven},
		"not all of it":                    {Device{SoftwareType: hfa, Version: older}, Device{SoftwareType: hfa, Version: newer}, "", part, true, ""},
		"not asked for":                    {Device{SoftwareType: hfa, Version: older}, Device{SoftwareType: hfa, Version: newer}, "", serve.Fetch{}, true, KindUnproven},
		"again":                            {Device{SoftwareType: hfa, Version: newer}, Device{SoftwareType: hfa, Version: newer}, "", all, true, ""},
		"again, not all of it":             {Device{SoftwareType: hfa, Version: newer}, Device{SoftwareType: hfa, Version: newer}, "", part, true, KindUnproven},
		"again, perhaps all of it":         {Device{SoftwareType: hfa, Version: newer}, Device{SoftwareType: hfa, Version: newer}, "", lost, true, KindUnproven},
		"again, no restart":                {Device{SoftwareType: hfa, Version: newer}, Device{SoftwareType: hfa, Version: newer}, "", all, false, KindUnproven},
		"it said nothing before":           {Device{}, Device{SoftwareType: hfa, Version: newer}, "", part, true, KindUnproven},
		"words behind both":                {Device{SoftwareType: hfa, Version: older + " x"}, Device{SoftwareType: hfa, Version: newer + " x"}, "", all, true, KindNoAnswer},
		"words behind both, no restart":    {Device{SoftwareType: hfa, Version: older + " x"}, Device{SoftwareType: hfa, Version: newer + " x"}, "", all, false, KindNoAnswer},
		"the same words behind both":       {Device{SoftwareType: hfa, Version: older + " x"}, Device{SoftwareType: hfa, Version: older + " x"}, "", all, true, KindOldVersion},
		"words behind the old one":         {Device{SoftwareType: hfa, Version: older + " x"}, Device{SoftwareType: hfa, Version: older}, "", all, true, KindOldVersion},
		"old, all of it":                   {Device{SoftwareType: hfa, Version: older}, Device{SoftwareType: hfa, Version: older}, "", all, false, KindRejected},
	} {
		f, _ := lone(t)
		f.facts.version = bind.Version{Major: 1, Release: 9, Fix: 2}
		f.facts.kind = hfa
		if c.stated != "" {
			f.facts.target.Known.SoftwareType = []hwcheck.Claim[string]{{Value: c.stated, Origin: hwcheck.Flag}}
		}
		f.fetch.watched, f.facts.before, f.facts.after = true, c.before, c.after
		f.fetches.now = c.fetch
		f.noteFetch()
		if c.down {
			f.wentDown()
		}
		got, failure := Kind(""), (*Failure)(nil)
		if errors.As(f.classify(), &failure) {
			got = failure.Kind
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// A phone that says that it is busy is told again only if it says so at once, and where it was told.
func TestMayRetry(t *testing.T) {
	t.Parallel()
	here := &wpi.Session{}
	for name, c := range map[string]struct {
		change func(*follower, *call)
		want   bool
	}{
		"at once":            {func(*follower, *call) {}, true},
		"elsewhere":          {func(_ *follower, c *call) { c.Session = &wpi.Session{} }, false},
		"without its cookie": {func(f *follower, c *call) { f.dialog.cookies, c.cookie = true, false }, false},
		"never a cookie":     {func(_ *follower, c *call) { c.cookie = false }, true},
		"accepted":           {func(f *follower, _ *call) { f.accepted = true }, false},
		"reported":           {func(f *follower, _ *call) { f.reported = true }, false},
		"fetched":            {func(f *follower, _ *call) { f.fetch.complete = true }, false},
		"asked for it":       {func(f *follower, _ *call) { f.fetches.now.Requests = 1 }, false},
		"restarted":          {func(f *follower, _ *call) { f.restart.down = time.Now() }, false},
		"asked what it runs": {func(f *follower, _ *call) { f.queried = true }, false},
	} {
		f, _ := lone(t)
		said := &call{Call: wpi.Call{Session: here}, cookie: true}
		f.dialog.instructed = here
		c.change(f, said)
		if got := f.mayRetry(said); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// An answer of no known status is no acceptance.
func TestUnknownStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]bool{wpi.Accepted: true, "": false, "perhaps": false} {
		f, _ := lone(t)
		f.answer(&call{Call: wpi.Call{Message: &wpi.PhoneMessage{Reason: wpi.ReplyTo, Status: status}}, answer: make(chan wpi.ServiceMessage, 1)})
		if f.accepted != want || f.ending.reached {
			t.Errorf("%q: %v", status, f.accepted)
		}
	}
}

// No step forward leads beyond the end.
func TestLongestRun(t *testing.T) {
	t.Parallel()
	s := newSilence(time.Hour)
	defer s.stop()
	s.last = time.Now().Add(time.Minute)
	if s.restart(); s.limit.After(s.last) {
		t.Error(s.limit, s.last)
	}
}

// One contact without TLS gives no phone up before the end, a bare connect never, nor what may be a neighbour's.
func TestProblems(t *testing.T) {
	t.Parallel()
	here := netip.MustParseAddr("127.0.0.1")
	alert, bare := &serve.HandshakeError{Err: errors.New("alert")}, &serve.HandshakeError{Err: io.EOF}
	for name, c := range map[string]struct {
		errs       []error // one for each contact
		end, share bool
		want       Kind
	}{
		"once":            {[]error{alert}, false, false, ""},
		"once in the end": {[]error{alert}, true, false, KindTLS},
		"twice":           {[]error{alert, alert}, false, false, KindTLS},
		"bare":            {[]error{bare, bare}, true, false, ""},
		"a neighbour":     {[]error{alert, alert}, true, true, ""},
	} {
		f, p := lone(t)
		r := p.runner
		p.place.remote = netip.AddrPortFrom(here, 1)
		r.registry.byIP[here] = append(r.registry.byIP[here], p)
		if c.share {
			r.registry.byIP[here] = append(r.registry.byIP[here], newPhone(r, &Plan{}, 1, Target{}, "127.0.0.1:2"))
		}
		var err error
		for i, e := range c.errs {
			r.OnError(here, e)
			r.OnError(here, e) // it tries again at once
			err = p.problems.failure(c.end && i == len(c.errs)-1, p.shared())
		}
		got, failure := Kind(""), (*Failure)(nil)
		if errors.As(err, &failure) {
			got = failure.Kind
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if c.share && f.because(failf(KindNeverFetch, "")).Err != nil {
			t.Error("the neighbour's trouble is blamed on it")
		}
	}
}

// A contact URI without a port states none.
func TestContactPort(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]uint16{"http://127.0.0.1:8085/x": 8085, "http://127.0.0.1/x": 0, "https://127.0.0.1": 0, "?": 0} {
		m := &wpi.PhoneMessage{Items: []wpi.Item{{Name: wpi.ItemContactURI, Value: uri}}}
		if got, stated := contactPort(m); got != want || stated != (want > 0) {
			t.Errorf("%s: %d %v", uri, got, stated)
		}
	}
}

// A call without a sender is from the owner of its conversation.
func TestCaller(t *testing.T) {
	t.Parallel()
	here := netip.MustParseAddr("127.0.0.1")
	r := New(Options{})
	one, other := newPhone(r, &Plan{}, 0, Target{}, ""), newPhone(r, &Plan{}, 1, Target{MAC: "00:1A:E8:00:00:02"}, "")
	one.place.remote, other.place.remote = netip.AddrPortFrom(here, 1), netip.AddrPortFrom(here, 2)
	r.registry.byIP[here] = []*phone{one, other}
	say := func(owner any, items ...wpi.Item) *phone {
		return r.registry.caller(wpi.Call{Remote: here, Session: &wpi.Session{Owner: owner}, Message: &wpi.PhoneMessage{Items: items}})
	}
	port := func(port string) wpi.Item {
		return wpi.Item{Name: wpi.ItemContactURI, Value: "http://192.0.2.1:" + port}
	}
	hardware := func(mac string) wpi.Item { return wpi.Item{Name: wpi.ItemMAC, Value: mac} }
	if say(one) != one || say(other) != other || say(nil) != nil {
		t.Error("by its conversation")
	}
	if say(nil, port("2")) != other || say(nil, port("3")) != nil || say(nil, port("3"), hardware(other.target.MAC)) != other {
		t.Error("by port and MAC address")
	}
	r.registry.byIP[here] = []*phone{other}
	if say(nil, port("3")) != other || say(nil, port("3"), hardware("00:1A:E8:00:00:03")) != nil || say(one) != nil {
		t.Error("the only one there")
	}
}
