package phonesim

import (
	"strings"
	"time"

	"github.com/cpupdate/cpupdate/pkg/bind"
)

// A Kind is a kind of event.
type Kind string

// The kinds of events.
const (
	Started    Kind = "started"     // it runs Version and listens; not reported for the first start
	Contacted  Kind = "contacted"   // it was asked to call; Detail is where
	Ignored    Kind = "ignored"     // a contact that changes nothing; Detail is why
	Overloaded Kind = "overloaded"  // the contact port has closed
	Called     Kind = "called"      // it called, and was answered; Detail is the reason for the call
	CallFailed Kind = "call failed" // nobody answered, or nobody it trusts; Detail is why
	Ended      Kind = "ended"       // the conversation has ended
	Deferred   Kind = "deferred"    // the service ended the call for lack of room; Detail is when it calls again
	Aborted    Kind = "aborted"     // it did not understand an answer; Detail is why
	WasRead    Kind = "read"        // items were read
	Written    Kind = "written"     // items were written; Detail is which
	NotWritten Kind = "not written" // items were not; Detail is which, and why
	Instructed Kind = "told"        // it got an order to fetch; Detail is what
	Busy       Kind = "busy"        // it refused an action for being in a call; Detail is the action
	Declined   Kind = "declined"    // it will not fetch; Detail is why
	Fetching   Kind = "fetching"    // it asks for the file
	Fetched    Kind = "fetched"     // it has the whole file of Bytes
	FetchEnded Kind = "fetch ended" // it will not get the rest; Detail is why
	Stored     Kind = "stored"      // files that are no software are where they belong
	Refused    Kind = "refused"     // it will not install the image; Detail is why
	Installing Kind = "installing"  // it will, and Version is the image's
	Restarting Kind = "restarting"  // it is down
	Gone       Kind = "gone"        // it is down, and will stay so
	LoggedIn   Kind = "logged in"   // somebody has opened the web page with the password
	NoLogin    Kind = "not let in"  // somebody tried to; Detail is why not
	LoggedOut  Kind = "logged out"
	Uploading  Kind = "uploading" // an image comes in at the web page; Detail is its file's name
	Uploaded   Kind = "uploaded"  // it has the whole image of Bytes
	Cancelled  Kind = "cancelled" // the rest of an image does not come; Detail is why, Bytes how much came
	NotTaken   Kind = "not taken" // it does not let somebody upload; Detail is why
	Changed    Kind = "changed"   // something was set or done at the web page; Detail is the page
	CallBegins Kind = "in a call"
	CallEnds   Kind = "hung up"
)

// An Event reports something that happened to a phone. Detail may hold what services and servers sent, cut to 200 bytes but
// not escaped; it never holds a password.
type Event struct {
	Time    time.Time
	Phone   string // the phone's MAC address, as it was started
	Kind    Kind
	Detail  string
	Bytes   int64
	Version bind.Version // what the phone runs, or will
}

// A Status is what a phone is doing.
type Status string

// The states of a phone.
const (
	StatusIdle       Status = "idle"
	StatusInCall     Status = "in a call"
	StatusFetching   Status = "fetching"
	StatusUploading  Status = "uploading" // an image comes in at the web page
	StatusInstalling Status = "installing"
	StatusRestarting Status = "restarting"
	StatusGone       Status = "gone" // for good
)

// A State says what a phone is and does, and what happened to it so far.
type State struct {
	Address      string // HOST:PORT of the contact port
	WebAddress   string // HOST:PORT of the web page, "" without one
	MAC          string
	SoftwareType string
	Version      bind.Version
	Status       Status

	Contacts   int    // how often it was asked to call
	Calls      int    // how often it called and was answered
	Instructed int    // how often it got an order to fetch software
	Fetches    int    // how many files it had as a whole
	Bytes      int64  // of all fetches, whole or not
	Restarts   int    // how often it came back
	Refusal    string // why it did not install the last image; "" if it did

	Logins      int     // how often somebody logged in at the web page
	Uploads     int     // how many images it got as a whole there
	UploadBytes int64   // of all images there, whole or not
	Changes     int     // how often something else was set or done there
	LastUpload  *Upload // the last request with a file for the phone application, as far as it came; not changed any more

	LastTransfer *Upload // the last request with the transfer form for the phone application; not changed any more
}

const maxDetail = 200

// report reports an event.
func (p *Phone) report(e Event) {
	if p.c.Event == nil {
		return
	}
	if len(e.Detail) > maxDetail {
		e.Detail = strings.ToValidUTF8(e.Detail[:maxDetail-len("...")], "") + "..."
	}
	p.reporting.Lock()
	defer p.reporting.Unlock()
	e.Time, e.Phone = time.Now(), p.c.MAC
	if e.Version.IsZero() {
		e.Version = p.State().Version
	}
	p.c.Event(e)
}
