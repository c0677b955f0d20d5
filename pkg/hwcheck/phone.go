package hwcheck

import (
	"strings"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

// An Origin is the source of a claim about a phone.
type Origin string

// The origins.
const (
	Flag     Origin = "flag"     // stated on the command line
	List     Origin = "list"     // stated in a phone list
	Stored   Origin = "settings" // stated in the stored settings
	Reported Origin = "phone"    // reported by the phone itself
	Rules    Origin = "rules"    // looked up in a hardware table
	Inferred Origin = "inferred" // derived from another value
)

// A Claim is one value that a source states about a phone. Where says more about the source, such as "hardware table,
// line 12"; it may be empty.
type Claim[T any] struct {
	Value  T
	Origin Origin
	Where  string
}

// A Phone is what is known about a phone. Each value is a list of claims: none means unknown, and claims that differ
// make the value unknown too.
type Phone struct {
	Device       []Claim[string] // "CP600" or a whole device type, "OpenScape Desk Phone CP600"
	PartNumber   []Claim[PartNumber]
	Level        []Claim[uint16] // hardware level, from 1
	SoftwareType []Claim[string]
	Running      []Claim[bind.Version]
	Minimum      []Claim[bind.Version] // lowest version known to run on this hardware
	Classes      []Class               // the classes of its model, whatever its family
	Queried      bool                  // the phone was queried: a value that it did not report is unknown, not merely unchecked
}

// A resolved value is the result of a list of claims.
type resolved[T any] struct {
	value     T
	known     bool // at least one claim, and all agree
	disagree  bool
	statement Statement
}

// resolve compares claims by key and keeps the first.
func resolve[T any, K comparable](claims []Claim[T], key func(T) K, text func(T) string) resolved[T] {
	if len(claims) == 0 {
		return resolved[T]{}
	}
	out := resolved[T]{value: claims[0].Value, known: true, statement: statementOf(claims[0], text)}
	for _, claim := range claims[1:] {
		if key(claim.Value) != key(claims[0].Value) {
			out.disagree, out.known = true, false
			next := statementOf(claim, text)
			out.statement.Value += " / " + next.Value
			out.statement.From += " / " + next.From
			out.statement.Origin += ", " + next.Origin
		}
	}
	return out
}

// statementOf returns a claim as a statement for the findings.
func statementOf[T any](c Claim[T], text func(T) string) Statement {
	from := string(c.Origin)
	if c.Where != "" {
		from = c.Where
	}
	return Statement{text(c.Value), string(c.Origin), from}
}

// same returns its argument. It is the key of values that are compared unchanged, and the text of values that are text.
func same[T any](v T) T { return v }

// fold returns the key of a name: names that differ only in case are equal.
func fold(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// kind returns the part of a software type that counts: "Siemens SIP" and "Unify SIP" are one type, because only the
// maker was renamed.
func kind(softwareType string) string {
	words := strings.Fields(strings.ToLower(softwareType))
	if len(words) == 0 {
		return ""
	}
	return words[len(words)-1]
}

// SameType reports whether two software types are one, such as "Siemens SIP" and "Unify SIP": the last word counts.
func SameType(a, b string) bool { return kind(a) == kind(b) }

// families returns the families that the claims about the device name.
func families(device []Claim[string]) []Claim[string] {
	var out []Claim[string]
	for _, claim := range device {
		if family, _ := bind.SplitDevice(claim.Value); family != "" {
			out = append(out, Claim[string]{family, claim.Origin, claim.Where})
		}
	}
	return out
}

// model returns the key of a device: the last word names the model.
func model(device string) string {
	_, m := bind.SplitDevice(device)
	return strings.ToLower(m)
}
