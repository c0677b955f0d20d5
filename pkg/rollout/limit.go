package rollout

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Limit stops a rollout when so many phones of a wave ended with a cause.
type Limit struct {
	Cause   Cause `json:"cause"`
	Count   int   `json:"count,omitempty"`   // so many phones; 0 if it is a percentage
	Percent int   `json:"percent,omitempty"` // so many of 100 phones of the wave; 0 if it is a number
}

// A Cause is a class of outcomes: the name of the exit code that a single phone would end the command with.
type Cause string

// The causes that a limit may name.
const (
	Unverified  Cause = "unverified"  // it got the image, and it is not known whether it runs it
	Rejected    Cause = "rejected"    // it refused the image, or kept its old software
	Unreachable Cause = "unreachable" // it could not be reached, or its fetch was cut off
	Refused     Cause = "refused"     // the image is not compatible with it
	Unknown     Cause = "unknown"     // whether the image is compatible cannot be determined
	Settings    Cause = "settings"    // its login, key or certificate is not right
	AnyCause    Cause = "any"         // all of these together
)

// causes are those that a limit may name, in the order in which errors name them.
func causes() []Cause {
	return []Cause{Unverified, Rejected, Unreachable, Refused, Unknown, Settings, AnyCause}
}

// Limits stop a rollout when one of them is reached. No phone is begun then; those on their way are followed to their end.
type Limits []Limit

// ParseLimits reads limits such as "unverified=1,rejected=3,unreachable=10%". An empty text has none.
func ParseLimits(text string) (Limits, error) {
	var limits Limits
	for _, word := range strings.Split(text, ",") {
		word = strings.TrimSpace(word)
		if word == "" && text == "" {
			return nil, nil
		}
		name, size, ok := strings.Cut(word, "=")
		if !ok || !slices.Contains(causes(), Cause(name)) {
			return nil, fmt.Errorf("%q is no limit: it must be CAUSE=NUMBER or CAUSE=PERCENT%%, where CAUSE is %s", word, causeNames())
		}
		if slices.ContainsFunc(limits, func(l Limit) bool { return l.Cause == Cause(name) }) {
			return nil, fmt.Errorf("%q: %s is limited twice", text, name)
		}
		l := Limit{Cause: Cause(name)}
		digits, percent := strings.CutSuffix(size, "%")
		n, err := strconv.ParseUint(digits, 10, 31)
		switch {
		case err != nil || n == 0:
			return nil, fmt.Errorf("%q: the limit must be a number from 1, or a percentage", word)
		case percent && n > 100:
			return nil, fmt.Errorf("%q is more than all phones", word)
		case percent:
			l.Percent = int(n)
		default:
			l.Count = int(n)
		}
		limits = append(limits, l)
	}
	return limits, nil
}

func causeNames() string {
	var names []string
	for _, c := range causes() {
		names = append(names, string(c))
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// String returns the limit as [ParseLimits] reads it.
func (l Limit) String() string {
	if l.Percent > 0 {
		return fmt.Sprintf("%s=%d%%", l.Cause, l.Percent)
	}
	return fmt.Sprintf("%s=%d", l.Cause, l.Count)
}

// reached reports whether so many phones of a wave are as many as the limit allows, or more.
func (l Limit) reached(phones, size int) bool {
	if l.Percent > 0 {
		return phones > 0 && phones*100 >= l.Percent*size
	}
	return phones >= l.Count
}

// Reached returns the first limit that a wave of so many phones has reached, given how many of them ended with which cause.
func (ls Limits) Reached(ended map[Cause]int, size int) (Limit, bool) {
	for _, l := range ls {
		n := ended[l.Cause]
		if l.Cause == AnyCause {
			n = 0
			for _, of := range ended {
				n += of
			}
		}
		if l.reached(n, size) {
			return l, true
		}
	}
	return Limit{}, false
}
