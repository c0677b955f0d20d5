package live_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cpupdate/cpupdate/internal/browser"
	"github.com/cpupdate/cpupdate/internal/testca"
	"github.com/cpupdate/cpupdate/pkg/journal"
	"github.com/cpupdate/cpupdate/pkg/rollout/report/live"
)

// A server is where a page is, while its process ends and another one begins.
type server struct {
	*httptest.Server
	page atomic.Pointer[live.Page]
	stop func()
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{stop: func() {}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := s.page.Load()
		if p == nil {
			panic(http.ErrAbortHandler) // as if nobody listened
		}
		p.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s
}

// begin begins a process that serves the page.
func (v *server) begin(t *testing.T, s *site) {
	t.Helper()
	p := s.page(live.Options{})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = p.Follow(ctx) }()
	v.stop = func() { stop(); <-done }
	t.Cleanup(func() { v.stop() })
	v.page.Store(p)
}

// end ends that process.
func (v *server) end() {
	v.page.Store(nil)
	v.CloseClientConnections()
	v.stop()
}

const (
	enter  = 13
	isLive = `document.getElementById("live").textContent === "Live: this page updates itself."`
	isLost = `document.getElementById("live").textContent.startsWith("Connection lost")`
)

// says is true when the page says so at its top.
func says(text string) string {
	return fmt.Sprintf(`document.querySelector(".lead").textContent.includes(%q)`, text)
}

// row is the row of a phone, from 1.
func row(i int) string { return fmt.Sprintf(`document.querySelector('tr[data-k="%d"]')`, i-1) }

// quiet fails if the page reported an error, or asked for anything but itself and its changes.
func quiet(t *testing.T, c *browser.Tab, url string) {
	t.Helper()
	c.Eval("0")
	if len(c.Problems) > 0 {
		t.Errorf("the page has errors: %s", strings.Join(c.Problems, "\n"))
	}
	for _, request := range c.Requests {
		if request != url+"/" && !strings.HasPrefix(request, url+"/events?") {
			t.Errorf("the page asked for %s", request)
		}
	}
}

// want fails if something in the page is not so.
func want(t *testing.T, c *browser.Tab, what, expression, want string) {
	t.Helper()
	if got := c.Eval(expression); got != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// TestLive watches a rollout in a real browser while it goes on.
func TestLive(t *testing.T) {
	t.Parallel()
	c := browser.StartTab(t)
	s := newSite(t, 12, "reception", "<script>alert(1)</script>", "\u202eroom\x00&lt;")
	v := newServer(t)
	v.begin(t, s)
	c.Screen(1280, "screen", "light")
	c.Open(v.URL + "/")
	c.Until(isLive)
	c.Eval(`window.same = true`) // until the page is loaded anew
	want(t, c, "sections of no phone", `[...document.querySelectorAll("[data-list]")].map((e) => e.hidden).join()`, "true,true,false")

	s.happens("", journal.RunBegun{Run: "r1", By: journal.Origin{User: "anna"}})
	s.begins(1)
	c.Until(says("12 phones: 1 in progress, 11 not begun."))
	s.updates(1)
	s.begins(2)
	s.begins(3)
	c.Until(says("12 phones: 1 updated, 2 in progress, 9 not begun."))
	c.Until(row(3) + `.closest("section").dataset.list === "progress"`)
	want(t, c, "the order in a list", `[...document.querySelector("[data-list=progress] tbody").rows].map((r) => r.dataset.k).join()`, "1,2")
	s.fails(3, "it kept its software <b>")
	s.updates(2)
	c.Until(says("1 phone needs somebody."))
	c.Until(row(3) + `.closest("section").dataset.list === "needs"`)
	want(t, c, "the order in a list", `[...document.querySelector("[data-list=phones] tbody").rows].map((r) => r.dataset.k).join()`, "0,1,3,4,5,6,7,8,9,10,11")
	want(t, c, "sections", `[...document.querySelectorAll("[data-list]")].map((e) => e.hidden).join()`, "false,true,false")
	want(t, c, "captions", `document.querySelector("[data-list=needs] caption").textContent.split(".")[0]`, "1 phone")
	want(t, c, "the cause", row(3)+`.querySelector("td a").hash`, "#cause-1")
	want(t, c, "where it leads", `document.getElementById("cause-1").cells[0].textContent`, "rejected")
	want(t, c, "links to nowhere", `[...document.querySelectorAll("a")].filter((a) => !document.getElementById(a.hash.slice(1))).length`, "0")
	want(t, c, "ids that are there twice", `[...document.querySelectorAll("[id]")].filter((e, i, all) => all.some((o, k) => k < i && o.id === e.id)).length`, "0")
	want(t, c, "elements that a text made", `document.querySelectorAll("script").length + document.querySelectorAll("td b").length`, "1")
	want(t, c, "a text", row(2)+`.querySelector(".sub").textContent`, "<script>alert(1)</script>")
	want(t, c, "the page", `window.same`, "true")
	quiet(t, c, v.URL)
}

// TestReader sorts, filters, opens events and has the focus somewhere, while the page changes.
func TestReader(t *testing.T) {
	t.Parallel()
	c := browser.StartTab(t)
	s := newSite(t, 6)
	s.begins(1)
	v := newServer(t)
	v.begin(t, s)
	c.Open(v.URL + "/")
	c.Until(isLive)
	focused := func(what, expression string) {
		t.Helper()
		want(t, c, "the focus is on "+what, `document.activeElement === `+expression, "true")
	}

	// A link of the navigation has the focus, and sections come before and after it.
	c.Eval(`document.querySelector("nav a[href='#phones']").focus()`)
	c.Eval(`window.link = document.activeElement`)
	// Events of a phone are open, and what is below them changes.
	c.Eval(row(1) + `.querySelector("details").open = true`)
	s.fails(1, "it kept its software")
	c.Until(says("1 phone needs somebody."))
	c.Until(row(1) + `.closest("section").dataset.list === "needs"`)
	focused("the same link", `window.link`)
	want(t, c, "the link", `window.link.hash + !!document.querySelector("nav a[href='#causes']")`, "#phonestrue")
	want(t, c, "the events are open", row(1)+`.querySelector("details").open`, "true")
	want(t, c, "the events", row(1)+`.querySelector("summary").textContent`, "2 events")

	// The summary of a phone that moves to another list keeps the focus, and works.
	c.Eval(row(1) + `.querySelector("summary").focus()`)
	s.happens(address(1), journal.Retry{Reason: "again"})
	s.begins(1)
	c.Until(row(1) + `.closest("section").dataset.list === "progress"`)
	c.Until(says("1 in progress, 5 not begun"))
	focused("the summary", row(1)+`.querySelector("summary")`)
	c.Press("Enter", enter)
	want(t, c, "the events are open", row(1)+`.querySelector("details").open`, "false")

	// What had the focus is gone: the report has it.
	s.fails(2, "it kept its software")
	c.Until(row(2) + `.closest("section").dataset.list === "needs"`)
	c.Until(`document.querySelector(".lead a") !== null`)
	c.Eval(`document.querySelector(".lead a").focus()`)
	s.happens(address(2), journal.Retry{Reason: "again"})
	c.Until(`document.querySelector(".lead a") === null`)
	focused("the report", `document.getElementById("main")`)

	// Sorted by the time that they took, the slowest first: phones come into their place.
	s.updates(3)
	s.updates(5)
	c.Until(says("2 updated"))
	c.Until(row(5) + `.dataset.o === "updated"`)
	c.Eval(`document.querySelector("[data-list=phones] th:last-child button").click()`)
	c.Eval(`document.querySelector("[data-list=phones] th:last-child button").click()`)
	took := `[...document.querySelector("[data-list=phones] tbody").rows].map((r) => r.dataset.k).join().slice(0, 3)`
	want(t, c, "sorted", took, "4,2")
	c.Eval(`document.activeElement.blur()`)
	s.updates(4)
	c.Until(row(4) + `.dataset.o === "updated"`)
	want(t, c, "sorted", `[...document.querySelector("[data-list=phones] tbody").rows].map((r) => r.dataset.k).join().slice(0, 5)`, "4,3,2")

	// Filtered: phones come and go.
	c.Eval(`document.querySelector("select").value = "updated"; document.querySelector("select").dispatchEvent(new Event("change"))`)
	want(t, c, "filtered", `document.querySelector("output").textContent`, "3 of 6 phones")
	c.Eval(`document.querySelector("select").focus()`)
	s.updates(6)
	c.Until(`document.querySelector("output").textContent === "4 of 6 phones"`)
	want(t, c, "hidden", row(6)+`.hidden + " " + `+row(1)+`.hidden`, "false true")
	focused("the select", `document.querySelector("select")`)
	for _, i := range []int{1, 2} {
		s.updates(i)
	}
	c.Until(`document.title === "Rollout spring: complete"`)
	c.Until(`document.querySelector("output").textContent === ""`)
	c.Until(`document.querySelector(".live").textContent.includes("The rollout is complete")`)

	// It goes on after that.
	s.happens(address(1), journal.Retry{Reason: "again"})
	c.Until(`document.title === "Rollout spring: unfinished"`)
	quiet(t, c, v.URL)
}

// TestLost ends the server, changes the rollout, and begins the server again.
func TestLost(t *testing.T) {
	t.Parallel()
	c := browser.StartTab(t)
	s := newSite(t, 12)
	s.begins(1)
	v := newServer(t)
	v.begin(t, s)
	c.Screen(1280, "screen", "light")
	c.Open(v.URL + "/")
	c.Until(isLive)
	c.Eval(`window.same = true`)
	quiet(t, c, v.URL)
	pictures(t, c, "live")

	v.end()
	c.Until(isLost)
	want(t, c, "what it showed", says("12 phones: 1 in progress, 11 not begun."), "true")
	pictures(t, c, "lost")
	s.updates(1)
	s.begins(2)
	s.fails(3, "it kept its software")
	v.begin(t, s)
	c.Until(isLive)
	c.Until(says("12 phones: 1 updated, 1 failed, 1 in progress, 9 not begun."))
	c.Until(row(3) + `.closest("section").dataset.list === "needs"`)
	want(t, c, "the page", `window.same`, "true")
	for _, problem := range c.Problems { // the browser itself reports that nobody answers
		if !strings.Contains(problem, `"source":"network"`) {
			t.Errorf("the page has errors: %s", problem)
		}
	}
	c.Problems = nil
	s.updates(2)
	c.Until(says("2 updated"))
	pictures(t, c, "again")
	quiet(t, c, v.URL)

	// Another rollout is there: the page is loaded anew.
	v.end()
	c.Until(isLost)
	c.Loads(func() {
		v.begin(t, newSite(t, 5))
		c.Eval("0")
	})
	c.Until(isLive)
	want(t, c, "the page", `document.querySelector(".lead").textContent.includes("5 phones") + String(window.same)`, "trueundefined")
}

// TestWithoutScript reads the page without a script: it is the report of the moment, and says what to do.
func TestWithoutScript(t *testing.T) {
	c := browser.StartTab(t)
	s := newSite(t, 12)
	s.begins(1)
	v := newServer(t)
	v.begin(t, s)
	c.Scripts(false)
	c.Open(v.URL + "/")
	if rows, dead := c.Nodes("table.phones tbody tr"), c.Nodes("form:not([hidden]), button"); rows != 12 || dead != 0 {
		t.Errorf("%d rows, and %d controls that do nothing", rows, dead)
	}
	if len(c.Requests) != 1 {
		t.Errorf("the page asked for %q", c.Requests)
	}
	if text := get(v.page.Load(), "GET", v.URL+"/").Body.String(); !strings.Contains(text, ">Reload this page to update it.</b>") {
		t.Error("the page does not say how it is updated")
	}
}

// TestElsewhere lets a page of another site read this one.
func TestElsewhere(t *testing.T) {
	c := browser.StartTab(t)
	s := newSite(t, 1)
	v := newServer(t)
	v.begin(t, s)
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<title>another</title>"))
	}))
	t.Cleanup(evil.Close)
	c.Open(evil.URL + "/")
	for _, try := range []string{
		`fetch(%q).then((r) => r.text(), () => "nothing")`,
		`fetch(%q, { mode: "no-cors" }).then((r) => r.text(), () => "nothing").then((t) => t || "nothing")`,
		`new Promise((done) => { const source = new EventSource(%q); source.onopen = () => done("open"); source.onerror = () => { source.close(); done("nothing"); }; })`,
		`new Promise((done) => { const frame = document.createElement("iframe"); frame.onload = () => { let text; try { text = frame.contentDocument === null ? "nothing" : "read"; } catch { text = "nothing"; } done(text); }; frame.src = %q; document.body.append(frame); })`,
	} {
		for _, path := range []string{"/", "/events"} {
			want(t, c, try+path, fmt.Sprintf(try, v.URL+path), "nothing")
		}
	}
}

// pictures takes pictures of the page for people to look at. PICTURES names their folder.
func pictures(t *testing.T, c *browser.Tab, name string) {
	t.Helper()
	folder := os.Getenv("PICTURES")
	if folder == "" {
		return
	}
	for _, width := range []int{1280, 400} {
		for _, scheme := range []string{"light", "dark"} {
			c.Screen(width, "screen", scheme)
			noError(t, os.WriteFile(filepath.Join(folder, fmt.Sprintf("%s-%d-%s.png", name, width, scheme)), c.Picture(1400), 0o600))
		}
	}
	c.Screen(1280, "screen", "light")
}

// shown is what the page shows, with what the script adds.
const shown = `(() => {
	const text = (node) => node.nodeType !== Node.ELEMENT_NODE ? node.data
		: "<" + node.localName + [...node.attributes].map((a) => " " + a.name + "=" + a.value).sort().join("") + ">" + [...(node.localName === "tbody" ? node.children : node.childNodes)].map(text).join("") + "</" + node.localName + ">\n";
	return document.title + "\n" + [...document.querySelectorAll("[data-part], [data-list], output")].map(text).join("");
})()`

// TestSame changes a page many times, and loads it anew: it is the same page.
func TestSame(t *testing.T) {
	t.Parallel()
	c := browser.StartTab(t)
	const n = 30
	s := newSite(t, n)
	v := newServer(t)
	v.begin(t, s)
	c.Open(v.URL + "/")
	c.Until(isLive)
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same each time
	done := map[int]bool{}
	for round := range 4 {
		for range 25 {
			switch i := random.IntN(n) + 1; {
			case done[i]:
				s.happens(address(i), journal.Retry{Reason: "again"})
				done[i] = false
			case random.IntN(3) == 0:
				s.begins(i)
			case random.IntN(3) == 0:
				s.fails(i, "it kept its software")
				done[i] = true
			default:
				s.updates(i)
				done[i] = true
			}
		}
		s.happens("", journal.WaveOpened{Wave: 2, Name: fmt.Sprintf("round %d", round), Phones: n - 1})
		c.Until(fmt.Sprintf(`document.querySelector("[data-part=log]").textContent.includes("round %d")`, round))
	}
	// The last change may be in another message than this one.
	s.happens(address(1), journal.Note{Text: "the end"})
	c.Until(row(1) + `.textContent.includes("the end")`)
	changed := c.Eval(shown)
	quiet(t, c, v.URL)
	c.Open(v.URL + "/")
	c.Until(isLive)
	if loaded := c.Eval(shown); loaded != changed {
		is, was := strings.Split(loaded, "\n"), strings.Split(changed, "\n")
		for i := range min(len(is), len(was)) {
			if is[i] != was[i] {
				t.Fatalf("the page that was changed has\n%s\nand the one that was loaded has\n%s", was[i], is[i])
			}
		}
		t.Errorf("%d and %d lines", len(was), len(is))
	}
}

// TestSecure shows the page by HTTPS, with a token.
func TestSecure(t *testing.T) {
	c := browser.StartTab(t)
	s := newSite(t, 3)
	p := s.page(live.Options{Token: "TOKEN"})
	follows(t, p)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	noError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() {
		served <- p.Serve(ctx, l, &tls.Config{Certificates: []tls.Certificate{*testca.New(t, testca.Options{})}, MinVersion: tls.VersionTLS12})
	}()
	url := "https://" + l.Addr().String() + "/TOKEN"
	c.Open(url + "/")
	c.Until(isLive)
	s.begins(1)
	c.Until(says("1 in progress"))
	want(t, c, "the protocol", `performance.getEntriesByType("navigation")[0].nextHopProtocol`, "h2")
	quiet(t, c, url)
	stop()
	noError(t, <-served)
	c.Until(isLost)
}

// TestMany changes a page with many phones that somebody has filtered and sorted.
func TestMany(t *testing.T) {
	t.Parallel()
	n := 2000
	if testing.Short() {
		n = 500
	}
	c := browser.StartTab(t)
	s := newSite(t, n)
	v := newServer(t)
	v.begin(t, s)
	c.Open(v.URL + "/")
	c.Until(isLive)
	c.Eval(`document.querySelector("[data-list=phones] th:last-child button").click();
		document.querySelector("select").value = "not-begun"; form.requestSubmit()`)
	for i := 1; i <= 64; i++ {
		s.begins(i)
		if i%2 == 0 {
			s.updates(i)
		}
	}
	c.Until(says(fmt.Sprintf("%d phones: 32 updated, 32 in progress, %d not begun.", n, n-64)))
	c.Until(fmt.Sprintf(`document.querySelector("output").textContent === "%d of %d phones"`, n-64, n))
	want(t, c, "the first rows", `[...document.querySelector("[data-list=phones] tbody").rows].slice(0, 3).map((r) => r.dataset.k).join()`, "1,3,5")
	quiet(t, c, v.URL)
}

// TestPicturesOfDocs takes the picture of the documents, if PICTURES names a folder for it.
func TestPicturesOfDocs(t *testing.T) {
	folder := os.Getenv("PICTURES")
	if folder == "" {
		t.Skip("PICTURES does not name a folder")
	}
	c := browser.StartTab(t)
	s := newSiteAt(t, time.Now().Add(-15*time.Minute), 90)
	s.happens("", journal.RunBegun{Run: "r1", By: journal.Origin{User: "anna", Host: "laptop"}})
	for i := 1; i < 30; i++ {
		if i == 2 {
			s.happens("", journal.WaveOpened{Wave: 2, Name: "rest", Phones: 89})
		}
		s.begins(i)
		if i == 17 {
			s.fails(i, "it fetched the image, did not restart, and runs its old software")
		} else if i < 25 {
			s.updates(i)
		}
	}
	v := newServer(t)
	v.begin(t, s)
	c.Screen(1280, "screen", "dark")
	c.Open(v.URL + "/")
	c.Until(isLive)
	c.Eval(`document.querySelectorAll("[data-part=what] > *, [data-part=tables] > *").forEach((e) => e.hidden = true)`)
	noError(t, os.WriteFile(filepath.Join(folder, "rollout-watch.png"), browser.FewColours(t, c.Picture(1180)), 0o644))
}
