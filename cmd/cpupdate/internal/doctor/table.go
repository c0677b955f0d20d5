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
	stateWell state = "ok"
	stateMind state = "warning" // does not block this route
	stateBad  state = "failed"  // it does
	stateSkip state = "skipped" // the check did not run
)

// A finding is one line of the answer. Its text and hints may contain what a server or phone sent: they are not
// escaped.
type finding struct {
	Group  string   `json:"group"`
	Check  string   `json:"check"` // empty for the whole group
	About  string   `json:"about,omitempty"`
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

func well(text string) finding { return finding{State: stateWell, Text: text} }

func mind(text string, hints ...string) finding {
	return finding{State: stateMind, Text: text, Hints: hints}
}

func skipped(why string) finding { return finding{State: stateSkip, Text: why} }

// bad returns the finding for an error, with its hints.
func bad(err error) finding {
	f := leadingFailure(err)
	return finding{State: stateBad, Text: f.Error(), Hints: slices.Clone(f.Hints), err: f}
}

// A need says on which routes a check runs, and which routes require it.
type need struct {
	of    func(x *examination) bool // nil: all routes
	whose func(x *examination) bool // nil: all routes on which it runs
}

func (n need) applies(x *examination) bool { return n.of == nil || n.of(x) }

func (n need) holds(x *examination) bool { return n.whose == nil || n.whose(x) }

// noRoute requires the check on no route.
func noRoute(*examination) bool { return false }

// An inspection is one check.
type inspection struct {
	group, name string
	after       string // the check, of this group or GROUP/NAME, that must be ok before this one can run
	also        string // a second one
	lost        string // why checks that depend on it are skipped if it fails
	mild        bool   // if this route does not require it, checks that depend on it run anyway
	needed      need
	how         func(ctx context.Context, x *examination, phone int) finding
}

func (c inspection) id() string { return c.group + "/" + c.name }

func (f finding) id() string { return f.Group + "/" + f.Check }

// before returns the full names of the checks that this one depends on.
func (c inspection) before() []string {
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
func checks() []inspection {
	var all []inspection
	for _, some := range [][]inspection{
		settingsChecks(), serverChecks(), machineChecks(), phoneChecks(), pageChecks(), clockChecks(), certificateChecks(), aroundChecks(),
	} {
		all = append(all, some...)
	}
	return all
}

func settingsChecks() []inspection {
	stored := need{whose: (*examination).usesStored}
	return []inspection{
		{group: groupSettings, name: "folder", lost: "there is no settings folder", how: doctorFolder},
		{group: groupSettings, name: "config", after: "folder", lost: "the settings cannot be read", mild: true, needed: stored, how: settingsConfig},
		{group: groupSettings, name: "passwords", after: "folder", lost: "the passwords cannot be read", needed: stored, how: settingsPasswords},
		{group: groupSettings, name: "trusted-keys", after: "folder", how: settingsTrusted},
		{group: groupSettings, name: "hardware", after: "folder", how: settingsHardware},
		{group: groupSettings, name: "complete", after: "config", lost: "no server is named", needed: need{of: (*examination).toServer}, how: settingsComplete},
		// A route that does not need the known keys continues without them; the route's server decides whether there
		// are any.
		{group: groupSettings, name: "known-keys", after: "folder", lost: "the known keys cannot be read", mild: true, needed: need{whose: (*examination).asksKnown}, how: settingsKnown},
		{group: groupSettings, name: "password", after: "complete", also: "known-keys", lost: "the password is unknown", needed: need{of: (*examination).logsIn}, how: settingsPassword},
	}
}

func serverChecks() []inspection {
	safe := need{of: (*examination).safe}
	return []inspection{
		{group: groupServer, name: "name", after: groupSettings + "/complete", lost: "the server's address is unknown", how: serverName},
		{group: groupServer, name: "port", after: "name", lost: "the server is not reachable", how: serverPort},
		{group: groupServer, name: "certificate", after: "port", also: groupSettings + "/known-keys", lost: "the server's certificate is not trusted", needed: safe, how: serverCertificate},
		{group: groupServer, name: "login", after: "certificate", also: groupSettings + "/password", lost: "the login failed", how: serverLogin},
		{group: groupServer, name: "upload-folder", after: "login", lost: "the folder could not be opened", how: serverFolder},
		{group: groupServer, name: "data", after: "upload-folder", lost: "there is no data connection", needed: need{of: (*examination).byFTP}, how: serverData},
		{group: groupServer, name: "writing", after: "data", lost: "writing failed", how: serverWriting},
		{group: groupServer, name: "proof", after: "writing", how: serverProof},
	}
}

func machineChecks() []inspection {
	phones := need{whose: (*examination).toPhones}
	return []inspection{
		{group: groupMachine, name: "address", lost: "no address of this machine is known", needed: phones, how: machineAddress},
		{group: groupMachine, name: "calls", lost: "there is no port for phones to call back", needed: phones, how: machineCalls},
		{group: groupMachine, name: "fetches", after: "calls", lost: "there is no port for phones to fetch from", needed: need{of: (*examination).servesFTP}, how: machineFetches},
		{group: groupMachine, name: "reached", after: "calls", needed: phones, how: machineReached},
	}
}

func phoneChecks() []inspection {
	calls := need{whose: (*examination).notByPage} // with --web, a phone may be identified by its web page alone
	return []inspection{
		{group: groupPhone, name: "name", lost: "the phone's address is unknown", how: doctorPhoneName},
		{group: groupPhone, name: "contact-port", after: "name", lost: "the phone is not reachable", needed: calls, how: phonePort},
		{group: groupPhone, name: "call-back", after: "contact-port", lost: "the phone did not call back", needed: calls, how: phoneCall},
		{group: groupPhone, name: "runs", after: "call-back", needed: calls, how: phoneRuns},
	}
}

func pageChecks() []inspection {
	page := need{of: (*examination).byPage}
	return []inspection{
		{group: groupPage, name: "port", after: groupPhone + "/name", lost: "the page is not reachable", needed: page, how: pagePort},
		{group: groupPage, name: "certificate", after: "port", also: groupSettings + "/known-keys", lost: "the page's certificate is not trusted", needed: page, how: pageCertificate},
		{group: groupPage, name: "start", after: "certificate", lost: "the page cannot be read", needed: page, how: pageStart},
		{group: groupPage, name: "login", after: "start", lost: "the login failed", needed: page, how: pageLogin},
		{group: groupPage, name: "form", after: "login", needed: page, how: pageForm},
	}
}

func clockChecks() []inspection {
	return []inspection{
		{group: groupClock, name: "date", how: clockDate},
		{group: groupClock, name: "server-date", after: groupServer + "/certificate", needed: need{of: (*examination).byHTTPS, whose: noRoute}, how: clockServer},
		{group: groupClock, name: "validity", needed: need{whose: noRoute}, how: clockValidity},
	}
}

func certificateChecks() []inspection {
	return []inspection{
		{group: groupCertificates, name: "service", needed: need{whose: (*examination).toPhones}, how: certificateService},
		{group: groupCertificates, name: "seen", needed: need{whose: noRoute}, how: certificatesSeen},
	}
}

func aroundChecks() []inspection {
	unneeded := need{whose: noRoute}
	return []inspection{
		{group: groupAround, name: "proxy", needed: unneeded, how: aroundProxy},
		{group: groupAround, name: "input", needed: unneeded, how: aroundInput},
		{group: groupAround, name: "output", needed: unneeded, how: aroundOutput},
		{group: groupAround, name: "progress", needed: unneeded, how: aroundProgress},
	}
}
