package fleet

import (
	"fmt"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// A decider decides whether a phone gets the image.
type decider interface {
	// check compares the image with what is known of the phone now, and does nothing else.
	check() hwcheck.Verdict
	// decide does the same, reports it, and reports whether that is the end of the phone's way.
	decide() (ended bool, err error)
}

func (p *phone) check() hwcheck.Verdict { return p.image.check(p.target, p.known()) }

func (p *phone) decide() (ended bool, err error) {
	known := p.known()
	return p.conclude(known, p.image.check(p.target, known))
}

// noneFits returns an error if what is stated of the phone speaks against the image already: then it is not contacted.
func (p *phone) noneFits() error {
	if p.image == nil {
		return nil
	}
	stated := p.plan.complete(p.target.Known)
	verdict := p.image.check(p.target, stated)
	if verdict.Answer != hwcheck.NotCompatible {
		return nil
	}
	_, err := p.conclude(stated, verdict)
	return err
}

// conclude notes and reports a verdict, and reports whether it is the end.
func (p *phone) conclude(known hwcheck.Phone, v hwcheck.Verdict) (ended bool, err error) {
	p.result.Known, p.result.Verdict = known, &v
	p.report(Event{Step: StepChecked, Verdict: &v, Known: known})
	image := p.image
	switch {
	case v.NothingToDo:
		p.result.Outcome = NothingToDo
		return true, nil
	case v.Answer == hwcheck.NotCompatible:
		return true, failf(KindRefused, "the image is not compatible: %s", rules(v, hwcheck.Fail))
	case v.Answer == hwcheck.CannotTell:
		return true, failf(KindUnknown, "whether the image is compatible cannot be determined: %s", rules(v, hwcheck.Unknown))
	case image.OnlyChecks():
		p.result.Outcome = Checked
		return true, nil
	}
	return false, nil
}

// check decides whether the image suits a phone of which so much is known.
func (i *Image) check(t Target, known hwcheck.Phone) hwcheck.Verdict {
	policy := i.Policy
	policy.Override, policy.Reason = t.Override, t.Reason
	return hwcheck.Check(i.Facts, known, policy)
}

// complete adds what the hardware table says.
func (p *Plan) complete(known hwcheck.Phone) hwcheck.Phone {
	if p.Table == nil {
		return known
	}
	return p.Table.Complete(known)
}

// rules names the rules that came to an outcome.
func rules(v hwcheck.Verdict, o hwcheck.Outcome) string {
	var names []string
	for _, f := range v.Findings {
		if f.Outcome == o {
			names = append(names, string(f.Rule))
		}
	}
	return strings.Join(names, ", ")
}

// dotted writes a version as the guide's example does (p. 57): V1 R4.9.0 is 1.4.9.0. How a version such as V1.2 would be
// written there is not known, and the item may be left out (observed).
func dotted(v bind.Version) string {
	if v.IsZero() || v.SubMajor != 0 {
		return ""
	}
	return fmt.Sprintf("%d.%d.%d.%d", v.Major, v.Release, v.Fix, v.Hotfix)
}
