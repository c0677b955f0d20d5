package doctor

import (
	"context"
	"errors"
	"fmt"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/transfer"
	"github.com/cpupdate/cpupdate/pkg/wbm"
)

// passwordOfPages finds the password of the phones' web pages. Where somebody has to be asked for it that waits until a page
// was found to be one to trust.
func (x *examination) passwordOfPages(ctx context.Context) finding {
	o := &x.o.Route.Password
	o.Whose = "the phones' web pages"
	if x.con.InTerminal && (o.Stdin || !o.Given() && !x.pass.Variable.IsSet()) {
		x.passwordLater = true
		return well("it is asked for before the first login")
	}
	secret, _, err := o.Resolve(ctx, x.con, x.pass, nil, false)
	switch x.pagePassword = secret; {
	case err != nil:
		return bad(err)
	case secret.Reveal() == "":
		return bad(exit.Errorf(exit.CodeSettings, passwordSources, "none is given for the phones' web pages"))
	}
	return well("there is one for the phones' web pages")
}

// askForPages asks for the password, once.
func (x *examination) askForPages(ctx context.Context) error {
	if !x.passwordLater {
		return nil
	}
	x.passwordLater = false
	secret, err := x.o.Route.Password.Prompt(ctx, x.con)
	if err == nil && secret.Reveal() == "" {
		err = exit.Errorf(exit.CodeSettings, passwordSources, "no password was typed")
	}
	if x.pagePassword = secret; err != nil {
		x.noMoreLogins = "no password is given"
	}
	return err
}

// heed makes a password that is wrong, or a phone that is locked out, the last that any page hears: it is the same for all
// of them, and each wrong one may lock another phone out.
func (x *examination) heed(i int, err error) {
	e := (*wbm.Error)(nil)
	switch {
	case !errors.As(err, &e):
	case e.Kind == wbm.KindPassword:
		x.noMoreLogins = "the page of " + x.targets[i].Address + " refuses the password"
	case e.Kind == wbm.KindLocked:
		x.noMoreLogins = "the page of " + x.targets[i].Address + " takes no password for now"
	}
}

// notMeant is why the page of a phone is left alone, "" if it is not: somebody else called from there.
func (x *examination) notMeant(i int) string {
	switch f := x.failed(i); {
	case f == nil:
		return ""
	case f.Kind == fleet.KindOther:
		return "it is another phone than the one that is meant"
	case f.Kind == fleet.KindTwice:
		return "it is a phone that is named already"
	}
	return ""
}

// failed is how a call of the phone ended badly, nil if it did not, or was not waited for.
func (x *examination) failed(i int) *fleet.Failure {
	if x.asked == nil {
		return nil
	}
	return x.asked[i].Failure
}

// otherPage is what is wrong with whose page it is: the phone that calls, the list, and the other phones have to agree with
// it. Before the login a page may leave its MAC address out, unless the phone that called did so too when that is the last
// chance to see it.
func (x *examination) otherPage(i int, facts wbm.Facts, last bool) *fleet.Failure {
	page, want := macOf(facts.MAC), x.targets[i].MAC
	called := ""
	if x.asked != nil && x.asked[i].Failure == nil {
		called = macOf(x.asked[i].After.MAC)
	}
	said := called
	if said == "" {
		said = page
	}
	other := func(format string, args ...any) *fleet.Failure {
		return &fleet.Failure{Kind: fleet.KindOther, Msg: fmt.Sprintf(format, args...)}
	}
	switch {
	case page != "" && called != "" && page != called:
		return other("its web page says another MAC address, %s, than the phone says that calls, %s", page, called)
	case said == "" && want != "" && last:
		return other("it does not say its MAC address, so it may be another phone than %s", want)
	case said == "":
		return nil
	case want != "" && said != want:
		return other("another phone answers there: its MAC address is %s, not the one of the list, %s", said, want)
	}
	if first := x.firstWith(said, i); first != i {
		return &fleet.Failure{Kind: fleet.KindTwice, Msg: fmt.Sprintf("its MAC address %s is that of another phone that is named", said)}
	}
	return nil
}

// firstWith is the phone that said a MAC address first, which may be this one: those that called, then those of the pages.
func (x *examination) firstWith(said string, i int) int {
	if x.macs == nil {
		x.macs = map[string]int{}
		for j, r := range x.asked {
			if _, found := x.macs[macOf(r.After.MAC)]; r.Failure == nil && !found {
				x.macs[macOf(r.After.MAC)] = j
			}
		}
	}
	if _, found := x.macs[said]; !found {
		x.macs[said] = i
	}
	return x.macs[said]
}

// macOf is a MAC address in the one form in which they are compared; what is none stays as it is, bounded.
func macOf(text string) string {
	if parsed, err := hwcheck.ParseMAC(text); err == nil {
		return parsed
	}
	const most = 64
	return text[:min(len(text), most)]
}

// withoutPassword takes the password of the pages out of a finding: phones may repeat it, wherever they say something.
func (x *examination) withoutPassword(f finding) finding {
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

// A scrubbedError says what an error says, without a secret.
type scrubbedError struct {
	err    error
	secret transfer.Secret
}

func (e *scrubbedError) Error() string { return e.secret.Scrub(e.err.Error()) }

func (e *scrubbedError) Unwrap() error { return e.err }
