package hwcheck_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// A situation is one image, one phone and the permissions, in plain words and numbers: nothing in it depends on how the
// package compares values. Empty text, a zero version and no ranges mean that the image does not state the value.
type situation struct {
	Digest, Signature, Kernel  string
	Family                     string
	FamilyObserved             bool
	Models                     []string
	ModelsObserved             bool
	Platform                   string
	Classes                    []naiveClass // a later one counts more
	Type                       string
	Version, UpdateFrom        [5]int
	Ranges                     [][2]int
	Devices, Types             []string // what several sources state about the phone
	Levels                     []int
	Running, Minimum           [][5]int
	Origins                    []hwcheck.Origin
	Asked                      bool
	Override, TypeChange, Down bool
	Reinstall, SignatureNeeded bool
}

// A naiveClass is a set of models that take the same image, and what images call it.
type naiveClass struct {
	Name, Family, Confidence string
	Models                   []string
}

// An opinion is the result for a situation.
type opinion struct {
	Answer      string
	NothingToDo bool
	Untrusted   bool
	ByClass     bool // family-model passes only because of a class
	Outcomes    map[string]string
}

// TestNaiveRuleAgrees compares Check with a second implementation of the rule, written as simply as possible, for
// random situations.
func TestNaiveRuleAgrees(t *testing.T) {
	const seed, count, mostShown = 20260302, 60_000, 10
	random := rand.New(rand.NewPCG(seed, seed))
	met, wrong := map[string]int{}, map[string]int{}
	for n := range count {
		s := drawSituation(random)
		got, want := packageOpinion(t, s), naiveOpinion(s)
		for rule, outcome := range want.Outcomes {
			met[rule+" is "+outcome]++
		}
		met["the answer is "+want.Answer]++
		if want.ByClass {
			met["family-model is by class"]++
		}
		difference := compareOpinions(got, want)
		if difference == "" {
			continue
		}
		// One situation of each kind is more useful than many of the same.
		if wrong[difference]++; wrong[difference] == 1 && len(wrong) <= mostShown {
			t.Errorf("seed %d, situation %d: %s\n%+v", seed, n, difference, s)
		}
	}
	for difference, times := range wrong {
		t.Errorf("%d of %d situations: %s", times, count, difference)
	}
	checkMet(t, met)
}

// checkMet checks that every outcome occurred often enough: agreement proves nothing about an outcome that hardly ever
// occurred.
func checkMet(t *testing.T, met map[string]int) {
	t.Helper()
	const least = 100
	possible := map[string]string{
		"image-intact":    "pass, fail, not checked",
		"family-model":    "pass, fail, unknown, not checked, by class",
		"hardware-level":  "pass, fail, unknown, not applicable, overridden",
		"minimum-version": "pass, fail, unknown, not applicable, overridden",
		"stepping-stone":  "pass, fail, unknown, not applicable, overridden",
		"software-type":   "pass, fail, unknown, not checked, overridden",
		"downgrade":       "pass, fail, unknown, not checked, overridden",
		"same-version":    "pass, unknown, not checked, overridden",
		"the answer":      "compatible, not compatible, unknown",
	}
	for what, outcomes := range possible {
		for outcome := range strings.SplitSeq(outcomes, ", ") {
			if got := met[what+" is "+outcome]; got < least {
				t.Errorf("got %d situations where %s is %s, want at least %d", got, what, outcome, least)
			}
		}
	}
}

func compareOpinions(got, want opinion) string {
	var differences []string
	differ := func(what string, got, want any) {
		if got != want {
			differences = append(differences, fmt.Sprintf("%s: got %v, want %v", what, got, want))
		}
	}
	differ("answer", got.Answer, want.Answer)
	differ("nothing to do", got.NothingToDo, want.NothingToDo)
	differ("untrusted", got.Untrusted, want.Untrusted)
	differ("by class", got.ByClass, want.ByClass)
	differ("number of findings", len(got.Outcomes), len(want.Outcomes))
	for _, rule := range []string{
		"image-intact", "family-model", "hardware-level", "minimum-version",
		"stepping-stone", "software-type", "downgrade", "same-version",
	} {
		differ(rule, got.Outcomes[rule], want.Outcomes[rule])
	}
	return strings.Join(differences, "; ")
}

// naiveOpinion applies the rule, sentence by sentence.
func naiveOpinion(s situation) opinion {
	o := opinion{Outcomes: map[string]string{}}
	missing := "not checked" // the outcome for a value that a described phone leaves out
	if s.Asked {
		missing = "unknown"
	}

	o.Outcomes["image-intact"] = naiveIntact(s)
	o.Outcomes["family-model"] = naiveFamilyModel(s, missing)
	unclassed := s
	unclassed.Classes = nil
	o.ByClass = o.Outcomes["family-model"] == "pass" && naiveFamilyModel(unclassed, missing) != "pass"
	o.Outcomes["software-type"] = naiveType(s, missing)
	fits := o.Outcomes["family-model"] == "pass" && o.Outcomes["software-type"] == "pass"

	// Exactly one of rule 1 and rule 2 applies to an image.
	if len(s.Ranges) > 0 {
		o.Outcomes["hardware-level"] = naiveLevel(s)
		o.Outcomes["minimum-version"] = "not applicable"
	} else {
		o.Outcomes["hardware-level"] = "not applicable"
		o.Outcomes["minimum-version"] = naiveMinimum(s, fits)
	}
	o.Outcomes["stepping-stone"] = naiveSteppingStone(s)
	o.Outcomes["downgrade"] = naiveDowngrade(s, missing)
	o.Outcomes["same-version"], o.NothingToDo = naiveSame(s, missing, o.Outcomes)

	// Permissions override what fails and what is unknown, each for the rules that name it.
	for _, rule := range []string{"hardware-level", "minimum-version", "stepping-stone"} {
		o.overrideIf(s.Override, rule)
	}
	o.overrideIf(s.TypeChange, "software-type")
	o.overrideIf(s.Down, "downgrade")
	o.overrideIf(s.Reinstall, "same-version")

	fail, unknown := false, false
	for _, outcome := range o.Outcomes {
		if outcome == "fail" {
			fail = true
		}
		if outcome == "unknown" {
			unknown = true
		}
	}
	o.Untrusted = o.Outcomes["image-intact"] == "fail"
	if o.Untrusted {
		o.Answer = "not compatible"
	} else if o.NothingToDo {
		o.Answer = "compatible"
	} else if fail {
		o.Answer = "not compatible"
	} else if unknown {
		o.Answer = "unknown"
	} else {
		o.Answer = "compatible"
	}
	return o
}

func (o opinion) overrideIf(permitted bool, rule string) {
	if permitted && (o.Outcomes[rule] == "fail" || o.Outcomes[rule] == "unknown") {
		o.Outcomes[rule] = "overridden"
	}
}

// naiveIntact: a wrong digest or signature fails; if a valid signature is required, nothing else passes.
func naiveIntact(s situation) string {
	if s.Kernel == "wrong" || s.Digest == "wrong" || s.Signature == "wrong" {
		return "fail"
	}
	if s.SignatureNeeded && s.Signature != "right" {
		return "fail"
	}
	if s.Digest == "not read" {
		return "not checked"
	}
	return "pass"
}

// naiveFamilyModel: the phone must belong to the image's family and models, as far as either side states them.
func naiveFamilyModel(s situation, missing string) string {
	if len(s.Devices) == 0 {
		return missing
	}
	family, first := "", strings.ToLower(naiveLastWord(s.Devices[0]))
	for _, device := range s.Devices {
		if strings.ToLower(naiveLastWord(device)) != first {
			return "unknown"
		}
		if statement := naiveFamily(device); statement != "" {
			if family != "" && family != statement {
				return "unknown"
			}
			family = statement
		}
	}
	if s.Family == "" && len(s.Models) == 0 && s.Platform == "" {
		return "not checked"
	}
	class := naiveClassOf(s, family, first)
	if s.Platform != "" && len(s.Models) == 0 && (s.FamilyObserved || s.Family == "") {
		if class == "" || class == "assumed" {
			return "not checked" // an observed platform never fails the rule, and is not enough to pass it
		}
		if family == "" && first[0] >= '0' && first[0] <= '9' {
			return missing // a number alone is a model of several families
		}
		return "pass"
	}
	if s.Family != "" && family != "" && strings.ToLower(s.Family) != family {
		return "fail"
	}
	if len(s.Models) == 0 {
		if family == "" {
			return missing
		}
		return "pass"
	}
	for _, model := range s.Models {
		if strings.ToLower(model) == first {
			if family == "" && first[0] >= '0' && first[0] <= '9' {
				return missing // a number alone is a model of several families
			}
			return "pass"
		}
	}
	if class == "assumed" {
		return "not checked" // an assumption neither fails the rule nor passes it
	}
	if class != "" && family == "" && first[0] >= '0' && first[0] <= '9' {
		return missing
	}
	if class != "" {
		return "pass"
	}
	return "fail"
}

// naiveClassOf returns the confidence of the last class that contains the phone's model and the image, "" if there is
// none. The image belongs to it if it was observed to name one of the models, or the class itself.
func naiveClassOf(s situation, phoneFamily, phoneModel string) string {
	names := []string{s.Platform}
	if len(s.Models) > 0 {
		names = s.Models
		if !s.ModelsObserved {
			return ""
		}
	}
	answer := ""
	for i, class := range s.Classes {
		family := strings.ToLower(class.Family)
		replaced := false
		for _, later := range s.Classes[i+1:] {
			replaced = replaced || later.Name == class.Name
		}
		if replaced {
			continue
		}
		if phoneFamily != "" && phoneFamily != family || s.Family != "" && strings.ToLower(s.Family) != family {
			continue
		}
		phone, image := false, false
		for _, model := range class.Models {
			if strings.ToLower(model) == phoneModel {
				phone = true
			}
			for _, name := range names {
				if strings.EqualFold(name, class.Name) || strings.EqualFold(naiveLastWord(name), model) {
					image = true
				}
			}
		}
		if phone && image {
			answer = class.Confidence
		}
	}
	return answer
}

// naiveLevel is rule 1: the phone's level must lie in one of the ranges.
func naiveLevel(s situation) string {
	if len(s.Levels) == 0 {
		return "unknown"
	}
	level := s.Levels[0]
	for _, other := range s.Levels {
		if other != level {
			return "unknown"
		}
	}
	for _, r := range s.Ranges {
		if level >= r[0] && level <= r[1] {
			return "pass"
		}
	}
	return "fail"
}

// naiveMinimum is rule 2: the image must not be older than the lowest version for the hardware. If that is unknown, the
// hardware supports the phone's current version and newer ones, if the image is of the same kind.
func naiveMinimum(s situation, fits bool) string {
	if naiveDisagree(s.Minimum) || s.Version == [5]int{} {
		return "unknown"
	}
	if len(s.Minimum) > 0 {
		if naiveOlder(s.Version, s.Minimum[0]) {
			return "fail"
		}
		return "pass"
	}
	if len(s.Running) == 0 || naiveDisagree(s.Running) || !fits || naiveOlder(s.Version, s.Running[0]) {
		return "unknown"
	}
	return "pass"
}

func naiveSteppingStone(s situation) string {
	if s.UpdateFrom == [5]int{} {
		return "not applicable"
	}
	if len(s.Running) == 0 || naiveDisagree(s.Running) {
		return "unknown"
	}
	if naiveOlder(s.Running[0], s.UpdateFrom) {
		return "fail"
	}
	return "pass"
}

// naiveType compares the last word of the types.
func naiveType(s situation, missing string) string {
	if len(s.Types) == 0 {
		return missing
	}
	first := strings.ToLower(naiveLastWord(s.Types[0]))
	for _, other := range s.Types {
		if strings.ToLower(naiveLastWord(other)) != first {
			return "unknown"
		}
	}
	if s.Type == "" {
		return "not checked"
	}
	if strings.ToLower(naiveLastWord(s.Type)) != first {
		return "fail"
	}
	return "pass"
}

func naiveDowngrade(s situation, missing string) string {
	if naiveDisagree(s.Running) {
		return "unknown"
	}
	if len(s.Running) == 0 {
		return missing
	}
	if s.Version == [5]int{} {
		return "not checked"
	}
	if naiveOlder(s.Version, s.Running[0]) {
		return "fail"
	}
	return "pass"
}

// naiveSame never fails. It also reports whether there is nothing to do: the version is equal and everything is
// compatible.
func naiveSame(s situation, missing string, outcomes map[string]string) (string, bool) {
	if naiveDisagree(s.Running) {
		return "unknown", false
	}
	if len(s.Running) == 0 {
		return missing, false
	}
	if s.Version == [5]int{} {
		return "not checked", false
	}
	if s.Version != s.Running[0] {
		return "pass", false
	}
	fit, kind := outcomes["family-model"], outcomes["software-type"]
	if fit == "fail" || kind == "fail" {
		return "pass", false // the number is equal, the software is not
	}
	if fit == "unknown" || kind == "unknown" {
		return "unknown", false
	}
	if fit == "not checked" || kind == "not checked" {
		return "not checked", false
	}
	if s.Reinstall {
		return "overridden", false
	}
	return "pass", true
}

func naiveDisagree(versions [][5]int) bool {
	for _, v := range versions {
		if v != versions[0] {
			return true
		}
	}
	return false
}

func naiveOlder(v, than [5]int) bool {
	for i := range v {
		if v[i] < than[i] {
			return true
		}
		if v[i] > than[i] {
			return false
		}
	}
	return false
}

func naiveLastWord(text string) string {
	text = strings.TrimSpace(text)
	if i := strings.LastIndex(text, " "); i >= 0 {
		return text[i+1:]
	}
	return text
}

// naiveFamily returns what stands before the model's digits: "openscape desk phone cp" of CP600, "openstage" of 40.
func naiveFamily(device string) string {
	if !strings.Contains(strings.TrimSpace(device), " ") {
		return ""
	}
	end := strings.LastIndex(device, " ") + 1
	for end < len(device) && (device[end] < '0' || device[end] > '9') {
		end++
	}
	return strings.ToLower(strings.TrimSpace(device[:end]))
}

// drawSituation returns a random situation. It uses few different values, so that equality and the ends of ranges are
// common.
func drawSituation(r *rand.Rand) situation {
	devices := []string{
		"OpenScape Desk Phone CP600", "OpenScape Desk Phone CP600", "openscape desk phone cp600", "CP600", "cp600",
		"OpenScape Desk Phone CP400", "CP400", "OpenStage 40", "40", "OpenStage 60", "OpenScape Conference Phone CP600",
	}
	types := []string{"Unify HFA", "Unify HFA", "Siemens HFA", "hfa", "Unify SIP", "Siemens SIP"}
	s := situation{
		Digest:    pick(r, "right", "right", "right", "right", "absent", "not read", "wrong"),
		Signature: pick(r, "none", "none", "none", "no key", "right", "right", "wrong"),
		Family:    pick(r, "", "OpenScape Desk Phone CP", "OpenScape Desk Phone CP", "OpenScape Desk Phone CP", "OpenStage"),
		Type:      pick(r, append(types, "")...),
		Asked:     chance(r, 40), Override: chance(r, 25), TypeChange: chance(r, 25), Down: chance(r, 25),
		Reinstall: chance(r, 25), SignatureNeeded: chance(r, 10),
		Devices: claimed(r, func() string { return pick(r, devices...) }),
		Types:   claimed(r, func() string { return pick(r, types...) }),
		Levels:  claimed(r, func() int { return 1 + r.IntN(8) }),
		Running: claimed(r, func() [5]int { return drawVersion(r) }),
		Minimum: claimed(r, func() [5]int { return drawVersion(r) }),
	}
	s.Models = pick(r, nil, []string{"CP600"}, []string{"CP400", "CP600"}, []string{"40"}, []string{"CP200", "cp600"})
	if chance(r, 20) {
		s.Platform, s.FamilyObserved = "OpenStage Hi", chance(r, 70)
	}
	if chance(r, 90) {
		s.Version = drawVersion(r)
	}
	if chance(r, 40) {
		s.UpdateFrom = drawVersion(r)
	}
	if chance(r, 60) {
		for range 1 + r.IntN(3) {
			low := 1 + r.IntN(8)
			s.Ranges = append(s.Ranges, [2]int{low, low + r.IntN(3)})
		}
	}
	s.Kernel = pick(r, "absent", "absent", "absent", "not read", "right", "right", "right", "wrong")
	s.ModelsObserved = chance(r, 50)
	for chance(r, 60) && len(s.Classes) < 3 {
		s.Classes = append(s.Classes, drawClass(r))
	}
	for range 16 {
		s.Origins = append(s.Origins, pick(r, hwcheck.Flag, hwcheck.List, hwcheck.Reported, hwcheck.Rules))
	}
	return s
}

// drawClass returns a random class. Images may bear the name of some.
func drawClass(r *rand.Rand) naiveClass {
	class := pick(r,
		naiveClass{"OpenStage Hi", "OpenStage", "", []string{"60"}},
		naiveClass{"OpenStage Hi", "openstage", "", []string{"40", "60"}},
		naiveClass{"40/60", "OpenStage", "", []string{"40", "60"}},
		naiveClass{"CP400", "OpenScape Desk Phone CP", "", []string{"CP600"}},
		naiveClass{"CP20X", "OpenScape Desk Phone CP", "", []string{"cp200", "CP600", "CP400"}},
		naiveClass{"other", "OpenScape Conference Phone CP", "", []string{"CP600", "CP400"}},
	)
	class.Confidence = pick(r, "observed", "stated", "assumed")
	return class
}

// claimed returns the claims of no, one or several sources, which mostly agree.
func claimed[T any](r *rand.Rand, draw func() T) []T {
	if chance(r, 20) {
		return nil
	}
	statement := []T{draw()}
	for chance(r, 30) && len(statement) < 3 {
		if chance(r, 70) {
			statement = append(statement, statement[0])
		} else {
			statement = append(statement, draw())
		}
	}
	return statement
}

// drawVersion draws one of 47 versions, never the zero one, and often the same.
func drawVersion(r *rand.Rand) [5]int {
	if chance(r, 40) {
		return [5]int{1, 0, 1, 1, 0}
	}
	return [5]int{1 + r.IntN(2), r.IntN(2), r.IntN(3), r.IntN(2), r.IntN(2)}
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func chance(r *rand.Rand, percent int) bool { return r.IntN(100) < percent }

// packageOpinion calls Check.
func packageOpinion(t *testing.T, s situation) opinion {
	table := &hwcheck.Table{}
	for _, c := range s.Classes {
		table.Classes = append(table.Classes, hwcheck.Class{Name: c.Name, Family: c.Family, Models: c.Models, Confidence: bind.Confidence(c.Confidence)})
	}
	v := hwcheck.Check(s.facts(t), table.Complete(s.phone()), hwcheck.Policy{
		Override: s.Override, AllowTypeChange: s.TypeChange, AllowDowngrade: s.Down,
		Reinstall: s.Reinstall, RequireSignature: s.SignatureNeeded,
	})
	o := opinion{Answer: v.Answer.String(), NothingToDo: v.NothingToDo, Untrusted: v.Untrusted, Outcomes: map[string]string{}}
	for _, f := range v.Findings {
		o.Outcomes[string(f.Rule)] = string(f.Outcome)
		o.ByClass = o.ByClass || f.Class != nil
	}
	return o
}

// facts returns the situation's image as facts of package bind.
func (s situation) facts(t *testing.T) bind.Facts {
	t.Helper()
	stated := bind.Origin{Source: bind.Header, Confidence: bind.Documented}
	observed := bind.Origin{Source: bind.Header, Confidence: bind.Observed}
	var f bind.Facts
	f.Integrity.Digest = bind.Check(s.Digest)
	f.Integrity.Kernel = bind.Check(s.Kernel)
	f.Integrity.Signature.State = bind.SignatureState(s.Signature)
	if s.Family != "" {
		f.Family = bind.Fact[string]{Value: s.Family, Origin: stated}
		if s.FamilyObserved {
			f.Family.Origin = observed
		}
	}
	if len(s.Models) > 0 {
		f.Models = bind.Fact[[]string]{Value: s.Models, Origin: stated}
		if s.ModelsObserved {
			f.Models.Origin = observed
		}
	}
	if s.Platform != "" {
		f.Platform = bind.Fact[string]{Value: s.Platform, Origin: observed}
	}
	if s.Type != "" {
		f.SoftwareType = bind.Fact[string]{Value: s.Type, Origin: stated}
	}
	if s.Version != [5]int{} {
		f.Version = bind.Fact[bind.Version]{Value: versionOf(s.Version), Origin: stated}
	}
	if s.UpdateFrom != [5]int{} {
		f.UpdateFrom = bind.Fact[bind.Version]{Value: versionOf(s.UpdateFrom), Origin: stated}
	}
	if len(s.Ranges) > 0 {
		var ranges []bind.LevelRange
		for _, r := range s.Ranges {
			ranges = append(ranges, bind.LevelRange{Lowest: uint16(r[0]), Highest: uint16(r[1])})
		}
		levels, err := bind.NewLevels(ranges...)
		if err != nil {
			t.Fatal(err)
		}
		f.Levels = bind.Fact[bind.Levels]{Value: levels, Origin: stated}
	}
	return f
}

// phone returns the situation's phone.
func (s situation) phone() hwcheck.Phone {
	level := func(n int) uint16 { return uint16(n) }
	return hwcheck.Phone{
		Device:       claims(s.Devices, s.Origins, sameText),
		Level:        claims(s.Levels, s.Origins[3:], level),
		SoftwareType: claims(s.Types, s.Origins[6:], sameText),
		Running:      claims(s.Running, s.Origins[9:], versionOf),
		Minimum:      claims(s.Minimum, s.Origins[12:], versionOf),
		Queried:      s.Asked,
	}
}

func sameText(s string) string { return s }

func claims[T, U any](values []T, origins []hwcheck.Origin, convert func(T) U) []hwcheck.Claim[U] {
	var out []hwcheck.Claim[U]
	for i, value := range values {
		out = append(out, hwcheck.Claim[U]{Value: convert(value), Origin: origins[i]})
	}
	return out
}

func versionOf(v [5]int) bind.Version {
	return bind.Version{
		Major: uint16(v[0]), SubMajor: uint16(v[1]), Release: uint16(v[2]), Fix: uint16(v[3]), Hotfix: uint16(v[4]),
	}
}
