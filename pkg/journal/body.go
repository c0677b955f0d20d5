package journal

import (
	"encoding/json"
	"time"
)

// A Body is what an event reports: one of the types of this file. Texts from outside are bounded when the event is stored, and
// not escaped.
type Body interface {
	Kind() Kind
}

// Planned describes a rollout.
type Planned struct {
	Images    []Image    `json:"images,omitempty"`
	Route     Route      `json:"route,omitzero"`
	By        Origin     `json:"by,omitzero"`
	Overrides []Override `json:"overrides,omitempty"`
	Phones    int        `json:"phones"`         // how many phones get a Listed; fewer of them mean that the planning was cut off
	Push      bool       `json:"push,omitempty"` // made by a push, not by a plan

	// Plan is what the planner noted, a JSON object. The journal keeps it as it is.
	Plan json.RawMessage `json:"plan,omitempty"`
}

// An Image identifies an image.
type Image struct {
	Name         string `json:"name,omitempty"` // of its file, without folders
	Version      string `json:"version,omitempty"`
	SoftwareType string `json:"software_type,omitempty"`
	SHA256       string `json:"sha256,omitempty"` // of the whole file, in hexadecimal
	Size         int64  `json:"size,omitempty"`   // bytes

	PayloadSHA256 string `json:"payload_sha256,omitempty"` // of what follows the header, in hexadecimal
}

// A Route says how the image gets to the phones.
type Route struct {
	Way     string `json:"way,omitempty"`     // such as "serve", "web" or "server"
	Server  string `json:"server,omitempty"`  // a URL or host:port; stored without login, query and fragment
	Profile string `json:"profile,omitempty"` // name of the stored settings
	Listen  string `json:"listen,omitempty"`  // host:port
}

// An Origin says who did something, where, and with what.
type Origin struct {
	User string `json:"user,omitempty"`
	Host string `json:"host,omitempty"`
	Tool string `json:"tool,omitempty"` // the program's version
}

// An Override is a rule that a person overrode.
type Override struct {
	Rule   string `json:"rule"`
	Reason string `json:"reason,omitempty"`
}

// RunBegun says that a process began to carry out a rollout.
type RunBegun struct {
	Run   string `json:"run"` // identifies the process in this journal
	By    Origin `json:"by,omitzero"`
	Route Route  `json:"route,omitzero"`
	Site  string `json:"site,omitempty"` // only there; "" at all sites
}

// FlagsKept holds the flags of a run that say how the images get to the phones, so that a later run can go on with them. There is
// no password in them.
type FlagsKept struct {
	By    Origin   `json:"by,omitzero"`
	Flags []string `json:"flags"` // each as --name=value, or as --name if its value is not kept
}

// WaveOpened says that the phones of a wave may be begun.
type WaveOpened struct {
	Wave   int    `json:"wave"` // from 1
	Name   string `json:"name,omitempty"`
	Phones int    `json:"phones"`
}

// Paused says that no phone is begun until Resumed.
type Paused struct {
	By     Origin `json:"by,omitzero"`
	Reason string `json:"reason,omitempty"`
}

// Resumed ends a pause.
type Resumed struct {
	By Origin `json:"by,omitzero"`
}

// Stopped says that no phone is begun any more.
type Stopped struct {
	By     Origin `json:"by,omitzero"`
	Reason string `json:"reason,omitempty"`
}

// LimitReached says that a wave has too many phones that failed for one cause.
type LimitReached struct {
	Wave  int    `json:"wave"`
	Cause string `json:"cause"` // kind of failure
	Limit string `json:"limit"` // as it was given, such as "10%"
	Count int    `json:"count"`
}

// SiteCounted says how far the phones of a site are in a wave. A later one of the same site and wave replaces it. It says nothing
// that is not in the streams of the phones: it is there so that workers of other sites need not read these.
type SiteCounted struct {
	Site  string         `json:"site"`
	Wave  int            `json:"wave"`            // from 1
	Run   string         `json:"run,omitempty"`   // that counted; "" if a person let phones begin anew
	Left  int            `json:"left"`            // phones without an outcome
	Ended map[string]int `json:"ended,omitempty"` // phones that ended badly, by cause
}

// Listed says that a rollout contains the phone. It is the first event of its stream.
type Listed struct {
	Address string `json:"address"`
	MAC     string `json:"mac,omitempty"` // as stated by the phone list
	Note    string `json:"note,omitempty"`
	Room    string `json:"room,omitempty"`
	Site    string `json:"site,omitempty"`
	Wave    int    `json:"wave,omitempty"`   // from 1
	SHA256  string `json:"sha256,omitempty"` // which of the rollout's images the phone gets, if there are several

	// Plan is what the planner noted about the phone, a JSON object. The journal keeps it as it is.
	Plan json.RawMessage `json:"plan,omitempty"`
}

// Begun says that a run began with the phone.
type Begun struct {
	Run     string `json:"run"`
	Attempt int    `json:"attempt"` // from 1
}

// TookOver says that an earlier run instructed the phone, and that it is not known how that ended. This run only queries it.
type TookOver struct {
	Rollout string    `json:"rollout"` // of the earlier run
	Told    time.Time `json:"told"`    // when the phone made its last step there
	Version string    `json:"version,omitempty"`
	Before  Device    `json:"before,omitzero"`
}

// A Device is what a phone says about itself, word by word; "" is what it leaves out.
type Device struct {
	Type         string `json:"type,omitempty"`
	SoftwareType string `json:"software_type,omitempty"`
	Version      string `json:"version,omitempty"`
	MAC          string `json:"mac,omitempty"`
	PartNumber   string `json:"part_number,omitempty"`
}

// Reported says what the phone says about itself.
type Reported struct {
	Device Device `json:"device"`
}

// Checked says whether the image is compatible with the phone.
type Checked struct {
	Verdict   string     `json:"verdict"`
	Overrides []Override `json:"overrides,omitempty"` // those without which the verdict would be another
}

// Instructing announces the update command.
type Instructing struct {
	Run     string `json:"run"`
	Attempt int    `json:"attempt"`
	Version string `json:"version,omitempty"` // that the phone is to report afterwards
	SHA256  string `json:"sha256,omitempty"`
}

// Instructed says that the update command was sent.
type Instructed struct{}

// Accepted says that the phone accepted the update command.
type Accepted struct{}

// Busy says that the phone is in a call and did not take the update command.
type Busy struct{}

// Fetching says how much of the image the phone has fetched.
type Fetching struct {
	Bytes int64 `json:"bytes"`
	Size  int64 `json:"size,omitempty"`
}

// Fetched says that the phone has the whole image.
type Fetched struct {
	Bytes int64 `json:"bytes"`
}

// Sending announces the image to the phone's web page.
type Sending struct {
	Run     string `json:"run"`
	Attempt int    `json:"attempt"`
	Version string `json:"version,omitempty"` // that the phone is to report afterwards
	SHA256  string `json:"sha256,omitempty"`
	Size    int64  `json:"size,omitempty"`
}

// Sent says how much of the image was sent to the phone's web page: all of it.
type Sent struct {
	Bytes int64 `json:"bytes"`
}

// Restarting says that the phone cannot be reached any more.
type Restarting struct{}

// Back says that the phone can be reached again.
type Back struct{}

// LetGo says that a run ended with the phone, and that nothing is final: it was interrupted, or another attempt follows.
type LetGo struct {
	Run     string `json:"run"`
	Failure string `json:"failure,omitempty"` // kind
	Text    string `json:"text,omitempty"`
	Again   bool   `json:"again,omitempty"` // another attempt follows, since the cause may pass
}

// Results of an Outcome.
const (
	Updated     = "updated"       // the phone reports the new version
	NothingToDo = "nothing-to-do" // it ran this version already
	CheckedOnly = "checked"       // it was checked, and nothing else was wanted
	Failed      = "failed"        // see Failure
)

// An Outcome says how it ended with the phone.
type Outcome struct {
	Result     string        `json:"result"`
	Failure    string        `json:"failure,omitempty"` // kind of failure, with Failed
	Text       string        `json:"text,omitempty"`    // one sentence
	Version    string        `json:"version,omitempty"` // that the phone reported last
	Instructed bool          `json:"instructed,omitempty"`
	Keeps      bool          `json:"keeps,omitempty"`   // it cannot get the rest of the image and keeps its software
	Took       time.Duration `json:"took_ns,omitempty"` // nanoseconds
}

// known returns the outcome as this program understands it: a result that only a newer program knows is no good one.
func (o Outcome) known() Outcome {
	switch o.Result {
	case Updated, NothingToDo, CheckedOnly, Failed:
	default:
		o.Text = boundText("how it ended is recorded in a way that this version of cpupdate does not know: " + o.Result)
		o.Result, o.Failure = Failed, "unproven"
	}
	return o
}

// Retry says that a person allows to begin anew with the phone.
type Retry struct {
	By     Origin `json:"by,omitzero"`
	Reason string `json:"reason,omitempty"`
}

// Note is a text about a phone or a rollout.
type Note struct {
	Text string `json:"text"`
}

// Unknown is the body of a kind that a newer program wrote. It is kept as it is; the fold ignores it.
type Unknown struct {
	Name Kind
	Data json.RawMessage
}

// Kind returns KindPlanned.
func (Planned) Kind() Kind { return KindPlanned }

// Kind returns KindRunBegun.
func (RunBegun) Kind() Kind { return KindRunBegun }

// Kind returns KindFlagsKept.
func (FlagsKept) Kind() Kind { return KindFlagsKept }

// Kind returns KindWaveOpened.
func (WaveOpened) Kind() Kind { return KindWaveOpened }

// Kind returns KindPaused.
func (Paused) Kind() Kind { return KindPaused }

// Kind returns KindResumed.
func (Resumed) Kind() Kind { return KindResumed }

// Kind returns KindStopped.
func (Stopped) Kind() Kind { return KindStopped }

// Kind returns KindLimitReached.
func (LimitReached) Kind() Kind { return KindLimitReached }

// Kind returns KindSiteCounted.
func (SiteCounted) Kind() Kind { return KindSiteCounted }

// Kind returns KindListed.
func (Listed) Kind() Kind { return KindListed }

// Kind returns KindBegun.
func (Begun) Kind() Kind { return KindBegun }

// Kind returns KindTookOver.
func (TookOver) Kind() Kind { return KindTookOver }

// Kind returns KindReported.
func (Reported) Kind() Kind { return KindReported }

// Kind returns KindChecked.
func (Checked) Kind() Kind { return KindChecked }

// Kind returns KindInstructing.
func (Instructing) Kind() Kind { return KindInstructing }

// Kind returns KindInstructed.
func (Instructed) Kind() Kind { return KindInstructed }

// Kind returns KindAccepted.
func (Accepted) Kind() Kind { return KindAccepted }

// Kind returns KindBusy.
func (Busy) Kind() Kind { return KindBusy }

// Kind returns KindFetching.
func (Fetching) Kind() Kind { return KindFetching }

// Kind returns KindFetched.
func (Fetched) Kind() Kind { return KindFetched }

// Kind returns KindSending.
func (Sending) Kind() Kind { return KindSending }

// Kind returns KindSent.
func (Sent) Kind() Kind { return KindSent }

// Kind returns KindRestarting.
func (Restarting) Kind() Kind { return KindRestarting }

// Kind returns KindBack.
func (Back) Kind() Kind { return KindBack }

// Kind returns KindLetGo.
func (LetGo) Kind() Kind { return KindLetGo }

// Kind returns KindOutcome.
func (Outcome) Kind() Kind { return KindOutcome }

// Kind returns KindRetry.
func (Retry) Kind() Kind { return KindRetry }

// Kind returns KindNote.
func (Note) Kind() Kind { return KindNote }

// Kind returns the name that the newer program stored.
func (u Unknown) Kind() Kind { return u.Name }
