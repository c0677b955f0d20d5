package fleet

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/cpupdate/cpupdate/pkg/display"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/wbm"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// A Web is the route by the phones' own web pages: the image goes from this machine straight into them, or they fetch it as their
// pages are told (CP HFA administration manual A31003-C1000-M102-5, 3.9.3.1 and 3.9.3.2).
type Web struct {
	Port     string                       // of the pages; 443 if ""
	TLS      func(number int) *tls.Config // verifies that the peer is that phone of the plan, from 0
	Password secret.Secret                // of the pages
	Timeout  time.Duration                // the longest silence of a page; 30 s if 0
	// Image is the file for one upload: whoever watches it watches one only, and its content may wait until the context
	// ends. Its Sent is set here.
	Image  func(context.Context) wbm.Image
	DryRun bool // phones are examined up to the form, and sent nothing
	// Transfer has the transfer form filled in and submitted: the phone fetches the image from the source of the plan. Else the
	// image is uploaded.
	Transfer bool
	Defaults bool // the transfer form is given only the name of the file, and the phone uses its own defaults
	// Admit, if not nil, returns the password for a phone that says this of itself, before the page gets it. A failure ends
	// the visit. No patience passes meanwhile.
	Admit func(ctx context.Context, d Device) (secret.Secret, *Failure)
}

// A visit takes the image to one phone by its web page. Whatever takes long there is done by another goroutine while the
// phone's own answers calls.
type visit struct {
	reporter reporter
	decider  decider
	commit   func(context.Context, Step) error // before the step that cannot be undone
	facts    *facts
	dialog   *dialog
	slot     *slot
	options  Options
	number   int // of the phone
	web      *Web
	source   Source                                      // from which the phone fetches; nil if it does not
	address  string                                      // HOST:PORT of the page
	password secret.Secret                               // of the page
	secrets  []secret.Secret                             // of the server of the image
	hide     func(secret.Secret)                         // redacts a password from now on
	claim    func(port uint16, found []netip.Addr) error // notes where the page is
	lockOut  func()                                      // leaves alone the phones that are not sent the image yet
	noImage  func(error)                                 // ends the run: the image is not what was verified any more

	called   bool // the phone called: what counts is what it says there
	admitted bool // a phone that settles: the password was asked for
	mayLogin bool // the page took the password, and may be sent it once more, after the image
	session  *wbm.Session
	form     *wbm.Form
	said     string // why a transfer failed, as the page says it
	refused  bool   // the page refused the transfer form
	upload   upload
	answered bool           // the page confirmed the upload, or refused the image
	leaving  sync.WaitGroup // while somebody logs out

	mu     sync.Mutex
	ended  bool // nothing is reported of the page any more
	posted bool // the password was sent
}

// defaultPage is the port of phones' pages (OpenScape Desk Phone CP security checklist).
const defaultPage = "443"

func (p *phone) newVisit() *visit {
	web := p.web()
	var source Source
	if p.image != nil {
		source = p.image.Source
	}
	return &visit{
		source: source, secrets: p.image.secrets(),
		reporter: p, decider: p, commit: p.commit, facts: p.facts, dialog: p.dialog, slot: &p.slot, options: p.runner.options, number: p.index,
		web: web, address: pageAddress(p.address, web.Port), password: web.Password, hide: p.runner.events.hide, lockOut: p.runner.stopUploads, noImage: p.runner.imageFailed,
		upload: upload{changed: make(chan struct{}, 1)},
		claim:  func(port uint16, found []netip.Addr) error { return p.runner.registry.claimPages(p, port, found) },
	}
}

// pageAddress returns where the page of a phone is, HOST:PORT, which takes contact requests at an address.
func pageAddress(contact, port string) string {
	host, _, _ := net.SplitHostPort(contact) // ContactAddress wrote it
	return net.JoinHostPort(host, cmp.Or(port, defaultPage))
}

// updateByPage takes a phone through its web page: it gets contact requests, its page is examined, it is checked, sent the
// image and followed.
func (p *phone) updateByPage(ctx, early context.Context) error {
	if err := p.noneFits(); err != nil {
		return err
	}
	v := p.newVisit()
	if !v.web.Transfer {
		defer func() { p.result.Instructed, p.result.Upload = v.upload.whole, v.upload.reported }()
	}
	defer v.end(ctx)
	if err := v.confirmFirst(early); err != nil {
		return err
	}
	if ended, err := v.decideEarly(); ended || err != nil {
		return err
	}
	if err := v.arrive(early); err != nil {
		v.leave()
		return err
	}
	if ended, err := p.decideOnPage(ctx, v); ended || err != nil {
		v.leave()
		return err
	}
	if early.Err() != nil || p.runner.stopped() {
		v.leave()
		return errStopped
	}
	if err := p.runner.checkImage(ctx, p.image); err != nil {
		v.leave()
		return err
	}
	if err := v.commit(ctx, StepSending); err != nil {
		v.leave()
		return err
	}
	if v.web.Transfer {
		return p.updateByTransfer(ctx, v)
	}
	err := v.send(ctx)
	if refusal := err; err == nil || v.upload.whole && ctx.Err() == nil {
		v.leave()
		err = p.followPage(ctx, v, refusal)
		if err == nil || !errors.Is(err, errStopped) && err != refusal { //nolint:errorlint // the very refusal, not another of its kind
			return err
		}
	}
	return v.failed(ctx, err)
}

// examinePage visits the web page of a phone up to the form, and logs out.
func (p *phone) examinePage(ctx context.Context) error {
	v := p.newVisit()
	defer v.end(ctx)
	defer v.leave()
	p.facts.byCall, p.facts.after = p.target.Called, p.target.Called
	if err := v.arrive(ctx); err != nil {
		return err
	}
	p.result.Known, p.result.Outcome = p.known(), Queried
	return nil
}

// confirmFirst asks the phone to call: what it says there is documented, what its page says is not. One that does not call is
// known by its page alone.
func (v *visit) confirmFirst(ctx context.Context) error {
	within := min(v.options.Patience, v.options.ConfirmFirst)
	err := v.dialog.query(ctx, v.dialog.await(within))
	if v.comesBack(ctx, err) {
		err = v.dialog.query(ctx, v.dialog.await(within))
	}
	if err == nil {
		v.called, v.facts.byCall = true, v.facts.after
		return nil
	}
	failure := (*Failure)(nil)
	switch {
	case !errors.As(err, &failure), failure.anotherPhone():
		return err
	case failure.Kind == KindNoCall:
		err = fmt.Errorf("it did not call back within %s after a contact request", display.Span(within))
	}
	v.facts.after = Device{}
	v.reporter.report(Event{Step: StepPageOnly, Err: err})
	return nil
}

// comesBack waits for a phone of which neither the contact port nor the web page can be reached: it may be restarting. It
// reports whether the page can be reached now, and could not before. The phone makes room for others meanwhile.
func (v *visit) comesBack(ctx context.Context, err error) bool {
	w := v.dialog.await(v.options.Patience)
	for waited := false; mayStart(err) && !v.options.SkipUnreachable && !w.over(); waited = true {
		if v.pageTakesConnection(ctx) {
			return waited
		}
		v.dialog.unreached(err, w)
		v.slot.free()
		within, cancel := context.WithTimeout(ctx, v.options.Probe)
		v.while(func() { <-within.Done() })
		cancel()
		if !w.queue(ctx, v.slot) {
			return false
		}
		if w.ended() {
			return v.pageTakesConnection(ctx) // one more try
		}
	}
	return false
}

// pageTakesConnection reports whether a bare connect to the page succeeds, or there is no sense in another.
func (v *visit) pageTakesConnection(ctx context.Context) bool {
	within, cancel := context.WithTimeout(ctx, maxProbe)
	defer cancel()
	var conn net.Conn
	var err error
	v.while(func() { conn, err = v.options.connect(within, "tcp", v.address) })
	name := (*net.DNSError)(nil)
	if err == nil {
		_ = conn.Close()
	}
	return err == nil || errors.As(err, &name) && name.IsNotFound
}

// decideEarly reports whether what the phone said when it called is the end: no password is sent for nothing. That the
// answer is not known yet is no end, since its page may say more.
func (v *visit) decideEarly() (ended bool, err error) {
	if !v.called {
		return false, nil
	}
	verdict := v.decider.check()
	if !verdict.NothingToDo && verdict.Answer != hwcheck.NotCompatible {
		return false, nil
	}
	v.facts.before = v.facts.after
	return v.decider.decide()
}

// errLongWay reports pages of which each comes in time, and all together do not.
var errLongWay = errors.New("its pages take too long")

// arrive asks the page what the phone is, and finds the form. The page has one patience for all of that.
func (v *visit) arrive(ctx context.Context) error {
	within, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	patience := newPatience(v.options.Patience, func() { cancel(errLongWay) })
	defer patience.stop()
	if err := v.open(within); err != nil {
		return err
	}
	v.facts.readPage(v.session.Facts())
	if err := v.facts.rightPageSoFar(); err != nil {
		return err
	}
	if err := v.admit(ctx, patience); err != nil {
		return err
	}
	if err := v.login(within); err != nil {
		return err
	}
	if err := v.find(within); err != nil {
		return err
	}
	v.facts.readPage(v.session.Facts())
	if err := v.facts.rightPage(); err != nil {
		return err
	}
	v.facts.before = v.facts.after
	v.reporter.report(Event{
		Step: StepFound, Device: v.facts.after, Form: Form{Page: v.facts.cut(v.form.Page), Field: v.facts.cut(v.form.Field)},
		Text: bounded(v.form.Page + ", " + v.form.Field),
	})
	return nil
}

// while does something that takes long, and meanwhile answers calls and reports how much is sent.
func (v *visit) while(work func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		work()
	}()
	watch := newStillWatch()
	defer watch.stop()
	for still := time.Duration(0); ; {
		select {
		case <-done:
			return
		case c := <-v.dialog.calls:
			v.dialog.reply(v.dialog.took(&c), wpi.CleanUp())
		case <-v.upload.changed:
			all := watch.look()
			v.upload.forgive(all - still)
			still = all
			v.noteSent()
		case <-watch.ticks.C:
			watch.look()
		}
	}
}

// end waits a short time for whoever logs out.
func (v *visit) end(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), v.options.FinalStatus)
	defer cancel()
	v.untilLeft(ctx)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.ended = true
}

// untilLeft waits until nobody is logged in, or the context ends.
func (v *visit) untilLeft(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		v.leaving.Wait()
	}()
	v.while(func() {
		select {
		case <-done:
		case <-ctx.Done():
		}
	})
}
