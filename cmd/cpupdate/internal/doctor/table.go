package doctor

import (
	"context"
	"slices"
	"strings"

	"github.com/cpupdate/cpupdate/cmd/cpupdate/internal/exit"
)

// The groups, in order.
const (
	groupSettings     = "settings"
	groupServer       = "server"
	groupMachine      = "this machine"
	groupPhone        = "phone"
	groupPage         = "web page"
	groupClock        = "clock"
	groupCertificates = "certificates"
	groupAround       = "around"
)

// A state is the result of a check.
type state string

// The states.
const (
	stateOK     state = "ok"
	stateWarn   state = "warning" // does not block this route
	stateFailed state = "failed"  // it does
	stateSkip   state = "skipped" // the check did not run
)

// A finding is one line of the answer. Its text and hints may contain what a server or phone sent: they are not
// escaped.
type finding struct {
	Group  string   `json:"group"`
	Check  string   `json:"check"` // empty for the whole group
	About  string   `json:"about,omitempty"`
	Note   string   `json:"note,omitempty"` // of the list, about the phone
	State  state    `json:"state"`
	Needed bool     `json:"needed"` // this route requires the check
	Text   string   `json:"text"`
	Hints  []string `json:"hints"`

	Error *exit.ErrorDoc `json:"error,omitempty"`

	err    error
	reason string // why checks that depend on it are skipped
}

func (f finding) named(group, check, about string) finding {
	f.Group, f.Check, f.About = group, check, about
	return f
}

// title returns the name of the check for use in a sentence.
func (f finding) title() string {
	return f.Group + ": " + f.Check
}

func passed(text string) finding { return finding{State: stateOK, Text: text} }

func warn(text string, hints ...string) finding {
	return finding{State: stateWarn, Text: text, Hints: hints}
}

func skipped(why string) finding { return finding{State: stateSkip, Text: why} }

// failed returns the finding for an error, with its hints.
func failed(err error) finding {
	f := leadingFailure(err)
	return finding{State: stateFailed, Text: f.Error(), Hints: slices.Clone(f.Hints), err: f}
}

// A requirement says on which routes a check runs, and which routes require it.
type requirement struct {
	of    func(x *diagnosis) bool // nil: all routes
	whose func(x *diagnosis) bool // nil: all routes on which it runs
}

func (n requirement) applies(x *diagnosis) bool { return n.of == nil || n.of(x) }

func (n requirement) holds(x *diagnosis) bool { return n.whose == nil || n.whose(x) }

// noRoute requires the check on no route.
func noRoute(*diagnosis) bool { return false }

// A check is one row of the table.
type check struct {
	group, name string
	after       string // the check, of this group or GROUP/NAME, that must be ok before this one can run
	also        string // a second one
	lost        string // why checks that depend on it are skipped if it fails
	optional    bool   // if this route does not require it, checks that depend on it run anyway
	requires    requirement
	how         func(ctx context.Context, x *diagnosis, phone int) finding
}

func (c check) id() string { return c.group + "/" + c.name }

func (f finding) id() string { return f.Group + "/" + f.Check }

// before returns the full names of the checks that this one depends on.
func (c check) before() []string {
	var ids []string
	for _, name := range []string{c.after, c.also} {
		switch {
		case strings.Contains(name, "/"):
			ids = append(ids, name)
		case name != "":
			ids = append(ids, c.group+"/"+name)
		}
	}
	return ids
}

// checks returns all checks in order.
func checks() []check {
	var all []check
	for _, some := range [][]check{
		settingsChecks(), serverChecks(), machineChecks(), phoneChecks(), pageChecks(), clockChecks(), certificateChecks(), aroundChecks(),
	} {
		all = append(all, some...)
	}
	return all
}

func settingsChecks() []check {
	stored := requirement{whose: (*diagnosis).usesStored}
	return []check{
		{group: groupSettings, name: "folder", lost: "there is no settings folder", how: doctorFolder},
		{group: groupSettings, name: "config", after: "folder", lost: "the settings cannot be read", optional: true, requires: stored, how: settingsConfig},
		{group: groupSettings, name: "passwords", after: "folder", lost: "the passwords cannot be read", requires: stored, how: settingsPasswords},
		{group: groupSettings, name: "trusted-keys", after: "folder", how: settingsTrusted},
		{group: groupSettings, name: "hardware", after: "folder", how: settingsHardware},
		{group: groupSettings, name: "complete", after: "config", lost: "no server is named", requires: requirement{of: (*diagnosis).toServer}, how: settingsComplete},
		// A route that does not need the known keys continues without them; the route's server decides whether there
		// are any.
		{group: groupSettings, name: "known-keys", after: "folder", lost: "the known keys cannot be read", optional: true, requires: requirement{whose: (*diagnosis).usesKnownKeys}, how: settingsKnown},
		{group: groupSettings, name: "password", after: "complete", also: "known-keys", lost: "the password is unknown", requires: requirement{of: (*diagnosis).logsIn}, how: settingsPassword},
	}
}

func serverChecks() []check {
	safe := requirement{of: (*diagnosis).safe}
	return []check{
		{group: groupServer, name: "name", after: groupSettings + "/complete", lost: "the server's address is unknown", how: serverName},
		{group: groupServer, name: "port", after: "name", lost: "the server is not reachable", how: serverPort},
		{group: groupServer, name: "certificate", after: "port", also: groupSettings + "/known-keys", lost: "the server's certificate is not trusted", requires: safe, how: serverCertificate},
		{group: groupServer, name: "login", after: "certificate", also: groupSettings + "/password", lost: "the login failed", how: serverLogin},
		{group: groupServer, name: "upload-folder", after: "login", lost: "the folder could not be opened", how: serverFolder},
		{group: groupServer, name: "data", after: "upload-folder", lost: "there is no data connection", requires: requirement{of: (*diagnosis).byFTP}, how: serverData},
		{group: groupServer, name: "writing", after: "data", lost: "writing failed", how: serverWriting},
		{group: groupServer, name: "proof", after: "writing", how: serverProof},
	}
}

func machineChecks() []check {
	phones := requirement{whose: (*diagnosis).toPhones}
	return []check{
		{group: groupMachine, name: "address", lost: "no address of this machine is known", requires: phones, how: machineAddress},
		{group: groupMachine, name: "calls", lost: "there is no port for phones to call back", requires: phones, how: machineCalls},
		{group: groupMachine, name: "fetches", after: "calls", lost: "there is no port for phones to fetch from", requires: requirement{of: (*diagnosis).servesFTP}, how: machineFetches},
		{group: groupMachine, name: "reached", after: "calls", requires: phones, how: machineReached},
	}
}

func phoneChecks() []check {
	calls := requirement{whose: (*diagnosis).notByPage} // with --web, a phone may be identified by its web page alone
	return []check{
		{group: groupPhone, name: "name", lost: "the phone's address is unknown", how: doctorPhoneName},
		{group: groupPhone, name: "contact-port", after: "name", lost: "the phone is not reachable", requires: calls, how: phonePort},
		{group: groupPhone, name: "call-back", after: "contact-port", lost: "the phone did not call back", requires: calls, how: phoneCall},
		{group: groupPhone, name: "runs", after: "call-back", requires: calls, how: phoneRuns},
		{group: groupPhone, name: "page", after: "name", requires: requirement{whose: noRoute}, how: phonePage},
	}
}

func pageChecks() []check {
	page := requirement{of: (*diagnosis).byPage}
	return []check{
		{group: groupPage, name: "port", after: groupPhone + "/name", lost: "the page is not reachable", requires: page, how: pagePort},
		{group: groupPage, name: "certificate", after: "port", also: groupSettings + "/known-keys", lost: "the page's certificate is not trusted", requires: page, how: pageCertificate},
		{group: groupPage, name: "start", after: "certificate", lost: "the page cannot be read", requires: page, how: pageStart},
		{group: groupPage, name: "login", after: "start", lost: "the login failed", requires: page, how: pageLogin},
		{group: groupPage, name: "form", after: "login", requires: page, how: pageForm},
	}
}

func clockChecks() []check {
	return []check{
		{group: groupClock, name: "date", how: clockDate},
		{group: groupClock, name: "server-date", after: groupServer + "/certificate", requires: requirement{of: (*diagnosis).byHTTPS, whose: noRoute}, how: clockServer},
		{group: groupClock, name: "validity", requires: requirement{whose: noRoute}, how: clockValidity},
	}
}

func certificateChecks() []check {
	return []check{
		{group: groupCertificates, name: "service", requires: requirement{whose: (*diagnosis).toPhones}, how: certificateService},
		{group: groupCertificates, name: "seen", requires: requirement{whose: noRoute}, how: certificatesSeen},
	}
}

func aroundChecks() []check {
	optional := requirement{whose: noRoute}
	return []check{
		{group: groupAround, name: "proxy", requires: optional, how: aroundProxy},
		{group: groupAround, name: "input", requires: optional, how: aroundInput},
		{group: groupAround, name: "output", requires: optional, how: aroundOutput},
		{group: groupAround, name: "progress", requires: optional, how: aroundProgress},
	}
}
