package fleet_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/phonesim"
)

// errChanged reports an image that changed.
var errChanged = errors.New("the image changed")

// A source is an image of which the second half cannot be read once it is spoiled.
type spoilable struct {
	content *io.SectionReader
	mu      sync.Mutex
	spoiled bool
}

func (s *spoilable) ReadAt(b []byte, at int64) (int, error) {
	if s.is() && at+int64(len(b)) > s.content.Size()/2 {
		return 0, errChanged
	}
	return s.content.ReadAt(b, at)
}

func (s *spoilable) is() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spoiled
}

func (s *spoilable) spoil() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spoiled = true
}

// TestImageChanges: when the image changes, the run ends at once. Phones that were not instructed get no command, those that
// fetch are cut off, one that has the whole image is left to itself, and each failure says which it is.
func TestImageChanges(t *testing.T) {
	t.Parallel()
	for _, checked := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, setting{size: 1 << 20, options: fleet.Options{Parallel: 2}})
			image := &spoilable{content: s.image.content}
			s.plan.Image.Source = fleet.Served(s.https, name, io.NewSectionReader(image, 0, image.content.Size()), s.back)
			if checked {
				s.plan.Image.Unchanged = func(context.Context) error {
					if image.is() {
						return errChanged
					}
					return nil
				}
			}
			var addresses []string
			for n := range 6 {
				sim := s.phone(n+1, func(c *phonesim.Config) { c.RestartTime = time.Hour })
				addresses = append(addresses, sim.Address())
			}
			fetched := 0
			s.hear = func(e fleet.Event) {
				if e.Step == fleet.StepFetched {
					if fetched++; fetched == 2 {
						image.spoil()
					}
				}
			}
			begun := time.Now()
			results := s.run(addresses...)
			var messages []string
			whole := 0
			for _, r := range results {
				if ending(r) != "image" || !errors.Is(r.Failure, errChanged) {
					t.Errorf("it ended with %s: %v", ending(r), r.Failure)
					continue
				}
				if r.Instructed && r.Fetch.Complete {
					whole++
				}
				messages = append(messages, r.Failure.Msg)
			}
			slices.Sort(messages)
			if messages = slices.Compact(messages); whole < 2 || len(messages) < 2 {
				t.Errorf("%d have the whole image, %q", whole, messages)
			}
			if took := time.Since(begun); took > 5*time.Minute {
				t.Errorf("the run took %s", took)
			}
			told := 0
			for _, e := range s.told() {
				if e.Step == fleet.StepInstructed {
					told++
				}
			}
			if checked && told > 4 || !checked && told == 6 {
				t.Errorf("%d phones were instructed", told)
			}
		})
	}
}
