package rollout

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/cpupdate/cpupdate/pkg/journal"
)

// ErrPlan reports a plan in the journal that contradicts itself, or has rules of a newer program, for errors.Is.
var ErrPlan = errors.New("this version of cpupdate cannot carry out its plan")

// checkPlan refuses a plan that [Build] does not make: it is read from a file, and whatever follows relies on its numbers. A plan that needs
// a newer program may have rules that this one does not know: it can be shown, and is not carried out ([Saved.Check]).
func (s *Saved) checkPlan() error {
	if s.Program <= Program {
		if err := s.Plan.Rules.check(); err != nil {
			return err
		}
		for _, wave := range s.Plan.Waves {
			if _, err := parseWave(wave.Name); err != nil {
				return errors.New("it has a wave of a size that is not known")
			}
		}
	}
	return s.Plan.check()
}

// check refuses numbers of phones and images that the plan does not have.
func (p *Plan) check() error {
	inWave := make([]bool, len(p.Phones))
	for _, wave := range p.Waves {
		for _, i := range wave.Phones {
			inWave[i] = true
		}
	}
	streams := map[journal.Key]bool{}
	for i, phone := range p.Phones {
		if phone.GetsImage() != inWave[i] {
			return fmt.Errorf("phone %d gets an image and is in no wave, or the other way round", i+1)
		}
		if len(phone.Images) > maxImages || slices.ContainsFunc(phone.Images, func(n int) bool { return n < 0 || n >= len(p.Images) }) {
			return fmt.Errorf("phone %d gets an image that the plan does not have", i+1)
		}
		for step := range max(len(phone.Images), 1) {
			key := keyOf("", phone, step)
			if streams[key] {
				return fmt.Errorf("phone %d is there twice", i+1)
			}
			streams[key] = true
		}
	}
	return nil
}

// maxImages bounds how many images a phone gets one after the other.
const maxImages = 1000

// check refuses rules that no flag can set.
func (r Rules) check() error {
	switch r.Pause {
	case PauseCanary, PauseEach, PauseNone, "":
	default:
		return errors.New("it pauses in a way that is not known")
	}
	if r.Parallel < 0 || r.PerSubnet < 0 || r.Attempts < 0 || r.Settle < 0 || !(r.StartRate >= 0 && r.StartRate <= math.MaxInt32*60) {
		return errors.New("a number of its rules is out of range")
	}
	for _, l := range r.StopOn {
		if !slices.Contains(causes(), l.Cause) || l.Count < 0 || l.Percent < 0 || l.Percent > 100 || (l.Count > 0) == (l.Percent > 0) {
			return errors.New("it has a limit that is not known")
		}
	}
	return nil
}
