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

// An Outcome is what one rule comes to.
type Outcome string

// The outcomes of a rule.
const (
	Pass          Outcome = "pass"
	Fail          Outcome = "fail"
	Unknown       Outcome = "unknown"
	NotChecked    Outcome = "not checked"    // the phone was only described, and this was left out
	NotApplicable Outcome = "not applicable" // the image does not ask for it
	Overridden    Outcome = "overridden"     // it would be Finding.Lifted
)

// An Answer is what all rules together come to. The zero Answer is unknown.
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

// A Said is a value as one side states it, and where that comes from: for programs an origin ("header", "flag",
// "flag, rules" if two disagree), for people a place. The zero Said is silence.
type Said struct {
	Value  string `json:"value"`
	Origin string `json:"origin"`
	From   string `json:"from"`
}

// A Finding is what one rule found. Reason says why in a few words; Advice is one sentence on what would make it
// pass, and is empty only for Pass. Lift names the permission that lifts the finding, "" if nothing does.
type Finding struct {
	Rule    Rule    `json:"rule"`
	Outcome Outcome `json:"outcome"`
	Image   Said    `json:"image"`
	Phone   Said    `json:"phone"`
	Reason  string  `json:"reason"`
	Advice  string  `json:"advice"`
	Lift    string  `json:"lift"`
	Lifted  Outcome `json:"lifted,omitempty"` // what was overridden
}

// The permissions that lift findings.
const (
	LiftOverride  = "override"
	LiftType      = "allow-type-change"
	LiftDowngrade = "allow-downgrade"
	LiftReinstall = "reinstall"
)

// A Policy is what the person who asks permits and demands.
type Policy struct {
	Override         bool   // the manual's Override
	Reason           string // why, kept with the verdict
	AllowTypeChange  bool
	AllowDowngrade   bool
	Reinstall        bool
	RequireSignature bool // only an image with a right signature is intact
}

// A Verdict is the rule sheet: the answer and all eight findings, in the order of the rules.
type Verdict struct {
	Answer      Answer    `json:"verdict"`
	NothingToDo bool      `json:"nothing_to_do"` // the phone runs this version already
	Untrusted   bool      `json:"untrusted"`     // the image itself is damaged, or not signed as it must be
	Reason      string    `json:"override_reason,omitempty"`
	Findings    []Finding `json:"findings"`
}

// Check decides whether the phone will take the image. All rules are always evaluated.
func Check(facts bind.Facts, phone Phone, policy Policy) Verdict {
	c := newSheet(facts, phone, policy)
	family, softwareType := c.familyModel(), c.softwareType()
	fit := worse(family.Outcome, softwareType.Outcome)
	same, nothingToDo := c.sameVersion(fit)
	v := Verdict{NothingToDo: nothingToDo, Findings: []Finding{
		Intact(facts, policy),
		family,
		c.lift(c.hardwareLevel(), LiftOverride, policy.Override),
		c.lift(c.minimumVersion(fit), LiftOverride, policy.Override),
		c.lift(c.steppingStone(), LiftOverride, policy.Override),
		c.lift(softwareType, LiftType, policy.AllowTypeChange),
		c.lift(c.downgrade(), LiftDowngrade, policy.AllowDowngrade),
		c.lift(same, LiftReinstall, policy.Reinstall),
	}}
	if policy.Override {
		v.Reason = policy.Reason
	}
	v.Untrusted = v.Findings[0].Outcome == Fail
	v.Answer = v.answer()
	return v
}

// worse returns the outcome that says less for an image: whether it fits in family, model and type together.
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

// lift names the permission that lifts a finding, and applies it if it was given.
func (c *sheet) lift(f Finding, permission string, given bool) Finding {
	if f.Outcome != Fail && f.Outcome != Unknown {
		return f
	}
	f.Lift = permission
	if given {
		f.Lifted, f.Outcome = f.Outcome, Overridden
	}
	return f
}
