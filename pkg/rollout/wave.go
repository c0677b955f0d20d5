package rollout

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A WaveSize says how many phones a wave takes.
type WaveSize struct {
	Canary  bool // one phone of every class
	Rest    bool // all that are left
	Count   int  // so many phones; 0 if the wave has another size
	Percent int  // so many of 100 phones of the rollout, rounded up; 0 if the wave has another size
}

// String returns the size as [ParseWaves] reads it.
func (s WaveSize) String() string {
	switch {
	case s.Canary:
		return "canary"
	case s.Rest:
		return "rest"
	case s.Percent > 0:
		return strconv.Itoa(s.Percent) + "%"
	}
	return strconv.Itoa(s.Count)
}

// maxWaves bounds the waves of a rollout.
const maxWaves = 100

// ParseWaves reads sizes such as "canary,5,20%,rest". A wave of the rest is added if none is named: no phone is left out.
func ParseWaves(text string) ([]WaveSize, error) {
	var sizes []WaveSize
	for _, word := range strings.Split(text, ",") {
		size, err := parseWave(strings.TrimSpace(word))
		switch {
		case err != nil:
			return nil, err
		case size.Canary && len(sizes) > 0:
			return nil, fmt.Errorf("%q: the canaries are the first wave", text)
		case len(sizes) > 0 && sizes[len(sizes)-1].Rest:
			return nil, fmt.Errorf("%q: no wave follows the rest", text)
		case len(sizes) >= maxWaves:
			return nil, fmt.Errorf("more than %d waves", maxWaves)
		}
		sizes = append(sizes, size)
	}
	if !sizes[len(sizes)-1].Rest {
		sizes = append(sizes, WaveSize{Rest: true})
	}
	return sizes, nil
}

func parseWave(word string) (WaveSize, error) {
	switch word {
	case "canary":
		return WaveSize{Canary: true}, nil
	case "rest":
		return WaveSize{Rest: true}, nil
	}
	digits, percent := strings.CutSuffix(word, "%")
	n, err := strconv.ParseUint(digits, 10, 31)
	switch {
	case err != nil || n == 0 || digits[0] == '0':
		return WaveSize{}, fmt.Errorf("%q is no size of a wave: it must be canary, a number, a percentage or rest", word)
	case percent && n > 100:
		return WaveSize{}, fmt.Errorf("%q is more than all phones", word)
	case percent:
		return WaveSize{Percent: int(n)}, nil
	}
	return WaveSize{Count: int(n)}, nil
}

// A Wave is phones that may be on their way at the same time. The next one waits until each of them has an outcome.
type Wave struct {
	Name   string `json:"name"`   // its size, as it was named
	Phones []int  `json:"phones"` // of the plan, from 0
}

// split gives every phone that gets an image to a wave. The canaries are the first phone of every class in the order of the
// plan, so that they are the same ones every time. A phone that did not answer when others did is none: it would keep all others
// waiting.
func split(phones []Phone, sizes []WaveSize) []Wave {
	var left, canaries []int
	seen := map[string]bool{}
	canary := len(sizes) > 0 && sizes[0].Canary
	answered := slices.ContainsFunc(phones, func(p Phone) bool { return p.Queried && p.GetsImage() })
	for i, p := range phones {
		switch {
		case !p.GetsImage():
		case canary && !seen[p.Class] && p.Queried == answered:
			seen[p.Class] = true
			canaries = append(canaries, i)
		default:
			left = append(left, i)
		}
	}
	all := len(left) + len(canaries)
	var waves []Wave
	for _, size := range sizes {
		n := len(left)
		switch {
		case size.Canary:
			if len(canaries) > 0 {
				waves = append(waves, Wave{size.String(), canaries})
			}
			continue
		case size.Count > 0:
			n = min(size.Count, len(left))
		case size.Percent > 0:
			n = min((all*size.Percent+99)/100, len(left))
		}
		if n > 0 {
			waves = append(waves, Wave{size.String(), left[:n:n]})
			left = left[n:]
		}
	}
	return waves
}
