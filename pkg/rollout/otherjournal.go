package rollout

import (
	"context"
	"time"

	"github.com/cpupdate/cpupdate/pkg/journal"
)

// A Busy is a phone of a rollout with which a run of another journal may still be at work.
type Busy struct {
	Phone   int       // of the plan
	Rollout string    // in the other journal
	Told    bool      // it may have been instructed there
	At      time.Time // last step there
	Until   time.Time // it may be on its way until then
}

// Elsewhere returns the phones of a rollout with which runs of another journal may still be at work: they began with them or instructed them
// less than the settle time ago, and the phones have not reported the new version. A phone that a run of this rollout began with is none, nor is
// one that a person let begin anew: that was decided here.
func (s *Saved) Elsewhere(ctx context.Context, other journal.Ledger) ([]Busy, error) {
	o := &otherRuns{ledger: other, settle: s.Plan.Rules.Settle} // every rollout there is another one, also of the same name
	var all []Busy
	for i, p := range s.Plan.Phones {
		if st := s.Steps[i][s.Step(i)]; !p.GetsImage() || st.Run != "" || !st.Told.IsZero() || st.Retries > 0 || st.Outcome != nil {
			continue
		}
		busy, err := o.busy(ctx, p)
		if err != nil {
			return nil, err
		}
		if busy.Until.After(time.Now()) {
			busy.Phone = i
			all = append(all, busy)
		}
	}
	return all, nil
}

// busy returns what runs have to do with a phone: of several, the one that may be at work with it for the longest time.
func (o *otherRuns) busy(ctx context.Context, phone Phone) (longest Busy, err error) {
	for _, name := range namesOf(phone.Address, phone.MAC) {
		for key, err := range o.find(ctx, name) {
			if err != nil {
				return longest, err
			}
			if isElsewhere(key.Phone, phone.Site, name) {
				continue
			}
			p, err := o.read(ctx, key)
			if err != nil {
				return longest, err
			}
			if until := o.busyUntil(p); until.After(longest.Until) {
				longest = Busy{Rollout: key.Rollout, Told: !p.Told.IsZero(), At: p.StepAt, Until: until}
			}
			if o.decides(p) {
				break // what came before it does not count any more
			}
		}
	}
	return longest, nil
}

// busyUntil returns until when a run may be at work with a phone, zero if it is not. If the last step was in the future, the clock was set back
// since: then the time is counted from that step on, so that it ends.
func (o *otherRuns) busyUntil(p past) time.Time {
	until := p.StepAt.Add(o.settle)
	if p.Told.IsZero() {
		if p.Run == "" || p.Step == journal.KindListed || p.LetGo != nil || p.Outcome != nil { // nobody began with it, or it may begin anew
			return time.Time{}
		}
		return until
	}
	if _, settled := o.unsettled(p, p.Target); settled.IsZero() {
		return settled
	}
	return until
}
