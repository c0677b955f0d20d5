package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/secret"
	"github.com/cpupdate/cpupdate/pkg/trust"
)

// A pageVisit is one visit to the web page of a phone, up to the upload form.
type pageVisit struct {
	who    string // its name in findings
	stage  string // the check that the visit has reached
	err    error
	where  string // the check that failed, "" if none did
	title  string
	untold string // why the password was not sent to the page
	form   string
}

// pagePort connects to the port of the page.
func pagePort(ctx context.Context, x *diagnosis, i int) finding {
	hint := hintOf(advice.WebTable(), func(row advice.PhoneRow) (bool, string) { return row.Kind == fleet.KindPageUnreachable, row.Hint })
	return x.knock(ctx, x.o.Route.Web.Peer(x.targets[i].Address), hint)
}

// visited visits the page, once, as a dry run of push does: the run reads the start page, logs in if there is a password,
// finds the form, and logs out. It checks that the page belongs to the right phone before the password is sent, as far
// as that can be known, and again afterwards.
func (x *diagnosis) visited(ctx context.Context, i int) *pageVisit {
	if v := x.visits[i]; v != nil {
		return v
	}
	v := &pageVisit{who: "page of " + x.targets[i].Address, stage: "start"}
	if x.visits == nil {
		x.visits = map[int]*pageVisit{}
	}
	x.visits[i] = v
	web, err := x.pageRoute(ctx, i, v)
	if err != nil {
		v.failed(err)
		return v
	}
	target := fleet.Target{Address: x.targets[i].Address, MAC: x.targets[i].MAC}
	if x.asked != nil && x.asked[i].Failure == nil {
		target.Called = x.asked[i].After
	}
	runner := fleet.New(fleet.Options{FinalStatus: x.o.Timeout, Event: func(e fleet.Event) { x.noteVisit(i, v, e) }})
	results, err := runner.Run(ctx, fleet.Plan{Phones: []fleet.Target{target}, Pages: web})
	switch {
	case err != nil:
		v.failed(err)
	case v.untold != "" || v.err != nil: // the visit was ended before the login
	case results[0].Failure != nil:
		x.stopLogins(i, v, results[0].Failure)
		v.failed(results[0].Failure)
	default:
		if failure := x.duplicate(i, results[0].After); failure != nil {
			v.failed(failure)
		}
	}
	return v
}

// pagePolicy returns which keys the page at HOST:PORT may have. Only with --web, --pin and --ca are about pages.
func (x *diagnosis) pagePolicy(ctx context.Context, address string) (policy trust.Policy, err error) {
	if x.byPage() {
		if policy, err = x.o.Route.Trust.Trust(ctx, "doctor"); err != nil {
			return policy, err
		}
	}
	policy.Legacy = x.o.Listen.Legacy
	return x.hosts.PolicyAmong(policy, address, len(x.targets))
}

// pageRoute returns how the page is visited.
func (x *diagnosis) pageRoute(ctx context.Context, i int, v *pageVisit) (*fleet.Web, error) {
	address := x.o.Route.Web.Peer(x.targets[i].Address)
	policy, err := x.pagePolicy(ctx, address)
	if err != nil {
		return nil, err
	}
	policy.Seen = x.certificateOf(v.who)
	host, port, err := net.SplitHostPort(address)
	return &fleet.Web{
		Port: port, Timeout: x.o.Timeout, Password: x.pagePassword, DryRun: true,
		TLS: func(int) *tls.Config { return policy.TLS(host) },
		Admit: func(ctx context.Context, d fleet.Device) (secret.Secret, *fleet.Failure) {
			failure := x.admit(ctx, i, v, d) // it may prompt for the password
			return x.pagePassword, failure
		},
	}, err
}

// noteVisit notes how far a visit is.
func (x *diagnosis) noteVisit(i int, v *pageVisit, e fleet.Event) {
	switch e.Step { //nolint:exhaustive // the other events do not matter
	case fleet.StepVisited:
		if x.con.Verbose {
			x.con.NoteAbout("note", x.targets[i].Address, e.Text)
		}
	case fleet.StepPage:
		v.title = e.Text
	case fleet.StepLoggedIn:
		v.stage = "form"
	case fleet.StepFound:
		v.form = "the field " + e.Form.Field + " of " + e.Form.Page
	}
}

// admit decides whether the page of a phone gets the password. It prompts for the password if that is due.
func (x *diagnosis) admit(ctx context.Context, i int, v *pageVisit, d fleet.Device) *fleet.Failure {
	if failure := x.duplicate(i, d); failure != nil {
		return failure
	}
	v.stage = "login"
	if err := x.askForPages(ctx); err != nil {
		v.failed(err)
		return &fleet.Failure{Kind: fleet.KindStopped, Msg: "there is no password", Err: err}
	}
	if x.pagePassword.Reveal() == "" && x.noMoreLogins == "" {
		x.noMoreLogins = "no password given"
	}
	if v.untold = x.noMoreLogins; v.untold != "" {
		return &fleet.Failure{Kind: fleet.KindStopped, Msg: v.untold}
	}
	return nil
}

// failed notes that a check of the visit failed: the one that it had reached, or that of the certificate.
func (v *pageVisit) failed(err error) {
	v.err, v.where = err, v.stage
	if f := (*fleet.Failure)(nil); errors.As(err, &f) && (f.Kind == fleet.KindPageTrust || f.Kind == fleet.KindPageTLS) {
		v.where = "certificate"
	}
}

// atPage returns the finding of a check that is part of the visit: success, or the visit's failure.
func (x *diagnosis) atPage(ctx context.Context, i int, name string, words func(*pageVisit) finding) finding {
	v := x.visited(ctx, i)
	failure := (*fleet.Failure)(nil)
	switch {
	case v.where != name:
		return words(v)
	case !errors.As(v.err, &failure):
		return failed(v.err)
	}
	in := advice.Context{List: x.o.List, Columns: x.o.Columns, Page: x.o.Route.Web.Peer, Flags: x.con.Flags, Again: x.o.Listen.Again()}
	return x.failedPhone(i, in, fleet.Result{Failure: failure})
}

func pageCertificate(ctx context.Context, x *diagnosis, i int) finding {
	if why := x.notMeant(i); why != "" {
		f := skipped("skipped: " + why)
		f.reason = why
		return f
	}
	return x.atPage(ctx, i, "certificate", func(v *pageVisit) finding { return x.shownBy(v.who) })
}

func pageStart(ctx context.Context, x *diagnosis, i int) finding {
	return x.atPage(ctx, i, "start", func(v *pageVisit) finding { return passed(cmp.Or(v.title, "the page was read")) })
}

func pageLogin(ctx context.Context, x *diagnosis, i int) finding {
	return x.atPage(ctx, i, "login", func(v *pageVisit) finding {
		if v.untold != "" {
			f := skipped("skipped: " + v.untold)
			f.reason = v.untold
			return f
		}
		return passed("the page accepts the password; logged out again")
	})
}

func pageForm(ctx context.Context, x *diagnosis, i int) finding {
	return x.atPage(ctx, i, "form", func(v *pageVisit) finding { return passed(v.form) })
}
