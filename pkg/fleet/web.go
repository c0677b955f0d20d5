package fleet

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/wbm"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// A Web is the way by the phones' own web pages: the image goes from this machine straight into them (CP HFA
// administration manual A31003-C1000-M102-5, 3.9.3.1).
type Web struct {
	Port     string                       // of the pages; 443 if ""
	TLS      func(number int) *tls.Config // whom to believe that it is that phone of the plan, from 0
	Password secret.Secret                // of the pages
	Timeout  time.Duration                // the longest silence of a page; 30 s if 0
	// Image is the file for one upload: whoever watches it watches one only, and its content may wait until the context
	// ends. Its Sent is set here.
	Image  func(context.Context) wbm.Image
	DryRun bool // phones are looked at as far as the form, and sent nothing
}

// A visit is the way of one phone by its page. Whatever takes long there is done by another goroutine while the phone's own
// answers calls.
type visit struct {
	*phone
	web     *Web
	address string // HOST:PORT of the page
	called  bool   // the phone called: its word is the provisioning interface's
	again   bool   // the page took the password, and may be sent it once more, after the image
	session *wbm.Session
	form    *wbm.Form

	answered bool // the page said something to the image that is an answer

	out       atomic.Int64  // bytes of the image
	sending   chan struct{} // something is new in out
	size      int64
	begun     bool // the upload was
	giveUp    context.CancelCauseFunc
	part      int64 // of fetchSteps
	partBegun time.Time
	sentBy    time.Time      // when all of it has to be out
	leaving   sync.WaitGroup // while somebody logs out

	mu     sync.Mutex
	over   bool // nothing is told of it any more
	posted bool // the password was sent
}

// webWay is the way of one phone by its page: asked what it is, looked at, checked, sent the image, followed.
func (p *phone) webWay(ctx, early context.Context) error {
	if err := p.hopeless(); err != nil {
		return err
	}
	v := p.visit()
	defer v.end(ctx)
	if err := v.witness(early); err != nil {
		return err
	}
	if settled, err := v.hasSettled(); settled || err != nil {
		return err
	}
	if err := v.arrive(early); err != nil {
		v.leave()
		return err
	}
	if settled, err := v.decide(); settled || err != nil {
		v.leave()
		return err
	}
	if early.Err() != nil || p.r.stopped() {
		v.leave()
		return errStopped
	}
	return v.finish(ctx, v.deliver(ctx))
}

// end waits a short time for whoever logs out.
func (v *visit) end(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), v.r.options.Parting)
	defer cancel()
	v.untilLeft(ctx)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.over = true
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

// usualPage is the port of phones' pages (OpenScape Desk Phone CP security checklist).
const usualPage = "443"

func (p *phone) visit() *visit {
	web := p.r.plan.Image.Web
	return &visit{phone: p, web: web, address: pageAddress(p.address, web.Port), sending: make(chan struct{}, 1)}
}

// pageAddress is where the page of a phone is, HOST:PORT, which takes contacts at an address.
func pageAddress(contact, port string) string {
	host, _, _ := net.SplitHostPort(contact) // ContactAddress wrote it
	return net.JoinHostPort(host, cmp.Or(port, usualPage))
}

// errLongWay is a page of which page after page comes in time, and all together do not.
var errLongWay = errors.New("its pages take too long")

// arrive asks the page what the phone is, and finds the form. The page has one patience for all of that.
func (v *visit) arrive(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, v.r.options.Patience, errLongWay)
	defer cancel()
	if err := v.open(ctx); err != nil {
		return err
	}
	v.takeFacts()
	if v.result.After.MAC != "" { // a password is not for another phone
		if err := v.rightPage(); err != nil {
			return err
		}
	}
	if err := v.login(ctx); err != nil {
		return err
	}
	if err := v.find(ctx); err != nil {
		return err
	}
	v.takeFacts()
	if err := v.rightPage(); err != nil {
		return err
	}
	v.result.Before = v.result.After
	v.tell(Event{Step: StepFound, Device: v.result.After, Text: bounded(v.form.Page + ", " + v.form.Field)})
	return nil
}

// witness asks the phone to call: what it says there is documented, what its page says is not. One that does not call is
// known by its page alone.
func (v *visit) witness(ctx context.Context) error {
	within := min(v.r.options.Patience, v.r.options.Witness)
	c, err := v.ask(ctx, time.Now().Add(within))
	if err == nil {
		if c, err = v.identify(ctx, c); err == nil {
			v.reply(c, wpi.CleanUp())
			v.called, v.interfaceSaid = true, v.result.After
			return nil
		}
	}
	failure := (*Failure)(nil)
	switch {
	case !errors.As(err, &failure), failure.Kind == KindOther, failure.Kind == KindTwice:
		return err
	case failure.Kind == KindNoCall:
		err = fmt.Errorf("it was asked to call, and did not within %s", span(within))
	}
	v.result.After = Device{}
	v.tell(Event{Step: StepPageOnly, Err: err})
	return nil
}

// takeFacts joins what the page says with what the phone said when it called, which counts more.
func (v *visit) takeFacts() {
	v.pageSays = v.deviceOf(v.session.Facts())
	v.result.After = v.interfaceSaid.or(v.pageSays)
}

// or fills in what a device leaves out.
func (d Device) or(other Device) Device {
	return Device{
		Type: cmp.Or(d.Type, other.Type), SoftwareType: cmp.Or(d.SoftwareType, other.SoftwareType), Version: cmp.Or(d.Version, other.Version),
		PartNumber: cmp.Or(d.PartNumber, other.PartNumber), MAC: cmp.Or(d.MAC, other.MAC),
	}
}

// deviceOf is what a page says of its phone.
func (p *phone) deviceOf(f wbm.Facts) Device {
	return Device{
		Type: p.bounded(f.Device), SoftwareType: p.bounded(f.SoftwareType), Version: p.bounded(f.Version), PartNumber: p.bounded(f.PartNumber),
		MAC: mac(p.bounded(f.MAC)),
	}
}

// rightPage is nil if the page is that of the phone that is meant.
func (v *visit) rightPage() error {
	if said := v.pageSays.MAC; v.called && said != "" && v.interfaceSaid.MAC != "" && said != v.interfaceSaid.MAC {
		return failf(KindOther, "its web page says another MAC address, %s, than the phone says that calls, %s", said, v.interfaceSaid.MAC)
	}
	return v.rightPhone()
}

// hasSettled reports whether what the phone said when it called is the end: no password goes out for nothing. That it
// cannot be told yet is none, since its page may say more.
func (v *visit) hasSettled() (settled bool, err error) {
	if !v.called {
		return false, nil
	}
	verdict := v.r.plan.Image.check(v.target, v.known())
	if !verdict.NothingToDo && verdict.Answer != hwcheck.NotCompatible {
		return false, nil
	}
	v.result.Before = v.result.After
	return v.decide()
}

// decide checks the image against what is known now. It reports whether that is the end.
func (v *visit) decide() (settled bool, err error) {
	v.result.Known = v.known()
	verdict := v.r.plan.Image.check(v.target, v.result.Known)
	v.checked(verdict)
	return v.settled(verdict)
}

// while does something that takes long, and meanwhile answers calls and tells how much is sent.
func (v *visit) while(work func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		work()
	}()
	for {
		select {
		case <-done:
			return
		case c := <-v.calls:
			v.reply(v.took(&c), wpi.CleanUp())
		case <-v.sending:
			v.progress()
		}
	}
}
