package fleet_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/wbm"
)

// An oddRow is an odd page, and how it has to end there.
type oddRow struct {
	answers  oddAnswers
	password string
	restarts bool
	stopped  bool // the run, in the middle of the upload if web changes that, else after it
	options  func(*fleet.Options)
	web      func(*stage)
	end      string
	says     string
	logins   int
}

func oddRows() map[string]oddRow {
	before, after := "V1 R4.9.0", "V1 R9.2.0"
	large := func(s *stage) { s.plan.Image.Web.Image = s.gated(nil) }
	return map[string]oddRow{
		"the password is the device type": {
			answers: oddAnswers{start: updates(before, after)}, password: "Desk Phone CP600", restarts: true, end: "updated", logins: 1,
		},
		"the device type begins as the password": {
			answers: oddAnswers{start: nothing, menu: updates(before, after)}, password: "CP600admin", restarts: true, end: "updated", logins: 2,
		},
		"the password stands on the page that came back": {
			answers: oddAnswers{menu: updates(before, before), start: func(o *oddPage) string {
				if o.uploads == 0 {
					return ""
				}
				return facts(before+" "+pagePassword, macOf(1))
			}}, restarts: true, end: "no-answer", says: "cannot be determined", logins: 1,
		},
		"words behind both versions": {
			answers: oddAnswers{start: updates(before+" HFA", after+" HFA")}, restarts: true, end: "no-answer", logins: 1,
			says: "it reports V1 R9.2.0 HFA now and reported V1 R4.9.0 HFA before; which software that is cannot be determined",
		},
		"words behind one version, twice": {
			answers: oddAnswers{start: updates(before+" HFA", before+" HFA")}, restarts: true, end: "old-version", logins: 1,
			says: "it restarted and still runs V1 R4.9.0 HFA",
		},
		"words behind both versions, and no restart": {
			answers: oddAnswers{start: updates(before+" HFA", after+" HFA")}, end: "no-answer", logins: 1,
			says: "it reports V1 R9.2.0 HFA now",
		},
		"words behind a version, stopped": {
			answers: oddAnswers{start: func(o *oddPage) string {
				return facts(fmt.Sprintf("%s build %d", before, o.visits), macOf(1))
			}}, web: large, stopped: true, end: "interrupted", logins: 1, says: "it reports V1 R4.9.0 build 2 now and reported V1 R4.9.0 build 1 before",
		},
		"status 500 to the second login": {
			answers: oddAnswers{form: updates(before, after), menu: func(o *oddPage) string {
				if o.uploads > 0 {
					return ""
				}
				return "<p>Menu</p>"
			}}, restarts: true, end: "no-answer", says: "status 500", logins: 2,
		},
		"an element of class error, and a restart": {
			answers:  oddAnswers{start: updates(before, after), upload: always("<p class=error>Transfer failed</p>")},
			restarts: true, end: "updated", logins: 1,
		},
		"words of an error, and a restart": {
			answers:  oddAnswers{start: updates(before, after), upload: always("<p>Transfer completed: 0 errors. The phone restarts now.</p>")},
			restarts: true, end: "updated", logins: 1,
		},
		"status 500 to the image, and a restart": {
			answers:  oddAnswers{start: updates(before, after), upload: always("")},
			restarts: true, end: "updated", logins: 1,
		},
		"the form of login for an answer, and a restart": {
			answers:  oddAnswers{start: updates(before, after), upload: always(oddLogin)},
			restarts: true, end: "updated", logins: 1,
		},
		"an element of class error, and no restart": {
			answers: oddAnswers{start: updates(before, before), upload: always("<p class=error>Transfer failed</p>")},
			end:     "page-refused", says: "it refused the image: Transfer failed; the phone still runs V1 R4.9.0", logins: 1,
		},
		"stopped when it has the image": {
			answers: oddAnswers{start: updates(before, before)}, stopped: true, end: "interrupted", logins: 1,
			says: "the phone still runs V1 R4.9.0; it has the image and may still install it: keep it on power",
		},
		"no answer to the image, and no restart": {
			answers: oddAnswers{start: updates(before, before), upload: func(*oddPage) string { panic(http.ErrAbortHandler) }},
			end:     "rejected", says: "it has the whole image, but its web page did not confirm the upload; it did not restart", logins: 1,
		},
		"another phone answers afterwards": {
			answers: oddAnswers{start: func(o *oddPage) string { return facts(before, macOf(o.visits)) }},
			web:     large, stopped: true, end: "interrupted", logins: 1,
			says: "another phone answers at this address: its MAC address is " + macOf(2) + " instead of " + macOf(1) + ", which it reported before",
		},
		"who answers afterwards does not say who it is": {
			answers: oddAnswers{start: func(o *oddPage) string {
				if o.visits == 1 {
					return facts(before, macOf(1))
				}
				return "<p>Software version: V1 R4.9.0</p>"
			}},
			web: large, stopped: true, end: "interrupted", logins: 2, says: "it does not report its MAC address, so it may be another phone than " + macOf(1),
		},
		"a menu without end": {
			answers: oddAnswers{start: always(facts(before, macOf(1))), pages: true, slow: 20 * time.Second},
			end:     "page-broken", says: "did not lead to an image upload form within 10 min", logins: 1,
		},
		"a page that comes when patience is over": {
			answers: oddAnswers{start: always(facts(before, macOf(1))), slow: 20 * time.Second},
			options: func(o *fleet.Options) { o.Patience = 10 * time.Second }, end: "page-broken", says: "did not lead to an image upload form within 10 s", logins: 0,
		},
		"byte after byte": {
			answers: oddAnswers{start: updates(before, before)}, end: "upload-cut", says: "too slowly", logins: 1,
			web: func(s *stage) {
				s.plan.Image.Web.Image = func(ctx context.Context) wbm.Image {
					return wbm.Image{Name: name, Content: transfer.NewRate(2<<10).Reader(ctx, io.NewSectionReader(zeros{}, 0, 512<<20))}
				}
			},
		},
	}
}

// TestOddPages visits pages that do what no simulated phone does. None of them makes a password known.
func TestOddPages(t *testing.T) {
	t.Parallel()
	for name, row := range oddRows() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, row.visit)
		})
	}
}

func (row oddRow) visit(t *testing.T) {
	o := fleet.Options{}
	if row.options != nil {
		row.options(&o)
	}
	s := set(t, o)
	page := s.openOdd(row.answers)
	if row.password != "" {
		page.password = row.password
	}
	s.byOdd(page)
	if row.web != nil {
		row.web(s)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	switch {
	case row.restarts:
		s.hear = page.restart()
	case row.stopped:
		s.hear = func(e fleet.Event) {
			if e.Step == fleet.StepAnswered || row.web != nil && e.Step == fleet.StepSending && e.Upload.Sent > 0 {
				cancel()
			}
		}
	}
	results := s.runUntil(ctx)
	r := results[0]
	if ending(r) != row.end || !strings.Contains(fmt.Sprint(r.Failure), row.says) {
		t.Errorf("%s, want %s: %v", ending(r), row.end, r.Failure)
	}
	if logins := page.sentPasswords(); logins != row.logins {
		t.Errorf("%d logins, want %d", logins, row.logins)
	}
	if err := s.agree(results); err != nil {
		t.Error(err)
	}
	s.silent(t, results, page.password)
}

// silent fails if a password is in what was told or returned.
func (s *stage) silent(t *testing.T, results []fleet.Result, password string) {
	t.Helper()
	for _, e := range s.told() {
		if text := fmt.Sprintf("%+v %+v", e, e.Verdict); strings.Contains(text, password) {
			t.Errorf("%s tells the password: %s", e.Step, text)
		}
	}
	for _, r := range results {
		if text := fmt.Sprintf("%+v %+v", r, r.Verdict); strings.Contains(text, password) {
			t.Errorf("the result tells the password: %s", text)
		}
	}
}

// TestPasswordByTheInterface: a phone repeats the password of its page by its interface, in what is decided of, and in what
// cannot be understood.
func TestPasswordByTheInterface(t *testing.T) {
	t.Parallel()
	const password = "Desk Phone CP600"
	for faults, want := range map[string]string{"": "updated", "web-refuses": "page-refused", "reboots-with-old-version": "old-version"} {
		t.Run(faults, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := set(t, fleet.Options{})
				sim := s.phone(1, func(c *phonesim.Config) { c.Web, c.Password = hostOf(1)+":443", password }, strings.Fields(faults)...)
				s.byPage(sim, false, func(w *fleet.Web) { w.Password = secret.New(password) })
				results := s.run(sim.Address())
				if ending(results[0]) != want {
					t.Errorf("%s: %v", ending(results[0]), results[0].Failure)
				}
				if err := s.agree(results); err != nil {
					t.Error(err)
				}
				s.silent(t, results, password)
			})
		})
	}
}

// TestOnePageTwice: one page is never visited as that of two phones, however they are named: the same password would be
// tried twice.
func TestOnePageTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := set(t, fleet.Options{})
		page := s.openOdd(oddAnswers{start: always("<p>Welcome</p>"), menu: always("<p>Authentication failed</p>" + oddLogin)})
		s.byOdd(page)
		s.plan.Phones = append(s.plan.Phones, s.plan.Phones[0])
		s.plan.Phones[1].Address = hostOf(1) + ":2"
		if _, err := s.runner.Run(t.Context(), s.plan); err == nil || !strings.Contains(err.Error(), "phone 2: the web page of "+hostOf(1)+":2, "+page.address+", is the same as that of phone 1") {
			t.Errorf("two ports of one phone: %v", err)
		}
		s.net.Name("phone.example", netip.MustParseAddr(hostOf(1)))
		s.plan.Phones[1].Address = "phone.example:2"
		results := s.run()
		ends := map[string]bool{ending(results[0]): true, ending(results[1]): true}
		if logins := page.sentPasswords(); logins != 1 || !ends["twice"] || !ends["wrong-password"] {
			t.Errorf("%d logins: %v, %v", logins, results[0].Failure, results[1].Failure)
		}
	})
}

// A sleeper is content whose reader sleeps from the second piece on, until it is told that nobody waits for it.
type sleeper struct {
	content *io.SectionReader
	ctx     context.Context //nolint:containedctx // as long as one upload
	asleep  chan struct{}
	woken   chan struct{}
}

func (s *sleeper) ReadAt(b []byte, at int64) (int, error) {
	if at > 0 {
		close(s.asleep)
		<-s.ctx.Done()
		close(s.woken)
		return 0, s.ctx.Err()
	}
	return s.content.ReadAt(b, at)
}

// TestSlowReader: the page hangs up while the file waits for its turn to be sent. Nobody waits for that.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := set(t, fleet.Options{})
		asleep, woken := make(chan struct{}), make(chan struct{})
		page := s.openOdd(oddAnswers{start: updates("V1 R4.9.0", "V1 R4.9.0"), during: func(*oddPage) bool {
			<-asleep
			return false
		}})
		s.byOdd(page)
		s.plan.Image.Web.Image = func(ctx context.Context) wbm.Image {
			return wbm.Image{Name: name, Content: io.NewSectionReader(&sleeper{s.image.content, ctx, asleep, woken}, 0, s.image.content.Size())}
		}
		s.hear = func(e fleet.Event) {
			if e.Step != fleet.StepFailed {
				return
			}
			select {
			case <-woken:
			case <-time.After(time.Hour):
				t.Error("the reader still waits for its turn when all is over")
			}
		}
		results := s.run()
		if ending(results[0]) != "upload-cut" || !strings.Contains(fmt.Sprint(results[0].Failure), "the phone still runs V1 R4.9.0") {
			t.Errorf("%s: %v", ending(results[0]), results[0].Failure)
		}
	})
}
