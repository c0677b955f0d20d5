package rollout

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// offerOf reads an image such as "2.0", or "2.0>1.5", which is no update from anything older than 1.5.
func offerOf(t *testing.T, text string) Offer {
	t.Helper()
	version := func(text string) bind.Version {
		v, err := bind.ParseVersion("V1 R" + text + ".0")
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	to, from, stone := strings.Cut(text, ">")
	o := Offer{Image: Image{Name: text, Version: version(to)}}
	o.Facts.Version = bind.Fact[bind.Version]{Value: version(to), Origin: bind.Origin{Source: bind.Header}}
	if stone {
		o.Facts.UpdateFrom = bind.Fact[bind.Version]{Value: version(from), Origin: bind.Origin{Source: bind.Header}}
	}
	return o
}

// TestPath finds the newest image that a phone can get to.
func TestPath(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		offers  string
		running string
		want    string // names in their order, or why there are none
	}{
		{"2.0", "1.0", "2.0"},
		{"1.5 2.0 1.0", "1.0", "2.0"},
		{"2.0>1.5 1.5", "1.0", "1.5 2.0>1.5"},
		{"2.0>1.5 1.5", "1.5", "2.0>1.5"},
		{"3.0>2.0 2.0>1.5 1.5", "1.0", "1.5 2.0>1.5 3.0>2.0"},
		{"3.0>2.0 2.0>1.5 1.5 2.5", "1.0", "2.5 3.0>2.0"},
		{"3.0>2.9 2.0 1.5", "1.0", "2.0"},
		{"3.0>2.0 2.0>3.0", "1.0", "does not fit: stepping-stone"},
		{"2.0", "2.0", "it runs V1 R2.0.0 already"},
		{"1.0", "2.0", "does not fit: downgrade"},
		{"2.0 1.0", "2.0", "it runs V1 R2.0.0 already"},
		{"2.0>1.5 1.5", "", "cannot be determined: stepping-stone"},
		{"", "1.0", "no image is offered"},
	} {
		var offers []Offer
		for _, text := range strings.Fields(test.offers) {
			offers = append(offers, offerOf(t, text))
		}
		c := Candidate{Phone: Phone{Address: "192.0.2.1"}, Known: hwcheck.Phone{Queried: true}}
		if test.running != "" {
			c.Known.Running = []hwcheck.Claim[bind.Version]{{Value: offerOf(t, test.running).Image.Version, Origin: hwcheck.Reported}}
		}
		plan, err := Build([]Candidate{c}, offers, []WaveSize{{Rest: true}}, Rules{}, ruleOf)
		if err != nil {
			t.Fatal(err)
		}
		p := plan.Phones[0]
		var names []string
		for _, i := range p.Images {
			names = append(names, offers[i].Image.Name)
		}
		got := strings.Join(names, " ")
		if got != test.want && (got != "" || !strings.Contains(p.LeftWhy, test.want)) {
			t.Errorf("%s from %s: %s, %s; want %s", test.offers, test.running, got, p.LeftWhy, test.want)
		}
		if p.GetsImage() == (p.LeftWhy != "") || p.GetsImage() != (len(plan.Waves) == 1) {
			t.Errorf("%s from %s: %+v in %+v", test.offers, test.running, p, plan.Waves)
		}
	}
}

// ruleOf checks with the real rules; of the family, the level and the type nothing is known here.
func ruleOf(facts bind.Facts, c Candidate) hwcheck.Verdict {
	v := hwcheck.Check(facts, c.Known, hwcheck.Policy{})
	kept := hwcheck.Verdict{Answer: hwcheck.Compatible, NothingToDo: len(c.Known.Running) > 0 && c.Known.Running[0].Value == facts.Version.Value}
	for _, f := range v.Findings {
		if f.Rule != hwcheck.SteppingStone && f.Rule != hwcheck.Downgrade {
			continue
		}
		kept.Findings = append(kept.Findings, f)
		switch {
		case kept.NothingToDo:
		case f.Outcome == hwcheck.Fail:
			kept.Answer = hwcheck.NotCompatible
		case f.Outcome == hwcheck.Unknown && kept.Answer == hwcheck.Compatible:
			kept.Answer = hwcheck.CannotTell
		}
	}
	return kept
}

// TestBuild leaves no phone out without a reason, and puts none into two waves.
func TestBuild(t *testing.T) {
	t.Parallel()
	var candidates []Candidate
	for i := range 40 {
		c := Candidate{Phone: Phone{Address: fmt.Sprintf("192.0.2.%d", i), Device: []string{"CP400", "CP600"}[i%2], Level: uint16(i % 3)}}
		c.Known.Running = []hwcheck.Claim[bind.Version]{{Value: offerOf(t, "1.0").Image.Version, Origin: hwcheck.Reported}}
		if i%7 == 0 {
			c.Left = "it did not answer"
		}
		candidates = append(candidates, c)
	}
	sizes, err := ParseWaves("canary,5,20%")
	if err != nil {
		t.Fatal(err)
	}
	build := func() Plan {
		plan, err := Build(candidates, []Offer{offerOf(t, "2.0")}, sizes, Rules{Pause: PauseCanary}, ruleOf)
		if err != nil {
			t.Fatal(err)
		}
		return plan
	}
	plan := build()
	seen := map[int]bool{}
	for _, w := range plan.Waves {
		for _, i := range w.Phones {
			if seen[i] || !plan.Phones[i].GetsImage() {
				t.Errorf("phone %d is in a wave twice, or gets no image", i)
			}
			seen[i] = true
		}
	}
	for i, p := range plan.Phones {
		if seen[i] == (p.LeftWhy != "") {
			t.Errorf("%+v", p)
		}
	}
	if got := fmt.Sprintf("%d %d %s", len(plan.Waves[0].Phones), len(plan.Waves), plan.Waves[0].Name); got != "6 4 canary" {
		t.Error(got)
	}
	if again := build(); fmt.Sprint(again) != fmt.Sprint(plan) {
		t.Error("another plan for the same phones")
	}
	if _, err := Build(nil, nil, sizes, Rules{}, ruleOf); err == nil {
		t.Error("a plan of nothing")
	}
}
