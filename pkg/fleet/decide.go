package fleet

import (
	"fmt"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/wpi"
)

// decide answers the call in which the phone said what it is: with where its new software lies, if that suits it and is
// wanted, else with the end of the conversation. It reports whether the phone was told.
func (p *phone) decide(c *call) (bool, error) {
	p.result.Known = p.known()
	image := p.r.plan.Image
	if image == nil {
		p.reply(c, wpi.CleanUp())
		p.result.Outcome = Looked
		return false, nil
	}
	verdict := image.check(p.target, p.result.Known)
	p.checked(verdict)
	if done, err := p.settled(verdict); done || err != nil {
		p.reply(c, wpi.CleanUp())
		return false, err
	}
	message, err := p.deployment()
	if err != nil {
		p.reply(c, wpi.CleanUp())
		return false, err
	}
	p.clearTrouble()
	p.result.Told, p.session = true, c.Session
	p.reply(c, message)
	p.tell(Event{Step: StepTold, Limit: p.r.options.Patience})
	return true, nil
}

// hopeless is an error if what is stated of the phone speaks against the image already: then nobody asks it.
func (p *phone) hopeless() error {
	if p.r.plan.Image == nil {
		return nil
	}
	known := p.r.plan.complete(p.target.Known)
	verdict := p.r.plan.Image.check(p.target, known)
	if verdict.Answer != hwcheck.NotCompatible {
		return nil
	}
	p.result.Known = known
	p.checked(verdict)
	_, err := p.settled(verdict)
	return err
}

// checked notes what a check came to.
func (p *phone) checked(v hwcheck.Verdict) {
	p.result.Verdict = &v
	p.tell(Event{Step: StepChecked, Verdict: &v, Known: p.result.Known})
}

// check decides whether the image suits a phone of which so much is known.
func (i *Image) check(t Target, known hwcheck.Phone) hwcheck.Verdict {
	policy := i.Policy
	policy.Override, policy.Reason = t.Override, t.Reason
	return hwcheck.Check(i.Facts, known, policy)
}

// complete adds what the table says.
func (p *Plan) complete(known hwcheck.Phone) hwcheck.Phone {
	if p.Table == nil {
		return known
	}
	return p.Table.Complete(known)
}

// settled reports whether the verdict is the end.
func (p *phone) settled(v hwcheck.Verdict) (bool, error) {
	switch {
	case v.NothingToDo:
		p.result.Outcome = NothingToDo
		return true, nil
	case v.Answer == hwcheck.NotCompatible:
		return true, failf(KindRefused, "the image does not suit it: %s", rules(v, hwcheck.Fail))
	case v.Answer == hwcheck.CannotTell:
		return true, failf(KindUnknown, "whether the image suits it cannot be told: %s", rules(v, hwcheck.Unknown))
	case p.r.plan.Image.Source == nil && (p.r.plan.Image.Web == nil || p.r.plan.Image.Web.DryRun):
		p.result.Outcome = Checked
		return true, nil
	}
	return false, nil
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

// known joins what is stated of the phone with what it says, and what the table says of that.
func (p *phone) known() hwcheck.Phone {
	k := p.target.Known
	k.Asked = true
	if p.interfaceSaid == (Device{}) {
		k = withDevice(k, p.result.After, "")
	} else {
		k = withDevice(withDevice(k, p.interfaceSaid, ""), p.pageSays, "web page")
	}
	return p.r.plan.complete(k)
}

// withDevice adds what the phone says of itself, and where it does if that is not the usual place.
func withDevice(k hwcheck.Phone, d Device, where string) hwcheck.Phone {
	k.Device = withClaim(k.Device, d.Type, where, d.Type != "")
	k.SoftwareType = withClaim(k.SoftwareType, d.SoftwareType, where, d.SoftwareType != "")
	running := d.running()
	k.Running = withClaim(k.Running, running, where, !running.IsZero())
	number, err := hwcheck.ParsePartNumber(d.PartNumber)
	k.PartNumber = withClaim(k.PartNumber, number, where, err == nil)
	return k
}

// withClaim adds what the phone says to what is stated. The target's own list stays as it is.
func withClaim[T any](stated []hwcheck.Claim[T], value T, where string, said bool) []hwcheck.Claim[T] {
	if !said {
		return stated
	}
	return append(stated[:len(stated):len(stated)], hwcheck.Claim[T]{Value: value, Origin: hwcheck.Asked, Where: where})
}

// deployment opens the source to the phone, and returns what it is told.
func (p *phone) deployment() (wpi.ServiceMessage, error) {
	image := p.r.plan.Image
	grant, err := image.Source.Grant(Request{Phone: p.remoteIP(), Local: p.localIP(), Watch: p.watch()})
	if err != nil {
		return wpi.ServiceMessage{}, &Failure{Kind: KindSource, Msg: "it cannot be told where to fetch the image", Err: err}
	}
	p.grant = grant
	d := grant.Deployment
	d.Priority = image.Priority
	d.Version = dotted(image.Facts.Version.Value)
	d.SoftwareType = image.Facts.SoftwareType.Value
	if hwcheck.SameType(d.SoftwareType, p.result.After.SoftwareType) {
		d.SoftwareType = p.result.After.SoftwareType // as the phone itself calls it
	}
	message, err := d.Message()
	if err != nil {
		return message, &Failure{Kind: KindSource, Msg: "it cannot be told where to fetch the image", Err: err}
	}
	return message, nil
}

// dotted writes a version as the guide's example does (p. 57): V1 R4.9.0 is 1.4.9.0. How a version such as V1.2 would be
// written there is not known, and the item may be left out (observed).
func dotted(v bind.Version) string {
	if v.IsZero() || v.SubMajor != 0 {
		return ""
	}
	return fmt.Sprintf("%d.%d.%d.%d", v.Major, v.Release, v.Fix, v.Hotfix)
}

// times writes how often.
func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}
