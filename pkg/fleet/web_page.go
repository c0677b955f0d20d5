package fleet

import (
	"cmp"
	"context"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/wbm"
)

// defaultPageTimeout is the longest silence of a page.
const defaultPageTimeout = 30 * time.Second

// timeout returns the longest silence of the page.
func (v *visit) timeout() time.Duration { return cmp.Or(v.web.Timeout, defaultPageTimeout) }

// pageOptions returns how the page is spoken to.
func (v *visit) pageOptions() wbm.Options {
	return wbm.Options{
		TLS: v.web.TLS(v.number), Secrets: append(slices.Clone(v.secrets), v.password), Timeout: v.timeout(), Patience: v.options.Patience, Dial: v.options.Dial,
		Event: func(e wbm.Event) {
			v.mu.Lock()
			defer v.mu.Unlock()
			v.posted = v.posted || e.Step == wbm.StepLogin
			if v.ended {
				return
			}
			v.reporter.report(Event{Step: StepVisited, Text: strings.TrimSpace(string(e.Step) + " " + e.Text)})
		},
	}
}

// open reads the start page.
func (v *visit) open(ctx context.Context) (err error) {
	v.while(func() { v.session, err = v.openPage(ctx) })
	if err != nil {
		return v.pageFailure(ctx, err)
	}
	v.reporter.report(Event{Step: StepPage, Text: v.facts.cut(v.session.Facts().Title)})
	return nil
}

// openPage opens the page, unless another phone of the plan has its own there: a wrong password would be sent there twice.
func (v *visit) openPage(ctx context.Context) (*wbm.Session, error) {
	if err := v.claimPage(ctx); err != nil {
		return nil, err
	}
	s, err := wbm.Open(ctx, v.address, v.pageOptions())
	if err != nil {
		return nil, err
	}
	return s, nil
}

// claimPage notes where the name of the page leads.
func (v *visit) claimPage(ctx context.Context) error {
	host, port, _ := net.SplitHostPort(v.address)
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil // nobody can be reached there
	}
	within, cancel := context.WithTimeout(ctx, v.timeout())
	defer cancel()
	found, err := v.options.Lookup(within, "ip", host)
	if err != nil {
		return nil // who dials it will say that
	}
	return v.claim(uint16(number), found)
}

// admit asks whether the page gets the password, and stops the patience meanwhile.
func (v *visit) admit(ctx context.Context, patience *patience) error {
	if v.web.Admit == nil {
		return nil
	}
	patience.stop()
	var failure *Failure
	v.while(func() { v.password, failure = v.web.Admit(ctx, v.facts.after) })
	if failure != nil {
		return failure
	}
	v.hide(v.password)
	patience.begin()
	return nil
}

// login sends the password, for the first time.
func (v *visit) login(ctx context.Context) (err error) {
	v.while(func() { err = v.session.Login(ctx, v.password) })
	if err != nil {
		return v.pageFailure(ctx, err)
	}
	v.mayLogin = true
	v.reporter.report(Event{Step: StepLoggedIn})
	return nil
}

// find looks for the form.
func (v *visit) find(ctx context.Context) (err error) {
	v.while(func() {
		if v.web.Transfer {
			v.form, err = v.session.FindTransfer(ctx)
		} else {
			v.form, err = v.session.Find(ctx)
		}
	})
	if err != nil {
		return v.pageFailure(ctx, err)
	}
	return nil
}

// leave logs out, while other things go on. The page is given the time that it has for any other answer.
func (v *visit) leave() {
	if s := v.session; s != nil {
		v.session = nil
		v.leaving.Go(func() { _ = s.Close() }) // nothing depends on whether the page heard of it
	}
}

// query visits the page afresh and returns what it says of the phone. It logs in only where the password was taken before,
// only if without that the page does not say enough, and in a run only once, whatever the result: a page that does not say
// clearly that it takes the password may count it as a wrong one.
func (v *visit) query(ctx context.Context, enough func(Device) bool) (d Device, err error) {
	v.untilLeft(ctx) // some phones cannot have two visits at a time (assumed)
	v.while(func() {
		var s *wbm.Session
		if s, err = v.openPage(ctx); err != nil {
			return
		}
		defer v.leaving.Go(func() { _ = s.Close() })
		if d = v.facts.device(s.Facts()); enough(d) || !v.mayLogin {
			return
		}
		if err = v.loginAgain(ctx, s); err != nil {
			return
		}
		if d = v.facts.device(s.Facts()); enough(d) {
			return
		}
		_, _ = s.Find(ctx) // whether there is a form does not matter now: the way there is by pages that say more
		d = v.facts.device(s.Facts())
	})
	if err != nil {
		return d, v.pageFailure(ctx, err)
	}
	return d, nil
}

// loginAgain sends the password for the second and last time.
func (v *visit) loginAgain(ctx context.Context, s *wbm.Session) error {
	v.mu.Lock()
	v.posted = false
	v.mu.Unlock()
	err := s.Login(ctx, v.password)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.mayLogin = !v.posted
	return err
}
