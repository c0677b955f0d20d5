package hwcheck

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

// An evaluation is one image and one phone while the rules are evaluated.
type evaluation struct {
	facts   bind.Facts
	policy  Policy
	queried bool
	device  resolved[string]
	family  resolved[string]
	level   resolved[uint16]
	kind    resolved[string]
	running resolved[bind.Version]
	minimum resolved[bind.Version]
	classes []Class
}

func newEvaluation(facts bind.Facts, p Phone, policy Policy) *evaluation {
	return &evaluation{
		facts: facts, policy: policy, queried: p.Queried, classes: p.Classes,
		device:  resolve(p.Device, model, same),
		family:  resolve(families(p.Device), fold, same),
		level:   resolve(p.Level, same, levelText),
		kind:    resolve(p.SoftwareType, kind, same),
		running: resolve(p.Running, same, bind.Version.String),
		minimum: resolve(p.Minimum, same, bind.Version.String),
	}
}

// missing returns the outcome for a value that is missing for the phone.
func (c *evaluation) missing() Outcome {
	if c.queried {
		return Unknown
	}
	return NotChecked
}

// imageStatement returns a value that the image states.
func imageStatement[T any](f bind.Fact[T]) Statement {
	if !f.Known() {
		return Statement{}
	}
	from := string(f.Source)
	if f.Confidence == bind.Observed {
		from += ", observed"
	}
	return Statement{fmt.Sprint(f.Value), string(f.Source), from}
}

func (c *evaluation) familyModel() Finding {
	f := Finding{Rule: FamilyModel, Outcome: Pass, Image: c.imageDevice(), Phone: c.device.statement}
	class := c.classOf()
	assumed := class != nil && class.Confidence == Assumed
	switch {
	case c.device.disagree || c.family.disagree:
		return f.with(Unknown, "sources disagree on the phone's model", "Find out which model the phone is and state only that.")
	case !c.device.known:
		return f.with(c.missing(), "the phone's model is not known", "State the phone's model to have it checked.")
	case c.platform() && (class == nil || assumed): // the models that run it are unknown, so it can neither fail nor pass
		return f.with(NotChecked, "the image names a platform, not a model", "State the models in a descriptor beside the image to have them checked.")
	case !c.platform() && !c.facts.Family.Known() && !c.facts.Models.Known():
		return f.with(NotChecked, "the image names no family or model", "State them in a descriptor beside the image to have them checked.")
	case c.facts.Family.Known() && c.family.known && fold(c.family.value) != fold(c.facts.Family.Value):
		return f.with(Fail, "the phone belongs to another family", "Use an image for "+quoted(c.family.value)+c.correctable()+".")
	case class == nil && c.facts.Models.Known() && !c.listed():
		return f.with(Fail, "the image is for other models", "Use an image for "+quoted(c.device.value)+c.correctable()+".")
	case assumed: // an assumption neither refuses an image nor lets it pass
		return f.with(NotChecked, "that the phone takes the image is assumed, by its "+class.Describe(), "State the models in a descriptor beside the image, or a class in the hardware table, to have them checked.")
	case c.familyOpen():
		return f.with(c.missing(), "the phone's family is not known", "State the whole device type, such as OpenScape Desk Phone CP600.")
	case class != nil:
		f.Class, f.Reason = class, "by its "+class.Describe()
	}
	return f
}

// platform reports whether the image names no model but a platform, and its family was observed too, or is not known, as
// of the platform CP20X.
func (c *evaluation) platform() bool {
	return c.facts.Platform.Known() && !c.facts.Models.Known() && (!c.facts.Family.Known() || c.facts.Family.Confidence == bind.Observed)
}

// listed reports whether the image names the phone's model.
func (c *evaluation) listed() bool {
	return slices.ContainsFunc(c.facts.Models.Value, func(m string) bool { return model(m) == model(c.device.value) })
}

// familyOpen reports whether the phone's family is needed but unknown: neither the image nor its class names a model, or
// one that is only a number, such as 40, which phones of several families have.
func (c *evaluation) familyOpen() bool {
	number := c.device.known && strings.IndexAny(model(c.device.value), "0123456789") == 0
	return !c.family.known && (!c.facts.Models.Known() && c.classOf() == nil || number)
}

// modelsOpen reports whether it is not known which models the image is for.
func (c *evaluation) modelsOpen() bool {
	switch class := c.classOf(); {
	case class != nil:
		return class.Confidence == Assumed
	case c.facts.Models.Known():
		return false
	}
	return c.facts.Platform.Known() || !c.facts.Family.Known()
}

// imageDevice returns the phones that the image is for.
func (c *evaluation) imageDevice() Statement {
	statement := imageStatement(c.facts.Family)
	switch {
	case c.facts.Models.Known():
		models := imageStatement(c.facts.Models)
		statement = Statement{strings.TrimPrefix(statement.Value+": "+strings.Join(c.facts.Models.Value, ", "), ": "), models.Origin, models.From}
	case c.facts.Platform.Known():
		statement = imageStatement(c.facts.Platform)
	case statement.Value != "":
		statement.Value += ", every model"
	}
	return statement
}

// correctable returns advice for a value that was only observed.
func (c *evaluation) correctable() string {
	if c.facts.Family.Confidence == bind.Observed || c.facts.Models.Confidence == bind.Observed {
		return ", or correct the observed value with a descriptor beside the image"
	}
	return ""
}

func (c *evaluation) hardwareLevel() Finding {
	f := Finding{Rule: HardwareLevel, Outcome: Pass, Image: imageStatement(c.facts.Levels), Phone: c.level.statement}
	switch {
	case !c.facts.Levels.Known():
		return f.with(NotApplicable, "the image states no hardware levels", "Nothing to do: minimum-version applies instead.")
	case c.level.disagree:
		return f.with(Unknown, "sources disagree on the phone's hardware level", "Find out the phone's real level and state only that.")
	case !c.level.known:
		return f.with(Unknown, "the phone's hardware level is not known", "State the phone's hardware level, or its part number with a hardware table that lists it.")
	case !c.facts.Levels.Value.Contains(c.level.value):
		return f.with(Fail, "the phone's level is not one of the image's levels", fmt.Sprintf("Use an image for hardware level %d.", c.level.value))
	}
	return f
}

// minimumVersion may use the phone's current version, but only if image and phone match in family, model and type.
func (c *evaluation) minimumVersion(fit Outcome) Finding {
	f := Finding{Rule: MinimumVersion, Outcome: Pass, Image: imageStatement(c.facts.Version), Phone: c.minimum.statement}
	version := c.facts.Version.Value
	switch {
	case c.facts.Levels.Known():
		return f.with(NotApplicable, "the image states hardware levels", "Nothing to do: hardware-level applies instead.")
	case c.minimum.disagree:
		return f.with(Unknown, "sources disagree on the lowest version for this hardware", "Find out which is right and state only that.")
	case !c.facts.Version.Known():
		return f.with(Unknown, "the image's version is not known", "State the image's version in a descriptor beside it.")
	case c.minimum.known && version.Compare(c.minimum.value) < 0:
		return f.with(Fail, "the image is older than the lowest version for this hardware", fmt.Sprintf("Use an image of %s or newer.", c.minimum.value))
	case c.minimum.known:
		return f
	case c.running.known && fit == Pass && version.Compare(c.running.value) >= 0:
		f.Phone = Statement{c.running.value.String(), string(Inferred), string(Inferred) + ": its current version"}
		f.Reason = fmt.Sprintf("the phone runs %s, so its hardware supports that version and newer ones", c.running.value)
		return f
	}
	return f.with(Unknown, "the lowest version for this hardware is not known", c.minimumAdvice(fit))
}

// minimumAdvice returns what is missing for an answer.
func (c *evaluation) minimumAdvice(fit Outcome) string {
	switch {
	case fit == Fail:
		return "Use an image for the phone's model and type: the version that it runs says nothing about this image."
	case c.running.known && c.facts.Version.Value.Compare(c.running.value) < 0:
		return "State the lowest version for the phone's hardware: this image is older than the phone's version."
	case c.running.known:
		return "State " + c.gaps() + ", so that the phone's version counts, or the lowest version for its hardware."
	}
	return "State the lowest version for the phone's hardware, or its version together with its model and software type."
}

// gaps returns what is missing to know whether image and phone match in family, model and type.
func (c *evaluation) gaps() string {
	var phone, image []string
	if c.modelsOpen() {
		image = append(image, "models")
	}
	if !c.facts.SoftwareType.Known() {
		image = append(image, "software type")
	}
	if !c.device.known || c.familyOpen() {
		phone = append(phone, "whole device type")
	}
	if !c.kind.known {
		phone = append(phone, "software type")
	}
	var all []string
	if len(phone) > 0 {
		all = append(all, "the phone's "+strings.Join(phone, " and "))
	}
	if len(image) > 0 {
		all = append(all, "the image's "+strings.Join(image, " and ")+" in a descriptor beside it")
	}
	if len(all) == 0 {
		return "more about the phone"
	}
	return strings.Join(all, ", and ")
}

func (c *evaluation) steppingStone() Finding {
	f := Finding{Rule: SteppingStone, Outcome: Pass, Image: imageStatement(c.facts.UpdateFrom), Phone: c.running.statement}
	stone := c.facts.UpdateFrom
	switch {
	case !stone.Known():
		return f.with(NotApplicable, "the image names no stepping stone", "Nothing to do.")
	case c.running.disagree:
		return f.with(Unknown, "sources disagree on the phone's version", "Find out the phone's version and state only that.")
	case !c.running.known:
		return f.with(Unknown, "the phone's version is not known", "State the phone's version.")
	case c.running.value.Compare(stone.Value) < 0:
		return f.with(Fail, "the phone's version is too old for a direct update", fmt.Sprintf("Update the phone to %s first.", stone.Value))
	}
	return f
}

func (c *evaluation) softwareType() Finding {
	f := Finding{Rule: SoftwareType, Outcome: Pass, Image: imageStatement(c.facts.SoftwareType), Phone: c.kind.statement}
	switch {
	case c.kind.disagree:
		return f.with(Unknown, "sources disagree on the phone's software type", "Find out which type the phone runs and state only that.")
	case !c.kind.known:
		return f.with(c.missing(), "the phone's software type is not known", "State the phone's software type to have it checked.")
	case !c.facts.SoftwareType.Known():
		return f.with(NotChecked, "the image names no software type", "State the image's software type in a descriptor beside it to have it checked.")
	case kind(c.facts.SoftwareType.Value) != kind(c.kind.value):
		return f.with(Fail, "the image has another software type than the phone", "Use an image of type "+quoted(c.kind.value)+".")
	}
	return f
}

func (c *evaluation) downgrade() Finding {
	f := Finding{Rule: Downgrade, Outcome: Pass, Image: imageStatement(c.facts.Version), Phone: c.running.statement}
	if found, ok := c.versionsMissing(f); ok {
		return found
	}
	if c.facts.Version.Value.Compare(c.running.value) < 0 {
		return f.with(Fail, "the image is older than the phone's version", fmt.Sprintf("Use an image of %s or newer.", c.running.value))
	}
	return f
}

// sameVersion also reports whether there is nothing to do: everything is compatible, and the phone already runs this
// version.
func (c *evaluation) sameVersion(fit Outcome) (Finding, bool) {
	f := Finding{Rule: SameVersion, Outcome: Pass, Image: imageStatement(c.facts.Version), Phone: c.running.statement}
	if found, ok := c.versionsMissing(f); ok {
		return found, false
	}
	switch {
	case c.facts.Version.Value != c.running.value:
		return f, false
	case fit == Fail:
		f.Reason = "the same version number, but of another model or software type"
		return f, false
	case fit != Pass:
		return f.with(fit, "the same version number, but not known to be of the same model and software type", "State "+c.gaps()+" to have it checked."), false
	case c.policy.Reinstall:
		f.Override, f.Overridden = PermitReinstall, Pass
		return f.with(Overridden, "the phone already runs this version, which is installed again", "Nothing to do."), false
	}
	f.Override, f.Reason = PermitReinstall, "nothing to do: the phone already runs this version"
	return f, true
}

// versionsMissing returns the finding for rules that compare the image's version with the phone's, if one of them is
// missing.
func (c *evaluation) versionsMissing(f Finding) (Finding, bool) {
	switch {
	case c.running.disagree:
		return f.with(Unknown, "sources disagree on the phone's version", "Find out the phone's version and state only that."), true
	case !c.running.known:
		return f.with(c.missing(), "the phone's version is not known", "State the phone's version to have it checked."), true
	case !c.facts.Version.Known():
		return f.with(NotChecked, "the image's version is not known", "State the image's version in a descriptor beside it to have it checked."), true
	}
	return f, false
}

// with returns the finding with an outcome, its reason and advice.
func (f Finding) with(o Outcome, reason, advice string) Finding {
	f.Outcome, f.Reason, f.Advice = o, reason, advice
	return f
}

// quoted returns untrusted text for an advice.
func quoted(s string) string { return fmt.Sprintf("%.64q", s) }
