package fleet

import (
	"time"

	"github.com/cpupdate/cpupdate/pkg/bind"
	"github.com/cpupdate/cpupdate/pkg/hwcheck"
	"github.com/cpupdate/cpupdate/pkg/transfer/serve"
)

// A Step is a kind of event.
type Step string

// The steps, in the order of a phone that is updated. StepSilent, StepCallError, StepUnknownCaller and StepVisited may come at
// any time.
const (
	StepContacted     Step = "contacted"   // Attempt, Limit: it acknowledged a contact request
	StepCalled        Step = "called-back" // Device: what it says it is
	StepReading       Step = "reading"     // it left something out, and is queried for it
	StepChecked       Step = "checked"     // Verdict
	StepInstructed    Step = "told"        // Limit: the update command was sent
	StepAccepted      Step = "accepted"    // it says that it will update
	StepBusy          Step = "busy"        // Limit: it is in a call, and did not take the update command
	StepFetching      Step = "fetching"    // Fetch
	StepFetched       Step = "fetched"     // Fetch, Limit: it has the whole image
	StepRestarting    Step = "restarting"  // Limit: it cannot be reached any more
	StepBack          Step = "back"        // it can be reached again
	StepPageOnly      Step = "page-only"   // Err: why the phone is known by its web page alone
	StepPage          Step = "page"        // Text: the title of its web page, which was read
	StepLoggedIn      Step = "logged-in"   // the page accepted the password
	StepSettling      Step = "settling"    // Device, Limit: an earlier run instructed it, and it does not run the new version yet
	StepFound         Step = "found"       // Device, Form, Text: the form for an image
	StepSending       Step = "sending"     // Upload, Limit
	StepSent          Step = "sent"        // Upload, Limit: every byte is sent
	StepAnswered      Step = "answered"    // Text or Err, Limit: the page's answer to the image, which proves nothing
	StepVisited       Step = "visited"     // Text: what was done at the page
	StepDone          Step = "done"        // Device, Outcome: the end, and a good one
	StepFailed        Step = "failed"      // Failure: the end
	StepSilent        Step = "silent"      // Err: a contact request failed; it is repeated within Limit
	StepCallError     Step = "trouble"     // Err: a call could not be understood, or no TLS connection was made
	StepUnknownCaller Step = "stranger"    // Err: a call without a contact request
)

// NoPhone is the number of the phone in events that are about no phone of the plan.
const NoPhone = -1

// An Event reports something that happened to a phone. Texts in it come from phones: they are bounded, but not escaped.
type Event struct {
	Phone   int // of the plan, from 0; NoPhone
	Step    Step
	At      time.Time
	Attempt int           // which contact request, from 1
	Limit   time.Duration // how long the next step may take before the phone is given up
	Device  Device
	Verdict *hwcheck.Verdict
	Known   hwcheck.Phone // with Verdict: what was checked
	Fetch   serve.Fetch
	Upload  Upload
	Form    Form
	Text    string
	Outcome Outcome
	Later   bool // with StepDone and StepFailed: an earlier run instructed it, and this one only queried it
	Failure *Failure
	Err     error
}

// A Device is what a phone reports about itself, word by word; "" is what it leaves out.
type Device struct {
	Type         string // such as "OpenScape Desk Phone CP600"
	SoftwareType string // such as "Unify SIP"
	Version      string // such as "V1 R4.9.0"
	PartNumber   string
	MAC          string // as 00:1A:E8:12:34:56 if it can be read so
}

// running returns the version, zero if it cannot be read.
func (d Device) running() bind.Version {
	v, err := bind.ParseVersion(d.Version)
	if err != nil {
		return bind.Version{}
	}
	return v
}

// An Upload says how much of the image was sent to a phone's web page.
type Upload struct {
	Sent, Size int64 // bytes
	Complete   bool
}

// A Form is the form for an image on a phone's web page.
type Form struct {
	Page  string // path and query of its page
	Field string // name of the field for the file
}

// An Outcome is a good end.
type Outcome string

// The outcomes.
const (
	Queried     Outcome = "looked"        // the plan has no image, and it answered, or its page has the form
	Checked     Outcome = "checked"       // it may get the image, and the plan has no source
	NothingToDo Outcome = "nothing-to-do" // it runs this version already
	Updated     Outcome = "updated"       // it reports the new version
)

// A Result says how it ended with one phone: with an Outcome, or with a Failure.
type Result struct {
	Outcome    Outcome
	Failure    *Failure
	Before     Device           // what it said first
	After      Device           // what it said last
	Known      hwcheck.Phone    // all that is known of it
	Verdict    *hwcheck.Verdict // nil if it was not checked
	Instructed bool             // it got the update command and did not say that it is busy, or got all of the image
	Fetch      serve.Fetch      // as far as it was seen
	Upload     Upload           // by the phone's web page
	Down       time.Time        // when it was seen to restart; zero if it was not
	Back       time.Time        // and to be there again
	Took       time.Duration
	Later      bool // an earlier run instructed it, and this one only queried it
}
