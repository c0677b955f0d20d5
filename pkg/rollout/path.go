package rollout

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// A CheckFunc decides whether an image fits a phone of which so much is known.
type CheckFunc func(bind.Facts, Candidate) hwcheck.Verdict

// The words for a phone that is left alone because it runs the version: not those of a rule.
const runs, already = "it runs ", " already"

// path returns the images that a phone gets, one after the other: the newest image that it can get to, in as few steps as
// possible. Without one it says why.
func path(c Candidate, offers []Offer, check CheckFunc) (images []int, why string) {
	order := newestFirst(offers)
	for _, goal := range order {
		verdict := check(offers[goal].Facts, c)
		switch {
		case verdict.Answer == hwcheck.Compatible && verdict.NothingToDo:
			return nil, runs + offers[goal].Facts.Version.Value.String() + already
		case verdict.Answer == hwcheck.Compatible:
			return []int{goal}, ""
		case len(c.Known.Running) == 0 || !blockedBy(verdict, hwcheck.SteppingStone):
			continue // nobody knows where a path would begin
		}
		if steps := stones(c, offers, goal, check); steps != nil {
			return steps, ""
		}
	}
	return nil, noImage(c, offers, order, check)
}

// newestFirst returns the numbers of the images in the order of their versions.
func newestFirst(offers []Offer) []int {
	order := make([]int, len(offers))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(offers[b].Facts.Version.Value.Compare(offers[a].Facts.Version.Value), a-b)
	})
	return order
}

// blockedBy reports whether one rule alone keeps an image from fitting.
func blockedBy(v hwcheck.Verdict, rule hwcheck.Rule) bool {
	found := false
	for _, f := range v.Findings {
		if f.Outcome == hwcheck.Fail || f.Outcome == hwcheck.Unknown {
			if f.Rule != rule {
				return false
			}
			found = true
		}
	}
	return found
}

// stones returns the fewest images by which a phone gets to a goal that it may not be updated to at once, nil if there is no such
// path.
func stones(c Candidate, offers []Offer, goal int, check CheckFunc) []int {
	reached := make([][]int, len(offers)) // by which path, nil if it is not
	queue := []int{}
	extend := func(from Candidate, path []int) {
		for _, next := range newestFirst(offers) {
			if reached[next] == nil && fits(check(offers[next].Facts, from)) {
				reached[next] = append(slices.Clone(path), next)
				queue = append(queue, next)
			}
		}
	}
	extend(c, nil)
	for len(queue) > 0 && reached[goal] == nil {
		last := queue[0]
		queue = queue[1:]
		extend(c.after(offers[last].Facts), reached[last])
	}
	return reached[goal]
}

func fits(v hwcheck.Verdict) bool { return v.Answer == hwcheck.Compatible && !v.NothingToDo }

// after returns the phone as it is when it runs an image.
func (c Candidate) after(facts bind.Facts) Candidate {
	c.Known.Running = []hwcheck.Claim[bind.Version]{{Value: facts.Version.Value, Origin: hwcheck.Inferred, Where: "the step before"}}
	if kind := facts.SoftwareType.Value; kind != "" {
		c.Known.SoftwareType = []hwcheck.Claim[string]{{Value: kind, Origin: hwcheck.Inferred, Where: "the step before"}}
	}
	return c
}

// noImage says why a phone gets no image: what the rules say of the newest one that is for its model, if there is one.
func noImage(c Candidate, offers []Offer, order []int, check CheckFunc) string {
	why, others := "", 0
	for _, i := range order {
		verdict := check(offers[i].Facts, c)
		another := slices.ContainsFunc(verdict.Findings, func(f hwcheck.Finding) bool {
			return f.Rule == hwcheck.FamilyModel && f.Outcome == hwcheck.Fail
		})
		if another {
			others++
		}
		for _, f := range verdict.Findings {
			if f.Outcome == hwcheck.Unknown && verdict.Answer == hwcheck.CannotTell {
				return "whether " + offers[i].Image.Name + " fits cannot be determined: " + string(f.Rule) + ", " + f.Reason
			}
			if f.Outcome == hwcheck.Fail && why == "" && !another {
				why = offers[i].Image.Name + " does not fit: " + string(f.Rule) + ", " + f.Reason
			}
		}
	}
	switch {
	case len(offers) == 0:
		return "no image is offered"
	case others == len(offers) && len(offers) > 1:
		return fmt.Sprintf("none of the %d images is for this model", len(offers))
	case others == len(offers):
		return offers[0].Image.Name + " is for other models"
	}
	return why
}
