package rolloutcmd

import (
	"errors"
	"slices"
	"sync"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/advice"
	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
	"github.com/cpupdate/cpupdate/pkg/fleet"
)

// failures are the phones that failed in this run, one for each kind of failure, for hints.
type failures struct {
	mu      sync.Mutex
	phones  []int // of the plan
	results []fleet.Result
	going   map[int]*fleet.Result // what hints need to know of phones that have not ended

	may, cut int // phones that were instructed when the run was interrupted: that may still update, and that cannot get the rest of the image
}

// cutText says what becomes of the phones that were on their way when the run was interrupted, as a part of a sentence.
func (f *failures) cutText(in advice.Context) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.may+f.cut == 0 {
		return ""
	}
	return "; " + advice.InstructedText(in, f.may, f.cut)
}

// event takes an event of a phone.
func (f *failures) event(phone int, e fleet.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.going == nil {
		f.going = map[int]*fleet.Result{}
	}
	r := f.going[phone]
	if r == nil {
		r = &fleet.Result{}
		f.going[phone] = r
	}
	switch e.Step { //nolint:exhaustive // the others say nothing that a hint needs
	case fleet.StepChecked:
		r.Verdict = e.Verdict
	case fleet.StepFetching, fleet.StepFetched:
		r.Fetch = e.Fetch
	case fleet.StepDone, fleet.StepFailed:
		delete(f.going, phone)
		if e.Failure != nil && e.Failure.Kind == fleet.KindInterrupted && e.Failure.Instructed {
			if e.Failure.Keeps {
				f.cut++
			} else {
				f.may++
			}
		}
		same := func(other fleet.Result) bool { return other.Failure.Kind == e.Failure.Kind }
		if e.Failure != nil && !slices.ContainsFunc(f.results, same) {
			r.Failure, r.Later = e.Failure, e.Later
			f.phones, f.results = append(f.phones, phone), append(f.results, *r)
		}
	}
}

// withHints adds to the error of a run what to do about each kind of failure that it saw.
func (r *runner) withHints(err error) error {
	own := (*exit.Error)(nil)
	if !errors.As(err, &own) {
		return err
	}
	r.failed.mu.Lock()
	defer r.failed.mu.Unlock()
	var targets []fleet.Target
	in := r.delivery.Context
	for n, phone := range r.failed.phones {
		targets = append(targets, r.delivery.Phones[phone])
		if kind := r.failed.results[n].Failure.Kind; kind == fleet.KindRefused || kind == fleet.KindUnknown {
			in.Image = r.saved.Plan.Images[r.saved.Plan.Phones[phone].Images[0]].Path
		}
	}
	own.Hints = slices.Concat(own.Hints, advice.RunHints(targets, in, r.failed.results))
	return err
}
