package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/clitest"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/internal/natstest"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/journal/jetstream"
	"github.com/cpupdate/cpupdate/pkg/rollout"
)

// lies are what the login of a site can write into the stream of a rollout to harm another site.
func lies(t *testing.T, planned journal.Planned) []journal.Body {
	t.Helper()
	var head map[string]any
	if err := json.Unmarshal(planned.Plan, &head); err != nil {
		t.Fatal(err)
	}
	other := strings.Repeat("0a", 32)
	head["images"] = []map[string]any{{"name": "evil.bind", "sha256": other, "size": 1}}
	head["permits"] = map[string]any{"incompatible": true, "downgrade": true, "type_change": true, "reinstall": true}
	head["rules"] = map[string]any{"parallel": 1000}
	forged, err := json.Marshal(head)
	if err != nil {
		t.Fatal(err)
	}
	planned.Plan, planned.Images = forged, []journal.Image{{Name: "evil.bind", SHA256: other, Size: 1}}
	const many = 1 << 30
	return []journal.Body{
		planned,
		journal.FlagsKept{Flags: []string{"--server=evil.example", "--password-file=/etc/passwd", "--legacy-tls"}},
		journal.SiteCounted{Site: "paris", Wave: 1, Left: -many, Ended: map[string]int{"rejected": many, "": -1}},
		journal.SiteCounted{Site: "nowhere", Wave: many},
		journal.SiteCounted{Site: "paris", Wave: -1},
		journal.LimitReached{Wave: many, Cause: "rejected", Limit: "rejected=1", Count: many},
		journal.LimitReached{Wave: -many},
		journal.Stopped{Reason: "forged"},
		journal.Paused{Reason: "forged"},
		journal.RunBegun{Run: "forged", Site: "paris", Route: journal.Route{Way: "server"}},
		journal.RunBegun{Run: "forged"},
		journal.WaveOpened{Wave: -many},
		journal.WaveOpened{Wave: many, Phones: -1},
	}
}

// TestLyingSite has the login of Berlin, with the permissions of docs/sites.md, write lies into the stream of a rollout, which it may write. It can
// hold the rollout up and open its waves, as the page says. The centre can still read the rollout and go on with it, and the phones of Paris get the
// image of the plan, once.
func TestLyingSite(t *testing.T) {
	t.Parallel()
	s := newSites(t, 6, "berlin", "paris")
	url, files := protectedServer(t, s.folder)
	login := func(name string, args ...string) []string {
		return append(append([]string{"rollout"}, args...), "--nats", url, "--nats-ca", files["ca.pem"], "--nats-creds", files[name+".nk"])
	}
	centre := func(args ...string) ran {
		r := runHere(t, nil, login("centre", args...)...)
		if r.code != exit.CodeOK {
			t.Fatalf("%v: exit code %d\n%s%s", args, r.code, r.out, r.errOut)
		}
		return r
	}
	centre("plan", s.image, "--phones", s.list, "--offline", "--name", "spring", "--waves", "2,rest", "--pause", "each")
	berlin := natstest.Open(t, jetstream.Options{URL: url, CA: files["ca.pem"], Creds: files["berlin.nk"], Site: "berlin"})
	var last journal.Seq
	var planned journal.Planned
	control := journal.Key{Rollout: "spring"}
	for event, err := range berlin.Read(t.Context(), control) {
		if err != nil {
			t.Fatal(err)
		}
		last, planned = event.Seq, event.Body.(journal.Planned) //nolint:forcetypeassert // there is no other
	}
	for _, lie := range lies(t, planned) {
		seq, err := berlin.Append(t.Context(), control, last, journal.Event{At: time.Now(), Body: lie})
		if err != nil {
			t.Fatalf("%+v: %v", lie, err)
		}
		last = seq
		centre("status", "spring")
		centre("report", "spring", "--json")
	}
	denied(t, berlin, natstest.Open(t, jetstream.Options{URL: url, CA: files["ca.pem"], Creds: files["centre.nk"]}))

	centre("resume", "spring")
	certificate, key := clitest.ServiceFiles(t)
	for _, name := range s.names {
		s.start(login(name, "work", "--site", name, "--service-cert", certificate, "--service-key", key, "--listen", "127.0.0.1:0", "--contact-interval", "100ms", "--patience", "20s", "--probe-interval", "50ms")...)
	}
	saysAll(t, centre("run", "spring").out, "rollout spring: done")
	s.agree()
}

// denied tries to write for a phone of another site, as the login of a site can only try: the server refuses it, and nothing is recorded.
func denied(t *testing.T, berlin, centre *jetstream.Ledger) {
	t.Helper()
	saved, err := rollout.Load(t.Context(), centre, "spring")
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, phone := range saved.Plan.Phones {
		if phone.Site != "paris" {
			continue
		}
		tried++
		key := journal.Key{Rollout: "spring", Phone: "paris/" + phone.Address}
		var before journal.Seq
		for event, err := range centre.Read(t.Context(), key) {
			if err != nil {
				t.Fatal(err)
			}
			before = event.Seq
		}
		for _, body := range []journal.Body{journal.Retry{}, journal.Instructing{Run: "forged", Attempt: 1}, journal.Outcome{Result: journal.Updated}} {
			if _, err := berlin.Append(t.Context(), key, before, journal.Event{At: time.Now(), Body: body}); !errors.Is(err, journal.ErrDenied) {
				t.Errorf("%s, %s: %v", key, body.Kind(), err)
			}
		}
		for event, err := range centre.Read(t.Context(), key) {
			if err != nil || event.Seq > before {
				t.Errorf("%s: %v, %v", key, event, err)
			}
		}
	}
	if tried != 3 {
		t.Errorf("%d phones of paris", tried)
	}
}
