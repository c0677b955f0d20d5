package doctor

import (
	"cmp"
	"context"
	"errors"
	"net"
	"strings"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/wbm"
)

// A pageVisit is one visit to the web page of a phone, up to the upload form.
type pageVisit struct {
	who      string // its name in findings
	err      error
	where    string // the check that failed, "" if none did
	title    string
	untold   string // why the password was not sent to the page
	loggedIn bool
	form     string
}

// pagePort connects to the port of the page.
func pagePort(ctx context.Context, x *examination, i int) finding {
	hint := hintOf(advice.WebTable(), func(row advice.PhoneRow) (bool, string) { return row.Kind == fleet.KindPageUnreachable, row.Hint })
	return x.knock(ctx, x.o.Route.Web.Peer(x.targets[i].Address), hint)
}

// visited visits the page, once: it reads the start page, logs in if there is a password, finds the form, and logs out.
// It checks that the page belongs to the right phone before the password is sent, as far as that can be known, and
// again afterwards.
func (x *examination) visited(ctx context.Context, i int) *pageVisit {
	if v := x.visits[i]; v != nil {
		return v
	}
	v := &pageVisit{who: "page of " + x.targets[i].Address}
	if x.visits == nil {
		x.visits = map[int]*pageVisit{}
	}
	x.visits[i] = v
	session, err := x.openPage(ctx, v, i)
	if err != nil {
		v.failed(err, "start")
		return v
	}
	v.title = session.Facts().Title
	if failure := x.otherPage(i, session.Facts(), false); failure != nil {
		v.failed(failure, "start")
	} else {
		x.enterPage(ctx, i, v, session)
	}
	_ = session.Close() // it never fails
	return v
}

// openPage reads the start page.
func (x *examination) openPage(ctx context.Context, v *pageVisit, i int) (*wbm.Session, error) {
	address := x.o.Route.Web.Peer(x.targets[i].Address)
	policy, err := x.o.Route.Trust.Trust("doctor")
	if err == nil {
		policy.Legacy = x.o.Talk.Legacy
		policy, err = x.hosts.PolicyAmong(policy, address, len(x.targets))
	}
	if err != nil {
		return nil, err
	}
	policy.Seen = x.certificateOf(v.who)
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	return wbm.Open(ctx, address, wbm.Options{
		TLS: policy.TLS(host), Timeout: x.o.Timeout, Secret: x.pagePassword,
		Event: func(e wbm.Event) {
			if x.con.Verbose {
				x.con.Remark("note", x.targets[i].Address, strings.TrimSpace(string(e.Step)+" "+e.Text))
			}
		},
	})
}

// enterPage logs in, once, and looks for the form.
func (x *examination) enterPage(ctx context.Context, i int, v *pageVisit, session *wbm.Session) {
	if err := x.askForPages(ctx); err != nil {
		v.failed(err, "login")
		return
	}
	if x.pagePassword.Reveal() == "" && x.noMoreLogins == "" {
		x.noMoreLogins = "no password given"
	}
	if v.untold = x.noMoreLogins; v.untold != "" {
		return
	}
	if err := session.Login(ctx, x.pagePassword); err != nil {
		v.failed(err, "login")
		x.heed(i, err)
		return
	}
	v.loggedIn = true
	form, err := session.Find(ctx)
	if err != nil {
		v.failed(err, "form")
		return
	}
	if failure := x.otherPage(i, session.Facts(), true); failure != nil {
		v.failed(failure, "form")
		return
	}
	v.form = "the field " + form.Field + " of " + form.Page
}

func (v *pageVisit) failed(err error, where string) {
	v.err, v.where = err, where
	if e := (*wbm.Error)(nil); errors.As(err, &e) && (e.Kind == wbm.KindTrust || e.Kind == wbm.KindTLS) {
		v.where = "certificate"
	}
}

// atPage returns the finding of a check that is part of the visit: success, or the visit's failure.
func (x *examination) atPage(ctx context.Context, i int, name string, words func(*pageVisit) finding) finding {
	v := x.visited(ctx, i)
	e, failure := (*wbm.Error)(nil), (*fleet.Failure)(nil)
	switch {
	case v.where != name:
		return words(v)
	case errors.As(v.err, &e):
		failure = fleet.PageFailure(e)
	case !errors.As(v.err, &failure):
		return bad(v.err)
	}
	in := advice.Context{List: x.o.List, Page: x.o.Route.Web.Peer}
	return x.badPhone(i, in, fleet.Result{Failure: failure})
}

func pageCertificate(ctx context.Context, x *examination, i int) finding {
	if why := x.notMeant(i); why != "" {
		f := skipped("skipped: " + why)
		f.reason = why
		return f
	}
	return x.atPage(ctx, i, "certificate", func(v *pageVisit) finding { return x.shownBy(v.who) })
}

func pageStart(ctx context.Context, x *examination, i int) finding {
	return x.atPage(ctx, i, "start", func(v *pageVisit) finding { return well(cmp.Or(v.title, "the page was read")) })
}

func pageLogin(ctx context.Context, x *examination, i int) finding {
	return x.atPage(ctx, i, "login", func(v *pageVisit) finding {
		if !v.loggedIn {
			f := skipped("skipped: " + v.untold)
			f.reason = v.untold
			return f
		}
		return well("the page accepts the password; logged out again")
	})
}

func pageForm(ctx context.Context, x *examination, i int) finding {
	return x.atPage(ctx, i, "form", func(v *pageVisit) finding { return well(v.form) })
}
