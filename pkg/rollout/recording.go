package rollout

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cpupdate/cpupdate/pkg/fleet"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/journal"
)

// A Recording writes what happens to one phone in one run into the phone's stream. It is safe for concurrent use.
type Recording struct {
	Writer *journal.Writer
	Key    journal.Key
	Run    string
	Image  journal.Image // that the phone gets

	mu      sync.Mutex
	begun   time.Time
	attempt int    // that began; one more after the phone was busy
	told    bool   // a step that cannot be undone was announced
	mac     string // as the phone says
	fetched int64  // bytes that were noted last, if some were
	noted   bool   // of fetched
}

// Begin records that an attempt at the phone begins, counted from 1, and returns when that is durable: no other run may begin
// with it any more. Without it the first event of the phone begins the first attempt.
func (r *Recording) Begin(ctx context.Context, attempt int) error {
	now := time.Now()
	r.mu.Lock()
	r.begun, r.attempt = now, attempt
	r.mu.Unlock()
	return taken(r.Writer.Barrier(ctx, r.Key, journal.Event{At: now, Body: journal.Begun{Run: r.Run, Attempt: attempt}}))
}

// Commit records a step that cannot be undone before it is taken, as [fleet.Plan] wants it.
func (r *Recording) Commit(ctx context.Context, step fleet.Step) error {
	r.mu.Lock()
	r.told = true // from now on nobody can be sure that it was not announced
	attempt := max(r.attempt, 1)
	r.mu.Unlock()
	var body journal.Body = journal.Instructing{Run: r.Run, Attempt: attempt, Version: r.Image.Version, SHA256: r.Image.SHA256}
	if step == fleet.StepSending {
		body = journal.Sending{Run: r.Run, Attempt: attempt, Version: r.Image.Version, SHA256: r.Image.SHA256, Size: r.Image.Size}
	}
	return taken(r.Writer.Barrier(ctx, r.Key, journal.Event{At: time.Now(), Body: body}))
}

// taken returns the failure of a phone that another run has begun with.
func taken(err error) error {
	if errors.Is(err, journal.ErrConflict) {
		return &fleet.Failure{Kind: fleet.KindTaken, Msg: "another run of cpupdate began with it, and this one left it alone"}
	}
	return err
}

// MAC returns the MAC address that the phone says, "" if it has not yet.
func (r *Recording) MAC() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mac
}

// announced reports whether the update command, or the image, was announced.
func (r *Recording) announced() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.told
}

// Event records what happened to the phone. again says that another attempt follows a failure.
func (r *Recording) Event(e fleet.Event, again bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.begun.IsZero() {
		r.begun, r.attempt = e.At, 1
		if e.Step != fleet.StepFailed { // it was left alone before it was contacted
			r.Writer.Note(r.Key, journal.Event{At: e.At, Body: journal.Begun{Run: r.Run, Attempt: r.attempt}})
		}
	}
	if e.Device.MAC != "" {
		r.mac = e.Device.MAC
	}
	for _, body := range r.bodies(e, again) {
		r.Writer.Note(r.Key, journal.Event{At: e.At, Body: body})
	}
}

// bodies returns what an event is in the journal.
func (r *Recording) bodies(e fleet.Event, again bool) []journal.Body {
	switch e.Step {
	case fleet.StepCalled, fleet.StepFound, fleet.StepSettling:
		if e.Device != (fleet.Device{}) {
			return []journal.Body{reported(e.Device)}
		}
	case fleet.StepChecked:
		return []journal.Body{checked(*e.Verdict)}
	case fleet.StepInstructed:
		return []journal.Body{journal.Instructed{}}
	case fleet.StepAccepted:
		return []journal.Body{journal.Accepted{}}
	case fleet.StepBusy:
		r.told, r.attempt = false, r.attempt+1
		return []journal.Body{journal.Busy{}}
	case fleet.StepFetching:
		if r.isNews(e.Fetch.Sent, e.Fetch.Size) {
			return []journal.Body{journal.Fetching{Bytes: e.Fetch.Sent, Size: e.Fetch.Size}}
		}
	case fleet.StepFetched:
		return []journal.Body{journal.Fetched{Bytes: e.Fetch.Sent}}
	case fleet.StepSent:
		return []journal.Body{journal.Sent{Bytes: e.Upload.Sent}}
	case fleet.StepRestarting:
		return []journal.Body{journal.Restarting{}}
	case fleet.StepBack:
		return []journal.Body{journal.Back{}}
	case fleet.StepDone, fleet.StepFailed:
		return r.ended(e, again)
	default:
	}
	return nil
}

// isNews reports whether so many bytes are the first ones, a tenth of the image more than what was noted last, or fewer than that: the
// phone began again.
func (r *Recording) isNews(sent, size int64) bool {
	if r.noted && sent >= r.fetched && sent-r.fetched < max(size/10, 1) {
		return false
	}
	r.fetched, r.noted = sent, true
	return true
}

func reported(d fleet.Device) journal.Reported {
	return journal.Reported{Device: journal.Device{Type: d.Type, SoftwareType: d.SoftwareType, Version: d.Version, MAC: d.MAC, PartNumber: d.PartNumber}}
}

// checked returns a verdict with the rules that were overridden.
func checked(v hwcheck.Verdict) journal.Checked {
	c := journal.Checked{Verdict: v.Answer.String()}
	if v.NothingToDo {
		c.Verdict = "nothing to do"
	}
	for _, f := range v.Findings {
		if f.Outcome == hwcheck.Overridden {
			c.Overrides = append(c.Overrides, journal.Override{Rule: string(f.Rule), Reason: v.Reason})
		}
	}
	return c
}

// ended returns the end of a phone: its outcome, or that nothing is final.
func (r *Recording) ended(e fleet.Event, again bool) []journal.Body {
	var bodies []journal.Body
	if e.Device != (fleet.Device{}) {
		bodies = append(bodies, reported(e.Device))
	}
	f := e.Failure
	if f != nil && (again || !final(f, r.told)) {
		return append(bodies, journal.LetGo{Run: r.Run, Failure: string(f.Kind), Text: f.Error(), Again: again})
	}
	o := journal.Outcome{Version: e.Device.Version, Took: e.At.Sub(r.begun)}
	switch {
	case f != nil:
		o.Result, o.Failure, o.Text, o.Instructed, o.Keeps = journal.Failed, string(f.Kind), f.Error(), f.Instructed, f.Keeps
	case e.Outcome == fleet.Updated:
		o.Result, o.Instructed = journal.Updated, true
		if e.Later {
			o.Text = "instructed by an earlier run"
		}
	case e.Outcome == fleet.NothingToDo:
		o.Result = journal.NothingToDo
	default:
		o.Result = journal.CheckedOnly
	}
	return append(bodies, o)
}

// final reports whether a failure says how it ended with the phone. The others leave it to the next run. told says that a step
// that cannot be undone was announced.
func final(f *fleet.Failure, told bool) bool {
	if told && !f.Instructed {
		return true // the announced step was not taken: the next run need not wait for it
	}
	switch f.Kind {
	case fleet.KindInterrupted, fleet.KindImage:
		return f.Instructed && f.Keeps
	case fleet.KindStopped, fleet.KindNotBegun, fleet.KindNotRecorded, fleet.KindTaken:
		return false
	}
	return true
}
