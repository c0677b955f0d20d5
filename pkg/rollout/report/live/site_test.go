package live_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/journaltest"
	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout"
	"github.com/cpupdate/cpupdate/pkg/rollout/report/live"
)

const (
	oldVersion = "V1 R4.9.0"
	newVersion = "V1 R9.2.0"
)

var night = time.Date(2026, 11, 14, 21, 0, 0, 0, time.UTC)

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A site is a rollout in a journal.
type site struct {
	t      testing.TB
	ledger journal.Ledger
	last   map[string]journal.Seq
	at     time.Time
}

func address(i int) string { return fmt.Sprintf("192.0.2.%d", i) }

// newSite plans a rollout of so many phones: the first one is the canary.
func newSite(t testing.TB, n int, notes ...string) *site { return newSiteAt(t, night, n, notes...) }

// newSiteAt is newSite for another time.
func newSiteAt(t testing.TB, at time.Time, n int, notes ...string) *site {
	t.Helper()
	s := &site{t, journaltest.NewMemory().Open(), map[string]journal.Seq{}, at}
	t.Cleanup(func() { _ = s.ledger.Close() })
	version, err := bind.ParseVersion(newVersion)
	noError(t, err)
	plan := rollout.Plan{
		Images: []rollout.Image{{Name: "cp600-r9.bind", SHA256: strings.Repeat("a1", 32), Size: 41 << 20, Version: version, SoftwareType: "Unify SIP"}},
		Waves:  []rollout.Wave{{Name: "canary", Phones: []int{0}}, {Name: "rest"}},
	}
	for i := range n {
		p := rollout.Phone{Address: address(i + 1), Images: []int{0}, Running: oldVersion, Device: "OpenScape Desk Phone CP600", Note: fmt.Sprintf("room %d", i+1)}
		if i < len(notes) {
			p.Note = notes[i]
		}
		plan.Phones = append(plan.Phones, p)
		if i > 0 {
			plan.Waves[1].Phones = append(plan.Waves[1].Phones, i)
		}
	}
	noError(t, rollout.Save(context.Background(), s.ledger, "spring", at, journal.Planned{By: journal.Origin{User: "anna", Tool: "1.4.0"}}, plan))
	for r, err := range s.ledger.ReadAll(context.Background(), "spring") {
		noError(t, err)
		s.last[r.Key.Phone] = r.Event.Seq
	}
	return s
}

// happens adds events to the stream of a phone, or of the rollout for "".
func (s *site) happens(phone string, bodies ...journal.Body) {
	s.t.Helper()
	var events []journal.Event
	for _, body := range bodies {
		s.at = s.at.Add(7 * time.Second)
		events = append(events, journal.Event{At: s.at, Body: body})
	}
	seq, err := s.ledger.Append(context.Background(), journal.Key{Rollout: "spring", Phone: phone}, s.last[phone], events...)
	noError(s.t, err)
	s.last[phone] = seq
}

// begins, updates and fails are what happens to a phone.
func (s *site) begins(i int) { s.happens(address(i), journal.Begun{Run: "r1", Attempt: 1}) }

func (s *site) updates(i int) {
	s.happens(address(i), journal.Instructing{Run: "r1", Attempt: 1, Version: newVersion}, journal.Instructed{}, journal.Restarting{},
		journal.Outcome{Result: journal.Updated, Version: newVersion, Instructed: true, Took: time.Duration(i) * time.Minute})
}

func (s *site) fails(i int, text string) {
	s.happens(address(i), journal.Outcome{Result: journal.Failed, Failure: "rejected", Text: text, Version: oldVersion, Instructed: true, Took: time.Minute})
}

// page returns the page, which nobody follows yet.
func (s *site) page(o live.Options) *live.Page {
	s.t.Helper()
	p, err := live.New(context.Background(), s.ledger, "spring", o)
	noError(s.t, err)
	return p
}

// follows lets a page follow the journal until the test ends.
func follows(t *testing.T, p *live.Page) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { _ = p.Follow(ctx) })
	t.Cleanup(func() { stop(); done.Wait() })
}

// get asks for a path as a browser does, with more headers.
func get(p http.Handler, method, url string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), method, url, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w
}

// A reader reads a stream of events as a browser does.
type reader struct {
	header http.Header
	mu     sync.Mutex
	text   strings.Builder
	code   int
}

// open asks for events, and returns who reads them, and how to go.
func open(t *testing.T, p http.Handler, query string) (*reader, func()) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1/events?"+query, nil)
	w := &reader{header: http.Header{}}
	var done sync.WaitGroup
	done.Go(func() { p.ServeHTTP(w, r) })
	end := sync.OnceFunc(func() { stop(); done.Wait() })
	t.Cleanup(end)
	return w, end
}

func (r *reader) Header() http.Header { return r.header }
func (r *reader) WriteHeader(code int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.code = code
}

func (r *reader) Write(data []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(data)
}
func (r *reader) Flush() {}

// take returns what came since the last time.
func (r *reader) take() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	text := r.text.String()
	r.text.Reset()
	return text
}

// places returns the page's name and its position.
func places(t *testing.T, p http.Handler) (page, at string) {
	t.Helper()
	text := get(p, http.MethodGet, "http://127.0.0.1/").Body.String()
	_, rest, _ := strings.Cut(text, `<body data-page="`)
	page, rest, _ = strings.Cut(rest, `" data-at="`)
	at, _, found := strings.Cut(rest, `"`)
	if !found {
		t.Fatal("the page does not say what it is")
	}
	return page, at
}
