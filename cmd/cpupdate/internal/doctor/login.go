package doctor

import (
	"context"
	"errors"
	"fmt"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/secret"
)

// passwordOfPages finds the password of the phones' web pages. If it has to be prompted for, the prompt waits until a
// page has presented a trusted key.
func (x *diagnosis) passwordOfPages(ctx context.Context) finding {
	o := &x.o.Route.Password
	o.Whose = "the phones' web pages"
	if x.con.InTerminal && (o.Stdin || !o.Given() && !x.pass.Variable.IsSet()) {
		x.passwordLater = true
		return passed("you are prompted for it before the first login")
	}
	password, _, err := o.Resolve(ctx, x.con, x.pass, nil, false)
	switch x.pagePassword = password; {
	case err != nil:
		return failed(err)
	case password.Reveal() == "":
		return failed(exit.Errorf(exit.CodeSettings, passwordSources, "no password given for the phones' web pages"))
	}
	return passed("a password is given for the phones' web pages")
}

// askForPages prompts for the password, once.
func (x *diagnosis) askForPages(ctx context.Context) error {
	if !x.passwordLater {
		return nil
	}
	x.passwordLater = false
	password, err := x.o.Route.Password.Prompt(ctx, x.con)
	if err == nil && password.Reveal() == "" {
		err = exit.Errorf(exit.CodeSettings, passwordSources, "no password was entered")
	}
	if x.pagePassword = password; err != nil {
		x.noMoreLogins = "no password given"
	}
	return err
}

// stopLogins stops all further logins after a wrong password or a locked phone. The password is the same for all pages, and
// each wrong one may lock another phone.
func (x *diagnosis) stopLogins(i int, v *pageVisit, f *fleet.Failure) {
	switch {
	case v.stage != "login":
	case f.Kind == fleet.KindPassword:
		x.noMoreLogins = "the page of " + x.targets[i].Address + " rejects the password"
	case f.Kind == fleet.KindLocked:
		x.noMoreLogins = "the page of " + x.targets[i].Address + " is locked, and accepts no password for now"
	}
}

// notMeant returns why the web page of a phone is skipped, "" if it is not: a different phone called back from that
// address.
func (x *diagnosis) notMeant(i int) string {
	switch f := x.failed(i); {
	case f == nil:
		return ""
	case f.Kind == fleet.KindAnotherPhone:
		return "it is a different phone"
	case f.Kind == fleet.KindDuplicate:
		return "it is a phone that is already named"
	}
	return ""
}

// failed returns the failure of the phone's call-back, nil if it did not fail, or was not waited for.
func (x *diagnosis) failed(i int) *fleet.Failure {
	if x.asked == nil {
		return nil
	}
	return x.asked[i].Failure
}

// duplicate returns a failure if a phone reports the MAC address of another one that is named.
func (x *diagnosis) duplicate(i int, d fleet.Device) *fleet.Failure {
	if d.MAC == "" || x.firstWith(d.MAC, i) == i {
		return nil
	}
	return &fleet.Failure{Kind: fleet.KindDuplicate, Msg: fmt.Sprintf("its MAC address %s belongs to another phone that is named", d.MAC)}
}

// firstWith returns the phone that reported a MAC address first, which may be this one. Phones that called back come
// before web pages.
func (x *diagnosis) firstWith(said string, i int) int {
	if x.macs == nil {
		x.macs = map[string]int{}
		for j, r := range x.asked {
			if _, found := x.macs[r.After.MAC]; r.Failure == nil && !found {
				x.macs[r.After.MAC] = j
			}
		}
	}
	if _, found := x.macs[said]; !found {
		x.macs[said] = i
	}
	return x.macs[said]
}

// withoutPassword removes the password of the web pages from a finding: phones may repeat it anywhere in their texts.
func (x *diagnosis) withoutPassword(f finding) finding {
	if !x.pagePassword.IsSet() {
		return f
	}
	f.Text = x.pagePassword.Scrub(f.Text)
	hints := make([]string, len(f.Hints))
	for i, hint := range f.Hints {
		hints[i] = x.pagePassword.Scrub(hint)
	}
	f.Hints = hints
	if own := (*exit.Error)(nil); errors.As(f.err, &own) {
		f.err = exit.New(own.Code, &scrubbedError{own.Err, x.pagePassword}, hints...)
	}
	return f
}

// A scrubbedError is an error whose text contains no secret.
type scrubbedError struct {
	err      error
	password secret.Secret
}

func (e *scrubbedError) Error() string { return e.password.Scrub(e.err.Error()) }

func (e *scrubbedError) Unwrap() error { return e.err }
