package rollout

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
)

// A Plan says which phones get which image, in which waves, and what stops that. It holds no secret.
type Plan struct {
	Images []Image `json:"images"`
	Phones []Phone `json:"phones"`
	Waves  []Wave  `json:"waves"`
	Rules  Rules   `json:"rules"`

	Permits Permits `json:"permits,omitzero"`
}

// Permits are the rules that a person overrode for all phones of a plan. Those of one phone are its Override.
type Permits struct {
	TypeChange bool `json:"allow_type_change,omitempty"`
	Downgrade  bool `json:"allow_downgrade,omitempty"`
	Reinstall  bool `json:"reinstall,omitempty"` // phones get a version that they run already
}

// Rules returns the rules that are overridden.
func (p Permits) Rules() []string {
	var rules []string
	if p.TypeChange {
		rules = append(rules, string(hwcheck.SoftwareType))
	}
	if p.Downgrade {
		rules = append(rules, string(hwcheck.Downgrade))
	}
	return rules
}

// Policy adds the permits to a policy.
func (p Permits) Policy(policy hwcheck.Policy) hwcheck.Policy {
	policy.AllowTypeChange, policy.AllowDowngrade, policy.Reinstall = p.TypeChange, p.Downgrade, p.Reinstall
	return policy
}

// Rules say how fast a rollout goes, and when it stops.
type Rules struct {
	StopOn    Limits        `json:"stop_on,omitempty"`
	Pause     Pause         `json:"pause"`
	Window    Window        `json:"window,omitzero"`      // in which phones are begun
	Parallel  int           `json:"parallel"`             // phones of a run at a time
	PerSubnet int           `json:"per_subnet,omitempty"` // phones of a /24 or /64 network at a time; 0 for any number
	StartRate float64       `json:"start_rate,omitempty"` // phones begun in a minute; 0 for any number
	Attempts  int           `json:"attempts"`             // at one phone, for causes that may pass
	Settle    time.Duration `json:"settle"`               // how long a phone that was instructed may take until it runs the new version
}

// A Pause says before which waves a rollout waits for a person.
type Pause string

// The pauses.
const (
	PauseCanary Pause = "canary" // after the canaries
	PauseEach   Pause = "each"   // after every wave
	PauseNone   Pause = "none"
)

// ParsePause reads a pause.
func ParsePause(text string) (Pause, error) {
	switch p := Pause(text); p {
	case PauseCanary, PauseEach, PauseNone:
		return p, nil
	}
	return "", fmt.Errorf("%q must be canary, each or none", text)
}

// An Image is one of the files of a rollout.
type Image struct {
	Name         string       `json:"name"`           // of the file
	Path         string       `json:"path,omitempty"` // of the file, as an absolute path on the machine where the plan was made
	SHA256       string       `json:"sha256"`
	Size         int64        `json:"size"` // bytes
	Version      bind.Version `json:"version"`
	SoftwareType string       `json:"software_type,omitempty"`
}

// A Phone is one phone of a rollout.
type Phone struct {
	Address  string `json:"address"`
	MAC      string `json:"mac,omitempty"`
	Note     string `json:"note,omitempty"` // of the list, such as the room
	Site     string `json:"site,omitempty"`
	Class    string `json:"class,omitempty"`    // image, model, level, version and type: phones that may be expected to behave alike
	Images   []int  `json:"images,omitempty"`   // of the plan, from 0: one after the other; none if it is left alone
	LeftWhy  string `json:"left_why,omitempty"` // why it is left alone
	Override string `json:"override,omitempty"` // the reason why rules are overridden for it
	Running  string `json:"running,omitempty"`  // the version that it ran when the plan was made
	Device   string `json:"device,omitempty"`   // what it said it is
	Level    uint16 `json:"hw_level,omitempty"` // hardware level, if known
	Type     string `json:"type,omitempty"`     // software type
	Queried  bool   `json:"queried,omitempty"`  // it answered when the plan was made
	Part     string `json:"part_number,omitempty"`

	Stated hwcheck.Phone `json:"stated,omitzero"` // what the list says of it
}

// GetsImage reports whether the phone is not left alone.
func (p Phone) GetsImage() bool { return len(p.Images) > 0 }

// Fits reports whether there is a phone that gets an image, or runs the version of one already.
func (p Plan) Fits() bool {
	return slices.ContainsFunc(p.Phones, func(phone Phone) bool {
		return phone.GetsImage() || strings.HasPrefix(phone.LeftWhy, runs) && strings.HasSuffix(phone.LeftWhy, already)
	})
}

// A Candidate is what is known of a phone when a plan is made.
type Candidate struct {
	Phone Phone // without class and images
	Known hwcheck.Phone
	Left  string // why it is left alone whatever fits; "" if it is not
}

// An Offer is an image of a folder that phones may get.
type Offer struct {
	Image Image
	Facts bind.Facts
}

// ErrNoPhones reports a plan of no phone.
var ErrNoPhones = errors.New("no phone is named")

// Build makes a plan: every phone gets the newest image that fits, by way of others where that image names a lowest version to
// update from, and goes into a wave. check decides whether an image fits a phone.
func Build(candidates []Candidate, offers []Offer, sizes []WaveSize, rules Rules, check CheckFunc) (Plan, error) {
	if len(candidates) == 0 {
		return Plan{}, ErrNoPhones
	}
	plan := Plan{Rules: rules}
	for _, o := range offers {
		plan.Images = append(plan.Images, o.Image)
	}
	for _, c := range candidates {
		p := c.Phone
		if p.LeftWhy = c.Left; p.LeftWhy == "" {
			p.Images, p.LeftWhy = path(c, offers, check)
		}
		if p.GetsImage() {
			p.Class = class(p)
		}
		plan.Phones = append(plan.Phones, p)
	}
	plan.dropUnused()
	plan.Waves = split(plan.Phones, sizes)
	return plan, nil
}

// dropUnused removes the images that no phone gets.
func (p *Plan) dropUnused() {
	number := map[int]int{}
	for _, phone := range p.Phones {
		for _, i := range phone.Images {
			number[i] = 0
		}
	}
	var used []Image
	for i, image := range p.Images {
		if _, ok := number[i]; ok {
			number[i] = len(used)
			used = append(used, image)
		}
	}
	p.Images = used
	for n := range p.Phones {
		for at, i := range p.Phones[n].Images {
			p.Phones[n].Images[at] = number[i]
		}
	}
}

// class names what phones have in common that may be expected to behave alike.
func class(p Phone) string {
	return strings.Join([]string{fmt.Sprint(p.Images), p.Device, fmt.Sprint(p.Level), p.Running, p.Type}, "|")
}
