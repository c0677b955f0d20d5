package hwcheck

import (
	"slices"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

// A Rule is one of the eight rules.
type Rule string

// The rules, in the order in which they are always evaluated.
const (
	ImageIntact    Rule = "image-intact"
	FamilyModel    Rule = "family-model"
	HardwareLevel  Rule = "hardware-level"  // the manual's rule 1
	MinimumVersion Rule = "minimum-version" // the manual's rule 2
	SteppingStone  Rule = "stepping-stone"
	SoftwareType   Rule = "software-type"
	Downgrade      Rule = "downgrade"
	SameVersion    Rule = "same-version"
)

// An Outcome is the result of one rule.
type Outcome string

// The outcomes of a rule.
const (
	Pass          Outcome = "pass"
	Fail          Outcome = "fail"
	Unknown       Outcome = "unknown"
	NotChecked    Outcome = "not checked"    // the phone was only described, and this value was left out
	NotApplicable Outcome = "not applicable" // the image does not require it
	Overridden    Outcome = "overridden"     // without a permission it would be Finding.Lifted
)

// An Answer is the combined result of all rules. The zero Answer is unknown.
type Answer int

// The three answers.
const (
	CannotTell Answer = iota
	Compatible
	NotCompatible
)

// String returns the answer in words.
func (a Answer) String() string {
	switch a {
	case Compatible:
		return "compatible"
	case NotCompatible:
		return "not compatible"
	default:
		return "unknown"
	}
}

// MarshalText returns the answer in words.
func (a Answer) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// A Statement is a value as one side states it, with its origin: From names the place for people, Origin the kind for
// programs ("header", "flag", or "flag, rules" if two disagree). The zero Said is no statement.
type Statement struct {
	Value  string `json:"value"`
	Origin string `json:"origin"`
	From   string `json:"from"`
}

// A Finding is the result of one rule. Reason says why in a few words. Advice is one sentence on how to make it pass,
// and is empty only for Pass. Lift names the permission that overrides the finding, "" if none does.
type Finding struct {
	Rule       Rule      `json:"rule"`
	Outcome    Outcome   `json:"outcome"`
	Image      Statement `json:"image"`
	Phone      Statement `json:"phone"`
	Reason     string    `json:"reason"`
	Advice     string    `json:"advice"`
	Override   string    `json:"lift"`
	Overridden Outcome   `json:"lifted,omitempty"` // the outcome that was overridden
	Class      *Class    `json:"class,omitempty"`  // of models that take the same image, if it passed by that
}

// The permissions that override findings.
const (
	PermitOverride   = "override"
	PermitTypeChange = "allow-type-change"
	PermitDowngrade  = "allow-downgrade"
	PermitReinstall  = "reinstall"
)

// A Policy is what the user permits and requires.
type Policy struct {
	Override         bool   // the manual's Override
	Reason           string // the user's reason, kept with the verdict
	AllowTypeChange  bool
	AllowDowngrade   bool
	Reinstall        bool
	RequireSignature bool // only an image with a valid signature is intact
}

// A Verdict is the result of a check: the answer and all eight findings, in the order of the rules.
type Verdict struct {
	Answer      Answer    `json:"verdict"`
	NothingToDo bool      `json:"nothing_to_do"` // the phone already runs this version
	Untrusted   bool      `json:"untrusted"`     // the image itself is damaged, or not signed as required
	Reason      string    `json:"override_reason,omitempty"`
	Findings    []Finding `json:"findings"`
}

// Check decides whether the image is compatible with the phone. It always evaluates all rules.
func Check(facts bind.Facts, phone Phone, policy Policy) Verdict {
	c := newEvaluation(facts, phone, policy)
	family, softwareType := c.familyModel(), c.softwareType()
	fit := worse(family.Outcome, softwareType.Outcome)
	same, nothingToDo := c.sameVersion(fit)
	v := Verdict{NothingToDo: nothingToDo, Findings: []Finding{
		Intact(facts, policy),
		family,
		c.override(c.hardwareLevel(), PermitOverride, policy.Override),
		c.override(c.minimumVersion(fit), PermitOverride, policy.Override),
		c.override(c.steppingStone(), PermitOverride, policy.Override),
		c.override(softwareType, PermitTypeChange, policy.AllowTypeChange),
		c.override(c.downgrade(), PermitDowngrade, policy.AllowDowngrade),
		c.override(same, PermitReinstall, policy.Reinstall),
	}}
	if policy.Override {
		v.Reason = policy.Reason
	}
	v.Untrusted = v.Findings[0].Outcome == Fail
	v.Answer = v.answer()
	return v
}

// worse returns the worse of two outcomes, for family, model and type together.
func worse(a, b Outcome) Outcome {
	for _, o := range []Outcome{Fail, Unknown, NotChecked} {
		if a == o || b == o {
			return o
		}
	}
	return Pass
}

func (v Verdict) answer() Answer {
	switch {
	case v.Untrusted:
		return NotCompatible
	case v.NothingToDo:
		return Compatible
	case v.any(Fail):
		return NotCompatible
	case v.any(Unknown):
		return CannotTell
	}
	return Compatible
}

// any reports whether a finding has the outcome.
func (v Verdict) any(o Outcome) bool {
	return slices.ContainsFunc(v.Findings, func(f Finding) bool { return f.Outcome == o })
}

// override sets the permission that overrides a finding, and applies it if it was given.
func (c *evaluation) override(f Finding, permission string, given bool) Finding {
	if f.Outcome != Fail && f.Outcome != Unknown {
		return f
	}
	f.Override = permission
	if given {
		f.Overridden, f.Outcome = f.Outcome, Overridden
	}
	return f
}
